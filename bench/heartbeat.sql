-- heartbeat.sql: what a heartbeat costs in the server: record_progress beside
-- what an app would do without it. Run by bench/heartbeat, which sets
-- :learners, :rounds and :calls.

SET client_min_messages = warning;

\echo '== filling content_progress'
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO authenticated;

INSERT INTO auth.users (id)
SELECT md5('learner ' || n)::uuid FROM generate_series(1, :learners) AS n;
INSERT INTO courses (id, title, slug, is_published)
SELECT md5('course ' || n)::uuid, n, n, true FROM generate_series(0, 19) AS n;
INSERT INTO modules (id, course_id, title)
SELECT md5('module ' || n)::uuid, md5('course ' || n)::uuid, n FROM generate_series(0, 19) AS n;
INSERT INTO lessons (id, module_id, title)
SELECT md5('lesson ' || n)::uuid, md5('module ' || n / 50)::uuid, n FROM generate_series(0, 999) AS n;

-- Each learner is enrolled in two courses and has begun all their 100 lessons.
INSERT INTO enrollments (user_id, course_id)
SELECT md5('learner ' || n)::uuid, md5('course ' || (n + k * 7) % 20)::uuid
FROM generate_series(1, :learners) AS n, generate_series(0, 1) AS k;
-- In the order of time, not of the learner: a learner's rows lie far apart.
INSERT INTO content_progress (user_id, lesson_id, watched_pct)
SELECT md5('learner ' || n)::uuid, md5('lesson ' || (n + k * 7) % 20 * 50 + l)::uuid, 0
FROM generate_series(0, 49) AS l, generate_series(1, :learners) AS n, generate_series(0, 1) AS k;
VACUUM ANALYZE content_progress, enrollments, lessons, modules, courses;

-- (a) The app's plain upsert, through row-level security as the plan has it:
-- every column that supabase-js sends is set, and the row comes back.
CREATE FUNCTION bench.plain_upsert(who uuid, lesson uuid, pct integer, pos integer)
RETURNS public.content_progress
LANGUAGE plpgsql AS $$
DECLARE
	row		public.content_progress;
BEGIN
	INSERT INTO public.content_progress
		(user_id, lesson_id, watched_pct, completed, last_watched, position_seconds)
	VALUES (who, lesson, pct, pct >= 90, now(), pos)
	ON CONFLICT (user_id, lesson_id) DO UPDATE
	SET user_id = EXCLUDED.user_id,
		lesson_id = EXCLUDED.lesson_id,
		watched_pct = EXCLUDED.watched_pct,
		completed = EXCLUDED.completed,
		last_watched = EXCLUDED.last_watched,
		position_seconds = EXCLUDED.position_seconds
	RETURNING * INTO row;
	RETURN row;
END
$$;

-- (b) A PL/pgSQL function with the checks of record_progress, then the upsert.
CREATE FUNCTION bench.check_and_upsert(lesson uuid, pct integer, pos integer) RETURNS public.content_progress
LANGUAGE plpgsql AS $$
DECLARE
	who		uuid := auth.uid();
	row		public.content_progress;
	bar		integer;
	may		boolean;
	heard	timestamptz := clock_timestamp();
BEGIN
	IF who IS NULL THEN
		RAISE EXCEPTION 'nobody is signed in' USING ERRCODE = '28000';
	END IF;
	IF pct NOT BETWEEN 0 AND 100 OR pos < 0 THEN
		RAISE EXCEPTION 'value out of range' USING ERRCODE = '22023';
	END IF;

	SELECT coalesce(l.completion_threshold, c.completion_threshold, 90),
		   l.is_preview OR EXISTS (SELECT FROM public.enrollments AS e
								   WHERE e.user_id = who AND e.course_id = c.id)
	INTO bar, may
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	JOIN public.courses AS c ON c.id = m.course_id
	WHERE l.id = lesson AND c.is_published;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no lesson %', lesson USING ERRCODE = '23503';
	ELSIF NOT may THEN
		RAISE EXCEPTION 'not enrolled' USING ERRCODE = '42501';
	END IF;

	INSERT INTO public.content_progress AS p
		(user_id, lesson_id, watched_pct, completed, completed_at, last_watched, position_seconds)
	VALUES (who, lesson, pct, pct >= bar, CASE WHEN pct >= bar THEN heard END, heard, pos)
	ON CONFLICT (user_id, lesson_id) DO UPDATE
	SET watched_pct = greatest(p.watched_pct, EXCLUDED.watched_pct),
		completed = p.completed OR greatest(p.watched_pct, EXCLUDED.watched_pct) >= bar,
		completed_at = CASE WHEN p.completed THEN p.completed_at
							WHEN greatest(p.watched_pct, EXCLUDED.watched_pct) >= bar THEN heard END,
		last_watched = greatest(p.last_watched, EXCLUDED.last_watched),
		position_seconds = CASE WHEN heard >= p.last_watched THEN coalesce(pos, p.position_seconds)
								ELSE p.position_seconds END
	WHERE EXCLUDED.watched_pct > p.watched_pct
		OR (NOT p.completed AND p.watched_pct >= bar)
		OR EXCLUDED.last_watched - p.last_watched > interval '15 s'
		OR abs(pos - coalesce(p.position_seconds, -16)) > 15
	RETURNING * INTO row;

	IF NOT FOUND THEN
		SELECT * INTO row FROM public.content_progress AS p
		WHERE p.user_id = who AND p.lesson_id = lesson;
	END IF;
	RETURN row;
END
$$;

-- (b2) The very steps of record_progress: read, and write only what is news.
CREATE FUNCTION bench.read_then_update(lesson uuid, pct integer, pos integer) RETURNS public.content_progress
LANGUAGE plpgsql AS $$
DECLARE
	who		uuid := auth.uid();
	row		public.content_progress;
	bar		integer;
	heard	timestamptz := clock_timestamp();
BEGIN
	IF who IS NULL THEN
		RAISE EXCEPTION 'nobody is signed in' USING ERRCODE = '28000';
	END IF;
	IF pct NOT BETWEEN 0 AND 100 OR pos < 0 THEN
		RAISE EXCEPTION 'value out of range' USING ERRCODE = '22023';
	END IF;

	SELECT * INTO row FROM public.content_progress AS p
	WHERE p.user_id = who AND p.lesson_id = lesson;
	IF NOT FOUND THEN
		RETURN bench.check_and_upsert(lesson, pct, pos);
	END IF;

	IF NOT row.completed THEN
		SELECT coalesce(l.completion_threshold, c.completion_threshold, 90) INTO bar
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		WHERE l.id = lesson;
	END IF;
	IF pct <= row.watched_pct AND (row.completed OR row.watched_pct < bar)
		AND heard - row.last_watched <= interval '15 s'
		AND abs(pos - coalesce(row.position_seconds, -16)) <= 15
	THEN
		RETURN row;
	END IF;

	UPDATE public.content_progress AS p
	SET watched_pct = greatest(p.watched_pct, pct),
		completed = p.completed OR greatest(p.watched_pct, pct) >= bar,
		completed_at = CASE WHEN p.completed THEN p.completed_at
							WHEN greatest(p.watched_pct, pct) >= bar THEN heard END,
		last_watched = greatest(p.last_watched, heard),
		position_seconds = CASE WHEN heard >= p.last_watched THEN coalesce(pos, p.position_seconds)
								ELSE p.position_seconds END
	WHERE p.user_id = who AND p.lesson_id = lesson
	RETURNING * INTO row;
	RETURN row;
END
$$;

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

CREATE UNLOGGED TABLE bench.result (
	peer text, report text, round integer, us_per_call float8, wal_per_call float8
);

-- Reports percentage PCT by one peer on CALLS rows all over the table: ten
-- lessons of each learner in turn, as role authenticated with their claims,
-- either all in one transaction or each with a commit of its own.
CREATE PROCEDURE bench.measure(
	peer text, report text, round integer, calls integer, pct integer, learners integer, commits boolean)
LANGUAGE plpgsql AS $$
DECLARE
	who		uuid;
	lesson	uuid;
	began	timestamptz;
	spent	interval := '0';
	wal		pg_lsn;
	wal_bytes numeric := 0;
	n		bigint;
BEGIN
	FOR i IN round * calls .. (round + 1) * calls - 1 LOOP
		n := 1 + i::bigint / 10 * 7919 % learners;
		who := md5('learner ' || n)::uuid;
		lesson := md5('lesson ' || n % 20 * 50 + i % 10 * 5)::uuid;
		IF commits OR i % 10 = 0 THEN
			PERFORM set_config('request.jwt.claims', bench.claims(who), true),
				set_config('role', 'authenticated', true);
		END IF;

		wal := pg_current_wal_insert_lsn();
		began := clock_timestamp();
		CASE peer
			WHEN 'a' THEN PERFORM bench.plain_upsert(who, lesson, pct, pct);
			WHEN 'b' THEN PERFORM bench.check_and_upsert(lesson, pct, pct);
			WHEN 'b2' THEN PERFORM bench.read_then_update(lesson, pct, pct);
			WHEN 'c' THEN PERFORM public.record_progress(lesson, pct, pct);
		END CASE;
		IF commits THEN
			COMMIT;
		END IF;
		spent := spent + (clock_timestamp() - began);
		wal_bytes := wal_bytes + (pg_current_wal_insert_lsn() - wal);
	END LOOP;
	COMMIT;

	IF report <> 'warm up' THEN
		INSERT INTO bench.result VALUES (
			peer, report || CASE WHEN commits THEN ', with its commit' ELSE '' END, round,
			1e6 * extract(epoch FROM spent) / calls, wal_bytes / calls);
		COMMIT;
	END IF;
END
$$;

-- In each round every peer goes over the same rows, in turn at another place.
CREATE PROCEDURE bench.run(rounds integer, calls integer, learners integer, commits boolean)
LANGUAGE plpgsql AS $$
DECLARE
	peers CONSTANT text[] := '{a,b,b2,c}';
	peer text;
	pct integer;
BEGIN
	FOR round IN 1 .. rounds LOOP
		pct := CASE WHEN commits THEN 20 ELSE 10 END;
		CALL bench.measure('a', 'warm up', round, calls, pct, learners, false);
		FOR turn IN 1 .. 4 LOOP
			peer := peers[1 + (round + turn) % 4];
			CALL bench.measure(peer, 'advancing', round, calls, pct + turn, learners, commits);
			-- Once to let the server prune what was just updated, once to measure.
			CALL bench.measure(peer, 'warm up', round, calls, pct + turn, learners, false);
			CALL bench.measure(peer, 'unchanged', round, calls, pct + turn, learners, commits);
		END LOOP;
		RAISE WARNING 'round % of %', round, rounds;
	END LOOP;
END
$$;

\echo '== measuring in the server, the call alone'
CALL bench.run(:rounds, :calls, :learners, false);
\echo '== measuring with a durable commit after each call'
CALL bench.run(:rounds, :calls / 5, :learners, true);

CREATE VIEW bench.median AS
SELECT report, peer,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY us_per_call) AS us,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY wal_per_call) AS wal
FROM bench.result GROUP BY report, peer;

\echo
\echo 'One connection, 100 progress rows a learner: medians of the rounds'
SELECT report,
	CASE peer
		WHEN 'a' THEN '(a) plain upsert'
		WHEN 'b' THEN '(b) PL/pgSQL: checks, then upsert'
		WHEN 'b2' THEN '(b2) PL/pgSQL: the steps of (c)'
		WHEN 'c' THEN '(c) record_progress' END AS peer,
	round(1e6 / us) AS "calls/s", round(wal) AS "WAL bytes/call"
FROM bench.median ORDER BY report, median.peer;

\echo 'How many times as fast record_progress is: ratios of the medians'
SELECT c.report,
	round((a.us / c.us)::numeric, 2) AS "than (a)",
	round((b.us / c.us)::numeric, 2) AS "than (b)",
	round((b2.us / c.us)::numeric, 2) AS "than (b2)"
FROM bench.median AS c
JOIN bench.median AS a ON a.report = c.report AND a.peer = 'a'
JOIN bench.median AS b ON b.report = c.report AND b.peer = 'b'
JOIN bench.median AS b2 ON b2.report = c.report AND b2.peer = 'b2'
WHERE c.peer = 'c' ORDER BY c.report;
