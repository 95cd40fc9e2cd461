# 053_direct_paths: what a report becomes is the same in C as in SQL, for a million pairs
# of row and report; so are the percentages of thousands of learners and courses, the pages
# of these, the reports on them, and the lessons that are next. What SQL reads may be read by
# parallel workers. What is written directly is replicated, and another table access method
# is left to SQL.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('direct');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

chomp(my $headers = `pg_config --includedir-server`);
my @compile = ('gcc', '-Wall', '-Werror', '-fPIC', '-shared', '-I', $headers, '-o', "$folder/advance.so", "$FindBin::RealBin/../advance/advance.c");
my $said;
ok(IPC::Run::run(\@compile, '>&', \$said), 'the rule in C is built') or BAIL_OUT($said);

# Few different values, so that many are equal.
$node->safe_psql('postgres', <<"END");
CREATE FUNCTION advance_sql() RETURNS text LANGUAGE c AS '$folder/advance.so';
CREATE FUNCTION advance_c(integer, timestamptz, integer, timestamptz, integer, timestamptz, integer,
	OUT watched_pct integer, OUT last_watched timestamptz, OUT position_seconds integer, OUT started_at timestamptz)
LANGUAGE c AS '$folder/advance.so';
CREATE UNLOGGED TABLE pairs AS
SELECT r.*, c.watched_pct AS c_pct, c.last_watched AS c_at, c.position_seconds AS c_position, c.started_at AS c_started
FROM (SELECT (random() * 9)::integer AS watched_pct, times[1 + random() * 6] AS last_watched,
		CASE WHEN random() < 0.8 THEN (random() * 5)::integer END AS position_seconds,
		CASE WHEN random() < 0.8 THEN times[1 + random() * 6] END AS started_at,
		(random() * 9)::integer AS r_pct, times[1 + random() * 6] AS r_at,
		CASE WHEN random() < 0.8 THEN (random() * 5)::integer END AS r_position
	FROM generate_series(1, 1000000),
		(SELECT '{-infinity, 2026-01-01, 2026-01-01 00:00:00.000001, 2026-01-02, 2026-01-03, 2026-01-04, infinity}'::timestamptz[] AS times) AS t
	OFFSET 0) AS r,
	advance_c(watched_pct, last_watched, position_seconds, started_at, r_pct, r_at, r_position) AS c;
END
is($node->safe_psql('postgres', "SELECT advance_sql() \\gexec\n" . <<'END'), "1000000|0\nt", 'SQL leaves each row as C does');
SELECT count(*), count(*) FILTER (WHERE (watched_pct, last_watched, position_seconds, started_at)
	IS DISTINCT FROM (c_pct, c_at, c_position, c_started)) FROM pairs;
SELECT count(DISTINCT (watched_pct, last_watched, position_seconds)) > 300 FROM pairs;
END

# Courses of up to 40 lessons, some of them drafts or optional, with modules that are empty;
# one learner in ten has begun most lessons of the others as well.
new_database($node, 'courses', 'public');
$node->safe_psql('courses', <<'END');
SELECT setseed(0.5);
INSERT INTO auth.users (id) SELECT md5('learner ' || n)::uuid FROM generate_series(1, 60) AS n;
INSERT INTO courses (title, slug, is_published, is_sequential, tier_required)
SELECT 'Course', n, true, random() < 0.4, CASE WHEN random() < 0.2 THEN 'pro' ELSE 'free' END FROM generate_series(1, 100) AS n;
INSERT INTO modules (course_id, title, sort_order, unlock_at, unlock_after)
SELECT c.id, 'Module', random() * 3, CASE WHEN random() < 0.1 THEN now() + (random() - 0.5) * interval '1 year' END, CASE WHEN random() < 0.1 THEN random() * interval '1 year' END
FROM courses AS c, generate_series(1, 5) AS n WHERE random() < 0.7;
INSERT INTO lessons (module_id, title, is_required, is_published, is_preview, sort_order, duration_seconds, mux_playback_id, unlock_at, unlock_after)
SELECT m.id, 'Lesson', random() < 0.7, random() < 0.8, random() < 0.1, random() * 5, CASE WHEN random() < 0.7 THEN 50 + random() * 50 END, 'p' || random(),
	CASE WHEN random() < 0.1 THEN now() + (random() - 0.5) * interval '1 year' END, CASE WHEN random() < 0.1 THEN random() * interval '1 year' END
FROM (SELECT id, random() * 8 AS lessons FROM modules WHERE random() < 0.8 OFFSET 0) AS m, generate_series(1, m.lessons::integer);
SET session_replication_role = replica;
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, last_watched, completed_at, position_seconds)
SELECT u.id, l.id, random() * 100, random() < 0.5, now() - random() * interval '60 days', CASE WHEN random() < 0.4 THEN now() - random() * interval '1 year' END,
	CASE WHEN random() < 0.8 THEN random() * 100 END
FROM (SELECT id, CASE WHEN random() < 0.1 THEN 0.9 ELSE random() * 0.2 END AS part FROM auth.users OFFSET 0) AS u, lessons AS l
WHERE random() < u.part;
INSERT INTO enrollments (user_id, course_id, enrolled_at, completed_at, expires_at, granted)
SELECT u.id, c.id, now() - random() * interval '1 year', CASE WHEN random() < 0.1 THEN now() END,
	CASE WHEN random() < 0.1 THEN now() + (random() - 0.5) * interval '1 year' END, random() < 0.3
FROM auth.users AS u, courses AS c WHERE random() < 0.4;
RESET session_replication_role;
CREATE FUNCTION answer(direct boolean, course uuid, learner uuid) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('content_library.direct_paths', direct::text, false);
	RETURN course_completion(course, learner);
END $$;
-- As the service, and as the learner, whom a tier keeps out.
CREATE FUNCTION courses_of(direct boolean, learner uuid, as_service boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('content_library.direct_paths', direct::text, false),
		set_config('request.jwt.claims', json_build_object('sub', learner)::text, false);
	RETURN QUERY SELECT p::text FROM course_progress(CASE WHEN as_service THEN learner END) WITH ORDINALITY AS p;
END $$;
CREATE FUNCTION outline_of(direct boolean, course uuid, learner uuid, as_service boolean, OUT outline text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('content_library.direct_paths', direct::text, false),
		set_config('request.jwt.claims', json_build_object('sub', learner)::text, false),
		set_config('role', CASE WHEN as_service THEN 'service_role' ELSE 'authenticated' END, false);
	outline := course_outline(course, CASE WHEN as_service THEN learner END);
	RESET ROLE;
END $$;
CREATE FUNCTION report_of(direct boolean, course uuid, OUT summary text, OUT pages text) LANGUAGE plpgsql AS $$
DECLARE
	last uuid;
BEGIN
	PERFORM set_config('content_library.direct_paths', direct::text, false);
	summary := (SELECT s::text FROM course_summary(course) AS s);
	SELECT string_agg(r::text, E'\n'), (array_agg(user_id ORDER BY ordinality DESC))[1] INTO pages, last
	FROM course_report(course, 10) WITH ORDINALITY AS r;
	pages := concat_ws(E'\n', pages, (SELECT string_agg(r::text, E'\n') FROM course_report(course, 1000, last) WITH ORDINALITY AS r));
END $$;
CREATE TABLE answers AS
SELECT answer(true, c.id, u.id) AS direct, answer(false, c.id, u.id) AS by_sql FROM courses AS c, auth.users AS u;
END
is($node->safe_psql('courses', <<'END'), "6000|0\nt", 'the percentage of a course is the same in C as in SQL');
SELECT count(*), count(*) FILTER (WHERE direct IS DISTINCT FROM by_sql) FROM answers;
SELECT count(DISTINCT direct) > 40 AND count(*) FILTER (WHERE direct IS NULL) > 0 AND count(*) FILTER (WHERE direct = 100) > 0 FROM answers;
END
is($node->safe_psql('courses', <<'END'), "0\nt", 'the list of a learner\'s courses is the same');
CREATE TABLE listed AS
SELECT u.id, s AS as_service, courses_of(true, u.id, s) AS course FROM auth.users AS u, (VALUES (true), (false)) AS s (s);
SELECT count(*) FROM (
	(TABLE listed EXCEPT SELECT u.id, s, courses_of(false, u.id, s) FROM auth.users AS u, (VALUES (true), (false)) AS s (s))
	UNION ALL
	(SELECT u.id, s, courses_of(false, u.id, s) FROM auth.users AS u, (VALUES (true), (false)) AS s (s) EXCEPT TABLE listed)) AS different;
SELECT count(*) > 4000 AND count(DISTINCT course) > 2000 FROM listed;
END
is($node->safe_psql('courses', <<'END'), "0\nt", 'the page of a course is the same');
CREATE TABLE outlines AS
SELECT outline_of(true, c.id, u.id, s) AS direct, outline_of(false, c.id, u.id, s) AS by_sql
FROM courses AS c, auth.users AS u, (VALUES (true), (false)) AS s (s);
SELECT count(*) FROM outlines WHERE direct IS DISTINCT FROM by_sql;
SELECT count(DISTINCT direct) > 1500 AND bool_or(direct LIKE '%"reason":"date"%') AND bool_or(direct LIKE '%"reason":"tier"%')
	AND bool_or(direct LIKE '%"reason":"sequence"%') AND bool_or(direct LIKE '%"status":"completed"%"status":"in_progress"%') FROM outlines;
END
is($node->safe_psql('courses', <<'END'), "0\nt", 'the reports on a course are the same');
CREATE TABLE reported AS
SELECT d.summary = s.summary AND d.pages = s.pages AS same, d.*
FROM courses AS c, report_of(true, c.id) AS d, report_of(false, c.id) AS s;
SELECT count(*) FILTER (WHERE same IS NOT TRUE) FROM reported;
SELECT count(DISTINCT summary) > 50 AND max(length(pages)) > 2000 FROM reported;
END

# As for a course of a hundred thousand learners, which these tables have not.
my $workers = join '', map { "SET $_;" } 'min_parallel_table_scan_size = 0', 'min_parallel_index_scan_size = 0', 'parallel_setup_cost = 0',
	'parallel_tuple_cost = 0';
my $course = $node->safe_psql('courses', 'SELECT m.course_id FROM modules AS m JOIN lessons AS l ON l.module_id = m.id GROUP BY 1 ORDER BY count(*) DESC LIMIT 1');
my $ask = "SET ROLE service_role; SELECT count(*) > 1, md5(string_agg(r::text, ',')) FROM lesson_report('$course') AS r";
my $alone = $node->safe_psql('courses', "SET max_parallel_workers_per_gather = 0; $ask");
my $start = -s $node->logfile;
is($node->safe_psql('courses', "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
	SET auto_explain.log_nested_statements = on; $workers $ask"), $alone, 'the report on lessons is the same with parallel workers');
like(substr(slurp_file($node->logfile), $start), qr/Workers Launched: [1-9]/, 'which are there');
like($alone, qr/^t/, 'and there are lessons');

# What a subscriber gets, with either identity of a row.
new_database($node, 'app', 'public');
fill($node, 'app', 'public');
my $learner = learner(2);
my $lesson = $node->safe_psql('app', "SELECT lesson_id FROM content_progress WHERE user_id = '$learner' AND watched_pct < 60 LIMIT 1");
$node->safe_psql('app', "CREATE PUBLICATION p FOR TABLE content_progress; SELECT pg_create_logical_replication_slot('s', 'test_decoding')");
foreach my $identity ('DEFAULT', 'FULL')
{
	my $pct = $identity eq 'FULL' ? 75 : 70;

	$node->safe_psql('app', "ALTER TABLE content_progress REPLICA IDENTITY $identity");
	my $done = $node->safe_psql('app', as_user($learner) . "SELECT (record_progress('$lesson', $pct)).watched_pct; RESET ROLE;
		SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'UPDATE%'");
	is($done, "$pct\n0", "a report is written directly, REPLICA IDENTITY $identity");
	my $changes = $node->safe_psql('app', "SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL)");
	like($changes, qr/content_progress: UPDATE: .*watched_pct\[integer\]:$pct /, 'and decoded');
	is(scalar($changes =~ /old-key: .*watched_pct/), $identity eq 'FULL' ? 1 : '', 'with the old row if that tells rows apart');
}

# A table that is stored by another access method is reached by SQL alone. Rewriting a table for
# one would need indexes, which only the heap can build.
$node->safe_psql('app', <<"END");
CREATE FUNCTION other_heap(internal) RETURNS table_am_handler LANGUAGE c AS '$folder/advance.so';
CREATE ACCESS METHOD other_heap TYPE TABLE HANDLER other_heap;
SET allow_system_table_mods = on;
UPDATE pg_class SET relam = (SELECT oid FROM pg_am WHERE amname = 'other_heap') WHERE oid = 'content_progress'::regclass;
END
foreach my $of (['a row that is there', "SELECT (record_progress('$lesson', 80)).watched_pct", 80, 'SELECT ROW(p.id%', 'UPDATE%'],
	['the percentage', "SELECT course_completion(m.course_id) IS NOT NULL FROM lessons AS l JOIN modules AS m ON m.id = l.module_id WHERE l.id = '$lesson'", 't', 'SELECT (SELECT (100 *%'])
{
	my ($what, $call, $answer, @queries) = @$of;
	my $named = join ' OR ', map { "ident LIKE '$_'" } @queries;

	is($node->safe_psql('app', as_user($learner) . "$call; RESET ROLE;
		SELECT count(DISTINCT left(ident, 6)) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ($named)"),
		"$answer\n" . @queries, "another access method: $what");
}

done_testing();
