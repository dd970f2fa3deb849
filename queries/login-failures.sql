-- Failed logins by source
-- question: From which addresses do logins fail, and for how many accounts?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
-- param: min_failures=3 fewest failures
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time
SELECT
    client_address,
    service,
    countIf(status >= 400 AND status < 500) AS failures,
    countIf(status < 400) AS successes,
    uniqExact(login_account) AS accounts,
    countIf(login_guess = 'repeated') AS same_guess_again,
    countIf(login_guess = 'shared') AS guess_of_another_account,
    min(ts) AS first_try,
    max(ts) AS last_try
FROM transactions FINAL
WHERE ts >= since_time AND ts < until_time AND login_guess != ''
GROUP BY client_address, service
HAVING failures >= {min_failures:UInt64}
ORDER BY failures DESC
LIMIT 100
