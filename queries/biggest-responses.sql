-- Most data by caller
-- question: Who took the most data out, and where?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    principal_kind,
    principal_id,
    any(principal_display) AS caller,
    service,
    endpoint,
    sum(response_body_bytes) AS total_bytes,
    max(response_body_bytes) AS largest_response,
    count() AS requests
FROM transactions FINAL
WHERE ts >= since_time AND ts < until_time AND status >= 200 AND status < 300
GROUP BY principal_kind, principal_id, service, endpoint
ORDER BY total_bytes DESC
LIMIT 100
