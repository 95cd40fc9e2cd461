-- setup: the database of all tests: Supabase-shaped, with the extension in
-- public, and the few helpers that the other files use.

\getenv srcdir PG_ABS_SRCDIR
\set supabase :srcdir '/supabase.sql'
\set ECHO none
\i :supabase
\set ECHO all

CREATE EXTENSION content_library;

CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- test.id('ann') is the same uuid every time, so that answers can be compared.
CREATE FUNCTION test.id(name text) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT md5(name)::uuid $$;

-- Signs a learner in as PostgREST does; with no name, signs out.
CREATE PROCEDURE test.sign_in(name text DEFAULT NULL)
LANGUAGE sql
AS $$
	SELECT set_config('request.jwt.claims',
					  CASE WHEN name IS NULL THEN ''
						   ELSE json_build_object('sub', test.id(name), 'role', 'authenticated')::text END,
					  false)
$$;

-- Makes a published course NAME with one module NAME/m and lessons NAME/1 to NAME/n.
CREATE PROCEDURE test.make_course(name text, lessons integer)
LANGUAGE sql
AS $$
	INSERT INTO public.courses (id, title, slug, is_published)
	VALUES (test.id(name), name, name, true);
	INSERT INTO public.modules (id, course_id, title)
	VALUES (test.id(name || '/m'), test.id(name), name || '/m');
	INSERT INTO public.lessons (id, module_id, title, sort_order)
	SELECT test.id(name || '/' || n), test.id(name || '/m'), name || '/' || n, n
	FROM generate_series(1, lessons) AS n;
$$;

-- Makes a learner, enrolled in the courses named.
CREATE PROCEDURE test.make_learner(name text, VARIADIC courses text[] DEFAULT '{}')
LANGUAGE sql
AS $$
	INSERT INTO auth.users (id, email) VALUES (test.id(name), name || '@example.com');
	INSERT INTO public.enrollments (user_id, course_id)
	SELECT test.id(name), test.id(course) FROM unnest(courses) AS course;
$$;
