-- course_completed: R10. Whatever makes a learner complete the last required lesson
-- sets enrollments.completed_at, once; nothing that happens afterwards moves it forward.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

-- Where the signed-in learner, or the one named, stands in a course.
CREATE FUNCTION test.standing(course text, learner text DEFAULT NULL) RETURNS text
LANGUAGE sql
AS $$
	SELECT coalesce(min(CASE WHEN completed_at IS NULL THEN 'open' ELSE 'completed' END), 'not enrolled')
	FROM public.enrollments
	WHERE course_id = test.id(course) AND user_id = coalesce(test.id(learner), auth.uid())
$$;

-- Reports the lesson COURSE/n; answers where the learner stands then.
CREATE FUNCTION test.report(lesson text, percent integer DEFAULT 100) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM public.record_progress(test.id(lesson), percent);
	RETURN test.standing(split_part(lesson, '/', 1));
END
$$;

-- The row of the one enrollment that is visible, and its place, which changes
-- with every write; xmax also with a lock.
CREATE FUNCTION test.enrollment() RETURNS text
LANGUAGE sql
AS $$ SELECT concat_ws(' ', e, e.ctid, e.xmin, e.xmax) FROM public.enrollments AS e $$;

BEGIN;
CALL test.make_course('done', 3);
CALL test.make_learner('done-ann', 'done');
CALL test.make_learner('done-bob', 'done');
CALL test.sign_in('done-ann');
SET LOCAL ROLE authenticated;

-- By the report that finishes the last lesson, at its time.
SELECT test.report('done/1'), test.report('done/2'), test.report('done/3', 0), test.report('done/3', 89);
SELECT test.report('done/3', 90);
SELECT e.completed_at = p.completed_at AS time_of_the_last, e.completed_at > now() AS time_of_the_report
FROM enrollments AS e, content_progress AS p
WHERE p.lesson_id = test.id('done/3');

-- Nobody else's.
RESET ROLE;
SELECT test.standing('done', 'done-bob');
SET LOCAL ROLE authenticated;

-- Afterwards the enrollment is neither written nor locked.
SELECT test.enrollment() AS enrollment \gset
SELECT test.report('done/1'), test.report('done/2', 0), test.report('done/3', 100), test.report('done/3', 95);
SELECT test.enrollment() = :'enrollment' AS same;

-- A lesson added, removed or made optional since moves the percentage alone.
RESET ROLE;
INSERT INTO lessons (id, module_id, title) VALUES (test.id('done/4'), test.id('done/m'), 'done/4');
SET LOCAL ROLE authenticated;
SELECT test.report('done/1'), test.report('done/4', 50), course_completion(test.id('done'));
SELECT test.report('done/4'), course_completion(test.id('done'));
RESET ROLE;
DELETE FROM lessons WHERE id = test.id('done/1');
UPDATE lessons SET is_required = false WHERE id = test.id('done/2');
SET LOCAL ROLE authenticated;
SELECT test.report('done/2'), test.report('done/3'), course_completion(test.id('done'));
RESET ROLE;
UPDATE lessons SET is_required = false;
SET LOCAL ROLE authenticated;
SELECT test.report('done/3'), course_completion(test.id('done'));
SELECT test.enrollment() = :'enrollment' AS same;

-- A time that was set otherwise, as by an import, stands as well.
RESET ROLE;
UPDATE lessons SET is_required = true;
UPDATE enrollments SET completed_at = '2020-02-02 02:02Z' WHERE user_id = test.id('done-bob');
CALL test.sign_in('done-bob');
SET LOCAL ROLE authenticated;
SELECT test.report('done/2'), test.report('done/3'), test.report('done/4');
SELECT completed_at = '2020-02-02 02:02Z' AS same FROM enrollments;

-- Whoever enrolls anew completes anew, by a report of any lesson.
RESET ROLE;
DELETE FROM enrollments WHERE user_id = test.id('done-bob');
SET LOCAL ROLE authenticated;
SELECT test.report('done/2', 0);
RESET ROLE;
INSERT INTO enrollments (user_id, course_id) VALUES (auth.uid(), test.id('done'));
SET LOCAL ROLE authenticated;
SELECT test.standing('done'), test.report('done/2', 0);
ROLLBACK;

-- The order of lessons, in two modules beside an empty one: every order there is.
BEGIN;
CALL test.make_course('order', 4);
INSERT INTO modules (id, course_id, title)
VALUES (test.id('order/n'), test.id('order'), 'n'), (test.id('order/o'), test.id('order'), 'empty');
UPDATE lessons SET module_id = test.id('order/n') WHERE sort_order > 2;
CREATE FUNCTION test.in_order(VARIADIC numbers integer[]) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	learner text := 'order-' || numbers::text;
	number integer;
	standings text := '';
BEGIN
	CALL test.make_learner(learner, 'order');
	CALL test.sign_in(learner);
	SET LOCAL ROLE authenticated;
	FOREACH number IN ARRAY numbers LOOP
		standings := standings || test.report('order/' || number) || ' ';
	END LOOP;
	RESET ROLE;
	RETURN standings;
END
$$;
SELECT test.in_order(a, b, c, d), count(*)
FROM generate_series(1, 4) AS a, generate_series(1, 4) AS b,
	 generate_series(1, 4) AS c, generate_series(1, 4) AS d
WHERE a <> b AND a <> c AND a <> d AND b <> c AND b <> d AND c <> d
GROUP BY 1;
ROLLBACK;

-- An optional lesson (the third) is finished never, last or first: it decides nothing.
BEGIN;
CALL test.make_course('optional', 3);
UPDATE lessons SET is_required = false WHERE id = test.id('optional/3');
CALL test.make_learner('optional-ann', 'optional');
CALL test.make_learner('optional-bob', 'optional');
CALL test.sign_in('optional-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('optional/1'), test.report('optional/3', 50), test.report('optional/2');
SELECT completed_at AS first_time FROM enrollments \gset
SELECT test.report('optional/3'), (SELECT completed_at = :'first_time' AS same FROM enrollments);
CALL test.sign_in('optional-bob');
SELECT test.report('optional/3'), test.report('optional/1'), test.report('optional/3'), test.report('optional/2');
ROLLBACK;

-- A course with no required lesson is never completed, whether it never had one
-- or has none left.
BEGIN;
CALL test.make_course('none', 2);
UPDATE lessons SET is_required = false WHERE id = test.id('none/2');
CALL test.make_learner('none-ann', 'none');
CALL test.sign_in('none-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('none/1', 50);
RESET ROLE;
UPDATE lessons SET is_required = false;
SET LOCAL ROLE authenticated;
SELECT test.report('none/2'), test.report('none/1'), test.report('none/2');
RESET ROLE;
DELETE FROM lessons WHERE id = test.id('none/1');
SET LOCAL ROLE authenticated;
SELECT test.report('none/2'), course_completion(test.id('none'));

-- A lesson becomes required that is finished already: that completes.
RESET ROLE;
UPDATE lessons SET is_required = true;
SET LOCAL ROLE authenticated;
SELECT test.standing('none'), test.report('none/2', 0);
ROLLBACK;

-- Previews finished before enrolling count: enrolling completes when nothing else is
-- left, at the time of the last of them.
BEGIN;
CALL test.make_course('preview', 2);
UPDATE lessons SET is_preview = true;
CALL test.make_learner('preview-ann');
CALL test.make_learner('preview-bob');
CALL test.sign_in('preview-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('preview/1'), test.report('preview/2');
RESET ROLE;
INSERT INTO enrollments (user_id, course_id) VALUES (auth.uid(), test.id('preview'));
SET LOCAL ROLE authenticated;
SELECT test.standing('preview'), test.report('preview/1', 0);
SELECT e.completed_at = max(p.completed_at) AS time_of_the_last_lesson
FROM enrollments AS e, content_progress AS p GROUP BY e.id;

CALL test.sign_in('preview-bob');
SELECT test.report('preview/1');
RESET ROLE;
INSERT INTO enrollments (user_id, course_id) VALUES (auth.uid(), test.id('preview'));
SET LOCAL ROLE authenticated;
SELECT test.report('preview/1'), test.report('preview/2', 50), test.report('preview/2');
ROLLBACK;

-- Who is not enrolled completes nothing, though others are.
BEGIN;
CALL test.make_course('stranger', 1);
UPDATE lessons SET is_preview = true;
CALL test.make_learner('stranger-ann');
CALL test.make_learner('stranger-bob', 'stranger');
CALL test.sign_in('stranger-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('stranger/1'), test.report('stranger/1');
RESET ROLE;
SELECT count(*), count(completed_at) AS completed FROM enrollments;
ROLLBACK;

-- Once the last unfinished lesson (the third) is out of the way, the course is completed,
-- and further reports change nothing.
BEGIN;
CALL test.make_course('rest', 4);
CALL test.make_course('rest-other', 0);
UPDATE lessons SET is_required = false WHERE id = test.id('rest/4');
CALL test.make_learner('rest-ann', 'rest');
CALL test.sign_in('rest-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('rest/1'), test.report('rest/2'), test.report('rest/3', 50), test.report('rest/4', 50);
RESET ROLE;
SAVEPOINT unfinished;

DELETE FROM lessons WHERE id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS removed, test.report('rest/1', 0);
ROLLBACK TO unfinished;

DELETE FROM lessons WHERE id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS removed, test.report('rest/4', 50) AS by_an_optional_unfinished;
ROLLBACK TO unfinished;

UPDATE lessons SET is_required = false WHERE id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS made_optional, test.report('rest/2', 0);
ROLLBACK TO unfinished;

UPDATE lessons SET is_required = false WHERE id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS made_optional, test.report('rest/3', 50) AS by_itself;
ROLLBACK TO unfinished;

-- Into another course, in which a report of it does not count for this one.
UPDATE lessons SET module_id = test.id('rest-other/m') WHERE id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS moved_away, test.report('rest/3'), test.report('rest/1');
ROLLBACK TO unfinished;

-- A threshold that has come down to where the learner is completes nobody by itself.
UPDATE lessons SET completion_threshold = 50 WHERE id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS threshold_lowered, test.report('rest/1'), test.report('rest/3', 0);
ROLLBACK TO unfinished;

-- By a row that was written directly, as the plan's app does.
UPDATE content_progress SET watched_pct = 100, completed = true WHERE lesson_id = test.id('rest/3');
SET LOCAL ROLE authenticated;
SELECT test.standing('rest') AS written, test.report('rest/1');
ROLLBACK;

-- A course that is not published any more: what was begun is finished, nothing is begun.
BEGIN;
CALL test.make_course('withdrawn', 2);
CALL test.make_learner('withdrawn-ann', 'withdrawn');
CALL test.make_learner('withdrawn-bob', 'withdrawn');
CALL test.sign_in('withdrawn-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('withdrawn/1'), test.report('withdrawn/2', 10);
CALL test.sign_in('withdrawn-bob');
SELECT test.report('withdrawn/1');
RESET ROLE;
UPDATE courses SET is_published = false;
SET LOCAL ROLE authenticated;
SELECT test.report('withdrawn/2');
SELECT test.standing('withdrawn');
CALL test.sign_in('withdrawn-ann');
SELECT test.report('withdrawn/2');
ROLLBACK;

-- Two courses of one learner, each for itself.
BEGIN;
CALL test.make_course('one', 2);
CALL test.make_course('two', 2);
CALL test.make_learner('both-ann', 'one', 'two');
CALL test.sign_in('both-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('one/1'), test.report('two/2'), test.report('one/2'), test.standing('two');
SELECT test.report('two/1'), test.standing('one');
SELECT count(DISTINCT completed_at) AS times FROM enrollments;
ROLLBACK;

-- service_role reports for a learner: that learner completes, and no other.
BEGIN;
CALL test.make_course('served', 2);
CALL test.make_learner('served-ann', 'served');
CALL test.make_learner('served-bob', 'served');
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT completed FROM record_progress(test.id('served/1'), 100, user_id => test.id('served-ann'));
SELECT completed FROM record_progress(test.id('served/2'), 100, user_id => test.id('served-bob'));
SELECT test.standing('served', 'served-ann') AS ann, test.standing('served', 'served-bob') AS bob;
SELECT completed FROM record_progress(test.id('served/2'), 100, user_id => test.id('served-ann'));
SELECT test.standing('served', 'served-ann') AS ann, test.standing('served', 'served-bob') AS bob, current_user;
ROLLBACK;

-- A report that comes to nothing takes the completion back with it.
BEGIN;
CALL test.make_course('undone', 1);
CALL test.make_learner('undone-ann', 'undone');
CALL test.sign_in('undone-ann');
SET LOCAL ROLE authenticated;
SAVEPOINT report;
SELECT test.report('undone/1');
ROLLBACK TO report;
SELECT test.standing('undone'), test.report('undone/1', 50), test.report('undone/1');
ROLLBACK;

-- R9. Heartbeats of an unfinished required lesson leave the enrollment alone,
-- as do those of finished ones in a course that is not completed ...
CALL test.make_course('beat', 3);
UPDATE lessons SET is_required = false WHERE id = test.id('beat/3');
CALL test.make_learner('beat-ann', 'beat');
CALL test.sign_in('beat-ann');
SET ROLE authenticated;
SELECT test.enrollment() AS enrollment \gset
SELECT test.report('beat/1', 10), test.report('beat/1', 20), test.report('beat/1', 89), test.report('beat/3', 10);
SELECT test.enrollment() = :'enrollment' AS same, xmax FROM enrollments;

-- ... and one that finishes a lesson while another one is left ...
SELECT test.report('beat/1', 90);
SELECT test.enrollment() = :'enrollment' AS same, xmax FROM enrollments;
SELECT test.report('beat/1', 91), test.report('beat/3', 20), test.report('beat/2', 50);
SELECT test.enrollment() = :'enrollment' AS same;

-- Reports with no news, of a finished lesson or of an optional one, in an open
-- course or a completed one: not even a transaction id.
RESET ROLE;
SET content_library.heartbeat_interval = 600;
SET ROLE authenticated;
BEGIN;
SELECT test.report('beat/1', 91), test.report('beat/1', 0), test.report('beat/3', 20), test.report('beat/2', 50);
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
SELECT test.report('beat/2', 51), pg_current_xact_id_if_assigned() IS NULL AS no_xid;
COMMIT;
-- ... while the one that finishes the last lesson writes it, so that this would be seen.
SELECT test.report('beat/2');
SELECT test.enrollment() = :'enrollment' AS same;
BEGIN;
SELECT test.report('beat/1', 91), test.report('beat/2'), test.report('beat/3', 20);
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
COMMIT;

RESET ROLE;
RESET content_library.heartbeat_interval;
DROP FUNCTION test.report, test.standing, test.enrollment;
DELETE FROM courses WHERE id = test.id('beat');
DELETE FROM auth.users WHERE id = test.id('beat-ann');
