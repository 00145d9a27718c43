SELECT
  e0 AS d0,
  e1 AS d1,
  count() AS m0,
  toUInt8(grouping(e0, e1) != 0) AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1
FROM (SELECT *, e0 FROM (
  SELECT
    if(startsWith(dynamicType(event_payload.`items`), 'Array(JSON'), CAST(arrayMap(e -> if(startsWith(dynamicType(e), 'Array'), NULL, CAST(e, 'Nullable(String)')), event_payload.`items`[].`sku`), 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(JSONExtractRaw(e0, 'sku') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e0, 'sku'), '"'), JSONExtractString(JSONExtractRaw(e0, 'sku')), startsWith(JSONExtractRaw(e0, 'sku'), '[') OR startsWith(JSONExtractRaw(e0, 'sku'), '{'), NULL, JSONExtractRaw(e0, 'sku')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`items`), ''))), 'Array(Nullable(String))')) AS v0,
    multiIf(dynamicType(event_payload.`tags`) = 'Array(Nullable(String))', CAST(event_payload.`tags`.:`Array(Nullable(String))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Int64))', CAST(event_payload.`tags`.:`Array(Nullable(Int64))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Float64))', CAST(event_payload.`tags`.:`Array(Nullable(Float64))`, 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(e0 IN ('', 'null'), NULL, startsWith(e0, '"'), JSONExtractString(e0), startsWith(e0, '[') OR startsWith(e0, '{'), NULL, e0), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`tags`), ''))), 'Array(Nullable(String))')) AS v1,
    toUInt8(isNotNull(event_payload.`items`) AND NOT startsWith(dynamicType(event_payload.`items`), 'Array')) AS y0,
    toUInt8(isNotNull(event_payload.`tags`) AND NOT startsWith(dynamicType(event_payload.`tags`), 'Array')) AS y1,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p0:Array(UUID)}
)
LEFT ARRAY JOIN v0 AS e0)
LEFT ARRAY JOIN v1 AS e1
GROUP BY GROUPING SETS ((e0, e1), ())
ORDER BY g DESC, m0 DESC NULLS LAST, d0 NULLS LAST, d1 NULLS LAST
LIMIT 102
-- p0 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
