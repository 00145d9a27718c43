-- What each collector has accepted for each connection since ever. Absolute numbers
-- and not steps: writing them again after a crash changes nothing, and the greatest
-- is the newest. Counted where events are accepted, because counting them here
-- would mean FINAL over all events for each look at a list.
CREATE TABLE IF NOT EXISTS `odd \`name' \\`.`connection_counters` ON CLUSTER `c\`l'\\` (
    connection_id UUID,
    collector_id String,
    events_received UInt64,
    -- Times of receipt, not of the events.
    first_event_at DateTime64(6, 'UTC'),
    last_event_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/odd `name\' \\/connection_counters', '{shard}-{replica}', events_received)
ORDER BY (connection_id, collector_id);

-- down

DROP TABLE IF EXISTS `odd \`name' \\`.`connection_counters` ON CLUSTER `c\`l'\\` SYNC;
