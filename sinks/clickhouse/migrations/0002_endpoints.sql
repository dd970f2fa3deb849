-- The inventory: every endpoint ever stored, since when, until when, and by how many callers. Filled from the transactions that are there.
--
-- The table is emptied first: a migration that was interrupted runs again from its start, and nothing is inserted meanwhile.

CREATE TABLE IF NOT EXISTS {{database}}.endpoints
(
    service LowCardinality(String),
    endpoint LowCardinality(String),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    requests SimpleAggregateFunction(sum, UInt64),
    unauthenticated SimpleAggregateFunction(sum, UInt64),
    callers AggregateFunction(uniqCombined64(12), String)
)
ENGINE = AggregatingMergeTree
ORDER BY (service, endpoint)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

TRUNCATE TABLE {{database}}.endpoints;

INSERT INTO {{database}}.endpoints
SELECT
    service,
    endpoint,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    count() AS requests,
    countIf(principal_kind IN ('ip', 'device') AND status >= 200 AND status < 300) AS unauthenticated,
    uniqCombined64State(12)(principal_id) AS callers
FROM {{database}}.transactions FINAL
WHERE endpoint != ''
GROUP BY service, endpoint;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.endpoints_feed TO {{database}}.endpoints AS
SELECT
    service,
    endpoint,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    count() AS requests,
    countIf(principal_kind IN ('ip', 'device') AND status >= 200 AND status < 300) AS unauthenticated,
    uniqCombined64State(12)(principal_id) AS callers
FROM {{database}}.transactions
WHERE endpoint != ''
GROUP BY service, endpoint;
