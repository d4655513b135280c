-- Shared roles: principals that more than one workload uses. Each could be split.
SELECT principal, COUNT(DISTINCT workload) AS workloads, SUM(calls) AS calls
FROM calls
WHERE workload IS NOT NULL AND principal IS NOT NULL
GROUP BY principal
HAVING COUNT(DISTINCT workload) > 1
ORDER BY workloads DESC, principal
