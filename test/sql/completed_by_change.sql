-- completed_by_change: R10 by whatever path, and the dates of R2 and R10. A change that
-- leaves a learner with everything done completes the course in its own statement, dated
-- by the last lesson.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

-- The courses of a learner: completed when, of the library's own dates.
CREATE FUNCTION test.completed(learner text) RETURNS TABLE (course text, completed_at text)
LANGUAGE sql
AS $$
	SELECT c.title, to_char(e.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
	FROM public.enrollments AS e
	JOIN public.courses AS c ON c.id = e.course_id
	WHERE e.user_id = test.id(learner)
	ORDER BY c.title
$$;
-- Reports one lesson at noon of a day.
CREATE PROCEDURE test.report_on(lesson text, day date, percent integer DEFAULT 100)
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM public.record_progress_batch(jsonb_build_array(jsonb_build_object(
		'lesson_id', test.id(lesson), 'watched_pct', percent, 'watched_at', to_char(day, 'YYYY-MM-DD"T"12:00:00"Z"'))));
END
$$;

-- Four lessons: 1 and 2 are done in March, 3 is begun, 4 is optional and not begun.
BEGIN;
CALL test.make_course('change', 4);
CALL test.make_course('change-to', 1);
INSERT INTO modules (id, course_id, title) VALUES (test.id('change/n'), test.id('change'), 'n');
UPDATE lessons SET is_required = false WHERE id = test.id('change/4');
UPDATE lessons SET module_id = test.id('change/n') WHERE id = test.id('change/3');
CALL test.make_learner('change-ann', 'change', 'change-to');
CALL test.make_learner('change-bob', 'change');
CALL test.sign_in('change-ann');
SET LOCAL ROLE authenticated;
CALL test.report_on('change/2', '2026-03-05');
CALL test.report_on('change/1', '2026-03-02');
CALL test.report_on('change/3', '2026-03-07', 50);
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT * FROM test.completed('change-ann');
SAVEPOINT unfinished;

DELETE FROM lessons WHERE id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
SELECT * FROM test.completed('change-bob');
ROLLBACK TO unfinished;
DELETE FROM modules WHERE id = test.id('change/n');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
UPDATE lessons SET is_required = false WHERE id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
UPDATE lessons SET is_published = false WHERE id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
-- Once completed it stays so.
UPDATE lessons SET is_published = true WHERE id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
-- Into another course: a lesson, or its module.
SELECT id = test.id('change/3') AS moved FROM move_lesson(test.id('change/3'), test.id('change-to/m'));
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
UPDATE modules SET course_id = test.id('change-to') WHERE id = test.id('change/n');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
-- Several at once, and what changes nothing.
UPDATE lessons SET is_required = false WHERE id IN (test.id('change/2'), test.id('change/3'), test.id('change/4'));
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
UPDATE lessons SET title = title || '!', is_required = is_required;
DELETE FROM lessons WHERE id = test.id('change/4');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
-- No lesson is left that is required: no course is completed by that.
UPDATE lessons SET is_required = false;
SELECT * FROM test.completed('change-ann');
-- The first one that is required, and was completed before, completes.
UPDATE lessons SET is_required = true WHERE id = test.id('change/1');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
-- The service marks a lesson itself, with or without a date.
UPDATE content_progress SET completed = true, completed_at = '2026-03-09 12:00Z' WHERE lesson_id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
UPDATE content_progress SET completed = true WHERE lesson_id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
ROLLBACK TO unfinished;
INSERT INTO content_progress (user_id, lesson_id, completed, last_watched) SELECT test.id('change-bob'), test.id('change/' || n), true, '2026-04-01 12:00Z'
FROM generate_series(1, 3) AS n;
SELECT * FROM test.completed('change-bob');
ROLLBACK TO unfinished;
-- Leaves, and comes back when the rest is gone.
SELECT user_id = test.id('change-ann') AS left FROM unenroll(test.id('change'), test.id('change-ann'));
DELETE FROM lessons WHERE id = test.id('change/3');
SELECT * FROM test.completed('change-ann');
SELECT to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS back FROM enroll(test.id('change'), test.id('change-ann'));
SELECT user_id = test.id('change-ann') AS left FROM unenroll(test.id('change'), test.id('change-ann'));
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('change-ann'), test.id('change'));
SELECT * FROM test.completed('change-ann');
-- A course that is deleted, and a learner: nothing is left.
DELETE FROM courses WHERE id = test.id('change');
SELECT * FROM test.completed('change-ann');
ROLLBACK;

-- An import brings its dates with it; where it brings none, the lessons decide.
BEGIN;
CALL test.make_course('import', 1);
CALL test.make_learner('import-ann');
CALL test.make_learner('import-bob');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, completed_at)
SELECT test.id('import-' || who), test.id('import/1'), 100, true, '2025-05-05 12:00Z' FROM unnest('{ann,bob}'::text[]) AS who;
INSERT INTO enrollments (user_id, course_id, completed_at)
VALUES (test.id('import-ann'), test.id('import'), '2025-06-06 12:00Z'), (test.id('import-bob'), test.id('import'), NULL);
SELECT who, c.* FROM unnest('{ann,bob}'::text[]) AS who, test.completed('import-' || who) AS c ORDER BY who;
-- As in a restore, in which rows are as they were.
DELETE FROM enrollments;
SET LOCAL row_security = off;
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('import-bob'), test.id('import'));
SELECT * FROM test.completed('import-bob');
ROLLBACK;

-- Dates: of any order of the same reports the earliest that reached the threshold counts.
BEGIN;
CALL test.make_course('dates', 2);
CALL test.make_learner('dates-ann', 'dates');
CALL test.make_learner('dates-bob', 'dates');
CALL test.sign_in('dates-ann');
SET LOCAL ROLE authenticated;
CALL test.report_on('dates/1', '2026-03-05');
CALL test.report_on('dates/1', '2026-03-02');
CALL test.report_on('dates/1', '2026-03-01', 89);
CALL test.report_on('dates/1', '2026-03-09');
CALL test.sign_in('dates-bob');
CALL test.report_on('dates/1', '2026-03-09');
CALL test.report_on('dates/1', '2026-03-01', 89);
CALL test.report_on('dates/1', '2026-03-02');
CALL test.report_on('dates/1', '2026-03-05');
RESET ROLE;
SELECT user_id = test.id('dates-ann') AS ann, to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS completed_at FROM content_progress ORDER BY ann;
-- The course has the date of its last lesson; a late report moves both back, never forward,
-- and the course is completed only once.
CALL test.sign_in('dates-ann');
SET LOCAL ROLE authenticated;
SELECT course_completed FROM record_progress_batch(jsonb_build_array(jsonb_build_object(
	'lesson_id', test.id('dates/2'), 'watched_pct', 100, 'watched_at', '2026-03-20T12:00:00Z')));
SELECT * FROM test.completed('dates-ann');
SELECT course_completed, to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS completed_at FROM record_progress_batch(jsonb_build_array(jsonb_build_object(
	'lesson_id', test.id('dates/2'), 'watched_pct', 100, 'watched_at', '2026-03-10T12:00:00Z')));
SELECT * FROM test.completed('dates-ann');
CALL test.report_on('dates/1', '2026-02-01');
CALL test.report_on('dates/2', '2026-03-15');
CALL test.report_on('dates/2', '2026-01-01', 89);
SELECT * FROM test.completed('dates-ann');
CALL test.report_on('dates/2', '2026-01-01');
SELECT * FROM test.completed('dates-ann');
SELECT course_completed FROM record_progress(test.id('dates/2'), 100);
-- Of a batch, the report with the latest time is the one that has completed the course.
CALL test.sign_in('dates-bob');
SELECT r.lesson_id = test.id('dates/2') AS second, r.course_completed
FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('dates/2'), 'watched_pct', 95, 'watched_at', '2026-03-03T12:00:00Z'),
	jsonb_build_object('lesson_id', test.id('dates/1'), 'watched_pct', 95, 'watched_at', '2026-01-01T12:00:00Z'))) AS r;
SELECT * FROM test.completed('dates-bob');
ROLLBACK;

-- Of many learners, one change completes those who are done, and nobody else. All have started
-- the first lesson, most the second, half of them the third.
BEGIN;
CALL test.make_course('many', 4);
DO $$ BEGIN FOR n IN 1..400 LOOP CALL test.make_learner('many-' || n, 'many'); END LOOP; END $$;
SET LOCAL row_security = off;
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed)
SELECT test.id('many-' || n), test.id('many/' || l), 90, n % 5 > 0 OR l <> 1 + n % 3
FROM generate_series(1, 400) AS n, generate_series(1, 3) AS l
WHERE l = 1 OR l = 2 AND n % 4 > 0 OR l = 3 AND n % 2 > 0;
RESET row_security;
SELECT count(completed_at) AS completed FROM enrollments WHERE course_id = test.id('many');
UPDATE lessons SET is_required = false WHERE id = test.id('many/4');
SELECT count(e.completed_at) AS completed, count(*) FILTER (WHERE (e.completed_at IS NULL) = (d.lessons = 3)) AS wrong
FROM enrollments AS e CROSS JOIN LATERAL (
	SELECT count(*) AS lessons FROM content_progress AS p WHERE p.user_id = e.user_id AND p.completed) AS d
WHERE e.course_id = test.id('many');
ROLLBACK;

-- Two accounts become one: what changes hands counts for its new owner.
BEGIN;
CALL test.make_course('hands', 2);
CALL test.make_course('hands-other', 1);
CALL test.make_learner('hands-guest', 'hands', 'hands-other');
CALL test.make_learner('hands-ann', 'hands');
CALL test.sign_in('hands-guest');
SET LOCAL ROLE authenticated;
CALL test.report_on('hands/2', '2026-03-02');
CALL test.report_on('hands-other/1', '2026-03-03');
CALL test.sign_in('hands-ann');
CALL test.report_on('hands/1', '2026-03-01');
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT * FROM test.completed('hands-ann');
SAVEPOINT guest;
-- No row changes hands, so nothing happens.
UPDATE content_progress SET user_id = user_id, lesson_id = lesson_id;
SELECT * FROM test.completed('hands-ann');
UPDATE content_progress SET user_id = test.id('hands-ann') WHERE user_id = test.id('hands-guest');
SELECT * FROM test.completed('hands-ann');
-- An enrollment with a date keeps it, one without is completed.
UPDATE enrollments SET user_id = test.id('hands-ann') WHERE course_id = test.id('hands-other');
SELECT * FROM test.completed('hands-ann');
ROLLBACK TO guest;
UPDATE content_progress SET user_id = test.id('hands-ann') WHERE user_id = test.id('hands-guest') AND lesson_id = test.id('hands-other/1');
UPDATE enrollments SET course_id = test.id('hands-other') WHERE user_id = test.id('hands-ann');
SELECT * FROM test.completed('hands-ann');
ROLLBACK TO guest;
-- A row that is given to another lesson.
UPDATE content_progress SET lesson_id = test.id('hands/1') WHERE lesson_id = test.id('hands-other/1');
SELECT * FROM test.completed('hands-guest');
ROLLBACK;

-- A change of many lessons takes no longer for one of a single lesson that came before.
BEGIN;
CALL test.make_course('wide', 20000);
SET LOCAL ROLE service_role;
UPDATE lessons SET is_required = false WHERE id = test.id('wide/1');
SET LOCAL statement_timeout = '30s';
UPDATE lessons SET is_required = false;
ROLLBACK;

DROP FUNCTION test.completed(text);
DROP PROCEDURE test.report_on(text, date, integer);
