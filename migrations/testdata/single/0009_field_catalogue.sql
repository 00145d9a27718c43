-- What paths occurred in payloads, counted by the collectors beside ingest: reading it
-- from the payloads takes seconds at 20 million events, and a materialized view over
-- them costs more than the insert itself.
CREATE TABLE IF NOT EXISTS `tributary`.`field_catalogue` (
    connection_id UUID,
    -- As fields are defined: keys with dots between them, [] for the elements of an array.
    path String CODEC(ZSTD(1)),
    -- The JSON type of the values counted here.
    type LowCardinality(String),
    collector_id LowCardinality(String),
    -- When the collector's run began, in microseconds since 1970: counts are absolute
    -- for a run, so that writing them again changes nothing.
    epoch UInt64,
    events UInt64,
    -- Of the values that were looked at, how many fit which type.
    sampled UInt64,
    fit_number UInt64,
    fit_integer UInt64,
    fit_boolean UInt64,
    fit_datetime UInt64,
    first_seen DateTime64(6, 'UTC'),
    last_seen DateTime64(6, 'UTC'),
    sample String CODEC(ZSTD(1)),
    -- Grows with every count.
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (connection_id, path, type, collector_id, epoch);

-- down

DROP TABLE IF EXISTS `tributary`.`field_catalogue` SYNC;
