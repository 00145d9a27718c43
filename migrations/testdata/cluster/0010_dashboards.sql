-- Dashboards: which saved reports stand beside each other. In a cluster every server has
-- all rows: they are few, and every collector answers for all of them.
CREATE TABLE IF NOT EXISTS `tributary`.`dashboards` ON CLUSTER `main` (
    slug String,
    name String,
    description String,
    -- The panels as JSON text: they are read as a whole, never searched.
    panels String CODEC(ZSTD(1)),
    updated_at DateTime64(6, 'UTC'),
    -- Name of the key that saved it.
    updated_by String,
    -- updated_at in microseconds, or one more than the row before where the clocks of
    -- two collectors disagree.
    version UInt64,
    -- A tombstone stays: the next dashboard of this slug must get a greater version.
    deleted Bool
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/tributary/dashboards', '{shard}-{replica}', version)
ORDER BY slug
-- What was answered with success must outlive a power cut.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- down

DROP TABLE IF EXISTS `tributary`.`dashboards` ON CLUSTER `main` SYNC;
