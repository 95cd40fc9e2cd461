-- check_rights: content_library_check() finds what anon, authenticated or
-- everybody may do beyond what the extension grants, and nothing else.
\x on
BEGIN;
CREATE TEMP VIEW rights AS
SELECT oid::regclass::text AS object, relacl::text AS acl FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT attrelid::regclass || '.' || attname, attacl::text FROM pg_attribute WHERE attrelid = 'enrollments'::regclass
UNION ALL
SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
CREATE TEMP TABLE before AS TABLE rights;

GRANT SELECT, TRUNCATE ON courses TO anon;
GRANT INSERT (completed_at), UPDATE (completed_at, enrolled_at) ON enrollments TO authenticated;
GRANT SELECT ON content_progress TO PUBLIC;
GRANT SELECT ON lessons TO authenticated WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION record_progress(uuid, double precision, double precision, uuid, jsonb) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mux_state(text, text) TO authenticated, anon;
GRANT INSERT ON course_staff TO authenticated;
GRANT UPDATE ON lessons TO anon;
GRANT DELETE ON lessons TO authenticated WITH GRANT OPTION;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
-- No more was taken away than that.
TABLE before EXCEPT TABLE rights;
ROLLBACK;

-- Not found: what a column's table allows anyway, what a role of one's own has, and what
-- lets editors write their courses.
BEGIN;
CREATE ROLE regress_analyst;
GRANT SELECT (title) ON courses TO authenticated;
GRANT SELECT ON content_progress TO regress_analyst;
GRANT INSERT, UPDATE, DELETE ON courses, modules, lessons TO authenticated;
GRANT UPDATE (title) ON lessons TO authenticated;
SELECT * FROM test.findings();
ROLLBACK;

-- Strict is as good as open; what lies between is named.
BEGIN;
SELECT content_library_strict();
SELECT * FROM test.findings();
GRANT UPDATE ON content_progress TO authenticated;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;

-- What was revoked.
BEGIN;
REVOKE INSERT ON enrollments FROM authenticated;
SELECT * FROM test.findings();
REVOKE SELECT ON courses FROM authenticated, service_role;
REVOKE SELECT ON enrollments FROM authenticated;
REVOKE EXECUTE ON FUNCTION enroll(uuid, uuid) FROM authenticated;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;
