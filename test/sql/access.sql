-- access: R8 and R12 in one place. Published, enrolled, not expired, of the tier or
-- granted, and not locked: every function gives the same answer, lesson by lesson.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

-- What a function says of a lesson: the reason that is in the detail of its error, or ok.
CREATE FUNCTION test.reason(query text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE query;
	-- Undone, so that the next question finds nothing begun.
	RAISE EXCEPTION 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN CASE WHEN message = 'ok' THEN 'ok'
				WHEN message LIKE '% is not enrolled in the course of lesson %' THEN 'not_enrolled'
				WHEN message LIKE '%lesson % does not exist' THEN 'unknown'
				ELSE coalesce(substring(detail FROM 'The reason is "(\w+)"'), SQLSTATE || ' ' || message) END;
END
$$;

-- Each lesson of a course, as the signed-in learner: what a first report, a batch and the
-- playback say, what the outline says, and whether it names the video. The functions agree.
CREATE FUNCTION test.access(course text, n integer)
RETURNS TABLE (lesson text, report text, outline text, plays boolean, agree boolean)
LANGUAGE sql
AS $$
	SELECT course || '/' || i, a.report, coalesce(o.l #>> '{locked,reason}', CASE WHEN o.l IS NULL THEN 'unknown' ELSE 'ok' END),
		   o.l ->> 'mux_playback_id' IS NOT NULL,
		   a.batch = a.report AND a.plays = a.report
	FROM generate_series(1, n) AS i
	CROSS JOIN LATERAL (SELECT test.id(course || '/' || i) AS id) AS l
	CROSS JOIN LATERAL (
		SELECT test.reason(format('SELECT public.record_progress(%L, 1)', l.id)) AS report,
			   test.reason(format('SELECT public.record_progress_batch(jsonb_build_array(jsonb_build_object(''lesson_id'', %L, ''watched_pct'', 1)))', l.id)) AS batch,
			   test.reason(format('SELECT public.mux_playback_claims(%L)', l.id)) AS plays) AS a
	LEFT JOIN LATERAL (
		SELECT x AS l
		FROM jsonb_path_query(public.course_outline(test.id(course))::jsonb, '$.modules[*].lessons[*]') AS x
		WHERE x ->> 'id' = l.id::text) AS o ON true
	ORDER BY i
$$;
-- The next lesson, as next_lesson and course_progress name it, and what can be continued.
CREATE FUNCTION test.next(course text) RETURNS TABLE (next text, agree boolean, continue text)
LANGUAGE sql
AS $$
	SELECT (SELECT x ->> 'title' FROM jsonb_path_query(public.course_outline(test.id(course))::jsonb, '$.modules[*].lessons[*]') AS x
			WHERE x ->> 'id' = n.id::text),
		   coalesce((SELECT p.next_lesson_id IS NOT DISTINCT FROM n.id FROM public.course_progress() AS p WHERE p.course_id = test.id(course)), true),
		   (SELECT string_agg(c.lesson_title, ' ' ORDER BY c.lesson_title) FROM public.continue_watching() AS c)
	FROM (SELECT public.next_lesson(test.id(course)) AS id) AS n
$$;
-- Signs in with a tier.
CREATE PROCEDURE test.sign_in_with(name text, tier text)
LANGUAGE sql
AS $$
	SELECT set_config('request.jwt.claims', json_build_object('sub', test.id(name), 'role', 'authenticated',
					  'app_metadata', json_build_object('tier', tier))::text, false)
$$;

-- A preview, a draft, and two others, of which the last has been begun.
BEGIN;
CALL test.make_course('access', 4);
UPDATE lessons SET mux_status = 'ready', mux_playback_id = title WHERE title LIKE 'access/%';
UPDATE lessons SET is_preview = true WHERE id = test.id('access/1');
UPDATE lessons SET is_published = false WHERE id = test.id('access/2');
CALL test.make_learner('access-ann', 'access');
CALL test.make_learner('access-bob');
INSERT INTO content_progress (user_id, lesson_id, watched_pct) VALUES (test.id('access-ann'), test.id('access/4'), 10);
CALL test.sign_in('access-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM test.access('access', 4);
SELECT * FROM test.next('access');
-- The draft counts for nothing.
SELECT course_completion(test.id('access')) AS completion, course_outline(test.id('access')) ->> 'required_lessons' AS required;
CALL test.sign_in('access-bob');
SELECT * FROM test.access('access', 4);
SELECT * FROM test.next('access');

-- Expired: what was begun may still be reported, but nothing is played or opened, and
-- results stay. Renewed, all is back.
RESET ROLE;
UPDATE enrollments SET expires_at = now() WHERE course_id = test.id('access');
CALL test.sign_in('access-ann');
SET LOCAL ROLE authenticated;
SELECT lesson, report, outline, plays FROM test.access('access', 4);
SELECT * FROM test.next('access');
SELECT watched_pct FROM record_progress(test.id('access/4'), 20);
SELECT course_completion(test.id('access')), (SELECT count(*) FROM course_progress()) AS courses;
SELECT user_id = test.id('access-ann') AS stays_expired FROM enroll(test.id('access')) WHERE expires_at <= now();
RESET ROLE;
UPDATE enrollments SET expires_at = 'infinity' WHERE course_id = test.id('access');
SET LOCAL ROLE authenticated;
SELECT * FROM test.next('access');
RESET ROLE;
UPDATE enrollments SET expires_at = now() WHERE course_id = test.id('access');
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT granted, expires_at FROM enroll(test.id('access'), test.id('access-ann'));
ROLLBACK;

-- The tier is asked again whenever a lesson is opened, unless the enrollment is granted.
BEGIN;
CALL test.make_course('tier', 2);
UPDATE lessons SET mux_status = 'ready', mux_playback_id = title WHERE title LIKE 'tier/%';
UPDATE courses SET tier_required = 'pro' WHERE id = test.id('tier');
CALL test.make_learner('tier-ann');
CALL test.sign_in_with('tier-ann', 'pro');
SET LOCAL ROLE authenticated;
SELECT granted, expires_at FROM enroll(test.id('tier'));
SELECT * FROM test.access('tier', 2);
CALL test.sign_in_with('tier-ann', 'free');
SELECT * FROM test.access('tier', 2);
SELECT * FROM test.next('tier');
CALL test.sign_in_with('tier-ann', 'studio');
SELECT * FROM test.next('tier');
-- The service knows no tier, and asks none.
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT watched_pct FROM record_progress(test.id('tier/1'), 5, user_id => test.id('tier-ann'));
SELECT next_lesson(test.id('tier'), test.id('tier-ann')) = test.id('tier/1') AS next;
SELECT granted FROM enroll(test.id('tier'), test.id('tier-ann'));
CALL test.sign_in_with('tier-ann', 'free');
SET LOCAL ROLE authenticated;
SELECT lesson, report, outline, plays FROM test.access('tier', 2);
ROLLBACK;

-- An enrollment that a learner makes has the access period of the course.
BEGIN;
CALL test.make_course('period', 1);
UPDATE courses SET access_period = '30 days' WHERE id = test.id('period');
CALL test.make_learner('period-ann');
CALL test.make_learner('period-bob');
CALL test.make_learner('period-eve', 'period');
CALL test.sign_in('period-ann');
SET LOCAL ROLE authenticated;
SELECT expires_at = now() + interval '30 days' AS by_function, granted FROM enroll(test.id('period'));
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT expires_at = now() + interval '30 days' AS by_service, granted FROM enroll(test.id('period'), test.id('period-bob'));
-- Leaving and coming back would begin a new period: only the service ends such an enrollment.
CALL test.sign_in('period-ann');
SET LOCAL ROLE authenticated;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT unenroll(test.id('period'));
\set VERBOSITY sqlstate
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT user_id = test.id('period-ann') AS left FROM unenroll(test.id('period'), test.id('period-ann'));
-- The service's own INSERT says itself when access ends.
SELECT expires_at FROM enrollments WHERE user_id = test.id('period-eve');
ROLLBACK;

-- Closed, and prerequisites: whoever is enrolled goes on.
BEGIN;
CALL test.make_course('basics', 1);
CALL test.make_course('advanced', 1);
INSERT INTO course_prerequisites VALUES (test.id('advanced'), test.id('basics'));
CALL test.make_learner('pre-ann', 'basics');
CALL test.make_learner('pre-bob', 'advanced');
CALL test.sign_in('pre-ann');
SET LOCAL ROLE authenticated;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT enroll(test.id('advanced'));
\set VERBOSITY sqlstate
SELECT course_completed FROM record_progress(test.id('basics/1'), 100);
SELECT user_id = test.id('pre-ann') AS enrolled FROM enroll(test.id('advanced'));
CALL test.sign_in('pre-bob');
SELECT watched_pct FROM record_progress(test.id('advanced/1'), 5);
SELECT (enroll(test.id('basics'))).user_id = test.id('pre-bob') AS enrolled;
RESET ROLE;
UPDATE courses SET is_open = false;
SET LOCAL ROLE authenticated;
SELECT (enroll(test.id('basics'))).user_id = test.id('pre-bob') AS still;
SELECT (unenroll(test.id('basics'))).user_id = test.id('pre-bob') AS left;
SELECT unenroll(test.id('basics')) IS NULL AS again;
\set VERBOSITY default
SELECT enroll(test.id('basics'));
SELECT unenroll(test.id('nothing'));
\set VERBOSITY sqlstate
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT granted FROM enroll(test.id('basics'), test.id('pre-bob'));
RESET ROLE;
INSERT INTO course_prerequisites VALUES (test.id('basics'), test.id('basics'));
UPDATE lessons SET unlock_after = '-1 day';
UPDATE courses SET access_period = '0';
ROLLBACK;

-- Locks: by date, of the lesson or of its module, and in a sequence.
BEGIN;
CALL test.make_course('lock', 5);
UPDATE lessons SET mux_status = 'ready', mux_playback_id = title WHERE title LIKE 'lock/%';
UPDATE lessons SET is_preview = true WHERE id = test.id('lock/5');
CALL test.make_learner('lock-ann', 'lock');
CALL test.make_learner('lock-bob', 'lock');
UPDATE lessons SET unlock_at = '2100-01-01 00:00:00+00' WHERE id = test.id('lock/1');
UPDATE lessons SET unlock_after = '1 hour' WHERE id = test.id('lock/2');
UPDATE lessons SET unlock_after = '0' WHERE id = test.id('lock/3');
CALL test.sign_in('lock-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM test.access('lock', 5);
SELECT * FROM test.next('lock');
SELECT x #> '{locked}' AS locked FROM jsonb_path_query(course_outline(test.id('lock'))::jsonb, '$.modules[*].lessons[0]') AS x;
\set VERBOSITY default
SELECT record_progress(test.id('lock/1'), 5);
SELECT record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('lock/3'), 'watched_pct', 1),
	jsonb_build_object('lesson_id', test.id('lock/1'), 'watched_pct', 1)));
SELECT record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('lock/3'), 'watched_pct', 1),
	jsonb_build_object('lesson_id', test.id('nothing'), 'watched_pct', 1)));
\set VERBOSITY sqlstate
-- What is refused is left out, if so asked, and the rest is recorded, in its order.
SELECT r.lesson_id = test.id('lock/3') AS third, r.lesson_id = test.id('lock/5') AS fifth
FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('lock/5'), 'watched_pct', 1),
	jsonb_build_object('lesson_id', test.id('nothing'), 'watched_pct', 1),
	jsonb_build_object('lesson_id', test.id('lock/3'), 'watched_pct', 1),
	jsonb_build_object('lesson_id', test.id('lock/2'), 'watched_pct', 1)), skip_refused => true) AS r;

-- The module's lock is for all of its lessons, but not for who has begun one.
RESET ROLE;
UPDATE lessons SET unlock_at = NULL, unlock_after = NULL;
UPDATE modules SET unlock_after = '1 day' WHERE id = test.id('lock/m');
SET LOCAL ROLE authenticated;
SELECT * FROM test.access('lock', 5);
SELECT * FROM test.next('lock');

-- In a sequence, an optional lesson, a draft and a preview keep nobody waiting.
RESET ROLE;
UPDATE modules SET unlock_after = NULL;
UPDATE courses SET is_sequential = true WHERE id = test.id('lock');
UPDATE lessons SET is_required = false WHERE id = test.id('lock/2');
CALL test.sign_in('lock-bob');
SET LOCAL ROLE authenticated;
SELECT * FROM test.access('lock', 5);
SELECT * FROM test.next('lock');
SELECT completed FROM record_progress(test.id('lock/1'), 100);
SELECT * FROM test.access('lock', 5);
SELECT * FROM test.next('lock');
CALL test.sign_in('lock-ann');
SELECT * FROM test.access('lock', 5);
-- A first lesson that is closed by its date closes all that wait for it.
RESET ROLE;
UPDATE lessons SET unlock_at = 'infinity' WHERE id = test.id('lock/1');
UPDATE lessons SET is_preview = false;
DELETE FROM content_progress;
SET LOCAL ROLE authenticated;
SELECT * FROM test.access('lock', 5);
SELECT * FROM test.next('lock');
-- Who has completed the course may watch all of it.
RESET ROLE;
UPDATE enrollments SET completed_at = now() WHERE user_id = test.id('lock-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM test.access('lock', 5);
ROLLBACK;

-- A position never lies past the end of a video that has become shorter.
BEGIN;
CALL test.make_course('short', 1);
UPDATE lessons SET duration_seconds = 100 WHERE id = test.id('short/1');
CALL test.make_learner('short-ann', 'short');
CALL test.sign_in('short-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct, position_seconds FROM record_progress(test.id('short/1'), 42.9, 199.9);
SELECT position_seconds FROM continue_watching();
SELECT x -> 'position_seconds' AS position FROM jsonb_path_query(course_outline(test.id('short'))::jsonb, '$.modules[*].lessons[*]') AS x;
-- A player's own numbers are rounded down; what is no number is refused.
SELECT watched_pct, completed FROM record_progress(test.id('short/1'), 89.999);
SELECT watched_pct, completed FROM record_progress(test.id('short/1'), 100.4);
SELECT position_seconds FROM record_progress_batch(jsonb_build_array(jsonb_build_object(
	'lesson_id', test.id('short/1'), 'watched_pct', 99.99, 'position_seconds', 2147483647.5)));
SELECT record_progress(test.id('short/1'), 'NaN');
SELECT record_progress(test.id('short/1'), 'Infinity');
SELECT record_progress(test.id('short/1'), -0.1);
SELECT record_progress(test.id('short/1'), 101);
SELECT record_progress(test.id('short/1'), 5, 'NaN');
SELECT record_progress(test.id('short/1'), 5, '-Infinity');
SELECT record_progress(test.id('short/1'), 5, 2147483648);
ROLLBACK;

DROP FUNCTION test.reason(text);
DROP FUNCTION test.access(text, integer);
DROP FUNCTION test.next(text);
DROP PROCEDURE test.sign_in_with(text, text);
