SELECT
  e0 AS d0,
  ifNull(sum(e1), 0) AS m0,
  count() AS m1,
  ifNull(sum(v2), 0) AS m2,
  toUInt8(grouping(e0) != 0) AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1,
  sum(y2) AS x2,
  sum(y3) AS x3
FROM (
  SELECT
    if(startsWith(dynamicType(event_payload.`items`), 'Array(JSON'), CAST(arrayMap(e -> if(startsWith(dynamicType(e), 'Array'), NULL, CAST(e, 'Nullable(String)')), event_payload.`items`[].`sku`), 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(JSONExtractRaw(e0, 'sku') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e0, 'sku'), '"'), JSONExtractString(JSONExtractRaw(e0, 'sku')), startsWith(JSONExtractRaw(e0, 'sku'), '[') OR startsWith(JSONExtractRaw(e0, 'sku'), '{'), NULL, JSONExtractRaw(e0, 'sku')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`items`), ''))), 'Array(Nullable(String))')) AS v0,
    CAST(arrayMap(x -> if(isFinite(toFloat64OrNull(x)), toFloat64OrNull(x) + 0, NULL), if(startsWith(dynamicType(event_payload.`items`), 'Array(JSON'), CAST(arrayMap(e -> if(startsWith(dynamicType(e), 'Array'), NULL, CAST(e, 'Nullable(String)')), event_payload.`items`[].`qty`), 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(JSONExtractRaw(e0, 'qty') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e0, 'qty'), '"'), JSONExtractString(JSONExtractRaw(e0, 'qty')), startsWith(JSONExtractRaw(e0, 'qty'), '[') OR startsWith(JSONExtractRaw(e0, 'qty'), '{'), NULL, JSONExtractRaw(e0, 'qty')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`items`), ''))), 'Array(Nullable(String))'))), 'Array(Nullable(Float64))') AS v1,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v2,
    multiIf(lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('true', 't', 'yes', 'y', 'on', '1'), true, lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('false', 'f', 'no', 'n', 'off', '0'), false, NULL) AS v3,
    toUInt8(isNotNull(event_payload.`items`) AND NOT startsWith(dynamicType(event_payload.`items`), 'Array')) AS y0,
    toUInt8(isNotNull(event_payload.`items`) AND NOT startsWith(dynamicType(event_payload.`items`), 'Array')) AS y1,
    toUInt8(isNotNull(event_payload.`order`.`total`) AND isNull(v2)) AS y2,
    toUInt8(isNotNull(event_payload.`paid`) AND isNull(v3)) AS y3,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p0:Array(UUID)}
    AND ifNull(v3 = {p1:Int64}, 0)
)
LEFT ARRAY JOIN v0 AS e0, v1 AS e1
WHERE ifNull(e1 > {p2:Float64}, 0)
GROUP BY GROUPING SETS ((e0), ())
ORDER BY g DESC, m0 DESC NULLS LAST, d0 NULLS LAST
LIMIT 102
-- p0 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p1 = "1"
-- p2 = "0"
