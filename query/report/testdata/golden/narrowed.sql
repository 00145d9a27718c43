SELECT
  v0 AS d0,
  count() AS m0,
  toUInt8(grouping(v0) != 0) AS g,
  count() AS n
FROM (
  SELECT
    materialize({p0:String}) AS v0,
    connection_id AS cid
  FROM events FINAL
  WHERE connection_id IN {p1:Array(UUID)}
)
GROUP BY GROUPING SETS ((v0), ())
ORDER BY g DESC, m0 DESC NULLS LAST, d0 NULLS LAST
LIMIT 102
-- p0 = "lead"
-- p1 = "[22222222-2222-4222-8222-222222222222]"
