-- The truth: one row for every event received, the copy received last wins.
--
-- Read it with FINAL. What makes one event of copies with different timestamps is
-- written by the collector (collector/dedup): tombstones, is_deleted = 1.
CREATE TABLE IF NOT EXISTS `tributary`.`events` (
    -- First in the key: every read names its connections, or wants all of them.
    connection_id UUID,
    event_id String CODEC(ZSTD(1)),
    -- Milliseconds are what senders' clocks are good for. Delta: events of one
    -- connection lie close together once ordered ids follow time.
    event_timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- As sent; compared in lower case. Empty = none (anonymous event).
    event_email String CODEC(ZSTD(1)),
    event_adb_cdt String CODEC(ZSTD(1)),
    -- The paths beyond the limit go to a shared map: slower to read, never lost.
    -- Without a limit one hostile sender makes thousands of files in every part.
    event_payload JSON(max_dynamic_paths = 128) CODEC(ZSTD(1)),
    -- The version. One digit more than microseconds: a tombstone stands between two of
    -- them, so that it is never a tie with a row (collector/dedup). Microseconds, because one request may hold one id twice and a
    -- re-sent event often comes within the same millisecond; of two equal ones the
    -- later row of the later insert wins.
    received_at DateTime64(7, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- 1: this id is no longer at this timestamp.
    is_deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(received_at, is_deleted)
-- By time, because reports ask for ranges of it: one day of 20 million events is read
-- in the time of a day. With the id in its place every report reads everything.
-- No partition by time: an insert must be one part, so that a tombstone and
-- the row that it makes way for are seen at the same instant.
ORDER BY (connection_id, event_timestamp, event_id)
SETTINGS
    -- A wide part of JSON holds a hundred files and more: a hundred such parts run
    -- into the limit of open files while they are merged. A compact one has one.
    min_bytes_for_wide_part = 1073741824,
    -- The spool lets go of events once an insert is confirmed: confirmed must mean
    -- on stable storage. One sync for each large block is cheap.
    fsync_after_insert = 1,
    fsync_part_directory = 1;

-- down

-- SYNC: a replicated table leaves its path in Keeper free for the next one at once.
DROP TABLE IF EXISTS `tributary`.`events` SYNC;
