-- batch: record_progress_batch leaves the rows that single calls leave, in any
-- order of the array; it takes the player's times, and writes only news (R2, R9).

BEGIN;
CALL test.make_course('batch', 40);
UPDATE lessons SET completion_threshold = 1 + sort_order % 7 * 15 WHERE title LIKE 'batch/%' AND sort_order % 3 > 0;
UPDATE lessons SET is_required = false WHERE title IN ('batch/5', 'batch/40');
CALL test.make_learner('batch-single', 'batch');
CALL test.make_learner('batch-rounds', 'batch');
CALL test.make_learner('batch-each', 'batch');
CALL test.make_learner('batch-mixed', 'batch');
SET LOCAL content_library.heartbeat_interval = 0;
SELECT setseed(0.25);

-- 25 rounds of reports of some lessons, in random order, each with a time of its own.
CREATE TEMP TABLE said AS
	SELECT round, test.id('batch/' || n) AS lesson_id, floor(random() * 101)::int AS watched_pct,
		   CASE WHEN random() < 0.8 THEN floor(random() * 600)::int END AS position_seconds,
		   random() AS place, NULL::timestamptz AS watched_at
	FROM generate_series(1, 25) AS round, generate_series(1, 40) AS n
	WHERE random() < 0.5;

-- Single calls, which use the clock: what it said becomes the time of the report.
DO $$
DECLARE
	s said;
BEGIN
	FOR s IN SELECT * FROM said ORDER BY round, place LOOP
		UPDATE said
		SET watched_at = (record_progress(s.lesson_id, s.watched_pct, s.position_seconds, test.id('batch-single'))).last_watched
		WHERE round = s.round AND lesson_id = s.lesson_id;
	END LOOP;
END
$$;
SELECT count(*) > 400 AS many, count(DISTINCT lesson_id) AS lessons, count(*) - count(watched_at) AS untimed FROM said;

SET client_min_messages = warning;	-- since 19 the server remarks that it ends with the temporary table
CREATE FUNCTION test.report(s said) RETURNS jsonb
LANGUAGE sql
AS $$ SELECT jsonb_strip_nulls(jsonb_build_object('lesson_id', s.lesson_id, 'watched_pct', s.watched_pct,
	'position_seconds', s.position_seconds, 'watched_at', s.watched_at)) $$;
RESET client_min_messages;
DO $$
DECLARE
	r jsonb;
BEGIN
	-- A batch for each round.
	FOR r IN SELECT jsonb_agg(test.report(s) ORDER BY random()) FROM said AS s GROUP BY round ORDER BY round LOOP
		PERFORM record_progress_batch(r, test.id('batch-rounds'));
	END LOOP;
	-- A batch for each report, lesson by lesson.
	FOR r IN SELECT jsonb_build_array(test.report(s)) FROM said AS s ORDER BY lesson_id, round LOOP
		PERFORM record_progress_batch(r, test.id('batch-each'));
	END LOOP;
END
$$;
CREATE FUNCTION test.rows_of(learner text)
RETURNS TABLE (lesson_id uuid, watched_pct int, completed bool, last_watched timestamptz, position_seconds int, completed_at timestamptz)
LANGUAGE sql
AS $$ SELECT lesson_id, watched_pct, completed, last_watched, position_seconds, completed_at
	FROM content_progress WHERE user_id = test.id(learner) $$;
CREATE FUNCTION test.differing(learner text, other text) RETURNS bigint
LANGUAGE sql
AS $$ SELECT count(*) FROM (
	(SELECT * FROM test.rows_of(learner) EXCEPT ALL SELECT * FROM test.rows_of(other)) UNION ALL
	(SELECT * FROM test.rows_of(other) EXCEPT ALL SELECT * FROM test.rows_of(learner))) AS d $$;
SELECT (SELECT count(*) FROM test.rows_of('batch-single')) AS rows,
	   (SELECT count(*) FROM test.rows_of('batch-single') WHERE completed) BETWEEN 1 AND 39 AS some_completed,
	   test.differing('batch-single', 'batch-rounds') AS as_rounds,
	   test.differing('batch-single', 'batch-each') AS one_by_one;

-- And as the reports say: the highest percentage, the latest time, the position then.
SELECT count(*) AS wrong
FROM (SELECT lesson_id, max(watched_pct) AS pct, max(watched_at) AS at,
			 (array_agg(position_seconds ORDER BY watched_at DESC) FILTER (WHERE position_seconds IS NOT NULL))[1] AS place
	  FROM said GROUP BY lesson_id) AS s
JOIN test.rows_of('batch-rounds') AS r USING (lesson_id)
WHERE (r.watched_pct, r.last_watched, r.position_seconds) IS DISTINCT FROM (s.pct, s.at, s.place)
   OR r.completed <> (s.pct >= completion_threshold(lesson_id));

-- The rounds arrive in any order: the same, but that a lesson is completed by
-- the report that arrives first. (Each with a position: one without says nothing.)
UPDATE said SET position_seconds = coalesce(position_seconds, 7);
DELETE FROM content_progress WHERE user_id IN (test.id('batch-rounds'), test.id('batch-mixed'));
DO $$
DECLARE
	r jsonb;
BEGIN
	FOR r IN SELECT jsonb_agg(test.report(s)) FROM said AS s GROUP BY round ORDER BY round LOOP
		PERFORM record_progress_batch(r, test.id('batch-rounds'));
	END LOOP;
	FOR r IN SELECT jsonb_agg(test.report(s) ORDER BY random()) FROM said AS s GROUP BY round ORDER BY random() LOOP
		PERFORM record_progress_batch(r, test.id('batch-mixed'));
	END LOOP;
END
$$;
SELECT count(*) AS rows, count(*) FILTER (WHERE
	(a.watched_pct, a.completed, a.last_watched, a.position_seconds) IS DISTINCT FROM
	(b.watched_pct, b.completed, b.last_watched, b.position_seconds)) AS differing
FROM test.rows_of('batch-rounds') AS a
FULL JOIN test.rows_of('batch-mixed') AS b USING (lesson_id);

-- The rows come back in the order of the array.
SELECT string_agg(l.title, ' ' ORDER BY r.ordinality) AS lessons
FROM record_progress_batch((
	SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('batch/' || n), 'watched_pct', 0) ORDER BY place)
	FROM unnest('{9,2,40,1,17}'::int[]) WITH ORDINALITY AS a(n, place)), test.id('batch-mixed'))
	WITH ORDINALITY AS r
JOIN lessons AS l ON l.id = r.lesson_id;

-- Begun and completed in one batch, in two courses at once: both are completed.
CALL test.make_course('batch-a', 2);
CALL test.make_course('batch-b', 2);
CALL test.make_learner('batch-ann', 'batch-a', 'batch-b');
CALL test.sign_in('batch-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('batch-b/2'), 'watched_pct', 90),
	jsonb_build_object('lesson_id', test.id('batch-a/1'), 'watched_pct', 89),
	jsonb_build_object('lesson_id', test.id('batch-b/1'), 'watched_pct', 91)));
SELECT title, completion, completed_at IS NOT NULL AS completed FROM course_progress() ORDER BY title;
SELECT count(*) FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('batch-a/2'), 'watched_pct', 90),
	jsonb_build_object('lesson_id', test.id('batch-a/1'), 'watched_pct', 90)));
SELECT title, completion, completed_at IS NOT NULL AS completed FROM course_progress() ORDER BY title;

-- R9: what is no news leaves the row where it is; one piece of news in a batch
-- writes that row alone.
RESET ROLE;
SET LOCAL content_library.heartbeat_interval = 15;
CALL test.make_course('batch-idle', 4);
CALL test.make_learner('batch-bob', 'batch-idle');
CREATE FUNCTION test.idle(pcts int[], places int[], at timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	before tid[] := ARRAY(SELECT ctid FROM content_progress WHERE user_id = test.id('batch-bob'));
BEGIN
	PERFORM record_progress_batch((
		SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('lesson_id', test.id('batch-idle/' || n), 'watched_pct', pct,
			'position_seconds', place, 'watched_at', at)))
		FROM unnest(pcts, places) WITH ORDINALITY AS a(pct, place, n)), test.id('batch-bob'));
	RETURN (SELECT coalesce(string_agg(l.title, ' ' ORDER BY l.title), 'none')
			FROM content_progress AS p JOIN lessons AS l ON l.id = p.lesson_id
			WHERE p.user_id = test.id('batch-bob') AND p.ctid <> ALL (before));
END
$$;
SELECT test.idle('{10,20,30,95}', '{100,200,300,400}') AS first;
SELECT test.idle('{10,20,30,95}', '{100,200,300,400}') AS same,
	   test.idle('{9,0,30,100}', '{115,185,NULL,400}') AS only_the_last_is_more,
	   test.idle('{9,0,30,100}', '{115,185,NULL,415}') AS less_or_near;
SELECT test.idle('{10,21,30,95}', '{100,200,300,400}') AS a_percent,
	   test.idle('{10,21,30,95}', '{100,200,316,400}') AS a_seek;

-- Nor is the enrollment locked, though a completed or an optional lesson is reported.
UPDATE lessons SET is_required = false WHERE id = test.id('batch-idle/1');
DELETE FROM enrollments WHERE user_id = test.id('batch-bob');
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('batch-bob'), test.id('batch-idle'));
SELECT test.idle('{10,21,30,95}', '{100,200,316,400}') AS same;
SELECT xmax = 0 AS untouched FROM enrollments WHERE user_id = test.id('batch-bob');

-- Nor is a batch of old times: position and time stay, the percentage may rise.
SELECT test.idle('{10,21,30,95}', '{1,2,3,4}', now() - interval '1 hour') AS older;
SELECT test.idle('{50,21,30,95}', '{1,2,3,4}', now() - interval '1 hour') AS older_with_more;
SELECT watched_pct, position_seconds, last_watched >= now() AS time_kept
FROM content_progress WHERE user_id = test.id('batch-bob') AND lesson_id = test.id('batch-idle/1');

-- The player's time becomes the row's, its completion's, too.
CALL test.make_learner('batch-cy', 'batch-idle');
SELECT last_watched = '2026-01-01 10:00Z' AS time, completed_at = '2026-01-01 10:00Z' AS completion
FROM record_progress_batch(jsonb_build_array(jsonb_build_object('lesson_id', test.id('batch-idle/1'),
	'watched_pct', 100, 'watched_at', '2026-01-01T12:00:00+02:00')), test.id('batch-cy'));
ROLLBACK;
