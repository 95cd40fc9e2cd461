# 013_many_devices: R1, R2, R10. Eight connections report, reset, enroll and move
# lessons at once, all of one learner and course, for ten seconds: no error of any
# kind, and what is left is what one after the other could have left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use JSON::XS;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $ann = learner(1);
my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('devices');
$node->init;
$node->append_conf('postgresql.conf', "deadlock_timeout = 20ms\nlog_line_prefix = '%e '\nlog_min_messages = error");
$node->start;

# 9 required lessons and 3 optional ones, in random order on disk.
new_database($node, 'app', 'public');
$node->safe_psql('app', LibraryTest::users_sql() . <<"END");
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO authenticated, service_role;
INSERT INTO courses (title, slug, is_published) VALUES ('Devices', 'devices', true);
INSERT INTO modules (course_id, title, sort_order) SELECT id, 'Module ' || n, n FROM courses, generate_series(1, 3) AS n;
INSERT INTO lessons (module_id, title, sort_order, is_required)
SELECT id, title || ', lesson ' || n, n, n > 1 FROM modules, generate_series(1, 4) AS n ORDER BY random();
INSERT INTO enrollments (user_id, course_id) SELECT '$ann', id FROM courses;

-- What has been reported.
CREATE TABLE test.reported (lesson_id uuid, watched_pct integer);
GRANT INSERT ON test.reported TO authenticated;
-- In the first phase anything; in the second ever more, from 0 to 100 in five seconds.
CREATE TABLE test.phase (since timestamptz);
GRANT SELECT ON test.phase TO authenticated;
CREATE FUNCTION test.percent() RETURNS integer LANGUAGE sql VOLATILE AS \$\$
	SELECT CASE WHEN since IS NULL THEN least(100, random() * 120)
		ELSE least(100, greatest(0, extract(epoch FROM clock_timestamp() - since) * 22 + random() * 40 - 40)) END::integer
	FROM test.phase
\$\$;
INSERT INTO test.phase VALUES (NULL);
END

# What the devices do, each in a transaction of its own, as PostgREST runs it.
my %requests = (
	batch => [ 'authenticated', <<'END' ],
WITH reports AS MATERIALIZED (
	SELECT id, test.percent() AS percent FROM lessons ORDER BY random() LIMIT 1 + floor(random() * 12)::int
), kept AS (INSERT INTO test.reported SELECT * FROM reports)
SELECT count(*) FROM record_progress_batch((
	SELECT jsonb_agg(jsonb_build_object('lesson_id', id, 'watched_pct', percent, 'position_seconds', 6 * percent)
		ORDER BY random()) FROM reports));
END
	single => [ 'authenticated', <<'END' ],
WITH report AS MATERIALIZED (SELECT id, test.percent() AS percent FROM lessons ORDER BY random() LIMIT 1),
kept AS (INSERT INTO test.reported SELECT * FROM report)
SELECT p.watched_pct FROM report, record_progress(report.id, percent) AS p;
END
	enroll => [ 'authenticated', 'SELECT (enroll(id)).completed_at FROM courses;' ],
	outline => [ 'authenticated', 'SELECT course_outline(id), next_lesson(id) FROM courses;' ],
	reset => [ 'authenticated', 'SELECT reset_progress(id) FROM courses;' ],
	recompute => [ 'service_role', 'SELECT recompute_completion(id) FROM courses;' ],
	move_lesson => [ 'service_role', <<'END' ],
SELECT (move_lesson(l.id, m.id)).sort_order
FROM (SELECT id FROM lessons ORDER BY random() LIMIT 1) AS l, (SELECT id FROM modules ORDER BY random() LIMIT 1) AS m;
END
	move_module => [ 'service_role', 'SELECT (move_module(id)).sort_order FROM modules ORDER BY random() LIMIT 1;' ]);

foreach my $name (keys %requests)
{
	my ($role, $statement) = @{ $requests{$name} };

	$statement =~ s/\n/ /g;
	append_to_file("$folder/$name.sql", <<"END");
BEGIN;
SELECT set_config('role', '$role', true), set_config('request.jwt.claims', '{"sub": "$ann", "role": "$role"}', true);
$statement
COMMIT;
END
}

# Runs requests, NAME => weight, on 8 connections for 5 seconds; returns how many.
sub run_devices
{
	my ($phase, %weights) = @_;
	my ($out, $err) = run_command([ 'pgbench', '-n', '-c8', '-j2', '-T5', '-d', $node->connstr('app'),
		map { ('-f', "$folder/$_.sql\@$weights{$_}") } sort keys %weights ]);
	my ($count) = $out =~ /actually processed: (\d+)/;

	unlike($err, qr/abort|ERROR/, "$phase: every connection lasted to the end");
	return $count // 0;
}

# The errors that the server has logged since the last call, counted.
my $seen = 0;
sub errors
{
	my $log = slurp_file($node->logfile, $seen);
	my %count;

	$seen += length $log;
	$count{$_}++ foreach $log =~ /^(\w{5} (?:ERROR|FATAL|PANIC): .*)$/mg;
	return join "\n", map { "$count{$_} x $_" } sort keys %count;
}

# A session that listens; asked for its events so far, it prints them.
my ($in, $out) = ('', '');
my $listener = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app') ], '<', \$in, '>', \$out);

sub ask_listener
{
	my ($marker) = @_;

	$in .= "SELECT pg_sleep(0.2);\n\\echo $marker\n";
	$listener->pump until $out =~ /^$marker$/m;
	my @events = map { decode_json($_) } $out =~ /notification "content_library" with payload "(\{.*?\})" received/g;
	$out = '';
	return @events;
}

$in .= "LISTEN content_library;\n";
ask_listener('listening');

# What is wrong with the course and its order, in words.
my $faults_sql = <<'END';
SELECT 'not 12 lessons' WHERE (SELECT count(*) FROM lessons) <> 12
UNION ALL
SELECT 'lessons not dense' FROM lessons GROUP BY module_id
HAVING min(sort_order) <> 1 OR max(sort_order) <> count(*) OR count(DISTINCT sort_order) <> count(*)
UNION ALL
SELECT 'modules not dense' FROM modules
HAVING min(sort_order) <> 1 OR max(sort_order) <> count(*) OR count(DISTINCT sort_order) <> count(*)
UNION ALL
SELECT 'completed without a time, or a time without' FROM content_progress WHERE completed <> (completed_at IS NOT NULL)
UNION ALL
SELECT 'not completed as watched: ' || watched_pct FROM content_progress WHERE completed <> (watched_pct >= 90)
UNION ALL
SELECT 'percentage ' || coalesce(course_completion(course_id, user_id), -1) || ', completed: ' || (completed_at IS NOT NULL)
FROM enrollments WHERE (course_completion(course_id, user_id) = 100) <> (completed_at IS NOT NULL)
END

sub completed_at
{
	return $node->safe_psql('app', "SELECT to_json(completed_at)#>>'{}' FROM enrollments");
}

# 1. With resets: a course that is completed at the end has its one event.
my $requests = run_devices('with resets', batch => 6, single => 6, enroll => 1, outline => 1, reset => 1,
	recompute => 1, move_lesson => 2, move_module => 2);
my @events = ask_listener('first');
my %sent;
$sent{ $_->{completed_at} }++ foreach @events;

note("$requests requests, " . scalar(@events) . ' completions');
cmp_ok($requests, '>', 500, 'with resets: there was something to do');
cmp_ok(scalar @events, '>', 1, 'with resets: completed more than once');
is(errors(), '', 'with resets: no error');
is($node->safe_psql('app', $faults_sql), '', 'with resets: the rows agree');
is(join(' ', grep { $sent{$_} > 1 } keys %sent), '', 'with resets: no event twice');
is($sent{ completed_at() } // 0, completed_at() ? 1 : 0, 'with resets: completed with its event');

# 2. Without: the highest percentages stay, and the course is completed once.
$node->safe_psql('app', "SET ROLE service_role; SELECT reset_progress(id, '$ann') FROM courses; RESET ROLE;
	TRUNCATE test.reported; UPDATE test.phase SET since = clock_timestamp()");
is(completed_at(), '', 'a reset course is not completed');
ask_listener('reset');
$requests = run_devices('without resets', batch => 6, single => 6, enroll => 1, outline => 1,
	recompute => 1, move_lesson => 2, move_module => 2);
@events = ask_listener('second');

note("$requests requests");
cmp_ok($requests, '>', 500, 'without resets: there was something to do');
is(errors(), '', 'without resets: no error');
is($node->safe_psql('app', $faults_sql), '', 'without resets: the rows agree');
is($node->safe_psql('app', <<"END"), '', 'each lesson stands at the highest percentage reported');
SELECT r.lesson_id, r.highest, p.watched_pct
FROM (SELECT lesson_id, max(watched_pct) AS highest FROM test.reported GROUP BY 1) AS r
FULL JOIN content_progress AS p USING (lesson_id)
WHERE r.highest IS DISTINCT FROM p.watched_pct
END
is(scalar @events, 1, 'one event');
is($events[0]{completed_at}, completed_at(), 'at the time that the enrollment has');

$in .= "\\q\n";
$listener->finish;
done_testing();
