-- What people said of incidents: one row for each word, the newest has the highest version.

CREATE TABLE IF NOT EXISTS {{database}}.verdicts
(
    incident_id String,
    version UInt32,
    verdict LowCardinality(String),
    who String,
    reason String,
    at DateTime64(6, 'UTC'),
    said_at DateTime64(3, 'UTC'),
    policy LowCardinality(String),
    detector LowCardinality(String),
    opened_at DateTime64(6, 'UTC'),
    subject_kind LowCardinality(String),
    subject_value String,
    stored DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(opened_at)
ORDER BY (incident_id, version)
TTL stored + toIntervalDay({{days_incidents}})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
