{{- if .Cluster -}}
DROP TABLE IF EXISTS {{.View "events"}}{{.OnCluster}} SYNC;
{{end -}}
DROP VIEW IF EXISTS {{.ShardView "events"}}{{.OnCluster}} SYNC;
