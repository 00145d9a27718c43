-- Connections and their secret tokens: no view shows the tokens. In a cluster every
-- server has all rows: they are few, and the views join them on each shard.
CREATE TABLE IF NOT EXISTS {{.Table "connections"}}{{.OnCluster}} (
    id UUID,
    name String,
    event_source String,
    event_object String,
    allow_anonymous Bool,
    paused Bool,
    -- In clear: the API shows the webhook URL again and again.
    token String,
    -- Rotated tokens whose grace goes on. Nested: ClickHouse keeps both columns
    -- equally long.
    previous Nested(token String, expires_at DateTime64(6, 'UTC')),
    created_at DateTime64(6, 'UTC'),
    updated_at DateTime64(6, 'UTC'),
    -- updated_at in microseconds, or one more than the row before where the clocks
    -- of two collectors disagree.
    version UInt64,
    -- A tombstone stays for ever: other collectors learn from it, and the deleted
    -- connection's events stay hidden.
    deleted Bool
)
ENGINE = {{.ReplacingEverywhere "connections" "version"}}
ORDER BY id
-- A connection that was answered with 201 must outlive a power cut.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
