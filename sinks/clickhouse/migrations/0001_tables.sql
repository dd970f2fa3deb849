-- What is stored, and the roll-ups that charts and lists read.
--
-- Rules: low-cardinality columns first in a key, then coarse time, the unique id last. One partition a day, so that old days are dropped
-- whole. `stored` is when the row came in: rows are kept so many days from then, so a capture of last year can be read today. Nothing is Nullable: what is
-- unknown is 0, '' or [].
--
-- A statement ends with a semicolon at the end of a line. {{database}} and {{days_*}} are filled in.

CREATE TABLE IF NOT EXISTS {{database}}.transactions
(
    id String CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    end_ts DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_us UInt64 CODEC(T64, ZSTD(1)),
    client_ip IPv6 CODEC(ZSTD(1)),
    client_port UInt16 CODEC(T64, ZSTD(1)),
    server_ip IPv6 CODEC(ZSTD(1)),
    server_port UInt16 CODEC(T64, ZSTD(1)),
    http_version LowCardinality(String),
    method LowCardinality(String),
    scheme LowCardinality(String),
    host LowCardinality(String),
    path String CODEC(ZSTD(1)),
    query String CODEC(ZSTD(1)),
    endpoint LowCardinality(String),
    service LowCardinality(String),
    status UInt16 CODEC(T64, ZSTD(1)),
    request_body_bytes UInt64 CODEC(T64, ZSTD(1)),
    response_body_bytes UInt64 CODEC(T64, ZSTD(1)),
    principal_kind LowCardinality(String),
    principal_id String CODEC(ZSTD(1)),
    principal_display String CODEC(ZSTD(1)),
    principal_via LowCardinality(String),
    principal_app String CODEC(ZSTD(1)),
    claims_iss LowCardinality(String),
    claims_sub String CODEC(ZSTD(1)),
    claims_tenant LowCardinality(String),
    claims_role Array(LowCardinality(String)),
    claims_scope Array(LowCardinality(String)),
    claims_alg LowCardinality(String),
    claims_kid LowCardinality(String),
    claims_iat UInt32 CODEC(T64, ZSTD(1)),
    claims_exp UInt32 CODEC(T64, ZSTD(1)),
    forwarded Array(String) CODEC(ZSTD(1)),
    consumer LowCardinality(String),
    tls_sni LowCardinality(String),
    tls_ja4 LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    state LowCardinality(String),
    pairing LowCardinality(String),
    weirds Array(LowCardinality(String)),
    truncated Array(LowCardinality(String)),
    login_account String CODEC(ZSTD(1)),
    login_guess LowCardinality(String),
    payload_classes Array(LowCardinality(String)),
    key_id LowCardinality(String),
    source_kind LowCardinality(String),
    source_name LowCardinality(String),
    vlan UInt16 CODEC(T64, ZSTD(1)),
    vni UInt32 CODEC(T64, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() CODEC(Delta(4), ZSTD(1)),
    client_address String ALIAS replaceOne(toString(client_ip), '::ffff:', ''),
    server_address String ALIAS if(server_ip = toIPv6('::'), '', replaceOne(toString(server_ip), '::ffff:', '')),
    INDEX principal_index principal_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX client_index client_ip TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (service, toStartOfMinute(ts), id)
TTL stored + toIntervalDay({{days_transactions}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Whole transactions as native JSON, headers and bodies (redacted) included: what lists never read.
CREATE TABLE IF NOT EXISTS {{database}}.evidence
(
    id String CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    transaction String CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now() CODEC(Delta(4), ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY id
TTL stored + toIntervalDay({{days_evidence}})
SETTINGS index_granularity = 256, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{database}}.signals
(
    id FixedString(32) CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    detector LowCardinality(String),
    transaction_id String CODEC(ZSTD(1)),
    principal_kind LowCardinality(String),
    principal_id String CODEC(ZSTD(1)),
    principal_display String CODEC(ZSTD(1)),
    subject_kind LowCardinality(String),
    subject_value String CODEC(ZSTD(1)),
    endpoint LowCardinality(String),
    service LowCardinality(String),
    status UInt16 CODEC(T64, ZSTD(1)),
    severity LowCardinality(String),
    score Float32 CODEC(ZSTD(1)),
    log10_p Float32 CODEC(ZSTD(1)),
    maturity Float32 CODEC(ZSTD(1)),
    why String CODEC(ZSTD(1)),
    signal String CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now() CODEC(Delta(4), ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (detector, toStartOfMinute(ts), id)
TTL stored + toIntervalDay({{days_signals}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- One row per state: read it with FINAL. `incident` is the whole incident as JSON.
CREATE TABLE IF NOT EXISTS {{database}}.incidents
(
    id String,
    version UInt64,
    policy LowCardinality(String),
    detector LowCardinality(String),
    detectors Array(LowCardinality(String)),
    owasp LowCardinality(String),
    attack Array(LowCardinality(String)),
    severity LowCardinality(String),
    title String,
    why String,
    opened_at DateTime64(6, 'UTC'),
    updated_at DateTime64(6, 'UTC'),
    closed_at DateTime64(6, 'UTC'),
    subject_kind LowCardinality(String),
    subject_value String,
    service LowCardinality(String),
    endpoints Array(String),
    signal_count UInt32,
    transaction_count UInt32,
    p_success Float32,
    objects_exposed UInt32,
    accounts Array(String),
    maturity Float32,
    completeness Float32,
    status LowCardinality(String),
    actions Array(String),
    simulated Bool,
    transaction_ids Array(String),
    incident String CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(opened_at)
ORDER BY id
TTL stored + toIntervalDay({{days_incidents}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{database}}.incident_events
(
    incident_id String,
    at DateTime64(6, 'UTC'),
    kind LowCardinality(String),
    version UInt64,
    status LowCardinality(String),
    severity LowCardinality(String),
    signal_count UInt32,
    transaction_count UInt32,
    why String,
    stored DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (incident_id, at, kind, version)
TTL stored + toIntervalDay({{days_incidents}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- One row per state: read it with FINAL. `action` is the whole action as JSON.
CREATE TABLE IF NOT EXISTS {{database}}.actions
(
    id String,
    version UInt64,
    incident_id String,
    policy LowCardinality(String),
    step LowCardinality(String),
    connector LowCardinality(String),
    target_kind LowCardinality(String),
    target_value String,
    mode LowCardinality(String),
    simulated Bool,
    state LowCardinality(String),
    reason String,
    proposed_at DateTime64(3, 'UTC'),
    changed_at DateTime64(3, 'UTC'),
    lease_until DateTime64(3, 'UTC'),
    attempts UInt32,
    error String,
    action String CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(proposed_at)
ORDER BY id
TTL stored + toIntervalDay({{days_incidents}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What came in, was used, was lost and was odd, by minute: sum(count).
CREATE TABLE IF NOT EXISTS {{database}}.capture_quality
(
    minute DateTime('UTC'),
    stage LowCardinality(String),
    name LowCardinality(String),
    count UInt64 CODEC(T64, ZSTD(1)),
    stored SimpleAggregateFunction(max, DateTime('UTC')) DEFAULT now()
)
ENGINE = SummingMergeTree(count)
PARTITION BY toDate(minute)
ORDER BY (stage, name, minute)
TTL stored + toIntervalDay({{days_signals}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{database}}.endpoint_minute
(
    service LowCardinality(String),
    endpoint LowCardinality(String),
    minute DateTime('UTC'),
    status_class UInt8,
    requests SimpleAggregateFunction(sum, UInt64),
    callers AggregateFunction(uniqCombined64(12), String),
    durations AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64),
    request_bytes SimpleAggregateFunction(sum, UInt64),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    stored SimpleAggregateFunction(max, DateTime('UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (service, endpoint, minute, status_class)
TTL stored + toIntervalDay({{days_transactions}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.endpoint_minute_feed TO {{database}}.endpoint_minute AS
SELECT
    service,
    endpoint,
    toStartOfMinute(toDateTime(ts, 'UTC')) AS minute,
    toUInt8(intDiv(status, 100)) AS status_class,
    count() AS requests,
    uniqCombined64State(12)(principal_id) AS callers,
    quantilesTDigestState(0.5, 0.95, 0.99)(duration_us) AS durations,
    sum(request_body_bytes) AS request_bytes,
    sum(response_body_bytes) AS response_bytes,
    max(transactions.stored) AS stored
FROM {{database}}.transactions
GROUP BY service, endpoint, minute, status_class;

CREATE TABLE IF NOT EXISTS {{database}}.principal_hour
(
    principal_kind LowCardinality(String),
    principal_id String CODEC(ZSTD(1)),
    hour DateTime('UTC'),
    service LowCardinality(String),
    principal_display SimpleAggregateFunction(max, String),
    requests SimpleAggregateFunction(sum, UInt64),
    answered SimpleAggregateFunction(sum, UInt64),
    refused SimpleAggregateFunction(sum, UInt64),
    failed SimpleAggregateFunction(sum, UInt64),
    endpoints AggregateFunction(uniqCombined64(12), String),
    paths AggregateFunction(uniqCombined64(12), String),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    stored SimpleAggregateFunction(max, DateTime('UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (principal_kind, principal_id, hour, service)
TTL stored + toIntervalDay({{days_transactions}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.principal_hour_feed TO {{database}}.principal_hour AS
SELECT
    principal_kind,
    principal_id,
    toStartOfHour(toDateTime(ts, 'UTC')) AS hour,
    service,
    max(principal_display) AS principal_display,
    count() AS requests,
    countIf(status >= 200 AND status < 300) AS answered,
    countIf(status >= 400 AND status < 500) AS refused,
    countIf(status >= 500) AS failed,
    uniqCombined64State(12)(toString(endpoint)) AS endpoints,
    uniqCombined64State(12)(path) AS paths,
    sum(response_body_bytes) AS response_bytes,
    max(transactions.stored) AS stored
FROM {{database}}.transactions
GROUP BY principal_kind, principal_id, hour, service;
