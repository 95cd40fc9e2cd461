-- batch_of_users: the service sends reports of many learners in one call, with the
-- user in each; they leave the rows that a batch for each learner leaves.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('all', 6);
CALL test.make_course('all-other', 2);
UPDATE lessons SET is_preview = true WHERE title = 'all/6';
UPDATE lessons SET completion_threshold = 40 WHERE title = 'all/2';
DO $$
BEGIN
	FOR i IN 1..30 LOOP
		CALL test.make_learner('all-' || i, 'all', 'all-other');
		CALL test.make_learner('each-' || i, 'all', 'all-other');
	END LOOP;
	CALL test.make_learner('all-visitor');
END
$$;
SELECT setseed(0.5);

-- Some reports of each learner in 4 rounds, with times that are not in order.
CREATE TEMP TABLE said AS
	SELECT round, learner, test.id(course || '/' || n) AS lesson_id, floor(random() * 101)::int AS watched_pct,
		   CASE WHEN random() < 0.8 THEN floor(random() * 600)::int END AS position_seconds,
		   timestamptz '2026-01-01 00:00Z' + random() * interval '30 days' AS watched_at, random() AS place
	FROM generate_series(1, 4) AS round, generate_series(1, 30) AS learner,
		 (VALUES ('all', 1), ('all', 2), ('all', 3), ('all', 4), ('all', 5), ('all', 6), ('all-other', 1), ('all-other', 2)) AS l(course, n)
	WHERE random() < 0.7;
CREATE FUNCTION test.report(s said, learner text) RETURNS jsonb
LANGUAGE sql
AS $$ SELECT jsonb_strip_nulls(jsonb_build_object('user_id', test.id(learner || s.learner), 'lesson_id', s.lesson_id,
	'watched_pct', s.watched_pct, 'position_seconds', s.position_seconds, 'watched_at', s.watched_at)) $$;

-- The answers of both ways.
CREATE TEMP TABLE answers (round int, learner int, lesson_id uuid, watched_pct int, completed boolean, course_completed boolean, is_all boolean, right_place boolean);
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT round, jsonb_agg(test.report(s, 'all-') ORDER BY place) AS reports FROM said AS s GROUP BY round ORDER BY round LOOP
		INSERT INTO answers
		SELECT r.round, l.learner, a.lesson_id, a.watched_pct, a.completed, a.course_completed, true,
			   r.reports -> (a.ordinality::int - 1) @> jsonb_build_object('user_id', a.user_id, 'lesson_id', a.lesson_id)
		FROM record_progress_batch(r.reports) WITH ORDINALITY AS a
		JOIN generate_series(1, 30) AS l(learner) ON test.id('all-' || learner) = a.user_id;
	END LOOP;
	FOR r IN SELECT round, learner, jsonb_agg(test.report(s, 'each-') - 'user_id' ORDER BY place) AS reports
			 FROM said AS s GROUP BY round, learner ORDER BY round, learner LOOP
		INSERT INTO answers
		SELECT r.round, r.learner, a.lesson_id, a.watched_pct, a.completed, a.course_completed, false, true
		FROM record_progress_batch(r.reports, test.id('each-' || r.learner)) AS a;
	END LOOP;
END
$$;
SELECT count(*) FILTER (WHERE is_all) = (SELECT count(*) FROM said) AS all_answered, bool_and(right_place) AS in_order,
	count(*) FILTER (WHERE is_all AND course_completed) AS completed_courses
FROM answers;
SELECT count(*) AS differ
FROM (SELECT round, learner, lesson_id, watched_pct, completed, course_completed FROM answers WHERE is_all) AS a
FULL JOIN (SELECT round, learner, lesson_id, watched_pct, completed, course_completed FROM answers WHERE NOT is_all) AS e
	USING (round, learner, lesson_id, watched_pct, completed, course_completed)
WHERE a IS NULL OR e IS NULL;

-- So do the tables.
CREATE FUNCTION test.rows_of(prefix text) RETURNS SETOF text
LANGUAGE sql
AS $$
	SELECT concat_ws(' ', learner, p.lesson_id, p.watched_pct, p.completed, p.completed_at, p.last_watched, p.position_seconds)
	FROM generate_series(1, 30) AS learner JOIN content_progress AS p ON p.user_id = test.id(prefix || learner)
	UNION ALL
	SELECT concat_ws(' ', learner, e.course_id, e.completed_at)
	FROM generate_series(1, 30) AS learner JOIN enrollments AS e ON e.user_id = test.id(prefix || learner)
$$;
SELECT count(*) AS differ
FROM (SELECT test.rows_of('all-') EXCEPT ALL SELECT test.rows_of('each-')) AS d;
SELECT count(*) > 250 AS many FROM test.rows_of('all-');

-- Sent again they change nothing, and say so.
SELECT count(*) AS rows, count(*) FILTER (WHERE course_completed) AS completed
FROM record_progress_batch((SELECT jsonb_agg(test.report(s, 'all-')) FROM said AS s WHERE round = 4));
SELECT count(*) AS differ
FROM (SELECT test.rows_of('all-') EXCEPT ALL SELECT test.rows_of('each-')) AS d;

-- What becomes of a batch that ROLE sends: an error, or the number of rows.
CREATE FUNCTION test.batch(reports jsonb, user_id uuid DEFAULT NULL, skip_refused boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	RETURN (SELECT 'rows: ' || count(*) FROM record_progress_batch(reports, user_id, skip_refused));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION test.one(learner text, lesson text, more jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql
AS $$ SELECT jsonb_build_object('user_id', test.id(learner), 'lesson_id', test.id(lesson), 'watched_pct', 7) || more $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA test TO service_role, authenticated;
SET LOCAL ROLE service_role;
SELECT n, test.batch(reports)
FROM (VALUES
	(1, jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-2', 'all/6'))),
	(2, jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-2', 'all/6') - 'user_id')),
	(3, jsonb_build_array(test.one('all-1', 'all/6') - 'user_id', test.one('all-2', 'all/6'))),
	(4, jsonb_build_array(test.one('all-1', 'all/6', '{"user_id": null}'))),
	(5, jsonb_build_array(test.one('all-1', 'all/6', '{"user_id": "all-1"}'))),
	(6, jsonb_build_array(test.one('all-1', 'all/6', '{"user_id": 1}'))),
	(7, jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-2', 'all/6'), test.one('all-1', 'all/6'))),
	(8, jsonb_build_array(test.one('all-1', 'all/6'), test.one('nobody', 'all/6'))),
	(9, jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-visitor', 'all/6'))),
	(10, jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-visitor', 'all/5'))),
	(11, jsonb_build_array(test.one('all-1', 'nothing'), test.one('all-2', 'all/5')))) AS r(n, reports)
ORDER BY n;
SELECT test.batch(jsonb_build_array(test.one('all-1', 'all/6')), test.id('all-1')) AS twice;
SELECT left(test.batch(jsonb_agg(test.one('all-1', 'all/' || i))), 5) AS as_many FROM generate_series(1, 10000) AS i;
SELECT test.batch(jsonb_agg(test.one('all-1', 'all/' || i))) AS too_many FROM generate_series(1, 10001) AS i;

-- With skip_refused nothing that is unknown or closed stops the others, and all others count.
SELECT u.id = test.id('all-1') AS one, u.id = test.id('all-visitor') AS visitor, u.lesson_id = test.id('all/6') AS preview
FROM (SELECT user_id AS id, lesson_id
	  FROM record_progress_batch(jsonb_build_array(
		test.one('all-1', 'nothing'), test.one('all-1', 'all/5'), test.one('nobody', 'all/6'), test.one('nobody', 'all/5'),
		test.one('all-visitor', 'all/6'), test.one('all-visitor', 'all/5')), skip_refused => true)) AS u;

-- Learners name themselves alone.
RESET ROLE;
CALL test.sign_in('all-1');
SET LOCAL ROLE authenticated;
SELECT test.batch(jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-1', 'all/5'))) AS own,
	test.batch(jsonb_build_array(test.one('all-1', 'all/6'), test.one('all-2', 'all/6'))) = format(
		'42501 user_id "%s" is not the user signed in', test.id('all-2')) AS of_others,
	test.batch(jsonb_build_array(test.one('all-2', 'all/6'), test.one('all-1', 'all/6'))) = format(
		'42501 user_id "%s" is not the user signed in', test.id('all-2')) AS of_others_first;
RESET ROLE;
CALL test.sign_in();
ROLLBACK;

-- Of many learners all are locked at once: the server has room for a few thousand locks.
CALL test.make_course('all', 1);
INSERT INTO auth.users (id) SELECT test.id('all-' || n) FROM generate_series(1, 600) AS n;
INSERT INTO enrollments (user_id, course_id) SELECT test.id('all-' || n), test.id('all') FROM generate_series(1, 600) AS n;
CREATE FUNCTION test.send(learners int) RETURNS TABLE (rows bigint, locks bigint)
LANGUAGE plpgsql
AS $$
BEGIN
	rows := (SELECT count(*) FROM record_progress_batch((
		SELECT jsonb_agg(jsonb_build_object('user_id', test.id('all-' || i), 'lesson_id', test.id('all/1'), 'watched_pct', 1))
		FROM generate_series(1, learners) AS i)));
	locks := (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid());
	RETURN NEXT;
END
$$;
SELECT learners, rows, locks BETWEEN learners AND learners + 9 AS of_each, locks < 520 AS of_all
FROM unnest(ARRAY[500, 600]) AS learners, test.send(learners);
-- So are those whom one statement enrolls.
BEGIN;
DELETE FROM enrollments WHERE course_id = test.id('all');
INSERT INTO enrollments (user_id, course_id) SELECT test.id('all-' || n), test.id('all') FROM generate_series(1, 600) AS n;
SELECT count(*) < 520 AS of_all FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
ROLLBACK;
DROP FUNCTION test.send;
DELETE FROM courses WHERE slug = 'all';
DELETE FROM auth.users WHERE id = ANY (SELECT test.id('all-' || n) FROM generate_series(1, 600) AS n);
