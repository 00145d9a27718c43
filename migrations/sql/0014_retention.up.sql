-- For how many days a connection's events are kept, by event_timestamp; NULL = for ever.
ALTER TABLE {{.Table "connections"}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS retention_days Nullable(UInt32);
