-- played_ranges: R13. A row holds at most 255 ranges: beyond, those with the smallest gaps
-- between them are joined, as far as the clock allows.
\set SHOW_CONTEXT never
SET content_library.max_playback_rate = 0;

BEGIN;
CALL test.make_course('ranges', 5);
UPDATE courses SET progress_by = 'watch' WHERE slug = 'ranges';
UPDATE lessons SET duration_seconds = 100000 WHERE module_id = test.id('ranges/m');
CALL test.make_learner('ranges-ann', 'ranges');
CALL test.sign_in('ranges-ann');

-- So many ranges of a second each, one every so many seconds, from a second on.
CREATE FUNCTION test.slivers(count integer, every integer, first integer DEFAULT 0) RETURNS jsonb
LANGUAGE sql
AS $$
	SELECT jsonb_agg(jsonb_build_array(first + every * n, first + every * n + 1)) FROM generate_series(0, count - 1) AS n
$$;
-- What a row holds: how many ranges and seconds, and the first and last of them.
CREATE FUNCTION test.held(lesson text, OUT ranges bigint, OUT seconds bigint, OUT first int4range, OUT last int4range)
LANGUAGE sql
AS $$
	SELECT count(*), sum(upper(r) - lower(r)), (array_agg(r ORDER BY r))[1], (array_agg(r ORDER BY r DESC))[1]
	FROM content_progress AS p CROSS JOIN unnest(p.watched) AS r WHERE p.lesson_id = test.id(lesson)
$$;
SET LOCAL ROLE authenticated;

-- 255 are kept as they are. Of equal gaps the first are closed.
SELECT watched_pct FROM record_progress(test.id('ranges/1'), played := test.slivers(255, 10));
SELECT * FROM test.held('ranges/1');
SELECT watched_pct FROM record_progress(test.id('ranges/1'), played := test.slivers(1, 1, 2550));
SELECT * FROM test.held('ranges/1');
SELECT watched_pct FROM record_progress(test.id('ranges/2'), played := test.slivers(300, 10));
SELECT * FROM test.held('ranges/2');

-- The smallest gaps go first, wherever they are.
SELECT watched_pct FROM record_progress(test.id('ranges/3'), played := test.slivers(255, 10) || '[[90000, 90001], [90003, 90004], [90005, 90006]]');
SELECT * FROM test.held('ranges/3');

-- Ten thousand slivers are a row of the same size, in whatever order they come.
SELECT watched_pct FROM record_progress(test.id('ranges/4'), played := test.slivers(10000, 10));
SELECT * FROM test.held('ranges/4');
SELECT watched_pct FROM record_progress(test.id('ranges/5'), played := (
	SELECT jsonb_agg(s ORDER BY md5(s::text)) FROM jsonb_array_elements(test.slivers(10000, 10)) AS s));
SELECT a.watched = b.watched AS same FROM content_progress AS a, content_progress AS b
WHERE a.lesson_id = test.id('ranges/4') AND b.lesson_id = test.id('ranges/5');

-- Where the clock does not allow the seconds between them, all that is new waits.
RESET ROLE;
DELETE FROM content_progress;
SET LOCAL content_library.max_playback_rate = 0.0001;
SET LOCAL content_library.watch_grace = 263;
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('ranges/1'), played := test.slivers(255, 10));
SELECT watched_pct FROM record_progress(test.id('ranges/1'), played := test.slivers(256, 10));
SELECT * FROM test.held('ranges/1');
RESET ROLE;
SET LOCAL content_library.watch_grace = 265;
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('ranges/1'), played := test.slivers(256, 10));
SELECT * FROM test.held('ranges/1');

-- What an owner has written is read, too.
RESET ROLE;
SET LOCAL content_library.max_playback_rate = 0;
UPDATE content_progress SET watched = '{(,-5),[10,20),[99990,)}';
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('ranges/1'), played := '[[0, 15], [500, 2000]]');
ROLLBACK;
RESET content_library.max_playback_rate;
