-- strict: content_library_strict(). Learners write through functions alone, and
-- read directly what they may watch; every function works as before.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY sqlstate

BEGIN;
CALL test.make_course('strict', 3);
CALL test.make_course('strict-other', 2);
CALL test.make_course('strict-hidden', 1);
CALL test.make_learner('strict-ann', 'strict', 'strict-hidden');
CALL test.make_learner('strict-bob');
UPDATE courses SET is_published = false WHERE id = test.id('strict-hidden');
UPDATE lessons SET is_preview = true WHERE id = test.id('strict-other/1');
UPDATE lessons SET mux_status = 'ready', mux_playback_id = 'playback-' || title;

-- What a learner sees of the tables.
CREATE FUNCTION test.sees() RETURNS TABLE (courses text, modules bigint, lessons text) LANGUAGE sql AS $$
	SELECT (SELECT string_agg(title, ' ' ORDER BY title) FROM courses WHERE title LIKE 'strict%'),
		   (SELECT count(*) FROM modules AS m WHERE m.course_id IN (test.id('strict'), test.id('strict-other'), test.id('strict-hidden'))),
		   (SELECT string_agg(l.mux_playback_id, ' ' ORDER BY l.title) FROM lessons AS l WHERE l.title LIKE 'strict%')
$$;

-- As it is made: the plan's word.
CALL test.sign_in('strict-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM test.sees();
RESET ROLE;

-- Strict.
SELECT content_library_strict();
SET LOCAL ROLE authenticated;
SELECT * FROM test.sees();
INSERT INTO content_progress (user_id, lesson_id, completed) VALUES (test.id('strict-ann'), test.id('strict/1'), true);
UPDATE content_progress SET completed = true;
DELETE FROM content_progress;
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('strict-ann'), test.id('strict-other'));

-- Every function of a learner.
SELECT watched_pct FROM record_progress(test.id('strict/1'), 100);
SELECT watched_pct FROM record_progress(test.id('strict-other/1'), 10);
SELECT watched_pct FROM record_progress(test.id('strict-other/2'), 10);
SELECT watched_pct FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('strict/2'), 'watched_pct', 30),
	jsonb_build_object('lesson_id', test.id('strict/1'), 'watched_pct', 30)));
SELECT completion_threshold(test.id('strict-other/2')), course_completion(test.id('strict')),
	   next_lesson(test.id('strict')) = test.id('strict/2') AS next;
SELECT title, completion FROM course_progress() ORDER BY title;
SELECT lesson_title, watched_pct FROM continue_watching() ORDER BY lesson_title;
SELECT l ->> 'title' AS title, l ->> 'mux_playback_id' AS playback
FROM jsonb_path_query(course_outline(test.id('strict-other'))::jsonb, '$.modules[*].lessons[*]') AS l;
SELECT mux_playback_claims(test.id('strict/3')) ->> 'sub' AS sub;
SELECT mux_playback_claims(test.id('strict-other/2'));
SELECT course_id = test.id('strict-other') AS enrolled FROM enroll(test.id('strict-other'));
SELECT * FROM test.sees();
SELECT reset_progress(test.id('strict'));
SELECT count(*) FROM content_progress;

-- Staff: all of theirs, drafts too.
RESET ROLE;
CALL test.make_learner('strict-vera');
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('strict-hidden'), test.id('strict-vera'), 'viewer');
CALL test.sign_in('strict-vera');
SET LOCAL ROLE authenticated;
SELECT * FROM test.sees();
SELECT course_outline(test.id('strict-hidden')) ->> 'title' AS title;

-- A list of many courses has what each lesson and module shows by itself: of courses enrolled
-- in, with a draft lesson, unpublished, with a preview, for a higher tier.
RESET ROLE;
DO $$
BEGIN
	FOR n IN 1 .. 8 LOOP
		CALL test.make_course('strict-' || n, 2);
	END LOOP;
END
$$;
INSERT INTO enrollments (user_id, course_id) SELECT test.id('strict-ann'), test.id('strict-' || n) FROM generate_series(2, 8, 2) AS n;
INSERT INTO course_staff (course_id, user_id, role)
SELECT test.id('strict-' || n), test.id('strict-vera'), 'editor' FROM generate_series(4, 5) AS n;
UPDATE lessons SET is_published = false WHERE title IN ('strict-2/2', 'strict-5/2');
UPDATE courses SET is_published = false WHERE title IN ('strict-3', 'strict-4');
UPDATE lessons SET is_preview = true WHERE title IN ('strict-3/1', 'strict-7/1');
UPDATE courses SET tier_required = 'pro' WHERE title = 'strict-8';
CREATE FUNCTION test.lists() RETURNS TABLE (kind text, listed text, by_key text)
LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	SELECT 'lessons', string_agg(title, ' ' ORDER BY title) INTO kind, listed FROM public.lessons WHERE title LIKE 'strict-_/%';
	FOR name IN SELECT format('strict-%s/%s', n, l) FROM generate_series(1, 8) AS n, generate_series(1, 2) AS l ORDER BY n, l LOOP
		PERFORM FROM public.lessons WHERE id = test.id(name);
		IF FOUND THEN by_key := concat_ws(' ', by_key, name); END IF;
	END LOOP;
	RETURN NEXT;
	by_key := NULL;
	SELECT 'modules', string_agg(n::text, ' ' ORDER BY n) INTO kind, listed
	FROM generate_series(1, 8) AS n JOIN public.modules AS m ON m.course_id = test.id('strict-' || n);
	FOR n IN 1 .. 8 LOOP
		PERFORM FROM public.modules WHERE course_id = test.id('strict-' || n);
		IF FOUND THEN by_key := concat_ws(' ', by_key, n); END IF;
	END LOOP;
	RETURN NEXT;
END
$$;
SET LOCAL ROLE authenticated;
SELECT * FROM test.lists();
CALL test.sign_in('strict-ann');
SELECT * FROM test.lists();
RESET ROLE;
DELETE FROM courses WHERE title LIKE 'strict-_';
SET LOCAL ROLE authenticated;

-- Whoever is enrolled in nothing, and the service, which is not bound.
CALL test.sign_in('strict-bob');
SELECT * FROM test.sees();
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT * FROM test.sees();
INSERT INTO content_progress (user_id, lesson_id) VALUES (test.id('strict-bob'), test.id('strict/1'));
SELECT content_library_strict(false);
RESET ROLE;

-- On again changes nothing; off again all is as before.
SELECT content_library_strict(true);
SELECT content_library_strict(NULL);
SELECT content_library_strict(false);
CALL test.sign_in('strict-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM test.sees();
INSERT INTO content_progress (user_id, lesson_id) VALUES (test.id('strict-ann'), test.id('strict/3'));
SELECT content_library_strict();

-- A right of the whole table is taken away as that of its columns is.
RESET ROLE;
GRANT ALL ON ALL TABLES IN SCHEMA public TO authenticated;
SELECT content_library_strict();
SET LOCAL ROLE authenticated;
INSERT INTO enrollments (user_id, course_id, granted, completed_at) VALUES (test.id('strict-ann'), test.id('strict-hidden'), true, now());
DELETE FROM content_progress;

-- A right that comes another way is named.
RESET ROLE;
\set VERBOSITY terse
GRANT INSERT ON content_progress TO PUBLIC;
SELECT content_library_strict();
REVOKE INSERT ON content_progress FROM PUBLIC;
GRANT UPDATE (watched_pct) ON content_progress TO PUBLIC;
SELECT content_library_strict();
REVOKE UPDATE (watched_pct) ON content_progress FROM PUBLIC;
GRANT DELETE ON content_progress TO PUBLIC;
SELECT content_library_strict();
REVOKE DELETE ON content_progress FROM PUBLIC;
GRANT INSERT ON enrollments TO PUBLIC;
SELECT content_library_strict();
REVOKE INSERT ON enrollments FROM PUBLIC;
GRANT INSERT (granted) ON enrollments TO PUBLIC;
SELECT content_library_strict();
REVOKE INSERT (granted) ON enrollments FROM PUBLIC;
SELECT content_library_strict();
ROLLBACK;
