-- What the API is and who calls it, as the inventory has it: routes with parameters, identities and sensitive fields, and callers.
-- One row per state: read with FINAL. `route` and `client` are the whole as JSON. A route whose path turned out to vary has the
-- state `merged`, and the route that it belongs to in `merged_into`.

CREATE TABLE IF NOT EXISTS {{database}}.routes
(
    service LowCardinality(String),
    endpoint LowCardinality(String),
    version UInt64,
    state LowCardinality(String),
    merged_into LowCardinality(String),
    first_seen DateTime64(6, 'UTC'),
    last_seen DateTime64(6, 'UTC'),
    requests UInt64,
    callers UInt64,
    granted_anonymously UInt64,
    enforced LowCardinality(String),
    identities Array(LowCardinality(String)),
    sensitive Array(LowCardinality(String)),
    route String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (service, endpoint)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{database}}.clients
(
    kind LowCardinality(String),
    id String,
    version UInt64,
    display String,
    role LowCardinality(String),
    labels Array(LowCardinality(String)),
    first_seen DateTime64(6, 'UTC'),
    last_seen DateTime64(6, 'UTC'),
    requests UInt64,
    endpoints UInt64,
    addresses UInt64,
    refused_share Float64,
    client String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (kind, id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
