-- strict_reading: the functions that the strict policies call.

BEGIN;
CALL test.make_course('reading', 1);
CALL test.make_learner('reading-ann', 'reading');
CALL test.make_learner('reading-bob');
CALL test.make_learner('reading-vera');
INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id('reading'), test.id('reading-vera'), 'editor');
UPDATE courses SET is_published = false WHERE id = test.id('reading');
SET LOCAL ROLE authenticated;

-- A function that asks again after a change gets the new answer.
CREATE FUNCTION pg_temp.asks() RETURNS TABLE (step text, reads boolean, draft boolean, preview boolean, sees boolean)
LANGUAGE plpgsql AS $$
DECLARE
	module uuid := test.id('reading/m');
	command text;
BEGIN
	FOREACH command IN ARRAY ARRAY['CALL test.sign_in(''reading-ann'')', 'CALL test.sign_in(''reading-vera'')',
		'SET LOCAL ROLE service_role', 'UPDATE public.courses SET is_published = true WHERE id = test.id(''reading'')',
		'SET LOCAL ROLE authenticated', 'CALL test.sign_in(''reading-ann'')', 'CALL test.sign_in(''reading-bob'')', 'CALL test.sign_in()']
	LOOP
		EXECUTE command;
		step := left(command, 31);
		reads := public.content_library_reads_lesson(module, true, false);
		draft := public.content_library_reads_lesson(module, false, true);
		preview := public.content_library_reads_lesson(module, true, true);
		sees := public.content_library_sees_course(test.id('reading'));
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.asks();
SELECT content_library_reads_lesson(NULL, true, true) AS no_module, content_library_reads_lesson(test.id('reading/m'), NULL, NULL) AS no_flags,
	   content_library_reads_lesson(test.id('nothing'), true, true) AS nothing, content_library_sees_course(NULL) AS no_course;
ROLLBACK;
