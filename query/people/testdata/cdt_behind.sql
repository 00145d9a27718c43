SELECT e.connection_id, c.name, c.event_source, c.event_object,
    e.event_id, toUnixTimestamp64Milli(e.event_timestamp), e.event_email, e.event_adb_cdt, toJSONString(e.event_payload), e.received_at
FROM (
    SELECT * FROM events FINAL
    WHERE (connection_id, event_timestamp, event_id) GLOBAL IN (
        SELECT DISTINCT connection_id, event_timestamp, event_id FROM events
        WHERE (event_adb_cdt = {cdt:String} OR event_email != '' AND lowerUTF8(event_email) GLOBAL IN (
            SELECT DISTINCT lowerUTF8(event_email) AS address FROM events
            WHERE event_adb_cdt = {cdt:String} AND event_email != '' AND (
                SELECT uniqExact(lowerUTF8(event_email)) FROM events WHERE event_adb_cdt = {cdt:String} AND event_email != ''
            ) <= {addresses:UInt32}
            LIMIT {links:UInt32}
        ))
            AND (event_timestamp, connection_id, event_id) < (fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {connection:UUID}, {id:String})
        ORDER BY event_timestamp DESC, connection_id DESC, event_id DESC
        LIMIT {window:UInt32}
    ) AND (event_adb_cdt = {cdt:String} OR event_email != '' AND lowerUTF8(event_email) GLOBAL IN (
            SELECT DISTINCT lowerUTF8(event_email) AS address FROM events
            WHERE event_adb_cdt = {cdt:String} AND event_email != '' AND (
                SELECT uniqExact(lowerUTF8(event_email)) FROM events WHERE event_adb_cdt = {cdt:String} AND event_email != ''
            ) <= {addresses:UInt32}
            LIMIT {links:UInt32}
        ))
) AS e
INNER JOIN (
    SELECT id, name, event_source, event_object FROM connections FINAL WHERE NOT deleted
) AS c ON c.id = e.connection_id
ORDER BY e.event_timestamp DESC, e.connection_id DESC, e.event_id DESC
LIMIT {limit:UInt32}
