-- Signals by detector
-- question: What was noticed, also where no incident was opened?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    detector,
    severity,
    count() AS signals,
    uniqExact(subject_value) AS subjects,
    round(max(score), 3) AS highest_score,
    argMax(why, score) AS example,
    max(ts) AS last_signal
FROM signals FINAL
WHERE ts >= since_time AND ts < until_time
GROUP BY detector, severity
ORDER BY highest_score DESC, signals DESC
LIMIT 100
