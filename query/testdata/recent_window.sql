SELECT event_id, toUnixTimestamp64Milli(event_timestamp), event_email, event_adb_cdt, payload, received_at, found
FROM (
    SELECT *, count() OVER () AS found,
        sum(length(payload)) OVER (ORDER BY received_at DESC, event_id ROWS UNBOUNDED PRECEDING) AS size
    FROM (
        SELECT event_id, event_timestamp, event_email, event_adb_cdt, toJSONString(event_payload) AS payload, received_at
        FROM events
        WHERE connection_id = {connection:UUID} AND NOT is_deleted AND received_at >= (
            SELECT min(received_at) FROM (
                SELECT received_at FROM events WHERE connection_id = {connection:UUID} AND NOT is_deleted
                ORDER BY received_at DESC LIMIT {window:UInt32}
            )
        )
        ORDER BY received_at DESC, event_id
        LIMIT 1 BY event_id
        LIMIT {limit:UInt32}
    )
)
WHERE size <= {memory:UInt64}
ORDER BY received_at DESC, event_id
