-- Grain: a conversation and an hour it touches, with the agent's start-up (up to 5 s before it names
-- itself) and its end (up to 1 s after), at most half the way to the conversation beside it.
-- Conversations of one service that overlap are left out: nothing may be merged there.
SELECT
    service_name,
    run_id,
    lead_in_ns AS start_ns,
    lead_out_ns AS end_ns,
    unnest(range(lead_in_ns // 3600000000000, lead_out_ns // 3600000000000 + 1)) AS hour
FROM (
    SELECT
        service_name,
        run_id,
        greatest(
            start_ns - 5000000000,
            coalesce(start_ns - (start_ns - earlier_end_ns) // 2, 0)
        ) AS lead_in_ns,
        least(
            end_ns + 1000000000,
            coalesce(end_ns + (next_start_ns - end_ns) // 2, end_ns + 1000000000)
        ) AS lead_out_ns
    FROM (
        SELECT
            service_name,
            run_id,
            start_ns,
            end_ns,
            max(end_ns) OVER (
                PARTITION BY service_name ORDER BY start_ns, run_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS earlier_end_ns,
            lead(start_ns) OVER (
                PARTITION BY service_name ORDER BY start_ns, run_id
            ) AS next_start_ns
        FROM (
            SELECT service_name, run_id, min(start_ns) AS start_ns, max(end_ns) AS end_ns
            FROM conversation
            GROUP BY service_name, run_id
        )
        WHERE start_ns > 0 AND end_ns BETWEEN start_ns AND start_ns + 30 * 86400000000000
    )
    WHERE coalesce(earlier_end_ns < start_ns, true) AND coalesce(next_start_ns > end_ns, true)
)
