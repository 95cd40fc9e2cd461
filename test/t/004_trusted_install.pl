# 004_trusted_install: a role like Supabase's postgres, no superuser, can create,
# use, dump and restore the extension; it owns the tables, not the C functions.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $schema = 'academy';
my $node = start_node('trusted');
my $folder = PostgreSQL::Test::Utils::tempdir;

# What auth's own migrations do, as its own role.
my $create_auth = <<'END';
SET ROLE supabase_auth_admin;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, builder;
CREATE TABLE auth.users (id uuid NOT NULL, email text, created_at timestamptz);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
ALTER TABLE auth.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
GRANT ALL ON auth.users TO builder;
END

# Runs SQL as builder, who logs in as such.
sub as_builder
{
	my ($database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, $sql,
		connstr => $node->connstr($database) . ' user=builder', on_error_stop => 1);

	return $code == 0 ? $out : "failed: $err";
}

sub new_builders_database
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER builder;
		GRANT CREATE ON DATABASE $database TO supabase_auth_admin");
}

sub policies
{
	return $node->safe_psql($_[0], "SELECT count(*) FROM pg_policies WHERE schemaname = '$schema'");
}

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql());
$node->safe_psql('roles', 'CREATE ROLE builder LOGIN NOSUPERUSER CREATEROLE CREATEDB BYPASSRLS;
	GRANT anon, authenticated, service_role TO builder');

# Created before auth.
new_builders_database('app');
my ($code, $out, $err) = $node->psql('app', "CREATE SCHEMA $schema;
		GRANT USAGE ON SCHEMA $schema TO anon, authenticated, service_role;
		CREATE EXTENSION content_library SCHEMA $schema",
	connstr => $node->connstr('app') . ' user=builder', on_error_stop => 1);
is($code, 0, 'a role that is no superuser creates the extension') or diag $err;
like($err, qr/WARNING:  content_library cannot attach to auth: the table auth.users/, 'locked without auth');
is(policies('app'), 23, 'with the policies that need no auth');

is($node->safe_psql('app', "SELECT DISTINCT relowner::regrole FROM pg_class
		WHERE relnamespace = '$schema'::regnamespace AND relkind IN ('r', 'i')"),
	'builder', 'builder owns the tables and their indexes');
is($node->safe_psql('app', "SELECT extowner::regrole FROM pg_extension WHERE extname = 'content_library'"),
	'builder', 'and the extension');
is($node->safe_psql('app', "SELECT count(*) > 0, bool_or(r.rolname = 'builder'), bool_and(r.rolsuper)
		FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner
		WHERE p.pronamespace = '$schema'::regnamespace AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')"),
	't|f|t', 'but not the C functions');
is($node->safe_psql('app', "SELECT DISTINCT rolname = 'builder', rolsuper FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
		JOIN pg_roles AS r ON r.oid = t.typowner WHERE c.relkind = 'c' AND c.relnamespace = '$schema'::regnamespace"),
	'f|t', 'nor the type of what they return');
like(as_builder('app', "ALTER FUNCTION $schema.completion_threshold(uuid) OWNER TO builder"),
	qr/must be owner of function/, 'nor can builder take one');

# auth comes, made by a role that owns nothing of ours.
is($node->safe_psql('app', "SELECT has_table_privilege('supabase_auth_admin', '$schema.enrollments', 'SELECT')"),
	'f', 'the auth server has no rights on our tables');
$node->safe_psql('app', $create_auth);
is(policies('app'), 29, 'attached when the auth server made auth.users');
is($node->safe_psql('app', "SELECT count(*) FROM pg_event_trigger WHERE evtname = 'content_library_attach'"), 0, 'and the event trigger is gone');

# Use.
fill($node, 'app', $schema);
is(as_builder('app', "SELECT count(*) FROM $schema.content_progress"), 600, 'builder reads all rows');
is(as_builder('app', as_user(learner(1)) . "SELECT p.watched_pct
		FROM $schema.lessons AS l, $schema.record_progress(l.id, 44) AS p WHERE l.title = 'Course 1, module 1, lesson 1'"),
	44, 'a learner reports progress');
is(as_builder('app', "SET ROLE service_role; SELECT p.watched_pct
		FROM $schema.lessons AS l, $schema.record_progress(l.id, 45, NULL, '${\learner(1)}') AS p
		WHERE l.title = 'Course 1, module 1, lesson 1'"),
	45, 'and the service role for a learner');
is(as_builder('app', "SELECT $schema.course_completion(id, '${\learner(1)}') FROM $schema.courses WHERE slug = 'course-1'"),
	7, 'builder asks for a learner, too');
my $learner_2 = learner(2);
is($node->safe_psql('app', "SET ROLE supabase_auth_admin; SET search_path = auth;
		DELETE FROM users WHERE id = '$learner_2'; RESET ROLE;
		SELECT count(*) FROM $schema.content_progress WHERE user_id = '$learner_2'"),
	0, 'the auth server deletes an account and with it the progress');

# Attaching again by hand mends what was dropped, with builder's own rights.
my $before = snapshot($node, 'app', $schema);
is(as_builder('app', "DROP POLICY \"Users read own progress\" ON $schema.content_progress;
		ALTER TABLE $schema.enrollments DROP CONSTRAINT enrollments_user_id_fkey"), '', 'builder breaks it');
isnt(snapshot($node, 'app', $schema), $before, 'it is broken');
is(as_builder('app', "SELECT $schema.content_library_attach()"), '', 'builder attaches it again');
is(snapshot($node, 'app', $schema), $before, 'it is whole');

# Dump and restore as builder; auth is not builder's to dump.
my @as_builder = ('-U', 'builder');
$node->command_ok(['pg_dump', @as_builder, '-Fc', '-n', $schema, '-e', 'content_library', '-f', "$folder/dump", 'app'],
	'builder dumps the library');
new_builders_database('app2');
$node->safe_psql('app2', $create_auth);
$node->safe_psql('app2', LibraryTest::users_sql() . "DELETE FROM auth.users WHERE id = '$learner_2'");
$node->command_ok(['pg_restore', @as_builder, '--exit-on-error', '-d', 'app2', "$folder/dump"],
	'builder restores the library');
is(snapshot($node, 'app2', $schema), $before, 'all is as it was');
is(as_builder('app2', as_user(learner(1)) . "SELECT p.watched_pct
		FROM $schema.lessons AS l, $schema.record_progress(l.id, 46) AS p WHERE l.title = 'Course 1, module 1, lesson 1'"),
	46, 'a learner reports progress');

is(as_builder('app2', 'DROP EXTENSION content_library'), '', 'builder drops the extension');
is($node->safe_psql('app2', "SELECT count(*) FROM pg_class WHERE relnamespace = '$schema'::regnamespace"), 0,
	'and nothing is left');

done_testing();
