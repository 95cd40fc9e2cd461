-- course_outline: the whole course page in order, with the learner's own state;
-- a playback id only for those who may watch.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
SET LOCAL timezone = 'UTC';
CALL test.make_course('outline', 0);
CALL test.make_learner('outline-ann', 'outline');
CALL test.make_learner('outline-bob');

-- Modules and lessons are made in another order than they are shown in: by
-- sort_order, then created_at, then id.
INSERT INTO modules (id, course_id, title, sort_order, created_at)
VALUES (test.id('outline/c'), test.id('outline'), 'c', 2, '2026-01-02'),
	   (test.id('outline/b'), test.id('outline'), 'b', 2, '2026-01-01'),
	   (test.id('outline/a'), test.id('outline'), 'a', 1, '2026-01-03');
DELETE FROM modules WHERE id = test.id('outline/m');
INSERT INTO lessons (id, module_id, title, sort_order, created_at, is_preview, is_required, duration_seconds, mux_upload_id, mux_asset_id, mux_playback_id, mux_status)
SELECT test.id('outline/' || title), test.id('outline/' || module), title, place, made::timestamptz,
	   is_preview, is_required, 600, 'upload-' || title, 'asset-' || title, 'play-' || title, 'ready'
FROM (VALUES
	('a', 'a3', 7, '2026-01-02', false, true),
	('a', 'a2', 7, '2026-01-01', false, true),
	('a', 'a1', 3, '2026-01-03', true, true),
	('b', 'b1', 0, '2026-01-01', false, false)
) AS l(module, title, place, made, is_preview, is_required);

-- Ann has completed a2, begun b1, and looked at a3 at 0 %.
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, completed_at, position_seconds)
VALUES (test.id('outline-ann'), test.id('outline/a2'), 95, true, '2026-02-01 12:00', 570),
	   (test.id('outline-ann'), test.id('outline/b1'), 30, false, NULL, 180),
	   (test.id('outline-ann'), test.id('outline/a3'), 0, false, NULL, NULL);

CREATE FUNCTION test.lines(outline jsonb)
RETURNS TABLE (module text, lesson text, status text, watched_pct text, "position" text, required text, preview text, playback text)
LANGUAGE sql
AS $$
	SELECT m.value ->> 'title', l.value ->> 'title', l.value ->> 'status', l.value ->> 'watched_pct',
		   l.value ->> 'position_seconds', l.value ->> 'is_required', l.value ->> 'is_preview',
		   l.value ->> 'mux_playback_id'
	FROM jsonb_array_elements(outline -> 'modules') WITH ORDINALITY AS m
	LEFT JOIN jsonb_array_elements(m.value -> 'lessons') WITH ORDINALITY AS l ON true
	ORDER BY m.ordinality, l.ordinality
$$;

-- The form of it, with every key.
CALL test.sign_in('outline-ann');
SET LOCAL ROLE authenticated;
SELECT jsonb_pretty(course_outline(test.id('outline'))::jsonb);

-- Bob is not enrolled: the preview alone can be played, and Ann's state is not his.
SELECT * FROM test.lines(course_outline(test.id('outline'))::jsonb);
CALL test.sign_in('outline-bob');
SELECT * FROM test.lines(course_outline(test.id('outline'))::jsonb);
SELECT o -> 'enrolled' AS enrolled, o -> 'completed_lessons' AS completed, o -> 'completion' AS completion
FROM course_outline(test.id('outline')) AS o;

-- The same for Bob, asked for by service_role; and nobody is shown Mux's other ids.
SET LOCAL ROLE service_role;
SELECT course_outline(test.id('outline'), test.id('outline-ann')) AS of_ann \gset
SELECT lesson, playback FROM test.lines(course_outline(test.id('outline'), test.id('outline-bob'))::jsonb);
SELECT :'of_ann' LIKE '%asset-%' AS asset_id, :'of_ann' LIKE '%upload-%' AS upload_id;

-- Strings are written as the server writes them: all of ASCII, other letters, nothing; and
-- the application's own attributes as they are.
RESET ROLE;
SAVEPOINT words;
CREATE TEMP TABLE words (word text);
INSERT INTO words
SELECT string_agg(chr(n), '') FROM generate_series(1, 127) AS n
UNION ALL SELECT chr(n) FROM generate_series(1, 127) AS n
UNION ALL VALUES (''), ('ä€𝄞'), ('a "b" \ / c'), (repeat('long ', 1000) || E'\n');
GRANT SELECT ON words TO authenticated;
CREATE FUNCTION test.outline_of(word text, OUT outline json) LANGUAGE plpgsql AS $$
BEGIN
	RESET ROLE;
	UPDATE courses SET title = word, stage = word, metadata = jsonb_build_object(word, jsonb_build_array(word, 1.50, NULL)) WHERE id = test.id('outline');
	UPDATE modules SET description = word, metadata = courses.metadata FROM courses WHERE modules.course_id = courses.id;
	UPDATE lessons SET title = word, metadata = modules.metadata FROM modules WHERE lessons.module_id = modules.id;
	SET LOCAL ROLE authenticated;
	outline := course_outline(test.id('outline'));
END
$$;
SELECT count(*) AS words,
	   count(*) FILTER (WHERE strpos(outline::text, to_json(word)::text) > 0) AS as_the_server_does,
	   count(*) FILTER (WHERE outline ->> 'title' = word AND outline ->> 'stage' = word
						AND outline #>> '{modules,0,description}' = word
						AND outline #>> '{modules,0,lessons,0,title}' = word) AS read_again,
	   count(*) FILTER (WHERE outline::jsonb -> 'metadata' = attributes AND outline::jsonb #> '{modules,0,metadata}' = attributes
						AND outline::jsonb #> '{modules,0,lessons,0,metadata}' = attributes) AS attributes_read_again
FROM words
CROSS JOIN LATERAL jsonb_build_object(word, jsonb_build_array(word, 1.50, NULL)) AS attributes
CROSS JOIN LATERAL test.outline_of(word) AS outline;
ROLLBACK TO words;

-- No modules, no lessons, nothing required: empty arrays and no percentage.
CALL test.make_course('outline-empty', 0);
SET LOCAL ROLE authenticated;
SELECT o -> 'modules' -> 0 -> 'lessons' AS lessons, o -> 'completion' AS completion, o -> 'required_lessons' AS required
FROM course_outline(test.id('outline-empty')) AS o;
RESET ROLE;
DELETE FROM modules WHERE id = test.id('outline-empty/m');
SET LOCAL ROLE authenticated;
SELECT o -> 'modules' AS modules, o -> 'completion' AS completion
FROM course_outline(test.id('outline-empty')) AS o;

-- Unknown, NULL, unpublished: only service_role sees the latter.
SELECT course_outline(test.id('nothing'));
SELECT course_outline(NULL);
RESET ROLE;
UPDATE courses SET is_published = false WHERE id = test.id('outline');
CALL test.sign_in('outline-ann');
SET LOCAL ROLE authenticated;
SELECT course_outline(test.id('outline'));
SET LOCAL ROLE service_role;
SELECT o ->> 'title' AS title FROM course_outline(test.id('outline'), test.id('outline-ann')) AS o;
ROLLBACK;
