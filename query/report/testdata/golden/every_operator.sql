SELECT
  count() AS m0,
  1 AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1,
  sum(y2) AS x2,
  sum(y3) AS x3,
  sum(y4) AS x4,
  sum(y5) AS x5
FROM (
  SELECT
    if(startsWith(dynamicType(event_payload.`currency`), 'Array'), NULL, CAST(event_payload.`currency`, 'Nullable(String)')) AS v0,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v1,
    if(connection_id IN {p0:Array(UUID)}, coalesce(toInt64OrNull(if(startsWith(dynamicType(event_payload.`units`), 'Array'), NULL, CAST(event_payload.`units`, 'Nullable(String)'))), accurateCastOrNull(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`units`), 'Array'), NULL, CAST(event_payload.`units`, 'Nullable(String)'))), 'Int64')), NULL) AS v2,
    if(match(ifNull(if(startsWith(dynamicType(event_payload.`due`), 'Array'), NULL, CAST(event_payload.`due`, 'Nullable(String)')), ''), '^(19|2[0-2])[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$'), toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(if(startsWith(dynamicType(event_payload.`due`), 'Array'), NULL, CAST(event_payload.`due`, 'Nullable(String)')), 3, 'UTC')), NULL) AS v3,
    nullIf(lowerUTF8(event_email), '') AS v4,
    multiIf(dynamicType(event_payload.`tags`) = 'Array(Nullable(String))', CAST(event_payload.`tags`.:`Array(Nullable(String))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Int64))', CAST(event_payload.`tags`.:`Array(Nullable(Int64))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Float64))', CAST(event_payload.`tags`.:`Array(Nullable(Float64))`, 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(e0 IN ('', 'null'), NULL, startsWith(e0, '"'), JSONExtractString(e0), startsWith(e0, '[') OR startsWith(e0, '{'), NULL, e0), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`tags`), ''))), 'Array(Nullable(String))')) AS v5,
    multiIf(lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('true', 't', 'yes', 'y', 'on', '1'), true, lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('false', 'f', 'no', 'n', 'off', '0'), false, NULL) AS v6,
    toUInt8(isNotNull(event_payload.`currency`) AND isNull(v0)) AS y0,
    toUInt8(isNotNull(event_payload.`order`.`total`) AND isNull(v1)) AS y1,
    if(connection_id IN {p1:Array(UUID)}, toUInt8(isNotNull(event_payload.`units`) AND isNull(v2)), 0) AS y2,
    toUInt8(isNotNull(event_payload.`due`) AND isNull(v3)) AS y3,
    toUInt8(isNotNull(event_payload.`tags`) AND NOT startsWith(dynamicType(event_payload.`tags`), 'Array')) AS y4,
    toUInt8(isNotNull(event_payload.`paid`) AND isNull(v6)) AS y5,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p2:Array(UUID)}
    AND (NOT ifNull(v0 = {p3:String}, 0) OR ifNull(v1 IN {p4:Array(Float64)}, 0) OR (ifNull(v1 > {p5:Float64}, 0) AND ifNull(v1 >= {p6:Float64}, 0) AND ifNull(v2 < {p7:Int64}, 0) AND ifNull(v2 <= {p8:Int64}, 0)) OR (ifNull(v3 >= {p9:Int64}, 0) AND ifNull(v3 <= {p10:Int64}, 0)) OR (ifNull(position(v0, {p11:String}) > 0, 0) OR ifNull(position(v0, {p12:String}) > 0, 0)) OR ifNull(startsWith(v4, {p13:String}), 0) OR ifNull(match(v4, {p14:String}), 0) OR arrayExists(e -> isNotNull(e), v5) OR NOT arrayExists(e -> isNotNull(e), v5) OR NOT ifNull(v6 IN {p15:Array(Int64)}, 0))
)
-- p0 = "[22222222-2222-4222-8222-222222222222]"
-- p1 = "[22222222-2222-4222-8222-222222222222]"
-- p2 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p3 = "a'b\\"
-- p4 = "[1 2.5]"
-- p5 = "1"
-- p6 = "1"
-- p7 = "1"
-- p8 = "1"
-- p9 = "1735689600000"
-- p10 = "1738368000000"
-- p11 = "x"
-- p12 = "y"
-- p13 = "ann"
-- p14 = "(?i)^a.*z$"
-- p15 = "[1 0]"
