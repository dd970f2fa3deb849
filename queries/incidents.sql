-- Incidents with their outcome
-- question: What was opened or went on, how bad was it, and what came of it?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    id,
    severity,
    status,
    detector,
    title,
    subject_kind,
    subject_value,
    service,
    opened_at,
    updated_at,
    signal_count,
    transaction_count,
    round(p_success, 2) AS p_success,
    objects_exposed,
    length(accounts) AS accounts,
    actions
FROM incidents FINAL
WHERE updated_at >= since_time AND opened_at < until_time
ORDER BY indexOf(['critical', 'high', 'medium', 'low'], severity), updated_at DESC
LIMIT 200
