-- Routes that give sensitive data without an identity
-- question: Which routes carry personal data or secrets, and answer callers that show nothing of who they are?
SELECT
    service,
    endpoint,
    sensitive,
    granted_anonymously,
    requests,
    callers,
    last_seen
FROM routes FINAL
WHERE state != 'merged' AND enforced = 'no' AND notEmpty(sensitive)
ORDER BY granted_anonymously DESC
LIMIT 200
