-- Callers that were refused or missed many objects
-- question: Who tried ids that are not theirs or do not exist, and how many did they get?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
-- param: min_refused=5 fewest different paths refused
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    principal_kind,
    principal_id,
    any(principal_display) AS caller,
    service,
    endpoint,
    uniqExactIf(path, status IN (401, 403, 404)) AS paths_refused,
    uniqExactIf(path, status >= 200 AND status < 300) AS paths_answered,
    min(ts) AS first_request,
    max(ts) AS last_request
FROM transactions FINAL
WHERE ts >= since_time AND ts < until_time AND endpoint != ''
GROUP BY principal_kind, principal_id, service, endpoint
HAVING paths_refused >= {min_refused:UInt64}
ORDER BY paths_refused DESC, paths_answered DESC
LIMIT 100
