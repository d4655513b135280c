-- PassRole: who handed which role (or instance profile, by its name) to an AWS service. CloudTrail never shows it; the calls that did it do.
SELECT principal, workload, resource AS role, event, SUM(calls) AS calls, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen
FROM usage
WHERE action = 'iam:PassRole'
GROUP BY principal, workload, resource, event
ORDER BY principal, role, event, workload
