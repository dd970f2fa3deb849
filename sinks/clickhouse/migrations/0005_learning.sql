-- What analyzers of one input learnt of endpoints and services, told to each other: the newest row of each analyzer and part holds.
-- `learning` are JSON Lines, and `seal` an HMAC of the row under the privacy key: a row of anybody else is not believed. Whoever has
-- told nothing for a week is forgotten.

CREATE TABLE IF NOT EXISTS {{database}}.learning
(
    key_id LowCardinality(String),
    audience String,
    analyzer String,
    part LowCardinality(String),
    version UInt32,
    learnt_until DateTime64(6, 'UTC'),
    seal String,
    learning String CODEC(ZSTD(3)),
    stored DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY (key_id, audience, analyzer, part)
TTL toDateTime(stored) + toIntervalDay(7)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
