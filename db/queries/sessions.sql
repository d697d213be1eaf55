SELECT session, operator, policy, software, started, ended, end_kind, lasted_us, makespan_us, lower_bound_us
FROM v_session WHERE lot = :lot ORDER BY session;
