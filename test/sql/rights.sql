-- rights: what each role may do to each table, tried out; who may call each
-- function; whatever the default privileges are.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;

-- Ann's rows are in the published course "rights"; Bob's, and all of the draft,
-- are another's.
CREATE PROCEDURE test.make_rows()
LANGUAGE sql
AS $$
	CALL test.make_course('rights', 2);
	CALL test.make_course('rights-new', 1);
	CALL test.make_course('rights-draft', 2);
	CALL test.make_learner('rights-ann', 'rights');
	CALL test.make_learner('rights-bob', 'rights-draft');
	UPDATE public.courses SET is_published = false WHERE id = test.id('rights-draft');
	INSERT INTO public.content_progress (user_id, lesson_id)
	VALUES (test.id('rights-ann'), test.id('rights/1')),
		   (test.id('rights-bob'), test.id('rights-draft/1'));
$$;
CALL test.make_rows();

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

CREATE FUNCTION test.matrix()
RETURNS TABLE (role text, rows_of text, "table" text,
			   "SELECT" text, "INSERT" text, "UPDATE" text, "DELETE" text, "TRUNCATE" text)
LANGUAGE sql
AS $$
	SELECT w.role, w.rows_of, t.name,
		   test.attempt(w.role, w.sub, format('SELECT * FROM %s WHERE %s', t.name, t.mine)),
		   test.attempt(w.role, w.sub, format('INSERT INTO %s %s', t.name, t.new)),
		   test.attempt(w.role, w.sub, format('UPDATE %s SET id = id WHERE %s', t.name, t.mine)),
		   test.attempt(w.role, w.sub, format('DELETE FROM %s WHERE %s', t.name, t.mine)),
		   test.attempt(w.role, w.sub, format('TRUNCATE %s', t.name))
	FROM (VALUES
		(1, 'anon', 'another', NULL, 'rights', 'rights-ann'),
		(2, 'authenticated', 'self', 'rights-ann', 'rights', 'rights-ann'),
		(3, 'authenticated', 'another', 'rights-ann', 'rights-draft', 'rights-bob'),
		(4, 'authenticated', '(no claims)', NULL, 'rights', 'rights-ann'),
		(5, 'service_role', 'another', NULL, 'rights-draft', 'rights-bob')
	) AS w(place, role, rows_of, sub, course, learner)
	CROSS JOIN LATERAL (VALUES
		(1, 'courses', format('id = test.id(%L)', w.course),
			'(title, slug) VALUES (''New'', ''new'')'),
		(2, 'modules', format('id = test.id(%L)', w.course || '/m'),
			format('(course_id, title) VALUES (test.id(%L), ''New'')', w.course)),
		(3, 'lessons', format('id = test.id(%L)', w.course || '/1'),
			format('(module_id, title) VALUES (test.id(%L), ''New'')', w.course || '/m')),
		(4, 'enrollments', format('user_id = test.id(%L)', w.learner),
			format('(user_id, course_id) VALUES (test.id(%L), test.id(''rights-new''))', w.learner)),
		(5, 'content_progress', format('user_id = test.id(%L)', w.learner),
			format('(user_id, lesson_id) VALUES (test.id(%L), test.id(%L))', w.learner, w.course || '/2'))
	) AS t(place, name, mine, new)
	ORDER BY w.place, t.place
$$;

-- "ok N" is the number of rows met; anything else is the SQLSTATE.
SELECT * FROM test.matrix();

-- Grants beyond these commands: none, and no grant options.
CREATE FUNCTION test.grants() RETURNS TABLE (grantee text, object text, privileges text)
LANGUAGE sql
AS $$
	SELECT coalesce(r.rolname::text, 'PUBLIC'), o.name,
		   string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', '
					  ORDER BY a.privilege_type COLLATE "C")
	FROM (
		SELECT relname::text, relowner, coalesce(relacl, acldefault('r', relowner))
		FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		UNION ALL
		SELECT c.relname || '.' || a.attname, c.relowner, a.attacl
		FROM pg_class AS c
		JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
		UNION ALL
		SELECT proname::text, proowner, coalesce(proacl, acldefault('f', proowner))
		FROM pg_proc
		WHERE pronamespace = 'public'::regnamespace
	) AS o(name, owner, acl)
	CROSS JOIN aclexplode(o.acl) AS a
	LEFT JOIN pg_roles AS r ON r.oid = a.grantee
	WHERE a.grantee <> o.owner
	GROUP BY 1, 2
$$;
SELECT * FROM test.grants() ORDER BY grantee COLLATE "C", object COLLATE "C";

-- EXECUTE, with what comes by way of PUBLIC.
SELECT p.proname,
	   has_function_privilege('anon', p.oid, 'EXECUTE') AS anon,
	   has_function_privilege('authenticated', p.oid, 'EXECUTE') AS authenticated,
	   has_function_privilege('service_role', p.oid, 'EXECUTE') AS service_role,
	   has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc AS p
WHERE p.pronamespace = 'public'::regnamespace
ORDER BY p.proname;

-- A learner signs up, but does not sign their own certificate.
CREATE TEMP TABLE learner_attempts (place serial, command text);
INSERT INTO learner_attempts (command) VALUES
	('INSERT INTO enrollments (id, user_id, course_id, enrolled_at)
		VALUES (gen_random_uuid(), auth.uid(), test.id(''rights-new''), now())'),
	('INSERT INTO enrollments (user_id, course_id, completed_at)
		VALUES (auth.uid(), test.id(''rights-new''), now())'),
	('INSERT INTO enrollments (user_id, course_id, completed_at)
		VALUES (auth.uid(), test.id(''rights-new''), NULL)'),
	('INSERT INTO enrollments (user_id, course_id) VALUES (auth.uid(), test.id(''rights''))
		ON CONFLICT (user_id, course_id) DO UPDATE SET completed_at = now()'),
	('UPDATE enrollments SET completed_at = now() WHERE user_id = auth.uid()'),
	-- The application's own upsert works, on one's own rows.
	('INSERT INTO content_progress (user_id, lesson_id, watched_pct)
		VALUES (auth.uid(), test.id(''rights/1''), 50)
		ON CONFLICT (user_id, lesson_id) DO UPDATE SET watched_pct = excluded.watched_pct'),
	('INSERT INTO content_progress (user_id, lesson_id, watched_pct)
		VALUES (test.id(''rights-bob''), test.id(''rights-draft/1''), 50)
		ON CONFLICT (user_id, lesson_id) DO UPDATE SET watched_pct = excluded.watched_pct'),
	('UPDATE content_progress SET user_id = test.id(''rights-bob'') WHERE user_id = auth.uid()');
SELECT test.attempt('authenticated', 'rights-ann', command) AS result, command
FROM learner_attempts ORDER BY place;

-- All that was with Supabase's default privileges on. The same with none ...
CREATE TEMP TABLE usual_matrix AS SELECT * FROM test.matrix();
CREATE TEMP TABLE usual_grants AS SELECT * FROM test.grants();
CREATE FUNCTION test.changed_rights() RETURNS SETOF text
LANGUAGE sql
AS $$
	(SELECT m::text FROM test.matrix() AS m EXCEPT SELECT m::text FROM usual_matrix AS m)
	UNION ALL
	(SELECT g::text FROM test.grants() AS g EXCEPT SELECT g::text FROM usual_grants AS g)
	UNION ALL
	(SELECT g::text FROM usual_grants AS g EXCEPT SELECT g::text FROM test.grants() AS g)
$$;
SAVEPOINT default_privileges;
DROP EXTENSION content_library;
DELETE FROM auth.users;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EXTENSION content_library;
CALL test.make_rows();
SELECT * FROM test.changed_rights();
ROLLBACK TO default_privileges;

-- ... and with everything for everybody.
DROP EXTENSION content_library;
DELETE FROM auth.users;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, service_role WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role WITH GRANT OPTION;
CREATE EXTENSION content_library;
CALL test.make_rows();
SELECT * FROM test.changed_rights();
ROLLBACK TO default_privileges;

-- service_role's policies do without BYPASSRLS.
ALTER ROLE service_role NOBYPASSRLS;
SELECT * FROM test.changed_rights();
ROLLBACK;
