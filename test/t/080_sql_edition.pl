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
my @sources = map { "$top/$_" } qw(content_library--1.0.sql content_library--plan.sql supabase/plpgsql.sql src/attachment.h src/auth.c src/rules.h);

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
append_to_file("$folder/plpgsql.sql", $other);
my ($out, $err) = run_command([ "$top/supabase/generate", 'migration', @sources[ 0, 1 ], "$folder/plpgsql.sql", @sources[ 3 .. 5 ] ]);
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

	return join "\n", grep { !/^1 rows/ } split /\n/,
		in_both(snapshot($node, $database, 'public')) =~ s/\b(owner=|to )(postgres|developer)\b/$1owner/gr;
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
	AND (p.proname NOT LIKE 'content\_library%' OR p.proname LIKE 'content\_library\_mux%')
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

# Every function has a search_path, a comment, and grants to nobody else; none that
# PostgREST exposes has the owner's rights. The schema of the others is closed.
my $bad = <<'END';
SELECT p.proname FROM pg_proc AS p
WHERE p.pronamespace IN ('public'::regnamespace, 'content_library'::regnamespace)
	AND (NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c = 'search_path=pg_catalog, pg_temp')
		 OR obj_description(p.oid, 'pg_proc') IS NULL
		 OR has_function_privilege('anon', p.oid, 'EXECUTE') AND p.proname <> 'verify_certificate' OR has_function_privilege('public', p.oid, 'EXECUTE')
		 OR p.prosecdef AND p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype)
UNION ALL
SELECT 'schema' WHERE has_schema_privilege('anon', 'content_library', 'CREATE') OR has_schema_privilege('authenticated', 'content_library', 'CREATE')
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
	UNION ALL SELECT nspname, nspacl, nspowner FROM pg_namespace WHERE nspname = 'content_library'
	UNION ALL SELECT oid::regprocedure::text, proacl, proowner FROM pg_proc
		WHERE pronamespace IN ('public'::regnamespace, 'content_library'::regnamespace)) AS o(name, acl, owner)
CROSS JOIN aclexplode(o.acl) AS a WHERE a.grantee <> o.owner ORDER BY 1, 2, 3
END
my $usual = $node->safe_psql('edition', $grants);
foreach my $state (
	[ 'none', 'ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;' ],
	[ 'all', 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, anon, authenticated, service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC, anon, authenticated, service_role;
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
	"content_progress_user_id_fkey\nenrollments_user_id_fkey\ncertificates_user_id_fkey\ncourse_staff_user_id_fkey", 'deleting an account locks in the order of a report');
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
foreach my $value ('completion_threshold = 0', 'completion_threshold = 101', 'heartbeat_interval = -1', 'max_playback_rate = -1', "max_playback_rate = 'NaN'", "max_playback_rate = 'Infinity'", 'watch_grace = -1', "mux_playback_policies = '{publik}'", "mux_playback_policies = '{}'", 'one = false')
{
	$node->psql('plan', "UPDATE content_library_settings SET $value", stderr => \$err);
	like($err, qr/violates check constraint/, $value);
}
$node->psql('plan', 'INSERT INTO content_library_settings DEFAULT VALUES', stderr => \$err);
like($err, qr/duplicate key/, 'a second row');
$node->safe_psql('plan', "UPDATE content_library_settings SET completion_threshold = 34, heartbeat_interval = 600, mux_playback_policies = '{drm}'");
is($node->safe_psql('plan', "SELECT content_library_mux_policies(), completion_threshold('$lesson')"), '{drm}|34', 'the owner sets them');
is($node->safe_psql('plan', as_user(learner(1)) . "SELECT completed FROM record_progress('$lesson', 0)"), 't', 'and a report follows them');

# From here on both editions, with the same answers. Learner 1 is enrolled in the
# first course and in the draft, learner 2 in the first; learner 3 in none.
sub uuid
{
	return sprintf '%08d-0000-4000-8000-000000000000', $_[0];
}
my ($open, $second, $draft) = map { uuid($_) } 1 .. 3;
sub rows
{
	my ($database) = @_;

	$node->safe_psql($database, <<"END");
INSERT INTO auth.users (id) VALUES ('${\learner(1)}'), ('${\learner(2)}'), ('${\learner(3)}');
INSERT INTO courses (id, title, slug, is_published)
SELECT format('0000000%s-0000-4000-8000-000000000000', n)::uuid, 'Course ' || n, 'c' || n, n < 3 FROM generate_series(1, 3) AS n;
INSERT INTO modules (id, course_id, title) SELECT format('0000001%s-0000-4000-8000-000000000000', n)::uuid, id, 'm'
FROM courses, substr(slug, 2) AS n;
INSERT INTO lessons (id, module_id, title, sort_order, mux_status, mux_playback_id)
SELECT format('000001%s%s-0000-4000-8000-000000000000', substr(m.id::text, 8, 1), k)::uuid, id, 'l' || k, k, 'ready', 'secret'
FROM modules AS m, generate_series(1, 2) AS k;
INSERT INTO enrollments (user_id, course_id) VALUES ('${\learner(1)}', '$open'), ('${\learner(1)}', '$draft'), ('${\learner(2)}', '$open');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed)
VALUES ('${\learner(2)}', '${\uuid(111)}', 100, true), ('${\learner(2)}', '${\uuid(112)}', 40, false), ('${\learner(1)}', '${\uuid(131)}', 10, false);
INSERT INTO certificates (code, user_id, learner_name, course_title, completed_at) VALUES ('0000-0000-0002', '${\learner(2)}', 'Bob', 'A course', now());
END
}

# What SQL answers a learner, errors as their SQLSTATE; nothing of it stays.
sub answers
{
	my ($database, $n, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database,
		"\\set VERBOSITY sqlstate\n\\set ON_ERROR_ROLLBACK on\nBEGIN;\n" . ($n ? as_user(learner($n)) : "SET ROLE anon;\n") . "$sql;\nROLLBACK;",
		on_error_stop => 0, extra_params => []);
	$err =~ s/^.*?(?:ERROR:  )//mg;
	return join ' ', split(/\n/, $out), split(/\n/, $err);
}

# Each learner's function, in the order of a learner's day.
my @day = (
	[ enroll => "SELECT course_id FROM enroll('$second')", $second ],
	[ record_progress => "SELECT watched_pct, completed FROM record_progress('${\uuid(111)}', 95, 7)", '95|t' ],
	[ record_progress => "SELECT watched_pct, completed FROM record_progress('${\uuid(111)}', 20)", '95|t' ],
	[ record_progress_batch => "SELECT watched_pct FROM record_progress_batch('[{\"lesson_id\": \"${\uuid(112)}\", \"watched_pct\": 30}, {\"lesson_id\": \"${\uuid(121)}\", \"watched_pct\": 50}]')", '30 50' ],
	[ course_completion => "SELECT course_completion('$open')", '50' ],
	[ course_outline => "SELECT d ->> 'completed_lessons', d #>> '{modules,0,lessons,1,watched_pct}', d #>> '{modules,0,lessons,1,mux_playback_id}' FROM course_outline('$open') AS d", '1|30|secret' ],
	[ next_lesson => "SELECT next_lesson('$open')", uuid(112) ],
	[ course_progress => 'SELECT course_id, completion, next_lesson_id FROM course_progress() ORDER BY 1', "$open|50|${\uuid(112)} $second|0|${\uuid(121)}" ],
	[ continue_watching => 'SELECT lesson_id, watched_pct FROM continue_watching(5) ORDER BY 1', "${\uuid(112)}|30 ${\uuid(121)}|50" ],
	[ completion_threshold => "SELECT completion_threshold('${\uuid(111)}')", '90' ],
	[ mux_playback_claims => "SELECT mux_playback_claims('${\uuid(111)}') ->> 'sub'", 'secret' ],
	[ record_progress => "SELECT completed FROM record_progress('${\uuid(112)}', 100)", 't' ],
	[ course_progress => 'SELECT completed_at > now() FROM course_progress() WHERE completion = 100', 't' ],
	[ reset_progress => "SELECT reset_progress('$open')", '2' ],
	[ course_progress => "SELECT completed_at IS NULL FROM course_progress() WHERE course_id = '$open'", 't' ],
	[ reset_progress => "SELECT reset_progress('$open', dry_run => true)", '0' ],
	[ verify_certificate => "SELECT status FROM verify_certificate('0000-0000-0002')", 'valid' ],
	[ unenroll => "SELECT course_id FROM unenroll('$second')", $second ]);
my %called = map { $_->[0] => 1 } @day;
my $day = join ";\n", map { $_->[1] } @day;
my $usual_day = join ' ', map { $_->[2] } @day;
my $writes = join ";\n", "INSERT INTO content_progress (user_id, lesson_id) VALUES ('${\learner(2)}', '${\uuid(121)}')",
	"UPDATE content_progress SET completed = true WHERE lesson_id = '${\uuid(112)}'", "DELETE FROM content_progress WHERE lesson_id = '${\uuid(112)}'",
	"INSERT INTO enrollments (user_id, course_id) VALUES ('${\learner(2)}', '$second')";
my $reads = join ";\n", map { "SELECT count(*) FROM $_" } qw(lessons modules content_progress enrollments);
supabase_database('doors');
is(migrate('doors'), '', 'an edition for what learners do');
foreach my $database ('extension', 'doors')
{
	rows($database);
	is($node->safe_psql($database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'content\\_library%' AND has_function_privilege('authenticated', oid, 'EXECUTE')
			AND proname <> ALL ('{course_report,course_summary,lesson_report,lesson_retention,move_lesson,move_module,copy_course,recompute_completion}') ORDER BY 1"),
		join("\n", sort keys %called), "$database: each of the learners' functions is called");
	is(answers($database, 1, $day), $usual_day, "$database: they answer");
	$node->safe_psql($database, 'REVOKE INSERT, UPDATE, DELETE ON content_progress FROM authenticated; REVOKE INSERT ON enrollments FROM authenticated');
	is(answers($database, 1, $day), $usual_day, "$database: also without direct writes");
	is(answers($database, 2, $writes), '42501 42501 42501 42501', "$database: of which there are none");
	$node->safe_psql($database, 'REVOKE SELECT ON lessons, modules, content_progress, enrollments FROM authenticated');
	is(answers($database, 1, $day), $usual_day, "$database: and without direct reads");
	is(answers($database, 2, $reads), '42501 42501 42501 42501', "$database: likewise");
}

# A policy of one's own: a course of an organisation is there for its members
# alone. Whoever has been let in already goes on, as with a course that is closed.
my $inside = "SELECT set_config('request.jwt.claims', '{\"sub\": \"${\learner(2)}\", \"role\": \"authenticated\", \"org\": \"acme\"}', false) IS NOT NULL;\n";
my @policy = (
	"SELECT user_id FROM enroll('$open')" => [ learner(2), '23503' ],
	"SELECT watched_pct FROM record_progress('${\uuid(112)}', 41)" => [ '41', '23503' ],
	"SELECT watched_pct FROM record_progress_batch('[{\"lesson_id\": \"${\uuid(112)}\", \"watched_pct\": 42}]')" => [ '42', '23503' ],
	"SELECT course_completion('$open')" => [ '23503', '23503' ],
	"SELECT course_outline('$open')" => [ '23503', '23503' ],
	"SELECT next_lesson('$open')" => [ '23503', '23503' ],
	'SELECT course_id FROM course_progress()' => [ '', '' ],
	'SELECT lesson_id FROM continue_watching(1)' => [ '', '' ],
	"SELECT completion_threshold('${\uuid(111)}')" => [ '23503', '23503' ],
	"SELECT mux_playback_claims('${\uuid(111)}')" => [ '23503', '23503' ],
	"SELECT reset_progress('$open')" => [ '2', '23503' ],
	"SELECT status FROM verify_certificate('0000-0000-0002')" => [ 'valid', 'valid' ],
	"SELECT user_id FROM unenroll('$open')" => [ learner(2), '23503' ]);
foreach my $database ('extension', 'doors')
{
	$node->safe_psql($database, "UPDATE courses SET metadata = '{\"org\": \"acme\"}' WHERE id = '$open';
		CREATE POLICY organisations ON courses AS RESTRICTIVE FOR SELECT TO authenticated
		USING (metadata ->> 'org' IS NULL OR metadata ->> 'org' = current_setting('request.jwt.claims', true)::jsonb ->> 'org')");
	my %asked;
	for (my $i = 0; $i < @policy; $i += 2)
	{
		my ($call, $expected) = @policy[ $i, $i + 1 ];
		$asked{$1} = 1 if $call =~ /(\w+)\(/;
		is(answers($database, 2, $call), $expected->[0], "$database: enrolled, from outside: $call");
		is(answers($database, 3, $call), $expected->[1], "$database: not enrolled: $call");
		unlike(answers($database, 2, "$inside$call"), qr/23503|^t$/, "$database: from within: $call");
	}
	is_deeply(\%asked, \%called, "$database: that is all of them");
	# The courses that are hidden take no place of those that are not.
	is(answers($database, 2, "SELECT count(*) FROM enroll('$second'); SELECT count(*) FROM record_progress('${\uuid(121)}', 5); SELECT count(*) FROM record_progress('${\uuid(112)}', 43); SELECT lesson_id FROM continue_watching(1)"),
		"1 1 1 ${\uuid(121)}", "$database: what is not hidden is shown");
	$node->safe_psql($database, "DROP POLICY organisations ON courses");
}
# A hostile learner, with SQL of their own, who calls what the functions call:
# every one of them, with NULLs, as nobody and as learner 3.
my $calls = $node->safe_psql('doors', <<'END');
SELECT format('SELECT content_library.%I(%s)', p.proname, (SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY AS a(t, n)))
FROM pg_proc AS p WHERE p.pronamespace = 'content_library'::regnamespace ORDER BY 1
END
my @calls = split /\n/, $calls;
cmp_ok(scalar(@calls), '>', 40, 'there is something to call');
my @closed = grep { !/\.verify_certificate\(/ } @calls;
is(answers('doors', 0, join ";\n", @closed), join(' ', ('42501') x @closed), 'nobody calls any');
is(@calls - @closed, 1, 'but one');
is(answers('doors', 0, "SELECT status FROM content_library.verify_certificate('0000-0000-0002'); SELECT status FROM verify_certificate('0000-0000-0002')"), 'valid valid', 'which verifies a certificate');

# What learners may call by hand, and what comes of it for one who is enrolled in
# nothing: of lessons and a course that are published, and of a draft.
my $seen = "'{$open,$second,$draft}'";
my %by_hand = (
	missing_course => [ "('$open')", '23503' ],
	missing_lesson => [ "('$open')", '23503' ],
	nobody => [ '()', '28000' ],
	writes => [ "('x')", '' ],
	acts_for_others => [ '()', 'f' ],
	caller => [ "('${\learner(1)}')", '42501' ],
	other_user => [ "('${\learner(1)}')", '42501' ],
	enter => [ "('$open', 'viewer')", '42501' ],
	require_staff => [ "('$open', 'viewer')", '42501' ],
	require_own_learner => [ "('$open', '${\learner(1)}')", '42501' ],
	sees_course => [ "('$draft')", 'f' ],
	require_course => [ "('$draft')", '23503' ],
	whole_number => [ "(-0.5, 'x', 100)", '22023' ],
	whole_percent => [ '(101)', '22023' ],
	whole_position => [ "('NaN')", '22023' ],
	json_number => [ "('1e400', 'x')", 'Infinity' ],
	read_played => [ "('[[2, 1]]')", '22023' ],
	read_report => [ "('{}', now())", 'P0001' ],
	read_reports => [ "('[{}]', now())", '22023' ],
	send => [ "('${\learner(1)}', '{${\uuid(112)}}', '{99}', '{NULL}', '{1}', ARRAY[now()], now(), NULL, false)", '42501' ],
	send_all => [ "('{${\learner(1)}}', '{${\uuid(112)}}', '{99}', '{NULL}', '{1}', ARRAY[now()], now(), false)", '42501' ],
	watched_course_of => [ "('${\uuid(131)}')", '' ],
	own_record => [ "(NULL, '{${\uuid(112)}}', '{99}', '{NULL}', '{1}', ARRAY[now()], now(), NULL, false, $seen)", '42501' ],
	own_enroll => [ "('$draft', true)", '23503' ],
	own_unenroll => [ "('$draft', true)", '23503' ],
	own_reset_progress => [ "('$open', false, true)", '42501' ],
	own_completion_threshold => [ "('${\uuid(131)}')", '(,)' ],
	own_course_completion => [ "('$draft')", '23503' ],
	own_course_outline => [ "('$draft', NULL)", '23503' ],
	own_next_lesson => [ "('$draft')", '23503' ],
	own_course_progress => [ '()', '' ],
	own_continue_watching => [ '(100, NULL, NULL)', '' ],
	own_mux_playback_claims => [ "('${\uuid(111)}', 'infinity', 'v')", '42501' ],
	own_course_report => [ "('$open', NULL, NULL)", '42501' ],
	own_course_summary => [ "('$open')", '42501' ],
	own_lesson_report => [ "('$open')", '42501' ],
	own_lesson_retention => [ "('${\uuid(111)}', 5)", '42501' ],
	own_course_of_lesson => [ "('${\uuid(111)}')", '42501' ],
	own_course_of_module => [ "('${\uuid(11)}')", '42501' ],
	own_move_lesson => [ "('${\uuid(111)}', '${\uuid(11)}', NULL)", '42501' ],
	own_move_module => [ "('${\uuid(11)}', NULL, NULL)", '42501' ],
	own_copy_course => [ "('$open', 'copied', NULL)", '42501' ],
	own_recompute_completion => [ "('$open')", '42501' ],
	verify_certificate => [ "('0000-0000-0002')", qr/^\(valid,Bob,/ ]);
my @allowed = split /\n/, $node->safe_psql('doors', "SELECT proname FROM pg_proc WHERE pronamespace = 'content_library'::regnamespace AND has_function_privilege('authenticated', oid, 'EXECUTE') ORDER BY proname COLLATE \"C\"");
is_deeply(\@allowed, [ sort keys %by_hand ], 'which of them learners may call');
foreach my $call (@calls)
{
	my ($name) = $call =~ /\.(\w+)/;
	is(answers('doors', 3, $call), '42501', "$name() is not for learners") unless $by_hand{$name};
}
my $state = "SELECT md5(string_agg(r, ' ' ORDER BY r)) FROM (SELECT e::text FROM enrollments AS e UNION ALL SELECT p::text FROM content_progress AS p) AS a(r)";
my $before = $node->safe_psql('doors', $state);
sub by_hand
{
	my ($n, $call) = @_;
	my ($code, $out, $err) = $node->psql('doors', "\\set VERBOSITY sqlstate\n" . as_user(learner($n)) . "SELECT $call");

	return $out . ($err =~ /ERROR:  (\w+)/ ? $1 : '');
}
foreach my $name (@allowed)
{
	my ($arguments, $expected) = @{ $by_hand{$name} };
	like(by_hand(3, "content_library.$name$arguments"), ref $expected ? $expected : qr/^\Q$expected\E\z/, "$name() by hand");
}
is(by_hand(3, "content_library.own_record(NULL, '{${\uuid(131)}}', '{99}', '{NULL}', '{1}', ARRAY[now()], now(), NULL, false, $seen)"), '23503', 'a draft cannot be begun');
is(by_hand(3, "content_library.own_reset_progress('$draft', false, true)"), '23503', 'nor is it there to be reset');
is(by_hand(3, "content_library.own_mux_playback_claims('${\uuid(131)}', 'infinity', 'v')"), '23503', 'or played');
is(by_hand(3, "content_library.own_enroll('$open', NULL)"), '23503', 'a course that is not seen is not entered');
is(by_hand(3, "content_library.own_course_outline('$open', '${\learner(1)}')"), '42501', "nobody else's outline");
is(by_hand(3, "content_library.own_course_outline('$open', NULL) #>> '{modules,0,lessons,0,mux_playback_id}'"), '', 'the outline keeps playback ids to itself');
is($node->safe_psql('doors', $state), $before, 'all of that has changed nothing');

# Their own rows, at no time that is still to come; whoever is done claims, nobody else.
sub completed
{
	return $node->safe_psql('doors', "SELECT string_agg(right(user_id::text, 1), ' ' ORDER BY user_id) FROM enrollments WHERE completed_at IS NOT NULL");
}
my $report = sub { "cardinality((content_library.own_record(NULL, '{${\uuid(112)}}', '{$_[0]}', '{NULL}', '{1}', '{$_[1]}', '$_[1]', NULL, false, $seen)).rows)" };
is(by_hand(2, $report->(50, 'infinity')), '1', 'a report by hand');
is(completed(), '', 'that completes nothing');
is(by_hand(2, $report->(1000, 'now')), '23514', 'no more than all');
is(by_hand(2, $report->(100, 'infinity')), '1', 'a report that completes');
is(completed(), '2', 'what is due');
is($node->safe_psql('doors', "SELECT count(*) FROM enrollments AS e, content_progress AS p WHERE p.user_id = e.user_id AND p.lesson_id = '${\uuid(112)}'
	AND e.completed_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AND p.completed_at <= clock_timestamp() AND p.last_watched <= clock_timestamp()"), '1', 'now, whatever time is told');
is(by_hand(2, $report->(100, '1999-01-01')), '1', 'again');
is($node->safe_psql('doors', "SELECT e.completed_at = p.last_watched FROM enrollments AS e JOIN content_progress AS p USING (user_id)
	WHERE e.completed_at IS NOT NULL AND p.lesson_id = '${\uuid(111)}'"), 't', 'completes nothing more; the date is that of the other lesson, which is later now');
is(by_hand(1, "count(*) FROM content_library.own_course_progress()"), '1', 'a draft that one is enrolled in is not listed');
is(by_hand(1, "count(*) FROM content_library.own_continue_watching(9, NULL, NULL)"), '0', 'nor what was begun of it');

# The clock of a lesson that is to be watched is the server's, whatever is told by hand.
$node->safe_psql('doors', "INSERT INTO enrollments (user_id, course_id) VALUES ('${\learner(1)}', '$second');
	UPDATE courses SET progress_by = 'watch' WHERE id = '$second'; UPDATE lessons SET duration_seconds = 1000 WHERE id = '${\uuid(121)}'");
my $seconds = "(NULL, '{${\uuid(121)}}', '{NULL}', '{\"{[-5,1000000)}\"}', '{1}', '{1999-01-01}', '1999-01-01', NULL, false, $seen)";
is(by_hand(1, "(content_library.own_record$seconds).rows[1].watched_pct"), '3', 'no more than the clock allows');
is(by_hand(1, "content_library.own_record(NULL, '{${\uuid(121)}}', '{99}', '{NULL}', '{1}', ARRAY[now()], now(), NULL, false, $seen)"), '22023', 'and no claim');
is($node->safe_psql('doors', "SELECT watched, started_at > now() - interval '1 minute' FROM content_progress WHERE lesson_id = '${\uuid(121)}'"),
	'{[0,30)}|t', 'of the video alone');

# A move must see the places that others have given, which PL/pgSQL does in READ COMMITTED alone.
foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	foreach my $move ("move_lesson('${\uuid(111)}', '${\uuid(11)}')", "move_module('${\uuid(11)}')")
	{
		my ($code, $out, $err) = $node->psql('doors', "SET ROLE service_role; BEGIN ISOLATION LEVEL $level; SELECT $move");
		like($err, qr/^\S+ ERROR:  lessons and modules cannot be moved in a \L$level\E transaction$/m, "no $move in $level");
	}
}

# Temporary tables, and the search path of the caller, stand in front of nothing.
$node->safe_psql('doors', "INSERT INTO enrollments (user_id, course_id) VALUES ('${\learner(3)}', '$open')");
is($node->safe_psql('doors', as_user(learner(3)) . "CREATE TEMP TABLE content_progress (id uuid, user_id uuid, lesson_id uuid, completed boolean);
	CREATE TEMP TABLE lessons (id uuid, module_id uuid, is_required boolean); CREATE TEMP TABLE courses (id uuid, is_published boolean);
	SET search_path = pg_temp, public; SELECT completed FROM public.record_progress('${\uuid(111)}', 100); SELECT public.course_completion('$open'); SELECT count(*) FROM content_progress"),
	"t\n50\n0", 'temporary tables neither hide nor take anything');

# The doors' owner must see the tables: forced row-level security needs BYPASSRLS.
$node->safe_psql('doors', 'ALTER TABLE enrollments FORCE ROW LEVEL SECURITY');
is(by_hand(2, "public.course_completion('$open')"), '100', 'forced, and the owner has BYPASSRLS');
$node->safe_psql('doors', 'ALTER ROLE developer NOBYPASSRLS');
foreach my $name (grep { /^own_/ } @allowed)
{
	is(by_hand(2, "content_library.$name$by_hand{$name}[0]"), $name =~ /course_(completion|outline)|next_lesson/ ? '23503' : '55000', "forced, and the owner has not: $name()");
}
is(by_hand(2, "public.$_"), '55000', "nor $_") foreach "course_completion('$open')", "next_lesson('$open')", "course_outline('$open')", "record_progress('${\uuid(112)}', 1)";
$node->safe_psql('doors', 'ALTER TABLE enrollments NO FORCE ROW LEVEL SECURITY');
is(by_hand(2, "public.course_completion('$open')"), '100', 'an owner that is not bound');
$node->safe_psql('doors', 'ALTER ROLE developer BYPASSRLS');

# What learners are not to do is taken from them with its door; another run leaves it so.
$node->safe_psql('doors', 'REVOKE EXECUTE ON FUNCTION public.enroll, content_library.own_enroll FROM authenticated');
is(migrate('doors'), '', 'run again');
is(answers('doors', 3, "SELECT public.enroll('$second'); SELECT content_library.own_enroll('$second', true)"), '42501 42501', 'the door stays closed');
is(answers('doors', 2, "SELECT public.course_completion('$open')"), '100', 'the others open');

# A later version, in which some functions have one argument more and one has another name: each has the rights that it had,
# none is there twice, and what is the user's own stays. So it is after a run that broke off.
sub later
{
	return $_[0] =~ s/(?<=\bcontent_library\.own_course_summary\((?:course_id ))uuid(?=\))/uuid, more integer DEFAULT NULL/gr
		=~ s/(?<=\bcontent_library\.lesson_retention\(lesson_id uuid, step_seconds )integer(?=\))/integer, more integer DEFAULT NULL/gr
		=~ s/(?<=\bpublic\.course_summary\(course_id )uuid(?=\))/uuid, more integer DEFAULT NULL/gr
		=~ s/(\bown_course_summary\(uuid|(?<!content_library\.)\bcourse_summary\(uuid|\bcontent_library\.lesson_retention\(uuid, ?integer)(?=\))/$1, integer/gr
		=~ s/own_course_of_module/own_course_with_module/gr;
}
sub sorted
{
	return [ sort map { s/, /,/gr } split /\n/, $_[0] ];
}
supabase_database('later');
is(migrate('later'), '', 'one version');
$node->safe_psql('later', 'SET ROLE developer; REVOKE EXECUTE ON FUNCTION public.enroll(uuid, uuid) FROM authenticated;
	CREATE FUNCTION public.enroll(slug text) RETURNS int LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT 1 $$;
	CREATE FUNCTION content_library.mine() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; GRANT EXECUTE ON FUNCTION content_library.mine() TO authenticated');
my $named = "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'content_library'::regnamespace) ORDER BY oid::regprocedure::text COLLATE \"C\"";
my ($expected, $usual_rights) = map { later($node->safe_psql('later', $_)) } $named, $grants;
my $later = later($migration);
$out = $later =~ s/\A(.*COMMENT ON FUNCTION content_library\.own_course_summary[^;]*;\n).*/$1/sr;
append_to_file("$folder/broken.sql", $out);
append_to_file("$folder/later.sql", $later);
foreach my $run ('broken', 'later', 'later')
{
	my ($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('later') . ' user=developer', '-f', "$folder/$run.sql" ]);
	is("$out$err", '', "$run: run");
}
is_deeply(sorted($node->safe_psql('later', $named)), sorted($expected), "the functions are those of the later version, and the user's own");
is_deeply(sorted($node->safe_psql('later', $grants)), sorted($usual_rights), 'with the same rights');
is($node->safe_psql('later', "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'content_library'::regnamespace AND proname <> 'mine' AND has_function_privilege('public', oid, 'EXECUTE')"), '', 'nothing is open to everybody');

# What hangs on one that is gone is named.
$node->safe_psql('later', 'SET ROLE developer; CREATE VIEW mine AS SELECT * FROM public.course_summary(NULL, NULL)');
like(migrate('later'), qr/ERROR:  cannot drop [^\n]*\nDETAIL:  view public\.mine depends on function public\.course_summary\(uuid,integer\)/, 'a view of one that is gone is named');

# One owner of all: nobody else's schema, and nobody else's tables.
supabase_database('others');
$node->safe_psql('others', 'CREATE SCHEMA content_library');
like(migrate('others'), qr/the schema content_library belongs to postgres, and the role here is "developer"/, "a schema of another's is not used");
($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('edition'), '-f', $file ]);
like($err, qr/public\.\w+ belongs to developer, and the role here is/, 'not even a superuser mixes owners');

# A dump of it is restored, whole.
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", 'edition' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$folder/dump" ], 'restored');
is(dumped('restored'), dumped('edition'), 'all as it was');

done_testing();
