-- errors: every error that a caller can cause, with its SQLSTATE; none of
-- them leaves anything behind.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('errors', 2);
CALL test.make_course('errors-closed', 1);
CALL test.make_course('errors-draft', 1);
UPDATE courses SET is_published = false WHERE id = test.id('errors-draft');
CALL test.make_learner('errors-ann', 'errors', 'errors-draft');
CALL test.make_learner('errors-bob', 'errors');
CALL test.sign_in('errors-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct, position_seconds FROM record_progress(test.id('errors/1'), 50, 5);

-- 22023: out of range, also where a row is there already.
SELECT record_progress(test.id('errors/1'), -1);
SELECT record_progress(test.id('errors/1'), 101);
SELECT record_progress(test.id('errors/1'), 2147483647);
SELECT record_progress(test.id('errors/1'), -2147483648);
SELECT record_progress(test.id('errors/2'), 101);
SELECT record_progress(test.id('errors/1'), 50, -1);
SELECT record_progress(test.id('errors/2'), 50, -2147483648);

-- 22004: NULL where a value is required. A NULL position or user is left out.
SELECT record_progress(NULL, 50);
SELECT record_progress(test.id('errors/1'), NULL);
SELECT completion_threshold(NULL);
SELECT course_completion(NULL);
SELECT course_completion(NULL, test.id('errors-ann'));
SELECT watched_pct, position_seconds FROM record_progress(test.id('errors/1'), 50, NULL, NULL);
SELECT course_completion(test.id('errors'), NULL);

-- 42501: not enrolled; another user's id.
SELECT record_progress(test.id('errors-closed/1'), 50);
SELECT record_progress(test.id('errors/1'), 50, NULL, test.id('errors-bob'));
SELECT course_completion(test.id('errors'), test.id('errors-bob'));

-- 23503: no such lesson or course; what is unpublished does not exist for a learner.
SELECT record_progress(test.id('nothing'), 50);
SELECT record_progress(test.id('errors-draft/1'), 50);
SELECT completion_threshold(test.id('nothing'));
SELECT completion_threshold(test.id('errors-draft/1'));
SELECT course_completion(test.id('nothing'));
SELECT course_completion(test.id('errors-draft'));

-- 28000: nobody is signed in and no user_id is given.
CALL test.sign_in();
SELECT record_progress(test.id('errors/1'), 50);
SELECT course_completion(test.id('errors'));

-- The same as service_role, who sees unpublished courses ...
SET LOCAL ROLE service_role;
SELECT record_progress(test.id('errors/1'), 50);
SELECT course_completion(test.id('errors'));
SELECT record_progress(test.id('errors/1'), 101, NULL, test.id('errors-ann'));
SELECT record_progress(test.id('errors/1'), 50, -1, test.id('errors-ann'));
SELECT record_progress(NULL, 50, NULL, test.id('errors-ann'));
SELECT record_progress(test.id('errors/1'), NULL, NULL, test.id('errors-ann'));
SELECT record_progress(test.id('nothing'), 50, NULL, test.id('errors-ann'));
SELECT completion_threshold(test.id('nothing'));
SELECT completion_threshold(test.id('errors-draft/1'));
SELECT course_completion(test.id('nothing'), test.id('errors-ann'));
SELECT course_completion(test.id('errors-draft'), test.id('errors-ann'));
SELECT record_progress(test.id('errors-closed/1'), 50, NULL, test.id('errors-ann'));

-- ... and may name a user who does not exist.
SELECT record_progress(test.id('errors/1'), 50, NULL, test.id('nobody'));

-- 23503 as well: signed in with the token of an account that is gone.
CALL test.sign_in('nobody');
SET LOCAL ROLE authenticated;
SELECT record_progress(test.id('errors/1'), 50);

-- 42501: anon calls nothing.
SET LOCAL ROLE anon;
SELECT record_progress(test.id('errors/1'), 50);
SELECT completion_threshold(test.id('errors/1'));
SELECT course_completion(test.id('errors'));

-- 25006: nothing is written in a read-only transaction; the others only read.
CALL test.sign_in('errors-ann');
SET LOCAL ROLE authenticated;
\set ON_ERROR_ROLLBACK off
SAVEPOINT read_only;
SET TRANSACTION READ ONLY;
SELECT completion_threshold(test.id('errors/1')), course_completion(test.id('errors'));
SELECT record_progress(test.id('errors/1'), 50);
ROLLBACK TO read_only;
\set ON_ERROR_ROLLBACK on

-- Words for the client: message, detail and hint.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT record_progress(test.id('errors/1'), 101);
SELECT record_progress(test.id('errors/1'), 50, -1);
SELECT record_progress(NULL, 50);
SELECT record_progress(test.id('errors-closed/1'), 50);
SELECT record_progress(test.id('errors/1'), 50, NULL, test.id('errors-bob'));
SELECT record_progress(test.id('nothing'), 50);
SELECT completion_threshold(test.id('nothing'));
SELECT course_completion(test.id('nothing'));
CALL test.sign_in('nobody');
SELECT record_progress(test.id('errors/1'), 50);
CALL test.sign_in();
SELECT record_progress(test.id('errors/1'), 50);

-- After all that there is one row, as it was.
RESET ROLE;
SELECT watched_pct, completed, position_seconds
FROM content_progress AS p
JOIN lessons AS l ON l.id = p.lesson_id
WHERE l.title LIKE 'errors%';
ROLLBACK;
