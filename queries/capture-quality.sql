-- What came in, what was lost, what was odd
-- question: How much of the traffic was seen whole, and why not the rest?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    stage,
    name,
    sum(capture_quality.count) AS total,
    round(total / max(if(stage IN ('weird', 'counter', 'source'), 0, total_in.total_in)), 6) AS share
FROM capture_quality
LEFT JOIN
(
    SELECT stage, sum(count) AS total_in
    FROM capture_quality
    WHERE name = 'in' AND minute >= toStartOfMinute(since_time) AND minute < until_time
    GROUP BY stage
) AS total_in USING (stage)
WHERE minute >= toStartOfMinute(since_time) AND minute < until_time
GROUP BY stage, name
ORDER BY indexOf(['frames', 'bytes', 'messages', 'pairs', 'weird', 'counter', 'source'], stage), name != 'in', total DESC
LIMIT 500
