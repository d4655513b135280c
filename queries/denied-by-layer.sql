-- Denied by layer: refused calls by the layer that refused (identity, boundary, scp, rcp, session, resource, trust, vpc-endpoint, unknown).
SELECT layer, explicit, principal, action, SUM(calls) AS calls, MAX(last_seen) AS last_seen
FROM usage
WHERE outcome = 'denied'
GROUP BY layer, explicit, principal, action
ORDER BY layer, explicit, principal, action
