# 015_renamed_meanwhile: whoever owns a schema renames it, and another into its
# place, while a superuser's code looks for what is in it: nothing is gained.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('renamed');
my $folder = PostgreSQL::Test::Utils::tempdir;
my @to_and_fro = (
	'BEGIN; ALTER SCHEMA lib RENAME TO tmp; ALTER SCHEMA evil RENAME TO lib; COMMIT;',
	'BEGIN; ALTER SCHEMA lib RENAME TO evil; ALTER SCHEMA tmp RENAME TO lib; COMMIT;');

# A function's body, or a view's column, that pays off when a superuser runs it.
my $catch = "IF current_user <> 'mallory' THEN ALTER ROLE mallory SUPERUSER; END IF;";

sub connection
{
	my ($database, $user) = @_;

	return [ 'psql', '-Xqw', '-o', '/dev/null', '-d', $node->connstr($database) . " user=$user" ];
}

# Statements of a user, one after the other, while mallory renames.
sub race
{
	my ($name, $database, $user, @statements) = @_;
	my $renames = "$folder/renames.sql";
	my $statements = join("\n", @statements);
	my $renamer;

	append_to_file($renames, join("\nROLLBACK;\n", (@to_and_fro) x 20000)) unless -e $renames;
	$renamer = IPC::Run::start(connection($database, 'mallory'), '<', $renames, '2>', '/dev/null');
	IPC::Run::run(connection($database, $user), '<', \$statements, '2>', '/dev/null');
	$renamer->kill_kill;
	is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', $name);
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');
}

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql());
$node->safe_psql('roles', 'CREATE ROLE mallory LOGIN; GRANT anon, authenticated, service_role TO mallory');
foreach my $database (qw(waiting altered completed))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER mallory");
	$node->safe_psql($database, supabase_sql()) if $database eq 'completed';
	$node->safe_psql($database, "SET ROLE mallory; CREATE SCHEMA lib; CREATE SCHEMA evil");
}

# What waits for auth runs as superuser.
$node->safe_psql('waiting', <<"END");
SET ROLE mallory;
CREATE EXTENSION content_library SCHEMA lib;
CREATE SCHEMA auth;
CREATE FUNCTION evil.content_library_attach() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
END
race('a library that waits for auth', 'waiting', 'mallory', ("COMMENT ON SCHEMA auth IS 'x';") x 1500);

# A superuser alters one of our tables, and is warned.
$node->safe_psql('altered', <<"END");
SET ROLE mallory;
CREATE EXTENSION content_library SCHEMA lib;
CREATE FUNCTION evil.content_library_findings(text) RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE plpgsql AS \$\$ BEGIN $catch END \$\$;
END
race('a warning to a superuser', 'altered', $node->safe_psql('postgres', 'SELECT current_user'),
	('ALTER TABLE lib.courses SET (fillfactor = 100);') x 500);

# The tables are a superuser's, the schema is not: a completion acts as their owner.
$node->safe_psql('completed', <<"END");
CREATE EXTENSION content_library SCHEMA lib;
INSERT INTO auth.users (id) VALUES (md5('u')::uuid);
INSERT INTO lib.courses (id, title, slug, is_published) VALUES (md5('c')::uuid, 'c', 'c', true);
INSERT INTO lib.enrollments (user_id, course_id) VALUES (md5('u')::uuid, md5('c')::uuid);
SET ROLE mallory;
CREATE FUNCTION evil.f() RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN $catch RETURN true; END \$\$;
-- With all the columns of ours, so that a query of ours would run.
CREATE VIEW evil.courses AS SELECT (jsonb_populate_record(NULL::lib.courses,
	jsonb_build_object('id', md5('c')::uuid, 'is_published', true))).* WHERE evil.f();
CREATE VIEW evil.modules AS SELECT (jsonb_populate_record(NULL::lib.modules,
	jsonb_build_object('id', md5('m')::uuid, 'course_id', md5('c')::uuid))).* WHERE evil.f();
CREATE VIEW evil.lessons AS SELECT (jsonb_populate_record(NULL::lib.lessons,
	jsonb_build_object('id', md5('l')::uuid, 'module_id', md5('m')::uuid, 'is_required', true, 'is_published', true))).* WHERE evil.f();
CREATE VIEW evil.enrollments AS SELECT (jsonb_populate_record(NULL::lib.enrollments,
	jsonb_build_object('id', md5('e')::uuid, 'user_id', md5('u')::uuid, 'course_id', md5('c')::uuid))).* WHERE evil.f();
CREATE VIEW evil.content_progress AS SELECT (jsonb_populate_record(NULL::lib.content_progress,
	jsonb_build_object('user_id', md5('u')::uuid, 'lesson_id', md5('l')::uuid, 'completed', true))).* WHERE evil.f();
GRANT USAGE ON SCHEMA lib, evil TO service_role;
END
race('a completion for a superuser', 'completed', 'mallory',
	("\\c\nSET ROLE service_role;", ("SELECT lib.reset_progress(md5('c')::uuid, md5('u')::uuid);") x 3) x 400);

done_testing();
