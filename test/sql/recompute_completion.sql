-- recompute_completion: a changed threshold is applied to past progress,
-- forwards only; enrollments that are due become completed.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('recompute', 3);
CALL test.make_course('recompute-other', 1);
UPDATE lessons SET is_required = false WHERE id = test.id('recompute/3');
CALL test.make_learner('recompute-ann', 'recompute', 'recompute-other');
CALL test.make_learner('recompute-bob', 'recompute');
CALL test.make_learner('recompute-cy', 'recompute');
CREATE VIEW test.state AS
	SELECT u.email, l.title, p.watched_pct, p.completed, p.completed_at IS NOT NULL AS has_time,
		   e.completed_at IS NOT NULL AS course_completed
	FROM content_progress AS p
	JOIN auth.users AS u ON u.id = p.user_id
	JOIN lessons AS l ON l.id = p.lesson_id
	JOIN modules AS m ON m.id = l.module_id
	JOIN enrollments AS e ON e.user_id = p.user_id AND e.course_id = m.course_id
	WHERE l.title LIKE 'recompute%'
	ORDER BY 1, 2;
GRANT SELECT ON test.state TO service_role;

SET LOCAL ROLE service_role;
SELECT count(record_progress(test.id(lesson), pct, NULL, test.id(learner)))
FROM (VALUES
	('recompute-ann', 'recompute/1', 60), ('recompute-ann', 'recompute/2', 80), ('recompute-ann', 'recompute/3', 70),
	('recompute-ann', 'recompute-other/1', 80),
	('recompute-bob', 'recompute/1', 95), ('recompute-bob', 'recompute/2', 59),
	('recompute-cy', 'recompute/1', 95), ('recompute-cy', 'recompute/2', 95)
) AS r(learner, lesson, pct);

-- Nothing has changed: nothing to do. Raised: nobody loses anything.
SELECT recompute_completion(test.id('recompute'));
SELECT * FROM test.state;
UPDATE courses SET completion_threshold = 100 WHERE id = test.id('recompute');
SELECT recompute_completion(test.id('recompute'));
SELECT * FROM test.state;
SELECT p.completed_at AS first_time, e.completed_at AS first_end
FROM content_progress AS p, enrollments AS e
WHERE p.user_id = test.id('recompute-cy') AND p.lesson_id = test.id('recompute/2') AND e.user_id = p.user_id \gset

-- Lowered to 60: Ann's three rows, one of them optional; Bob lacks a percent;
-- the other course keeps its own threshold.
UPDATE courses SET completion_threshold = 60 WHERE id = test.id('recompute');
SELECT recompute_completion(test.id('recompute'));
SELECT * FROM test.state;
SELECT recompute_completion(test.id('recompute')) AS again;

-- What was completed before keeps its times.
SELECT p.completed_at = :'first_time' AS same_time, e.completed_at = :'first_end' AS same_end
FROM content_progress AS p, enrollments AS e
WHERE p.user_id = test.id('recompute-cy') AND p.lesson_id = test.id('recompute/2') AND e.user_id = p.user_id;

-- The lesson's own threshold comes before the course's.
UPDATE lessons SET completion_threshold = 59 WHERE id = test.id('recompute/2');
SELECT recompute_completion(test.id('recompute'));
SELECT * FROM test.state WHERE email LIKE 'recompute-bob%';

-- The setting's, where neither has one.
RESET ROLE;
SET LOCAL content_library.completion_threshold = 80;
SET LOCAL ROLE service_role;
SELECT recompute_completion(test.id('recompute-other'));
SELECT * FROM test.state WHERE title LIKE 'recompute-other%';

-- The last unfinished lesson removed, or made optional: no row changes, the
-- enrollment is completed. No lesson required: never.
RESET ROLE;
CALL test.make_course('recompute-short', 3);
CALL test.make_learner('recompute-dan', 'recompute-short');
SET LOCAL ROLE service_role;
SELECT watched_pct FROM record_progress(test.id('recompute-short/1'), 100, NULL, test.id('recompute-dan'));
DELETE FROM lessons WHERE id = test.id('recompute-short/2');
UPDATE lessons SET is_required = false WHERE title LIKE 'recompute-short/%';
SELECT recompute_completion(test.id('recompute-short'));
SELECT course_completed FROM test.state WHERE email LIKE 'recompute-dan%';
UPDATE lessons SET is_required = true WHERE id = test.id('recompute-short/1');
SELECT course_completed FROM test.state WHERE email LIKE 'recompute-dan%';
SELECT recompute_completion(test.id('recompute-short'));
SELECT course_completed FROM test.state WHERE email LIKE 'recompute-dan%';

-- Unknown, NULL.
SELECT recompute_completion(test.id('nothing'));
SELECT recompute_completion(NULL);
ROLLBACK;
