-- Imports of files and how far they are, so that one that was cut off goes on where it
-- stood, on whichever collector it is sent to again.
CREATE TABLE IF NOT EXISTS {{.Table "imports"}}{{.OnCluster}} (
    connection_id UUID,
    -- Made of file and mapping by who sends it.
    id UUID,
    name String CODEC(ZSTD(1)),
    state LowCardinality(String),
    -- The rest as JSON text: it is read as a whole, never searched.
    body String CODEC(ZSTD(1)),
    created_at DateTime64(6, 'UTC'),
    updated_at DateTime64(6, 'UTC')
)
ENGINE = {{.ReplacingEverywhere "imports" "updated_at"}}
ORDER BY (connection_id, id)
TTL toDateTime(updated_at) + INTERVAL 90 DAY DELETE
SETTINGS merge_with_ttl_timeout = 86400, fsync_after_insert = 1, fsync_part_directory = 1;
