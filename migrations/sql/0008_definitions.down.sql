DROP TABLE IF EXISTS {{.Table "definitions"}}{{.OnCluster}} SYNC;
