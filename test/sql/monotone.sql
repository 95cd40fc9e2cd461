-- monotone: R1. watched_pct never goes down, completed and completed_at stay
-- once they are set, whatever is reported afterwards; the position may go back.

BEGIN;
CALL test.make_course('monotone', 1);
CALL test.make_learner('monotone-ann', 'monotone');
CALL test.sign_in('monotone-ann');
SET LOCAL ROLE authenticated;

SELECT watched_pct, completed, position_seconds
FROM record_progress(test.id('monotone/1'), 60, 360);

-- A lower report keeps the percentage and moves the position back.
SELECT watched_pct, completed, position_seconds
FROM record_progress(test.id('monotone/1'), 10, 60);

-- Completed once ...
SELECT watched_pct, completed, completed_at IS NOT NULL AS has_time
FROM record_progress(test.id('monotone/1'), 90);
SELECT completed_at AS first_time FROM content_progress \gset

-- ... is completed for good, and at the same time.
SELECT watched_pct, completed, completed_at = :'first_time' AS same_time
FROM record_progress(test.id('monotone/1'), 0);
SELECT watched_pct, completed, completed_at = :'first_time' AS same_time
FROM record_progress(test.id('monotone/1'), 100);
SELECT watched_pct, completed, completed_at = :'first_time' AS same_time
FROM record_progress(test.id('monotone/1'), 50, 0);

-- Also when the bar has been raised since.
RESET ROLE;
UPDATE lessons SET completion_threshold = 100 WHERE id = test.id('monotone/1');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed, completed_at = :'first_time' AS same_time
FROM record_progress(test.id('monotone/1'), 95);
ROLLBACK;
