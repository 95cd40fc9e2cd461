# 006_auth_comes_and_goes: created without auth the tables are locked until auth
# is complete; dropped with auth's objects, what hangs on them is mended by
# content_library_attach().
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

my $schema = 'academy';
my $node = start_node('auth');
my $event_triggers = "SELECT count(*) FROM pg_event_trigger WHERE evtname = 'content_library_attach'";
my $attached = "SELECT (SELECT count(*) FROM pg_policies WHERE schemaname = '$schema'),
	(SELECT count(*) FROM pg_constraint WHERE confrelid = to_regclass('auth.users'))";
my $readable = as_user(learner(1)) . "SELECT (SELECT count(*) FROM $schema.enrollments), (SELECT count(*) FROM $schema.content_progress)";

my $users = 'CREATE TABLE auth.users (id uuid PRIMARY KEY, email text, created_at timestamptz);';
my $uid = 'CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
	AS $$ SELECT (nullif(current_setting(\'request.jwt.claims\', true), \'\')::jsonb ->> \'sub\')::uuid $$;';

# Creates the extension in an empty database; returns its warning.
sub create_without_auth
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my ($code, $out, $err) = $node->psql($database, "CREATE SCHEMA $schema;
		GRANT USAGE ON SCHEMA $schema TO authenticated;
		CREATE EXTENSION content_library SCHEMA $schema");
	is($code, 0, "$database: created without auth");
	return $err;
}

new_database($node, 'roles');

# Whichever comes last, attachment follows it.
my %orders = (
	users_first => [ 'CREATE SCHEMA auth;', $users, $uid ],
	uid_first => [ 'CREATE SCHEMA auth;', $uid, $users ],
	key_last => [ 'CREATE SCHEMA auth;', 'CREATE TABLE auth.users (id uuid NOT NULL, email text, created_at timestamptz);',
		$uid, 'ALTER TABLE auth.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);' ],
	renamed => [ 'CREATE SCHEMA soon;', $users =~ s/auth\./soon./r, $uid =~ s/auth\./soon./r,
		'ALTER SCHEMA soon RENAME TO auth;' ],
	at_once => [ "CREATE SCHEMA auth; $users $uid" ]);

foreach my $order (sort keys %orders)
{
	my @steps = @{ $orders{$order} };

	like(create_without_auth($order), qr/WARNING:  content_library cannot attach to auth: the table auth\.users with a primary key id of type uuid and the function auth\.uid\(\) returning uuid not found, so its tables are locked$/m,
		"$order: the warning says what is missing");
	$node->safe_psql($order, "INSERT INTO $schema.courses (title, slug) VALUES ('T', 's');
		INSERT INTO $schema.enrollments (user_id, course_id) SELECT '${\learner(1)}', id FROM $schema.courses");
	my $last = pop @steps;
	foreach my $step (@steps)
	{
		$node->safe_psql($order, $step);
		is($node->safe_psql($order, $attached), '23|0', "$order: not yet attached");
	}
	is($node->safe_psql($order, $readable), '0|0', "$order: locked for the learner whose row it is");
	$node->safe_psql($order, "DELETE FROM $schema.enrollments");
	is($node->safe_psql($order, $event_triggers), 1, "$order: the event trigger waits");
	$node->safe_psql($order, $last);
	is($node->safe_psql($order, $attached), '29|4', "$order: attached");
	is($node->safe_psql($order, $event_triggers), 0, "$order: the event trigger is gone");
}

# Rows of users who do not exist: auth can still be made, and the tables stay locked.
create_without_auth('orphans');
$node->safe_psql('orphans', "INSERT INTO $schema.courses (title, slug) VALUES ('T', 's');
	INSERT INTO $schema.enrollments (user_id, course_id) SELECT '${\learner(1)}', id FROM $schema.courses");
my ($code, $out, $err) = $node->psql('orphans', "CREATE SCHEMA auth; $users $uid");
is($code, 0, 'an attachment that fails does not fail the command');
like($err, qr/WARNING:  content_library is not attached to auth: .*enrollments_user_id_fkey/, 'but warns');
is($node->safe_psql('orphans', $attached), '23|0', 'nothing is attached by half');
is($node->safe_psql('orphans', $readable), '0|0', 'the tables stay locked');
($code, $out, $err) = $node->psql('orphans', "SELECT $schema.content_library_attach()");
like($err, qr/violates foreign key constraint "enrollments_user_id_fkey"/, 'attaching by hand names the cause');
$node->safe_psql('orphans', "INSERT INTO auth.users VALUES ('${\learner(1)}')");
$node->safe_psql('orphans', "SELECT $schema.content_library_attach()");
is($node->safe_psql('orphans', $attached), '29|4', 'attached by hand once the cause is mended');
is($node->safe_psql('orphans', $readable), '1|0', 'and open for the learner whose row it is');
is($node->safe_psql('orphans', 'CREATE TABLE auth.more (); ' . $event_triggers), 0,
	'the event trigger is gone after the next command on auth');

# Dropped piece by piece, and mended.
new_database($node, 'app', $schema);
fill($node, 'app', $schema);
my $before = snapshot($node, 'app', $schema);

my $drop = '';
$drop .= "DROP POLICY \"$_->[1]\" ON $schema.$_->[0];\n" foreach
  [ 'enrollments', 'Users read own enrollments' ], [ 'enrollments', 'Users create own enrollments' ],
  [ 'content_progress', 'Users read own progress' ], [ 'content_progress', 'Users upsert own progress' ],
  [ 'certificates', 'Users read own certificates' ], [ 'course_staff', 'Staff read own rows' ];
$drop .= "ALTER TABLE $schema.$_ DROP CONSTRAINT ${_}_user_id_fkey;\n" foreach 'enrollments', 'content_progress', 'certificates', 'course_staff';
$node->safe_psql('app', $drop);
is($node->safe_psql('app', $attached), '23|0', 'policies and foreign keys are dropped');
$node->safe_psql('app', "SELECT $schema.content_library_attach()");
is(snapshot($node, 'app', $schema), $before, 'content_library_attach() mends them');
$node->safe_psql('app', "SELECT $schema.content_library_attach()");
is(snapshot($node, 'app', $schema), $before, 'and may be called again');

# A policy that was widened is narrowed again.
$node->safe_psql('app', "ALTER POLICY \"Users read own progress\" ON $schema.content_progress USING (true)");
isnt(snapshot($node, 'app', $schema), $before, 'a policy is widened');
$node->safe_psql('app', "SELECT $schema.content_library_attach()");
is(snapshot($node, 'app', $schema), $before, 'content_library_attach() narrows it');

# auth dropped and made again: rows kept, locked in between.
$node->safe_psql('app', 'DROP SCHEMA auth CASCADE');
is($node->safe_psql('app', $attached), '23|0', 'auth is dropped, with what hangs on it');
is($node->safe_psql('app', "SELECT count(*) FROM $schema.content_progress"), 600, 'no row is lost');
is($node->safe_psql('app', $readable), '0|0', 'and none is open');
($code, $out, $err) = $node->psql('app', "\\set VERBOSITY verbose\nSELECT $schema.content_library_attach()");
like($err, qr/ERROR:  42704: content_library cannot attach to auth: the table auth\.users .* not found/, 'it cannot be attached');
$node->safe_psql('app', 'CREATE SCHEMA auth');
$node->safe_psql('app', "$users $uid " . LibraryTest::users_sql());
$node->safe_psql('app', "SELECT $schema.content_library_attach()");
is(snapshot($node, 'app', $schema), $before, 'attached to the new auth, all is as it was');

done_testing();
