SELECT
  d,
  toUInt8(grouping(d) != 0) AS g,
  [countIf(depth >= 1), countIf(depth >= 2)] AS reached,
  [quantileExactInclusiveIf(0.5)(toFloat64(best[2] - best[1]), depth >= 2)] AS medians,
  count() AS n
FROM (
  SELECT
    arraySort(groupArray((ts, first, id, mask, dim))) AS steps,
    arrayFold((acc, s) -> arrayMap(next -> (next, if(length(acc.2) < 2 AND notEmpty(next[length(acc.2) + 1]), next[length(acc.2) + 1], acc.2)),
      [arrayMap((chain, i) -> multiIf(NOT bitTest(s.4, i), chain, i = 0, [s.1],
        notEmpty(acc.1[i]) AND s.1 - acc.1[i][1] <= {p0:Int64}, arrayPushBack(acc.1[i], s.1), chain), acc.1, range(2))])[1],
      steps, (arrayResize(CAST([], 'Array(Array(Int64))'), 2), CAST([], 'Array(Int64)'))).2 AS best,
    length(best) AS depth,
    arrayFirst(s -> s.1 = best[1] AND bitTest(s.4, 0), steps).5 AS d
  FROM (
    SELECT person, ts, id, v0 AS dim,
      bitShiftLeft(toUInt16(isNull(v0)), 0) + bitShiftLeft(toUInt16((cid IN {p1:Array(UUID)} AND ifNull(v1 = {p2:Int64}, 0))), 1) AS mask,
      toUInt8(arrayFirstIndex(i -> bitTest(mask, i), range(2))) AS first
    FROM (
  SELECT
    lowerUTF8(event_email) AS person,
    toUnixTimestamp64Milli(event_timestamp) AS ts,
    event_id AS id,
    connection_id AS cid,
    if(startsWith(dynamicType(event_payload.`currency`), 'Array'), NULL, CAST(event_payload.`currency`, 'Nullable(String)')) AS v0,
    multiIf(lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('true', 't', 'yes', 'y', 'on', '1'), true, lower(if(startsWith(dynamicType(event_payload.`paid`), 'Array'), NULL, CAST(event_payload.`paid`, 'Nullable(String)'))) IN ('false', 'f', 'no', 'n', 'off', '0'), false, NULL) AS v1,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v2
  FROM events FINAL
  WHERE connection_id IN {p3:Array(UUID)}
    AND event_email != ''
    AND ifNull(v2 > {p4:Float64}, 0)
)
    WHERE mask != 0
  )
  GROUP BY person
  HAVING depth > 0
)
GROUP BY GROUPING SETS ((d), ())
ORDER BY g DESC, n DESC, d NULLS LAST
LIMIT 102
-- p0 = "604800000"
-- p1 = "[11111111-1111-4111-8111-111111111111]"
-- p2 = "1"
-- p3 = "[11111111-1111-4111-8111-111111111111 22222222-2222-4222-8222-222222222222]"
-- p4 = "5"
