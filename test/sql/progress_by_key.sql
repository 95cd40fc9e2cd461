-- progress_by_key: what a learner asks reads their rows by key, and neither the
-- rows of all who watch the same lesson nor all lessons there are.

INSERT INTO auth.users (id) SELECT test.id('key-' || n) FROM generate_series(1, 60) AS n;
INSERT INTO courses (id, title, slug, is_published) VALUES (test.id('key'), 'Key', 'key', true);
INSERT INTO modules (id, course_id, title) VALUES (test.id('key-m'), test.id('key'), 'M');
INSERT INTO lessons (id, module_id, title, sort_order)
SELECT test.id('key-l' || n), test.id('key-m'), n, n FROM generate_series(1, 20) AS n;
INSERT INTO enrollments (user_id, course_id)
SELECT test.id('key-' || n), test.id('key') FROM generate_series(1, 60) AS n;
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, completed_at)
SELECT test.id('key-' || n), test.id('key-l' || l), 100, true, now()
FROM generate_series(1, 60) AS n, generate_series(1, 19) AS l;
VACUUM ANALYZE content_progress;
VACUUM ANALYZE lessons;
VACUUM ANALYZE modules;
VACUUM ANALYZE enrollments;

-- How often this session has read through an index.
CREATE FUNCTION test.scans(index regclass) RETURNS bigint
LANGUAGE sql AS $$ SELECT pg_stat_get_xact_numscans(index) $$;

CALL test.sign_in('key-7');

BEGIN;
-- The server may count here what it has not yet passed on of the statements above.
SELECT test.scans('idx_content_progress_lesson_id') AS by_lesson,
	test.scans('content_progress_user_id_lesson_id_key') AS by_key \gset
SET LOCAL ROLE authenticated;
SELECT course_completion(test.id('key'));
SELECT next_lesson(test.id('key')) = test.id('key-l20') AS next;
SELECT course_outline(test.id('key')) -> 'completion' AS outline;
SELECT completion, next_lesson_id = test.id('key-l20') AS next FROM course_progress();
SELECT count(*) FROM continue_watching();
-- A report on a completed lesson, and one that completes the course: both ask
-- whether all is completed.
SELECT completed FROM record_progress(test.id('key-l3'), 100);
SELECT completed FROM record_progress(test.id('key-l20'), 100);
SELECT count(*) FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('key-l3'), 'watched_pct', 100),
	jsonb_build_object('lesson_id', test.id('key-l20'), 'watched_pct', 100)));
SELECT completed_at IS NOT NULL AS certified FROM enrollments;
-- PL/pgSQL plans for the values at first: a lesson that nobody has begun is as
-- cheap either way.
SELECT test.scans('idx_content_progress_lesson_id') - :by_lesson < 5 AS hardly_by_lesson,
	test.scans('content_progress_user_id_lesson_id_key') - :by_key > 60 AS by_key;
ROLLBACK;

CALL test.sign_in();
DROP FUNCTION test.scans(regclass);
DELETE FROM courses WHERE id = test.id('key');
DELETE FROM auth.users WHERE id IN (SELECT test.id('key-' || n) FROM generate_series(1, 60) AS n);
