-- Long-lived keys: IAM users whose access keys were used. Roles need none.
SELECT s.account, s.arn, s.access_key, SUM(c.calls) AS calls, MAX(c.last_seen) AS last_seen
FROM calls AS c
JOIN sessions AS s ON s.session = c.session
WHERE s.kind = 'IAMUser' AND s.access_key LIKE 'AKIA%'
GROUP BY s.account, s.arn, s.access_key
ORDER BY account, arn, access_key
