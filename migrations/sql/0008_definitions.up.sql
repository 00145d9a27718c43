-- Fields, conversions and saved reports. Every version stays, with who and when: the
-- version is part of the key, so that merges drop nothing but repeated inserts. In a
-- cluster every server has all rows: they are few, and reports read them all.
CREATE TABLE IF NOT EXISTS {{.Table "definitions"}}{{.OnCluster}} (
    kind Enum8('field' = 1, 'conversion' = 2, 'report' = 3),
    -- A saved report's slug.
    name String,
    -- Microseconds since 1970, or one more than the version before where the clocks
    -- of two collectors disagree. The greatest holds.
    version UInt64,
    -- The definition as JSON text: it is read as a whole, never searched. Empty for a
    -- deletion.
    body String CODEC(ZSTD(1)),
    changed_by String,
    changed_at DateTime64(6, 'UTC'),
    deleted Bool
)
ENGINE = {{.ReplacingEverywhere "definitions" ""}}
ORDER BY (kind, name, version)
-- What was answered with success must outlive a power cut.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
