-- setup: the database of all tests: Supabase-shaped, with the extension in
-- public, or the SQL edition where CONTENT_LIBRARY_EDITION says so, strict where
-- CONTENT_LIBRARY_STRICT is set, without direct paths where CONTENT_LIBRARY_DIRECT
-- is off, and the few helpers that the other files use.

\getenv srcdir PG_ABS_SRCDIR
\getenv edition CONTENT_LIBRARY_EDITION
\if :{?edition}
\else
\set edition extension
\endif
\getenv strict CONTENT_LIBRARY_STRICT
\getenv direct CONTENT_LIBRARY_DIRECT
\set supabase :srcdir '/supabase.sql'
\set install :srcdir '/install_' :edition '.sql'
\set ECHO none
\i :supabase
\i :install
\if :{?strict}
DO $$ BEGIN PERFORM public.content_library_strict(); END $$;
\endif
\if :{?direct}
ALTER DATABASE :"DBNAME" SET content_library.direct_paths = :direct;
\endif
\set ECHO all

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

-- What becomes of a command of ROLE, signed in as SUB; it is always undone.
CREATE FUNCTION test.attempt(role text, sub text, command text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	n bigint;
BEGIN
	CALL test.sign_in(sub);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command;
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'ok ' || n ELSE SQLSTATE END;
END
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

-- What the catalogs say of the library in SCHEMA, without the schema's name:
-- equal wherever and however it was installed.
CREATE FUNCTION test.definitions(schema text) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog
AS $$
	WITH found AS (
		SELECT format('column %s.%s %s%s%s', a.attrelid::regclass, a.attname,
					  format_type(a.atttypid, a.atttypmod),
					  CASE WHEN a.attnotnull THEN ' NOT NULL' END,
					  ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)) AS line
		FROM pg_class AS c
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
		LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE c.relnamespace = to_regnamespace(quote_ident(schema)) AND c.relkind = 'r'
		UNION ALL
		SELECT format('constraint %s %s %s %s', conrelid::regclass, conname,
					  pg_get_constraintdef(oid), convalidated)
		FROM pg_constraint
		WHERE connamespace = to_regnamespace(quote_ident(schema)) AND contype IN ('c', 'f', 'p', 'u')
		UNION ALL
		SELECT indexdef FROM pg_indexes WHERE schemaname = schema
		UNION ALL
		SELECT format('policy %s %I %s %s %s %s %s', tablename, policyname, permissive,
					  cmd, roles, qual, with_check)
		FROM pg_policies WHERE schemaname = schema
		UNION ALL
		SELECT pg_get_triggerdef(t.oid) || ' ' || tgenabled::text
		FROM pg_trigger AS t
		JOIN pg_class AS c ON c.oid = t.tgrelid
		WHERE c.relnamespace = to_regnamespace(quote_ident(schema)) AND NOT tgisinternal
		UNION ALL
		SELECT format('table %s rls %s %s', oid::regclass, relrowsecurity, relforcerowsecurity)
		FROM pg_class
		WHERE relnamespace = to_regnamespace(quote_ident(schema)) AND relkind = 'r'
	)
	SELECT replace(line, quote_ident(schema) || '.', '') FROM found
$$;

-- What differs from the usual: nothing should.
CREATE TABLE test.usual AS SELECT line FROM test.definitions('public') AS line;
CREATE FUNCTION test.differences(schema text DEFAULT 'public') RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog
AS $$
	(TABLE test.usual EXCEPT SELECT * FROM test.definitions(schema))
	UNION ALL
	(SELECT * FROM test.definitions(schema) EXCEPT TABLE test.usual)
	ORDER BY 1
$$;

-- What content_library_check() finds, and a procedure that does what it says. The
-- tables are a superuser's here, which check_owner is about.
CREATE FUNCTION test.findings() RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE plpgsql STABLE
AS $$ BEGIN RETURN QUERY SELECT * FROM public.content_library_check() AS f WHERE f.object <> 'owner of the tables'; END $$;
CREATE PROCEDURE test.mend()
LANGUAGE plpgsql
AS $$
DECLARE
	commands text[];
	command text;
BEGIN
	SELECT array_agg(DISTINCT substring(remedy FROM '(?:^|Then: |or: )([A-Z]+ .*;)$')) INTO commands FROM test.findings();
	FOREACH command IN ARRAY commands LOOP
		EXECUTE command;
	END LOOP;
END
$$;
