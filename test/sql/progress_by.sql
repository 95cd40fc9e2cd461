-- progress_by: R13. What moves the progress of a lesson: what a player claims, the seconds
-- played, or the service alone; a lesson's own word comes before its course's.
\set SHOW_CONTEXT never
SET content_library.max_playback_rate = 0;

BEGIN;
CALL test.make_course('by', 12);
UPDATE lessons SET duration_seconds = 100 WHERE module_id = test.id('by/m');
CALL test.make_learner('by-ann', 'by');
CALL test.make_learner('by-bob');

-- What becomes of a report: the percentage, or the error without the lesson's id.
CREATE FUNCTION test.report(lesson text, watched_pct float8 DEFAULT NULL, played jsonb DEFAULT NULL, learner text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	row public.recorded_progress;
BEGIN
	row := record_progress(test.id(lesson), watched_pct, NULL, test.id(learner), played);
	RETURN row.watched_pct || CASE WHEN row.completed THEN ' completed' ELSE '' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || replace(SQLERRM, test.id(lesson)::text, lesson);
END
$$;

-- Only three words, and a course has one of them.
DO $$ BEGIN UPDATE courses SET progress_by = 'claim'; EXCEPTION WHEN check_violation THEN RAISE NOTICE '%', SQLERRM; END $$;
DO $$ BEGIN UPDATE courses SET progress_by = NULL; EXCEPTION WHEN not_null_violation THEN RAISE NOTICE '%', SQLERRM; END $$;
DO $$ BEGIN UPDATE lessons SET progress_by = ''; EXCEPTION WHEN check_violation THEN RAISE NOTICE '%', SQLERRM; END $$;

-- 'report', the default: the claim counts. Without one it is the percentage of the seconds.
CALL test.sign_in('by-ann');
SET LOCAL ROLE authenticated;
SELECT test.report('by/1', 30) AS claim, test.report('by/1', 40, '[[0, 95]]') AS both, test.report('by/1', NULL, '[[50, 60.5]]') AS played;
SELECT watched, watched_pct FROM content_progress WHERE lesson_id = test.id('by/1');
SELECT test.report('by/1') AS neither;

-- 'watch': the seconds count.
RESET ROLE;
UPDATE courses SET progress_by = 'watch' WHERE slug = 'by';
SET LOCAL ROLE authenticated;
SELECT test.report('by/2', NULL, '[[0, 50]]') AS first, test.report('by/2', NULL, '[[40, 60]]') AS next,
	test.report('by/2', 61) AS claim, test.report('by/2', 10, '[[0, 1]]') AS both, test.report('by/3', 0) AS first_claim;
SELECT test.report('by/2', NULL, '[[60, 90]]') AS all;
SELECT completed_at = last_watched AS dated FROM content_progress WHERE lesson_id = test.id('by/2');

-- A completed lesson stays so. What claims no more than its percentage moves at most the position.
SELECT test.report('by/2', 90) AS same, test.report('by/2', 91) AS more;

-- By the service a claim counts as in 'report'. What it says was played goes by the clock.
RESET ROLE;
SET LOCAL content_library.max_playback_rate = 0.1;
SET LOCAL ROLE service_role;
SELECT test.report('by/3', 35, NULL, 'by-ann') AS claim, test.report('by/3', NULL, '[[0, 90]]', 'by-ann') AS played,
	test.report('by/3', 36, '[[0, 90]]', 'by-ann') AS both, test.report('by/3', 95, '[[0, 90]]', 'by-ann') AS completes;
RESET ROLE;
SELECT watched FROM content_progress WHERE lesson_id = test.id('by/3');
SET LOCAL content_library.max_playback_rate = 0;

-- The lesson's own word.
UPDATE lessons SET progress_by = 'report' WHERE id = test.id('by/4');
UPDATE lessons SET progress_by = 'server' WHERE id = test.id('by/5');
SET LOCAL ROLE authenticated;
SELECT test.report('by/4', 30) AS report, test.report('by/5', 30) AS server, test.report('by/5', NULL, '[]') AS server_played;
RESET ROLE;
UPDATE courses SET progress_by = 'server' WHERE slug = 'by';
UPDATE lessons SET progress_by = 'watch' WHERE id = test.id('by/6');
SET LOCAL ROLE authenticated;
SELECT test.report('by/6', NULL, '[[0, 30]]') AS watch, test.report('by/6', 30) AS claim, test.report('by/1', 45) AS server;

-- 'server': the service alone, as in 'report'.
RESET ROLE;
SET LOCAL ROLE service_role;
SELECT test.report('by/7', 30, NULL, 'by-ann') AS claim, test.report('by/7', NULL, '[[0, 35]]', 'by-ann') AS played,
	test.report('by/7', 90, NULL, 'by-ann') AS completes;

-- A lesson without any video takes reports. One whose video is not ready waits.
RESET ROLE;
UPDATE courses SET progress_by = 'watch' WHERE slug = 'by';
UPDATE lessons SET duration_seconds = NULL WHERE id = test.id('by/8');
UPDATE lessons SET duration_seconds = NULL, mux_asset_id = 'asset' WHERE id = test.id('by/9');
UPDATE lessons SET duration_seconds = NULL, mux_upload_id = 'upload' WHERE id = test.id('by/10');
UPDATE lessons SET duration_seconds = 0 WHERE id = test.id('by/11');
SET LOCAL ROLE authenticated;
SELECT test.report('by/8', 30) AS no_video, test.report('by/8', NULL, '[[0, 1]]') AS no_video_played,
	test.report('by/9', NULL, '[[0, 1]]') AS asset, test.report('by/10', NULL, '[[0, 1]]') AS upload,
	test.report('by/11', 30) AS no_length;
SELECT test.report('by/9', 30) AS claim;
RESET ROLE;
UPDATE courses SET progress_by = 'report' WHERE slug = 'by';
SET LOCAL ROLE authenticated;
SELECT test.report('by/9', NULL, '[[0, 1]]') AS played, test.report('by/9', 50, '[[0, 1]]') AS both;
SELECT watched FROM content_progress WHERE lesson_id = test.id('by/9');

-- Who may not begin the lesson learns that, and not how it is to be reported.
RESET ROLE;
UPDATE courses SET progress_by = 'watch' WHERE slug = 'by';
UPDATE lessons SET progress_by = 'server' WHERE id = test.id('by/12');
CALL test.sign_in('by-bob');
SET LOCAL ROLE authenticated;
SELECT left(test.report('by/1', 30), 5) AS watch, left(test.report('by/12', 30), 5) AS server,
	test.report('by/12', 30) LIKE '%not enrolled%' AS not_enrolled;

-- In a batch the same, with the place. skip_refused leaves out what is for the service alone.
RESET ROLE;
CALL test.sign_in('by-ann');
CREATE FUNCTION test.batch(skip_refused boolean, VARIADIC reports jsonb[]) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	RETURN (SELECT string_agg(r.watched_pct::text, ' ')
			FROM record_progress_batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id(report ->> 'lesson')) || report - 'lesson')
										FROM unnest(reports) AS report), NULL, skip_refused) AS r);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '"[0-9a-f]{8}-.*?"', '"…"', 'g');
END
$$;
SET LOCAL ROLE authenticated;
SELECT test.batch(false, '{"lesson": "by/3", "played": [[90, 100]]}', '{"lesson": "by/8", "watched_pct": 31}',
	'{"lesson": "by/7", "played": [[0, 9]], "watched_pct": null}') AS watched;
SELECT test.batch(false, '{"lesson": "by/3", "played": []}', '{"lesson": "by/6", "watched_pct": 99}') AS claim,
	test.batch(true, '{"lesson": "by/3", "played": []}', '{"lesson": "by/6", "watched_pct": 99}') AS not_skipped;
-- by/2 is completed, so a claim of no more than it has changes nothing, beside whatever else.
SELECT test.batch(false, '{"lesson": "by/2", "watched_pct": 90}', '{"lesson": "by/3", "played": []}') AS beside_played,
	test.batch(false, '{"lesson": "by/2", "watched_pct": 90}', '{"lesson": "by/8", "watched_pct": 31}') AS beside_claim,
	test.batch(false, '{"lesson": "by/2", "watched_pct": 91}', '{"lesson": "by/3", "played": []}') AS more;
SELECT test.batch(false, '{"lesson": "by/3", "played": []}', '{"lesson": "by/12", "played": []}') AS server,
	test.batch(true, '{"lesson": "by/3", "played": []}', '{"lesson": "by/5", "watched_pct": 9}', '{"lesson": "by/12", "played": []}') AS skipped;
SELECT test.batch(false, '{"lesson": "by/3", "played": []}', '{"lesson": "by/9", "played": []}') AS not_ready,
	test.batch(false, '{"lesson": "by/3"}') AS neither, test.batch(false, '{"lesson": "by/3", "played": null}') AS null_played;
ROLLBACK;
RESET content_library.max_playback_rate;
