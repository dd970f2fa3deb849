-- Whether a route is in a description of the API: `yes`, `no`, or empty where nothing is written about its service, or nobody asked yet.

ALTER TABLE {{database}}.routes ADD COLUMN IF NOT EXISTS documented LowCardinality(String) AFTER enforced;
