-- check_storage: content_library_check() finds a table that a crash would empty.
\x on
BEGIN;
ALTER TABLE content_progress SET UNLOGGED;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;
