# 019_what_was_decided_stays: an update, an adoption or another run of the
# migration moves no table to another owner, runs nobody's code with more than
# their rights, and gives nobody a right that was taken away, or says so.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('decided');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $top = "$FindBin::RealBin/../..";
my $plan = slurp_file("$FindBin::RealBin/../data/plan.sql");
my ($migration) = glob("$top/supabase/migrations/*_content_library.sql");
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $owners = "SELECT string_agg(DISTINCT relowner::regrole::text, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'seen'";

# Code that notes who it runs as, whenever a query on its table is planned.
my $trap = <<'END';
CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN 1; END $$;
CREATE FUNCTION public.calm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.trap(); END $$;
CREATE INDEX trapped ON public.enrollments (user_id) WHERE public.calm(1) = 1;
CREATE INDEX trapped2 ON public.content_progress (user_id) WHERE public.calm(1) = 1;
DELETE FROM public.seen;
END

sub as
{
	my ($role, $database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, $sql, connstr => $node->connstr($database) . " user=$role");

	return "$out$err";
}

my $sessions = 0;
sub meanwhile
{
	my ($role, $database, $sql) = @_;
	my $file = "$folder/" . ++$sessions;

	append_to_file($file, $sql);
	return "\n\\! psql -Xqw -f '$file' -d \"" . $node->connstr($database) . " user=$role\" >&2\n";
}

sub run_script
{
	my ($role, $database, $script) = @_;
	my ($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) . " user=$role", '-f', $script ]);

	return "$out$err";
}

# A database for alice, who is no superuser.
sub alices
{
	my ($database, $sql) = @_;

	new_database($node, $database);
	$node->safe_psql($database, "GRANT CREATE ON DATABASE $database TO alice, mallory; GRANT ALL ON SCHEMA public, extensions TO alice, mallory;
		GRANT USAGE ON SCHEMA auth TO alice, mallory; GRANT ALL ON auth.users TO alice, mallory; GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
		CREATE TABLE public.seen (who text); GRANT ALL ON public.seen TO PUBLIC");
	as('alice', $database, $sql) if $sql;
}

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql() . 'CREATE ROLE alice LOGIN CREATEROLE; CREATE ROLE mallory LOGIN; CREATE ROLE bob LOGIN;
	GRANT anon, authenticated, service_role TO alice');

# 1. A superuser updates what is alice's: it stays hers, and her code her own.
my $used = "SELECT p.watched_pct FROM lessons AS l, record_progress(l.id, 91, 12) AS p";
my $rows = "INSERT INTO auth.users (id) VALUES ('${\learner(1)}'); INSERT INTO courses (title, slug, is_published) VALUES ('c', 'c', true);
	INSERT INTO modules (course_id, title) SELECT id, 'm' FROM courses; INSERT INTO lessons (module_id, title) SELECT id, 'l' FROM modules;
	INSERT INTO enrollments (user_id, course_id) SELECT '${\learner(1)}', id FROM courses;
	INSERT INTO content_progress (user_id, lesson_id) SELECT '${\learner(1)}', id FROM lessons;";

alices('planned', $plan);
$node->safe_psql('planned', $rows . "SET ROLE alice; CREATE EXTENSION content_library SCHEMA public VERSION 'plan'; $trap");
$node->safe_psql('planned', 'ALTER EXTENSION content_library UPDATE');
is($node->safe_psql('planned', "$owners; SELECT DISTINCT who FROM seen"), "alice\nalice", 'the plan\'s tables, updated by a superuser, and their indexes, are alice\'s');
is(as('alice', 'planned', 'SELECT content_library_attach()'), '', 'she may attach them');
is(as('alice', 'planned', "SELECT problem FROM content_library_check() WHERE severity = 'error' AND object !~ 'trapped'"), '', 'and check them');
is($node->safe_psql('planned', as_user(learner(1)) . $used), 91, 'a learner reports');

# All by a superuser.
alices('planned2', $plan);
$node->safe_psql('planned2', "BEGIN; CREATE EXTENSION content_library SCHEMA public VERSION 'plan'; ALTER EXTENSION content_library UPDATE; COMMIT");
is($node->safe_psql('planned2', $owners), 'alice', 'the plan\'s tables, taken in by a superuser');
is(as('alice', 'planned2', 'SELECT content_library_attach()'), '', 'she may attach them');

# From the SQL edition.
alices('edition');
is(run_script('alice', 'edition', $migration), '', 'the SQL edition');
is(run_script($superuser, 'edition', "$top/supabase/to_extension.sql"), '', 'made the extension by a superuser');
is($node->safe_psql('edition', $owners), 'alice', 'it is alice\'s');
alices('edition2');
run_script('alice', 'edition2', $migration);
$node->safe_psql('edition2', (slurp_file("$top/supabase/to_extension.sql") =~ s/^\\.*//mgr) =~ s/^ALTER EXTENSION.*\n/$trap$&/mr =~ s/^SELECT \* FROM public.content_library_check.*\n//mr);
is($node->safe_psql('edition2', "$owners; SELECT count(*) FROM seen WHERE who = '$superuser'"), "alice\n0", 'nor is her index a superuser\'s');

# One owner for all.
alices('two', $plan);
$node->safe_psql('two', 'ALTER TABLE lessons OWNER TO mallory');
like(as($superuser, 'two', "CREATE EXTENSION content_library SCHEMA public VERSION 'plan'"),
	qr/the owner of lessons: mallory; ALTER TABLE public\.lessons OWNER TO alice/, 'tables of two owners are refused');

# 2. Nobody takes in what was theirs when their transaction began.
foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	foreach my $version ('plan', 'sql')
	{
		my $database = lc("former_${version}_$level") =~ s/ /_/r;

		alices($database);
		as('mallory', $database, $plan);
		my $out = as('mallory', $database, "\\set VERBOSITY verbose\nBEGIN ISOLATION LEVEL $level; SELECT 1;" . meanwhile($superuser, $database,
				join '', map { "ALTER TABLE $_ OWNER TO alice;" } qw(courses modules lessons enrollments content_progress))
			. "CREATE EXTENSION content_library SCHEMA public VERSION '$version'; COMMIT");
		like($out, qr/ERROR:  25000: tables are adopted only under READ COMMITTED\n.*HINT:  BEGIN ISOLATION LEVEL READ COMMITTED/s, "$version in $level");
		is($node->safe_psql($database, $owners), 'alice', 'they stay with their new owner');
	}
}

# 3. What was taken away stays away.
my $away = 'REVOKE INSERT ON enrollments FROM authenticated; REVOKE DELETE ON content_progress FROM authenticated;
	REVOKE UPDATE ON courses FROM service_role; REVOKE EXECUTE ON FUNCTION enroll(uuid, uuid) FROM authenticated';
my $rights = <<'END';
SELECT string_agg(CASE WHEN has_it THEN 'yes' ELSE 'no' END, ' ') FROM (VALUES
	(has_any_column_privilege('authenticated', 'enrollments', 'INSERT')), (has_table_privilege('authenticated', 'content_progress', 'DELETE')),
	(has_table_privilege('service_role', 'courses', 'UPDATE')), (has_function_privilege('authenticated', 'enroll(uuid, uuid)', 'EXECUTE')),
	(has_table_privilege('authenticated', 'content_progress', 'UPDATE')), (has_table_privilege('anon', 'courses', 'TRUNCATE')),
	(has_function_privilege('authenticated', 'reset_progress(uuid, uuid, boolean)', 'EXECUTE'))) AS v(has_it)
END
my $decided = 'no no no no yes no yes';

sub restored
{
	my ($database, $name) = @_;

	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", $database ], "$name: dumped");
	$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$folder/dump" ], "$name: restored");
	is($node->safe_psql('restored', $rights), $decided, "$name: nor does a restore");
	$node->safe_psql('postgres', 'DROP DATABASE restored');
}

foreach my $role ($superuser, 'alice')
{
	my $database = "away_$role";
	my $expected = $role eq 'alice' ? qr/\A(psql:[^\n]*WARNING:  what was taken away is granted again: EXECUTE ON FUNCTION public\.enroll\(uuid, uuid\) to authenticated\nHINT:  As a superuser: REVOKE EXECUTE ON FUNCTION public\.enroll\(uuid, uuid\) FROM authenticated;\n?)\z/ : qr/\A\z/;

	alices($database);
	is(run_script($role, $database, $migration), '', "$role: the SQL edition");
	is($node->safe_psql($database, $rights), 'yes yes yes yes yes no yes', 'grants what it should');
	as($role, $database, $away);
	is(run_script($role, $database, $migration), '', 'run again');
	is($node->safe_psql($database, $rights), $decided, 'gives back nothing');
	restored($database, 'the edition');

	# What the check says at its end of the rights that were taken away is left out.
	my $said = run_script($role, $database, "$top/supabase/to_extension.sql") =~ s/^warning\|.*?(\n|(?=psql:)|\z)//mgr;
	like($said, $expected, 'made the extension');
	$node->safe_psql($database, 'REVOKE EXECUTE ON FUNCTION enroll(uuid, uuid) FROM authenticated') if $role eq 'alice';
	is($node->safe_psql($database, $rights), $decided, 'gives back nothing');
	restored($database, 'the extension');

	is(run_script($role, $database, "$top/supabase/to_sql_edition.sql"), '', 'and back');
	is($node->safe_psql($database, $rights), $decided, 'gives back nothing');
	is(run_script($role, $database, $migration), '', 'run once more');
	is($node->safe_psql($database, $rights), $decided, 'gives back nothing');
}

# A run that broke off does not count as one.
alices('broken');
as('alice', 'broken', slurp_file($migration) =~ s/\A(.*CREATE TABLE IF NOT EXISTS public\.mux_events.*?\);\n).*/$1/sr);
as($superuser, 'broken', 'GRANT ALL ON mux_events TO anon');
is(run_script('alice', 'broken', $migration), '', 'run again after one that broke off');
is($node->safe_psql('broken', "SELECT has_table_privilege('anon', 'mux_events', 'TRUNCATE')"), 'f', 'rights from zero');

# The plan's tables: an extension's script cannot, and says so.
alices('told', $plan);
$node->safe_psql('told', 'GRANT ALL ON ALL TABLES IN SCHEMA public TO authenticated, service_role; REVOKE INSERT ON enrollments FROM authenticated');
my $out = as('alice', 'told', "BEGIN; CREATE EXTENSION content_library SCHEMA public VERSION 'plan'; ALTER EXTENSION content_library UPDATE; COMMIT");
like($out, qr/WARNING:  content_library grants INSERT \(id\), [^\n]* ON TABLE public\.enrollments to authenticated, who did not have it\nHINT:  [^\n]*: REVOKE INSERT \(id\), [^\n]* ON TABLE public\.enrollments FROM authenticated;/, 'adopting says what it grants');
is(scalar(() = $out =~ /WARNING/g), 1, 'that alone');
my ($revoke) = $out =~ /(REVOKE INSERT.*;)/;
is(as('alice', 'told', $revoke), '', 'what it says to do');
is($node->safe_psql('told', "SELECT has_any_column_privilege('authenticated', 'enrollments', 'INSERT')"), 'f', 'takes it away');
new_database($node, 'untouched');
$node->safe_psql('untouched', "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM anon, authenticated, service_role; $plan");
is(as($superuser, 'untouched', "CREATE EXTENSION content_library SCHEMA public VERSION 'plan'; ALTER EXTENSION content_library UPDATE"), '', 'tables that nobody was granted are no cause for a warning');

done_testing();
