-- schemas: the library works in any schema, of any name, also when it is
-- dropped and created elsewhere within one connection.
\set VERBOSITY sqlstate
\set home :DBNAME

CREATE DATABASE regress_content_library TEMPLATE :"home";
ALTER DATABASE regress_content_library SET lc_messages = 'C';
\c regress_content_library
SET client_min_messages = warning;
CALL test.make_learner('ann');
CALL test.sign_in('ann');

-- A course of one lesson.
CREATE PROCEDURE test.fill(schema text)
LANGUAGE plpgsql
AS $$
BEGIN
	EXECUTE format(
		'INSERT INTO %1$I.courses (id, title, slug, is_published, completion_threshold)
			VALUES (test.id(''c''), ''C'', ''c'', true, 80);
		 INSERT INTO %1$I.modules (id, course_id, title) VALUES (test.id(''m''), test.id(''c''), ''M'');
		 INSERT INTO %1$I.lessons (id, module_id, title) VALUES (test.id(''l''), test.id(''m''), ''L'');
		 INSERT INTO %1$I.enrollments (user_id, course_id) VALUES (test.id(''ann''), test.id(''c''))', schema);
END
$$;

-- A learner reports: where that leaves them, with all three functions.
CREATE FUNCTION test.report(schema text, pct integer) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	answer text;
BEGIN
	SET LOCAL ROLE authenticated;
	EXECUTE format(
		'SELECT concat_ws('' '', r.watched_pct, r.completed,
						  %1$I.completion_threshold(r.lesson_id),
						  %1$I.course_completion(test.id(''c'')))
		 FROM %1$I.record_progress(test.id(''l''), $1) AS r', schema)
	INTO answer USING pct;
	RESET ROLE;
	RETURN answer;
END
$$;

CALL test.fill('public');
SELECT test.report('public', 50);

-- Dropped and created again, in the same schema: nothing of before is there.
DROP EXTENSION content_library;
CREATE EXTENSION content_library;
CALL test.fill('public');
SELECT test.report('public', 40);
SELECT test.report('public', 45);

-- In another schema, which API roles must be let into.
DROP EXTENSION content_library;
CREATE SCHEMA library;
CREATE EXTENSION content_library SCHEMA library;
SELECT * FROM test.differences('library');
CALL test.fill('library');
SELECT test.report('library', 50);
GRANT USAGE ON SCHEMA library TO authenticated, service_role;
SELECT test.report('library', 50);
SELECT test.report('library', 79);
SELECT test.report('library', 80);

DROP EXTENSION content_library;

-- Names that need quotes.
CREATE SCHEMA "Ünser Kurs.2 %s";
CREATE EXTENSION content_library SCHEMA "Ünser Kurs.2 %s";
GRANT USAGE ON SCHEMA "Ünser Kurs.2 %s" TO authenticated;
SELECT * FROM test.differences('Ünser Kurs.2 %s');
CALL test.fill('Ünser Kurs.2 %s');
SELECT test.report('Ünser Kurs.2 %s', 50);
SELECT test.report('Ünser Kurs.2 %s', 80);
SELECT "Ünser Kurs.2 %s".content_library_attach();
DROP EXTENSION content_library;

-- A reserved word, capitals, and as long as a name can be.
CREATE SCHEMA "select";
CREATE EXTENSION content_library SCHEMA "select";
GRANT USAGE ON SCHEMA "select" TO authenticated;
SELECT * FROM test.differences('select');
CALL test.fill('select');
SELECT test.report('select', 80);
DROP EXTENSION content_library;
CREATE SCHEMA "Library";
CREATE EXTENSION content_library SCHEMA "Library";
GRANT USAGE ON SCHEMA "Library" TO authenticated;
SELECT * FROM test.differences('Library');
CALL test.fill('Library');
SELECT test.report('Library', 80);
DROP EXTENSION content_library;
CREATE SCHEMA a23456789012345678901234567890123456789012345678901234567890123;
CREATE EXTENSION content_library SCHEMA a23456789012345678901234567890123456789012345678901234567890123;
GRANT USAGE ON SCHEMA a23456789012345678901234567890123456789012345678901234567890123 TO authenticated;
SELECT * FROM test.differences('a23456789012345678901234567890123456789012345678901234567890123');
CALL test.fill('a23456789012345678901234567890123456789012345678901234567890123');
SELECT test.report('a23456789012345678901234567890123456789012345678901234567890123', 80);

-- It is there once, and does not move.
CREATE EXTENSION content_library SCHEMA public;
ALTER EXTENSION content_library SET SCHEMA public;

-- Dropped, it leaves nothing.
DROP EXTENSION content_library;
SELECT nspname, relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'auth', 'test');
SELECT nspname, proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'auth', 'test');
SELECT evtname FROM pg_event_trigger;

\c :home
DROP DATABASE regress_content_library;
