-- check_owner: content_library_check() finds a table that belongs to somebody else.
\x on
BEGIN;
CREATE ROLE regress_another;
GRANT CREATE ON SCHEMA public TO regress_another;
ALTER TABLE enrollments OWNER TO regress_another;
SELECT severity, object, replace(problem, current_user, 'me') AS problem, replace(remedy, current_user, 'me') AS remedy
FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();

-- A superuser's, as after a restore by one; the remedy gives them to the owner of the schema.
SET LOCAL client_min_messages = warning;
SELECT severity, object, replace(problem, current_user, 'me') AS problem, replace(remedy, current_user, 'me') AS remedy
FROM content_library_check();
ALTER SCHEMA public OWNER TO regress_another;
SELECT remedy FROM content_library_check() \gexec
SELECT * FROM content_library_check() WHERE object = 'owner of the tables';
SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public';

-- What their owner calls is theirs to call then.
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM content_library_check();
SET LOCAL ROLE regress_another;
SELECT * FROM content_library_check();
RESET ROLE;
REVOKE SELECT ON lessons FROM regress_another;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;
