-- schema_renamed: the library works on when its schema is renamed, also between
-- two calls of one connection, and while it waits for auth.
\set VERBOSITY terse
\set home :DBNAME

CREATE DATABASE regress_content_library TEMPLATE :"home";
ALTER DATABASE regress_content_library SET lc_messages = 'C';
\c regress_content_library
SET client_min_messages = warning;
CALL test.make_course('renamed', 1);
CALL test.make_learner('renamed-ann', 'renamed');
CALL test.sign_in('renamed-ann');
SET ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('renamed/1'), 50);
SELECT completion_threshold(test.id('renamed/1')), course_completion(test.id('renamed'));
RESET ROLE;

-- Renamed, while another takes the old name, with tables of the same names.
ALTER SCHEMA public RENAME TO library;
CREATE SCHEMA public;
CREATE TABLE public.lessons (LIKE library.lessons INCLUDING ALL);
CREATE TABLE public.content_progress (LIKE library.content_progress INCLUDING ALL);
GRANT USAGE ON SCHEMA public TO authenticated;
GRANT ALL ON public.content_progress, public.lessons TO authenticated;
SET ROLE authenticated;
SELECT watched_pct, completed FROM library.record_progress(test.id('renamed/1'), 60);
SELECT watched_pct, completed FROM library.record_progress(test.id('renamed/1'), 90);
SELECT library.completion_threshold(test.id('renamed/1')), library.course_completion(test.id('renamed'));
RESET ROLE;
SELECT count(*) FROM public.content_progress;
DROP SCHEMA public CASCADE;
SELECT * FROM test.differences('library');
UPDATE library.courses SET title = 'Renamed', updated_at = '2001-01-01';
SELECT updated_at > '2001-01-01' AS stamped FROM library.courses;

-- A view in the place of a table is refused, even one that reads that table.
SET client_min_messages = error;
ALTER TABLE library.modules RENAME TO set_aside;
CREATE VIEW library.modules AS SELECT * FROM library.set_aside;
SELECT library.completion_threshold(test.id('renamed/1'));
SELECT library.next_lesson(test.id('renamed'), test.id('renamed-ann'));
DROP VIEW library.modules;
ALTER TABLE library.set_aside RENAME TO modules;
SET client_min_messages = warning;

-- The attachment can still be mended.
DROP POLICY "Users read own progress" ON library.content_progress;
SELECT library.content_library_attach();
SELECT * FROM test.differences('library');

-- Renamed while it waits for auth: no command is blocked, and it attaches itself.
DROP EXTENSION content_library;
ALTER SCHEMA auth RENAME TO waiting;
CREATE EXTENSION content_library SCHEMA library;
ALTER SCHEMA library RENAME TO renamed;
ALTER SCHEMA waiting RENAME TO auth;
SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'waiting');
SELECT * FROM test.differences('renamed');
SELECT evtname FROM pg_event_trigger;

\c :home
DROP DATABASE regress_content_library;
