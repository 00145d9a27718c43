SELECT
  v0 AS d0,
  uniqExact(v1) AS m0,
  toUInt8(grouping(v0) != 0) AS g,
  count() AS n,
  sum(y0) AS x0,
  sum(y1) AS x1
FROM (
  SELECT
    if(startsWith(dynamicType(event_payload.`a%2Eb`.`c`), 'Array'), NULL, CAST(event_payload.`a%2Eb`.`c`, 'Nullable(String)')) AS v0,
    multiIf(JSONExtractRaw(toJSONString(event_payload), '', '^a') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(toJSONString(event_payload), '', '^a'), '"'), JSONExtractString(JSONExtractRaw(toJSONString(event_payload), '', '^a')), startsWith(JSONExtractRaw(toJSONString(event_payload), '', '^a'), '[') OR startsWith(JSONExtractRaw(toJSONString(event_payload), '', '^a'), '{'), NULL, JSONExtractRaw(toJSONString(event_payload), '', '^a')) AS v1,
    toUInt8(isNotNull(event_payload.`a%2Eb`.`c`) AND isNull(v0)) AS y0,
    toUInt8(JSONExtractRaw(toJSONString(event_payload), '', '^a') NOT IN ('', 'null') AND isNull(v1)) AS y1,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p0:Array(UUID)}
)
GROUP BY GROUPING SETS ((v0), ())
ORDER BY g DESC, m0 DESC NULLS LAST, d0 NULLS LAST
LIMIT 102
-- p0 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
