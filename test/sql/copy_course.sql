-- copy_course: an unpublished copy with modules, lessons and rules, in the same order, and
-- without learners.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('copied', 3);
CALL test.make_course('copied-before', 1);
-- No column is as it is by default.
UPDATE courses SET title = 'Copied', description = 'd', thumbnail_url = 't', stage = 's', topic = 'o', tier_required = 'pro',
	sort_order = 5, completion_threshold = 70, metadata = '{"a": 1}', is_open = false, is_sequential = true, access_period = '90 days', certificate_valid_for = '2 years',
	progress_by = 'watch', created_at = '2026-01-01Z'
WHERE id = test.id('copied');
INSERT INTO course_prerequisites VALUES (test.id('copied'), test.id('copied-before'));
UPDATE modules SET description = 'm', sort_order = 3, metadata = '{"b": 2}', unlock_at = '2026-03-01Z', unlock_after = '3 days',
	created_at = '2026-01-02Z'
WHERE id = test.id('copied/m');
UPDATE lessons SET description = 'l', duration_seconds = 600, mux_asset_id = 'asset', mux_playback_id = 'playback', mux_status = 'ready',
	is_preview = true, completion_threshold = 50, is_required = false, is_published = false, metadata = '{"c": 3}',
	unlock_at = '2026-03-02Z', unlock_after = '4 days', progress_by = 'report', created_at = '2026-01-03Z'
WHERE id = test.id('copied/1');
-- Ties, which only the ids decide.
INSERT INTO modules (id, course_id, title, sort_order, created_at)
SELECT test.id('copied-module-' || n), test.id('copied'), 'tied ' || n, 4, '2026-01-02Z' FROM generate_series(1, 8) AS n;
INSERT INTO lessons (id, module_id, title, sort_order, created_at)
SELECT test.id('copied-lesson-' || n || '-' || l), test.id('copied-module-' || n), 'tied ' || n || '-' || l, 0, '2026-01-02Z'
FROM generate_series(1, 8) AS n, generate_series(1, 8) AS l;
CALL test.make_learner('copied-ann', 'copied');
INSERT INTO content_progress (user_id, lesson_id, watched_pct) VALUES (test.id('copied-ann'), test.id('copied/2'), 40);

-- All that a course holds, in order, without ids.
CREATE FUNCTION test.content(slug text) RETURNS TABLE (kind text, place bigint, content jsonb)
LANGUAGE sql STABLE
AS $$
	SELECT 'course', 0, to_jsonb(c) - '{id,slug,title,updated_at,created_at,is_published}'::text[]
	FROM public.courses AS c WHERE c.slug = $1
	UNION ALL
	SELECT 'prerequisite', row_number() OVER (ORDER BY p.required_course_id), to_jsonb(p.required_course_id)
	FROM public.course_prerequisites AS p JOIN public.courses AS c ON c.id = p.course_id WHERE c.slug = $1
	UNION ALL
	SELECT 'module', row_number() OVER (ORDER BY m.sort_order, m.created_at, m.id), to_jsonb(m) - '{id,course_id,updated_at}'::text[]
	FROM public.modules AS m JOIN public.courses AS c ON c.id = m.course_id WHERE c.slug = $1
	UNION ALL
	SELECT 'lesson', row_number() OVER (ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id),
		to_jsonb(l) - '{id,module_id,updated_at}'::text[] || jsonb_build_object('module', m.title)
	FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id JOIN public.courses AS c ON c.id = m.course_id WHERE c.slug = $1
$$;
CREATE FUNCTION test.videos() RETURNS TABLE (slug text, mux_upload_id text, mux_asset_id text, mux_playback_id text, mux_status text, duration_seconds integer)
LANGUAGE sql STABLE
AS $$
	SELECT c.slug, l.mux_upload_id, l.mux_asset_id, l.mux_playback_id, l.mux_status, l.duration_seconds
	FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id JOIN public.courses AS c ON c.id = m.course_id
	WHERE c.slug IN ('copied', 'copy-video') AND (l.mux_upload_id IS NOT NULL OR l.mux_asset_id IS NOT NULL)
	ORDER BY c.slug, l.mux_upload_id
$$;
GRANT EXECUTE ON FUNCTION test.content(text), test.videos() TO service_role;

SET LOCAL ROLE service_role;
SELECT slug, title, is_published, created_at = now() AS new, updated_at = now() AS updated, id <> test.id('copied') AS another
FROM copy_course(test.id('copied'), 'copy');
SELECT title FROM copy_course(test.id('copied'), 'copy-2', 'Another title');
-- A copy of a copy, too.
SELECT title FROM copy_course((SELECT id FROM courses WHERE slug = 'copy-2'), 'copy-3');
SELECT slug, (SELECT count(*) FROM test.content(slug)) AS "rows",
	   (SELECT count(*) FROM (SELECT * FROM test.content('copied') EXCEPT ALL SELECT * FROM test.content(slug)) AS d) AS missing
FROM unnest('{copied,copy,copy-2,copy-3}'::text[]) AS slug;
SELECT kind, content FROM test.content('copy') WHERE place <= 1;

-- Learners and what they have done stay with the original, which nothing has changed.
SELECT c.slug, count(DISTINCT e.id) AS enrolled, count(DISTINCT p.id) AS progress, count(DISTINCT l.id) AS lessons
FROM courses AS c
LEFT JOIN enrollments AS e ON e.course_id = c.id
LEFT JOIN modules AS m ON m.course_id = c.id
LEFT JOIN lessons AS l ON l.module_id = m.id
LEFT JOIN content_progress AS p ON p.lesson_id = l.id
WHERE c.slug IN ('copied', 'copy') GROUP BY c.slug ORDER BY c.slug;

-- Learners do not see it before it is published.
RESET ROLE;
CALL test.sign_in('copied-ann');
SET LOCAL ROLE authenticated;
SELECT slug FROM courses WHERE slug LIKE 'cop%' ORDER BY slug;
RESET ROLE;
SET LOCAL ROLE service_role;

-- A course without modules, and a module without lessons.
INSERT INTO courses (id, title, slug) VALUES (test.id('copied-empty'), 'Empty', 'copied-empty');
SELECT slug, is_published FROM copy_course(test.id('copied-empty'), 'copy-empty');
INSERT INTO modules (course_id, title) VALUES (test.id('copied-empty'), 'no lesson');
SELECT slug FROM copy_course(test.id('copied-empty'), 'copy-module');
SELECT kind, count(*) FROM test.content('copy-module') GROUP BY kind ORDER BY kind;

-- A video that Mux is still working on: an event reaches the lesson and its copy.
SELECT mux_status FROM mux_begin_upload(test.id('copied/2'), 'copied-upload');
SELECT mux_apply_event('{"type": "video.upload.asset_created", "id": "copied-1", "created_at": "2026-01-01T00:00:00Z", "data": {"id": "copied-upload", "asset_id": "copied-asset"}}');
SELECT slug FROM copy_course(test.id('copied'), 'copy-video');
SELECT * FROM test.videos();
SELECT mux_apply_event('{"type": "video.asset.ready", "id": "copied-2", "created_at": "2026-01-01T00:01:00Z", "data": {"id": "copied-asset", "upload_id": "copied-upload", "status": "ready", "duration": 60.2, "playback_ids": [{"id": "copied-playback", "policy": "public"}]}}');
SELECT * FROM test.videos();
-- Each may get another video later.
SELECT mux_status FROM mux_begin_upload(test.id('copied/2'), 'copied-again');
SELECT * FROM test.videos();
-- A lesson whose video is being replaced: the copy has the same video, and gets the same next.
SELECT slug FROM copy_course(test.id('copied'), 'copy-again');
SELECT mux_apply_event('{"type": "video.asset.ready", "id": "copied-3", "created_at": "2026-01-01T00:02:00Z", "data": {"id": "copied-new", "upload_id": "copied-again", "status": "ready", "duration": 70, "playback_ids": [{"id": "new-playback", "policy": "public"}]}}');
SELECT * FROM test.videos();

-- A slug that is there (23505), empty (22023), or NULL (22004); no such course (23503).
SELECT copy_course(test.id('copied'), 'copied');
SELECT copy_course(test.id('copied'), 'copied-before');
SELECT copy_course(test.id('copied'), '');
SELECT copy_course(test.id('copied'), NULL);
SELECT copy_course(NULL, 'copy-4');
SELECT copy_course(test.id('nothing'), 'copy-4');
SELECT count(*) FROM courses WHERE slug LIKE 'cop%';
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT copy_course(test.id('copied'), 'copy');
SELECT copy_course(test.id('copied'), '');
ROLLBACK;

-- In a transaction that sees an old state, only where no event could be overlooked.
CALL test.make_course('copied', 1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT slug FROM copy_course(test.id('copied'), 'copy');
ROLLBACK;
UPDATE lessons SET mux_upload_id = 'copied-upload', mux_asset_id = 'asset' WHERE id = test.id('copied/1');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT slug FROM copy_course(test.id('copied'), 'copy');
ROLLBACK;
DELETE FROM courses WHERE id = test.id('copied');
