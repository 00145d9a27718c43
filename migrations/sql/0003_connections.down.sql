DROP TABLE IF EXISTS {{.Table "connections"}}{{.OnCluster}} SYNC;
