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

-- All of them are another's: nothing is wrong.
ALTER TABLE courses OWNER TO regress_another;
ALTER TABLE modules OWNER TO regress_another;
ALTER TABLE lessons OWNER TO regress_another;
ALTER TABLE enrollments OWNER TO regress_another;
ALTER TABLE content_progress OWNER TO regress_another;
ALTER TABLE mux_events OWNER TO regress_another;
SELECT * FROM test.findings();
ROLLBACK;
