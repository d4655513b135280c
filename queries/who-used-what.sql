-- Who used what: each workload with the actions it used, how often, and when first and last.
--
-- A workload that nothing proves is shown as null: see `unattributed`.
SELECT workload, principal, action, SUM(calls) AS calls, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen
FROM usage
WHERE outcome = 'used' AND action IS NOT NULL AND principal IS NOT NULL
GROUP BY workload, principal, action
ORDER BY workload, principal, action
