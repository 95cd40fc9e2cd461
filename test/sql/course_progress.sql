-- course_progress: a row for each course that the learner is enrolled in.

BEGIN;
CALL test.make_course('cp-new', 4);
CALL test.make_course('cp-old', 3);
CALL test.make_course('cp-empty', 0);
CALL test.make_course('cp-bare', 0);
CALL test.make_course('cp-draft', 1);
CALL test.make_course('cp-other', 1);
DELETE FROM modules WHERE course_id = test.id('cp-bare');
UPDATE lessons SET is_required = false, is_preview = true WHERE title IN ('cp-new/4', 'cp-other/1');
CALL test.make_learner('cp-ann', 'cp-new', 'cp-old', 'cp-empty', 'cp-bare', 'cp-draft');
CALL test.make_learner('cp-bob', 'cp-new', 'cp-other');
UPDATE enrollments SET enrolled_at = timestamptz '2026-01-01Z' + p.place * interval '1 day'
FROM unnest(ARRAY['cp-old', 'cp-new', 'cp-empty', 'cp-bare', 'cp-draft']) WITH ORDINALITY AS p(course, place)
WHERE course_id = test.id(p.course) AND user_id = test.id('cp-ann');

-- Completed at different times, an optional lesson last; Bob's rows are not Ann's.
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, last_watched)
SELECT test.id(learner), test.id(lesson), pct, pct >= 90, at::timestamptz
FROM (VALUES
	('cp-ann', 'cp-new/1', 100, '2026-02-01Z'),
	('cp-ann', 'cp-new/3', 90, '2026-02-02Z'),
	('cp-ann', 'cp-new/2', 89, '2026-02-03Z'),
	('cp-ann', 'cp-new/4', 100, '2026-02-04Z'),
	('cp-ann', 'cp-other/1', 100, '2026-02-09Z'),
	('cp-bob', 'cp-new/2', 100, '2026-02-08Z'),
	('cp-bob', 'cp-old/1', 100, '2026-02-08Z')
) AS p(learner, lesson, pct, at);
UPDATE courses SET is_published = false WHERE id = test.id('cp-draft');

CREATE FUNCTION test.progress(user_id uuid DEFAULT NULL)
RETURNS TABLE (title text, required integer, completed integer, completion integer,
			   watched_on date, next text, enrolled_on date, has_completed boolean)
LANGUAGE sql
AS $$
	SELECT p.title, required_lessons, completed_lessons, completion,
		   (last_watched AT TIME ZONE 'UTC')::date,
		   (SELECT l.title FROM public.lessons AS l WHERE l.id = next_lesson_id),
		   (enrolled_at AT TIME ZONE 'UTC')::date, completed_at IS NOT NULL
	FROM public.course_progress(user_id) WITH ORDINALITY AS p
	ORDER BY p.ordinality
$$;

-- Oldest enrollment first; 2 of 3 is 66 %; no lesson is no percentage; neither
-- the unpublished course nor the preview in a course she is not enrolled in.
CALL test.sign_in('cp-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM test.progress();

-- service_role sees the unpublished one as well.
SET LOCAL ROLE service_role;
SELECT title FROM test.progress(test.id('cp-ann'));

-- A report completes the course; a lesson added lowers the percentage alone.
SELECT watched_pct FROM record_progress(test.id('cp-new/2'), 100, NULL, test.id('cp-ann'));
SELECT completed, required, completion, next, has_completed FROM test.progress(test.id('cp-ann')) WHERE title = 'cp-new';
INSERT INTO lessons (id, module_id, title, sort_order) VALUES (test.id('cp-new/5'), test.id('cp-new/m'), 'cp-new/5', 5);
SELECT completed, required, completion, next, has_completed FROM test.progress(test.id('cp-ann')) WHERE title = 'cp-new';

-- Nobody's: no rows; a learner without enrollments: no rows.
SELECT count(*) FROM course_progress(test.id('nobody'));
ROLLBACK;
