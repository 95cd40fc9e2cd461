-- direct_paths: a report reaches its rows without SQL only where the tables are as the
-- library made them, and its answer is the same either way. A session that has run a
-- query has its plan, so that is how to tell.
SET client_min_messages = warning;
CALL test.make_course('direct', 4);
CALL test.make_learner('direct-ann', 'direct');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, last_watched, position_seconds)
SELECT test.id('direct-ann'), test.id('direct/' || n), 1, '2026-01-01', 1 FROM generate_series(1, 3) AS n;

-- Reports, and says what was done by SQL.
CREATE FUNCTION test.report(pct double precision, pos double precision DEFAULT NULL, lesson text DEFAULT 'direct/1')
RETURNS TABLE (pct_now integer, pos_now integer, done boolean, by_sql text)
LANGUAGE plpgsql AS $$
DECLARE
	row recorded_progress := record_progress(test.id(lesson), pct, pos, test.id('direct-ann'));
BEGIN
	RETURN QUERY SELECT row.watched_pct, row.position_seconds, row.completed, coalesce(string_agg(DISTINCT
			CASE WHEN ident LIKE 'SELECT ROW(p.id%' THEN 'read' ELSE 'written' END, ', '), 'nothing')
	FROM pg_backend_memory_contexts
	WHERE name = 'CachedPlanSource' AND ident ~ '^(SELECT ROW|UPDATE)\(?[^(]*(p\.id|content_progress AS p SET watched_pct)';
END
$$;

-- As it should be; a completed lesson, too, and one that has no row yet.
\c -
SET content_library.direct_paths = on;
SELECT * FROM test.report(1, 1);
UPDATE content_progress SET completed = true WHERE lesson_id = test.id('direct/2');
SELECT * FROM test.report(1, 1, 'direct/2');
SELECT * FROM test.report(1, 1, 'direct/4');
\c -
SET content_library.direct_paths = off;
SELECT * FROM test.report(1, 1, 'direct/3');

-- What is left to SQL.
\c -
SET content_library.direct_paths = on;
BEGIN;
CREATE TABLE test.child () INHERITS (lessons);
SELECT * FROM test.report(2);
ROLLBACK;

-- Other files do not expect these.
\c -
DELETE FROM courses WHERE id = test.id('direct');
DELETE FROM auth.users WHERE id = test.id('direct-ann');
DROP FUNCTION test.report;
