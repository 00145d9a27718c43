DROP TABLE IF EXISTS {{.Table "refused_requests"}}{{.OnCluster}} SYNC;
