# 009_course_completed: R10. The one place where the library acts as the owner of
# the tables: one event for each completion, however many devices there are, and
# nothing that a learner, or an owner's own trigger, can make of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ann, $ben) = (learner(1), learner(2));
my $node = start_node('course_completed');

# Installed by an ordinary owner, so that nothing is allowed for being a superuser's.
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', supabase_sql() . LibraryTest::users_sql() . <<'SQL');
CREATE ROLE keeper NOSUPERUSER NOBYPASSRLS;
CREATE ROLE authenticator NOINHERIT LOGIN;
GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role TO keeper;
GRANT CREATE ON DATABASE app TO keeper;
GRANT USAGE, CREATE ON SCHEMA public TO keeper;
GRANT USAGE ON SCHEMA auth TO keeper;
GRANT REFERENCES ON auth.users TO keeper;
SET ROLE keeper;
CREATE EXTENSION content_library SCHEMA public;
SQL
is($node->safe_psql('app', "SELECT relowner::regrole FROM pg_class WHERE oid = 'public.enrollments'::regclass"),
	'keeper', 'the owner is no superuser');

# Makes a course of so many required lessons, in which learners 1 and 2 are
# enrolled; returns its id and those of its lessons.
my $courses = 0;

sub new_course
{
	my ($lessons) = @_;
	my $slug = 'course-' . ++$courses;
	my @ids = split /\n/, $node->safe_psql('app', <<"SQL");
WITH course AS (
	INSERT INTO courses (title, slug, is_published) VALUES ('$slug', '$slug', true) RETURNING id
), module AS (
	INSERT INTO modules (course_id, title) SELECT id, 'module' FROM course RETURNING id
), lesson AS (
	INSERT INTO lessons (module_id, title) SELECT id, n FROM module, generate_series(1, $lessons) AS n RETURNING id
), enrolled AS (
	INSERT INTO enrollments (user_id, course_id)
	SELECT u, id FROM course, unnest('{$ann, $ben}'::uuid[]) AS u
)
SELECT id FROM course UNION ALL SELECT id FROM lesson;
SQL
	return @ids;
}

# What the enrollment says: 'open', or the time in UTC to the microsecond.
sub completed_at
{
	my ($course, $user) = @_;

	return $node->safe_psql('app', <<"SQL");
SELECT coalesce(to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), 'open')
FROM enrollments WHERE course_id = '$course' AND user_id = '$user'
SQL
}

# Runs SQL as a learner in a session that listens; its output and error, and the
# payloads of the events.
sub listen_to
{
	my ($user, $sql) = @_;
	my ($code, $out, $err) = $node->psql('app',
		"LISTEN content_library;\n" . as_user($user) . "$sql\n;SELECT 1 \\g /dev/null\n",
		on_error_stop => 0, connstr => $node->connstr('app') . ' user=authenticator');

	return ($out, $err, events($out));
}

sub events
{
	return $_[0] =~ /^Asynchronous notification "content_library" with payload "(.*)" received/mg;
}

sub report
{
	my ($lesson, $percent) = @_;

	return "SELECT watched_pct FROM public.record_progress('$lesson', $percent);\n";
}

# A time as the payload has it, in UTC to the microsecond.
sub in_utc
{
	return $node->safe_psql('app', "SELECT to_char(timestamptz '$_[0]' AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')");
}

# One event, of these fields, by the report that completes; by nothing else.
{
	my ($course, @lessons) = new_course(2);
	my ($out, $err, @events) = listen_to($ann, report($lessons[0], 50) . report($lessons[0], 100)
		. report($lessons[0], 100) . report($lessons[1], 10) . report($lessons[1], 89));
	is_deeply(\@events, [], 'no event for heartbeats, nor for a finished lesson');

	($out, $err, @events) = listen_to($ann, "BEGIN;\n" . report($lessons[1], 100) . 'ROLLBACK;');
	is_deeply(\@events, [], 'none for a report that is rolled back');
	is(completed_at($course, $ann), 'open', 'which completes nothing');

	($out, $err, @events) = listen_to($ann, "BEGIN;\nSAVEPOINT s;\n" . report($lessons[1], 100) . "ROLLBACK TO s;\nCOMMIT;");
	is_deeply(\@events, [], 'none when it is rolled back to a savepoint');

	($out, $err, @events) = listen_to($ann, report($lessons[1], 90));
	is(scalar @events, 1, 'one event for the report that completes') or diag $out, $err;
	my $event = decode_json($events[0] // '{}');
	my $time = delete $event->{completed_at};
	is_deeply($event, { event => 'course_completed', course_id => $course, user_id => $ann }, 'its fields');
	like($time, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d$/, 'its time is ISO 8601');
	is(in_utc($time), completed_at($course, $ann), 'the time of the enrollment');
	is(completed_at($course, $ben), 'open', 'nobody else completes');

	($out, $err, @events) = listen_to($ann, report($lessons[1], 100) . report($lessons[1], 90) . report($lessons[0], 100));
	is_deeply(\@events, [], 'none for a second device, nor for watching again');
	is(in_utc($time), completed_at($course, $ann), 'and the time stays');
}

# From a file: what is fed to a process by hand arrives only while it is waited for.
sub start_psql
{
	my ($name, $sql, $out, $err, $timeout) = @_;
	my $file = $node->basedir . "/$name.sql";

	append_to_file($file, $sql);
	return IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('app'), '-f', $file ],
		'<', \undef, '>', $out, '2>', $err, $timeout);
}

# 8 connections finish the 8 lessons of a course at once, 30 times over. The
# control holds a lock for each round that all wait for, and listens.
{
	my ($rounds, $devices) = (30, 8);
	my @rounds = map { [ new_course($devices) ] } 1 .. $rounds;
	my $timeout = IPC::Run::timeout(180);

	my ($control_out, $control_err) = ('', '');
	my $control_sql = <<"SQL";
LISTEN content_library;
DO \$\$ BEGIN PERFORM pg_advisory_lock(n) FROM generate_series(1, $rounds) AS n; END \$\$;
DO \$\$
BEGIN
	FOR n IN 1..$rounds LOOP
		WHILE (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = n) < $devices LOOP
			PERFORM pg_sleep(0.001);
		END LOOP;
		PERFORM pg_advisory_unlock(n);
	END LOOP;
	PERFORM pg_advisory_lock($rounds + 1);
END
\$\$;
SELECT 1 \\g /dev/null
SQL
	my @devices;

	# The devices share the lock that the control waits for in the end: it listens until they have gone.
	my $control = start_psql('control', $control_sql, \$control_out, \$control_err, $timeout);
	$node->poll_query_until('app', "SELECT count(*) = $rounds FROM pg_locks WHERE locktype = 'advisory' AND granted")
		or die 'the control has no locks';
	foreach my $device (1 .. $devices)
	{
		my %device = (out => '', err => '');

		my $sql = "DO \$\$ BEGIN PERFORM pg_advisory_lock_shared($rounds + 1); END \$\$;\n" . as_user($ann) . join '', map
		{
			"DO \$\$ BEGIN PERFORM pg_advisory_lock_shared($_); END \$\$;\n" . report($rounds[ $_ - 1 ][$device], 100)
		} 1 .. $rounds;
		$device{run} = start_psql("device-$device", $sql, \$device{out}, \$device{err}, $timeout);
		push @devices, \%device;
	}
	foreach my $device (@devices)
	{
		$device->{run}->finish;
		is($device->{err}, '', 'a device meets no error');
		is($device->{out}, "100\n" x $rounds, 'and every report is answered');
	}
	$control->finish;
	is($control_err, '', 'the control has let each round go');

	my %times;
	push @{ $times{ $_->{course_id} } }, $_->{completed_at} foreach map { decode_json($_) } events($control_out);
	my @once = grep { @{ $times{ $_->[0] } // [] } == 1 && in_utc($times{ $_->[0] }[0]) eq completed_at($_->[0], $ann) } @rounds;
	is(scalar @once, $rounds, 'each round: one event, with the time of the enrollment');
	is(scalar keys %times, $rounds, 'and no other event');
}

# A hostile learner: whatever might stand in the way of a name, an operator or a
# cast of ours, in a schema of theirs and in pg_temp; each would say that it is used.
# Supabase's auth.uid() itself trusts the caller's path; that is not the subject here.
$node->safe_psql('app', 'ALTER FUNCTION auth.uid() SET search_path = pg_catalog;
	CREATE SCHEMA hostile; GRANT ALL ON SCHEMA hostile TO authenticated');
my ($out, $err, @events) = listen_to($ann, <<'SQL');
CREATE FUNCTION hostile.lie(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'used: = on uuid, as %', current_user; RETURN true; END $$;
CREATE FUNCTION hostile.lie(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'used: = on timestamptz, as %', current_user; RETURN true; END $$;
CREATE OPERATOR hostile.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = hostile.lie);
CREATE OPERATOR hostile.= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.lie);
CREATE FUNCTION hostile.json_build_object(text, text, text, uuid, text, uuid, text, timestamptz) RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'used: json_build_object, as %', current_user; RETURN '{}'; END $$;
CREATE FUNCTION hostile.text(json) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'used: text(json), as %', current_user; RETURN '{}'; END $$;
CREATE FUNCTION hostile.alarm() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'used: the table %.%, as %', TG_TABLE_SCHEMA, TG_TABLE_NAME, current_user; RETURN NEW; END $$;
CREATE DOMAIN hostile.uuid AS text;
CREATE TABLE hostile.pg_class (relname text);
SQL
is($err, '', 'the schema of a hostile learner is made');

# Decoys in which there is no lesson to finish.
my $decoys = join '', map
{
	my $schema = $_;
	map { <<"SQL" } qw(courses modules lessons enrollments content_progress)
CREATE TABLE IF NOT EXISTS $schema.$_ AS SELECT * FROM public.$_ WHERE '$_' <> 'lessons';
CREATE OR REPLACE TRIGGER alarm BEFORE INSERT OR UPDATE OR DELETE ON $schema.$_ FOR EACH STATEMENT EXECUTE FUNCTION hostile.alarm();
GRANT ALL ON $schema.$_ TO PUBLIC;
SQL
} qw(hostile pg_temp);
$decoys .= <<'SQL';
CREATE FUNCTION pg_temp.json_build_object(text, text, text, uuid, text, uuid, text, timestamptz) RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'used: pg_temp.json_build_object, as %', current_user; RETURN '{}'; END $$;
CREATE DOMAIN pg_temp.timestamptz AS text;
SQL

# Every setting of the path and of how things are written that they may set; a
# setting that this server does not have is passed over.
my $settings = <<'SQL';
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kathmandu';
SET IntervalStyle = 'sql_standard';
SET backslash_quote = on;
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SET array_nulls = off;
SET enable_indexscan = off;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET jit = off;	-- or these costs compile every query
SET plan_cache_mode = force_custom_plan;
SET check_function_bodies = off;
SET default_transaction_isolation = 'serializable';
SET synchronous_commit = off;
SELECT set_config(name, value, false)
FROM (VALUES ('force_parallel_mode', 'on'), ('debug_parallel_query', 'on'),
	('escape_string_warning', 'off'), ('standard_conforming_strings', 'off')) AS s(name, value)
JOIN pg_catalog.pg_settings USING (name)
WHERE name <> 'standard_conforming_strings' OR current_setting('server_version_num')::int < 190000	\g /dev/null
SET request.jwt.claim.sub = '';
SQL
my $zone = $node->safe_psql('app', 'SHOW TimeZone');
my $left = "SELECT concat_ws(' ', current_user, current_setting('search_path'), current_setting('request.jwt.claim.sub', true), current_setting('TimeZone'));\n";

($out, $err, @events) = listen_to($ann, "SET search_path = hostile, pg_catalog;
	SELECT '$ann'::pg_catalog.uuid = '$ben' \\g /dev/null\n");
like($err, qr/used: = on uuid, as authenticated/, 'the trap works');

foreach my $path ('hostile, pg_catalog', 'pg_temp, hostile, pg_catalog, public', 'hostile', 'pg_temp', 'public')
{
	my ($course, @lessons) = new_course(2);

	($out, $err, @events) = listen_to($ann, "$decoys$settings SET search_path = $path;\n"
		. report($lessons[0], 100) . report($lessons[1], 89)
		. "SELECT pg_catalog.count(*) FROM public.enrollments WHERE course_id OPERATOR(pg_catalog.=) '$course' AND completed_at IS NULL;\n"
		. report($lessons[1], 90) . "BEGIN;\n" . report($lessons[0], 100)
		. "SELECT pg_catalog.concat_ws(' ', current_user, pg_catalog.current_setting('search_path'),
			pg_catalog.current_setting('request.jwt.claim.sub'), pg_catalog.current_setting('TimeZone'));
		   CREATE TEMP TABLE still_mine ();
		   SET LOCAL ROLE service_role;
		   COMMIT;\n");
	$out =~ s/^Asynchronous.*\n?//mg;
	$out =~ tr/"//d;	# quote_all_identifiers quotes the path, too
	my $time = completed_at($course, $ann);

	is($err =~ s/^.*NOTICE.*\n?//mgr, '', "search_path $path: nothing of the learner's is used");
	is($out, "100\n89\n1\n90\n100\nauthenticated $path  Asia/Kathmandu", 'the answers, the role and the settings are as they should be');
	isnt($time, 'open', 'the course is completed');
	is(completed_at($course, $ben), 'open', 'for nobody else');
	is_deeply([ map { my $e = decode_json($_); $e->{completed_at} = in_utc($e->{completed_at}); $e } @events ],
		[ { event => 'course_completed', course_id => $course, user_id => $ann, completed_at => $time } ],
		'and the event says the same in any time zone');
}

# The older spelling of the claim decides who reports, and is left as it was.
{
	my ($course, @lessons) = new_course(1);

	($out, $err, @events) = listen_to($ben, "SET request.jwt.claim.sub = '$ann';\n" . report($lessons[0], 100)
		. "SELECT current_setting('request.jwt.claim.sub') = '$ann';");
	like($out, qr/^t$/m, 'request.jwt.claim.sub is left as it was');
	is(join(' ', map { $_ eq 'open' ? 0 : 1 } completed_at($course, $ann), completed_at($course, $ben)), '1 0',
		'whom auth.uid() names completes, and no other');
}

# With row_security off the learner's own reading fails, and with it all.
{
	my ($course, @lessons) = new_course(1);

	($out, $err, @events) = listen_to($ann, "SET row_security = off;\n" . report($lessons[0], 100));
	like($err, qr/row-level security policy/, 'row_security = off is no way round');
	is(completed_at($course, $ann), 'open', 'nothing is completed');
	is_deeply(\@events, [], 'nor said to be');
}

# What a learner may not put on the tables, nor do to an enrollment.
foreach my $attempt (
	'CREATE TRIGGER mine AFTER UPDATE ON public.enrollments FOR EACH ROW EXECUTE FUNCTION hostile.alarm()',
	'CREATE TRIGGER mine BEFORE UPDATE ON public.content_progress FOR EACH ROW EXECUTE FUNCTION hostile.alarm()',
	'CREATE RULE mine AS ON UPDATE TO public.enrollments DO ALSO NOTIFY mine',
	'CREATE POLICY mine ON public.enrollments USING (true)',
	'CREATE INDEX mine ON public.enrollments (hostile.lie(user_id, user_id))',
	'CREATE TABLE hostile.mine () INHERITS (public.enrollments)',
	'ALTER TABLE public.enrollments DISABLE ROW LEVEL SECURITY',
	'CREATE CAST (json AS text) WITH FUNCTION hostile.text(json)',
	'UPDATE public.enrollments SET completed_at = now()',
	'SELECT FROM public.enrollments FOR UPDATE',
	'SET ROLE keeper',
	'SET session_replication_role = replica')
{
	my ($code, $out, $err) = $node->psql('app', as_user($ann) . $attempt, extra_params => [ '-v', 'VERBOSITY=sqlstate' ],
		connstr => $node->connstr('app') . ' user=authenticator');
	like($err, qr/ERROR:  42501/, "denied: $attempt");
}

# A trigger that the owner has put on enrollments runs as the owner, on a path
# that is not the learner's, and cannot leave the security-restricted operation.
$node->safe_psql('app', <<'SQL');
SET ROLE keeper;
CREATE TABLE seen (what text);
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'done: ' || command;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || command;
END $$;
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen VALUES
		(current_user::text), (current_setting('search_path')), (auth.uid()::text),
		(public.attempt('SET ROLE service_role')),
		(public.attempt('SET LOCAL ROLE authenticated')),
		(public.attempt('RESET ROLE')),
		(public.attempt('SET SESSION AUTHORIZATION authenticator')),
		(public.attempt('CREATE TEMP TABLE mine ()')),
		(public.attempt('LISTEN mine')),
		(public.attempt('SELECT FROM enrollments'));
	RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER UPDATE ON enrollments FOR EACH ROW EXECUTE FUNCTION witness();
SQL
{
	my ($course, @lessons) = new_course(1);

	($out, $err, @events) = listen_to($ann, 'SET search_path = hostile, public;' . report($lessons[0], 100) . $left);
	$out =~ s/^Asynchronous.*\n?//mg;
	is($err, '', 'a report meets the owner\'s trigger');
	is($out, "100\nauthenticated hostile, public $zone", 'and leaves it as the learner');
	is($node->safe_psql('app', 'SELECT what FROM seen'), <<"SQL" =~ s/\n\z//r, 'what the trigger may do');
keeper
pg_catalog, pg_temp
$ann
42501: SET ROLE service_role
42501: SET LOCAL ROLE authenticated
42501: RESET ROLE
42501: SET SESSION AUTHORIZATION authenticator
42501: CREATE TEMP TABLE mine ()
42501: LISTEN mine
42P01: SELECT FROM enrollments
SQL
	is(scalar @events, 1, 'and the event is sent');
}

# A trigger of the owner's that fails: the report fails as a whole, and whoever
# catches the error is the learner again.
$node->safe_psql('app', <<'SQL');
SET ROLE keeper;
DROP TRIGGER witness ON enrollments;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused by % on %', current_user, current_setting('search_path'); END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON enrollments FOR EACH ROW EXECUTE FUNCTION refuse();
SQL
{
	my ($course, @lessons) = new_course(1);
	my $report = "public.record_progress('$lessons[0]', 100)";

	($out, $err, @events) = listen_to($ann, "SET search_path = hostile, pg_catalog;\n" . report($lessons[0], 40) . <<"SQL");
DO \$\$
BEGIN
	PERFORM $report;
EXCEPTION WHEN OTHERS THEN
	RAISE NOTICE '%, then % on %', SQLERRM, current_user, current_setting('search_path');
	CREATE TEMP TABLE mine ();
	SET LOCAL ROLE service_role;
END
\$\$;
$left
SELECT $report;
$left
SELECT watched_pct, completed FROM public.content_progress WHERE lesson_id OPERATOR(pg_catalog.=) '$lessons[0]';
SQL
	like($err, qr/NOTICE:  refused by keeper on pg_catalog, pg_temp, then authenticated on hostile, pg_catalog\n/,
		'caught, the error leaves the learner');
	like($err, qr/ERROR:  refused by keeper/, 'not caught, it is the report\'s');
	is($out, "40\nauthenticated hostile, pg_catalog $zone\nauthenticated hostile, pg_catalog $zone\n40|f",
		'the learner is the learner, and nothing of the report is kept');
	is(completed_at($course, $ann), 'open', 'the course is not completed');
	is_deeply(\@events, [], 'and no event says so');

	$node->safe_psql('app', 'DROP TRIGGER refuse ON enrollments');
	($out, $err, @events) = listen_to($ann, report($lessons[0], 100));
	is(scalar @events, 1, 'once the trigger is gone, the report completes');
}

# One that leaves the row out: no completion, no event, no error.
$node->safe_psql('app', <<'SQL');
SET ROLE keeper;
CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER leave_out BEFORE UPDATE ON enrollments FOR EACH ROW EXECUTE FUNCTION leave_out();
SQL
{
	my ($course, @lessons) = new_course(1);

	($out, $err, @events) = listen_to($ann, report($lessons[0], 100));
	is("$out$err" . completed_at($course, $ann) . @events, '100open0', 'a trigger may keep a course from completion');
}

# The owner's own row-level security, were it forced, does not hide the rows.
$node->safe_psql('app', <<'SQL');
SET ROLE keeper;
DROP TRIGGER leave_out ON enrollments;
ALTER TABLE enrollments FORCE ROW LEVEL SECURITY;
ALTER TABLE lessons FORCE ROW LEVEL SECURITY;
ALTER TABLE modules FORCE ROW LEVEL SECURITY;
ALTER TABLE content_progress FORCE ROW LEVEL SECURITY;
SQL
{
	my ($course, @lessons) = new_course(1);

	($out, $err, @events) = listen_to($ann, report($lessons[0], 100));
	is(scalar @events, 1, 'a course is completed under FORCE ROW LEVEL SECURITY');
}

done_testing();
