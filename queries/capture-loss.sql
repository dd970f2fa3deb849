-- What each source did not see, by minute
-- question: When was the sensor blind, and by how much?
-- param: hours=24 how far back, in hours
-- param: until=now the end: a time (UTC), or now
WITH
    coalesce(parseDateTime64BestEffortOrNull({until:String}, 6, 'UTC'), now64(6, 'UTC')) AS until_time,
    until_time - toIntervalHour({hours:UInt32}) AS since_time,
    extract(name, '[a-z_]+$') AS field
SELECT
    minute,
    substring(name, 1, length(name) - length(field) - 1) AS source,
    sumIf(count, field = 'frames') AS frames,
    sumIf(count, field = 'bytes') AS bytes,
    sumIf(count, field = 'unseen_bytes') AS unseen_bytes,
    sumIf(count, field = 'cut_bytes') AS cut_bytes,
    sumIf(count, field IN ('kernel_drops', 'interface_drops', 'shed_frames')) AS dropped_frames,
    round(greatest(
        (unseen_bytes + cut_bytes) / greatest(bytes + unseen_bytes, 1),
        dropped_frames / greatest(frames, 1)
    ), 6) AS lost
FROM capture_quality
WHERE stage = 'source' AND minute >= toStartOfMinute(since_time) AND minute < until_time
GROUP BY minute, source
ORDER BY lost DESC, minute, source
LIMIT 500
