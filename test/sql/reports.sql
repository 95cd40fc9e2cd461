-- reports: course_report has a row for each enrolled learner, lesson_report one
-- for each lesson in course order.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('reports', 3);
CALL test.make_course('reports-other', 1);
CALL test.make_course('reports-empty', 0);
INSERT INTO modules (id, course_id, title, sort_order) VALUES (test.id('reports/n'), test.id('reports'), 'reports/n', -1);
INSERT INTO lessons (id, module_id, title, is_required) VALUES (test.id('reports/0'), test.id('reports/n'), 'reports/0', false);
UPDATE lessons SET is_preview = true WHERE title = 'reports/1';
CALL test.make_learner('reports-ann', 'reports', 'reports-other');
CALL test.make_learner('reports-bob', 'reports', 'reports-empty');
CALL test.make_learner('reports-cy', 'reports');
CALL test.make_learner('reports-dan', 'reports-other');
CALL test.make_learner('reports-eve', 'reports');
UPDATE enrollments SET enrolled_at = v.at::timestamptz
FROM (VALUES ('reports-ann', '2026-01-03Z'), ('reports-bob', '2026-01-01Z'), ('reports-cy', '2026-01-02Z')) AS v(learner, at)
WHERE user_id = test.id(v.learner);

-- Dan, who is not enrolled, has watched the preview, and Eve before she left; Cy nothing.
SET LOCAL ROLE service_role;
SELECT count(record_progress(test.id(lesson), pct, NULL, test.id(learner)))
FROM (VALUES
	('reports-ann', 'reports/0', 100), ('reports-ann', 'reports/1', 100), ('reports-ann', 'reports/2', 90),
	('reports-ann', 'reports/3', 100), ('reports-ann', 'reports-other/1', 100),
	('reports-bob', 'reports/0', 20), ('reports-bob', 'reports/1', 95), ('reports-bob', 'reports/2', 10),
	('reports-dan', 'reports/1', 5), ('reports-eve', 'reports/2', 70)
) AS r(learner, lesson, pct);
SELECT (unenroll(test.id('reports'), test.id('reports-eve'))).completed_at;
UPDATE content_progress SET last_watched = v.at::timestamptz
FROM (VALUES
	('reports-ann', 'reports/0', '2026-02-04Z'), ('reports-ann', 'reports/1', '2026-02-02Z'), ('reports-ann', 'reports/2', '2026-02-03Z'),
	('reports-ann', 'reports/3', '2026-02-01Z'), ('reports-ann', 'reports-other/1', '2026-02-09Z'),
	('reports-bob', 'reports/0', '2026-02-01Z'), ('reports-bob', 'reports/1', '2026-02-07Z'), ('reports-bob', 'reports/2', '2026-02-05Z')
) AS v(learner, lesson, at)
WHERE user_id = test.id(v.learner) AND lesson_id = test.id(v.lesson);

SELECT u.email, r.required_lessons, r.completed_lessons, r.completion,
	   (r.enrolled_at AT TIME ZONE 'UTC')::date AS enrolled_on, r.completed_at = e.completed_at AS completed,
	   (r.last_watched AT TIME ZONE 'UTC')::date AS last_watched
FROM course_report(test.id('reports')) WITH ORDINALITY AS r
JOIN (SELECT md5(name)::uuid AS id, name AS email FROM unnest('{reports-ann,reports-bob,reports-cy,reports-dan,reports-eve}'::text[]) AS name) AS u
	ON u.id = r.user_id
JOIN enrollments AS e ON e.user_id = r.user_id AND e.course_id = test.id('reports')
ORDER BY r.ordinality;

-- In order; those enrolled who began it: not Dan, and not Eve.
SELECT r.title, r.lesson_id = test.id(r.title) AS id, r.module_id = l.module_id AS module, r.is_required, r.started, r.completed, r.average_pct
FROM lesson_report(test.id('reports')) WITH ORDINALITY AS r
JOIN lessons AS l ON l.id = r.lesson_id
ORDER BY r.ordinality;

-- A lesson that nobody has begun; one that is gone; and a draft, which counts for nothing.
INSERT INTO lessons (module_id, title, sort_order) VALUES (test.id('reports/m'), 'reports/4', 9);
DELETE FROM lessons WHERE id = test.id('reports/3');
INSERT INTO lessons (module_id, title, sort_order, is_published) VALUES (test.id('reports/m'), 'reports/5', 10, false);
SELECT title, started, completed, average_pct FROM lesson_report(test.id('reports'));
SELECT required_lessons, completed_lessons, completion, completed_at IS NOT NULL AS completed FROM course_report(test.id('reports'));

-- Page by page it is the same report, also where learners have enrolled at the same time.
RESET ROLE;
CALL test.make_course('reports-many', 3);
INSERT INTO auth.users (id) SELECT test.id('reports-' || n) FROM generate_series(1, 25) AS n;
INSERT INTO enrollments (user_id, course_id, enrolled_at)
SELECT test.id('reports-' || n), test.id('reports-many'), '2026-01-01'::timestamptz + n / 10 * interval '1 day' FROM generate_series(1, 25) AS n;
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, last_watched)
SELECT test.id('reports-' || n), test.id('reports-many/' || l), 100, n % 4 < l, '2026-03-01'::timestamptz + n * l * interval '1 hour'
FROM generate_series(1, 25, 2) AS n, generate_series(1, 3) AS l;
SET LOCAL ROLE service_role;
CREATE FUNCTION pg_temp.pages(size integer) RETURNS TABLE (pages integer, learners integer, differ integer)
LANGUAGE plpgsql AS $$
DECLARE
	page jsonb;
	rows jsonb := '[]';
BEGIN
	pages := 0;
	LOOP
		SELECT COALESCE(jsonb_agg(to_jsonb(r) - 'ordinality' ORDER BY r.ordinality), '[]') INTO page
		FROM course_report(test.id('reports-many'), size, (rows -> -1 ->> 'user_id')::uuid) WITH ORDINALITY AS r;
		EXIT WHEN page = '[]';
		pages := pages + 1;
		rows := rows || page;
	END LOOP;
	learners := jsonb_array_length(rows);
	SELECT count(*) INTO differ
	FROM course_report(test.id('reports-many')) WITH ORDINALITY AS r
	WHERE to_jsonb(r) - 'ordinality' IS DISTINCT FROM (rows -> (r.ordinality::integer - 1));
	RETURN NEXT;
END
$$;
SELECT size, p.* FROM unnest(ARRAY[1, 7, 10, 25, 2147483647]) AS size, pg_temp.pages(size) AS p;
SELECT (SELECT count(*) FROM course_report(test.id('reports-many'), NULL, test.id('reports-20'))) AS all_after,
	   (SELECT count(*) FROM course_report(test.id('reports-many'), 3, NULL)) AS first,
	   (SELECT count(last_watched) FROM course_report(test.id('reports-many'))) AS watched;

-- A page that is none (22023): of no rows, or after a learner who is not in the course.
SELECT * FROM course_report(test.id('reports'), 0);
SELECT * FROM course_report(test.id('reports'), -1);
SELECT * FROM course_report(test.id('reports'), 1, test.id('reports-dan'));
SELECT * FROM course_report(test.id('reports'), NULL, test.id('reports-eve'));
SELECT * FROM course_report(test.id('reports'), 1, test.id('nothing'));
SELECT * FROM course_report(test.id('nothing'), 1, test.id('reports-ann'));
\set VERBOSITY terse
SELECT * FROM course_report(test.id('reports'), 0);
SELECT * FROM course_report(test.id('reports'), 1, test.id('reports-dan'));
\set VERBOSITY sqlstate

-- No lessons: no rows of lessons, and no percentage.
SELECT required_lessons, completed_lessons, completion FROM course_report(test.id('reports-empty'));
SELECT count(*) FROM lesson_report(test.id('reports-empty'));

-- Unpublished courses have reports; unknown ones have not.
UPDATE courses SET is_published = false WHERE id = test.id('reports');
SELECT (SELECT count(*) FROM course_report(test.id('reports'))) AS learners,
	   (SELECT count(*) FROM lesson_report(test.id('reports'))) AS lessons;
SELECT * FROM course_report(test.id('nothing'));
SELECT * FROM lesson_report(test.id('nothing'));
SELECT * FROM course_report(NULL);
SELECT * FROM lesson_report(NULL);
ROLLBACK;
