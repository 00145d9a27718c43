ALTER TABLE {{.Table "connections"}}{{.OnCluster}} DROP COLUMN IF EXISTS retention_days;
