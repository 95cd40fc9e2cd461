-- no_required_lesson: R5. A course without a required lesson has no
-- percentage: NULL, neither 0 nor 100.
\pset null NULL

BEGIN;
CALL test.make_course('none', 0);
CALL test.make_learner('none-ann', 'none');
CALL test.sign_in('none-ann');

-- A module without lessons; then no module either.
SELECT course_completion(test.id('none'));
DELETE FROM modules WHERE id = test.id('none/m');
SELECT course_completion(test.id('none'));

-- Optional lessons only, watched or not.
INSERT INTO modules (id, course_id, title) VALUES (test.id('none/m'), test.id('none'), 'none/m');
INSERT INTO lessons (id, module_id, title, is_required)
VALUES (test.id('none/1'), test.id('none/m'), 'none/1', false);
SET LOCAL ROLE authenticated;
SELECT course_completion(test.id('none'));
SELECT completed FROM record_progress(test.id('none/1'), 100);
SELECT course_completion(test.id('none'));

-- One required lesson gives it a percentage.
RESET ROLE;
INSERT INTO lessons (id, module_id, title) VALUES (test.id('none/2'), test.id('none/m'), 'none/2');
SET LOCAL ROLE authenticated;
SELECT course_completion(test.id('none'));
SELECT completed FROM record_progress(test.id('none/2'), 100);
SELECT course_completion(test.id('none'));
ROLLBACK;
