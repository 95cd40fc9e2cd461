-- check_schema_extensions: the schema extensions, which `supabase db dump` leaves
-- out, is warned of when the library is created there, and found; the remedy
-- moves every row to public.
\set home :DBNAME
SET client_min_messages = warning;
CREATE DATABASE regress_content_library_x TEMPLATE :"home";
ALTER DATABASE regress_content_library_x SET lc_messages = 'C';
\c regress_content_library_x
SET client_min_messages = warning;
DROP EXTENSION content_library;
CREATE EXTENSION content_library SCHEMA extensions;
INSERT INTO auth.users (id, email) VALUES (test.id('x-ann'), 'x-ann@example.com');
INSERT INTO extensions.courses (id, title, slug, is_published, updated_at) VALUES (test.id('x'), 'x', 'x', true, '2020-01-01');
INSERT INTO extensions.modules (id, course_id, title) VALUES (test.id('x/m'), test.id('x'), 'm');
INSERT INTO extensions.lessons (id, module_id, title, mux_upload_id) VALUES (test.id('x/1'), test.id('x/m'), '1', 'upload');
INSERT INTO extensions.enrollments (user_id, course_id) VALUES (test.id('x-ann'), test.id('x'));
INSERT INTO extensions.content_progress (user_id, lesson_id, watched_pct) VALUES (test.id('x-ann'), test.id('x/1'), 50);
SELECT extensions.mux_apply_event('{"type": "video.upload.created", "id": "one", "created_at": "2020-01-01T00:00:00Z", "data": {"id": "upload"}}');
CREATE TABLE before AS
SELECT (SELECT md5(c::text) FROM extensions.courses AS c) AS courses, (SELECT md5(l::text) FROM extensions.lessons AS l) AS lessons,
	   (SELECT md5(e::text) FROM extensions.enrollments AS e) AS enrollments,
	   (SELECT md5(p::text) FROM extensions.content_progress AS p) AS progress, (SELECT md5(m::text) FROM extensions.mux_events AS m) AS events;
\x on
SELECT * FROM extensions.content_library_check() WHERE object <> 'owner of the tables' AND severity <> 'notice';
BEGIN;
SELECT substring(remedy FROM 'Then: (.*)$') FROM extensions.content_library_check() WHERE object = 'schema extensions' \gexec
COMMIT;
SELECT * FROM public.content_library_check() WHERE object <> 'owner of the tables' AND severity <> 'notice';
SELECT b.courses = (SELECT md5(c::text) FROM courses AS c) AS courses, b.lessons = (SELECT md5(l::text) FROM lessons AS l) AS lessons,
	   b.enrollments = (SELECT md5(e::text) FROM enrollments AS e) AS enrollments,
	   b.progress = (SELECT md5(p::text) FROM content_progress AS p) AS progress, b.events = (SELECT md5(m::text) FROM mux_events AS m) AS events
FROM before AS b;
SELECT current_setting('session_replication_role') AS role;
\c :home
DROP DATABASE regress_content_library_x;
