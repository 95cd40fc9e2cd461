-- without_auth: where auth.users or auth.uid() is missing the tables are
-- locked, not open, and the library attaches itself once both are there.
\set VERBOSITY terse
\set home :DBNAME

CREATE DATABASE regress_content_library TEMPLATE :"home";
ALTER DATABASE regress_content_library SET lc_messages = 'C';
\c regress_content_library
SET client_min_messages = warning;

CREATE FUNCTION test.attachment(OUT policies bigint, OUT foreign_keys bigint, OUT event_triggers bigint)
LANGUAGE sql
AS $$
	SELECT (SELECT count(*) FROM pg_policies WHERE schemaname = 'public'),
		   (SELECT count(*) FROM pg_constraint WHERE confrelid = to_regclass('auth.users') AND contype = 'f'),
		   (SELECT count(*) FROM pg_event_trigger WHERE evtname = 'content_library_attach')
$$;
SELECT * FROM test.attachment();

-- What a learner gets from tables that are not attached.
CREATE PROCEDURE test.try_the_lock()
LANGUAGE plpgsql
AS $$
DECLARE
	command text;
	n bigint;
BEGIN
	INSERT INTO courses (id, title, slug, is_published) VALUES (test.id('c'), 'C', 'c', true);
	INSERT INTO modules (id, course_id, title) VALUES (test.id('m'), test.id('c'), 'M');
	INSERT INTO lessons (id, module_id, title, is_preview) VALUES (test.id('l'), test.id('m'), 'L', true);
	INSERT INTO enrollments (user_id, course_id) VALUES (test.id('ann'), test.id('c'));
	INSERT INTO content_progress (user_id, lesson_id) VALUES (test.id('ann'), test.id('l'));
	CALL test.sign_in('ann');
	SET LOCAL ROLE authenticated;
	FOREACH command IN ARRAY ARRAY[
		'SELECT FROM enrollments',
		'SELECT FROM content_progress',
		'UPDATE content_progress SET watched_pct = 100',
		'DELETE FROM content_progress',
		'INSERT INTO enrollments (user_id, course_id) VALUES (test.id(''bob''), test.id(''c''))',
		'INSERT INTO content_progress (user_id, lesson_id) VALUES (test.id(''bob''), test.id(''l''))']
	LOOP
		BEGIN
			EXECUTE command;
			GET DIAGNOSTICS n = ROW_COUNT;
			RAISE WARNING '% rows: %', n, command;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING '%: %', SQLSTATE, command;
		END;
	END LOOP;
	BEGIN
		PERFORM record_progress(test.id('l'), 100);
		RAISE WARNING 'record_progress works';
	EXCEPTION WHEN OTHERS THEN
		RAISE WARNING 'record_progress fails';
	END;
	RESET ROLE;
	DELETE FROM courses;
END
$$;

-- 1. No schema auth at all. Neither half of it is enough.
DROP EXTENSION content_library;
DROP SCHEMA auth CASCADE;
CREATE EXTENSION content_library;
SELECT * FROM test.attachment();
CALL test.try_the_lock();
SELECT content_library_attach();
CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO authenticated;
SELECT * FROM test.attachment();

-- The table first, made by a role that has no rights on our tables.
SET ROLE supabase_auth_admin;
CREATE TABLE auth.users (id uuid PRIMARY KEY);
SELECT * FROM test.attachment();
RESET ROLE;
CALL test.try_the_lock();
SET ROLE supabase_auth_admin;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
RESET ROLE;
SELECT * FROM test.attachment();
SELECT * FROM test.differences();

-- It works.
INSERT INTO auth.users VALUES (test.id('ann'));
CALL test.make_course('attached', 1);
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('ann'), test.id('attached'));
CALL test.sign_in('ann');
SET ROLE authenticated;
SELECT watched_pct, completed FROM record_progress(test.id('attached/1'), 90);
RESET ROLE;
DELETE FROM auth.users;
SELECT count(*) FROM content_progress;

-- 2. The function first, and the key of the table last, as in a restore.
DROP EXTENSION content_library;
DROP TABLE auth.users;
CREATE EXTENSION content_library;
CREATE TABLE auth.users (id uuid NOT NULL, email text);
SELECT * FROM test.attachment();
INSERT INTO auth.users VALUES (test.id('ann'));
ALTER TABLE auth.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
SELECT * FROM test.attachment();
SELECT * FROM test.differences();

-- 3. Only the function is missing; things that are not quite it do not do.
DROP EXTENSION content_library;
DROP FUNCTION auth.uid;
CREATE EXTENSION content_library;
CREATE FUNCTION auth.uid(integer) RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
CREATE FUNCTION auth.uid() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
CREATE FUNCTION public.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';
SELECT * FROM test.attachment();
DROP FUNCTION auth.uid();
ALTER FUNCTION public.uid() SET SCHEMA auth;
SELECT * FROM test.attachment();
SELECT * FROM test.differences();

-- 4. Nor is a table of that name without such a key.
DROP EXTENSION content_library;
DROP TABLE auth.users;
CREATE TABLE auth.users (id text PRIMARY KEY);
CREATE EXTENSION content_library;
DROP TABLE auth.users;
CREATE TABLE auth.users (id uuid, tenant integer, PRIMARY KEY (id, tenant));
CREATE UNIQUE INDEX partial ON auth.users (id) WHERE tenant = 1;
CREATE TABLE public.users (id uuid PRIMARY KEY);
SELECT * FROM test.attachment();
DROP TABLE auth.users;
ALTER TABLE public.users SET SCHEMA auth;
SELECT * FROM test.attachment();
SELECT * FROM test.differences();

-- 5. A schema renamed to auth.
DROP EXTENSION content_library;
ALTER SCHEMA auth RENAME TO waiting;
CREATE EXTENSION content_library;
ALTER SCHEMA waiting RENAME TO auth;
SELECT * FROM test.attachment();
SELECT * FROM test.differences();

-- 6. All in one transaction.
DROP EXTENSION content_library;
ALTER SCHEMA auth RENAME TO waiting;
BEGIN;
CREATE EXTENSION content_library;
ALTER SCHEMA waiting RENAME TO auth;
SELECT * FROM test.attachment();
COMMIT;
SELECT * FROM test.differences();

-- 7. A row of a user who does not exist: a warning, and no command is blocked.
DROP EXTENSION content_library;
ALTER SCHEMA auth RENAME TO waiting;
CREATE EXTENSION content_library;
CALL test.make_course('orphan', 1);
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('nobody'), test.id('orphan'));
ALTER SCHEMA waiting RENAME TO auth;
SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'waiting');
SELECT * FROM test.attachment();
CREATE TABLE public.unrelated (id integer);
SELECT content_library_attach();
CALL test.sign_in('nobody');
SET ROLE authenticated;
SELECT count(*) FROM enrollments;
RESET ROLE;
DELETE FROM enrollments WHERE user_id = test.id('nobody');
SELECT content_library_attach();
DROP TABLE public.unrelated;
SELECT * FROM test.differences();

-- The next command on auth, if not that call, ends the waiting.
ALTER TABLE auth.users ADD COLUMN note text;
SELECT * FROM test.attachment();
SELECT * FROM test.differences();

-- 8. Called again it changes nothing, and repairs what was dropped.
SELECT content_library_attach();
SELECT * FROM test.differences();
DROP POLICY "Users create own enrollments" ON enrollments;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_fkey;
SELECT content_library_attach();
SELECT * FROM test.differences();

-- 9. Dropped while it waits: the event trigger goes, too.
DROP EXTENSION content_library;
ALTER SCHEMA auth RENAME TO waiting;
CREATE EXTENSION content_library;
SELECT evtname FROM pg_event_trigger;
DROP EXTENSION content_library;
SELECT evtname FROM pg_event_trigger;
ALTER SCHEMA waiting RENAME TO auth;

\c :home
DROP DATABASE regress_content_library;
