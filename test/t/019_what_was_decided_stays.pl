# 019_what_was_decided_stays: an update, an adoption or another run of the
# migration moves no table to another owner, runs nobody's code with more than
# their rights, gives nobody a right that was taken away, and takes from nobody one
# that was granted, or says so.
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
CREATE STATISTICS trapped ON (public.calm(1) + watched_pct) FROM public.content_progress;
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

# All by a superuser. Statistics are no difference to the plan's tables.
alices('planned2', $plan);
as('alice', 'planned2', $trap =~ s/^CREATE INDEX.*\n//mgr);
$node->safe_psql('planned2', "BEGIN; CREATE EXTENSION content_library SCHEMA public VERSION 'plan'; ALTER EXTENSION content_library UPDATE; COMMIT");
is($node->safe_psql('planned2', "$owners; SELECT count(*) FROM seen WHERE who = '$superuser'"), "alice\n0", 'the plan\'s tables, taken in by a superuser, and their statistics');
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

# Nothing of another role's is read or called. What a superuser would run counts, also if all is undone.
my $spring = <<'END';
CREATE SEQUENCE public.sprung;
CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF current_user NOT IN ('alice', 'mallory') THEN PERFORM nextval('public.sprung'); END IF; RETURN 1; END $$;
CREATE FUNCTION public.calm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.trap(); END $$;
END
sub refused
{
	my ($database, $script, $error, $name) = @_;

	like(run_script($superuser, $database, $script), $error, "$name: refused");
	is($node->safe_psql($database, 'SELECT is_called FROM public.sprung'), 'f', "$name: and not run");
}

alices('settings');
run_script('alice', 'settings', $migration);
as('alice', 'settings', $spring);
my %settings = (
	'a type with a cast' => [ 'column completion_threshold', 'CREATE TYPE public.box_of AS (n int);
		CREATE FUNCTION public.unbox(public.box_of) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 90; END $$;
		CREATE CAST (public.box_of AS text) WITH FUNCTION public.unbox(public.box_of);
		ALTER TABLE content_library_settings DROP CONSTRAINT content_library_settings_completion_threshold_check, ALTER completion_threshold DROP DEFAULT,
			ALTER completion_threshold TYPE public.box_of USING ROW(1)::public.box_of' ],
	'a view' => [ 'the relation', 'ALTER TABLE content_library_settings RENAME TO other; CREATE VIEW content_library_settings AS
		SELECT one, public.trap() AS completion_threshold, heartbeat_interval, max_playback_rate, watch_grace, mux_playback_policies FROM other' ],
	'an index' => [ 'index trapped', 'CREATE INDEX trapped ON content_library_settings (one) WHERE public.calm(1) = 1' ],
	'statistics' => [ 'statistics trapped', 'CREATE STATISTICS trapped ON (public.calm(1) + watch_grace) FROM content_library_settings;
		CREATE STATISTICS extensions.trapped ON (public.calm(1) + watch_grace) FROM content_library_settings' ],
	'a CHECK' => [ 'constraint trapped', 'ALTER TABLE content_library_settings ADD CONSTRAINT trapped CHECK (public.calm(1) = 1)' ],
	'a child' => [ 'the child public\.more', 'CREATE TABLE more () INHERITS (content_library_settings); CREATE INDEX ON more (one) WHERE public.calm(1) = 1' ],
	'another owner' => [ 'the owner', 'ALTER TABLE content_library_settings OWNER TO mallory' ]);
$node->safe_psql('postgres', 'GRANT mallory TO alice');
foreach my $name (sort keys %settings)
{
	my ($named, $sql) = @{ $settings{$name} };

	$node->safe_psql('postgres', 'CREATE DATABASE trapped TEMPLATE settings; ALTER DATABASE trapped SET constraint_exclusion = on');
	is(as('alice', 'trapped', $sql), '', "$name in the settings");
	refused('trapped', "$top/supabase/to_extension.sql",
		qr/ERROR:  public\.content_library_settings is not as the SQL edition makes it\nDETAIL:  [^\n]*\b$named\b[^\n]*\nHINT:  Nothing was changed\. /, $name);
	$node->safe_psql('postgres', 'DROP DATABASE trapped');
}

# Whoever may make a table or a function was first.
my %first = (
	'a view for a table' => 'CREATE VIEW public.content_library_settings AS SELECT true AS one WHERE public.trap() = 1',
	'a table with a trigger' => 'CREATE TABLE public.content_library_settings (one boolean PRIMARY KEY DEFAULT true, completion_threshold int, heartbeat_interval int,
			max_playback_rate double precision, watch_grace int, mux_playback_policies text[]);
		CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN NEW; END $$;
		CREATE TRIGGER fire BEFORE INSERT ON public.content_library_settings FOR EACH ROW EXECUTE FUNCTION public.fire()',
	'a domain for a type' => 'CREATE DOMAIN public.recorded_progress AS int',
	'a function' => 'CREATE FUNCTION public.content_library_mux_policies() RETURNS text[] LANGUAGE sql AS $$ SELECT NULL::text[] $$');
foreach my $name (sort keys %first)
{
	alices('first');
	is(as('mallory', 'first', "$spring $first{$name}"), '', "$name of another's");
	refused('first', $migration, qr/belongs to mallory, and the role here is "$superuser"\nHINT:  One role must own all of the library/, $name);
	if ($name =~ /table/)
	{
		$node->safe_psql('first', 'CREATE EXTENSION content_library SCHEMA public');
		refused('first', "$top/supabase/to_sql_edition.sql", qr/belongs to mallory, and the role here is "$superuser"/, "$name, from the extension");
	}
	$node->safe_psql('postgres', 'DROP DATABASE first');
}

# Alice's tables, and a key that is validated with a query.
alices('keys', $plan);
as('alice', 'keys', "$spring CREATE INDEX trapped ON enrollments (user_id) WHERE public.calm(1) = 1; ALTER TABLE enrollments DROP CONSTRAINT enrollments_user_id_fkey");
refused('keys', $migration, qr/public\.\w+ belongs to alice, and the role here is "$superuser"/, "another's tables");

# An operator of another's, for the types that the script compares.
alices('operators');
$node->safe_psql('operators', 'CREATE EXTENSION content_library SCHEMA public; REVOKE EXECUTE ON FUNCTION enroll(uuid, uuid) FROM authenticated');
is(as('mallory', 'operators', "$spring CREATE FUNCTION public.same(oid, regprocedure) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap() = 1';
	CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regprocedure, FUNCTION = public.same)"), '', "an operator of another's");
is(run_script($superuser, 'operators', "$top/supabase/to_sql_edition.sql"), '', 'to the SQL edition');
is($node->safe_psql('operators', 'SELECT is_called FROM public.sprung'), 'f', 'does not call it');

# The extension is elsewhere, and something else in public.
alices('elsewhere');
$node->safe_psql('elsewhere', 'CREATE SCHEMA lib; CREATE EXTENSION content_library SCHEMA lib');
as('mallory', 'elsewhere', "$spring CREATE FUNCTION public.content_library_mux_policies() RETURNS text[] LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.trap(); RETURN '{}'; END \$\$");
refused('elsewhere', "$top/supabase/to_sql_edition.sql", qr/ERROR:  the extension content_library is not in the schema public\nDETAIL:  It is in the schema lib\.\nHINT:  /, 'another schema');

# Nor is another schema named public meanwhile.
foreach my $script ('to_extension', 'to_sql_edition')
{
	my $database = "renamed_$script";
	alices($database);
	run_script($superuser, $database, $migration) if $script eq 'to_extension';
	$node->safe_psql($database, ($script eq 'to_extension' ? '' : 'CREATE EXTENSION content_library SCHEMA public;') . "ALTER DATABASE $database OWNER TO mallory");
	my $text = slurp_file("$top/supabase/$script.sql") =~ s{^\\ir }{\\i $top/supabase/}mr;
	my $rename = meanwhile('mallory', $database, "SET lock_timeout = '100ms'; ALTER SCHEMA public RENAME TO other");
	$text =~ s/^DROP POLICY/$rename$&/m;
	append_to_file("$folder/$script.sql", $text);
	like(run_script($superuser, $database, "$folder/$script.sql"), qr/canceling statement due to lock timeout/, "$script: the schema keeps its name until the end");
}

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

# What was granted stays granted: to learners, as the recipe for editors has it, to others, columns, functions, and with the grant option.
my $more = 'GRANT UPDATE (title, description) ON courses TO authenticated; GRANT INSERT (id, title), DELETE ON modules TO authenticated;
	GRANT SELECT ON lessons TO analyst WITH GRANT OPTION; GRANT SELECT (id, slug), UPDATE (slug) ON courses TO analyst; GRANT SELECT ON courses TO PUBLIC;
	GRANT EXECUTE ON FUNCTION course_report(uuid, integer, uuid) TO analyst WITH GRANT OPTION; GRANT EXECUTE ON FUNCTION mux_state(text, text) TO analyst, PUBLIC;
	GRANT EXECUTE ON FUNCTION issue_certificate(uuid, uuid, text, jsonb) TO "Back Office"; REVOKE SELECT ON modules FROM authenticated;
	GRANT SELECT (id) ON modules TO authenticated';
my $granted = <<'END';
SELECT o.name, a.privilege_type, a.is_grantable, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
FROM (SELECT oid::regclass::text, relacl, relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'content_library_settings'
	UNION ALL SELECT attrelid::regclass::text || '.' || attname, attacl, relowner FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
	UNION ALL SELECT oid::regprocedure::text, proacl, proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname !~ '^content_library') AS o(name, acl, owner)
CROSS JOIN aclexplode(o.acl) AS a WHERE a.grantee NOT IN (o.owner, 'alice'::regrole) AND a.grantor = o.owner ORDER BY 1, 2, 4
END
$node->safe_psql('postgres', 'CREATE ROLE analyst; CREATE ROLE "Back Office"; CREATE ROLE clerk; GRANT analyst TO alice');
alices('more');
run_script($superuser, 'more', $migration);
$node->safe_psql('more', $more);
my $before = $node->safe_psql('more', $granted);
like($before, qr/^course_report\(uuid,integer,uuid\)\|EXECUTE\|t\|analyst$/m, 'more is granted');
unlike(run_script($superuser, 'more', "$top/supabase/to_extension.sql"), qr/ERROR|WARNING/, 'made the extension');
is($node->safe_psql('more', $granted), $before, 'as it was granted');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/more", 'more' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE more2 TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'more2', "$folder/more" ], 'restored');
is($node->safe_psql('more2', $granted), $before, 'nor does a restore lose any');
is(run_script($superuser, 'more', "$top/supabase/to_sql_edition.sql"), '', 'and back');
is($node->safe_psql('more', $granted), $before, 'as it was granted');

# What cannot be granted again is named.
alices('broken_off');
is(run_script('alice', 'broken_off', $migration), '', "alice's");
as('alice', 'broken_off', 'GRANT EXECUTE ON FUNCTION course_summary(uuid) TO analyst; GRANT SELECT ON courses TO analyst WITH GRANT OPTION');
my $state = $node->safe_psql('broken_off', $granted);
sub unchanged
{
	my ($grant, $revoke, $error, $name) = @_;

	$node->safe_psql('broken_off', $grant);
	like(run_script('alice', 'broken_off', "$top/supabase/to_extension.sql"), $error, $name);
	is($node->safe_psql('broken_off', "SELECT count(*) FROM pg_extension WHERE extname = 'content_library'"), '0', 'and nothing is changed');
	is(as('alice', 'broken_off', $revoke), '', 'what it says to do') if $revoke;
}
unchanged('SET ROLE analyst; GRANT SELECT ON courses TO clerk', 'REVOKE SELECT ON TABLE public.courses FROM analyst CASCADE; GRANT SELECT ON courses TO analyst WITH GRANT OPTION',
	qr/ERROR:  analyst, who is not the owner, has granted SELECT ON TABLE public\.courses to clerk\nHINT:  [^\n]*REVOKE SELECT ON TABLE public\.courses FROM clerk;/, 'a grant by another role is named');
unchanged('GRANT UPDATE (watch_grace) ON content_library_settings TO analyst', 'REVOKE UPDATE (watch_grace) ON TABLE public.content_library_settings FROM analyst',
	qr/ERROR:  UPDATE \(watch_grace\) ON TABLE public\.content_library_settings cannot stay granted to analyst\nDETAIL:  [^\n]*\nHINT:  [^\n]*: REVOKE UPDATE \(watch_grace\) ON TABLE public\.content_library_settings FROM analyst;/, 'so is one on what the extension does not have');
unchanged('GRANT EXECUTE ON FUNCTION content_library.course_of(uuid, boolean) TO analyst', 'REVOKE EXECUTE ON FUNCTION content_library.course_of(uuid, boolean) FROM analyst',
	qr/ERROR:  EXECUTE ON FUNCTION content_library\.course_of\(uuid,boolean\) cannot stay granted to analyst/, 'and on a door');
like(run_script('alice', 'broken_off', "$top/supabase/to_extension.sql"),
	qr/WARNING:  what was granted is taken away: EXECUTE ON FUNCTION public\.course_summary\(uuid\) to analyst\nHINT:  As a superuser: GRANT EXECUTE ON FUNCTION public\.course_summary\(uuid\) TO analyst;/, 'what only a superuser may grant is told');
$node->safe_psql('broken_off', 'GRANT EXECUTE ON FUNCTION public.course_summary(uuid) TO analyst');
is($node->safe_psql('broken_off', $granted), $state, 'all is as it was then');
is(run_script('alice', 'broken_off', "$top/supabase/to_sql_edition.sql"), '', 'and back');
is($node->safe_psql('broken_off', $granted), $state, 'as it was');

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
