-- For how many days a connection's events are kept, by event_timestamp; NULL = for ever.
ALTER TABLE `tributary`.`connections` ADD COLUMN IF NOT EXISTS retention_days Nullable(UInt32);

-- down

ALTER TABLE `tributary`.`connections` DROP COLUMN IF EXISTS retention_days;
