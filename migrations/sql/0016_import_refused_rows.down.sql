DROP TABLE IF EXISTS {{.Table "import_refused_rows"}}{{.OnCluster}} SYNC;
