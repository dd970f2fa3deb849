-- Callers by different objects read
-- question: Who reads more different objects of an endpoint than the others do?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    service,
    endpoint,
    principal_kind,
    principal_id,
    any(principal_display) AS caller,
    uniqExact(path) AS objects,
    round(avg(objects) OVER (PARTITION BY service, endpoint), 1) AS mean_of_callers,
    count() AS requests,
    sum(response_body_bytes) AS response_bytes
FROM transactions FINAL
WHERE ts >= since_time AND ts < until_time
    AND status >= 200 AND status < 300 AND position(endpoint, '{') > 0
GROUP BY service, endpoint, principal_kind, principal_id
ORDER BY objects DESC
LIMIT 100
