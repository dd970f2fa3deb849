-- What the subject of an incident did around it
-- question: What did this caller do shortly before and after, request by request?
-- param: incident= id of the incident
-- param: minutes=30 minutes before the first and after the last evidence
WITH
    (SELECT subject_value FROM incidents FINAL WHERE id = {incident:String}) AS subject,
    (SELECT transaction_ids FROM incidents FINAL WHERE id = {incident:String}) AS evidence_ids,
    (SELECT updated_at FROM incidents FINAL WHERE id = {incident:String}) AS last_time,
    (SELECT opened_at FROM incidents FINAL WHERE id = {incident:String}) AS first_time
SELECT
    ts,
    method,
    endpoint,
    path,
    status,
    round(duration_us / 1000, 1) AS duration_ms,
    response_body_bytes,
    client_address,
    principal_kind,
    principal_display,
    has(evidence_ids, toString(id)) AS evidence
FROM transactions FINAL
WHERE ts >= first_time - toIntervalMinute({minutes:UInt32}) AND ts <= last_time + toIntervalMinute({minutes:UInt32})
    AND (principal_id = subject OR client_address = subject OR principal_display = subject)
ORDER BY ts
LIMIT 1000
