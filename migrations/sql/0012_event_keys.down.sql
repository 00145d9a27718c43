{{- if .Cluster -}}
DROP TABLE IF EXISTS {{.Table "event_keys"}}{{.OnCluster}} SYNC;
{{end -}}
-- SYNC: a replicated table leaves its path in Keeper free for the next one at once.
DROP TABLE IF EXISTS {{.Sharded "event_keys"}}{{.OnCluster}} SYNC;
