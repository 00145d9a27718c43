-- Requests that were refused, and accepted events that ClickHouse refused, with the
-- reason, so that the operator can see, mend and replay them.
CREATE TABLE IF NOT EXISTS {{.Table "refused_requests"}}{{.OnCluster}} (
    connection_id UUID,
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    id UUID,
    kind Enum8('request' = 1, 'event' = 2),
    -- HTTP status that was answered, 0 for an event.
    status UInt16,
    -- The problem document as JSON text: it is shown, never searched.
    reason String CODEC(ZSTD(1)),
    content_type LowCardinality(String),
    -- Content-Encoding of body.
    encoding LowCardinality(String),
    -- Bytes of the whole body as far as it was read, and the first 32 kB of it.
    size UInt64,
    body String CODEC(ZSTD(3)),
    collector_id LowCardinality(String)
)
-- Writing a batch again after an error replaces it.
ENGINE = {{.ReplacingEverywhere "refused_requests" ""}}
-- Days go as whole parts, so that a flood of refusals costs no rewriting. Kind and day
-- follow from the key, so that a row and its repetition share a partition.
PARTITION BY (kind, toDate(received_at))
-- The newest of one connection lie together and are read backwards.
ORDER BY (connection_id, received_at, id)
-- A part goes when its last row is 7 days old; readers hide the rows that are. An
-- event was acknowledged: it stays until somebody has dealt with it, or for ten years.
TTL toDateTime(received_at) + if(kind = 'request', INTERVAL 7 DAY, INTERVAL 3650 DAY) DELETE
SETTINGS ttl_only_drop_parts = 1, merge_with_ttl_timeout = 3600, fsync_after_insert = 1, fsync_part_directory = 1;
