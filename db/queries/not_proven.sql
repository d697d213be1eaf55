-- Units of a lot that no agent of ours answers for, and what is therefore not known about them. No row: there is none.
SELECT 'no agent of ours' || coalesce(': ' || not_proven, '') AS not_proven, count(*) AS units, sum(state = 'passed') AS passed
FROM v_unit WHERE agentless AND lot = :lot GROUP BY 1 ORDER BY 1;
