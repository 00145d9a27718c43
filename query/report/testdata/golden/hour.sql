SELECT
  t,
  count() AS m0,
  toUInt8(grouping(t) != 0) AS g,
  count() AS n
FROM (
  SELECT
    toUnixTimestamp64Milli(event_timestamp) - positiveModulo(toUnixTimestamp64Milli(event_timestamp) + timezoneOffset(toTimeZone(event_timestamp, {p0:String})) * 1000, 3600000) AS t,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p1:Array(UUID)}
    AND event_timestamp >= fromUnixTimestamp64Milli({p2:Int64}, 'UTC')
    AND event_timestamp < fromUnixTimestamp64Milli({p3:Int64}, 'UTC')
)
GROUP BY GROUPING SETS ((t), ())
ORDER BY g DESC, t NULLS LAST
LIMIT 102
-- p0 = "Asia/Kolkata"
-- p1 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p2 = "1765823400000"
-- p3 = "1768478400000"
