DROP TABLE IF EXISTS {{.Table "imports"}}{{.OnCluster}} SYNC;
