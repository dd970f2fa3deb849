-- Routes that hardly anybody uses any more
-- question: Which established routes were not asked for in the last days, and could go?
-- param: days=30 not since so many days
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalDay({days:UInt32}) AS since_time
SELECT
    service,
    endpoint,
    first_seen,
    last_seen,
    requests,
    callers
FROM routes FINAL
WHERE state = 'established' AND last_seen < since_time
ORDER BY last_seen
LIMIT 200
