-- watch_clock: R13. Seconds are credited no faster than the clock allows, for a lesson and,
-- when a report would complete one, for its course; what is held back comes with a repeat.
\set SHOW_CONTEXT never
-- A tenth of a second in a second: so it does not matter how fast the test runs.
SET content_library.max_playback_rate = 0.1;

BEGIN;
CALL test.make_course('clock', 6);
UPDATE courses SET progress_by = 'watch' WHERE slug = 'clock';
UPDATE lessons SET duration_seconds = 100 WHERE module_id = test.id('clock/m');
CALL test.make_learner('clock-ann', 'clock');
CALL test.sign_in('clock-ann');

-- Lets so many seconds of video be watched since a lesson was begun, the grace apart.
CREATE PROCEDURE test.begun(lesson text, seconds integer)
LANGUAGE sql SECURITY DEFINER
AS $$
	UPDATE public.content_progress SET started_at = clock_timestamp() - make_interval(secs => seconds * 10 - 5)
	WHERE lesson_id = test.id(lesson)
$$;
CREATE FUNCTION test.play(lesson text, played jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	row public.recorded_progress := record_progress(test.id(lesson), played := played);
BEGIN
	RETURN concat_ws(' ', row.watched_pct, (SELECT p.watched FROM content_progress AS p WHERE p.id = row.id), CASE WHEN row.completed THEN 'completed' END);
END
$$;
SET LOCAL ROLE authenticated;

-- The grace at first, and then what the clock allows, in ascending order; the rest with a repeat.
SELECT test.play('clock/1', '[[20, 80], [0, 10]]');
CALL test.begun('clock/1', 5);
SELECT test.play('clock/1', '[[20, 80], [0, 10]]');
SELECT test.play('clock/1', '[[20, 80], [0, 10]]');
CALL test.begun('clock/1', 10);
SELECT test.play('clock/1', '[]');
SELECT test.play('clock/1', '[[90, 92]]');
SELECT test.play('clock/1', '[[20, 80], [0, 10]]');
-- A clock that stands still, and one that went back, give nothing and take nothing.
CALL test.begun('clock/1', -1000);
SELECT test.play('clock/1', '[[0, 100]]');
CALL test.begun('clock/1', 55);
SELECT test.play('clock/1', '[[0, 100]]');
CALL test.begun('clock/1', 60);
SELECT test.play('clock/1', '[[0, 100]]');

-- A row without the time at which it began: its next report starts the clock, with nothing else to write, too.
RESET ROLE;
SET LOCAL content_library.watch_grace = 0;
INSERT INTO content_progress (user_id, lesson_id) VALUES (test.id('clock-ann'), test.id('clock/2'));
SET LOCAL ROLE authenticated;
SELECT started_at FROM content_progress WHERE lesson_id = test.id('clock/2');
SELECT test.play('clock/2', '[[0, 50]]');
SELECT started_at > now() - interval '1 min' AS started FROM content_progress WHERE lesson_id = test.id('clock/2');
CALL test.begun('clock/2', 20);
SELECT test.play('clock/2', '[[0, 50]]');
-- Once started, it stays.
SELECT started_at < clock_timestamp() - interval '190 s' AS kept FROM content_progress WHERE lesson_id = test.id('clock/2');

-- In every mode the first report starts it.
RESET ROLE;
UPDATE lessons SET progress_by = 'report' WHERE id = test.id('clock/3');
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('clock/3'), 1);
SELECT started_at = last_watched AS started FROM content_progress WHERE lesson_id = test.id('clock/3');
-- In a batch, too, by the server's clock and not by the device's.
SELECT watched_pct
FROM record_progress_batch(jsonb_build_array(jsonb_build_object('lesson_id', test.id('clock/4'), 'played', '[[0, 100]]'::jsonb,
	'watched_at', '2026-01-01T00:00:00Z')));
SELECT started_at > now() - interval '1 min' AS started FROM content_progress WHERE lesson_id = test.id('clock/4');

-- No bound at all.
RESET ROLE;
SET LOCAL content_library.max_playback_rate = 0;
SET LOCAL ROLE authenticated;
SELECT test.play('clock/4', '[[0, 100]]');

-- reset_progress forgets it all.
SELECT reset_progress(test.id('clock'));
SELECT count(*) FROM content_progress;
ROLLBACK;

-- The course: 4 lessons of 100 seconds, and the same clock over all of them when one would be completed.
BEGIN;
CALL test.make_course('bound', 4);
CALL test.make_course('bound-other', 1);
UPDATE courses SET progress_by = 'watch' WHERE slug LIKE 'bound%';
UPDATE lessons SET duration_seconds = 100 WHERE module_id IN (test.id('bound/m'), test.id('bound-other/m'));
CALL test.make_learner('bound-ann', 'bound', 'bound-other');
CALL test.sign_in('bound-ann');
CREATE PROCEDURE test.begun(seconds integer)
LANGUAGE sql SECURITY DEFINER
AS $$ UPDATE public.content_progress SET started_at = clock_timestamp() - make_interval(secs => seconds * 10 - 5) $$;
CREATE FUNCTION test.play(lesson text, played jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	row public.recorded_progress := record_progress(test.id(lesson), played := played);
BEGIN
	RETURN concat_ws(' ', row.watched_pct, (SELECT p.watched FROM content_progress AS p WHERE p.id = row.id), CASE WHEN row.completed THEN 'completed' END);
END
$$;
SET LOCAL ROLE authenticated;
-- All are begun at once, and each is played up to 80 of its seconds: no other row is asked for that.
SELECT n, test.play('bound/' || n, '[[0, 80]]') FROM generate_series(1, 4) AS n;
CALL test.begun(60);
SELECT n, test.play('bound/' || n, '[[0, 80]]') FROM generate_series(1, 4) AS n;
-- To complete one takes 90 + 3 × 80 seconds of the course's clock, 30 of them are the grace.
SELECT test.play('bound/1', '[[0, 100]]');
CALL test.begun(299);
SELECT test.play('bound/1', '[[0, 100]]');
CALL test.begun(300);
SELECT test.play('bound/1', '[[0, 100]]');
CALL test.begun(301);
SELECT test.play('bound/2', '[[0, 100]]');
CALL test.begun(320);
SELECT test.play('bound/2', '[[0, 100]]');
SELECT test.play('bound/1', '[[0, 100]]');
-- A lesson of another course has a clock of its own.
SELECT test.play('bound-other/1', '[[0, 100]]');
-- In a batch each report sees what those before it, in the order of their lessons, were credited.
CALL test.begun(340);
SELECT count(*) FILTER (WHERE completed) AS completed, sum(watched_pct) AS watched
FROM record_progress_batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('bound/' || n), 'played', '[[0, 100]]'::jsonb))
							FROM generate_series(1, 4) AS n));
CALL test.begun(380);
SELECT bool_or(course_completed) AS course_completed FROM record_progress_batch((
	SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('bound/' || n), 'played', '[[0, 100]]'::jsonb)) FROM generate_series(1, 4) AS n));
SELECT sum(watched_pct) AS watched, bool_and(p.completed) AS completed
FROM content_progress AS p JOIN lessons AS l ON l.id = p.lesson_id WHERE l.title LIKE 'bound/%';
ROLLBACK;
RESET content_library.max_playback_rate;
