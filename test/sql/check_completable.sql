-- check_completable: content_library_check() names what nobody can complete, and its
-- remedies mend it.
\set VERBOSITY terse
CREATE FUNCTION test.stuck() RETURNS TABLE (severity text, object text, problem text)
LANGUAGE sql
AS $$
	SELECT f.severity, replace(replace(f.object, c.id::text, c.title), l.id::text, l.title),
		   regexp_replace(f.problem, '[0-9a-f-]{36}', (SELECT min(title) FROM courses WHERE f.problem LIKE '%' || id || '%'))
	FROM test.findings() AS f
	LEFT JOIN courses AS c ON f.object LIKE '%' || c.id
	LEFT JOIN lessons AS l ON f.object LIKE '%' || l.id
	ORDER BY 1, 2 COLLATE "C", 3 COLLATE "C"
$$;

BEGIN;
CALL test.make_course('stuck-a', 5);
CALL test.make_course('stuck-b', 1);
CALL test.make_course('stuck-c', 1);
CALL test.make_course('stuck-empty', 0);
CALL test.make_course('stuck-draft', 1);
SELECT * FROM test.stuck();

-- Two courses that require each other, in three steps; a third only needs one of them.
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
UPDATE courses SET is_published = false WHERE id = test.id('stuck-draft');
SELECT * FROM test.stuck();
CALL test.mend();
SELECT * FROM test.stuck();
ROLLBACK;
DROP FUNCTION test.stuck();
