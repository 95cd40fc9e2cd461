-- check_row_level_security: content_library_check() finds it switched off, or
-- forced upon the owner.
\x on
BEGIN;
ALTER TABLE content_progress DISABLE ROW LEVEL SECURITY;
ALTER TABLE courses FORCE ROW LEVEL SECURITY;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
ROLLBACK;
