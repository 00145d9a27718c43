SELECT
  fromUnixTimestamp64Milli(t, 'Europe/Berlin') AS `time`,
  v0 AS `currency`,
  e1 AS `sku`,
  count() AS `count`,
  ifNull(sum(v2), 0) AS `sum(revenue)`,
  fromUnixTimestamp64Milli(max(v3), 'UTC') AS `max(due)`
FROM (
  SELECT
    toUnixTimestamp64Milli(event_timestamp) - positiveModulo(toUnixTimestamp64Milli(event_timestamp) + timezoneOffset(toTimeZone(event_timestamp, 'Europe/Berlin')) * 1000, 3600000) AS t,
    if(startsWith(dynamicType(event_payload.`currency`), 'Array'), NULL, CAST(event_payload.`currency`, 'Nullable(String)')) AS v0,
    if(startsWith(dynamicType(event_payload.`items`), 'Array(JSON'), CAST(arrayMap(e -> if(startsWith(dynamicType(e), 'Array'), NULL, CAST(e, 'Nullable(String)')), event_payload.`items`[].`sku`), 'Array(Nullable(String))'), CAST(arrayMap(e0 -> multiIf(JSONExtractRaw(e0, 'sku') IN ('', 'null'), NULL, startsWith(JSONExtractRaw(e0, 'sku'), '"'), JSONExtractString(JSONExtractRaw(e0, 'sku')), startsWith(JSONExtractRaw(e0, 'sku'), '[') OR startsWith(JSONExtractRaw(e0, 'sku'), '{'), NULL, JSONExtractRaw(e0, 'sku')), JSONExtractArrayRaw(ifNull(toJSONString(event_payload.`items`), ''))), 'Array(Nullable(String))')) AS v1,
    if(isFinite(toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)')))), toFloat64OrNull(if(startsWith(dynamicType(event_payload.`order`.`total`), 'Array'), NULL, CAST(event_payload.`order`.`total`, 'Nullable(String)'))) + 0, NULL) AS v2,
    if(match(ifNull(if(startsWith(dynamicType(event_payload.`due`), 'Array'), NULL, CAST(event_payload.`due`, 'Nullable(String)')), ''), '^(19|2[0-2])[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$'), toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(if(startsWith(dynamicType(event_payload.`due`), 'Array'), NULL, CAST(event_payload.`due`, 'Nullable(String)')), 3, 'UTC')), NULL) AS v3,
    connection_id AS cid
  FROM events
  WHERE connection_id IN ['11111111-1111-4111-8111-111111111111','22222222-2222-4222-8222-222222222222']
    AND event_timestamp >= fromUnixTimestamp64Milli(1764543600000, 'UTC')
    AND event_timestamp < fromUnixTimestamp64Milli(1767222000000, 'UTC')
    AND NOT ifNull(v0 = 'it\'s', 0)
)
LEFT ARRAY JOIN v1 AS e1
GROUP BY t, v0, e1
ORDER BY 1 NULLS LAST, 2 NULLS LAST, 3 NULLS LAST
LIMIT 1000
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_unaligned_array_join = 1, json_type_escape_dots_in_keys = 1, enable_positional_arguments = 1
