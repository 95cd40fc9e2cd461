-- denominator: R6. What counts are the course's required lessons as they are
-- now, never the rows of progress: the percentage cannot pass 100.

BEGIN;
CALL test.make_course('denominator', 4);
CALL test.make_course('elsewhere', 3);
CALL test.make_learner('denominator-ann', 'denominator', 'elsewhere');
CALL test.make_learner('denominator-bob', 'denominator');
CALL test.sign_in('denominator-ann');

-- Two of four.
SET LOCAL ROLE authenticated;
SELECT count(*) FROM generate_series(1, 2) AS n,
	LATERAL record_progress(test.id('denominator/' || n), 100);
SELECT course_completion(test.id('denominator')) AS "2 of 4";

-- Neither other courses' lessons nor other learners count.
SELECT count(*) FROM generate_series(1, 3) AS n,
	LATERAL record_progress(test.id('elsewhere/' || n), 100);
SELECT course_completion(test.id('denominator')) AS "2 of 4";
CALL test.sign_in('denominator-bob');
SELECT completed FROM record_progress(test.id('denominator/3'), 100);
SELECT course_completion(test.id('denominator')) AS "bob's 1 of 4";
RESET ROLE;
SELECT course_completion(test.id('denominator'), test.id('denominator-ann')) AS "2 of 4";

-- Optional lessons count on neither side.
CALL test.sign_in('denominator-ann');
INSERT INTO lessons (id, module_id, title, is_required)
VALUES (test.id('denominator/extra'), test.id('denominator/m'), 'Extra', false);
SET LOCAL ROLE authenticated;
SELECT completed FROM record_progress(test.id('denominator/extra'), 100);
SELECT course_completion(test.id('denominator')) AS "2 of 4";
RESET ROLE;
UPDATE lessons SET is_required = false WHERE id = test.id('denominator/4');
SELECT course_completion(test.id('denominator')) AS "2 of 3";
UPDATE lessons SET is_required = false WHERE id = test.id('denominator/3');
SELECT course_completion(test.id('denominator')) AS "2 of 2";
UPDATE lessons SET is_required = false WHERE id = test.id('denominator/2');
SELECT course_completion(test.id('denominator')) AS "1 of 1";
UPDATE lessons SET is_required = true WHERE module_id = test.id('denominator/m');
SELECT course_completion(test.id('denominator')) AS "3 of 5";

-- Lessons added, in this module or a new one, lower it; removed ones raise it.
INSERT INTO modules (id, course_id, title) VALUES (test.id('denominator/m2'), test.id('denominator'), 'Second');
INSERT INTO lessons (id, module_id, title)
SELECT test.id('denominator/m2/' || n), test.id('denominator/m2'), 'New' FROM generate_series(1, 5) AS n;
SELECT course_completion(test.id('denominator')) AS "3 of 10";
DELETE FROM modules WHERE id = test.id('denominator/m2');
SELECT course_completion(test.id('denominator')) AS "3 of 5";
DELETE FROM lessons WHERE id IN (test.id('denominator/3'), test.id('denominator/4'));
SELECT course_completion(test.id('denominator')) AS "3 of 3";
DELETE FROM lessons WHERE id = test.id('denominator/1');
SELECT course_completion(test.id('denominator')) AS "2 of 2";

-- A lesson moved takes its progress along.
INSERT INTO lessons (id, module_id, title) VALUES (test.id('denominator/5'), test.id('denominator/m'), 'Unseen');
UPDATE lessons SET module_id = test.id('denominator/m') WHERE id = test.id('elsewhere/1');
SELECT course_completion(test.id('denominator')) AS "3 of 4",
	   course_completion(test.id('elsewhere')) AS "2 of 2";
ROLLBACK;
