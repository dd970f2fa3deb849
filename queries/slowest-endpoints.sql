-- Slowest endpoints
-- question: Which endpoints take longest, for most and for the unlucky?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
-- param: min_requests=10 fewest requests
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    service,
    endpoint,
    sum(requests) AS total,
    round(arrayElement(quantilesTDigestMerge(0.5, 0.95, 0.99)(durations) AS q, 1) / 1000, 1) AS p50_ms,
    round(q[2] / 1000, 1) AS p95_ms,
    round(q[3] / 1000, 1) AS p99_ms
FROM endpoint_minute
WHERE minute >= toStartOfMinute(since_time) AND minute < until_time
GROUP BY service, endpoint
HAVING total >= {min_requests:UInt64}
ORDER BY p95_ms DESC
LIMIT 50
