-- Endpoints seen for the first time
-- question: What is there now that was not there before?
-- param: hours=168 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    service,
    endpoint,
    min(endpoints.first_seen) AS first_seen,
    max(endpoints.last_seen) AS last_seen,
    sum(endpoints.requests) AS requests,
    uniqCombined64Merge(12)(endpoints.callers) AS callers,
    sum(endpoints.unauthenticated) AS answered_without_authentication
FROM endpoints
GROUP BY service, endpoint
HAVING first_seen >= since_time AND first_seen < until_time
ORDER BY first_seen DESC
LIMIT 200
