-- may_watch: R8. Progress begins in a published course that the user is
-- enrolled in, or with a preview lesson; a row that is there may advance.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('watch', 6);
CALL test.make_course('watch-other', 1);
CALL test.make_learner('watch-ann', 'watch');
CALL test.make_learner('watch-bob', 'watch-other');
UPDATE lessons SET is_preview = true WHERE id = test.id('watch/5');
UPDATE lessons SET completion_threshold = 60 WHERE id = test.id('watch/6');

-- Enrolled.
CALL test.sign_in('watch-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('watch/1'), 10);
SELECT watched_pct FROM record_progress(test.id('watch/2'), 10);
SELECT watched_pct FROM record_progress(test.id('watch/3'), 10);
SELECT watched_pct FROM record_progress(test.id('watch/6'), 10);

-- Not enrolled in this course; no report of any percentage begins one.
CALL test.sign_in('watch-bob');
SELECT record_progress(test.id('watch/1'), 10);
SELECT record_progress(test.id('watch/1'), 0);
SELECT record_progress(test.id('watch/1'), 100);

-- A preview lesson is for everybody who is signed in.
SELECT watched_pct, completed FROM record_progress(test.id('watch/5'), 95);

-- service_role may write for anybody, but not begin what nobody may watch.
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT record_progress(test.id('watch/1'), 10, NULL, test.id('watch-bob'));
SELECT watched_pct FROM record_progress(test.id('watch/4'), 10, NULL, test.id('watch-ann'));
DELETE FROM content_progress WHERE lesson_id = test.id('watch/4');

-- Unpublished: for a learner such a lesson does not exist, preview or not.
RESET ROLE;
UPDATE courses SET is_published = false WHERE id = test.id('watch');
CALL test.sign_in('watch-ann');
SET LOCAL ROLE authenticated;
SELECT record_progress(test.id('watch/4'), 10);
SELECT record_progress(test.id('watch/5'), 10);
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT record_progress(test.id('watch/4'), 10, NULL, test.id('watch-ann'));

-- What has begun goes on, to the threshold that course and lesson have.
CALL test.sign_in('watch-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('watch/1'), 99);
SELECT watched_pct, completed FROM record_progress(test.id('watch/1'), 100);
SELECT watched_pct, completed FROM record_progress(test.id('watch/2'), 95);
SELECT watched_pct, completed FROM record_progress(test.id('watch/6'), 59);
SELECT watched_pct, completed FROM record_progress(test.id('watch/6'), 60);

-- service_role sees it.
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT watched_pct, completed FROM record_progress(test.id('watch/2'), 95, NULL, test.id('watch-ann'));

-- Published again, but no longer enrolled: goes on; nothing new begins.
RESET ROLE;
UPDATE courses SET is_published = true WHERE id = test.id('watch');
DELETE FROM enrollments WHERE user_id = test.id('watch-ann');
CALL test.sign_in('watch-ann');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('watch/3'), 90);
SELECT record_progress(test.id('watch/4'), 10);

-- A preview lesson that is one no more goes on, too.
RESET ROLE;
UPDATE lessons SET is_preview = false WHERE id = test.id('watch/5');
CALL test.sign_in('watch-bob');
SET LOCAL ROLE authenticated;
SELECT watched_pct FROM record_progress(test.id('watch/5'), 100);

-- A refusal leaves nothing.
RESET ROLE;
SELECT user_id = test.id('watch-ann') AS ann, watched_pct
FROM content_progress
WHERE user_id IN (test.id('watch-ann'), test.id('watch-bob'))
ORDER BY 1, 2;
ROLLBACK;
