SELECT connection_id, event_id, toUnixTimestamp64Milli(event_timestamp), event_email, event_adb_cdt, payload, received_at
FROM (
SELECT *, sum(length(payload)) OVER (ORDER BY event_timestamp DESC, connection_id, event_id ROWS UNBOUNDED PRECEDING) AS size
FROM (
SELECT connection_id, event_id, event_timestamp, event_email, event_adb_cdt, toJSONString(event_payload) AS payload, received_at
FROM (
  SELECT
    connection_id,
    event_id,
    event_timestamp,
    event_email,
    event_adb_cdt,
    event_payload,
    received_at,
    multiIf(dynamicType(event_payload.`tags`) = 'Array(Nullable(String))', CAST(event_payload.`tags`.:`Array(Nullable(String))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Int64))', CAST(event_payload.`tags`.:`Array(Nullable(Int64))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Float64))', CAST(event_payload.`tags`.:`Array(Nullable(Float64))`, 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(e0 IN ('', 'null'), NULL, startsWith(e0, '"'), JSONExtractString(e0), startsWith(e0, '[') OR startsWith(e0, '{'), NULL, e0), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`tags`), ''))), 'Array(Nullable(String))')) AS v0,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v1,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p0:Array(UUID)}
    AND event_timestamp >= fromUnixTimestamp64Milli({p1:Int64}, 'UTC')
    AND event_timestamp < fromUnixTimestamp64Milli({p2:Int64}, 'UTC')
    AND arrayExists(e -> ifNull(e = {p3:String}, 0), v0)
    AND ifNull(v1 > {p4:Float64}, 0)
)
ORDER BY event_timestamp DESC, connection_id, event_id
LIMIT 50
)
)
WHERE size <= 16777216
ORDER BY event_timestamp DESC, connection_id, event_id
-- p0 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p1 = "1764547200000"
-- p2 = "1764633600000"
-- p3 = "a"
-- p4 = "5"
