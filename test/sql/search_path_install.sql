-- search_path_install: what a caller has in front of the search path changes
-- nothing of what is made by an attachment or an installation.

BEGIN;
CALL test.make_course('path', 8);
CALL test.make_learner('path-ann', 'path');
ALTER FUNCTION auth.uid() SET search_path = pg_catalog;
CALL test.sign_in('path-ann');
\getenv srcdir PG_ABS_SRCDIR
\set hostile :srcdir '/hostile_schema.sql'
\set ECHO none
\i :hostile
\set ECHO all
CALL test.make_decoys('hostile');
SET LOCAL search_path = hostile, pg_catalog;
SELECT public.content_library_attach();
SET LOCAL search_path = public;
SELECT * FROM test.differences();

-- Installed with all that in front ...
SAVEPOINT install;
DROP EXTENSION content_library;
SET LOCAL search_path = pg_temp, hostile, pg_catalog;
CREATE EXTENSION content_library SCHEMA public;
SET LOCAL search_path = public;
SELECT * FROM test.differences();
ROLLBACK TO install;

-- ... and into the hostile schema itself.
DROP EXTENSION content_library;
DROP TABLE hostile.courses, hostile.modules, hostile.lessons, hostile.enrollments, hostile.content_progress;
DROP FUNCTION hostile.content_library_attach;
SET LOCAL search_path = hostile, pg_catalog;
CREATE EXTENSION content_library SCHEMA hostile;
SET LOCAL search_path = public;
SELECT * FROM test.differences('hostile');
INSERT INTO hostile.courses (id, title, slug, is_published) VALUES (test.id('path'), 'Path', 'path', true);
INSERT INTO hostile.modules (id, course_id, title) VALUES (test.id('path/m'), test.id('path'), 'Path');
INSERT INTO hostile.lessons (id, module_id, title) VALUES (test.id('path/1'), test.id('path/m'), 'Path');
INSERT INTO hostile.enrollments (user_id, course_id) VALUES (test.id('path-ann'), test.id('path'));
SET LOCAL ROLE authenticated;
SET LOCAL search_path = hostile, pg_catalog;
SELECT watched_pct, completed FROM hostile.record_progress(lesson_id := test.id('path/1'), watched_pct := 90, position_seconds := 5);
SELECT hostile.completion_threshold(test.id('path/1')), hostile.course_completion(test.id('path'));
RESET ROLE;
UPDATE hostile.courses SET metadata = '{"a": 1}';
ROLLBACK;
