-- First seen this month: actions that a principal had never used before the month of the last event in the store.
--
-- New use is where new grants are needed, and where stolen credentials show.
SELECT a.principal, a.workload, a.action, a.first_seen, a.calls
FROM (
  SELECT principal, workload, action, MIN(first_seen) AS first_seen, SUM(calls) AS calls
  FROM usage
  WHERE outcome = 'used' AND action IS NOT NULL AND principal IS NOT NULL
  GROUP BY principal, workload, action
) AS a
CROSS JOIN (SELECT MAX(last_seen) AS latest FROM usage) AS m
WHERE STRFTIME(a.first_seen, '%Y-%m') = STRFTIME(m.latest, '%Y-%m')
ORDER BY a.first_seen, a.principal, a.action
