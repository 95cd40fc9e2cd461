-- check_functions: content_library_check() finds a function that was altered in
-- any way, replaced, given away, or taken out of the extension.
\x on
BEGIN;
ALTER FUNCTION record_progress(uuid, double precision, double precision, uuid, jsonb) SECURITY DEFINER;
ALTER FUNCTION mux_apply_event(jsonb) SECURITY DEFINER SET search_path = public;
ALTER FUNCTION mux_verify_signature VOLATILE PARALLEL UNSAFE COST 7;
ALTER FUNCTION course_report(uuid, integer, uuid) ROWS 5 STRICT LEAKPROOF;
ALTER FUNCTION mux_state(text, text) SET work_mem = '64MB';
ALTER FUNCTION content_library_set_updated_at() RESET ALL;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;

-- Replaced: in another language, by other SQL, with another library, a body of one's own.
BEGIN;
CREATE OR REPLACE FUNCTION content_library_mux_latest(object text, id text) RETURNS SETOF mux_events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT e.* FROM mux_events AS e LIMIT 1;
END;
CREATE OR REPLACE FUNCTION content_library_mux_policies() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT NULL::text[]';
CREATE OR REPLACE FUNCTION content_library_set_updated_at() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS 'BEGIN RETURN NEW; END';
CREATE OR REPLACE FUNCTION enroll(course_id uuid, user_id uuid DEFAULT NULL) RETURNS enrollments
LANGUAGE c AS '$libdir/content_library', 'reset_progress';
SELECT severity, object, problem FROM test.findings();
-- The remedy is the script's own text.
SELECT DISTINCT remedy FROM test.findings() WHERE object LIKE 'code of %';
ROLLBACK;

-- One taken out; others taken in.
BEGIN;
ALTER EXTENSION content_library DROP FUNCTION mux_state(text, text);
CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE mine (id int);
CREATE VIEW theirs AS SELECT 1 AS one;
ALTER EXTENSION content_library ADD FUNCTION mine();
ALTER EXTENSION content_library ADD TABLE mine;
ALTER EXTENSION content_library ADD VIEW theirs;
-- Since 17 there is MAINTAIN.
SELECT severity, object, problem, replace(remedy, ' MAINTAIN,', '') AS remedy FROM test.findings();
ALTER EXTENSION content_library ADD FUNCTION mux_state(text, text);
DELETE FROM pg_init_privs WHERE objoid IN ('mine()'::regprocedure, 'mine'::regclass, 'theirs'::regclass);
SELECT severity, object, replace(remedy, ' MAINTAIN,', '') AS remedy FROM test.findings();
SELECT remedy FROM (SELECT substring(remedy FROM 'ALTER.*') AS remedy FROM test.findings()) AS f \gexec
SELECT * FROM test.findings();
ROLLBACK;
BEGIN;
ALTER EXTENSION content_library DROP FUNCTION content_library_findings(text);
SAVEPOINT broken;
SELECT * FROM test.findings();
ROLLBACK TO broken;
ALTER EXTENSION content_library ADD FUNCTION content_library_findings(text);
SELECT * FROM test.findings();
ROLLBACK;

-- Given away.
BEGIN;
CREATE ROLE regress_another;
GRANT CREATE ON SCHEMA public TO regress_another;
ALTER FUNCTION move_module(uuid, uuid, uuid) OWNER TO regress_another;
-- The bootstrap superuser owns the functions of the extension, also if another superuser created it.
SELECT severity, object, problem, replace(remedy, 10::regrole::text, 'me') AS remedy FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;

-- Switched off.
BEGIN;
ALTER EVENT TRIGGER content_library_warn_of_columns DISABLE;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;
