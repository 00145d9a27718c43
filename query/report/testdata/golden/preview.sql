SELECT
  count(),
  countIf(present),
  countIf(present AND fits),
  groupUniqArrayIf(10)(sample, present AND fits),
  groupUniqArrayIf(10)(sample, present AND NOT fits)
FROM (
  SELECT CAST(arrayMap(x -> if(isFinite(toFloat64OrNull(x)), toFloat64OrNull(x) + 0, NULL), if(startsWith(dynamicType(event_payload.`items`), 'Array(JSON'), CAST(arrayMap(e -> if(startsWith(dynamicType(e), 'Array'), NULL, CAST(e, 'Nullable(String)')), event_payload.`items`[].`qty`), 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(JSONExtractRaw(e0, 'qty') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e0, 'qty'), '"'), JSONExtractString(JSONExtractRaw(e0, 'qty')), startsWith(JSONExtractRaw(e0, 'qty'), '[') OR startsWith(JSONExtractRaw(e0, 'qty'), '{'), NULL, JSONExtractRaw(e0, 'qty')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`items`), ''))), 'Array(Nullable(String))'))), 'Array(Nullable(Float64))') AS v,
    JSONExtractRaw(toJSONString(event_payload), 'items') AS raw,
    raw NOT IN ('', 'null') AS present,
    startsWith(raw, '[') AND NOT arrayExists(x -> isNull(x), v) AS fits,
    substringUTF8(raw, 1, 200) AS sample
  FROM (SELECT event_payload FROM events WHERE NOT is_deleted AND connection_id IN {p0:Array(UUID)} ORDER BY received_at DESC LIMIT 10000)
)
-- p0 = "[00000000-0000-0000-0000-000000000000 11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
