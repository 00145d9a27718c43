-- Rows of imports that were refused, with the reason, to be mended and imported again.
CREATE TABLE IF NOT EXISTS `tributary`.`import_refused_rows` (
    import_id UUID,
    -- Which attempt from the start it was: a later one refuses other rows.
    run UInt32,
    row UInt64,
    connection_id UUID,
    reason String CODEC(ZSTD(1)),
    -- The row as it stood in the file, in UTF-8.
    text String CODEC(ZSTD(3)),
    -- The text would break a file that it stood in as it is.
    unreadable Bool,
    refused_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))
)
-- A row that is refused again when an import goes on replaces itself.
ENGINE = ReplacingMergeTree()
ORDER BY (import_id, run, row)
-- As long as refused requests stay: they hold what people sent.
TTL toDateTime(refused_at) + INTERVAL 7 DAY DELETE
SETTINGS merge_with_ttl_timeout = 3600, fsync_after_insert = 1, fsync_part_directory = 1;

-- down

DROP TABLE IF EXISTS `tributary`.`import_refused_rows` SYNC;
