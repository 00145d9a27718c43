{{- if .Cluster -}}
DROP TABLE IF EXISTS {{.Table "events"}}{{.OnCluster}} SYNC;
{{end -}}
-- SYNC: a replicated table leaves its path in Keeper free for the next one at once.
DROP TABLE IF EXISTS {{.Sharded "events"}}{{.OnCluster}} SYNC;
