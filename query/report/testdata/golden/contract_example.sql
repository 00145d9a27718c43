SELECT
  t,
  v0 AS d0,
  v1 AS d1,
  count() AS m0,
  ifNull(sum(v2), 0) AS m1,
  avg(v2) AS m2,
  quantileExactInclusive(0.95)(v2) AS m3,
  uniqExact(v3) AS m4,
  countIf((cid IN {p0:Array(UUID)} AND ifNull(v4 = {p1:Int64}, 0))) AS m5,
  ifNull(sumIf(v2, (cid IN {p2:Array(UUID)} AND ifNull(v4 = {p3:Int64}, 0))), 0) AS m6,
  toUInt8(grouping(t, v0, v1) != 0) AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1,
  sum(y2) AS x2
FROM (
  SELECT
    toInt64(toInt32(toDate32(toTimeZone(event_timestamp, {p4:String})))) AS t,
    if(startsWith(dynamicType(event_payload.`currency`), 'Array'), NULL, CAST(event_payload.`currency`, 'Nullable(String)')) AS v0,
    transform(toString(connection_id), {p5:Array(String)}, {p6:Array(String)}, '') AS v1,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v2,
    nullIf(lowerUTF8(event_email), '') AS v3,
    multiIf(lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('true', 't', 'yes', 'y', 'on', '1'), true, lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('false', 'f', 'no', 'n', 'off', '0'), false, NULL) AS v4,
    toUInt8(isNotNull(event_payload.`currency`) AND isNull(v0)) AS y0,
    toUInt8(isNotNull(event_payload.`order`.`total`) AND isNull(v2)) AS y1,
    toUInt8(isNotNull(event_payload.`paid`) AND isNull(v4)) AS y2,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p7:Array(UUID)}
    AND event_timestamp >= fromUnixTimestamp64Milli({p8:Int64}, 'UTC')
    AND event_timestamp < fromUnixTimestamp64Milli({p9:Int64}, 'UTC')
    AND ifNull(v0 = {p10:String}, 0)
)
GROUP BY GROUPING SETS ((t, v0, v1), ())
ORDER BY g DESC, m1 DESC NULLS LAST, t NULLS LAST, d0 NULLS LAST, d1 NULLS LAST
LIMIT 102
-- p0 = "[11111111-1111-4111-8111-111111111111]"
-- p1 = "1"
-- p2 = "[11111111-1111-4111-8111-111111111111]"
-- p3 = "1"
-- p4 = "Europe/Berlin"
-- p5 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p6 = "[shop crm]"
-- p7 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p8 = "1764543600000"
-- p9 = "1767222000000"
-- p10 = "EUR"

-- the period before
SELECT
  t,
  v0 AS d0,
  v1 AS d1,
  count() AS m0,
  ifNull(sum(v2), 0) AS m1,
  avg(v2) AS m2,
  quantileExactInclusive(0.95)(v2) AS m3,
  uniqExact(v3) AS m4,
  countIf((cid IN {p0:Array(UUID)} AND ifNull(v4 = {p1:Int64}, 0))) AS m5,
  ifNull(sumIf(v2, (cid IN {p2:Array(UUID)} AND ifNull(v4 = {p3:Int64}, 0))), 0) AS m6,
  toUInt8(grouping(t, v0, v1) != 0) AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1,
  sum(y2) AS x2
FROM (
  SELECT
    toInt64(toInt32(toDate32(toTimeZone(event_timestamp, {p4:String})))) AS t,
    if(startsWith(dynamicType(event_payload.`currency`), 'Array'), NULL, CAST(event_payload.`currency`, 'Nullable(String)')) AS v0,
    transform(toString(connection_id), {p5:Array(String)}, {p6:Array(String)}, '') AS v1,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v2,
    nullIf(lowerUTF8(event_email), '') AS v3,
    multiIf(lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('true', 't', 'yes', 'y', 'on', '1'), true, lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('false', 'f', 'no', 'n', 'off', '0'), false, NULL) AS v4,
    toUInt8(isNotNull(event_payload.`currency`) AND isNull(v0)) AS y0,
    toUInt8(isNotNull(event_payload.`order`.`total`) AND isNull(v2)) AS y1,
    toUInt8(isNotNull(event_payload.`paid`) AND isNull(v4)) AS y2,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p7:Array(UUID)}
    AND event_timestamp >= fromUnixTimestamp64Milli({p8:Int64}, 'UTC')
    AND event_timestamp < fromUnixTimestamp64Milli({p9:Int64}, 'UTC')
    AND ifNull(v0 = {p10:String}, 0)
)
GROUP BY GROUPING SETS ((t, v0, v1), ())
ORDER BY g DESC, t NULLS LAST, d0 NULLS LAST, d1 NULLS LAST
-- p0 = "[11111111-1111-4111-8111-111111111111]"
-- p1 = "1"
-- p2 = "[11111111-1111-4111-8111-111111111111]"
-- p3 = "1"
-- p4 = "Europe/Berlin"
-- p5 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p6 = "[shop crm]"
-- p7 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p8 = "1761865200000"
-- p9 = "1764543600000"
-- p10 = "EUR"
