-- continue_watching: what is begun and not completed, the last watched first.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('cw', 6);
CALL test.make_course('cw-preview', 1);
CALL test.make_course('cw-draft', 1);
UPDATE lessons SET is_preview = true WHERE title = 'cw-preview/1';
UPDATE lessons SET duration_seconds = 600 WHERE title = 'cw/1';
CALL test.make_learner('cw-ann', 'cw', 'cw-draft');
CALL test.make_learner('cw-bob', 'cw');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, position_seconds, last_watched)
SELECT test.id(learner), test.id(lesson), pct, pct >= 90, place, timestamptz '2026-01-01Z' + day * interval '1 day'
FROM (VALUES
	('cw-ann', 'cw/1', 50, 300, 3),
	('cw-ann', 'cw/2', 0, NULL, 5),
	('cw-ann', 'cw/3', 100, 600, 9),
	('cw-ann', 'cw/5', 89, 10, 1),
	('cw-ann', 'cw-preview/1', 20, 20, 4),
	('cw-ann', 'cw-draft/1', 20, 20, 8),
	('cw-bob', 'cw/4', 20, 20, 7),
	('cw-bob', 'cw/1', 20, 20, 7)
) AS p(learner, lesson, pct, place, day);
UPDATE courses SET is_published = false WHERE id = test.id('cw-draft');

CALL test.sign_in('cw-ann');
SET LOCAL ROLE authenticated;
SELECT course_title, lesson_title, watched_pct, position_seconds, duration_seconds,
	   course_id = test.id(course_title) AND lesson_id = test.id(lesson_title) AS ids,
	   (last_watched AT TIME ZONE 'UTC')::date AS watched_on
FROM continue_watching();

-- The first of them.
SELECT lesson_title FROM continue_watching(2);
SELECT lesson_title FROM continue_watching(max_rows => 1, user_id => test.id('cw-ann'));

-- A report brings a lesson to the front, and completion takes it off.
SELECT watched_pct FROM record_progress(test.id('cw/1'), 60);
SELECT lesson_title FROM continue_watching(1);
SELECT watched_pct FROM record_progress(test.id('cw/1'), 90);
SELECT lesson_title FROM continue_watching();

-- Ten, unless more are asked for.
RESET ROLE;
CALL test.make_course('cw-long', 12);
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('cw-bob'), test.id('cw-long'));
INSERT INTO content_progress (user_id, lesson_id)
SELECT test.id('cw-bob'), id FROM lessons WHERE title LIKE 'cw-long/%';
SET LOCAL ROLE service_role;
SELECT (SELECT count(*) FROM continue_watching(user_id => test.id('cw-bob'))) AS by_default,
	   (SELECT count(*) FROM continue_watching(2147483647, test.id('cw-bob'))) AS all_there_are;
SELECT lesson_title FROM continue_watching(1, test.id('cw-ann'));

-- Not a number of rows.
SELECT * FROM continue_watching(0, test.id('cw-ann'));
SELECT * FROM continue_watching(-1, test.id('cw-ann'));
SELECT * FROM continue_watching(NULL, test.id('cw-ann'));
ROLLBACK;
