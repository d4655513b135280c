-- Dormant roles: roles of the snapshot (--iam) without a call in the last 30 days of the store; those never seen come first.
--
-- Unseen is not unused: read the report's coverage before a role is deleted.
SELECT r.account, r.name, r.arn, r.calls, r.last_seen
FROM roles AS r
CROSS JOIN (SELECT MAX(last_seen) AS latest FROM calls) AS m
WHERE r.last_seen IS NULL OR r.last_seen < m.latest - INTERVAL '30 days'
ORDER BY r.last_seen, r.arn
