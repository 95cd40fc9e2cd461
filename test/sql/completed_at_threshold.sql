-- completed_at_threshold: R3. A report completes a lesson when it reaches the
-- threshold: the lesson's, else its course's, else the setting. A threshold
-- changed later completes nobody by itself.

BEGIN;
CALL test.make_course('threshold', 3);
CALL test.make_learner('threshold-ann', 'threshold');
CALL test.sign_in('threshold-ann');

-- Lesson, else course, else setting.
SELECT completion_threshold(test.id('threshold/1'));
SET LOCAL content_library.completion_threshold = 80;
SELECT completion_threshold(test.id('threshold/1'));
UPDATE courses SET completion_threshold = 70 WHERE id = test.id('threshold');
SELECT completion_threshold(test.id('threshold/1'));
UPDATE lessons SET completion_threshold = 60 WHERE id = test.id('threshold/1');
SELECT completion_threshold(test.id('threshold/1')), completion_threshold(test.id('threshold/2'));
UPDATE courses SET completion_threshold = NULL WHERE id = test.id('threshold');
SELECT completion_threshold(test.id('threshold/1')), completion_threshold(test.id('threshold/2'));
RESET content_library.completion_threshold;

-- The extremes.
UPDATE lessons SET completion_threshold = 1 WHERE id = test.id('threshold/1');
UPDATE courses SET completion_threshold = 100 WHERE id = test.id('threshold');
SELECT completion_threshold(test.id('threshold/1')), completion_threshold(test.id('threshold/2'));

-- One below does not complete; the threshold itself does. 60, 70 and 80 are
-- the lesson's, the course's and the setting's.
UPDATE courses SET completion_threshold = 70 WHERE id = test.id('threshold');
UPDATE lessons SET completion_threshold = 60 WHERE id = test.id('threshold/1');
SET LOCAL content_library.completion_threshold = 80;
CALL test.make_course('threshold-free', 1);
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('threshold-ann'), test.id('threshold-free'));
SET LOCAL ROLE authenticated;
SELECT r.watched_pct, r.completed, r.completed_at IS NOT NULL AS has_time
FROM (VALUES (1, 'threshold/1', 59), (2, 'threshold/1', 60),
			 (3, 'threshold/2', 69), (4, 'threshold/2', 70),
			 (5, 'threshold-free/1', 79), (6, 'threshold-free/1', 80)) AS v(place, lesson, pct)
CROSS JOIN LATERAL record_progress(test.id(lesson), pct) AS r
ORDER BY place;

-- A first report may complete at once.
SELECT watched_pct, completed, completed_at = last_watched AS at_the_report
FROM record_progress(test.id('threshold/3'), 70);

-- Raised: what is completed stays so. Lowered: nobody is completed by that ...
RESET ROLE;
UPDATE lessons SET completion_threshold = 100 WHERE id = test.id('threshold/1');
UPDATE content_progress SET completed = false, completed_at = NULL WHERE lesson_id = test.id('threshold/2');
UPDATE courses SET completion_threshold = 50 WHERE id = test.id('threshold');
SET LOCAL ROLE authenticated;
SELECT lesson_id = test.id('threshold/1') AS raised, watched_pct, completed
FROM content_progress
WHERE lesson_id IN (test.id('threshold/1'), test.id('threshold/2'))
ORDER BY 1;
SELECT course_completion(test.id('threshold'));

-- ... but by the next report, be it lower than what was watched before.
SELECT watched_pct, completed, completed_at IS NOT NULL AS has_time
FROM record_progress(test.id('threshold/2'), 3);
SELECT watched_pct, completed FROM record_progress(test.id('threshold/1'), 61);
SELECT course_completion(test.id('threshold'));

-- A raised threshold holds for those who are not there yet.
RESET ROLE;
CALL test.make_learner('threshold-bob', 'threshold');
CALL test.sign_in('threshold-bob');
SET LOCAL ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('threshold/1'), 99);
SELECT watched_pct, completed FROM record_progress(test.id('threshold/1'), 100);

-- A lesson moved into another course goes by that one's threshold.
RESET ROLE;
UPDATE courses SET completion_threshold = 20 WHERE id = test.id('threshold-free');
UPDATE lessons SET module_id = test.id('threshold-free/m') WHERE id = test.id('threshold/2');
SELECT completion_threshold(test.id('threshold/2'));
ROLLBACK;
