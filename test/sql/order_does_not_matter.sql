-- order_does_not_matter: R2. The same reports in any order, with any repeats,
-- leave the same percentage and completion.

BEGIN;
CALL test.make_course('order', 1);
CALL test.make_learner('order-ann', 'order');

-- Reports SERIES on a lesson of its own; returns where that leaves the learner.
CREATE FUNCTION test.report_series(series integer[]) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	lesson uuid := gen_random_uuid();
	report integer;
	answer text;
BEGIN
	INSERT INTO lessons (id, module_id, title) VALUES (lesson, test.id('order/m'), 'Order');
	CALL test.sign_in('order-ann');
	SET LOCAL ROLE authenticated;
	FOREACH report IN ARRAY series LOOP
		PERFORM record_progress(lesson, report, 600 - report);
	END LOOP;
	SELECT concat_ws(' ', watched_pct, completed, completed_at IS NOT NULL)
	INTO answer FROM content_progress WHERE lesson_id = lesson;
	RESET ROLE;
	RETURN answer;
END
$$;

-- The permutations of a set; and, with repeats, each followed by itself backwards.
CREATE FUNCTION test.permutations(rest integer[], head integer[] DEFAULT '{}') RETURNS SETOF integer[]
LANGUAGE sql
AS $$
	SELECT head WHERE rest = '{}'
	UNION ALL
	SELECT p FROM unnest(rest) AS r
	CROSS JOIN test.permutations(array_remove(rest, r), head || r) AS p
$$;

CREATE FUNCTION test.outcomes(reports integer[], OUT orders bigint, OUT answer text) RETURNS SETOF record
LANGUAGE sql
AS $$
	SELECT count(*), test.report_series(series)
	FROM (
		SELECT p FROM test.permutations(reports) AS p
		UNION ALL
		SELECT p || (SELECT array_agg(r ORDER BY n DESC) FROM unnest(p) WITH ORDINALITY AS u(r, n))
		FROM test.permutations(reports) AS p
	) AS s(series)
	GROUP BY 2
	ORDER BY 2
$$;

-- One line each: all orders agree. The threshold is 90.
SELECT * FROM test.outcomes('{0, 35, 60, 89}');
SELECT * FROM test.outcomes('{0, 35, 60, 90}');
SELECT * FROM test.outcomes('{0, 35, 89, 95, 100}');

-- Also when every report is written, and when none waits for the clock.
SET LOCAL content_library.heartbeat_interval = 0;
SELECT * FROM test.outcomes('{0, 35, 60, 89}');
SELECT * FROM test.outcomes('{0, 35, 60, 90}');
SET LOCAL content_library.heartbeat_interval = 86400;
SELECT * FROM test.outcomes('{0, 35, 60, 90}');

-- Whoever completed what in whichever order: the percentage of the course agrees.
CALL test.sign_in('order-ann');
SELECT course_completion(test.id('order'))
	 = (SELECT floor(100.0 * count(*) FILTER (WHERE p.completed) / count(*))
		FROM lessons AS l
		LEFT JOIN content_progress AS p ON p.lesson_id = l.id
		WHERE l.module_id = test.id('order/m')) AS agrees;

SET LOCAL content_library.heartbeat_interval = 0;
-- Reports with times of their own, one of them without a position: the
-- position of the latest, of two at one moment the further one.
CREATE FUNCTION test.report_timed(series integer[]) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	reports CONSTANT jsonb := '[{"watched_at": "2026-01-01T10:00:00Z", "position_seconds": 100},
		{"watched_at": "2026-01-01T11:00:00Z", "position_seconds": 300},
		{"watched_at": "2026-01-01T11:00:00Z", "position_seconds": 200},
		{"watched_at": "2026-01-01T09:00:00Z"}]';
	lesson uuid := gen_random_uuid();
	report integer;
	answer text;
BEGIN
	INSERT INTO lessons (id, module_id, title) VALUES (lesson, test.id('order/m'), 'Order');
	FOREACH report IN ARRAY series LOOP
		SELECT concat_ws(' ', watched_pct, position_seconds, last_watched AT TIME ZONE 'UTC')
		INTO answer FROM record_progress_batch(jsonb_build_array(reports -> report
			|| jsonb_build_object('lesson_id', lesson, 'watched_pct', 10 * report)));
	END LOOP;
	RETURN answer;
END
$$;
SELECT count(*), test.report_timed(p) FROM test.permutations('{0, 1, 2, 3}') AS p GROUP BY 2;

-- A position that comes late is better than none.
SELECT test.report_timed('{3, 0}'), test.report_timed('{0, 3}');
ROLLBACK;
