-- course_summary: a course in one row. Learners and completions are counted, also by the
-- week; who is active, and the average (R4), are of all learners up to 500, and beyond
-- that of a sample, which is the same each time.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('sum', 3);
CALL test.make_course('sum-other', 1);
CALL test.make_course('sum-empty', 0);
CALL test.make_learner('sum-ann', 'sum', 'sum-other');
CALL test.make_learner('sum-bob', 'sum');
CALL test.make_learner('sum-cy', 'sum');
CALL test.make_learner('sum-dan', 'sum-other');
-- An optional lesson and a draft count for nothing.
UPDATE lessons SET is_preview = true WHERE id = test.id('sum/1');
INSERT INTO lessons (id, module_id, title, is_required, is_published)
VALUES (test.id('sum/4'), test.id('sum/m'), 'sum/4', false, true), (test.id('sum/5'), test.id('sum/m'), 'sum/5', true, false);

-- Before anybody has watched; where nobody is enrolled; where nothing is required.
SET LOCAL ROLE service_role;
SELECT * FROM course_summary(test.id('sum'));
SELECT (unenroll(test.id('sum-other'), test.id('sum-dan'))).completed_at;
SELECT (unenroll(test.id('sum-other'), test.id('sum-ann'))).completed_at;
SELECT * FROM course_summary(test.id('sum-other'));
SELECT (enroll(test.id('sum-empty'), test.id('sum-bob'))).completed_at;
SELECT * FROM course_summary(test.id('sum-empty'));

-- Two of three are 66 and not 66.67, one of three is 33: with 100 the average is 66.3.
SELECT count(record_progress(test.id(lesson), 95, NULL, test.id(learner)))
FROM (VALUES
	('sum-ann', 'sum/1'), ('sum-ann', 'sum/2'), ('sum-ann', 'sum/3'),
	('sum-bob', 'sum/1'), ('sum-bob', 'sum/2'), ('sum-cy', 'sum/2'), ('sum-cy', 'sum/4')
) AS r(learner, lesson);
SELECT * FROM course_summary(test.id('sum'));
-- It is that of course_report.
SELECT round(avg(completion), 1) AS average FROM course_report(test.id('sum'));

-- Who has watched when. A lesson of another course is none of this one; Dan, who is not
-- enrolled, has watched the preview.
SELECT (enroll(test.id('sum-other'), test.id('sum-cy'))).completed_at;
SELECT (record_progress(test.id('sum-other/1'), 10, NULL, test.id('sum-cy'))).watched_pct;
SELECT (record_progress(test.id('sum/1'), 10, NULL, test.id('sum-dan'))).watched_pct;
UPDATE content_progress SET last_watched = now() - v.ago::interval
FROM (VALUES
	('sum-ann', '6 days 23:59:59'), ('sum-bob', '168:00:00'), ('sum-cy', '720:00:00')
) AS v(learner, ago)
WHERE user_id = test.id(v.learner) AND lesson_id <> test.id('sum-other/1');
SELECT active_7_days, active_30_days FROM course_summary(test.id('sum'));
UPDATE content_progress SET last_watched = now() - '719:59:59'::interval WHERE user_id = test.id('sum-cy') AND lesson_id = test.id('sum/4');
SELECT active_7_days, active_30_days FROM course_summary(test.id('sum'));

-- Completions by the week, the oldest first: at the edges of the first and last of the 12.
UPDATE enrollments SET completed_at = now() - v.ago::interval
FROM (VALUES ('sum-ann', '0:00:00'), ('sum-bob', '168:00:00'), ('sum-cy', '2016:00:00')) AS v(learner, ago)
WHERE user_id = test.id(v.learner) AND course_id = test.id('sum');
SELECT completed, completions_by_week FROM course_summary(test.id('sum'));
UPDATE enrollments SET completed_at = now() - v.ago::interval
FROM (VALUES ('sum-ann', '-1:00:00'), ('sum-bob', '167:59:59'), ('sum-cy', '2015:59:59')) AS v(learner, ago)
WHERE user_id = test.id(v.learner) AND course_id = test.id('sum');
SELECT completed, completions_by_week FROM course_summary(test.id('sum'));
-- Weeks and days have the same length in every time zone.
SET LOCAL TimeZone = 'Europe/Berlin';
SELECT completed, completions_by_week, active_7_days, active_30_days FROM course_summary(test.id('sum'));
RESET TimeZone;

-- 500 learners are all asked. Of 1,500 a third are, and stand for all, the same each time.
RESET ROLE;
CALL test.make_course('sum-many', 1);
INSERT INTO auth.users (id) SELECT test.id('sum-' || n) FROM generate_series(1, 1500) AS n;
INSERT INTO enrollments (user_id, course_id) SELECT test.id('sum-' || n), test.id('sum-many') FROM generate_series(1, 500) AS n;
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed)
SELECT test.id('sum-' || n), test.id('sum-many/1'), 100, true FROM generate_series(1, 1500) AS n WHERE n % 5 = 0;
SET LOCAL ROLE service_role;
SELECT learners, active_7_days, active_30_days, completed, average_completion, sampled FROM course_summary(test.id('sum-many'));
RESET ROLE;
INSERT INTO enrollments (user_id, course_id) SELECT test.id('sum-' || n), test.id('sum-many') FROM generate_series(501, 1500) AS n;
SET LOCAL ROLE service_role;
SELECT s.learners, s.completed, s.sampled, s.active_7_days = s.active_30_days AS active,
	   s.active_7_days % 3 AS thirds, s.active_7_days BETWEEN 300 - 66 AND 300 + 66 AS near,
	   s.average_completion = s.active_7_days / 15.0 AS average,
	   s = (SELECT t FROM course_summary(test.id('sum-many')) AS t) AS again
FROM course_summary(test.id('sum-many')) AS s;

SELECT * FROM course_summary(test.id('nothing'));
SELECT * FROM course_summary(NULL);
ROLLBACK;
