-- percentage_rounds_down: R4. The percentage of a course is the share of its
-- required lessons that are completed, rounded down; 199 of 200 is 99.

BEGIN;
CALL test.make_course('rounds', 200);
CALL test.make_learner('rounds-ann', 'rounds');
CALL test.sign_in('rounds-ann');
SET LOCAL ROLE authenticated;
SELECT course_completion(test.id('rounds'));

SELECT count(*) FROM generate_series(1, 1) AS n,
	LATERAL record_progress(test.id('rounds/' || n), 100) AS r WHERE r.completed;
SELECT course_completion(test.id('rounds')) AS "1 of 200";

SELECT count(*) FROM generate_series(2, 199) AS n,
	LATERAL record_progress(test.id('rounds/' || n), 100) AS r WHERE r.completed;
SELECT course_completion(test.id('rounds')) AS "199 of 200";

-- A lesson almost watched does not count.
SELECT completed FROM record_progress(test.id('rounds/200'), 89);
SELECT course_completion(test.id('rounds')) AS "199 of 200";
SELECT completed FROM record_progress(test.id('rounds/200'), 90);
SELECT course_completion(test.id('rounds')) AS "200 of 200";

-- All shares of courses of 3 and 7.
RESET ROLE;
CALL test.make_course('thirds', 3);
CALL test.make_course('sevenths', 7);
INSERT INTO enrollments (user_id, course_id)
VALUES (test.id('rounds-ann'), test.id('thirds')), (test.id('rounds-ann'), test.id('sevenths'));
CREATE FUNCTION test.shares(course text, lessons integer) RETURNS integer[]
LANGUAGE plpgsql
AS $$
DECLARE
	shares integer[] := ARRAY[course_completion(test.id(course))];
BEGIN
	FOR n IN 1..lessons LOOP
		PERFORM record_progress(test.id(course || '/' || n), 100);
		shares := shares || course_completion(test.id(course));
	END LOOP;
	RETURN shares;
END
$$;
SET LOCAL ROLE authenticated;
SELECT test.shares('thirds', 3), test.shares('sevenths', 7);
ROLLBACK;
