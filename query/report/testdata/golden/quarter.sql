SELECT
  t,
  uniqExact(v0) AS m0,
  toUInt8(grouping(t) != 0) AS g,
  count() AS n,
  sum(y0) AS x0
FROM (
  SELECT
    toInt64(toInt32(toStartOfQuarter(toDate32(toTimeZone(event_timestamp, {p0:String}))))) AS t,
    if(connection_id IN {p1:Array(UUID)}, coalesce(toInt64OrNull(if(startsWith(dynamicType(event_payload.`units`), 'Array'), NULL, CAST(event_payload.`units`, 'Nullable(String)'))), accurateCastOrNull(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`units`), 'Array'), NULL, CAST(event_payload.`units`, 'Nullable(String)'))), 'Int64')), NULL) AS v0,
    if(connection_id IN {p2:Array(UUID)}, toUInt8(isNotNull(event_payload.`units`) AND isNull(v0)), 0) AS y0,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p3:Array(UUID)}
)
GROUP BY GROUPING SETS ((t), ())
ORDER BY g DESC, t NULLS LAST
LIMIT 102
-- p0 = "UTC"
-- p1 = "[22222222-2222-4222-8222-222222222222]"
-- p2 = "[22222222-2222-4222-8222-222222222222]"
-- p3 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
