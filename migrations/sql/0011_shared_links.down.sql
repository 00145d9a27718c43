-- What are left of shared links are rows with a hash that no key has: they open nothing.
ALTER TABLE {{.Table "api_keys"}}{{.OnCluster}} DROP COLUMN IF EXISTS dashboard;
