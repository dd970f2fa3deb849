-- Endpoints by share of errors
-- question: Where do requests fail most?
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
    sumIf(requests, status_class = 5) AS server_errors,
    sumIf(requests, status_class = 4) AS client_errors,
    round(server_errors / total, 4) AS server_error_share,
    round(client_errors / total, 4) AS client_error_share
FROM endpoint_minute
WHERE minute >= toStartOfMinute(since_time) AND minute < until_time
GROUP BY service, endpoint
HAVING total >= {min_requests:UInt64}
ORDER BY server_error_share DESC, client_error_share DESC, total DESC
LIMIT 100
