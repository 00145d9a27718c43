DROP TABLE IF EXISTS {{.Table "dashboards"}}{{.OnCluster}} SYNC;
