-- played: R13. The seconds that were played: how they are read, rounded, clipped and merged,
-- and what is not a list of them.
\set SHOW_CONTEXT never
SET content_library.max_playback_rate = 0;

BEGIN;
CALL test.make_course('played', 4);
UPDATE courses SET progress_by = 'watch' WHERE slug = 'played';
UPDATE lessons SET duration_seconds = 1000 WHERE module_id = test.id('played/m');
CALL test.make_learner('played-ann', 'played');
CALL test.sign_in('played-ann');

-- What a list of ranges becomes, in the row of a lesson that nothing was played of before.
CREATE FUNCTION test.stored(played jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
	row public.recorded_progress;
BEGIN
	DELETE FROM public.content_progress WHERE lesson_id = test.id('played/1');
	row := public.record_progress(test.id('played/1'), played := played);
	RETURN row.watched_pct || '% ' || (SELECT watched FROM public.content_progress WHERE id = row.id);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- Outward to whole seconds, within the video; what has no length counts for nothing.
SELECT played, test.stored(played::jsonb)
FROM unnest(ARRAY['[]', '[[0, 1000]]', '[[0, 0]]', '[[5.5, 5.5]]', '[[5, 5.1]]', '[[5.9, 7]]', '[[5.9, 7.000001]]', '[[999.5, 2000]]',
	'[[1000, 2000]]', '[[0, 1e300]]', '[[1e20, 1e300]]', '[[0.0, 12.5], [60, 75]]', '[[0, 10], [10, 20]]', '[[0, 10], [11, 20]]',
	'[[0, 10.2], [10.8, 20]]', '[[60, 75], [0, 12.5]]', '[[0, 100], [20, 30], [90, 110], [0, 1]]', '[[1, 2], [1, 2], [1, 2]]',
	'[[-0.0, 1]]']) WITH ORDINALITY AS p(played, place)
ORDER BY place;

-- Not a list of ranges.
SELECT played, test.stored(played::jsonb)
FROM unnest(ARRAY['{}', '5', '"text"', 'null', 'true', '[5]', '[0, 100]', '[null]', '["0-5"]', '[{}]', '[{"start": 0, "end": 5}]', '[[]]',
	'[[1]]', '[[1, 2, 3]]', '[[1, "2"]]', '[[null, 2]]', '[[1, null]]', '[[1, [2]]]', '[[5, 4]]', '[[0, 1], [5, 4.999]]', '[[-1, 4]]',
	'[[-0.001, 4]]', '[[-5, -4]]', '[[1, "NaN"]]', '[["Infinity", "Infinity"]]']) WITH ORDINALITY AS p(played, place)
ORDER BY place;
-- No error is as long as what it quotes.
SELECT length(test.stored(jsonb_build_array(repeat('ü', 1000000)))) < 200 AS short,
	length(test.stored(jsonb_build_array(jsonb_build_array(10::numeric ^ 100000, 1)))) < 200 AS short_number;

-- Reports are merged, in any order and with any repeats.
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('played/2'), played := '[[0, 100]]');
SELECT watched_pct FROM record_progress(test.id('played/2'), played := '[[500, 600]]');
SELECT watched_pct FROM record_progress(test.id('played/2'), played := '[[50, 150]]');
SELECT watched_pct FROM record_progress(test.id('played/2'), played := '[[0, 100]]');
SELECT watched_pct FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('played/2'), 'played', '[[150, 500], [700, 705.5]]'::jsonb),
	jsonb_build_object('lesson_id', test.id('played/3'), 'played', '[[1, 2]]'::jsonb, 'position_seconds', 2)));
SELECT watched, watched_pct, position_seconds, started_at = last_watched AS started
FROM content_progress WHERE lesson_id <> test.id('played/1') ORDER BY watched;

-- A position is never watched.
SELECT watched_pct, position_seconds FROM record_progress(test.id('played/3'), played := '[]', position_seconds := 900);

-- R9: what adds no second writes nothing, and what adds one writes.
RESET ROLE;
CREATE FUNCTION test.writes(played jsonb, watched_pct float8 DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
	before text := (SELECT (ctid, xmin, xmax)::text FROM content_progress WHERE lesson_id = test.id('played/2'));
BEGIN
	PERFORM record_progress(test.id('played/2'), watched_pct, played := played);
	RETURN before IS DISTINCT FROM (SELECT (ctid, xmin, xmax)::text FROM content_progress WHERE lesson_id = test.id('played/2'));
END
$$;
SET LOCAL ROLE authenticated;
SELECT test.writes('[[0, 600]]') AS nothing, test.writes('[]') AS empty, test.writes('[[600, 600.5]]') AS a_second,
	test.writes('[[0, 601]]') AS again;
-- Such a write touches no index.
RESET ROLE;
SELECT pg_stat_get_xact_tuples_updated(c) > 0 AND pg_stat_get_xact_tuples_updated(c) = pg_stat_get_xact_tuples_hot_updated(c) AS hot
FROM CAST('content_progress'::regclass AS oid) AS c;

-- Where the percentage is claimed, the seconds are kept beside it, and a longer video makes nothing of either.
UPDATE courses SET progress_by = 'report' WHERE slug = 'played';
SET LOCAL ROLE authenticated;
SELECT test.writes('[[601, 602]]', 50) AS a_second, test.writes('[[601, 602]]', 50) AS again, test.writes('[[0, 10]]', 62) AS a_claim;
SELECT watched_pct, watched FROM content_progress WHERE lesson_id = test.id('played/2');
RESET ROLE;
UPDATE lessons SET duration_seconds = 100000 WHERE id = test.id('played/2');
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('played/2'), played := '[[0, 2000]]');

-- A shorter video: what is beyond its end stays, and counts no more.
RESET ROLE;
UPDATE lessons SET duration_seconds = 550 WHERE id = test.id('played/2');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('played/2'), played := '[[0, 100]]');
SELECT watched FROM content_progress WHERE lesson_id = test.id('played/2');

-- A lesson that several reports complete together is dated by the latest of them, whichever comes last.
RESET ROLE;
UPDATE lessons SET duration_seconds = 100 WHERE id IN (test.id('played/3'), test.id('played/4'));
DELETE FROM content_progress;
CREATE FUNCTION test.late(lesson text, played jsonb, at timestamptz) RETURNS text
LANGUAGE sql
AS $$
	SELECT to_char(r.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM record_progress_batch(jsonb_build_array(
		jsonb_build_object('lesson_id', test.id(lesson), 'played', played, 'watched_at', at))) AS r
$$;
SET LOCAL ROLE authenticated;
SELECT test.late('played/3', '[[0, 50]]', '2026-01-01Z') AS first, test.late('played/3', '[[50, 95]]', '2026-01-02Z') AS second,
	test.late('played/4', '[[50, 95]]', '2026-01-02Z') AS later, test.late('played/4', '[[0, 50]]', '2026-01-01Z') AS earlier;
SELECT test.late('played/4', '[[0, 50]]', '2025-12-31Z') AS nothing_new, test.late('played/4', '[[95, 96]]', '2025-12-31Z') AS after_completion;
ROLLBACK;
RESET content_library.max_playback_rate;
