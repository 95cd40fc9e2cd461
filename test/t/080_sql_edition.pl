# 080_sql_edition: the migration for hosted Supabase is up to date, makes the
# tables that the extension makes, may be run again and over the plan's own
# tables; nobody gains a right by it: neither by settings nor by completions.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('edition');
my $top = "$FindBin::RealBin/../..";
my $folder = PostgreSQL::Test::Utils::tempdir;
my ($file) = glob("$top/supabase/migrations/*_content_library.sql");
my $migration = slurp_file($file);
my @sources = map { "$top/$_" } qw(content_library--1.0.sql content_library--plan.sql supabase/twins.sql src/attachment.h src/auth.c);

# Up to date, in the plan's form.
foreach my $made ([ 'migration', $file ], [ 'to_extension', "$top/supabase/to_extension.sql" ], [ 'to_sql_edition', "$top/supabase/to_sql_edition.sql" ])
{
	my ($out, $err) = run_command([ "$top/supabase/generate", $made->[0], @sources ]);
	is("$out\n", slurp_file($made->[1]), "$made->[1] is what make migration makes") or diag($err);
}
like($migration, qr/\A-- content_library: .*\n--\n/, 'it opens with a comment');
unlike($migration, qr/^CREATE (TABLE|INDEX|TRIGGER|FUNCTION) (?!IF NOT EXISTS)/m, 'nothing is made twice');

# A twin that is not its C function's is refused.
my $other = slurp_file($sources[2]) =~ s/dry_run boolean DEFAULT false\)/dry_run boolean DEFAULT true)/r;
append_to_file("$folder/twins.sql", $other);
my ($out, $err) = run_command([ "$top/supabase/generate", 'migration', @sources[ 0, 1 ], "$folder/twins.sql", @sources[ 3, 4 ] ]);
like($err, qr/^reset_progress: the signature/, 'another signature is refused');

# As Supabase's postgres, who is no superuser.
sub supabase_database
{
	my ($database) = @_;

	new_database($node, $database);
	$node->safe_psql($database, "GRANT CREATE ON DATABASE $database TO developer; GRANT ALL ON SCHEMA public, extensions TO developer;
		GRANT USAGE ON SCHEMA auth TO developer; GRANT ALL ON auth.users TO developer");
}

sub migrate
{
	my ($database, @before) = @_;
	my ($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) . ' user=developer',
		(map { ('-c', $_) } @before), '-f', $file ]);

	return "$out$err";
}

# All of the tables, as LibraryTest has it, without what only one edition has.
sub tables
{
	my ($database) = @_;

	return join "\n", grep { !/content_library_settings|^7 grant\|\w+\(\)|^8 dumped|^9 event|^1 rows/ } split /\n/,
		snapshot($node, $database, 'public') =~ s/\b(owner=|to )(postgres|developer)\b/$1owner/gr;
}

# The functions of both, by all that their callers see.
sub functions
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'END');
SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.provolatile, p.proparallel, p.prorows, p.proretset,
	regexp_replace(obj_description(p.oid, 'pg_proc'), 'content_library(_settings)?\.', 'settings.', 'g'), g.grantees
FROM pg_proc AS p
CROSS JOIN LATERAL (
	SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ' ' ORDER BY r.rolname) AS grantees
	FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
	LEFT JOIN pg_roles AS r ON r.oid = a.grantee
	WHERE a.grantee <> p.proowner) AS g
WHERE p.pronamespace = 'public'::regnamespace
	AND (p.proname NOT LIKE 'content\_library%' OR p.proname = 'content_library_percentage' OR p.proname LIKE 'content\_library\_mux%')
ORDER BY 1
END
}

$node->safe_psql('postgres', 'CREATE ROLE developer LOGIN CREATEROLE BYPASSRLS');
new_database($node, 'extension', 'public');
supabase_database('edition');
$node->safe_psql('edition', 'GRANT anon, authenticated, service_role TO developer');
is(migrate('edition'), '', 'installed by a developer, without a word');
is_deeply([ lines_that_differ(tables('extension'), tables('edition')) ], [], 'the tables are those of the extension');
my $functions = functions('extension');
cmp_ok(scalar(() = $functions =~ /^\w/mg), '>=', 20, 'there are functions to compare');
is_deeply([ lines_that_differ($functions, functions('edition')) ], [], 'so are names, arguments, results, labels, comments and grants');

# Every function has a search_path, a comment, grants to nobody else; one has the owner's rights.
my $bad = <<'END';
SELECT p.proname FROM pg_proc AS p
WHERE p.pronamespace = 'public'::regnamespace
	AND (NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c = 'search_path=pg_catalog, pg_temp')
		 OR obj_description(p.oid, 'pg_proc') IS NULL
		 OR has_function_privilege('anon', p.oid, 'EXECUTE') OR has_function_privilege('public', p.oid, 'EXECUTE')
		 OR p.prosecdef <> (p.proname = 'content_library_own_completion'))
UNION ALL
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
	AND (NOT c.relrowsecurity OR obj_description(c.oid, 'pg_class') IS NULL
		 OR has_table_privilege('anon', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		 OR has_table_privilege('authenticated', c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
		 OR has_table_privilege('service_role', c.oid, 'TRUNCATE, REFERENCES, TRIGGER'))
END
is($node->safe_psql('edition', $bad), '', 'search paths, comments, rights');
my $grants = <<'END';
SELECT o.name, a.grantee::regrole, a.privilege_type, a.is_grantable
FROM (SELECT oid::regclass::text, relacl, relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
	UNION ALL SELECT oid::regprocedure::text, proacl, proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace) AS o(name, acl, owner)
CROSS JOIN aclexplode(o.acl) AS a WHERE a.grantee <> o.owner ORDER BY 1, 2, 3
END
my $usual = $node->safe_psql('edition', $grants);
foreach my $state (
	[ 'none', 'ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;' ],
	[ 'all', 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, anon, authenticated, service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC, anon, authenticated, service_role;' ])
{
	supabase_database("defaults_$state->[0]");
	is(migrate("defaults_$state->[0]", $state->[1]), '', "installed with default privileges for $state->[0]");
	is($node->safe_psql("defaults_$state->[0]", $grants), $usual, 'the same grants');
	is($node->safe_psql("defaults_$state->[0]", $bad), '', 'and rights');
}

# Again, with rows and settings: no change, no loss.
fill($node, 'edition', 'public');
$node->safe_psql('edition', "UPDATE content_library_settings SET completion_threshold = 95, heartbeat_interval = 0");
sub dumped
{
	my ($out) = run_command([ 'pg_dump', '-d', $node->connstr($_[0]) ]);
	return $out =~ s/^\\(un)?restrict .*\n//mgr;
}
my $dump = dumped('edition');
like($dump, qr/^COPY public.content_progress .*\n(.+\n){600}/m, 'there are rows to lose');
is(migrate('edition'), '', 'run again');
is(dumped('edition'), $dump, 'no change, no loss');

# Over the plan's own tables.
supabase_database('plan');
my $plan = slurp_file("$FindBin::RealBin/../data/plan.sql");
$node->psql('plan', $plan, connstr => $node->connstr('plan') . ' user=developer', on_error_stop => 1);
$node->safe_psql('plan', "INSERT INTO auth.users (id) VALUES ('${\learner(1)}');
	INSERT INTO courses (title, slug, is_published) VALUES ('Plan', 'plan', true);
	INSERT INTO modules (course_id, title) SELECT id, 'm' FROM courses; INSERT INTO lessons (module_id, title) SELECT id, 'l' FROM modules;
	INSERT INTO enrollments (user_id, course_id) SELECT '${\learner(1)}', id FROM courses;
	INSERT INTO content_progress (user_id, lesson_id, watched_pct) SELECT '${\learner(1)}', id, 34 FROM lessons");
is(migrate('plan'), '', "run over the plan's tables");
is_deeply([ lines_that_differ(tables('extension'), tables('plan')) ], [], "they are those of the extension");
is($node->safe_psql('plan', "SELECT conname FROM pg_constraint WHERE confrelid = 'auth.users'::regclass AND contype = 'f' ORDER BY oid"),
	"content_progress_user_id_fkey\nenrollments_user_id_fkey", 'deleting an account locks in the order of a report');
is($node->safe_psql('plan', as_user(learner(1)) . 'SELECT watched_pct, completed FROM lessons AS l, record_progress(l.id, 12)'), '34|f', 'with their rows');

# Settings are the owner's: neither a SET nor a statement of a learner's or the service role's counts.
my $lesson = $node->safe_psql('plan', 'SELECT id FROM lessons');
foreach my $role ('authenticated', 'service_role')
{
	is($node->safe_psql('plan', as_user(learner(1)) . "SET ROLE $role; SET content_library.completion_threshold = 1; SET content_library_settings.completion_threshold = 1;
		SELECT completion_threshold('$lesson')"), '90', "SET by $role");
	my ($code, $out, $err) = $node->psql('plan', as_user(learner(1)) . "SET ROLE $role; UPDATE content_library_settings SET completion_threshold = 1 WHERE one");
	like($err, qr/permission denied/, "UPDATE by $role");
}
($out, $err) = ('', '');
foreach my $value ('completion_threshold = 0', 'completion_threshold = 101', 'heartbeat_interval = -1', "mux_playback_policies = '{publik}'", "mux_playback_policies = '{}'", 'one = false')
{
	$node->psql('plan', "UPDATE content_library_settings SET $value", stderr => \$err);
	like($err, qr/violates check constraint/, $value);
}
$node->psql('plan', 'INSERT INTO content_library_settings DEFAULT VALUES', stderr => \$err);
like($err, qr/duplicate key/, 'a second row');
$node->safe_psql('plan', "UPDATE content_library_settings SET completion_threshold = 34, heartbeat_interval = 600, mux_playback_policies = '{drm}'");
is($node->safe_psql('plan', "SELECT content_library_mux_policies(), completion_threshold('$lesson')"), '{drm}|34', 'the owner sets them');
is($node->safe_psql('plan', as_user(learner(1)) . "SELECT completed FROM record_progress('$lesson', 0)"), 't', 'and a report follows them');

# A hostile learner, who calls what completes a course.
$node->safe_psql('plan', "UPDATE content_library_settings SET completion_threshold = 90; INSERT INTO auth.users (id) VALUES ('${\learner(2)}'), ('${\learner(3)}');
	INSERT INTO enrollments (user_id, course_id) SELECT u, id FROM courses, unnest('{${\learner(2)}, ${\learner(3)}}'::uuid[]) AS u;
	INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed) VALUES ('${\learner(2)}', '$lesson', 100, true), ('${\learner(3)}', '$lesson', 89, false);
	UPDATE enrollments SET completed_at = NULL");
my $course = $node->safe_psql('plan', 'SELECT id FROM courses');
sub completed
{
	return $node->safe_psql('plan', "SELECT string_agg(right(user_id::text, 1), ' ' ORDER BY user_id) FROM enrollments WHERE completed_at IS NOT NULL");
}
sub by_hand
{
	my ($n, $call) = @_;
	my ($code, $out, $err) = $node->psql('plan', as_user(learner($n)) . "SELECT $call");

	return "$out$err";
}
my $claim = "content_library_own_completion('claim', '{$lesson}', NULL, '1999-01-01')";
is(by_hand(3, $claim), 't', 'one who is not done');
is(completed(), '', 'completes nothing');
foreach my $call ("content_library_completion('claim', '${\learner(2)}', '{$lesson}', NULL, now())",
	"content_library_step('claim', '${\learner(2)}', true, '{$lesson}', NULL, now())",
	"content_library_complete(ARRAY(SELECT id FROM enrollments), now())",
	"content_library_all_completed('${\learner(2)}', '$course')")
{
	like(by_hand(3, $call), qr/permission denied for function content_library_/, $call);
}
is(by_hand(3, "content_library_step('claim', '${\learner(2)}', false, '{$lesson}', NULL, now())"), 't', 'nor in the name of another');
is(completed(), '', 'completes another');
is($node->safe_psql('plan', "SET ROLE authenticated; SELECT content_library_own_completion('claim', '{$lesson}', NULL, now())"), 'f', 'nobody is signed in');
is(by_hand(2, $claim), 't', 'one who is done');
is(completed(), '2', 'completes what is due');
is($node->safe_psql('plan', "SELECT completed_at > now() - interval '1 minute' AND completed_at <= clock_timestamp() FROM enrollments WHERE completed_at IS NOT NULL"), 't', 'now, whatever time is asked for');
$node->safe_psql('plan', 'CREATE TABLE seen AS SELECT * FROM enrollments');
is(by_hand(2, "content_library_own_completion('claim', '{$lesson}', NULL, 'infinity')"), 't', 'again');
is(by_hand(2, "content_library_own_completion('reopen', NULL, '$course', NULL)"), 't', 'and cannot be undone while it is due');
is(by_hand(3, "content_library_own_completion('reopen', NULL, '$course', NULL)"), 't', 'nor by another');
like(by_hand(3, "content_library_own_completion('drop', NULL, '$course', NULL)"), qr/case not found/, 'there are no other steps');
is($node->safe_psql('plan', 'SELECT count(*) FROM (TABLE enrollments EXCEPT TABLE seen) AS n'), '0', 'nothing has changed since');
is($node->safe_psql('plan', as_user(learner(2)) . "SELECT reset_progress('$course'); RESET ROLE; SELECT completed_at IS NULL FROM enrollments WHERE user_id = '${\learner(2)}'"), "1\nt", 'a reset undoes it');

# A hostile search path and temporary tables stand in front of nothing.
is($node->safe_psql('plan', as_user(learner(3)) . "CREATE TEMP TABLE content_progress AS SELECT id, '${\learner(3)}'::uuid AS user_id, id AS lesson_id, true AS completed FROM public.lessons;
	CREATE TEMP TABLE lessons AS SELECT * FROM public.lessons; SET search_path = pg_temp, public; SELECT $claim; RESET ROLE; SELECT count(completed_at) FROM public.enrollments"),
	"t\n0", 'temporary tables complete nothing');

# A dump of it is restored, whole.
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", 'edition' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$folder/dump" ], 'restored');
is(dumped('restored'), dumped('edition'), 'all as it was');

done_testing();
