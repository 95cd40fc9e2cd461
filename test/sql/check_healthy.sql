-- check_healthy: content_library_check() finds nothing where nothing is wrong,
-- whoever asks, in whatever schema; learners may not ask.
\set VERBOSITY terse
\set home :DBNAME
BEGIN;
CREATE ROLE regress_owner;
GRANT ALL ON SCHEMA public TO regress_owner;
SELECT format('ALTER TABLE %I OWNER TO regress_owner', relname) FROM pg_extension JOIN pg_class AS c ON c.oid = ANY (extconfig)
ORDER BY relname \gexec
SELECT remedy FROM content_library_check() WHERE problem LIKE 'the owner of the tables, %' \gexec
SELECT * FROM content_library_check();
SET ROLE regress_owner;
SELECT * FROM content_library_check();
SET ROLE service_role;
SELECT * FROM content_library_check();
SELECT * FROM content_library_check(rows => false);
SELECT * FROM content_library_check(NULL);
ROLLBACK;
SET ROLE authenticated;
SELECT * FROM content_library_check();
SET ROLE anon;
SELECT * FROM content_library_check();
RESET ROLE;

-- What it calls is nobody's to call.
SELECT p.oid::regprocedure, replace(p.proacl::text, current_user, 'me') AS proacl FROM pg_proc AS p WHERE p.proname = 'content_library_findings';

-- As PostgREST runs a function that is not volatile.
BEGIN TRANSACTION READ ONLY;
SELECT * FROM test.findings();
ROLLBACK;

-- With content.
BEGIN;
CALL test.make_course('healthy', 3);
CALL test.make_learner('healthy-ann', 'healthy');
CALL test.sign_in('healthy-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('healthy/1'), 95);
SELECT watched_pct, completed FROM record_progress(test.id('healthy/2'), 89);
RESET ROLE;
SELECT * FROM test.findings();
ROLLBACK;

-- In a schema of the owner's, who is no superuser, whatever the names are; and renamed.
CREATE DATABASE regress_content_library TEMPLATE :"home";
ALTER DATABASE regress_content_library SET lc_messages = 'C';
\c regress_content_library
SET client_min_messages = warning;
DROP EXTENSION content_library;
CREATE ROLE regress_healthy;
GRANT CREATE ON DATABASE regress_content_library TO regress_healthy;
GRANT USAGE ON SCHEMA auth TO regress_healthy;
GRANT REFERENCES, SELECT ON auth.users TO regress_healthy;
SET ROLE regress_healthy;
CREATE SCHEMA "Ünser Kurs.2 %s";
CREATE EXTENSION content_library SCHEMA "Ünser Kurs.2 %s";
SELECT * FROM "Ünser Kurs.2 %s".content_library_check();
ALTER SCHEMA "Ünser Kurs.2 %s" RENAME TO old;
SELECT * FROM old.content_library_check();
-- A name that ends as one of ours does.
ALTER SCHEMA old RENAME TO library;
SELECT * FROM library.content_library_check();
ALTER SCHEMA library RENAME TO old;
SET search_path = old, auth;
SELECT * FROM content_library_check();
RESET search_path;
RESET ROLE;
GRANT USAGE ON SCHEMA old TO service_role;
SET ROLE service_role;
SELECT * FROM old.content_library_check();
RESET ROLE;

-- Everything that a user may do to it without a finding: a table beside, grants
-- to roles of one's own.
CREATE TABLE old.notes (lesson_id uuid REFERENCES old.lessons);
GRANT ALL ON old.courses TO regress_healthy;
SELECT * FROM old.content_library_check();

\c :home
DROP DATABASE regress_content_library;
DROP ROLE regress_healthy;
