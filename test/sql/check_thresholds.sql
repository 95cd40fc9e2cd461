-- check_thresholds: content_library_check() finds progress that has reached the
-- threshold of now and is not completed: the lesson's, the course's, the setting.
\x on
BEGIN;
CALL test.make_course('bar', 4);
CALL test.make_learner('bar-ann', 'bar');
CALL test.make_learner('bar-bob', 'bar');
INSERT INTO content_progress (user_id, lesson_id, watched_pct)
SELECT test.id(learner), test.id('bar/' || n), 20 * n FROM unnest('{bar-ann,bar-bob}'::text[]) AS learner, generate_series(1, 4) AS n;
SELECT * FROM test.findings();
UPDATE lessons SET completion_threshold = 20 WHERE id = test.id('bar/1');
SELECT * FROM test.findings();
UPDATE courses SET completion_threshold = 60 WHERE id = test.id('bar');
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
UPDATE courses SET completion_threshold = NULL WHERE id = test.id('bar');
SET LOCAL content_library.completion_threshold = 40;
SELECT * FROM test.findings();
SET LOCAL content_library.completion_threshold = 41;
SELECT * FROM test.findings();
ROLLBACK;
