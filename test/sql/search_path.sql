-- search_path: a caller's own tables, operators and functions in front change
-- nothing: none of them is read, written or called.

BEGIN;
CALL test.make_course('path', 8);
CALL test.make_learner('path-ann', 'path');
CALL test.make_learner('path-bob');

-- Supabase's auth.uid() itself trusts the caller's path; that is not the subject here.
ALTER FUNCTION auth.uid() SET search_path = pg_catalog;

\getenv srcdir PG_ABS_SRCDIR
\set hostile :srcdir '/hostile_schema.sql'
\set ECHO none
\i :hostile
\set ECHO all
CALL test.make_decoys('hostile');
CREATE TEMP TABLE decoys AS
SELECT 'lessons' AS name, md5(string_agg(t::text, '' ORDER BY t::text)) AS content FROM hostile.lessons AS t
UNION ALL
SELECT 'content_progress', md5(string_agg(t::text, '' ORDER BY t::text)) FROM hostile.content_progress AS t;

-- The trap works: this is what the library must not do.
SET LOCAL search_path = hostile, pg_catalog;
SELECT 1 = 1 AS lie;
RESET search_path;

-- Everything that a learner calls, on a lesson that nobody has touched yet.
CREATE FUNCTION test.round(path text, lesson text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	answers text[];
	row public.recorded_progress;
	user_id uuid := test.id('path-ann');
	lesson_id uuid := test.id(lesson);
	course_id uuid := test.id('path');
	setting integer;
BEGIN
	PERFORM pg_catalog.set_config('role', 'authenticated', true);
	PERFORM pg_catalog.set_config('search_path', path, true);
	row := public.record_progress(lesson_id, 50, 5);
	answers := pg_catalog.array_append(answers, pg_catalog.concat_ws(' ', row.watched_pct, row.completed, row.position_seconds));
	row := public.record_progress(lesson_id, 50, 5);
	answers := pg_catalog.array_append(answers, pg_catalog.concat_ws(' ', row.watched_pct, row.completed, row.position_seconds));
	row := public.record_progress(lesson_id, 30, 500, user_id);
	answers := pg_catalog.array_append(answers, pg_catalog.concat_ws(' ', row.watched_pct, row.completed, row.position_seconds));
	setting := public.completion_threshold(lesson_id);
	answers := pg_catalog.array_append(answers, setting::text);
	row := public.record_progress(lesson_id, 90);
	answers := pg_catalog.array_append(answers, pg_catalog.concat_ws(' ', row.watched_pct, row.completed, row.user_id::text));
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
	PERFORM pg_catalog.set_config('role', 'none', true);
	RETURN pg_catalog.replace(pg_catalog.array_to_string(answers, ', '), user_id::text, 'ann');
END
$$;
CALL test.sign_in('path-ann');
SELECT test.round('public', 'path/1');
SELECT test.round('hostile, pg_catalog, public', 'path/2');
SELECT test.round('hostile', 'path/3');
SELECT test.round('', 'path/4');

-- Temporary tables come before any schema that a caller names.
CALL test.make_decoys('pg_temp');
SELECT test.round('public', 'path/5');
SELECT test.round('pg_temp, hostile, pg_catalog, public', 'path/6');
SELECT test.round('public', 'path/7');
SET LOCAL ROLE authenticated;
SET LOCAL search_path = pg_temp, hostile, pg_catalog;
SELECT public.course_completion(test.id('path')) AS "7 of 8";
SET LOCAL search_path = public;
SELECT public.course_completion(test.id('path')) AS "7 of 8";

-- Bob is enrolled, and every lesson a preview, in the decoys alone.
CALL test.sign_in('path-bob');
SET LOCAL search_path = pg_temp, hostile, pg_catalog;
\set VERBOSITY sqlstate
SAVEPOINT bob;
SELECT public.record_progress(test.id('path/8'), 50);
ROLLBACK TO bob;
CALL test.sign_in('path-ann');
RESET ROLE;
SET LOCAL search_path = pg_catalog;

-- The decoys are as they were.
SELECT content = (SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM hostile.lessons AS t) AS same
FROM pg_temp.decoys WHERE name = 'lessons';
SELECT content = (SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM hostile.content_progress AS t) AS same
FROM pg_temp.decoys WHERE name = 'content_progress';

-- The policies and checks, the trigger and the attachment, as another caller meets them.
SET LOCAL search_path = hostile, pg_catalog;
SET LOCAL ROLE authenticated;
SELECT FROM public.enrollments;
SELECT count(*) FROM public.modules;
SELECT count(*) FROM public.lessons;
SET LOCAL ROLE service_role;
UPDATE public.courses SET title = 'Path', metadata = '{"a": 1}', completion_threshold = 80;
INSERT INTO public.lessons (module_id, title) VALUES (test.id('path/m'), 'New');
RESET ROLE;
ROLLBACK;
