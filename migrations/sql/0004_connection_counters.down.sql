DROP TABLE IF EXISTS {{.Table "connection_counters"}}{{.OnCluster}} SYNC;
