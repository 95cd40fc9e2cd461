-- replay.sql: sends the reports of a loaded log through record_progress. Each runs
-- in its own transaction, signed in as its learner as PostgREST does.
--   -v order=COLUMNS     of demo.statements: sent_at, line DESC, ... (line)
--   -v times=N           how many times over (1)
--   -v threshold=N       content_library.completion_threshold (90)
--   -v progress_by=watch sends only what was played, and the seconds of that make
--                        the percentage (report: the percentage is sent, too)

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
\if :{?progress_by}
\else
	\set progress_by report
\endif

LOAD 'content_library';
SET content_library.completion_threshold = :threshold;
-- A log is replayed faster than anybody watches, and its dates need not be in order.
SET content_library.max_playback_rate = 0;
UPDATE courses SET progress_by = :'progress_by' WHERE progress_by <> :'progress_by';

CREATE TEMPORARY TABLE queue AS
SELECT row_number() OVER (ORDER BY time, :order) AS number,
	   lesson_id, CASE WHEN :'progress_by' = 'report' THEN watched_pct END AS watched_pct, position_seconds, played,
	   json_build_object('sub', user_id, 'role', 'authenticated')::text AS claims
FROM demo.statements, generate_series(1, :times) AS time
WHERE CASE WHEN :'progress_by' = 'report' THEN watched_pct IS NOT NULL ELSE played IS NOT NULL END;

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
		PERFORM record_progress(report.lesson_id, report.watched_pct, report.position_seconds, played => report.played);
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
