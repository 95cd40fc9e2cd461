-- direct_paths: a report, and the percentage of a course, reach their rows without SQL only
-- where the tables are as the library made them, and the answer is the same either way. A
-- session that has run a query has its plan, so that is how to tell. Each case has a session
-- of its own.
SET client_min_messages = error;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" SET content_library.direct_paths = on;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" SET client_min_messages = error;
CALL test.make_course('direct', 4);
CALL test.make_learner('direct-ann', 'direct');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, last_watched, position_seconds)
SELECT test.id('direct-ann'), test.id('direct/' || n), 1, '2026-01-01', 1 FROM generate_series(1, 3) AS n;

-- Reports, and says what was done by SQL.
CREATE FUNCTION test.report(pct double precision, pos double precision DEFAULT NULL, lesson text DEFAULT 'direct/1')
RETURNS TABLE (pct_now integer, pos_now integer, done boolean, by_sql text)
LANGUAGE plpgsql AS $$
DECLARE
	row record := public.record_progress(test.id(lesson), pct, pos, test.id('direct-ann'));
BEGIN
	RETURN QUERY SELECT row.watched_pct, row.position_seconds, row.completed, coalesce(string_agg(DISTINCT
			CASE WHEN ident LIKE 'SELECT ROW(p.id%' THEN 'read' ELSE 'written' END, ', '), 'nothing')
	FROM pg_backend_memory_contexts
	WHERE name = 'CachedPlanSource'
		AND (ident LIKE 'SELECT ROW(p.id%' OR ident LIKE 'UPDATE public.content_progress AS p SET%');
END
$$;
CREATE FUNCTION test.double() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.watched_pct := NEW.watched_pct * 2; RETURN NEW; END $$;

-- A completed lesson, one that has no row yet, and a report that changes nothing.
\c -
UPDATE content_progress SET completed = true WHERE lesson_id = test.id('direct/2');
SELECT * FROM test.report(1, 1, 'direct/2');
SELECT * FROM test.report(1, 1, 'direct/4');
SELECT * FROM test.report(1, 1, 'direct/2');

-- Switched off.
SET content_library.direct_paths = off;
SELECT * FROM test.report(1, 1, 'direct/3');

-- What lets both be direct: as it is, and after what changes nothing that matters.
\c -
BEGIN;
SELECT 1;
SELECT * FROM test.report(2, 7);
SELECT * FROM test.report(3);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD note text DEFAULT 'x';
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE INDEX ON content_progress (completed_at);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
REINDEX TABLE content_progress;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CLUSTER content_progress USING content_progress_pkey;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress FORCE ROW LEVEL SECURITY;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.mine (user_id uuid, lesson_id uuid, FOREIGN KEY (user_id, lesson_id) REFERENCES content_progress (user_id, lesson_id) ON UPDATE CASCADE);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE TRIGGER mine AFTER UPDATE OF completed ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
SELECT * FROM test.report(2, 7);
SELECT * FROM test.report(3);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress DROP COLUMN started_at; ALTER TABLE content_progress ADD started_at timestamptz DEFAULT '2026-01-01';
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE TEMPORARY TABLE content_progress (LIKE public.content_progress);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER SCHEMA public RENAME TO other; CREATE SCHEMA public; ALTER SCHEMA public RENAME TO empty; ALTER SCHEMA other RENAME TO public;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
UPDATE lessons SET progress_by = 'report';
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
UPDATE courses SET progress_by = 'server';
SELECT * FROM test.report(2, 7);
ROLLBACK;

-- What is read directly and written by SQL, with all that hangs on an update.
\c -
BEGIN;
CREATE TRIGGER mine BEFORE UPDATE ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
SELECT * FROM test.report(2, 7);
SELECT * FROM test.report(3);
ROLLBACK;
\c -
BEGIN;
CREATE TRIGGER mine BEFORE UPDATE OF watched_pct ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
SELECT * FROM test.report(2, 7);
SELECT * FROM test.report(3);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD twice integer GENERATED ALWAYS AS (watched_pct * 2) STORED;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD CHECK (watched_pct < 1000);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE INDEX ON content_progress (watched_pct);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE INDEX ON content_progress (lesson_id) INCLUDE (last_watched);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE INDEX ON content_progress ((user_id::text));
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE INDEX ON content_progress (user_id) WHERE completed;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.levels (pct integer PRIMARY KEY); INSERT INTO test.levels VALUES (1), (2); ALTER TABLE content_progress ADD FOREIGN KEY (watched_pct) REFERENCES test.levels;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
UPDATE content_progress SET last_watched = now() + interval '1 year';
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
DELETE FROM content_progress; INSERT INTO content_progress (user_id, lesson_id, watched_pct, last_watched) VALUES (test.id('direct-ann'), test.id('direct/1'), 1, '2026-01-01');
SELECT * FROM test.report(2, 7);
ROLLBACK;

-- What is left to SQL altogether.
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (content_progress);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (lessons);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_lesson_id_key CASCADE; CREATE INDEX ON content_progress (user_id, lesson_id);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_lesson_id_key; CREATE UNIQUE INDEX ON content_progress (user_id, lesson_id) WHERE watched_pct >= 0;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE modules DROP CONSTRAINT modules_pkey CASCADE; CREATE UNIQUE INDEX ON modules (id, title);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE ROLE regress_direct; GRANT USAGE, CREATE ON SCHEMA public TO regress_direct; ALTER TABLE lessons OWNER TO regress_direct;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER EXTENSION content_library DROP TABLE modules;
SELECT * FROM test.report(2, 7);
ROLLBACK;

-- What is an error is the same error.
\set VERBOSITY sqlstate
\c -
BEGIN;
ALTER TABLE lessons ALTER completion_threshold TYPE bigint;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE courses RENAME completion_threshold TO bar;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE RULE mine AS ON UPDATE TO content_progress DO INSTEAD NOTHING;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD CHECK (watched_pct < 2);
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE PUBLICATION regress_direct FOR TABLE content_progress; ALTER TABLE content_progress REPLICA IDENTITY NOTHING;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TYPE recorded_progress ADD ATTRIBUTE note text;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ALTER last_watched DROP NOT NULL; UPDATE content_progress SET last_watched = NULL;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE ROLE regress_direct; GRANT USAGE, CREATE ON SCHEMA public TO regress_direct; ALTER TABLE content_progress OWNER TO regress_direct; ALTER TABLE lessons OWNER TO regress_direct; ALTER TABLE modules OWNER TO regress_direct; ALTER TABLE courses OWNER TO regress_direct; REVOKE UPDATE ON content_progress FROM regress_direct;
SELECT * FROM test.report(2, 7);
ROLLBACK;

-- Published, with what tells rows apart.
\c -
BEGIN;
CREATE PUBLICATION regress_direct FOR TABLE content_progress;
SELECT * FROM test.report(2, 7);
ROLLBACK;
\c -
BEGIN;
CREATE PUBLICATION regress_direct FOR TABLE content_progress; ALTER TABLE content_progress REPLICA IDENTITY FULL;
SELECT * FROM test.report(2, 7);
ROLLBACK;

-- What is known of a table is known no more once it has changed; all in one session.
\c -
SELECT * FROM test.report(2);
BEGIN;
CREATE TRIGGER mine BEFORE UPDATE ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
SELECT * FROM test.report(3);
ROLLBACK;
BEGIN;
ALTER TABLE content_progress ALTER watched_pct TYPE bigint;
SELECT * FROM test.report(3);
ROLLBACK;
BEGIN;
TRUNCATE content_progress;
SELECT * FROM test.report(3);
ROLLBACK;
BEGIN;
DROP EXTENSION content_library CASCADE;
CREATE EXTENSION content_library;
SELECT * FROM test.report(3);
ROLLBACK;
SELECT * FROM test.report(3);

-- Above READ COMMITTED; a row that the same transaction has written is left to SQL.
\c -
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM test.report(4);
SELECT * FROM test.report(5);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM test.report(6);
COMMIT;

-- The server counts what was updated.
\c -
BEGIN;
SELECT * FROM test.report(7);
SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'content_progress';
ROLLBACK;

-- Rows that find no room on their page, and so need entries in the indexes.
\c -
INSERT INTO auth.users (id, email) SELECT test.id('direct-' || n), 'direct-' || n FROM generate_series(1, 200) AS n;
INSERT INTO content_progress (user_id, lesson_id, watched_pct, last_watched)
SELECT test.id('direct-' || n), test.id('direct/1'), 1, '2026-01-01' FROM generate_series(1, 200) AS n;
SELECT format('SELECT sum((record_progress(test.id(''direct/1''), %s, NULL, test.id(''direct-'' || n))).watched_pct) FROM generate_series(1, 200) AS n', pct)
FROM generate_series(2, 9) AS pct \gexec
SELECT * FROM test.report(7);
SET enable_seqscan = off;
SELECT count(*), sum(watched_pct) FROM content_progress WHERE lesson_id = test.id('direct/1') AND NOT completed AND user_id <> test.id('direct-ann');
SELECT count(*), sum(p.watched_pct) FROM generate_series(1, 200) AS n JOIN content_progress AS p ON p.user_id = test.id('direct-' || n) AND p.lesson_id = test.id('direct/1');

-- The percentage of a course: of ten lessons two are optional and two are drafts, and of the
-- other six two are completed. A module is empty.
\c -
CALL test.make_course('direct-course', 10);
INSERT INTO modules (course_id, title) VALUES (test.id('direct-course'), 'empty');
UPDATE lessons SET is_required = sort_order NOT IN (1, 2), is_published = sort_order NOT IN (3, 4) WHERE module_id = test.id('direct-course/m');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed)
SELECT test.id('direct-ann'), test.id('direct-course/' || n), 50, n IN (2, 4, 6, 8) FROM generate_series(2, 9) AS n;
CREATE FUNCTION test.percentage() RETURNS TABLE (percentage integer, by_sql boolean)
LANGUAGE plpgsql AS $$
DECLARE
	answer integer := public.course_completion(test.id('direct-course'), test.id('direct-ann'));
BEGIN
	RETURN QUERY SELECT answer, EXISTS (SELECT FROM pg_backend_memory_contexts
		WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT (SELECT %count(*) FILTER (WHERE p.completed)%');
END
$$;

-- As it is, and switched off.
\c -
SELECT * FROM test.percentage();
SET content_library.direct_paths = off;
SELECT * FROM test.percentage();

-- Direct, with what the transaction has done.
\c -
BEGIN;
UPDATE content_progress SET completed = true WHERE lesson_id = test.id('direct-course/9');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DELETE FROM content_progress;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
UPDATE lessons SET is_required = false WHERE module_id = test.id('direct-course/m');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DELETE FROM modules WHERE course_id = test.id('direct-course');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons DROP COLUMN is_required; ALTER TABLE lessons ADD is_required boolean NOT NULL DEFAULT true;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons ALTER is_required DROP NOT NULL; UPDATE lessons SET is_required = NULL WHERE sort_order = 10;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ALTER completed DROP NOT NULL; UPDATE content_progress SET completed = NULL WHERE lesson_id = test.id('direct-course/8');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_watched_pct_check; UPDATE content_progress SET watched_pct = -1 WHERE lesson_id = test.id('direct-course/8');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons DROP CONSTRAINT lessons_pkey CASCADE; ALTER TABLE lessons ALTER id DROP NOT NULL; CREATE UNIQUE INDEX ON lessons (id); UPDATE lessons SET id = NULL WHERE id = test.id('direct-course/8');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons FORCE ROW LEVEL SECURITY; ALTER TABLE modules FORCE ROW LEVEL SECURITY;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CREATE RULE mine AS ON UPDATE TO modules DO INSTEAD NOTHING; CREATE RULE mine AS ON DELETE TO lessons DO INSTEAD NOTHING;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_lessons_module_id; CREATE INDEX ON lessons (module_id, sort_order DESC);
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CLUSTER lessons USING idx_lessons_module_id;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE courses DROP COLUMN completion_threshold; ALTER TABLE courses ADD completion_threshold integer;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
TRUNCATE content_progress;
SELECT * FROM test.percentage();
ROLLBACK;

-- By SQL.
\c -
BEGIN;
DROP INDEX idx_modules_course_id;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_lessons_module_id;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_lessons_module_id; CREATE INDEX ON lessons (module_id) WHERE is_required;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_lessons_module_id; CREATE INDEX ON lessons (sort_order, module_id);
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_lessons_module_id; CREATE INDEX ON lessons USING hash (module_id);
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_lesson_id_key; CREATE INDEX ON content_progress (user_id, lesson_id);
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (lessons); INSERT INTO test.child (module_id, title) VALUES (test.id('direct-course/m'), 'of a child');
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (modules);
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (content_progress); INSERT INTO test.child (user_id, lesson_id, completed) VALUES (test.id('direct-ann'), test.id('direct-course/10'), true);
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CREATE ROLE regress_direct; GRANT USAGE, CREATE ON SCHEMA public TO regress_direct; ALTER TABLE lessons OWNER TO regress_direct;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
CREATE ROLE regress_direct; GRANT USAGE, CREATE ON SCHEMA public TO regress_direct; ALTER TABLE courses OWNER TO regress_direct;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE courses ALTER completion_threshold TYPE bigint;
SELECT * FROM test.percentage();
ROLLBACK;

-- The same error.
\set VERBOSITY sqlstate
\c -
BEGIN;
ALTER TABLE lessons ALTER is_required DROP DEFAULT; ALTER TABLE lessons ALTER is_required TYPE text;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons RENAME is_required TO needed;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
ALTER EXTENSION content_library DROP TABLE modules;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
BEGIN;
DELETE FROM courses;
SELECT * FROM test.percentage();
ROLLBACK;
\c -
CALL test.sign_in('direct-ann');
SET ROLE authenticated;
SELECT course_completion(test.id('nothing'));
RESET ROLE;
UPDATE courses SET is_published = false WHERE id = test.id('direct-course');
SET ROLE authenticated;
SELECT course_completion(test.id('direct-course'));
RESET ROLE;
UPDATE courses SET is_published = true WHERE id = test.id('direct-course');
\unset VERBOSITY

-- What is known of a table is known no more once it has changed.
\c -
SELECT * FROM test.percentage();
BEGIN;
ALTER TABLE lessons ALTER is_required DROP NOT NULL;
UPDATE lessons SET is_required = NULL;
SELECT * FROM test.percentage();
ROLLBACK;
BEGIN;
DROP INDEX idx_modules_course_id;
SELECT * FROM test.percentage();
ROLLBACK;
SELECT * FROM test.percentage();

-- It sees what the statement sees that calls it.
\c -
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM test.percentage();
WITH changed AS (UPDATE content_progress SET completed = true WHERE lesson_id = test.id('direct-course/9') RETURNING 1)
SELECT count(*), max(course_completion(test.id('direct-course'), test.id('direct-ann'))) FROM changed;
SELECT * FROM test.percentage();
ROLLBACK;

-- The page of a course.
\c -
CREATE FUNCTION test.page() RETURNS TABLE (page jsonb, by_sql boolean)
LANGUAGE plpgsql AS $$
DECLARE
	outline jsonb := public.course_outline(test.id('direct-course'), test.id('direct-ann'));
BEGIN
	RETURN QUERY SELECT jsonb_build_array(outline -> 'completion') || jsonb_path_query_array(outline, '$.modules[*].lessons[*].watched_pct'),
		EXISTS (SELECT FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT m.sort_order%p.watched_pct%');
END
$$;
\c -
SELECT * FROM test.page();
SET content_library.direct_paths = off;
SELECT * FROM test.page();

-- Direct.
\c -
BEGIN;
DELETE FROM content_progress WHERE lesson_id = test.id('direct-course/2');
SELECT * FROM test.page();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_watched_pct_check; UPDATE content_progress SET watched_pct = -1 WHERE lesson_id = test.id('direct-course/8');
SELECT * FROM test.page();
ROLLBACK;
-- Two lessons that have one id.
\c -
BEGIN;
ALTER TABLE lessons DROP CONSTRAINT lessons_pkey CASCADE; INSERT INTO lessons (id, module_id, title) VALUES (test.id('direct-course/9'), test.id('direct-course/m'), 'again');
SELECT * FROM test.page();
ROLLBACK;

-- By SQL: what opens depends on the progress, and a row may be where the index does not lead.
\c -
BEGIN;
UPDATE courses SET is_sequential = true WHERE id = test.id('direct-course');
SELECT * FROM test.page();
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (content_progress); INSERT INTO test.child (user_id, lesson_id, watched_pct) VALUES (test.id('direct-ann'), test.id('direct-course/10'), 70);
SELECT * FROM test.page();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ALTER watched_pct TYPE bigint;
\set VERBOSITY sqlstate
SELECT * FROM test.page();
\unset VERBOSITY
ROLLBACK;

-- All courses of a learner, who has not begun one of them.
\c -
CALL test.make_course('direct-other', 3);
INSERT INTO enrollments (user_id, course_id, enrolled_at)
VALUES (test.id('direct-ann'), test.id('direct-course'), '2026-01-02Z'), (test.id('direct-ann'), test.id('direct-other'), '2026-01-01Z');
DELETE FROM enrollments WHERE course_id = test.id('direct');
CREATE FUNCTION test.courses() RETURNS TABLE (title text, required integer, done integer, begun boolean, next text, by_sql boolean)
LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMPORARY TABLE found ON COMMIT DROP AS
	SELECT * FROM public.course_progress(test.id('direct-ann')) WITH ORDINALITY;
	RETURN QUERY SELECT f.title, f.required_lessons, f.completed_lessons, f.last_watched IS NOT NULL,
		(SELECT l.title FROM public.lessons AS l WHERE l.id = f.next_lesson_id),
		EXISTS (SELECT FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE ' SELECT e.course_id, m.sort_order%')
	FROM found AS f ORDER BY f.ordinality;
END
$$;
\c -
SELECT * FROM test.courses();
SET content_library.direct_paths = off;
SELECT * FROM test.courses();

-- Direct.
\c -
BEGIN;
UPDATE lessons SET unlock_after = '100 years' WHERE title IN ('direct-course/5', 'direct-other/1');
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
UPDATE modules SET unlock_at = 'infinity' WHERE course_id = test.id('direct-other'); UPDATE lessons SET is_preview = true WHERE title = 'direct-other/2';
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
UPDATE enrollments SET expires_at = '2026-01-01' WHERE course_id = test.id('direct-other');
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
UPDATE courses SET is_sequential = true; UPDATE lessons SET unlock_at = 'infinity' WHERE title = 'direct-other/1';
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE enrollments ALTER enrolled_at DROP NOT NULL; UPDATE enrollments SET enrolled_at = NULL; UPDATE lessons SET unlock_after = '1 day';
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
DELETE FROM lessons;
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
DELETE FROM enrollments;
SELECT * FROM test.courses();
ROLLBACK;

-- By SQL.
\c -
BEGIN;
DROP INDEX idx_modules_course_id;
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (lessons); INSERT INTO test.child (module_id, title, sort_order) VALUES (test.id('direct-other/m'), 'of a child', 9);
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons ALTER unlock_at TYPE timestamp;
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ALTER completed DROP NOT NULL; UPDATE content_progress SET completed = NULL;
SELECT * FROM test.courses();
ROLLBACK;

-- The same error.
\set VERBOSITY sqlstate
\c -
BEGIN;
ALTER TABLE lessons ALTER created_at DROP NOT NULL; UPDATE lessons SET created_at = NULL;
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE lessons ALTER is_published DROP NOT NULL; UPDATE lessons SET is_published = NULL;
SELECT * FROM test.courses();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE modules RENAME sort_order TO place;
SELECT * FROM test.courses();
ROLLBACK;
\unset VERBOSITY

-- The same from either way, whatever the row and the report; apart from the time of day.
\c -
SET datestyle = ISO;
CREATE FUNCTION test.outcome(direct boolean, pct integer, pos integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	PERFORM set_config('content_library.direct_paths', direct::text, true);
	BEGIN
		said := record_progress(test.id('direct/3'), pct, pos, test.id('direct-ann'))::text;
	EXCEPTION WHEN OTHERS THEN
		said := SQLERRM;
	END;
	RETURN concat(regexp_replace(said, '20(2[1-9]|[3-9]\d)-[^",)]*', 'now', 'g'), ' ', (
		SELECT regexp_replace(p::text, '20(2[1-9]|[3-9]\d)-[^",)]*', 'now', 'g')
		FROM content_progress AS p WHERE lesson_id = test.id('direct/3')));
END
$$;
CREATE TABLE test.differences_found (said text);
CREATE PROCEDURE test.compare(cases integer)
LANGUAGE plpgsql AS $$
DECLARE
	pct integer;
	pos integer;
	said text[];
BEGIN
	FOR n IN 1 .. cases LOOP
		UPDATE content_progress SET watched_pct = random() * 100, completed = random() < 0.3,
			completed_at = CASE WHEN random() < 0.5 THEN '2020-01-01'::timestamptz END,
			last_watched = CASE WHEN random() < 0.1 THEN '-infinity' WHEN random() < 0.2 THEN clock_timestamp() + interval '1 hour' WHEN random() < 0.4 THEN clock_timestamp() ELSE '2020-01-01' END,
			position_seconds = CASE WHEN random() < 0.6 THEN random() * 40 END,
			started_at = CASE WHEN random() < 0.6 THEN '2020-01-01'::timestamptz END
		WHERE lesson_id = test.id('direct/3');
		UPDATE lessons SET completion_threshold = CASE WHEN random() < 0.5 THEN 1 + random() * 99 END,
			progress_by = CASE WHEN random() < 0.2 THEN (ARRAY['report', 'watch', 'server'])[1 + n % 3] END
		WHERE id = test.id('direct/3');
		UPDATE courses SET completion_threshold = CASE WHEN random() < 0.5 THEN 1 + random() * 99 END,
			progress_by = CASE WHEN random() < 0.1 THEN 'watch' WHEN random() < 0.1 THEN 'server' ELSE 'report' END
		WHERE id = test.id('direct');
		-- Else the row would be left to SQL.
		COMMIT;
		pct := random() * 100;
		pos := CASE WHEN random() < 0.6 THEN random() * 40 END;
		FOR direct IN 0 .. 1 LOOP
			BEGIN
				said[direct] := test.outcome(direct = 1, pct, pos);
				RAISE EXCEPTION 'undone' USING ERRCODE = 'UNDO0';
			EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
				NULL;
			END;
		END LOOP;
		INSERT INTO test.differences_found
		SELECT format('%s %s: %s, by SQL %s', pct, pos, said[1], said[0]) WHERE said[0] IS DISTINCT FROM said[1];
	END LOOP;
END
$$;
CALL test.compare(1000);
SELECT * FROM test.differences_found;

-- The reports on a course: a page of its learners, and its summary.
\c -
CREATE FUNCTION test.reports() RETURNS TABLE (page text, learners integer, completed integer, average numeric, active integer, page_by_sql boolean, summary_by_sql boolean)
LANGUAGE plpgsql AS $$
DECLARE
	page text := (SELECT string_agg(concat_ws(' ', r.required_lessons, r.completed_lessons, r.completion, r.last_watched IS NOT NULL), ', ')
				  FROM public.course_report(test.id('direct-course'), 10) AS r);
	summary record := public.course_summary(test.id('direct-course'));
BEGIN
	RETURN QUERY SELECT page, summary.learners, summary.completed, summary.average_completion, summary.active_7_days,
		EXISTS (SELECT FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE ' WITH learners AS MATERIALIZED%'),
		NOT EXISTS (SELECT FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT e.user_id FROM public.enrollments%');
END
$$;
\c -
SELECT * FROM test.reports();
\c -
SET content_library.direct_paths = off;
SELECT * FROM test.reports();

-- Direct.
\c -
BEGIN;
UPDATE content_progress SET last_watched = '2026-01-01';
SELECT * FROM test.reports();
ROLLBACK;
\c -
BEGIN;
DELETE FROM content_progress;
SELECT * FROM test.reports();
ROLLBACK;
\c -
BEGIN;
DELETE FROM lessons;
SELECT * FROM test.reports();
ROLLBACK;
\c -
BEGIN;
DELETE FROM enrollments;
SELECT * FROM test.reports();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ALTER last_watched DROP NOT NULL, DROP CONSTRAINT content_progress_watched_pct_check;
UPDATE content_progress SET last_watched = NULL;
UPDATE content_progress SET watched_pct = -1, last_watched = now() WHERE lesson_id = test.id('direct-course/8');
SELECT * FROM test.reports();
ROLLBACK;

\c -
VACUUM enrollments;
SELECT * FROM test.reports();
\c -
BEGIN;
UPDATE enrollments SET completed_at = now();
INSERT INTO enrollments (user_id, course_id) SELECT id, test.id('direct-course') FROM auth.users LIMIT 3 ON CONFLICT DO NOTHING;
SELECT learners > 1 AS more, completed, summary_by_sql FROM test.reports();
ROLLBACK;
SELECT * FROM test.reports();
\c -
BEGIN;
CREATE INDEX ON enrollments (course_id); CREATE INDEX ON enrollments (course_id, granted);
SELECT * FROM test.reports();
ROLLBACK;

-- By SQL, the page or the summary.
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (content_progress); INSERT INTO test.child (user_id, lesson_id, completed) VALUES (test.id('direct-ann'), test.id('direct-course/10'), true);
SELECT * FROM test.reports();
ROLLBACK;
\c -
BEGIN;
CREATE TABLE test.child () INHERITS (enrollments); INSERT INTO test.child (user_id, course_id, completed_at) VALUES (test.id('direct-bob'), test.id('direct-course'), now());
SELECT learners, completed, summary_by_sql FROM test.reports();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_enrollments_completed_at;
SELECT * FROM test.reports();
ROLLBACK;
\c -
BEGIN;
DROP INDEX idx_enrollments_completed_at; CREATE INDEX ON enrollments (course_id, completed_at) WHERE completed_at IS NOT NULL;
SELECT * FROM test.reports();
ROLLBACK;

-- What a user is staff of is read without SQL, too: as it is made, when that is switched off,
-- with a column of another type, and after a change that does not matter.
CALL test.make_course('direct-taught', 1);
INSERT INTO course_staff (course_id, user_id, role)
SELECT test.id('direct'), test.id('direct-ann'), 'editor' UNION ALL SELECT test.id('direct-taught'), test.id('direct-ann'), 'viewer';
CREATE FUNCTION test.staff_of() RETURNS TABLE (viewer text, editor text, by_sql boolean)
LANGUAGE plpgsql AS $$
BEGIN
	CALL test.sign_in('direct-ann');
	RETURN QUERY SELECT string_agg(c.title, ' ' ORDER BY c.title) FILTER (WHERE public.content_library_is_staff(c.id, 'viewer')),
		string_agg(c.title, ' ' ORDER BY c.title) FILTER (WHERE public.content_library_is_staff(c.id, 'editor')),
		(SELECT count(*) > 0 FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT s.course_id%')
	FROM public.courses AS c;
END
$$;
\c -
SELECT viewer, editor FROM test.staff_of();
SELECT * FROM test.staff_of();
SET content_library.direct_paths = off;
SELECT viewer, editor FROM test.staff_of();
SELECT * FROM test.staff_of();
\c -
BEGIN;
ALTER TABLE course_staff ALTER role TYPE varchar;
SELECT viewer, editor FROM test.staff_of();
SELECT * FROM test.staff_of();
ROLLBACK;
\c -
BEGIN;
ALTER TABLE course_staff ADD note text DEFAULT 'x';
SELECT viewer, editor FROM test.staff_of();
SELECT * FROM test.staff_of();
ROLLBACK;

-- Other files do not expect these.
DELETE FROM courses WHERE id IN (test.id('direct'), test.id('direct-course'), test.id('direct-other'), test.id('direct-taught'));
DELETE FROM auth.users WHERE email LIKE 'direct-%';
DROP FUNCTION test.report, test.double, test.outcome, test.percentage, test.courses, test.page, test.reports, test.staff_of;
DROP PROCEDURE test.compare;
DROP TABLE test.differences_found;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" RESET ALL;
