-- percentages_agree: R4 to R6. course_completion, course_outline,
-- course_progress and course_report give one and the same percentage, the one
-- that follows from a ledger of the reports, on random courses and learners.

BEGIN;
SET LOCAL content_library.heartbeat_interval = 600;
SET LOCAL content_library.completion_threshold = 90;

-- From 0 to under 1, by the words alone. With random() it would depend on the
-- order in which a table is read which row gets what.
CREATE FUNCTION test.chance(words text) RETURNS float
LANGUAGE sql IMMUTABLE
AS $$ SELECT ('x0' || left(md5(words), 7))::bit(32)::integer / 268435456.0 $$;

-- 60 courses of 0 to 3 modules of 0 to 4 lessons, 40 learners; nearly all are
-- enrolled everywhere.
CREATE TEMP TABLE learners AS SELECT test.id('agree-' || n) AS id FROM generate_series(1, 40) AS n;
INSERT INTO auth.users (id) SELECT id FROM learners;
CREATE TEMP TABLE some_courses AS SELECT test.id('agree/' || n) AS id, n FROM generate_series(1, 60) AS n;
INSERT INTO courses (id, title, slug, is_published, completion_threshold)
SELECT id, n, 'agree/' || n, true, CASE WHEN test.chance('has bar' || n) < 0.5 THEN 1 + floor(test.chance('bar' || n) * 100) END FROM some_courses;
INSERT INTO modules (id, course_id, title, sort_order)
SELECT test.id('agree/' || n || '/' || m), id, m, m
FROM (SELECT *, floor(test.chance('modules' || n) * 4)::int AS modules FROM some_courses) AS c, generate_series(1, modules) AS m;
INSERT INTO lessons (id, module_id, title, sort_order, is_required, is_preview, completion_threshold)
SELECT test.id(m.id || '/' || n), m.id, n, n, test.chance('required' || m.id || n) < 0.8, test.chance('preview' || m.id || n) < 0.3,
	   CASE WHEN test.chance('has bar' || m.id || n) < 0.3 THEN 1 + floor(test.chance('bar' || m.id || n) * 100) END
FROM (SELECT m.*, floor(test.chance('lessons' || m.id) * 5)::int AS lessons FROM modules AS m JOIN some_courses AS c ON c.id = m.course_id) AS m,
	 generate_series(1, lessons) AS n;
INSERT INTO enrollments (user_id, course_id)
SELECT l.id, c.id FROM learners AS l, some_courses AS c WHERE test.chance('enrolled' || l.id || c.id) < 0.9;

ANALYZE courses, modules, lessons, enrollments;

-- The ledger: who said what, and what the bar was then.
CREATE TEMP TABLE ledger (said serial, user_id uuid, lesson_id uuid, pct integer, bar integer);
CREATE PROCEDURE test.watch(share float)
LANGUAGE plpgsql
AS $$
DECLARE
	first integer := coalesce((SELECT max(said) FROM ledger), 0);
BEGIN
	INSERT INTO ledger (user_id, lesson_id, pct, bar)
	SELECT u.id, l.id, floor(test.chance('watched' || first || u.id || l.id) * 101),
		   coalesce(l.completion_threshold, c.completion_threshold, current_setting('content_library.completion_threshold')::int)
	FROM learners AS u
	CROSS JOIN lessons AS l
	JOIN modules AS m ON m.id = l.module_id
	JOIN some_courses AS s ON s.id = m.course_id
	JOIN courses AS c ON c.id = m.course_id
	LEFT JOIN enrollments AS e ON e.user_id = u.id AND e.course_id = c.id
	WHERE (l.is_preview OR e.id IS NOT NULL) AND test.chance('watches' || first || u.id || l.id) < share;
	-- Half of them one by one, half in batches.
	PERFORM record_progress(lesson_id, pct, NULL, user_id) FROM ledger WHERE said > first AND said % 2 = 0;
	PERFORM record_progress_batch(reports, user_id)
	FROM (SELECT user_id, jsonb_agg(jsonb_build_object('lesson_id', lesson_id, 'watched_pct', pct)) AS reports
		  FROM ledger WHERE said > first AND said % 2 = 1 GROUP BY user_id) AS r;
END
$$;

-- The percentage by the ledger: of the lessons that are there and required now,
-- the completed ones; the greatest whole n with n * required <= 100 * completed.
CREATE FUNCTION test.by_ledger()
RETURNS TABLE (user_id uuid, course_id uuid, required bigint, completed bigint, pct integer)
LANGUAGE sql
AS $$
	WITH said AS MATERIALIZED (
		SELECT DISTINCT a.user_id, a.lesson_id
		FROM (SELECT *, max(pct) OVER (PARTITION BY user_id, lesson_id ORDER BY said) AS best FROM ledger) AS a
		WHERE a.best >= a.bar
	), counted AS (
		SELECT u.id AS user_id, c.id AS course_id, count(l.id) AS required, count(s.lesson_id) AS completed
		FROM learners AS u
		CROSS JOIN some_courses AS c
		LEFT JOIN (modules AS m JOIN lessons AS l ON l.module_id = m.id AND l.is_required AND l.is_published) ON m.course_id = c.id
		LEFT JOIN said AS s ON s.user_id = u.id AND s.lesson_id = l.id
		GROUP BY u.id, c.id
	)
	SELECT k.*, (SELECT max(n) FROM generate_series(0, 100) AS n WHERE k.required > 0 AND n * k.required <= 100 * k.completed)
	FROM counted AS k
$$;

-- What the functions answer: the learner's as learner, under row-level security,
-- and the report as service_role.
CREATE TEMP TABLE answers (user_id uuid, course_id uuid, completion int, outline int, outline_lessons text);
CREATE TEMP TABLE progress_answers (user_id uuid, course_id uuid, completion int, lessons text, next_lesson uuid);
CREATE TEMP TABLE report_answers (user_id uuid, course_id uuid, completion int, lessons text);
GRANT ALL ON answers, progress_answers, report_answers TO authenticated, service_role;
GRANT SELECT ON some_courses TO authenticated, service_role;
CREATE PROCEDURE test.ask()
LANGUAGE plpgsql
AS $$
DECLARE
	learner uuid;
BEGIN
	TRUNCATE answers, progress_answers, report_answers;
	FOR learner IN SELECT id FROM learners LOOP
		PERFORM set_config('request.jwt.claims', jsonb_build_object('sub', learner)::text, true);
		SET LOCAL ROLE authenticated;
		INSERT INTO answers
		SELECT learner, c.id, course_completion(c.id), (o ->> 'completion')::int,
			   (o ->> 'completed_lessons') || '/' || (o ->> 'required_lessons')
		FROM some_courses AS c, course_outline(c.id) AS o;
		INSERT INTO progress_answers
		SELECT learner, course_id, completion, completed_lessons || '/' || required_lessons, next_lesson_id FROM course_progress();
		RESET ROLE;
	END LOOP;
	PERFORM set_config('request.jwt.claims', '', true);
	SET LOCAL ROLE service_role;
	INSERT INTO report_answers
	SELECT r.user_id, c.id, r.completion, r.completed_lessons || '/' || r.required_lessons
	FROM some_courses AS c, course_report(c.id) AS r;
	RESET ROLE;
END
$$;
-- One line: how many were compared, and how many disagree; how varied they are.
CREATE FUNCTION test.compare()
RETURNS TABLE (pairs bigint, over_2000_enrolled boolean, without_percentage boolean, many_percentages boolean,
			   completion bigint, outline bigint, progress bigint, report bigint, next_lesson bigint, not_completed bigint)
LANGUAGE sql
AS $$
	SELECT count(*), count(e.id) > 2000, count(*) FILTER (WHERE k.pct IS NULL) > 0, count(DISTINCT k.pct) > 15,
		   count(*) FILTER (WHERE a.completion IS DISTINCT FROM k.pct),
		   count(*) FILTER (WHERE (a.outline, a.outline_lessons) IS DISTINCT FROM (k.pct, k.completed || '/' || k.required)),
		   count(*) FILTER (WHERE (p.user_id IS NULL) <> (e.id IS NULL)
							OR e.id IS NOT NULL AND (p.completion, p.lessons) IS DISTINCT FROM (k.pct, k.completed || '/' || k.required)),
		   count(*) FILTER (WHERE (r.user_id IS NULL) <> (e.id IS NULL)
							OR e.id IS NOT NULL AND (r.completion, r.lessons) IS DISTINCT FROM (k.pct, k.completed || '/' || k.required)),
		   -- A next lesson there is exactly when there is something left, and it is the one next_lesson() names.
		   count(*) FILTER (WHERE e.id IS NOT NULL AND ((p.next_lesson IS NULL) <> (k.completed = k.required)
							OR p.next_lesson IS DISTINCT FROM next_lesson(k.course_id, k.user_id))),
		   -- Whoever is at 100 has been completed (new lessons do not erase it, so not the reverse).
		   count(*) FILTER (WHERE e.id IS NOT NULL AND k.pct = 100 AND e.completed_at IS NULL)
	FROM test.by_ledger() AS k
	LEFT JOIN enrollments AS e USING (user_id, course_id)
	LEFT JOIN answers AS a USING (user_id, course_id)
	LEFT JOIN progress_answers AS p USING (user_id, course_id)
	LEFT JOIN report_answers AS r USING (user_id, course_id)
$$;
\x on

-- Some watching; twice, the bars moved in between.
CALL test.watch(0.6);
CALL test.ask();
SELECT * FROM test.compare();
UPDATE lessons SET completion_threshold = CASE WHEN test.chance('has new bar' || id) < 0.5 THEN 1 + floor(test.chance('new bar' || id) * 100) END
WHERE test.chance('moved bar' || id) < 0.3;
UPDATE courses SET completion_threshold = CASE WHEN test.chance('has new bar' || id) < 0.5 THEN 1 + floor(test.chance('new bar' || id) * 100) END
WHERE test.chance('moved bar' || id) < 0.3;
SET LOCAL content_library.completion_threshold = 40;
CALL test.watch(0.5);
CALL test.ask();
SELECT * FROM test.compare();

-- Lessons and modules go, come, move, and become optional, required, drafts or published.
-- Nobody reports, and still no enrollment stands at 100 that is not completed.
DELETE FROM lessons WHERE test.chance('deleted' || id) < 0.15;
DELETE FROM modules WHERE test.chance('deleted' || id) < 0.05;
UPDATE lessons SET is_required = NOT is_required WHERE test.chance('other need' || id) < 0.15;
UPDATE lessons SET is_published = NOT is_published WHERE test.chance('other sight' || id) < 0.15;
UPDATE lessons AS l SET module_id = (SELECT m.id FROM modules AS m JOIN some_courses AS c ON c.id = m.course_id
									 ORDER BY test.chance('place' || l.id || m.id) LIMIT 1)
WHERE test.chance('moved' || id) < 0.15;
INSERT INTO lessons (module_id, title) SELECT m.id, 'new' FROM modules AS m JOIN some_courses AS c ON c.id = m.course_id WHERE test.chance('new' || m.id) < 0.1;
CALL test.ask();
SELECT * FROM test.compare();
-- With every bar at 100 it completes the rows at 100, and only those.
UPDATE lessons SET completion_threshold = 100;
INSERT INTO ledger (user_id, lesson_id, pct, bar)
SELECT user_id, lesson_id, watched_pct, 100 FROM content_progress WHERE watched_pct = 100;
SELECT count(recompute_completion(id)) AS courses FROM some_courses;
CALL test.ask();
SELECT pairs, completion, outline, progress, report, next_lesson, not_completed FROM test.compare();
ROLLBACK;
