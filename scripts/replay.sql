-- replay.sql: sends the reports of a loaded log through record_progress. Each runs
-- in its own transaction, signed in as its learner as PostgREST does.
--   -v order=COLUMNS  of demo.statements: sent_at, line DESC, ... (line)
--   -v times=N        how many times over (1)
--   -v threshold=N    content_library.completion_threshold (90)

\if :{?order}
\else
	\set order line
\endif
\if :{?times}
\else
	\set times 1
\endif
\if :{?threshold}
\else
	\set threshold 90
\endif

LOAD 'content_library';
SET content_library.completion_threshold = :threshold;

CREATE TEMPORARY TABLE queue AS
SELECT row_number() OVER (ORDER BY time, :order) AS number,
	   lesson_id, watched_pct, position_seconds,
	   json_build_object('sub', user_id, 'role', 'authenticated')::text AS claims
FROM demo.statements, generate_series(1, :times) AS time
WHERE watched_pct IS NOT NULL;

DO $$
DECLARE
	total CONSTANT bigint := count(*) FROM queue;
	started CONSTANT timestamptz := clock_timestamp();
	told timestamptz := started;
	report record;
BEGIN
	FOR report IN SELECT * FROM queue ORDER BY number LOOP
		PERFORM set_config('role', 'authenticated', true),
				set_config('request.jwt.claims', report.claims, true);
		PERFORM record_progress(report.lesson_id, report.watched_pct, report.position_seconds);
		COMMIT;

		IF report.number = total OR clock_timestamp() > told + interval '0.5 s' THEN
			told := clock_timestamp();
			RAISE NOTICE '% of % reports', to_char(report.number, 'FM999,999,990'),
				to_char(total, 'FM999,999,990');
		END IF;
	END LOOP;

	INSERT INTO demo.replays (reports, threshold, seconds)
	VALUES (total, current_setting('content_library.completion_threshold')::integer,
			extract(epoch FROM clock_timestamp() - started));
END
$$;
