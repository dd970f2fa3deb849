-- Actions taken and taken back
-- question: What was done, to whom, for which incident, and does it still hold?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    id,
    state,
    mode,
    simulated,
    connector,
    target_kind,
    target_value,
    incident_id,
    policy,
    proposed_at,
    changed_at,
    lease_until,
    reason,
    error
FROM actions FINAL
WHERE changed_at >= since_time AND proposed_at < until_time
ORDER BY proposed_at DESC
LIMIT 200
