# 033_mux_locks: an event waits only for those who have to do with its own upload
# or asset, and for five seconds; a transaction of many bindings or events does not
# fill the server's table of locks; whoever renames the schema gains nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('mux_locks');
my $many = 3000;
$node->init;
# Room for fewer locks than lessons.
$node->append_conf('postgresql.conf', 'max_locks_per_transaction = 10');
$node->start;
new_database($node, 'app', 'public');
$node->safe_psql('app', <<"END");
INSERT INTO courses (id, title, slug) VALUES (md5('c')::uuid, 'c', 'c');
INSERT INTO modules (id, course_id, title) VALUES (md5('m')::uuid, md5('c')::uuid, 'm');
INSERT INTO lessons (id, module_id, title) SELECT md5('l' || n)::uuid, md5('m')::uuid, n FROM generate_series(1, $many) AS n;
END

# A session that stays open.
sub session
{
	my %s = (in => '', out => '', err => '');

	$s{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('app') ],
		'<', \$s{in}, '>', \$s{out}, '2>', \$s{err}, IPC::Run::timeout(120));
	return \%s;
}

sub send_to
{
	my ($s, $sql) = @_;

	($s->{out}, $s->{err}) = ('', '');
	$s->{in} .= "$sql;\n\\echo done\n";
	$s->{run}->pump_nb;
}

sub answer_of
{
	my ($s) = @_;

	$s->{run}->pump until $s->{out} =~ /^done$/m;
	return ($s->{out} . $s->{err}) =~ s/^done\n//mr =~ s/\n\z//r;
}

# What is asked, and how long it takes.
sub ask
{
	my ($s, $sql) = @_;
	my $began = time;

	send_to($s, $sql);
	return (answer_of($s), time - $began);
}

my $events = 0;

sub event
{
	my ($type, $data) = @_;

	$events++;
	return qq{mux_apply_event('{"id": "event $events", "type": "video.$type", "created_at": $events, "data": {$data}}')};
}

sub created { return event('upload.created', qq("id": "u$_[0]")) }
sub ready { return event('asset.ready', qq("id": "a$_[0]", "playback_ids": [{"id": "p", "policy": "public"}])) }
sub linked { return event('upload.asset_created', qq("id": "u$_[0]", "asset_id": "a$_[0]")) }
sub bound { return "(mux_begin_upload(md5('l$_[0]')::uuid, 'u$_[0]')).mux_status" }

my ($one, $two) = (session(), session());
ask($_, "SET ROLE service_role; SET statement_timeout = '20s'") foreach $one, $two;

# One binding is open, by hand or not.
ask($two, 'SELECT ' . linked(1));
foreach my $binding ('SELECT ' . bound(1), "UPDATE lessons SET mux_upload_id = 'u1' WHERE id = md5('l1')::uuid RETURNING mux_status")
{
	is((ask($one, "BEGIN; $binding"))[0], 'processing', 'a binding is open');
	my ($answers, $seconds) = ask($two, 'SELECT ' . join(', ', map { (bound($_), linked($_), ready($_)) } 2 .. 40));
	is($answers, join('|', ('pending|applied|applied') x 39), 'those of other lessons go through') if $events == 79;
	cmp_ok($seconds, '<', 4, 'at once');
	foreach my $event (created(1), ready(1), event('asset.ready', '"id": "another", "upload_id": "u1"'))
	{
		($answers, $seconds) = ask($two, "SELECT $event");
		like($answers, qr/^ERROR:  55P03: the video of (upload|asset) "\w+" has been held for five seconds\nHINT:  Apply the event again/,
			'one of the same lesson is refused');
		cmp_ok(abs($seconds - 5), '<', 1, 'after five seconds');
	}
	is((ask($two, "SELECT count(*) FROM mux_events WHERE event_id = 'event $events'"))[0], 0, 'and leaves nothing behind');
	ask($one, 'ROLLBACK');
}

# A binding of an asset is open.
is((ask($one, "BEGIN; UPDATE lessons SET mux_asset_id = 'a60' WHERE title = '60' RETURNING mux_status"))[0], 'pending', 'a binding of an asset is open');
like((ask($two, 'SELECT ' . ready(60)))[0], qr/^ERROR:  55P03: the video of asset "a60" has been held/, 'an event of the asset is refused');
is((ask($two, 'SELECT ' . join(', ', bound(61), linked(61), ready(61))))[0], 'pending|applied|applied', 'those of others go through');
ask($one, 'COMMIT');
is((ask($two, 'SELECT ' . ready(60)))[0], 'applied', 'and it is taken in afterwards');

# Many lessons are being made, which holds up no event; one that names a lesson waits for it.
ask($one, "BEGIN; INSERT INTO lessons (id, module_id, title) SELECT md5('n' || n)::uuid, md5('m')::uuid, 'new ' || n FROM generate_series(1, $many) AS n");
is((ask($two, 'SELECT ' . join(', ', bound(62), linked(62), ready(62))))[0], 'pending|applied|applied', "events go through while $many lessons are made");
my $named = "jsonb_build_object('id', 'named', 'type', 'video.asset.created', 'data', jsonb_build_object('id', 'named', 'passthrough', md5('n1')::uuid))";
like((ask($two, "SELECT mux_apply_event($named)"))[0], qr/55P03/, 'an asset that names one of them waits');
ask($one, 'COMMIT');
is((ask($two, "SELECT mux_apply_event($named)"))[0], 'applied', 'and finds it afterwards');
is((ask($two, "DELETE FROM lessons WHERE title LIKE 'new %'"))[0], '', 'they are gone again');

# An event is open, of which somebody binds the upload: that waits, and misses nothing.
is((ask($one, 'BEGIN; SELECT ' . ready(1)))[0], 'unmatched', 'an event is open');
is((ask($two, 'SELECT ' . join(', ', bound(41), linked(41), ready(41))))[0], 'pending|applied|applied', 'those of other lessons go through');
send_to($two, 'SELECT ' . bound(1));
ok($node->poll_query_until('app', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), 'who binds its upload waits');
ask($one, 'COMMIT');
is(answer_of($two), 'ready', 'and gets the video');

# The same event id twice at once: the second waits for the first.
is((ask($one, q(BEGIN; SELECT mux_apply_event('{"id": "x", "type": "video.upload.created", "data": {"id": "x1"}}')))) [0], 'unmatched', 'an event is open');
send_to($two, q(SELECT mux_apply_event('{"id": "x", "type": "video.upload.created", "data": {"id": "x2"}}')));
ask($one, 'COMMIT');
is(answer_of($two), 'duplicate', 'one of the same id and another upload is a duplicate');

# Many bindings in one transaction, and many events.
my ($answer, $seconds) = ask($one, "BEGIN; UPDATE lessons SET mux_upload_id = 'u' || title WHERE title::int > 100");
is($answer, '', "$many bindings in one transaction");
is((ask($two, "SELECT " . bound(42)))[0], 'pending', 'others bind meanwhile');
like((ask($two, 'SELECT ' . created(200)))[0], qr/55P03/, 'events of theirs wait');
ask($one, 'COMMIT');
is((ask($two, 'SELECT ' . created(200)))[0], 'noop', 'and are taken in afterwards');
($answer, $seconds) = ask($one, qq{BEGIN; SELECT count(mux_apply_event(jsonb_build_object('id', 'many ' || n, 'type', 'video.upload.errored', 'data', jsonb_build_object('id', 'u' || n)))) FROM generate_series(101, $many) AS n});
is($answer, $many - 100, 'as many events in one');
like((ask($two, 'SELECT ' . created(200)))[0], qr/55P03/, 'another of theirs waits');
send_to($two, "UPDATE lessons SET mux_upload_id = 'u101' WHERE title = '43' RETURNING mux_status");
ok($node->poll_query_until('app', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), 'so does who binds one of their uploads');
ask($one, 'COMMIT');
is(answer_of($two), 'error', 'and misses nothing');
is($node->safe_psql('app', "SELECT count(*) FROM lessons WHERE mux_status = 'error'"), $many - 100 + 1, 'all are applied');

# Whoever may update the column binds, also where row-level security hides the events.
$node->safe_psql('app', <<'END');
CREATE ROLE teacher;
GRANT SELECT, UPDATE (mux_upload_id) ON lessons TO teacher;
CREATE POLICY teacher ON lessons TO teacher USING (true);
END
is($node->safe_psql('app', "SET ROLE teacher; UPDATE lessons SET mux_upload_id = 'u1' WHERE title = '44' RETURNING mux_status"), 'ready', "an app's own role binds");
my (undef, undef, $error) = $node->psql('app', "SET ROLE teacher; SELECT mux_apply_event('{}')");
like($error, qr/permission denied for function/, 'and does no more');
$node->safe_psql('app', 'ALTER ROLE service_role NOBYPASSRLS');
is((ask($two, 'SELECT ' . bound(45) . ', ' . linked(45)))[0], 'pending|applied', 'a service role that row-level security binds may call both');
$node->safe_psql('app', 'ALTER ROLE service_role BYPASSRLS');

# The trigger function serves lessons alone.
(undef, undef, $error) = $node->psql('app', 'CREATE TABLE t (LIKE lessons); CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION content_library_mux_bind();
	INSERT INTO t SELECT * FROM lessons LIMIT 1');
like($error, qr/content_library_mux_bind\(\) belongs to the triggers of lessons/, 'a table of ones own cannot have it');
$_->{run}->kill_kill foreach $one, $two;

# Mallory owns the schema, or all of it, and puts another in its place: what is
# in there never runs with the rights of anybody else.
my $catch = "IF current_user <> 'mallory' THEN RAISE LOG 'trapped as %', current_user; END IF;";
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN');
foreach my $owner ('mallory', 'superuser')
{
	my $database = "of_$owner";

	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER mallory");
	$node->safe_psql($database, supabase_sql() . <<"END");
GRANT USAGE ON SCHEMA auth TO mallory;
GRANT REFERENCES ON auth.users TO mallory;
SET ROLE mallory;
CREATE SCHEMA lib;
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA lib, evil TO service_role;
${\($owner eq 'mallory' ? '' : 'RESET ROLE;')}
CREATE EXTENSION content_library SCHEMA lib;
INSERT INTO lib.courses (id, title, slug) VALUES (md5('c')::uuid, 'c', 'c');
INSERT INTO lib.modules (id, course_id, title) VALUES (md5('m')::uuid, md5('c')::uuid, 'm');
INSERT INTO lib.lessons (id, module_id, title) VALUES (md5('l')::uuid, md5('m')::uuid, 'l');
SET ROLE mallory;
CREATE FUNCTION evil.trap_row() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $catch RETURN NEW; END \$\$;
CREATE TABLE evil.lessons AS SELECT md5('l')::uuid AS id, 'u'::text AS mux_upload_id, 'a'::text AS mux_asset_id, 'p'::text AS mux_playback_id,
	'ready'::text AS mux_status, 5 AS duration_seconds;
CREATE TABLE evil.mux_events (event_id text PRIMARY KEY, object text, upload_id text, asset_id text, status text, event_at timestamptz,
	playback_ids jsonb, duration_seconds int, error jsonb, lesson_id uuid, received_at timestamptz);
CREATE TABLE evil.mux_bindings (lesson_id uuid, number int, upload_id text, asset_id text, playback_id text, duration_seconds int);
CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON evil.mux_bindings FOR EACH ROW EXECUTE FUNCTION evil.trap_row();
CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON evil.lessons FOR EACH ROW EXECUTE FUNCTION evil.trap_row();
CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON evil.mux_events FOR EACH ROW EXECUTE FUNCTION evil.trap_row();
CREATE FUNCTION evil.mux_state(upload_id text, asset_id text DEFAULT NULL)
RETURNS TABLE (mux_asset_id text, mux_playback_id text, mux_status text, duration_seconds int, error jsonb)
LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
CREATE FUNCTION evil.content_library_mux_video(lesson_id uuid, upload_id text, asset_id text, playback_id text, seconds int)
RETURNS TABLE (mux_asset_id text, mux_playback_id text, mux_status text, duration_seconds int, is_known boolean)
LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
CREATE FUNCTION evil.content_library_mux_read(event jsonb, OUT event_id text, OUT object text, OUT upload_id text, OUT asset_id text, OUT status text,
	OUT event_at timestamptz, OUT playback_ids jsonb, OUT duration_seconds integer, OUT error jsonb, OUT lesson_id uuid)
LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
CREATE FUNCTION evil.content_library_mux_latest(object text, id text) RETURNS SETOF evil.mux_events
LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
CREATE FUNCTION evil.content_library_mux_lock(for_event boolean) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
GRANT ALL ON evil.lessons, evil.mux_events, evil.mux_bindings TO service_role;
END
	my $offset = -s $node->logfile;
	my $log = sub { return substr(slurp_file($node->logfile), $offset) };
	$node->safe_psql($database, "SET ROLE service_role; UPDATE evil.lessons SET mux_upload_id = 'u'; SELECT evil.content_library_mux_read('{}')");
	is(scalar(() = $log->() =~ /trapped as service_role/g), 2, 'the traps are set');
	$offset = -s $node->logfile;
	my @calls = ("(%s.mux_begin_upload(md5('l')::uuid, %s)).id", q(%s.mux_apply_event(jsonb_build_object('id', gen_random_uuid(), 'type', 'video.upload.created', 'data', jsonb_build_object('id', %s)))));

	# Under a snapshot from before.
	foreach my $call (@calls)
	{
		my $there = "SET SESSION AUTHORIZATION mallory; BEGIN; ALTER SCHEMA lib RENAME TO tmp; ALTER SCHEMA evil RENAME TO lib; COMMIT";
		my $back = "SET SESSION AUTHORIZATION mallory; BEGIN; ALTER SCHEMA lib RENAME TO evil; ALTER SCHEMA tmp RENAME TO lib; COMMIT";
		my $psql = "psql -Xq -d '" . $node->connstr($database) . "'";
		my $sql = sprintf($call, 'tmp', "'old'");

		$node->psql($database, "SET ROLE service_role;\nBEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM pg_namespace;\n"
			  . "\\! $psql -c \"$there\"\nSELECT $sql;\n\\! $psql -c \"$back\"\n", on_error_stop => 0);
		is($node->safe_psql($database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'evil'"), 1, 'the names are back');
	}
	unlike($log->(), qr/trapped/, "an old snapshot, $database");

	# While it goes to and fro.
	my $renames = join "\n", ("BEGIN; ALTER SCHEMA lib RENAME TO tmp; ALTER SCHEMA evil RENAME TO lib; COMMIT;\nROLLBACK;",
		"BEGIN; ALTER SCHEMA lib RENAME TO evil; ALTER SCHEMA tmp RENAME TO lib; COMMIT;\nROLLBACK;") x 20000;
	my $statements = join "\n", 'SET ROLE service_role;', map { my $n = $_; map { 'SELECT ' . sprintf($_, 'lib', "'u$n'") . ';' } @calls } 1 .. 1000;
	my $renamer = IPC::Run::start([ 'psql', '-Xqw', '-o', '/dev/null', '-d', $node->connstr($database) . ' user=mallory' ], '<', \$renames, '2>', '/dev/null');
	IPC::Run::run([ 'psql', '-Xqw', '-o', '/dev/null', '-d', $node->connstr($database) ], '<', \$statements, '2>', '/dev/null');
	$renamer->kill_kill;
	unlike($log->(), qr/trapped/, "renamed to and fro, $database");
	cmp_ok($node->safe_psql($database, 'SELECT count(*) FROM ' . $node->safe_psql($database,
		"SELECT c.oid::regclass FROM pg_class AS c JOIN pg_depend AS d ON d.objid = c.oid AND d.deptype = 'e' WHERE c.relname = 'mux_events'")), '>', 5,
		'some calls found their tables');
}

$node->stop;
done_testing();
