-- functions.sql: fills the tables, measures record_progress_batch beside single
-- calls. Run by bench/functions, which sets :learners and :rounds.

SET client_min_messages = warning;

CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO authenticated;

CREATE FUNCTION bench.learner(n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('learner ' || n)::uuid $$;
CREATE FUNCTION bench.course(name text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('course ' || name)::uuid $$;
CREATE FUNCTION bench.module(course text, n integer) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('module ' || n || ' of ' || course)::uuid $$;
CREATE FUNCTION bench.lesson(course text, n integer) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('lesson ' || n || ' of ' || course)::uuid $$;

-- A course of modules of ten lessons.
CREATE PROCEDURE bench.make_course(name text, lessons integer)
LANGUAGE sql AS $$
	INSERT INTO courses (id, title, slug, description, is_published)
	VALUES (bench.course(name), name, name, repeat('What it is about. ', 10), true);
	INSERT INTO modules (id, course_id, title, sort_order)
	SELECT bench.module(name, n), bench.course(name), n, n
	FROM generate_series(0, (lessons - 1) / 10) AS n;
	INSERT INTO lessons (id, module_id, title, description, sort_order, duration_seconds,
		mux_upload_id, mux_asset_id, mux_playback_id, mux_status)
	SELECT bench.lesson(name, n), bench.module(name, n / 10), 'Lesson ' || n,
		repeat('What it is about. ', 10), n % 10, 600,
		'upload' || n || repeat('u', 40), 'asset' || n || repeat('a', 40), 'playback' || n || repeat('p', 40), 'ready'
	FROM generate_series(0, lessons - 1) AS n;
$$;

\echo '== filling content_progress'
INSERT INTO auth.users (id)
SELECT bench.learner(n) FROM generate_series(0, :learners) AS n;
CALL bench.make_course('crowd', 30);
CALL bench.make_course('small', 20);
CALL bench.make_course('long', 2000);
SELECT format('CALL bench.make_course(%L, 100)', 'catalogue ' || n) FROM generate_series(0, 199) AS n \gexec

-- Everybody is in the crowd, every fifth learner in one course of the
-- catalogue too; learner 0 in all of it.
CREATE TABLE bench.enrolled AS
SELECT n, 'crowd' AS course, 30 AS lessons FROM generate_series(1, :learners) AS n
UNION ALL SELECT n, 'catalogue ' || n / 5 % 200, 100 FROM generate_series(5, :learners, 5) AS n
UNION ALL SELECT 0, 'catalogue ' || c, 100 FROM generate_series(0, 199) AS c
UNION ALL SELECT n, 'long', 2000 FROM generate_series(0, 49) AS n
UNION ALL SELECT n, 'small', 20 FROM generate_series(1, 100) AS n;

-- Rows made here need no check; it would take most of the time.
SET session_replication_role = replica;
INSERT INTO enrollments (user_id, course_id)
SELECT bench.learner(n), bench.course(course) FROM bench.enrolled;

-- In the order of time, not of the learner: a learner's rows lie far apart.
-- Two of three lessons are completed; every fiftieth learner has completed none.
INSERT INTO content_progress
	(user_id, lesson_id, watched_pct, completed, completed_at, last_watched, position_seconds)
SELECT bench.learner(e.n), bench.lesson(e.course, l),
	CASE WHEN d.done THEN 100 ELSE 0 END, d.done, CASE WHEN d.done THEN t.at END, t.at, 100
FROM generate_series(0, 1999) AS l
JOIN bench.enrolled AS e ON l < e.lessons
CROSS JOIN LATERAL (SELECT (l + e.n) % 3 > 0 AND (e.n % 50 > 0 OR e.n = 0) AS done) AS d
CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01' + (l * 100 + e.n % 100) * interval '1 min' AS at) AS t
ORDER BY l;
RESET session_replication_role;
VACUUM ANALYZE content_progress, enrollments, lessons, modules, courses;
SELECT count(*) AS "rows of content_progress",
	pg_size_pretty(pg_total_relation_size('content_progress')) AS "with its indexes"
FROM content_progress;

-- The claims of a token as Supabase Auth issues it after a sign-in with Google.
CREATE FUNCTION bench.claims(who uuid) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT json_build_object(
		'iss', 'https://abcdefghijklmnopqrst.example/auth/v1', 'sub', who,
		'aud', 'authenticated', 'exp', 1799999999, 'iat', 1799996399,
		'email', 'learner@example.com', 'phone', '',
		'app_metadata', json_build_object('provider', 'google', 'providers', ARRAY['google']),
		'user_metadata', json_build_object(
			'avatar_url', 'https://images.example/a/' || repeat('x', 60),
			'email', 'learner@example.com', 'email_verified', true,
			'full_name', 'A. Learner', 'iss', 'https://accounts.example', 'name', 'A. Learner',
			'phone_verified', false, 'picture', 'https://images.example/a/' || repeat('x', 60),
			'provider_id', '123456789012345678901', 'sub', '123456789012345678901'),
		'role', 'authenticated', 'aal', 'aal1',
		'amr', json_build_array(json_build_object('method', 'oauth', 'timestamp', 1799996399)),
		'session_id', md5(who::text)::uuid, 'is_anonymous', false)::text
$$;

CREATE TABLE bench.result (what text, peer text, us float8);

-- The lessons of a learner's course of the catalogue, and a report on each.
CREATE FUNCTION bench.lessons_of(n integer) RETURNS SETOF uuid
LANGUAGE sql AS $$
	SELECT bench.lesson('catalogue ' || n / 5 % 200, l) FROM generate_series(0, 99) AS l
$$;
CREATE FUNCTION bench.reports(n integer, pct integer) RETURNS text
LANGUAGE sql AS $$
	SELECT json_agg(json_build_object('lesson_id', l, 'watched_pct', pct, 'position_seconds', pct))
	FROM bench.lessons_of(n) AS l
$$;

-- The reports of one learner on their course of the catalogue, by 100 single
-- calls or one batch, in one transaction; returns the time that they took.
CREATE FUNCTION bench.report(peer text, n integer, pct integer) RETURNS interval
LANGUAGE plpgsql AS $$
DECLARE
	lessons	uuid[] := ARRAY(SELECT bench.lessons_of(n));
	reports	text := bench.reports(n, pct);
	began	timestamptz;
BEGIN
	PERFORM set_config('request.jwt.claims', bench.claims(bench.learner(n)), true),
		set_config('role', 'authenticated', true);
	began := clock_timestamp();
	IF peer = 'hand' THEN
		FOR l IN 1 .. 100 LOOP
			PERFORM public.record_progress(lessons[l], pct, pct);
		END LOOP;
	ELSE
		PERFORM * FROM public.record_progress_batch(reports::jsonb);
	END IF;
	RETURN clock_timestamp() - began;
END
$$;

-- Lets one peer report on 20 learners; records the time of a report.
CREATE PROCEDURE bench.measure(what text, peer text, round integer, learners integer, pct integer)
LANGUAGE plpgsql AS $$
DECLARE
	spent interval := '0';
	n integer;
BEGIN
	FOR i IN 0 .. 19 LOOP
		n := 50 * (1 + (round * 20 + i) % (learners / 50));
		IF what LIKE 'first%' THEN
			DELETE FROM content_progress AS p USING bench.lessons_of(n) AS l
			WHERE p.user_id = bench.learner(n) AND p.lesson_id = l;
			COMMIT;
		ELSIF what LIKE 'completing%' THEN
			UPDATE content_progress AS p SET completed = false, completed_at = NULL, watched_pct = 0
			FROM bench.lessons_of(n) AS l
			WHERE p.user_id = bench.learner(n) AND p.lesson_id = l;
			COMMIT;
		END IF;
		spent := spent + bench.report(peer, n, pct);
		COMMIT;
	END LOOP;
	IF what IS NOT NULL THEN
		INSERT INTO bench.result VALUES (
			'record_progress_batch, ' || what, peer, 1e6 * extract(epoch FROM spent) / 2000);
		COMMIT;
	END IF;
END
$$;

CREATE PROCEDURE bench.run(rounds integer, learners integer)
LANGUAGE plpgsql AS $$
DECLARE
	peers CONSTANT text[] := '{hand,ours}';
	peer text;
BEGIN
	FOR round IN 1 .. rounds LOOP
		CALL bench.measure(NULL, 'ours', round, learners, 1);
		FOR turn IN 1 .. 2 LOOP
			peer := peers[1 + (round + turn) % 2];
			CALL bench.measure('advancing', peer, round, learners, 1 + turn);
			-- Once to let the server prune what was just updated, once to measure.
			CALL bench.measure(NULL, peer, round, learners, 1 + turn);
			CALL bench.measure('unchanged', peer, round, learners, 1 + turn);
		END LOOP;
		FOR turn IN 1 .. 2 LOOP
			CALL bench.measure('completing', peers[1 + (round + turn) % 2], round, learners, 100);
		END LOOP;
		FOR turn IN 1 .. 2 LOOP
			CALL bench.measure('first reports', peers[1 + (round + turn) % 2], round, learners, 1);
		END LOOP;
	END LOOP;
END
$$;

\echo '== measuring record_progress_batch, per report, in the server'
CALL bench.run(:rounds, :learners);

-- What was written meanwhile is tidied up, as autovacuum would.
VACUUM ANALYZE content_progress, enrollments;

CREATE VIEW bench.median AS
SELECT what, peer, count(*) AS calls, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS us
FROM bench.result GROUP BY what, peer;

CREATE VIEW bench.figures AS
SELECT what,
	CASE WHEN what LIKE 'record%' AND peer = 'hand' THEN '100 single calls, per report'
		WHEN what LIKE 'record%' THEN 'one batch of 100, per report'
		WHEN peer = 'hand' THEN 'one fetch by hand'
		WHEN peer = 'json' THEN 'the same, as PostgREST makes JSON of it'
		ELSE 'the function' END AS peer,
	round((us / 1000)::numeric, 3) AS ms, calls AS "measured"
FROM bench.median ORDER BY what, median.peer;

CREATE VIEW bench.ratios AS
SELECT o.what, CASE WHEN o.what LIKE 'record%' THEN '>= 5' ELSE '> 1' END AS target,
	round((h.us / o.us)::numeric, 2) AS "than by hand", round((j.us / o.us)::numeric, 2) AS "than JSON"
FROM bench.median AS o
JOIN bench.median AS h ON h.what = o.what AND h.peer = 'hand'
LEFT JOIN bench.median AS j ON j.what = o.what AND j.peer = 'json'
WHERE o.peer = 'ours' ORDER BY o.what;
