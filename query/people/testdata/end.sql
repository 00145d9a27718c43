SELECT count(), toUnixTimestamp64Milli(min(event_timestamp)), argMin(connection_id, (event_timestamp, connection_id, event_id)),
    argMin(event_id, (event_timestamp, connection_id, event_id))
FROM (
        SELECT DISTINCT connection_id, event_timestamp, event_id FROM events
        WHERE (lowerUTF8(event_email) = lowerUTF8({email:String}) OR event_adb_cdt GLOBAL IN (
            SELECT event_adb_cdt FROM events
            WHERE event_email != '' AND event_adb_cdt != '' AND event_adb_cdt GLOBAL IN (
                SELECT DISTINCT event_adb_cdt FROM events WHERE lowerUTF8(event_email) = lowerUTF8({email:String})
            )
            GROUP BY event_adb_cdt
            HAVING uniqExact(lowerUTF8(event_email)) <= {addresses:UInt32}
            LIMIT {links:UInt32}
        ))
            AND (event_timestamp, connection_id, event_id) < (fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {connection:UUID}, {id:String})
        ORDER BY event_timestamp DESC, connection_id DESC, event_id DESC
        LIMIT {window:UInt32}
)
