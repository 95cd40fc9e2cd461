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
UPDATE enrollments SET enrolled_at = v.at::timestamptz
FROM (VALUES ('reports-ann', '2026-01-03Z'), ('reports-bob', '2026-01-01Z'), ('reports-cy', '2026-01-02Z')) AS v(learner, at)
WHERE user_id = test.id(v.learner);

-- Dan, who is not enrolled, has watched the preview; Cy nothing.
SET LOCAL ROLE service_role;
SELECT count(record_progress(test.id(lesson), pct, NULL, test.id(learner)))
FROM (VALUES
	('reports-ann', 'reports/0', 100), ('reports-ann', 'reports/1', 100), ('reports-ann', 'reports/2', 90),
	('reports-ann', 'reports/3', 100), ('reports-ann', 'reports-other/1', 100),
	('reports-bob', 'reports/0', 20), ('reports-bob', 'reports/1', 95), ('reports-bob', 'reports/2', 10),
	('reports-dan', 'reports/1', 5)
) AS r(learner, lesson, pct);

SELECT u.email, r.required_lessons, r.completed_lessons, r.completion,
	   (r.enrolled_at AT TIME ZONE 'UTC')::date AS enrolled_on, r.completed_at = e.completed_at AS completed
FROM course_report(test.id('reports')) WITH ORDINALITY AS r
JOIN (SELECT md5(name)::uuid AS id, name AS email FROM unnest('{reports-ann,reports-bob,reports-cy,reports-dan}'::text[]) AS name) AS u
	ON u.id = r.user_id
JOIN enrollments AS e ON e.user_id = r.user_id AND e.course_id = test.id('reports')
ORDER BY r.ordinality;

-- In order; those who began it, preview watchers too; 100, 95 and 5 are 66.7 on average.
SELECT r.title, r.lesson_id = test.id(r.title) AS id, r.module_id = l.module_id AS module, r.is_required, r.started, r.completed, r.average_pct
FROM lesson_report(test.id('reports')) WITH ORDINALITY AS r
JOIN lessons AS l ON l.id = r.lesson_id
ORDER BY r.ordinality;

-- A lesson that nobody has begun; one that is gone.
INSERT INTO lessons (module_id, title, sort_order) VALUES (test.id('reports/m'), 'reports/4', 9);
DELETE FROM lessons WHERE id = test.id('reports/3');
SELECT title, started, completed, average_pct FROM lesson_report(test.id('reports'));
SELECT required_lessons, completed_lessons, completion, completed_at IS NOT NULL AS completed FROM course_report(test.id('reports'));

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
