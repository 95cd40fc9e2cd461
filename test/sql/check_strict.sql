-- check_strict: content_library_check() notes that learners can write directly what
-- progress_by keeps from them; its remedy ends that.

BEGIN;
CALL test.make_course('check-strict', 2);
CALL test.make_course('check-strict-other', 1);
SELECT content_library_strict(false);
SELECT * FROM test.findings();
UPDATE courses SET progress_by = 'watch' WHERE slug = 'check-strict-other';
UPDATE lessons SET progress_by = 'server' WHERE id = test.id('check-strict/2');
SELECT * FROM test.findings();
UPDATE courses SET progress_by = 'report' WHERE slug = 'check-strict-other';
SELECT * FROM test.findings();
-- It is about rows, which a check without them does not read.
SELECT count(*) FROM content_library_check(false) WHERE object = 'strict mode';
SELECT remedy FROM content_library_check() WHERE object = 'strict mode' \gexec
SELECT * FROM test.findings();
ROLLBACK;
