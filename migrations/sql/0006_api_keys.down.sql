DROP TABLE IF EXISTS {{.Table "api_keys"}}{{.OnCluster}} SYNC;
