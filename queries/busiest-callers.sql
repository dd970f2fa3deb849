-- Callers by requests
-- question: Who uses the API most, hour by hour, and with what outcome?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    principal_kind,
    principal_id,
    max(principal_hour.principal_display) AS caller,
    sum(principal_hour.requests) AS requests,
    sum(principal_hour.answered) AS answered,
    sum(principal_hour.refused) AS refused,
    sum(principal_hour.failed) AS failed,
    uniqCombined64Merge(12)(principal_hour.endpoints) AS endpoints,
    uniqCombined64Merge(12)(principal_hour.paths) AS paths,
    sum(principal_hour.response_bytes) AS response_bytes,
    uniqExact(hour) AS hours
FROM principal_hour
WHERE hour >= toStartOfHour(since_time) AND hour < until_time
GROUP BY principal_kind, principal_id
ORDER BY requests DESC
LIMIT 100
