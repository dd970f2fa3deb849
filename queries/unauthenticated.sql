-- What was answered without authentication
-- question: Which endpoints gave an answer to callers that showed nothing of who they are?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    service,
    endpoint,
    count() AS answered,
    uniqExact(principal_id) AS callers,
    sum(response_body_bytes) AS response_bytes,
    max(ts) AS last_request
FROM transactions FINAL
WHERE ts >= since_time AND ts < until_time
    AND principal_kind IN ('ip', 'device') AND status >= 200 AND status < 300
GROUP BY service, endpoint
ORDER BY answered DESC
LIMIT 200
