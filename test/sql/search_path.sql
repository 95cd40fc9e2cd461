-- search_path: a caller's own tables, operators and functions in front change
-- nothing: none of them is read, written or called.

BEGIN;
CALL test.make_course('path', 8);
CALL test.make_learner('path-ann', 'path');
CALL test.make_learner('path-bob');

-- Supabase's auth.uid() itself trusts the caller's path; that is not the subject here.
ALTER FUNCTION auth.uid() SET search_path = pg_catalog;

CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;

-- Comparisons that report themselves and lie.
DO $$
DECLARE
	type text;
	operator text;
BEGIN
	FOREACH type IN ARRAY '{uuid, integer, smallint, bigint, text, name, oid, boolean, timestamptz, jsonb}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION hostile.lie(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS
						''BEGIN RAISE WARNING ''''a hostile operator on %1$s is called''''; RETURN false; END''', type);
		FOREACH operator IN ARRAY '{=, <>, <, <=, >, >=}'::text[] LOOP
			EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = hostile.lie)', operator, type);
		END LOOP;
	END LOOP;
END
$$;
CREATE OPERATOR hostile.*<> (LEFTARG = record, RIGHTARG = record, FUNCTION = record_image_eq);

-- Functions named as what the library uses.
CREATE FUNCTION hostile.uid() RETURNS uuid LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.uid is called'; RETURN test.id('path-bob'); END $$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.now is called'; RETURN '2001-01-01'; END $$;
CREATE FUNCTION hostile.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.gen_random_uuid is called'; RETURN test.id('path'); END $$;
CREATE FUNCTION hostile.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.jsonb_typeof is called'; RETURN 'object'; END $$;
CREATE FUNCTION hostile."greatest"(integer, integer) RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.greatest is called'; RETURN 100; END $$;
CREATE FUNCTION hostile."coalesce"(integer, integer) RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.coalesce is called'; RETURN 1; END $$;
CREATE FUNCTION hostile.count_step(bigint, uuid) RETURNS bigint LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.count is called'; RETURN 1; END $$;
CREATE AGGREGATE hostile.count(uuid) (SFUNC = hostile.count_step, STYPE = bigint);
CREATE FUNCTION hostile.record_progress(uuid, integer) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.record_progress is called'; RETURN 'none'; END $$;
CREATE FUNCTION hostile.content_library_missing_auth() RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.content_library_missing_auth is called'; RETURN 'all'; END $$;
CREATE FUNCTION hostile.pg_extension_config_dump(regclass, text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.pg_extension_config_dump is called'; END $$;

-- Tables by the same names, in a schema and as temporary ones, in which every
-- lesson is completed by a glance and everybody is enrolled.
CREATE PROCEDURE test.make_decoys(schema text)
LANGUAGE plpgsql
AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{courses, modules, lessons, enrollments, content_progress}'::text[] LOOP
		EXECUTE format('CREATE TABLE %s.%I (LIKE public.%2$I INCLUDING DEFAULTS)', schema, name);
		EXECUTE format('INSERT INTO %s.%I SELECT * FROM public.%2$I', schema, name);
		EXECUTE format('GRANT ALL ON %s.%I TO PUBLIC', schema, name);
	END LOOP;
	EXECUTE format('UPDATE %s.lessons SET completion_threshold = 1, is_preview = true', schema);
	EXECUTE format('INSERT INTO %s.content_progress (user_id, lesson_id, watched_pct, completed)
					SELECT test.id(''path-ann''), id, 100, true FROM public.lessons', schema);
	EXECUTE format('INSERT INTO %s.enrollments (user_id, course_id)
					VALUES (test.id(''path-bob''), test.id(''path''))', schema);
END
$$;
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
	row public.content_progress;
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
INSERT INTO public.content_progress (user_id, lesson_id) VALUES (test.id('path-ann'), test.id('path/8'));
SET LOCAL ROLE service_role;
UPDATE public.courses SET title = 'Path', metadata = '{"a": 1}', completion_threshold = 80;
INSERT INTO public.lessons (module_id, title) VALUES (test.id('path/m'), 'New');
RESET ROLE;
SELECT public.content_library_attach();
SET LOCAL search_path = public;
SELECT * FROM test.differences();

-- Installed with all that in front ...
SAVEPOINT install;
DROP EXTENSION content_library;
SET LOCAL search_path = pg_temp, hostile, pg_catalog;
CREATE EXTENSION content_library SCHEMA public;
SET LOCAL search_path = public;
SELECT * FROM test.differences();
ROLLBACK TO install;

-- ... and into the hostile schema itself.
DROP EXTENSION content_library;
DROP TABLE hostile.courses, hostile.modules, hostile.lessons, hostile.enrollments, hostile.content_progress;
DROP FUNCTION hostile.content_library_missing_auth;
SET LOCAL search_path = hostile, pg_catalog;
CREATE EXTENSION content_library SCHEMA hostile;
SET LOCAL search_path = public;
SELECT * FROM test.differences('hostile');
INSERT INTO hostile.courses (id, title, slug, is_published) VALUES (test.id('path'), 'Path', 'path', true);
INSERT INTO hostile.modules (id, course_id, title) VALUES (test.id('path/m'), test.id('path'), 'Path');
INSERT INTO hostile.lessons (id, module_id, title) VALUES (test.id('path/1'), test.id('path/m'), 'Path');
INSERT INTO hostile.enrollments (user_id, course_id) VALUES (test.id('path-ann'), test.id('path'));
SET LOCAL ROLE authenticated;
SET LOCAL search_path = hostile, pg_catalog;
SELECT watched_pct, completed FROM hostile.record_progress(lesson_id := test.id('path/1'), watched_pct := 90, position_seconds := 5);
SELECT hostile.completion_threshold(test.id('path/1')), hostile.course_completion(test.id('path'));
RESET ROLE;
UPDATE hostile.courses SET metadata = '{"a": 1}';
ROLLBACK;
