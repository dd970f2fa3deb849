-- Callers seen for the first time
-- question: Who calls that did not call before, what are they, and how much was refused to them?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    kind,
    display,
    role,
    first_seen,
    requests,
    endpoints,
    addresses,
    refused_share
FROM clients FINAL
WHERE first_seen >= since_time AND first_seen < until_time
ORDER BY requests DESC
LIMIT 200
