-- Unattributed: calls with a principal's permissions of which nothing proves the workload, with the reason.
SELECT principal, reason, SUM(calls) AS calls, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen
FROM calls
WHERE workload IS NULL AND principal IS NOT NULL
GROUP BY principal, reason
ORDER BY calls DESC, principal, reason
