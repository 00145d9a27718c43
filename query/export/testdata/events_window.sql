SELECT event_id, toUnixTimestamp64Milli(event_timestamp) AS at, event_email, event_adb_cdt, toJSONString(event_payload) AS bare, quoted
FROM (
    SELECT event_id, event_timestamp, event_email, event_adb_cdt, event_payload, toJSONString(event_payload) AS quoted
    FROM events FINAL
    WHERE connection_id = {connection:UUID}
        AND event_timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
        AND event_timestamp < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    SETTINGS output_format_json_quote_64bit_floats = 1
)
