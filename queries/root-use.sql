-- Root use: every kind of call an account's root user made, refused ones included.
SELECT account, source, event, outcome, SUM(calls) AS calls, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen
FROM calls
WHERE kind = 'Root'
GROUP BY account, source, event, outcome
ORDER BY account, first_seen, event
