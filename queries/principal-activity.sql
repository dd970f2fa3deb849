-- What one caller touched
-- question: Which endpoints did this principal use, how often, with what outcome?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
-- param: principal= id or display of the principal
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    service,
    endpoint,
    count() AS requests,
    countIf(status >= 200 AND status < 300) AS answered,
    countIf(status >= 400 AND status < 500) AS refused,
    countIf(status >= 500) AS failed,
    uniqExact(path) AS paths,
    sum(response_body_bytes) AS response_bytes,
    groupUniqArray(5)(client_address) AS addresses,
    min(ts) AS first_request,
    max(ts) AS last_request
FROM transactions FINAL
WHERE ts >= since_time AND ts < until_time
    AND (principal_id = {principal:String} OR principal_display = {principal:String})
GROUP BY service, endpoint
ORDER BY requests DESC
LIMIT 200
