-- check_membership: content_library_check() finds a table that was taken out of
-- the extension.
\x on
BEGIN;
ALTER EXTENSION content_library DROP TABLE modules;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT count(*) FROM pg_extension, unnest(extconfig, extcondition) AS c(oid, condition)
WHERE extname = 'content_library' AND condition = '';
ROLLBACK;
