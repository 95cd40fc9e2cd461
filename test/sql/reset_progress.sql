-- reset_progress: a learner's progress in one course goes, all of it and no
-- more, and the course can be completed again.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('reset', 3);
CALL test.make_course('reset-other', 1);
CALL test.make_course('reset-closed', 1);
UPDATE lessons SET is_required = false WHERE id = test.id('reset/3');
UPDATE lessons SET is_preview = true WHERE id = test.id('reset-closed/1');
CALL test.make_learner('reset-ann', 'reset', 'reset-other');
CALL test.make_learner('reset-bob', 'reset');
CREATE VIEW test.state AS
	SELECT u.email, l.title, p.watched_pct, p.completed, e.completed_at IS NOT NULL AS course_completed
	FROM content_progress AS p
	JOIN auth.users AS u ON u.id = p.user_id
	JOIN lessons AS l ON l.id = p.lesson_id
	JOIN modules AS m ON m.id = l.module_id
	LEFT JOIN enrollments AS e ON e.user_id = p.user_id AND e.course_id = m.course_id
	WHERE l.title LIKE 'reset%'
	ORDER BY 1, 2;

SET LOCAL ROLE service_role;
SELECT count(record_progress(test.id(lesson), pct, NULL, test.id(learner)))
FROM (VALUES
	('reset-ann', 'reset/1', 100), ('reset-ann', 'reset/2', 100), ('reset-ann', 'reset/3', 5),
	('reset-ann', 'reset-other/1', 100), ('reset-ann', 'reset-closed/1', 40),
	('reset-bob', 'reset/1', 100), ('reset-bob', 'reset/2', 100)
) AS r(learner, lesson, pct);
RESET ROLE;
SELECT completed_at AS first_time FROM enrollments
WHERE user_id = test.id('reset-ann') AND course_id = test.id('reset') \gset

-- A dry run only counts.
CALL test.sign_in('reset-ann');
SET LOCAL ROLE authenticated;
SELECT reset_progress(test.id('reset'), dry_run => true);
SELECT reset_progress(test.id('reset'), test.id('reset-ann'), true);
RESET ROLE;
SELECT * FROM test.state;

-- Optional lessons go, too; other courses and other learners stay.
SET LOCAL ROLE authenticated;
SELECT reset_progress(test.id('reset'));
SELECT course_completion(test.id('reset')), reset_progress(test.id('reset')) AS again;
RESET ROLE;
SELECT * FROM test.state;
SELECT completed_at FROM enrollments
WHERE user_id = test.id('reset-ann') AND course_id = test.id('reset');

-- Done again: a completion of its own.
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('reset/1'), 90);
SELECT completed_at FROM enrollments WHERE course_id = test.id('reset');
SELECT watched_pct FROM record_progress(test.id('reset/2'), 90);
SELECT completed_at > :'first_time' AS later FROM enrollments WHERE course_id = test.id('reset');

-- Not enrolled, though there is progress on the preview; another's; nobody's; NULL.
SELECT reset_progress(test.id('reset-closed'));
SELECT reset_progress(test.id('reset-closed'), dry_run => true);
SELECT reset_progress(test.id('reset'), test.id('reset-bob'));
SELECT reset_progress(test.id('reset'), test.id('reset-bob'), true);
SELECT reset_progress(NULL);
SELECT reset_progress(test.id('reset'), NULL, NULL);
CALL test.sign_in();
SELECT reset_progress(test.id('reset'));

-- service_role resets anyone who is enrolled.
SET LOCAL ROLE service_role;
SELECT reset_progress(test.id('reset'), test.id('reset-bob'), true) AS dry, reset_progress(test.id('reset'), test.id('reset-bob'));
SELECT reset_progress(test.id('reset-other'), test.id('reset-bob'));
SELECT reset_progress(test.id('reset'));
RESET ROLE;
SELECT * FROM test.state;

-- In a course that is not published any more as well: it is the learner's own.
UPDATE courses SET is_published = false WHERE id = test.id('reset');
CALL test.sign_in('reset-ann');
SET LOCAL ROLE authenticated;
SELECT reset_progress(test.id('reset'));
ROLLBACK;
