-- authoring: R7. Once they are granted INSERT, UPDATE and DELETE, editors write their
-- courses, modules and lessons directly, and nobody else's.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('au', 2);
CALL test.make_course('au-more', 1);
CALL test.make_course('au-other', 2);
UPDATE courses SET is_published = false WHERE title = 'au-more';
CALL test.make_learner('au-ann', 'au');
CALL test.make_learner('au-vera');
CALL test.make_learner('au-ed');
INSERT INTO course_staff (course_id, user_id, role)
SELECT test.id(course), test.id(name), role
FROM (VALUES ('au', 'au-vera', 'viewer'), ('au', 'au-ed', 'editor'), ('au-more', 'au-ed', 'editor'),
			 ('au-other', 'au-vera', 'editor')) AS v(course, name, role);

-- Vera is a viewer of "au", and an editor of "au-other". Every command without a WHERE
-- meets all rows that its role may change.
CREATE TEMP TABLE commands (place serial, command text);
INSERT INTO commands (command) VALUES
	('INSERT INTO courses (title, slug) VALUES (''New'', ''au-new'')'),
	('INSERT INTO courses (title, slug) VALUES (''New'', ''au'') ON CONFLICT (slug) DO UPDATE SET title = ''Taken'''),
	('UPDATE courses SET title = ''New'''),
	('UPDATE courses SET is_published = false WHERE id = test.id(''au'')'),
	('UPDATE courses SET id = gen_random_uuid() WHERE id = test.id(''au-more'')'),
	('DELETE FROM courses'),
	('INSERT INTO modules (course_id, title) VALUES (test.id(''au''), ''New'')'),
	('INSERT INTO modules (course_id, title) VALUES (test.id(''au-other''), ''New'')'),
	('INSERT INTO modules (course_id, title) VALUES (test.id(''nothing''), ''New'')'),
	('UPDATE modules SET title = ''New'''),
	('UPDATE modules SET course_id = test.id(''au-more'') WHERE id = test.id(''au/m'')'),
	('UPDATE modules SET course_id = test.id(''au-other'') WHERE id = test.id(''au/m'')'),
	('UPDATE modules SET course_id = test.id(''au'') WHERE id = test.id(''au-other/m'')'),
	('DELETE FROM modules'),
	('INSERT INTO lessons (module_id, title) VALUES (test.id(''au/m''), ''New'')'),
	('INSERT INTO lessons (module_id, title, is_published) VALUES (test.id(''au/m''), ''New'', false) RETURNING id'),
	('INSERT INTO lessons (module_id, title) VALUES (test.id(''au-other/m''), ''New'')'),
	('INSERT INTO lessons (module_id, title) VALUES (test.id(''nothing''), ''New'')'),
	('INSERT INTO lessons (id, module_id, title) VALUES (test.id(''au-other/1''), test.id(''au/m''), ''New'')
		ON CONFLICT (id) DO UPDATE SET module_id = excluded.module_id'),
	('UPDATE lessons SET title = ''New'''),
	('UPDATE lessons SET module_id = test.id(''au-more/m'') WHERE id = test.id(''au/1'')'),
	('UPDATE lessons SET module_id = test.id(''au-other/m'') WHERE id = test.id(''au/1'')'),
	('UPDATE lessons SET module_id = test.id(''au/m'') WHERE id = test.id(''au-other/1'')'),
	('DELETE FROM lessons'),
	('TRUNCATE lessons'),
	('INSERT INTO course_staff (course_id, user_id, role) VALUES (test.id(''au''), test.id(''au-ann''), ''editor'')'),
	('UPDATE enrollments SET completed_at = now()'),
	('INSERT INTO course_prerequisites VALUES (test.id(''au''), test.id(''au-more''))');
CREATE FUNCTION test.authors() RETURNS TABLE (anon text, no_claims text, learner text, viewer text, editor text, command text)
LANGUAGE sql
AS $$
	SELECT test.attempt('anon', 'au-ed', command), test.attempt('authenticated', NULL, command),
		   test.attempt('authenticated', 'au-ann', command), test.attempt('authenticated', 'au-vera', command),
		   test.attempt('authenticated', 'au-ed', command), regexp_replace(command, '\s+', ' ', 'g')
	FROM commands ORDER BY place
$$;

-- As installed, nobody is granted it.
SELECT DISTINCT anon, no_claims, learner, viewer, editor FROM test.authors();

GRANT INSERT, UPDATE, DELETE ON courses, modules, lessons TO authenticated;
SELECT * FROM test.authors();

-- What triggers do after a change, they do here, too.
RESET ROLE;
CALL test.sign_in('au-ann');
SELECT course_completed FROM record_progress(test.id('au/1'), 100);
CALL test.sign_in('au-ed');
SET LOCAL ROLE authenticated;
UPDATE lessons SET is_required = false WHERE id = test.id('au/2');
UPDATE courses SET is_published = true, title = 'au, now published' WHERE id = test.id('au-more');
DELETE FROM lessons WHERE id = test.id('au-more/1');
SELECT title FROM courses WHERE title LIKE 'au%' ORDER BY title;
RESET ROLE;
SELECT completed_at IS NOT NULL AS completed FROM enrollments WHERE user_id = test.id('au-ann');

-- By columns, as docs/recipes.md has it.
REVOKE INSERT, UPDATE, DELETE ON courses, modules, lessons FROM authenticated;
GRANT UPDATE (title) ON lessons TO authenticated;
SET LOCAL ROLE authenticated;
UPDATE lessons SET title = 'au, renamed' WHERE id = test.id('au/1');
UPDATE lessons SET mux_playback_id = 'of another' WHERE id = test.id('au/1');
ROLLBACK;
