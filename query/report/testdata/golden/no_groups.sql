SELECT
  count() AS m0,
  ifNull(sum(toInt128(v0)), 0) AS m1,
  quantileExactInclusive(0.5)(toFloat64(v0)) AS m2,
  min(v1) AS m3,
  max(v0) AS m4,
  1 AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1
FROM (
  SELECT
    if(connection_id IN {p0:Array(UUID)}, coalesce(toInt64OrNull(if(startsWith(dynamicType(event_payload.`units`), 'Array'), NULL, CAST(event_payload.`units`, 'Nullable(String)'))), accurateCastOrNull(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`units`), 'Array'), NULL, CAST(event_payload.`units`, 'Nullable(String)'))), 'Int64')), NULL) AS v0,
    if(match(ifNull(if(startsWith(dynamicType(event_payload.`due`), 'Array'), NULL, CAST(event_payload.`due`, 'Nullable(String)')), ''), '^(19|2[0-2])[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$'), toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(if(startsWith(dynamicType(event_payload.`due`), 'Array'), NULL, CAST(event_payload.`due`, 'Nullable(String)')), 3, 'UTC')), NULL) AS v1,
    if(connection_id IN {p1:Array(UUID)}, toUInt8(isNotNull(event_payload.`units`) AND isNull(v0)), 0) AS y0,
    toUInt8(isNotNull(event_payload.`due`) AND isNull(v1)) AS y1,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p2:Array(UUID)}
)
-- p0 = "[22222222-2222-4222-8222-222222222222]"
-- p1 = "[22222222-2222-4222-8222-222222222222]"
-- p2 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
