-- Every timestamp that an id ever had: where the older copies of a re-sent event lie in
-- events, which is ordered by time. Without payloads, so that it costs little to keep
-- in the order of ids (collector/dedup).
CREATE TABLE IF NOT EXISTS {{.Sharded "event_keys"}}{{.OnCluster}} (
    -- 128 bits of SHA-256 over connection and id: cheaper to sort and to merge than both.
    id FixedString(16) CODEC(NONE),
    -- In the order of random ids nothing is like its neighbour: compressing takes more
    -- time than all of the rest (1.18 µs a row with ZSTD, merges included, 0.65 without).
    event_timestamp DateTime64(3, 'UTC') CODEC(NONE),
    -- The version of the event's row.
    received_at DateTime64(6, 'UTC') CODEC(NONE)
)
ENGINE = {{.Replacing "event_keys" "received_at"}}
-- The timestamp is part of the key: all that an id had must stay.
ORDER BY (id, event_timestamp)
SETTINGS
    -- A look-up reads whole granules, and wants one row of each.
    index_granularity = 256,
    -- Written before events, and needed as long as they are there.
    fsync_after_insert = 1,
    fsync_part_directory = 1;
{{- if .Cluster}}

CREATE TABLE IF NOT EXISTS {{.Table "event_keys"}}{{.OnCluster}}
AS {{.Sharded "event_keys"}}
ENGINE = Distributed({{.ClusterText}}, {{.DatabaseText}}, 'event_keys_local', cityHash64(id));
{{- end}}
