-- direct_first_reports: the first report of a lesson is admitted and inserted without SQL only
-- where nothing closes the lesson and the tables are as the library made them; its answer
-- is the same either way. About how to tell see direct_paths.
SET client_min_messages = error;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" SET content_library.direct_paths = on;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" SET client_min_messages = error;
CALL test.make_course('firsts', 4);
CALL test.make_learner('firsts-ann', 'firsts');
CALL test.make_learner('firsts-bob');

-- Reports, and says what was done by SQL.
CREATE FUNCTION test.report(pct double precision, lesson text DEFAULT 'firsts/1', learner text DEFAULT 'firsts-ann')
RETURNS TABLE (pct_now integer, done boolean, by_sql text)
LANGUAGE plpgsql AS $$
DECLARE
	row record := public.record_progress(test.id(lesson), pct, 7, test.id(learner));
BEGIN
	RETURN QUERY SELECT row.watched_pct, row.completed, coalesce(string_agg(DISTINCT
			CASE WHEN ident LIKE 'INSERT%' THEN 'inserted' ELSE 'admitted' END, ', '), 'nothing')
	FROM pg_backend_memory_contexts
	WHERE name = 'CachedPlanSource'
		AND (ident LIKE 'SELECT COALESCE(l.completion_threshold%' OR ident LIKE 'INSERT INTO public.content_progress%');
END
$$;
CREATE FUNCTION test.double() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.watched_pct := NEW.watched_pct * 2; RETURN NEW; END $$;
CREATE FUNCTION test.count_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% rows', (SELECT count(*) FROM new_rows); END $$;

-- What changes nothing: both are direct.
\c -
BEGIN;
SELECT * FROM test.report(2);
SELECT * FROM test.report(95, 'firsts/2');
SELECT user_id = test.id('firsts-ann'), lesson_id = test.id('firsts/2'), watched_pct, completed, position_seconds,
	last_watched = completed_at, last_watched = started_at, watched, id IS NOT NULL
FROM content_progress WHERE lesson_id = test.id('firsts/2');
SELECT n_tup_ins FROM pg_stat_xact_user_tables WHERE relname = 'content_progress';
ROLLBACK;
\c -
BEGIN;
UPDATE lessons SET is_preview = true;
SELECT * FROM test.report(2, learner => 'firsts-bob');
ROLLBACK;
\c -
BEGIN;
UPDATE courses SET tier_required = 'pro'; UPDATE enrollments SET granted = true;
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
CREATE INDEX ON content_progress ((user_id::text)) WHERE completed;
CREATE UNIQUE INDEX ON content_progress (position_seconds, watched_pct);
SELECT * FROM test.report(2);
SAVEPOINT once;
\set VERBOSITY sqlstate
SELECT * FROM test.report(2, 'firsts/2');
\set VERBOSITY default
ROLLBACK;
\c -
BEGIN;
CREATE TRIGGER mine BEFORE INSERT ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
ALTER TABLE content_progress DISABLE TRIGGER mine;
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
CREATE PUBLICATION regress_direct FOR TABLE content_progress; ALTER TABLE content_progress REPLICA IDENTITY NOTHING;
SELECT * FROM test.report(2);
ROLLBACK;

-- The row is inserted by SQL: ON CONFLICT minds both.
\c -
BEGIN;
CREATE UNIQUE INDEX ON content_progress (lesson_id, user_id);
SELECT * FROM test.report(2);
ROLLBACK;

-- What may close a lesson is found out by SQL; the row is inserted by SQL then, too.
\c -
BEGIN;
UPDATE courses SET is_sequential = true;
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
UPDATE enrollments SET expires_at = 'infinity';
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
UPDATE modules SET unlock_after = '0';
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
UPDATE lessons SET unlock_at = '2020-01-01';
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE enrollments DROP CONSTRAINT enrollments_user_id_course_id_key;
SELECT * FROM test.report(2);
ROLLBACK;

-- What hangs on an INSERT is left to SQL.
\c -
BEGIN;
CREATE TRIGGER mine BEFORE INSERT ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ALTER id SET DEFAULT md5('mine')::uuid;
SELECT * FROM test.report(2);
SELECT id = md5('mine')::uuid FROM content_progress;
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD note text DEFAULT 'mine';
SELECT * FROM test.report(2);
SELECT note FROM content_progress;
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD twice integer GENERATED ALWAYS AS (watched_pct * 2) STORED;
SELECT * FROM test.report(2);
SELECT twice FROM content_progress;
ROLLBACK;
\set VERBOSITY sqlstate
\c -
BEGIN;
CREATE TRIGGER mine AFTER INSERT ON content_progress REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION test.count_rows();
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
ALTER TABLE content_progress ADD CHECK (watched_pct > 2);
SELECT * FROM test.report(2);
ROLLBACK;
\c -
BEGIN;
CREATE RULE mine AS ON INSERT TO content_progress DO INSTEAD NOTHING;
SELECT * FROM test.report(2);
ROLLBACK;

-- Refused as before: not enrolled, no such lesson, a draft, no such learner.
\c -
SELECT * FROM test.report(2, learner => 'firsts-bob');
SELECT * FROM test.report(2, 'firsts/5');
BEGIN;
UPDATE lessons SET is_published = false;
SELECT * FROM test.report(2);
ROLLBACK;
BEGIN;
UPDATE lessons SET is_preview = true;
SELECT * FROM test.report(2, learner => 'firsts-nobody');
ROLLBACK;
\set VERBOSITY default

-- What was known is asked again once the table has changed; all in one session.
\c -
BEGIN;
SELECT * FROM test.report(2);
CREATE TRIGGER mine BEFORE INSERT ON content_progress FOR EACH ROW EXECUTE FUNCTION test.double();
SELECT * FROM test.report(2, 'firsts/2');
ROLLBACK;

-- The same from either way, whatever course, lesson, enrollment and report, also in a batch;
-- apart from the time of day and new ids.
\c -
SET datestyle = ISO;
CREATE FUNCTION test.outcome(direct boolean, batch boolean, pct integer, played jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	PERFORM set_config('content_library.direct_paths', direct::text, true);
	BEGIN
		IF batch THEN
			said := (SELECT string_agg(p::text, ';') FROM record_progress_batch(
				(SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('lesson_id', test.id('firsts/' || n), 'watched_pct', pct, 'played', played)))
					FROM generate_series(1, 3) AS n), test.id('firsts-ann'), true) AS p);
		ELSE
			said := record_progress(test.id('firsts/1'), pct, 5, test.id('firsts-ann'), played)::text;
		END IF;
	EXCEPTION WHEN OTHERS THEN
		said := SQLERRM;
	END;
	SELECT concat(said, ' ', string_agg(p::text, ';' ORDER BY lesson_id)) INTO said FROM content_progress AS p WHERE user_id = test.id('firsts-ann');
	RETURN regexp_replace(regexp_replace(said, '"20(2[1-9]|[3-9]\d)-[^"]*"', 'now', 'g'), '\([0-9a-f-]{36},', '(id,', 'g');
END
$$;
CREATE TABLE test.differences_found (said text);
CREATE TABLE test.kinds (said text);
CREATE PROCEDURE test.compare(cases integer)
LANGUAGE plpgsql AS $$
DECLARE
	said text[];
	pct integer;
	played jsonb;
BEGIN
	FOR n IN 1 .. cases LOOP
		DELETE FROM content_progress WHERE user_id = test.id('firsts-ann');
		-- One row stays as if it had been there.
		INSERT INTO content_progress (user_id, lesson_id, watched_pct, last_watched, watched, started_at)
		SELECT test.id('firsts-ann'), test.id('firsts/2'), random() * 90, '2020-01-01',
			CASE WHEN random() < 0.5 THEN '{[0,20)}' ELSE '{}' END::int4multirange, CASE WHEN random() < 0.5 THEN '2020-01-01'::timestamptz END
		WHERE random() < 0.5;
		UPDATE enrollments SET expires_at = CASE WHEN random() < 0.1 THEN '2020-01-01' WHEN random() < 0.1 THEN 'infinity' END::timestamptz, granted = random() < 0.3
		WHERE user_id = test.id('firsts-ann');
		UPDATE courses SET tier_required = CASE WHEN random() < 0.2 THEN 'pro' ELSE 'free' END, is_published = random() < 0.9, is_sequential = random() < 0.2,
			completion_threshold = CASE WHEN random() < 0.5 THEN 1 + random() * 99 END,
			progress_by = (ARRAY['report', 'report', 'watch', 'server'])[1 + (random() * 3)::integer]
		WHERE id = test.id('firsts');
		UPDATE modules SET unlock_after = CASE WHEN random() < 0.1 THEN '1 day'::interval END WHERE course_id = test.id('firsts');
		UPDATE lessons SET is_published = random() < 0.9, is_preview = random() < 0.1, unlock_at = CASE WHEN random() < 0.1 THEN '2020-01-01'::timestamptz END,
			completion_threshold = CASE WHEN random() < 0.5 THEN 1 + random() * 99 END, duration_seconds = (ARRAY[NULL, 0, 100, 100])[1 + (random() * 3)::integer],
			mux_asset_id = CASE WHEN random() < 0.3 THEN 'a' || id::text END,
			progress_by = (ARRAY[NULL, NULL, NULL, 'report', 'watch', 'server'])[1 + (random() * 5)::integer]
		WHERE module_id = test.id('firsts/m');
		-- Else a row would be left to SQL.
		COMMIT;
		played := CASE WHEN random() < 0.5 THEN jsonb_build_array(jsonb_build_array(10, 10 + (random() * 90)::integer)) END;
		pct := CASE WHEN played IS NULL OR random() < 0.3 THEN random() * 100 END;
		FOR direct IN 0 .. 1 LOOP
			BEGIN
				said[direct] := test.outcome(direct = 1, n % 2 = 0, pct, played);
				RAISE EXCEPTION 'undone' USING ERRCODE = 'UNDO0';
			EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
				NULL;
			END;
		END LOOP;
		INSERT INTO test.differences_found
		SELECT format('%s %s: %s, by SQL %s', pct, played, said[1], said[0]) WHERE said[0] IS DISTINCT FROM said[1];
		INSERT INTO test.kinds SELECT regexp_replace(said[1], '[0-9a-f-]{36}|\d+', '', 'g');
	END LOOP;
END
$$;
CALL test.compare(1000);
SELECT * FROM test.differences_found LIMIT 3;
SELECT count(DISTINCT said) > 30 AS of_many_kinds, sum((said LIKE '(id,%')::integer) > 200 AS recorded FROM test.kinds;

-- Other files do not expect these.
DELETE FROM courses WHERE id = test.id('firsts');
DELETE FROM auth.users WHERE email LIKE 'firsts-%';
DROP FUNCTION test.report, test.double, test.count_rows, test.outcome;
DROP PROCEDURE test.compare;
DROP TABLE test.differences_found, test.kinds;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" RESET ALL;
