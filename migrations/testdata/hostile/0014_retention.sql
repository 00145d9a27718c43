-- For how many days a connection's events are kept, by event_timestamp; NULL = for ever.
ALTER TABLE `odd \`name' \\`.`connections` ON CLUSTER `c\`l'\\` ADD COLUMN IF NOT EXISTS retention_days Nullable(UInt32);

-- down

ALTER TABLE `odd \`name' \\`.`connections` ON CLUSTER `c\`l'\\` DROP COLUMN IF EXISTS retention_days;
