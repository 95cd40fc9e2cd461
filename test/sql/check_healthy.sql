-- check_healthy: content_library_check() finds nothing where nothing is wrong,
-- whoever asks, in whatever schema; learners may not ask.
\set VERBOSITY terse
\set home :DBNAME
SELECT * FROM content_library_check();
SET ROLE service_role;
SELECT * FROM content_library_check();
SET ROLE authenticated;
SELECT * FROM content_library_check();
SET ROLE anon;
SELECT * FROM content_library_check();
RESET ROLE;

-- As PostgREST runs a function that is not volatile.
BEGIN TRANSACTION READ ONLY;
SELECT * FROM content_library_check();
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
SELECT * FROM content_library_check();
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
SET search_path = old, auth;
SELECT * FROM content_library_check();
RESET search_path;
RESET ROLE;
GRANT USAGE ON SCHEMA old TO service_role;
SET ROLE service_role;
SELECT * FROM old.content_library_check();
RESET ROLE;

-- Everything that a user may do to it without harm: a table beside, grants to
-- roles of one's own, rights taken away, settings of the planner.
CREATE TABLE old.notes (lesson_id uuid REFERENCES old.lessons);
GRANT ALL ON old.courses TO regress_healthy;
REVOKE INSERT ON old.enrollments FROM authenticated;
ALTER TABLE old.courses ALTER title SET STATISTICS 500;
ALTER TABLE old.content_progress SET (autovacuum_vacuum_scale_factor = 0.01);
SELECT * FROM old.content_library_check();

\c :home
DROP DATABASE regress_content_library;
DROP ROLE regress_healthy;
