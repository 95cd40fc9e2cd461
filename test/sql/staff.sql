-- staff: R7, R8, R12, R13. The staff of a course sees its reports and all of the course, its
-- editors change it through functions, and nobody else does either.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('st', 4);
CALL test.make_course('st-draft', 2);
CALL test.make_course('st-other', 1);
UPDATE lessons SET is_published = false WHERE title = 'st/4';
UPDATE lessons SET mux_status = 'ready', mux_playback_id = 'play-' || title, duration_seconds = 60 WHERE title LIKE 'st%';
UPDATE courses SET is_published = false WHERE title = 'st-draft';
CALL test.make_learner('st-ann', 'st');
CALL test.make_learner('st-bob');
CALL test.make_learner('st-vera');
CALL test.make_learner('st-ed');
CALL test.make_learner('st-otto');
INSERT INTO course_staff (course_id, user_id, role)
SELECT test.id(course), test.id(name), role
FROM (VALUES ('st', 'st-vera', 'viewer'), ('st-draft', 'st-vera', 'viewer'), ('st', 'st-ed', 'editor'),
			 ('st-draft', 'st-ed', 'editor'), ('st-other', 'st-otto', 'editor')) AS v(course, name, role);
INSERT INTO content_progress (user_id, lesson_id, watched_pct) VALUES (test.id('st-ann'), test.id('st/1'), 40);

CREATE TEMP TABLE calls (place serial, call text, course text);
INSERT INTO calls (call, course)
SELECT c.call, s.course
FROM unnest(ARRAY[
	'course_report(test.id(''%s''))',
	'course_summary(test.id(''%s''))',
	'lesson_report(test.id(''%s''))',
	'lesson_retention(test.id(''%s/1''))',
	'course_outline(test.id(''%s''))',
	'course_outline(test.id(''%s''), test.id(''st-ann''))',
	'course_completion(test.id(''%s''))',
	'next_lesson(test.id(''%s''))',
	'completion_threshold(test.id(''%s/1''))',
	'mux_playback_claims(test.id(''%s/1''))',
	'move_lesson(test.id(''%s/1''), test.id(''%s/m''))',
	'move_lesson(test.id(''st/1''), test.id(''%s/m''))',
	'move_lesson(test.id(''%s/1''), test.id(''st/m''))',
	'move_module(test.id(''%s/m''))',
	'move_module(test.id(''st/m''), NULL, test.id(''%s''))',
	'move_module(test.id(''%s/m''), NULL, test.id(''st''))',
	'copy_course(test.id(''%s''), ''st-copy'')',
	'recompute_completion(test.id(''%s''))']) WITH ORDINALITY AS c(call, place),
	unnest('{st,st-draft,st-other,nothing}'::text[]) WITH ORDINALITY AS s(course, place)
ORDER BY s.place, c.place;
SELECT course, replace(regexp_replace(call, 'test.id\(''([^'']*)''\)', '\1', 'g'), '%s', '…') AS call,
	   test.attempt('anon', 'st-ed', command) AS anon,
	   test.attempt('authenticated', NULL, command) AS no_claims,
	   test.attempt('authenticated', 'st-bob', command) AS learner,
	   test.attempt('authenticated', 'st-vera', command) AS viewer,
	   test.attempt('authenticated', 'st-ed', command) AS editor,
	   test.attempt('authenticated', 'st-otto', command) AS others_editor,
	   test.attempt('service_role', NULL, command) AS service
FROM calls, format('SELECT public.' || call, course, course) AS command
ORDER BY place;

-- A draft in a published course, which only its staff play; by the service, they are learners.
SELECT test.attempt('authenticated', 'st-ann', command) AS learner, test.attempt('authenticated', 'st-vera', command) AS viewer,
	   test.attempt('authenticated', 'st-otto', command) AS others_editor, test.attempt('service_role', NULL, command) AS service,
	   test.attempt('service_role', NULL, replace(command, '))', '), user_id => test.id(''st-vera''))')) AS named
FROM unnest('{st/3,st/4}'::text[]) AS lesson, format('SELECT public.mux_playback_claims(test.id(%L))', lesson) AS command;

-- The table itself: staff read their own rows, and the service gives roles.
CREATE TEMP TABLE commands (place serial, command text);
INSERT INTO commands (command) VALUES
	('SELECT * FROM course_staff'),
	('INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id(''st''), test.id(''st-bob''), ''editor'')'),
	('INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id(''st-other''), auth.uid(), ''viewer'')'),
	('UPDATE course_staff SET role = ''editor'' WHERE user_id = auth.uid()'),
	('UPDATE course_staff SET user_id = test.id(''st-bob'')'),
	('DELETE FROM course_staff WHERE course_id = test.id(''st'')'),
	('TRUNCATE course_staff'),
	('SELECT FROM courses WHERE title LIKE ''st%'''),
	('SELECT FROM enrollments'),
	('SELECT FROM content_progress');
SELECT test.attempt('anon', 'st-ed', command) AS anon,
	   test.attempt('authenticated', NULL, command) AS no_claims,
	   test.attempt('authenticated', 'st-bob', command) AS learner,
	   test.attempt('authenticated', 'st-vera', command) AS viewer,
	   test.attempt('authenticated', 'st-ed', command) AS editor,
	   test.attempt('authenticated', 'st-otto', command) AS others_editor, command
FROM commands ORDER BY place;

-- A role that is none; a course or a user that is none; and twice.
SET LOCAL ROLE service_role;
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('st'), test.id('st-bob'), 'owner');
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('st'), test.id('st-bob'), NULL);
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('nothing'), test.id('st-bob'), 'viewer');
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('st'), test.id('nobody'), 'viewer');
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('st'), test.id('st-ed'), 'viewer');

-- What the policies ask. Whoever asks is told of nobody but themselves.
SELECT content_library_is_staff(test.id('st'), 'viewer') AS service;
SET LOCAL ROLE authenticated;
SELECT content_library_is_staff(test.id('st'), 'viewer') AS nobody;
CALL test.sign_in('st-vera');
SELECT content_library_is_staff(test.id('st'), 'viewer') AS viewer, content_library_is_staff(test.id('st'), 'editor') AS editor,
	   content_library_is_staff(test.id('st-other'), 'viewer') AS other, content_library_is_staff(test.id('nothing'), 'viewer') AS nothing,
	   content_library_is_staff(NULL, 'viewer') AS no_course, content_library_is_staff(test.id('st'), NULL) AS no_role;
SELECT content_library_is_staff(test.id('st'), 'owner');
SELECT content_library_is_staff(test.id('st'), '');
-- Also where a function keeps the state of an expression from one question to the next.
RESET ROLE;
CREATE FUNCTION test.asks() RETURNS SETOF boolean
LANGUAGE plpgsql
AS $$
DECLARE
	step text;
BEGIN
	FOREACH step IN ARRAY ARRAY['', 'CALL test.sign_in(''st-otto'')', 'CALL test.sign_in(''st-vera'')',
		'DELETE FROM public.course_staff WHERE user_id = test.id(''st-vera'')',
		'INSERT INTO public.course_staff VALUES (test.id(''st''), test.id(''st-vera''), ''viewer'')', 'CALL test.sign_in()',
		'SET LOCAL request.jwt.claim.sub = ''' || test.id('st-vera') || '''', 'RESET request.jwt.claim.sub']
	LOOP
		IF step <> '' THEN EXECUTE step; END IF;
		RETURN NEXT public.content_library_is_staff(test.id('st'), 'viewer');
	END LOOP;
END
$$;
-- The first time it was a role that is then rolled back.
CREATE FUNCTION test.asks_twice() RETURNS boolean[]
LANGUAGE plpgsql
AS $$
DECLARE
	answers boolean[] := '{}';
BEGIN
	FOR i IN 1..2 LOOP
		BEGIN
			IF i = 1 THEN
				INSERT INTO public.course_staff VALUES (test.id('st'), test.id('st-otto'), 'viewer');
			END IF;
			answers := answers || public.content_library_is_staff(test.id('st'), 'viewer');
			RAISE EXCEPTION USING ERRCODE = 'UNDO0';
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			NULL;
		END;
	END LOOP;
	RETURN answers;
END
$$;
CALL test.sign_in('st-otto');
SELECT test.asks_twice();
CALL test.sign_in('st-vera');
SAVEPOINT asks;
SELECT array_agg(a) FROM test.asks() AS a;
ROLLBACK TO asks;

-- Words.
\set VERBOSITY default
SET LOCAL ROLE authenticated;
CALL test.sign_in('st-bob');
DO $$
DECLARE
	command text;
	words text;
	more text;
	hint text;
BEGIN
	FOREACH command IN ARRAY ARRAY['course_report(test.id(''st-draft''))', 'course_report(test.id(''nothing''))',
		'copy_course(test.id(''st''), ''x'')', 'move_lesson(test.id(''st-draft/1''), test.id(''st/m''))',
		'move_lesson(test.id(''nothing''), test.id(''st/m''))', 'move_module(test.id(''st/m''))']
	LOOP
		BEGIN
			EXECUTE 'SELECT public.' || command;
		EXCEPTION WHEN insufficient_privilege THEN
			GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			RAISE INFO '% % %', words, more, hint;
		END;
	END LOOP;
END
$$;
\set VERBOSITY sqlstate

-- An editor learns nothing of the lessons and modules of others by a place to move to.
CALL test.sign_in('st-ed');
SELECT move_lesson(test.id('st/1'), test.id('st/m'), test.id('st-other/1'));
SELECT move_lesson(test.id('st/1'), test.id('st/m'), test.id('nothing'));
SELECT move_module(test.id('st/m'), test.id('st-other/m'));
SELECT move_module(test.id('st/m'), test.id('nothing'));
-- In a move out of both modules and in again, the order is kept.
SELECT (move_lesson(test.id('st/1'), test.id('st-draft/m'), test.id('st-draft/2'))).sort_order;
SELECT (move_lesson(test.id('st/1'), test.id('st/m'), test.id('st/2'))).sort_order;

-- The outline: staff see all of it, with what is a draft, and their own progress.
CREATE FUNCTION pg_temp.lines(outline jsonb) RETURNS TABLE (title text, published text, locked text, playback text, status text) LANGUAGE sql AS $$
	SELECT l ->> 'title', l ->> 'is_published', l #>> '{locked,reason}', l ->> 'mux_playback_id', l ->> 'status'
	FROM jsonb_path_query(outline, '$.modules[*].lessons[*]') AS l
$$;
CREATE FUNCTION pg_temp.head(outline jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('published', outline -> 'is_published', 'enrolled', outline -> 'enrolled',
		'lessons', concat_ws('/', outline ->> 'completed_lessons', outline ->> 'required_lessons'))
$$;
SELECT * FROM pg_temp.lines(course_outline(test.id('st'))::jsonb);
SELECT pg_temp.head(course_outline(test.id('st'))::jsonb), pg_temp.head(course_outline(test.id('st-draft'))::jsonb);
-- By their own name they see what a learner sees; by a learner's, how far that one is.
SELECT * FROM pg_temp.lines(course_outline(test.id('st'), test.id('st-ed'))::jsonb);
SELECT * FROM pg_temp.lines(course_outline(test.id('st'), test.id('st-ann'))::jsonb);
SELECT pg_temp.head(course_outline(test.id('st'), test.id('st-ann'))::jsonb);
SELECT course_outline(test.id('st'), test.id('st-bob'));
SELECT course_outline(test.id('st-draft'), test.id('st-ann'));
-- The service sees the same as staff, and nobody's progress.
SET LOCAL ROLE service_role;
CALL test.sign_in();
SELECT * FROM pg_temp.lines(course_outline(test.id('st'))::jsonb);
SELECT pg_temp.head(course_outline(test.id('st'))::jsonb), pg_temp.head(course_outline(test.id('st-draft'))::jsonb);
-- A learner sees neither drafts nor the mark.
SET LOCAL ROLE authenticated;
CALL test.sign_in('st-ann');
SELECT * FROM pg_temp.lines(course_outline(test.id('st'))::jsonb);
SELECT pg_temp.head(course_outline(test.id('st'))::jsonb);

-- No lock holds for staff; an enrollment they need as anybody.
RESET ROLE;
UPDATE courses SET is_sequential = true WHERE title = 'st';
UPDATE lessons SET unlock_at = '2100-01-01Z' WHERE title = 'st/2';
SET LOCAL ROLE authenticated;
SELECT record_progress(test.id('st/2'), 10);
SELECT record_progress(test.id('st/3'), 10);
CALL test.sign_in('st-vera');
SELECT record_progress(test.id('st/2'), 10);
SELECT course_id = test.id('st') AS enrolled FROM enroll(test.id('st'));
SELECT watched_pct FROM record_progress(test.id('st/2'), 10);
SELECT watched_pct FROM record_progress_batch(jsonb_build_array(jsonb_build_object('lesson_id', test.id('st/3'), 'watched_pct', 20)));
-- Named by the service, they are a learner.
SET LOCAL ROLE service_role;
CALL test.sign_in();
SELECT record_progress(test.id('st/3'), 10, NULL, test.id('st-ann'));

-- R13: the progress of lessons with progress_by server. The editors of the course move it,
-- their own and that of learners whom they name, if these are enrolled.
RESET ROLE;
CALL test.make_course('st-quiz', 4);
CALL test.make_course('st-quiz-2', 1);
UPDATE courses SET progress_by = 'server' WHERE title LIKE 'st-quiz%';
UPDATE lessons SET unlock_at = '2100-01-01Z' WHERE title = 'st-quiz/3';
UPDATE lessons SET progress_by = 'report', is_required = false WHERE title = 'st-quiz/4';
INSERT INTO course_staff (course_id, user_id, role)
VALUES (test.id('st-quiz'), test.id('st-vera'), 'viewer'), (test.id('st-quiz'), test.id('st-ed'), 'editor'),
	   (test.id('st-quiz-2'), test.id('st-otto'), 'editor');
INSERT INTO enrollments (user_id, course_id)
SELECT test.id(name), test.id(course)
FROM (VALUES ('st-ann', 'st-quiz'), ('st-ann', 'st-quiz-2'), ('st-vera', 'st-quiz'), ('st-ed', 'st-quiz'), ('st-otto', 'st-quiz')) AS v(name, course);
INSERT INTO content_progress (user_id, lesson_id, watched_pct)
SELECT test.id(name), test.id('st-quiz/1'), 40 FROM unnest('{st-ann,st-bob,st-ed}'::text[]) AS name;
CREATE FUNCTION test.mark(lesson text, learner text DEFAULT NULL) RETURNS SETOF public.recorded_progress LANGUAGE sql AS $$
	SELECT * FROM public.record_progress(test.id(lesson), 50, NULL, test.id(learner))
$$;
CREATE FUNCTION test.marks(lessons text[], learner text DEFAULT NULL, skip_refused boolean DEFAULT false) RETURNS SETOF public.recorded_progress LANGUAGE sql AS $$
	SELECT * FROM public.record_progress_batch(
		(SELECT COALESCE(jsonb_agg(jsonb_build_object('lesson_id', test.id(lesson), 'watched_pct', 50)), '[]') FROM unnest(lessons) AS lesson),
		test.id(learner), skip_refused)
$$;
CREATE TEMP TABLE marks (place serial, call text);
INSERT INTO marks (call) VALUES
	('mark(''st-quiz/1'')'),
	('mark(''st-quiz/2'')'),
	('mark(''st-quiz/1'', ''st-ann'')'),
	('mark(''st-quiz/2'', ''st-ann'')'),
	('mark(''st-quiz/3'', ''st-ann'')'),
	('mark(''st-quiz/4'', ''st-ann'')'),
	('mark(''st-quiz/1'', ''st-bob'')'),
	('mark(''st-quiz/2'', ''nobody'')'),
	('mark(''st-quiz-2/1'', ''st-ann'')'),
	('mark(''nothing'', ''st-ann'')'),
	('marks(''{st-quiz/1,st-quiz/2}'')'),
	('marks(''{st-quiz/1,st-quiz/4}'', NULL, true)'),
	('marks(''{st-quiz/1,st-quiz/2}'', ''st-ann'')'),
	('marks(''{st-quiz/1,st-quiz/4}'', ''st-ann'')'),
	('marks(''{st-quiz/1,st-quiz/4,st-quiz-2/1,nothing}'', ''st-ann'', true)'),
	('marks(''{st-quiz/2,st-quiz/3}'', ''st-ann'', true)'),
	('marks(''{st-quiz/4,nothing}'', ''st-ann'', true)'),
	('marks(''{st-quiz/1}'', ''st-bob'', true)'),
	('marks(''{}'', ''st-ann'')');
SELECT call,
	   test.attempt('anon', 'st-ed', command) AS anon,
	   test.attempt('authenticated', NULL, command) AS no_claims,
	   test.attempt('authenticated', 'st-ann', command) AS learner,
	   test.attempt('authenticated', 'st-vera', command) AS viewer,
	   test.attempt('authenticated', 'st-ed', command) AS editor,
	   test.attempt('authenticated', 'st-otto', command) AS others_editor,
	   test.attempt('service_role', NULL, command) AS service
FROM marks, format('SELECT FROM test.%s', call) AS command
ORDER BY place;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET LOCAL ROLE authenticated;
CALL test.sign_in('st-ed');
SELECT FROM test.mark('st-quiz/4', 'st-ann');
SELECT FROM test.marks('{st-quiz/2,st-quiz/4}', 'st-ann');
CALL test.sign_in('st-vera');
SELECT FROM test.mark('st-quiz/2');
\set VERBOSITY sqlstate
-- A learner's locks hold, and the tier is not asked. The last mark completes the course.
RESET ROLE;
UPDATE lessons SET unlock_at = NULL WHERE title = 'st-quiz/3';
UPDATE courses SET tier_required = 'studio' WHERE title = 'st-quiz';
SET LOCAL ROLE authenticated;
CALL test.sign_in('st-ed');
SELECT watched_pct, completed, course_completed FROM record_progress(test.id('st-quiz/1'), 100, NULL, test.id('st-ann'));
SELECT r.watched_pct, r.completed, r.course_completed
FROM record_progress_batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id(l), 'watched_pct', 95)) FROM unnest('{st-quiz/2,st-quiz/3}'::text[]) AS l), test.id('st-ann')) AS r;
RESET ROLE;
SELECT completed_at IS NOT NULL AS completed FROM enrollments WHERE course_id = test.id('st-quiz') AND user_id = test.id('st-ann');

-- A copy has the one who made it as its editor, whoever is staff of the other.
SET LOCAL ROLE authenticated;
CALL test.sign_in('st-ed');
SELECT title, is_published FROM copy_course(test.id('st'), 'st-copy', 'The copy');
SELECT c.title, s.role, s.user_id = test.id('st-ed') AS own FROM course_staff AS s JOIN courses AS c ON c.id = s.course_id ORDER BY c.title;
SELECT count(*) FROM lesson_report((SELECT id FROM courses WHERE slug = 'st-copy'));
SELECT title FROM copy_course((SELECT id FROM courses WHERE slug = 'st-copy'), 'st-copy-2', 'The copy of it');
SELECT copy_course(test.id('st'), 'st-other');
SELECT id AS copy FROM courses WHERE slug = 'st-copy' \gset
CALL test.sign_in('st-vera');
SELECT course_report(:'copy');
-- The service's has no staff.
SET LOCAL ROLE service_role;
CALL test.sign_in();
SELECT (copy_course(test.id('st'), 'st-copy-3')).title;
SELECT c.slug, s.role FROM courses AS c LEFT JOIN course_staff AS s ON s.course_id = c.id WHERE c.slug LIKE 'st-copy%' ORDER BY c.slug;

-- A role that is taken away, a course that is deleted, an account that is.
UPDATE course_staff SET role = 'viewer' WHERE user_id = test.id('st-ed') AND course_id = test.id('st-draft');
DELETE FROM courses WHERE id = test.id('st');
SELECT count(*) FROM course_staff WHERE course_id = test.id('st');
SET LOCAL ROLE authenticated;
CALL test.sign_in('st-ed');
SELECT course_report(test.id('st'));
SELECT move_lesson(test.id('st/1'), test.id('st-draft/m'));
SELECT move_module(test.id('st-draft/m'));
SELECT count(*) FROM lesson_report(test.id('st-draft'));
RESET ROLE;
DELETE FROM auth.users WHERE id = test.id('st-ed');
SELECT count(*) FROM course_staff WHERE user_id = test.id('st-ed');
SET LOCAL ROLE authenticated;
SELECT lesson_report(test.id('st-draft'));
ROLLBACK;
