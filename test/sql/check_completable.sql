-- check_completable: content_library_check() names what nobody can complete, and its
-- remedies remove the cause.
-- The findings, with titles in place of ids.
CREATE FUNCTION test.stuck() RETURNS TABLE (severity text, object text, problem text)
LANGUAGE plpgsql
AS $$
DECLARE
	named record;
BEGIN
	FOR severity, object, problem IN
		SELECT f.severity, f.object, f.problem FROM test.findings() AS f
	LOOP
		FOR named IN SELECT id::text, title FROM public.courses UNION ALL SELECT id::text, title FROM public.lessons LOOP
			object := replace(object, named.id, named.title);
			problem := replace(problem, named.id, named.title);
		END LOOP;
		RETURN NEXT;
	END LOOP;
END
$$;

BEGIN;
CALL test.make_course('stuck-a', 5);
CALL test.make_course('stuck-b', 1);
CALL test.make_course('stuck-c', 1);
CALL test.make_course('stuck-empty', 0);
CALL test.make_course('stuck-draft', 1);
SELECT * FROM test.stuck() ORDER BY severity, object COLLATE "C", problem COLLATE "C";

-- Three courses that require each other in a circle; others only need one of them.
INSERT INTO course_prerequisites VALUES
	(test.id('stuck-a'), test.id('stuck-b')), (test.id('stuck-b'), test.id('stuck-c')), (test.id('stuck-c'), test.id('stuck-a')),
	(test.id('stuck-draft'), test.id('stuck-a')), (test.id('stuck-b'), test.id('stuck-empty'));
-- Required lessons that never open or have no video; optional ones, drafts, and lessons of
-- a course that is not published may be so.
UPDATE lessons SET unlock_at = 'infinity' WHERE id = test.id('stuck-a/1');
UPDATE lessons SET mux_status = 'error' WHERE title IN ('stuck-a/2', 'stuck-a/3', 'stuck-draft/1');
UPDATE lessons SET is_required = false WHERE id = test.id('stuck-a/3');
UPDATE lessons SET mux_upload_id = title WHERE title = 'stuck-a/4';
UPDATE lessons SET is_published = false, mux_status = 'error' WHERE id = test.id('stuck-a/5');
UPDATE lessons SET mux_asset_id = title WHERE title = 'stuck-c/1';
UPDATE courses SET is_published = false WHERE id = test.id('stuck-draft');
SELECT * FROM test.stuck() ORDER BY severity, object COLLATE "C", problem COLLATE "C";
CALL test.mend();
SELECT * FROM test.stuck() ORDER BY severity, object COLLATE "C", problem COLLATE "C";
ROLLBACK;
DROP FUNCTION test.stuck();
