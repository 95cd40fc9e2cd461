-- lesson_retention: how many enrolled learners have seen each step of a lesson, from
-- its start to its end.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('retention', 4);
CALL test.make_course('retention-other', 1);
UPDATE lessons SET duration_seconds = 23 WHERE title = 'retention/1';
UPDATE lessons SET duration_seconds = 600 WHERE title = 'retention/2';
UPDATE lessons SET duration_seconds = 10 WHERE title IN ('retention/4', 'retention-other/1');
SELECT format('CALL test.make_learner(%L, %L)', 'retention-' || name, 'retention')
FROM unnest('{ann,bob,cy,dan}'::text[]) AS name \gexec
CALL test.make_learner('retention-eve');
CALL test.make_learner('retention-fay', 'retention-other');

CREATE FUNCTION pg_temp.seen(learner text, lesson text, watched int4multirange) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO public.content_progress (user_id, lesson_id, watched)
	VALUES (test.id('retention-' || learner), test.id(lesson), watched)
$$;
-- Cy has two parts within one step, and Dan has opened the lesson only. Neither Eve
-- nor Fay is enrolled in this course.
SELECT pg_temp.seen('ann', 'retention/1', '{[0,23)}'), pg_temp.seen('bob', 'retention/1', '{[0,5),[10,11)}'),
	   pg_temp.seen('cy', 'retention/1', '{[4,6),[7,8),[9,11),[22,23)}'), pg_temp.seen('dan', 'retention/1', '{}'),
	   pg_temp.seen('eve', 'retention/1', '{[0,23)}'), pg_temp.seen('fay', 'retention/1', '{[0,23)}'),
	   pg_temp.seen('ann', 'retention/3', '{[0,5)}');

-- The last step ends with the video.
SET LOCAL ROLE service_role;
SELECT * FROM lesson_retention(test.id('retention/1'));
SELECT * FROM lesson_retention(test.id('retention/1'), 10);
SELECT * FROM lesson_retention(test.id('retention/1'), step_seconds => 1) WHERE second IN (0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 21, 22);
SELECT * FROM lesson_retention(test.id('retention/1'), 2147483647);

-- A lesson that nobody has seen; one whose length is not known; a draft.
SELECT count(*) AS steps, max(second) AS last, max(learners) AS learners FROM lesson_retention(test.id('retention/2'));
SELECT count(*) AS steps FROM lesson_retention(test.id('retention/3'));
UPDATE lessons SET is_published = false WHERE title = 'retention/4';
SELECT count(*) AS steps FROM lesson_retention(test.id('retention/4'));

-- What lies outside of the video counts for nothing: it was cut, or written directly.
RESET ROLE;
SELECT pg_temp.seen('ann', 'retention/4', '{(,)}'), pg_temp.seen('bob', 'retention/4', '{[-7,3),[8,90)}'),
	   pg_temp.seen('cy', 'retention/4', '{[-5,0),[10,)}'), pg_temp.seen('dan', 'retention/4', '{[-2147483648,2147483647)}');
SET LOCAL ROLE service_role;
SELECT * FROM lesson_retention(test.id('retention/4'), 2);
UPDATE lessons SET duration_seconds = 0 WHERE title = 'retention/4';
SELECT count(*) AS steps FROM lesson_retention(test.id('retention/4'));
UPDATE lessons SET duration_seconds = -5 WHERE title = 'retention/4';
SELECT count(*) AS steps FROM lesson_retention(test.id('retention/4'));

-- The same as a count second by second, for learners with many parts and every step up to 9.
RESET ROLE;
INSERT INTO auth.users (id) SELECT test.id('retention-' || n) FROM generate_series(1, 60) AS n;
INSERT INTO enrollments (user_id, course_id) SELECT test.id('retention-' || n), test.id('retention') FROM generate_series(1, 60) AS n;
INSERT INTO content_progress (user_id, lesson_id, watched)
SELECT test.id('retention-' || n), test.id('retention/2'), range_agg(int4range(s, s + 1))
FROM generate_series(1, 60) AS n, generate_series(0, 599) AS s
WHERE s * (n % 7 + 1) % (n + 5) < n / 4
GROUP BY n;
SET LOCAL ROLE service_role;
SELECT step, count(*) AS steps, sum(r.learners) AS learners, count(*) FILTER (WHERE r.learners IS DISTINCT FROM c.learners) AS differ
FROM generate_series(1, 9) AS step
CROSS JOIN lesson_retention(test.id('retention/2'), step) AS r
CROSS JOIN LATERAL (
	SELECT count(*) AS learners
	FROM content_progress AS p
	WHERE p.lesson_id = test.id('retention/2') AND p.watched && int4range(r.second, r.second + step)) AS c
GROUP BY step
ORDER BY step;

-- Refused: what is missing, a step that is none, more steps than anybody can read, an unknown lesson.
SELECT * FROM lesson_retention(NULL);
SELECT * FROM lesson_retention(test.id('retention/1'), NULL);
SELECT * FROM lesson_retention(test.id('retention/1'), 0);
SELECT * FROM lesson_retention(test.id('retention/1'), -2147483648);
SELECT * FROM lesson_retention(test.id('nothing'));
UPDATE lessons SET duration_seconds = 2147483647 WHERE title = 'retention/2';
SELECT * FROM lesson_retention(test.id('retention/2'), 2147);
SELECT count(*) AS steps, sum(learners) AS learners FROM lesson_retention(test.id('retention/2'), 2148);
\set VERBOSITY terse
SELECT * FROM lesson_retention(test.id('retention/1'), 0);
SELECT * FROM lesson_retention(test.id('retention/2'));
\set VERBOSITY sqlstate

-- A learner may not, enrolled or not; for the staff see staff.sql.
CALL test.sign_in('retention-ann');
SET LOCAL ROLE authenticated;
SELECT * FROM lesson_retention(test.id('retention/1'));
ROLLBACK;
