DROP TABLE IF EXISTS {{.Table "field_catalogue"}}{{.OnCluster}} SYNC;
