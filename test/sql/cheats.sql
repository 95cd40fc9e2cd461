-- cheats: R13. What a learner gains by each way round the seconds that count: docs/trust.md
-- has the table.
\set SHOW_CONTEXT never
-- A tenth of a second in a second: so it does not matter how fast the test runs.
SET content_library.max_playback_rate = 0.1;

BEGIN;
CALL test.make_course('cheats', 60);
UPDATE courses SET progress_by = 'watch' WHERE slug = 'cheats';
UPDATE lessons SET duration_seconds = 100 WHERE module_id = test.id('cheats/m');
CALL test.make_learner('cheats-eve', 'cheats');
CALL test.sign_in('cheats-eve');
-- Lets so many seconds of video be watched since all was begun, the grace apart.
CREATE PROCEDURE test.begun(seconds integer)
LANGUAGE sql SECURITY DEFINER
AS $$ UPDATE public.content_progress SET started_at = clock_timestamp() - make_interval(secs => seconds * 10 - 5) $$;
CREATE FUNCTION test.play(lesson text, played jsonb, position_seconds float8 DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	row public.recorded_progress;
BEGIN
	row := record_progress(test.id(lesson), NULL, position_seconds, NULL, played);
	RETURN concat_ws(' ', row.watched_pct, (SELECT p.watched FROM content_progress AS p WHERE p.id = row.id), CASE WHEN row.completed THEN 'completed' END);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SET LOCAL ROLE authenticated;

-- A seek to the end: a position is nothing watched, and the last second is one.
SELECT test.play('cheats/1', '[]', 100) AS position, test.play('cheats/1', '[[99.5, 100]]', 100) AS last_second;

-- The whole length at once: the grace. Again at once: nothing. As time passes: what can have been watched.
SELECT test.play('cheats/2', '[[0, 100]]') AS first;
CALL test.begun(1);
SELECT test.play('cheats/2', '[[0, 100]]') AS again, test.play('cheats/2', '[[0, 100]]') AS and_again;
CALL test.begun(59);
SELECT test.play('cheats/2', '[[0, 100]]') AS nearly;
CALL test.begun(91);
SELECT test.play('cheats/2', '[[0, 100]]') AS in_time;

-- Slivers: rounded outward, each is a second more, and the clock counts it.
SELECT test.play('cheats/3', (SELECT jsonb_agg(jsonb_build_array(n + 0.4, n + 0.5)) FROM generate_series(0, 99) AS n)) AS slivers;

-- The same half twice is a half.
RESET ROLE;
SET LOCAL content_library.max_playback_rate = 0;
SET LOCAL ROLE authenticated;
SELECT test.play('cheats/4', '[[0, 50], [0, 50]]') AS twice, test.play('cheats/4', '[[0, 50]]') AS again;

-- Another duration: it is the server's that counts.
SELECT test.play('cheats/5', '[[0, 10]]') AS shorter, test.play('cheats/5', '[[0, 10], [500, 1000000]]') AS longer;
RESET ROLE;
SET LOCAL content_library.max_playback_rate = 0.1;
SET LOCAL ROLE authenticated;

-- What is no range is refused, with all beside it; ten thousand ranges are those within the video.
SELECT test.play('cheats/6', '[[0, 10], ["NaN", 10]]') AS nan, test.play('cheats/6', '[[0, 10], [20, 10]]') AS reversed,
	test.play('cheats/6', '[[-100, 0]]') AS negative, test.play('cheats/6', '[[0, 10], [5, 15], [0, 15]]') AS overlapping;
SELECT test.play('cheats/7', (SELECT jsonb_agg(jsonb_build_array(n, n + 1)) FROM generate_series(0, 9999) AS n)) AS ten_thousand;

-- A clock put forward is refused, and one put back gives no time: the server's clock counts.
CREATE FUNCTION pg_temp.play_at(lesson text, at timestamptz) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	RETURN (SELECT r.watched_pct FROM record_progress_batch(jsonb_build_array(jsonb_build_object(
		'lesson_id', test.id(lesson), 'played', '[[0, 100]]'::jsonb, 'watched_at', at))) AS r);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT pg_temp.play_at('cheats/8', clock_timestamp() + interval '1 h') AS forward, pg_temp.play_at('cheats/8', '2020-01-01Z') AS back,
	pg_temp.play_at('cheats/8', clock_timestamp() - interval '1 h') AS again;

-- Fifty lessons side by side, each by its own clock: none is completed before the course's clock allows it.
SELECT sum((record_progress(test.id('cheats/' || n), played := '[[0, 89]]')).watched_pct) AS begun FROM generate_series(11, 60) AS n;
CALL test.begun(60);
SELECT sum((record_progress(test.id('cheats/' || n), played := '[[0, 89]]')).watched_pct) AS nearly FROM generate_series(11, 60) AS n;
SELECT count(*) FILTER (WHERE (record_progress(test.id('cheats/' || n), played := '[[0, 100]]')).completed) AS completed
FROM generate_series(11, 60) AS n;
SELECT count(*) FILTER (WHERE completed) AS completed FROM record_progress_batch((
	SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('cheats/' || n), 'played', '[[0, 100]]'::jsonb)) FROM generate_series(11, 60) AS n));

-- Leaving and coming back, or beginning again, gives no time.
SELECT (unenroll(test.id('cheats'))).course_id IS NOT NULL AS left, (enroll(test.id('cheats'))).course_id IS NOT NULL AS back;
SELECT reset_progress(test.id('cheats')) > 50 AS reset;
SELECT test.play('cheats/2', '[[0, 100]]') AS begun_again;
ROLLBACK;

-- A direct write: where it is granted the table believes it, and strict takes it away.
BEGIN;
CALL test.make_course('direct', 1);
UPDATE courses SET progress_by = 'watch' WHERE slug = 'direct';
UPDATE lessons SET duration_seconds = 100 WHERE module_id = test.id('direct/m');
CALL test.make_learner('direct-eve', 'direct');
CALL test.sign_in('direct-eve');
SELECT content_library_strict(false);
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('direct/1'), played := '[[0, 1]]');
UPDATE content_progress SET watched = '{[0,100)}', started_at = '2020-01-01';
SELECT watched_pct, completed FROM record_progress(test.id('direct/1'), played := '[]');
RESET ROLE;
DELETE FROM content_progress;
SELECT content_library_strict();
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('direct/1'), played := '[[0, 1]]');
UPDATE content_progress SET watched = '{[0,100)}', started_at = '2020-01-01';
ROLLBACK;
RESET content_library.max_playback_rate;
