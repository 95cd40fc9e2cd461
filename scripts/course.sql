-- course.sql: shows a course in a few calls, as text: its page, a learner who
-- completes it and gets one notice, and another learner who cannot read her rows.
-- For psql -At, on a database with content_library and nothing in it.

\set ann a0000000-0000-4000-8000-000000000001
\set ben a0000000-0000-4000-8000-000000000002
\set course c0000000-0000-4000-8000-000000000001
\set dovetail e0000000-0000-4000-8000-000000000001
\set mortise e0000000-0000-4000-8000-000000000002

INSERT INTO courses (id, title, slug, is_published)
VALUES (:'course', 'Woodworking', 'woodworking', true);

INSERT INTO modules (id, course_id, title)
VALUES ('d0000000-0000-4000-8000-000000000001', :'course', 'Joints');

INSERT INTO lessons (id, module_id, title, sort_order, duration_seconds) VALUES
	(:'dovetail', 'd0000000-0000-4000-8000-000000000001', 'The dovetail', 1, 540),
	(:'mortise', 'd0000000-0000-4000-8000-000000000001', 'The mortise', 2, 480);

INSERT INTO auth.users (id, email) VALUES (:'ann', 'ann@example.com'), (:'ben', 'ben@example.com');

CREATE SCHEMA demo;
GRANT USAGE ON SCHEMA demo TO authenticated;

-- The course page of the learner who is signed in.
CREATE FUNCTION demo.page(course_id uuid) RETURNS text LANGUAGE sql AS $$
	SELECT format(E'  %s: %s %% completed\n%s', page ->> 'title', page ->> 'completion',
		string_agg(format('    %-14s %3s %% watched   %s', lesson ->> 'title',
			coalesce(lesson ->> 'watched_pct', '0'), replace(lesson ->> 'status', '_', ' ')), E'\n' ORDER BY place))
	FROM to_jsonb(course_outline(course_id)) AS page,
		jsonb_path_query(page, '$.modules[*].lessons[*]') WITH ORDINALITY AS l(lesson, place)
	GROUP BY page
$$;

-- The error that a statement gets.
CREATE FUNCTION demo.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'allowed';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;

-- Signs a learner in, as PostgREST does for each request.
\set ann_signs_in 'SET request.jwt.claims = \'{"sub": "' :ann '", "role": "authenticated"}\';'
\set ben_signs_in 'SET request.jwt.claims = \'{"sub": "' :ben '", "role": "authenticated"}\';'

LISTEN content_library;
SET ROLE authenticated;
:ann_signs_in

\echo
\echo 'Ann enrolls, and opens the page of the course:'
SELECT demo.page(course_id) FROM enroll(:'course');

\echo
\echo 'The player reports 42 % of the first lesson, then 95 %; Ann seeks back, and it reports 10 %:'
SELECT format('  42 %% reported: %s %% kept', watched_pct) FROM record_progress(:'dovetail', 42, 227);
SELECT format('  95 %% reported: %s %% kept, completed: a lesson counts from %s %%', watched_pct, completion_threshold(lesson_id))
FROM record_progress(:'dovetail', 95, 513);
SELECT format('  10 %% reported: %s %% kept, and the position %s s to go on from', watched_pct, position_seconds)
FROM record_progress(:'dovetail', 10, 54);

\echo
\echo 'Two devices report the end of the second lesson. The course is completed by the'
\echo 'first report, the server is notified once:'
SELECT format('  %s %% reported', watched_pct) FROM record_progress(:'mortise', 100, 480);
SELECT format('  completed at %s', completed_at) AS first_time FROM enrollments \gset
SELECT format('  %s %% reported', watched_pct) FROM record_progress(:'mortise', 100, 480);
SELECT CASE format('  completed at %s', completed_at) WHEN :'first_time'
	THEN :'first_time' ELSE 'completed twice' END FROM enrollments;
SELECT demo.page(:'course');

\echo
\echo 'Ben signs in. Ann''s rows are not there for him, to read or to write:'
:ben_signs_in
SELECT format('  rows of progress that Ben sees: %s', count(*)) FROM content_progress;
WITH changed AS (UPDATE content_progress SET watched_pct = 0 RETURNING 1)
SELECT format('  rows of progress that Ben can change: %s', count(*)) FROM changed;
SELECT format('  Ben reports as Ann: %s',
	demo.refusal(format('SELECT record_progress(%L, 50, user_id => %L)', :'mortise', :'ann')));
SELECT format('  Ben reports without being enrolled: %s',
	demo.refusal(format('SELECT record_progress(%L, 50)', :'mortise')));
SELECT format('  Ben writes himself a certificate: %s',
	demo.refusal(format('INSERT INTO enrollments (user_id, course_id, completed_at) VALUES (%L, %L, now())', :'ben', :'course')));
