-- data.sql: fills the library, and beside it the plan's own tables with the same rows. Run by bench/measure, which sets :learners.
--
-- 100 progress rows a learner: 20 in course 0, which all are in, and 16 in each
-- of five courses, of 1,000 learners each. Learners 1 to 10 are also in
-- courses -1 to -14, and have begun every lesson there. Every third lesson that
-- was begun is completed, but in course -14.

SET client_min_messages = warning;

CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO authenticated, service_role;

CREATE FUNCTION bench.learner(n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('learner ' || n)::uuid $$;
CREATE FUNCTION bench.course(c bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('course ' || c)::uuid $$;
CREATE FUNCTION bench.module(c bigint, m bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('module ' || c || ' ' || m)::uuid $$;
CREATE FUNCTION bench.lesson(c bigint, l bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('lesson ' || c || ' ' || l)::uuid $$;
-- The primary key of a learner's row about a lesson.
CREATE FUNCTION bench.row_of(who uuid, lesson uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5(who || ' ' || lesson)::uuid $$;

-- The k-th (0 to 4) of the five courses of learner n.
SELECT greatest(:learners / 200, 5) AS courses \gset
SELECT format('CREATE FUNCTION bench.course_of(n bigint, k bigint) RETURNS bigint
	LANGUAGE sql IMMUTABLE AS $f$ SELECT 1 + (n + k * %s) %% %s $f$', :courses / 5, :courses) \gexec

-- The claims of a token as Supabase Auth issues it after a sign-in with Google.
CREATE FUNCTION bench.claims(who uuid) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT replace('{"iss": "https://abcdefghijklmnopqrst.example/auth/v1", "sub": "WHO",
		"aud": "authenticated", "exp": 1799999999, "iat": 1799996399, "email": "learner@example.com", "phone": "",
		"app_metadata": {"provider": "google", "providers": ["google"]},
		"user_metadata": {"avatar_url": "https://images.example/a/ACg8ocKq2Zb1xVnT0sYw3LrQmUeHf7Jd5PkXiOaBcNvGt9R=s96-c",
			"email": "learner@example.com", "email_verified": true, "full_name": "A. Learner",
			"iss": "https://accounts.example", "name": "A. Learner", "phone_verified": false,
			"picture": "https://images.example/a/ACg8ocKq2Zb1xVnT0sYw3LrQmUeHf7Jd5PkXiOaBcNvGt9R=s96-c",
			"provider_id": "123456789012345678901", "sub": "123456789012345678901"},
		"role": "authenticated", "aal": "aal1", "amr": [{"method": "oauth", "timestamp": 1799996399}],
		"session_id": "6c1f0f0e-7c53-4b0b-9f1d-2f5f6f3f8a10", "is_anonymous": false}', 'WHO', who::text)
$$;

INSERT INTO auth.users (id)
SELECT bench.learner(n) FROM generate_series(1, :learners) AS n;

-- 50 lessons in five modules; course -14 has 100. With few learners, too, there
-- are 500 courses: so a look-up in them costs the same as with many.
CREATE TABLE bench.courses AS
SELECT c, CASE WHEN c = -14 THEN 100 ELSE 50 END AS lessons FROM generate_series(-14, greatest(:courses, 500)) AS c;
INSERT INTO public.courses (id, title, slug, description, is_published)
SELECT bench.course(c), 'Course ' || c, 'course-' || c, repeat('What it is about. ', 10), true
FROM bench.courses;
INSERT INTO public.modules (id, course_id, title, sort_order)
SELECT bench.module(c, m), bench.course(c), 'Module ' || m, m
FROM bench.courses, generate_series(0, lessons / 10 - 1) AS m;
INSERT INTO public.lessons (id, module_id, title, description, sort_order, duration_seconds,
	mux_upload_id, mux_asset_id, mux_playback_id, mux_status)
SELECT bench.lesson(c, l), bench.module(c, l / 10), 'Lesson ' || l, repeat('What it is about. ', 10), l % 10, 600,
	'upload' || c || l || repeat('u', 40), 'asset' || c || l || repeat('a', 40),
	'playback' || c || l || repeat('p', 40), 'ready'
FROM bench.courses, generate_series(0, lessons - 1) AS l;

-- What is measured of seconds seen is about a video of an hour, the first of a course.
UPDATE public.lessons SET duration_seconds = 3600 WHERE title = 'Lesson 0';
CREATE FUNCTION bench.first_lesson(course uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
	SELECT l.id FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id
	WHERE m.course_id = course AND l.title = 'Lesson 0'
$$;

-- Who is in which course, and has begun how many lessons there.
CREATE TABLE bench.enrolled AS
SELECT n, 0 AS c, 20 AS lessons FROM generate_series(1, :learners) AS n
UNION ALL
SELECT n, bench.course_of(n, k), 16 FROM generate_series(1, :learners) AS n, generate_series(0, 4) AS k
UNION ALL
SELECT n, courses.c, courses.lessons FROM generate_series(1, 10) AS n, bench.courses WHERE courses.c < 0;
ALTER TABLE bench.enrolled ADD COLUMN who uuid, ADD COLUMN course uuid;
UPDATE bench.enrolled SET who = bench.learner(n), course = bench.course(c);

-- Rows made here need no check; it would take most of the time.
SET session_replication_role = replica;
INSERT INTO public.enrollments (user_id, course_id)
SELECT who, course FROM bench.enrolled;

-- In the order of time, not of the learner: a learner's rows lie far apart.
INSERT INTO public.content_progress
	(id, user_id, lesson_id, watched_pct, completed, completed_at, last_watched, position_seconds, watched)
SELECT bench.row_of(who, lesson), who, lesson,
	CASE WHEN done THEN 100 ELSE 0 END, done, CASE WHEN done THEN at END, at, 100,
	CASE WHEN l = 0 THEN int4multirange(int4range(0, e.n * 31 % 3601), int4range(e.n * 17 % 3600, 3600)) ELSE '{}' END
FROM generate_series(0, 99) AS l
CROSS JOIN LATERAL (SELECT * FROM bench.enrolled AS e WHERE l < e.lessons) AS e
CROSS JOIN LATERAL (SELECT bench.lesson(e.c, l) AS lesson, l % 3 = 0 AND e.c > -14 AS done,
	timestamptz '2026-01-01' + (l * 100 + e.n % 100) * interval '1 min' AS at) AS d;

-- The plan's tables, as an app has them without us.
INSERT INTO plan.users SELECT id FROM auth.users;
INSERT INTO plan.courses (id, title, slug, description, is_published)
SELECT id, title, slug, description, is_published FROM public.courses;
INSERT INTO plan.modules (id, course_id, title, sort_order)
SELECT id, course_id, title, sort_order FROM public.modules;
INSERT INTO plan.lessons (id, module_id, title, description, sort_order, duration_seconds,
	mux_upload_id, mux_asset_id, mux_playback_id, mux_status)
SELECT id, module_id, title, description, sort_order, duration_seconds,
	mux_upload_id, mux_asset_id, mux_playback_id, mux_status FROM public.lessons;
INSERT INTO plan.enrollments (user_id, course_id)
SELECT user_id, course_id FROM public.enrollments;
INSERT INTO plan.content_progress (id, user_id, lesson_id, watched_pct, completed, last_watched)
SELECT id, user_id, lesson_id, watched_pct, completed, last_watched FROM public.content_progress;
RESET session_replication_role;

-- The starter pattern: whenever progress changes, a trigger computes the
-- percentage of the enrollment again. Switched on while it is measured.
SET client_min_messages = error;
ALTER TABLE public.enrollments ADD COLUMN starter_pct integer;
SET client_min_messages = warning;
CREATE FUNCTION bench.starter() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	course uuid;
BEGIN
	SELECT m.course_id INTO course
	FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id
	WHERE l.id = NEW.lesson_id;

	UPDATE public.enrollments AS e
	SET starter_pct = (
		SELECT round(100.0 * count(*) FILTER (WHERE p.completed) / count(*))
		FROM public.modules AS m JOIN public.lessons AS l ON l.module_id = m.id
		LEFT JOIN public.content_progress AS p ON p.lesson_id = l.id AND p.user_id = NEW.user_id
		WHERE m.course_id = course)
	WHERE e.user_id = NEW.user_id AND e.course_id = course;
	RETURN NULL;
END
$$;
CREATE TRIGGER starter AFTER INSERT OR UPDATE ON public.content_progress
	FOR EACH ROW EXECUTE FUNCTION bench.starter();
ALTER TABLE public.content_progress DISABLE TRIGGER starter;

-- A learner's 100 reports on the lessons of course -14, by 100 calls or a batch:
-- the microseconds that they take.
CREATE FUNCTION bench.report(peer text, n bigint, pct integer) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
	lessons	uuid[] := ARRAY(SELECT bench.lesson(-14, l) FROM generate_series(0, 99) AS l);
	reports	jsonb := (
		SELECT jsonb_agg(jsonb_build_object('lesson_id', l, 'watched_pct', pct, 'position_seconds', pct))
		FROM unnest(lessons) AS l);
	began	timestamptz;
BEGIN
	PERFORM set_config('request.jwt.claims', bench.claims(bench.learner(n)), false);
	began := clock_timestamp();
	IF peer = 'single' THEN
		FOR l IN 1 .. 100 LOOP
			PERFORM public.record_progress(lessons[l], pct, pct);
		END LOOP;
	ELSE
		PERFORM * FROM public.record_progress_batch(reports);
	END IF;
	RETURN 1e6 * extract(epoch FROM clock_timestamp() - began);
END
$$;

-- A day of 1,000 learners, from one on: an hour and a half each at some time of
-- the day, video after video of 5 to 60 minutes, a report every ten seconds. The
-- first two lessons were begun before, in the course that other workloads report
-- on least.
CREATE TABLE bench.day (t integer, n bigint, who uuid, lesson uuid, pct integer, pos integer);
GRANT SELECT ON bench.day TO authenticated;
CREATE FUNCTION bench.make_day(first_learner bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.5);
	TRUNCATE bench.day;
	INSERT INTO bench.day
	WITH RECURSIVE learner AS MATERIALIZED (
		SELECT n, (random() * 80000)::integer AS begins FROM generate_series(first_learner, first_learner + 999) AS n
	), video AS (
		SELECT n, begins, begins AS starts, 14 AS l, (300 + random() * 3300)::integer AS duration FROM learner
		UNION ALL
		SELECT n, begins, starts + duration, l + 1, (300 + random() * 3300)::integer
		FROM video WHERE starts + duration < begins + 5400
	)
	SELECT starts + pos, n, bench.learner(n), bench.lesson(bench.course_of(n, 3), l), 100 * pos / duration, pos
	FROM video, generate_series(10, least(duration, begins + 5400 - starts), 10) AS pos;
	CREATE INDEX IF NOT EXISTS day_t ON bench.day (t);
	ANALYZE bench.day;
END
$$;

VACUUM (FREEZE, ANALYZE);
