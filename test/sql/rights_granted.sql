-- rights_granted: what is granted, and who may call each function, whatever the
-- default privileges are.
\set VERBOSITY sqlstate

BEGIN;
\getenv srcdir PG_ABS_SRCDIR
\set matrix :srcdir '/rights_matrix.sql'
\set ECHO none
\i :matrix
\set ECHO all
CALL test.make_rows();

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
ROLLBACK;
