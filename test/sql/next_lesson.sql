-- next_lesson: the first required lesson in course order that is not completed.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('next', 3);
INSERT INTO modules (id, course_id, title, sort_order) VALUES (test.id('next/n'), test.id('next'), 'next/n', 1);
INSERT INTO lessons (id, module_id, title, sort_order) VALUES (test.id('next/4'), test.id('next/n'), 'next/4', 0);
CALL test.make_learner('next-ann', 'next');
CALL test.make_learner('next-bob');

CREATE FUNCTION test.next(learner text) RETURNS text
LANGUAGE sql
AS $$
	SELECT title FROM public.lessons WHERE id = public.next_lesson(test.id('next'), test.id(learner))
$$;

SET LOCAL ROLE service_role;
SELECT test.next('next-ann') AS first;

-- A lesson that is begun stays the next one; a later one completed does not matter.
SELECT watched_pct FROM record_progress(test.id('next/1'), 89, NULL, test.id('next-ann'));
SELECT watched_pct FROM record_progress(test.id('next/3'), 100, NULL, test.id('next-ann'));
SELECT test.next('next-ann') AS still_first;

SELECT watched_pct FROM record_progress(test.id('next/1'), 90, NULL, test.id('next-ann'));
SELECT test.next('next-ann') AS second;

-- An optional lesson is passed over; 3 is done; 4 is in the next module.
UPDATE lessons SET is_required = false WHERE id = test.id('next/2');
SELECT test.next('next-ann') AS fourth;

-- The order is the course's: with its module in front 4 comes before 1.
UPDATE lessons SET is_required = true WHERE id = test.id('next/2');
UPDATE modules SET sort_order = -1 WHERE id = test.id('next/n');
SELECT test.next('next-ann') AS fourth_now_first, test.next('next-bob') AS of_one_not_enrolled;

-- None left; none required.
SELECT count(*) FROM record_progress(test.id('next/2'), 100, NULL, test.id('next-ann'));
SELECT count(*) FROM record_progress(test.id('next/4'), 100, NULL, test.id('next-ann'));
SELECT next_lesson(test.id('next'), test.id('next-ann')) IS NULL AS none_left;
UPDATE lessons SET is_required = false WHERE title LIKE 'next/%';
SELECT next_lesson(test.id('next'), test.id('next-bob')) IS NULL AS none_required;
UPDATE lessons SET is_required = true WHERE title LIKE 'next/%';

-- A learner asks for themselves; an unpublished course does not exist for them.
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('next-bob'), test.id('next'));
CALL test.sign_in('next-bob');
SET LOCAL ROLE authenticated;
SELECT next_lesson(test.id('next')) = test.id('next/4') AS fourth;
SELECT next_lesson(test.id('nothing'));
SELECT next_lesson(NULL);
RESET ROLE;
UPDATE courses SET is_published = false WHERE id = test.id('next');
SET LOCAL ROLE authenticated;
SELECT next_lesson(test.id('next'));
ROLLBACK;
