-- Cross-account use: calls on resources of another account than the caller's, and roles assumed from elsewhere.
SELECT account, resource_account, principal, workload, action, SUM(calls) AS calls, MAX(last_seen) AS last_seen
FROM usage
WHERE resource_account IS NOT NULL AND resource_account <> account
GROUP BY account, resource_account, principal, workload, action
ORDER BY account, resource_account, principal, action, workload
