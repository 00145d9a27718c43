SELECT
  ifNull(sumArray(v0), 0) AS m0,
  uniqExactArray(v1) AS m1,
  avgArray(v2) AS m2,
  1 AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1,
  sum(y2) AS x2
FROM (
  SELECT
    CAST(arrayMap(x -> if(isFinite(toFloat64OrNull(x)), toFloat64OrNull(x) + 0, NULL), if(startsWith(dynamicType(event_payload.`items`), 'Array(JSON'), CAST(arrayMap(e -> if(startsWith(dynamicType(e), 'Array'), NULL, CAST(e, 'Nullable(String)')), event_payload.`items`[].`qty`), 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(JSONExtractRaw(e0, 'qty') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e0, 'qty'), '"'), JSONExtractString(JSONExtractRaw(e0, 'qty')), startsWith(JSONExtractRaw(e0, 'qty'), '[') OR startsWith(JSONExtractRaw(e0, 'qty'), '{'), NULL, JSONExtractRaw(e0, 'qty')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`items`), ''))), 'Array(Nullable(String))'))), 'Array(Nullable(Float64))') AS v0,
    multiIf(dynamicType(event_payload.`tags`) = 'Array(Nullable(String))', CAST(event_payload.`tags`.:`Array(Nullable(String))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Int64))', CAST(event_payload.`tags`.:`Array(Nullable(Int64))`, 'Array(Nullable(String))'), dynamicType(event_payload.`tags`) = 'Array(Nullable(Float64))', CAST(event_payload.`tags`.:`Array(Nullable(Float64))`, 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(e0 IN ('', 'null'), NULL, startsWith(e0, '"'), JSONExtractString(e0), startsWith(e0, '[') OR startsWith(e0, '{'), NULL, e0), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`tags`), ''))), 'Array(Nullable(String))')) AS v1,
    CAST(arrayMap(x -> if(isFinite(toFloat64OrNull(x)), toFloat64OrNull(x) + 0, NULL), CAST(arrayMap(e1 -> multiIf(JSONExtractRaw(e1, 'price') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e1, 'price'), '"'), JSONExtractString(JSONExtractRaw(e1, 'price')), startsWith(JSONExtractRaw(e1, 'price'), '[') OR startsWith(JSONExtractRaw(e1, 'price'), '{'), NULL, JSONExtractRaw(e1, 'price')), arrayFlatten(arrayMap(e0 -> JSONExtractArrayRaw(JSONExtractRaw(e0, 'items')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`orders`), ''))))), 'Array(Nullable(String))')), 'Array(Nullable(Float64))') AS v2,
    toUInt8(isNotNull(event_payload.`items`) AND NOT startsWith(dynamicType(event_payload.`items`), 'Array')) AS y0,
    toUInt8(isNotNull(event_payload.`tags`) AND NOT startsWith(dynamicType(event_payload.`tags`), 'Array')) AS y1,
    toUInt8(isNotNull(event_payload.`orders`) AND NOT startsWith(dynamicType(event_payload.`orders`), 'Array')) AS y2,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p0:Array(UUID)}
    AND NOT arrayExists(e -> ifNull(e IN {p1:Array(String)}, 0), v1)
)
-- p0 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p1 = "[a b]"
