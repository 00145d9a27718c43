-- What analysts call events: each once, with its connection's name; those of deleted
-- connections hidden. DEFINER: it reads with the rights of who migrates, so that the
-- analyst needs none on the tables; by name, because ON CLUSTER other servers have no
-- current user. FINAL stands inside, where no setting of the reader switches it off.
--
-- A join, because conditions on connection_id and event_id pass through it to the
-- primary key of both tables (a dictionary would need a password in its definition,
-- and transform() over scalar subqueries was no faster). Measured over 1.25 million
-- events: 149 ms to count all, the same as without the join; 7 ms more for each
-- 10,000 connections.
--
-- On each server over its own shard, which has all copies of its events.
CREATE VIEW IF NOT EXISTS `odd \`name' \\_views`.`events_local` ON CLUSTER `c\`l'\\`
DEFINER = `a\`b` SQL SECURITY DEFINER
AS SELECT
    e.connection_id AS connection_id,
    c.name AS connection,
    c.event_source AS event_source,
    c.event_object AS event_object,
    e.event_id AS event_id,
    e.event_timestamp AS event_timestamp,
    e.event_email AS event_email,
    e.event_adb_cdt AS event_adb_cdt,
    e.event_payload AS event_payload,
    CAST(e.received_at, 'DateTime64(6, \'UTC\')') AS received_at
FROM `odd \`name' \\`.`events_local` AS e FINAL
INNER JOIN (
    SELECT id, name, event_source, event_object
    FROM `odd \`name' \\`.`connections` FINAL
    WHERE NOT deleted
) AS c ON c.id = e.connection_id;

-- Over the views of all shards, and not a view over a table of all shards: conditions
-- and aggregates are then worked out on the shards (17 ms instead of 60 for one
-- connection of 20 on two shards).
CREATE TABLE IF NOT EXISTS `odd \`name' \\_views`.`events` ON CLUSTER `c\`l'\\`
AS `odd \`name' \\_views`.`events_local`
ENGINE = Distributed('c`l\'\\', 'odd `name\' \\_views', 'events_local');

-- down

DROP TABLE IF EXISTS `odd \`name' \\_views`.`events` ON CLUSTER `c\`l'\\` SYNC;
DROP VIEW IF EXISTS `odd \`name' \\_views`.`events_local` ON CLUSTER `c\`l'\\` SYNC;
