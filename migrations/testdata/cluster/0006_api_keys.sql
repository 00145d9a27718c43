-- Keys of the API. Never the key itself, only its SHA-256: a key is 160 random bits,
-- so that nothing slower is needed.
CREATE TABLE IF NOT EXISTS `tributary`.`api_keys` ON CLUSTER `main` (
    id UUID,
    name String,
    role Enum8('admin' = 1, 'analyst' = 2, 'viewer' = 3),
    -- Lower-case hexadecimal.
    hash String,
    created_at DateTime64(6, 'UTC'),
    -- NULL = never.
    expires_at Nullable(DateTime64(6, 'UTC')),
    version UInt64,
    deleted Bool
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/tributary/api_keys', '{shard}-{replica}', version)
ORDER BY id
-- A key that was taken back must stay so after a power cut.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- down

DROP TABLE IF EXISTS `tributary`.`api_keys` ON CLUSTER `main` SYNC;
