-- check_certificates: content_library_check() says what learners could forge a
-- certificate with, as long as there is one that is not revoked.
\x on
BEGIN;
SELECT content_library_strict(false);
CALL test.make_course('forged', 1);
CALL test.make_course('watched', 1);
UPDATE courses SET progress_by = 'watch' WHERE id = test.id('watched');
CALL test.make_learner('forged-ann', 'forged', 'watched');
CALL test.make_learner('forged-bob', 'forged', 'watched');
UPDATE enrollments SET completed_at = now() WHERE course_id IN (test.id('forged'), test.id('watched'));
SELECT * FROM test.findings();

SELECT count(issue_certificate(course_id, user_id, 'Learner')) FROM enrollments WHERE course_id IN (test.id('forged'), test.id('watched'));
SELECT * FROM test.findings();
-- Each alone.
SAVEPOINT each;
SELECT content_library_strict();
SELECT * FROM test.findings();
ROLLBACK TO each;
UPDATE courses SET progress_by = 'server' WHERE id = test.id('forged');
SELECT * FROM test.findings();
ROLLBACK TO each;
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK TO each;

-- Not of those that are revoked; of a course that is gone only the first is left.
SELECT count(revoke_certificate(code, 'a test')) FROM certificates WHERE course_id = test.id('forged');
SELECT * FROM test.findings();
DELETE FROM courses WHERE id = test.id('watched');
SELECT severity, object, problem FROM test.findings();
SELECT count(revoke_certificate(code, 'a test')) FROM certificates;
SELECT * FROM test.findings();
-- They are about rows.
ROLLBACK TO each;
SELECT * FROM content_library_check(rows => false) WHERE object <> 'owner of the tables';
ROLLBACK;
