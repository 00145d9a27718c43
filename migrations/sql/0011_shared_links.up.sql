-- Keys that open one dashboard: its slug. Empty for all others.
ALTER TABLE {{.Table "api_keys"}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS dashboard String DEFAULT '';
