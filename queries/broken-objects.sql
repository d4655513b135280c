-- Broken objects: log objects that could not be read to their end; what they held is missing from every answer.
SELECT name, fate, events, issues
FROM objects
WHERE issues IS NOT NULL
ORDER BY name
