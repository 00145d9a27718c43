-- Who was erased: receipts, with nothing of the person but a keyed hash, so that a later
-- import or re-send can be recognised. In a cluster every server has all rows: they are
-- few, and every collector keeps the hashes in memory.
CREATE TABLE IF NOT EXISTS `odd \`name' \\`.`erasures` ON CLUSTER `c\`l'\\` (
    id UUID,
    -- HMAC-SHA256 of the address in lower case, in lower-case hexadecimal.
    email_hash String,
    -- 32 bits of a faster keyed hash: most addresses need no HMAC to be told apart.
    prefilter UInt32,
    -- Everything was removed and counted again. Until then the erasure may have been cut off.
    finished Bool,
    requested_by String,
    started_at DateTime64(6, 'UTC'),
    -- What was removed where, as JSON text: it is shown, never searched.
    receipt String CODEC(ZSTD(1)),
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/odd `name\' \\/erasures', '{shard}-{replica}', version)
ORDER BY id
-- Who was erased must stay so after a power cut.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The key of the hashes. Here and not in a data folder, because all collectors need the
-- same; of several rows the oldest counts.
CREATE TABLE IF NOT EXISTS `odd \`name' \\`.`erasure_key` ON CLUSTER `c\`l'\\` (
    id UUID,
    -- 32 random bytes in hexadecimal.
    key String,
    created_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/odd `name\' \\/erasure_key', '{shard}-{replica}')
ORDER BY (created_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What is to be deleted while an erasure runs. The statements that delete name these rows
-- and not their values: ClickHouse keeps the text of such statements in files, and ids of
-- events may hold an address.
CREATE TABLE IF NOT EXISTS `odd \`name' \\`.`erasure_work` ON CLUSTER `c\`l'\\` (
    work UUID,
    -- event: all copies of an id. copy: one copy of an id that belongs to somebody else now.
    -- row: some copies of an id, those that are too old.
    kind Enum8('event' = 1, 'copy' = 2, 'refused' = 3, 'cdt' = 4, 'row' = 5),
    connection_id UUID,
    -- The event's id, the refused request's, or the event_adb_cdt.
    id String,
    received_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/odd `name\' \\/erasure_work', '{shard}-{replica}')
-- The rows of an erasure go as a whole when it is done.
PARTITION BY work
ORDER BY (work, kind, connection_id, id, received_at);

-- down

DROP TABLE IF EXISTS `odd \`name' \\`.`erasure_work` ON CLUSTER `c\`l'\\` SYNC;
DROP TABLE IF EXISTS `odd \`name' \\`.`erasure_key` ON CLUSTER `c\`l'\\` SYNC;
DROP TABLE IF EXISTS `odd \`name' \\`.`erasures` ON CLUSTER `c\`l'\\` SYNC;
