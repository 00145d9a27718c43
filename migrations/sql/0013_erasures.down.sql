DROP TABLE IF EXISTS {{.Table "erasure_work"}}{{.OnCluster}} SYNC;
DROP TABLE IF EXISTS {{.Table "erasure_key"}}{{.OnCluster}} SYNC;
DROP TABLE IF EXISTS {{.Table "erasures"}}{{.OnCluster}} SYNC;
