# 061_cells: four cells on two servers, which replicate a catalogue, have after ten thousand
# random operations together what one plain server has that was given the same, and have
# answered the same, the front too. No row is left of what was deleted in the catalogue,
# and every completion is claimed once. A cell moves to another server on the way.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use CellOperations;
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $scripts = "$FindBin::RealBin/../../scale-out";
my $folder = PostgreSQL::Test::Utils::tempdir;
my $operations = $ENV{CELL_OPERATIONS} // 10_000;
my $rounds = 20;
my $edits = int $operations / $rounds / 25;
# The same operations each time, so that a test that fails tells of a change. CELL_SEED gives others.
my $seed = $ENV{CELL_SEED} // 1;
srand $seed;
note("seed $seed");

sub start_server
{
	my $node = PostgreSQL::Test::Cluster->new($_[0]);

	$node->init(allows_streaming => 'logical');
	# Whether a report is written must not depend on how fast a server is.
	$node->append_conf('postgresql.conf', "content_library.heartbeat_interval = 1d\n"
		. "autovacuum = off\nwal_retrieve_retry_interval = 100ms\ndeadlock_timeout = 100ms");
	$node->start;
	return $node;
}

my ($one, $two, $plain, $catalogue) = map { start_server($_) } qw(one two plain catalogue);
# A database is a server and a name.
my @cells = map { [ $_ < 2 ? $one : $two, "cell_$_" ] } 0 .. 3;
my @plain = ($plain, 'plain');
my @catalogue = ($catalogue, 'catalogue');
my @front = ($catalogue, 'front');
my $has_front = $catalogue->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'plproxy'");

sub query { my ($node, $database, $sql) = @_; return $node->safe_psql($database, $sql) }

sub run_script
{
	my ($node, $database, @arguments) = @_;
	my ($out, $err) = run_command([ 'psql', '-XAtq', '-d', $node->connstr($database), @arguments ]);

	return "$out$err";
}

sub make_cell
{
	my ($number) = @_;

	return run_script(@{ $cells[$number] }, '-v', "cell=$number", '-v', 'cells=4', '-f', "$scripts/cell.sql");
}

# Until all cells have what is committed in the catalogue now.
sub catch_up
{
	query(@catalogue, <<'SQL');
DO $$
DECLARE
	now_at CONSTANT pg_lsn := pg_current_wal_lsn();
BEGIN
	FOR i IN 1 .. 18000 LOOP
		PERFORM pg_stat_clear_snapshot();
		IF (SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'cell_%' AND replay_lsn >= now_at) = 4 THEN
			RETURN;
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE EXCEPTION 'the cells do not catch up';
END
$$
SQL
	return;
}

# What docs/scale-out.md says: the text between two others.
my $docs = slurp_file("$FindBin::RealBin/../../docs/scale-out.md");
sub said
{
	my ($from, $to) = @_;

	return $docs =~ /\Q$from\E(.*?)\Q$to\E/s ? $1 : die "no \"$from\" in scale-out.md";
}

new_database(@$_, 'public') foreach \@plain, \@catalogue, @cells;
query(@catalogue, "ALTER SYSTEM SET wal_level = logical;\n" . said("```sql\nALTER SYSTEM SET wal_level = logical;\n", '```'));
my $first = first_content();
query(@$_, $first) foreach \@plain, \@catalogue;
foreach my $number (0 .. 3)
{
	is(make_cell($number) . make_cell($number), '', "cell $number is made, and once more") or BAIL_OUT('no cell');
	query(@{ $cells[$number] }, "CREATE SUBSCRIPTION cell_$number CONNECTION \$\$${\$catalogue->connstr('catalogue')} user=cells\$\$
		PUBLICATION content_library, content_library_users");
}
$_->[0]->poll_query_until($_->[1], "SELECT count(*) = 6 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel") or die foreach @cells;

# What each server says of completions, to somebody who listens all the time.
sub listen_to
{
	my ($node, $database) = @_;
	my %listener = (in => "SET application_name = 'listener'; LISTEN content_library;\n", out => '', err => '');

	$listener{session} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database) ], '<', \$listener{in}, '>', \$listener{out}, '2>', \$listener{err});
	heard(\%listener);
	return \%listener;
}

# The course and the learner of each completion that was heard so far.
sub heard
{
	my ($listener) = @_;

	$listener->{in} .= "SELECT;\n\\echo heard\n";
	$listener->{session}->pump until $listener->{out} =~ s/^heard\n//m || $listener->{err} ne '';
	push @{ $listener->{heard} }, $listener->{out} =~ /"course_id" : "(\S+", "user_id" : "\S+)"/g;
	$listener->{out} = '';
	return @{ $listener->{heard} };
}

my $listener = listen_to(@plain);
my @listeners = map { listen_to(@$_) } @cells;


# 1. The front

sub make_front
{
	query($catalogue, 'postgres', 'CREATE DATABASE front');
	query(@front, 'CREATE EXTENSION plproxy;
		CREATE SERVER content_library_cells FOREIGN DATA WRAPPER plproxy OPTIONS ('
		. join(', ', map { "p$_ \$\$${\$cells[$_][0]->connstr($cells[$_][1])}\$\$" } 0 .. 3) . ");
		CREATE USER MAPPING FOR CURRENT_USER SERVER content_library_cells OPTIONS (user 'content_library_front')");
	is(run_script(@front, '-f', "$scripts/front.sql") . run_script(@front, '-f', "$scripts/front.sql"), '', 'the front is made, and once more')
	  or BAIL_OUT('no front');
}

make_front() if $has_front;


# 2. Random operations

# Runs operations one after the other, as [number, SQL]; what each answered, without times.
sub start_operations
{
	my ($name, $node, $database, @list) = @_;
	my $file = "$folder/$name.sql";
	my %run = (out => '', err => '');

	unlink $file;
	append_to_file($file, join '', "\\set SHOW_CONTEXT never\n", map { "\\echo <$_->[0]>\n\\warn <$_->[0]>\n$_->[1]\n" } @list);
	$run{session} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database), '-f', $file ], '>', \$run{out}, '2>', \$run{err});
	return \%run;
}

sub answers
{
	my ($run) = @_;
	my %answers;

	$run->{session}->finish;
	foreach my $said ($run->{out}, $run->{err})
	{
		$said =~ s/^psql:\S+: //mg;
		$said =~ s/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+\d\d(:\d\d)?|Z)?/TIME/g;
		$answers{$1} .= $2 while $said =~ /^<(\d+)>\n((?:(?!<\d+>\n).*\n)*)/mg;
	}
	return \%answers;
}

my ($number, $different, %kinds) = (0, 0);

# Compares what the plain server and others have answered.
sub compare
{
	my ($list, $expected, @runs) = @_;
	my %got = map { %{ answers($_) } } @runs;

	$expected = answers($expected);
	foreach my $operation (@$list)
	{
		my ($n, $sql) = @$operation;

		$kinds{ $expected->{$n} =~ /ERROR/ ? 'refused' : $expected->{$n} eq '' ? 'empty' : 'answered' }++;
		next if ($got{$n} // 'no answer') eq $expected->{$n};
		diag("$sql\nplain: $expected->{$n}\ncells: " . ($got{$n} // 'no answer')) if $different++ < 5;
	}
	return;
}

sub cell_of { return hex(substr $_[0], -2) % 4 }

sub edit
{
	my @list = map { [ ++$number, random_edit() ] } 1 .. $edits;

	compare(\@list, start_operations('plain', @plain, @list), start_operations('catalogue', @catalogue, @list));
	catch_up();
	return;
}

# Through the front, or each learner directly.
sub act
{
	my ($by_front) = @_;
	my (@list, @of_cell);

	foreach (1 .. $operations / $rounds - $edits)
	{
		my ($user, $sql) = random_request(!$by_front);

		push @list, [ ++$number, $sql ];
		push @{ $of_cell[ cell_of($user) ] }, $list[-1];
	}
	compare(\@list, start_operations('plain', @plain, @list), $by_front ? start_operations('front', @front, @list)
		: map { start_operations("cell_$_", @{ $cells[$_] }, @{ $of_cell[$_] }) } grep { $of_cell[$_] } 0 .. 3);
	return;
}

# All that learners have, of one database, and what is wrong with it.
my $rows = <<'END';
SELECT 'progress', user_id, lesson_id, watched_pct, completed, position_seconds, watched, completed_at IS NULL, started_at IS NULL FROM content_progress;
SELECT 'enrollment', user_id, course_id, completed_at IS NULL, expires_at IS NULL, granted FROM enrollments;
SELECT 'certificate', user_id, course_id, learner_name, course_title, metadata FROM certificates;
END
my $content = 'SELECT md5(string_agg(r, E\'\n\' ORDER BY r)) FROM (' . join(' UNION ALL ',
	map { "SELECT t::text AS r FROM $_ AS t" } qw(courses modules lessons course_prerequisites course_staff), '(SELECT id FROM auth.users)') . ') AS s';
my $faults = <<'END';
SELECT 'orphan', id FROM content_progress AS p
WHERE NOT EXISTS (SELECT FROM lessons AS l WHERE l.id = lesson_id) OR NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id);
SELECT 'orphan', id FROM enrollments AS e
WHERE NOT EXISTS (SELECT FROM courses AS c WHERE c.id = course_id) OR NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id);
SELECT 'orphan', id FROM certificates AS k
WHERE course_id IS NOT NULL AND NOT EXISTS (SELECT FROM courses AS c WHERE c.id = course_id) OR NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id);
SELECT 'not completed', e.id FROM enrollments AS e
JOIN modules AS m USING (course_id) JOIN lessons AS l ON l.module_id = m.id AND l.is_required AND l.is_published
LEFT JOIN content_progress AS p ON p.lesson_id = l.id AND p.user_id = e.user_id
WHERE e.completed_at IS NULL GROUP BY e.id HAVING bool_and(p.completed IS TRUE);
END

sub sorted { return join "\n", sort grep { $_ ne '' } map { split /\n/ } @_ }
sub union { my ($sql) = @_; return sorted(map { query(@$_, $sql) } @cells) }

sub compare_all
{
	my ($when) = @_;

	is($different, 0, "$when: every operation is answered alike") or diag("CELL_SEED=$seed");
	is(join("\n", lines_that_differ(union($rows), sorted(query(@plain, $rows)))), '', "$when: the cells have what the plain server has");
	is(union($faults), '', "$when: no row is left over, no completion is missing");
	is(query(@$_, $content), query(@catalogue, $content), "$when: $_->[1] has the catalogue") foreach @cells;
	is(sorted(map { heard($_) } @listeners), sorted(heard($listener)), "$when: each completion was told once");
	return;
}


# 3. A cell moves to another server, while the catalogue changes

# Edits that no cell is waited for.
sub edit_meanwhile
{
	my @list = map { [ ++$number, random_edit() ] } 1 .. $edits;

	compare(\@list, start_operations('plain', @plain, @list), start_operations('catalogue', @catalogue, @list));
	return;
}

sub move_cell
{
	my @old = @{ $cells[1] };
	my @new = ($two, 'cell_1');
	my $listening = "application_name = 'listener'";
	my $origin = "FROM pg_subscription AS s JOIN pg_replication_origin_status AS o ON o.external_id = 'pg_' || s.oid WHERE s.subname = 'cell_1'";

	query($one, 'postgres', "ALTER DATABASE cell_1 SET default_transaction_read_only = on;
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cell_1' AND backend_type = 'client backend' AND NOT $listening");
	edit_meanwhile();
	query(@old, 'SET default_transaction_read_only = off; ALTER SUBSCRIPTION cell_1 DISABLE');
	$one->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'cell_1' AND backend_type LIKE 'logical replication%')") or die;
	my $lsn = query(@old, "SELECT o.remote_lsn $origin");
	edit_meanwhile();

	# What it has completed before it stopped was told there.
	heard($listeners[1]);
	query($one, 'postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cell_1' AND $listening");
	query($two, 'postgres', 'CREATE DATABASE cell_1');
	is(system("pg_dump -Fc --no-subscriptions -d '${\$one->connstr('cell_1')}' | pg_restore -d '${\$two->connstr('cell_1')}'"), 0, 'a cell is dumped and restored');
	$cells[1] = \@new;
	is(make_cell(1), '', 'and made a cell');
	my $heard = $listeners[1]{heard};
	$listeners[1] = listen_to(@new);
	push @{ $listeners[1]{heard} }, @$heard;
	query(@new, "CREATE SUBSCRIPTION cell_1 CONNECTION \$\$${\$catalogue->connstr('catalogue')} user=cells\$\$
		PUBLICATION content_library, content_library_users
		WITH (create_slot = false, slot_name = 'cell_1', copy_data = false, enabled = false)");
	query(@new, "SELECT pg_replication_origin_advance('pg_' || oid, '$lsn') FROM pg_subscription WHERE subname = 'cell_1';
		ALTER SUBSCRIPTION cell_1 ENABLE");
	query(@front, "ALTER SERVER content_library_cells OPTIONS (SET p1 \$\$${\$two->connstr('cell_1')}\$\$)") if $has_front;
	query(@old, 'SET default_transaction_read_only = off; ALTER SUBSCRIPTION cell_1 SET (slot_name = NONE); DROP SUBSCRIPTION cell_1');
	query($one, 'postgres', 'DROP DATABASE cell_1');
	catch_up();
	return;
}

foreach my $round (1 .. $rounds)
{
	edit();
	act($has_front && $round % 2);
	next if $round != $rounds / 2;
	compare_all('half of it');
	move_cell();
}
compare_all('all of it');
note(join ', ', map { "$kinds{$_} $_" } sort keys %kinds);
note(scalar(heard($listener)) . ' completions');
cmp_ok($kinds{answered}, '>', $number / 5, 'many are answered');
cmp_ok(scalar(heard($listener)), '>', $operations / 500, 'there are completions');


# 4. Reports and changes at the same moment

sub at_once
{
	my @of_cell;

	$_->{heard} = [] foreach @listeners;
	foreach (1 .. $operations / 10)
	{
		my $user = (learners())[ int rand learners() ];
		push @{ $of_cell[ cell_of($user) ] }, [ ++$number, random_report($user) ];
	}
	my @runs = map { start_operations("cell_$_", @{ $cells[$_] }, @{ $of_cell[$_] }) } grep { $of_cell[$_] } 0 .. 3;
	answers(start_operations('catalogue', @catalogue, map { [ ++$number, random_edit() ] } 1 .. $operations / 50));
	answers($_) foreach @runs;
	catch_up();
	is(union($faults), '', 'at once: no row is left over, no completion is missing');
	my %times;
	$times{$_}++ foreach map { heard($_) } @listeners;
	is(join(' ', grep { $times{$_} > 1 } sort keys %times), '', 'at once: no completion is told twice');
	return;
}

query(@$_, "DELETE FROM enrollments") foreach @cells;
query(@$_, "INSERT INTO enrollments (user_id, course_id) SELECT u.id, c.id FROM auth.users AS u, courses AS c
	WHERE content_library_cells.cell_of(u.id, 4) = content_library_cells.this_cell()") foreach @cells;
at_once();


# 5. What a cell refuses, and what it would miss

sub fails { my ($database, $sql) = @_; my ($code, $out, $err) = $database->[0]->psql($database->[1], "\\set VERBOSITY sqlstate\n$sql"); return $err =~ /ERROR:  (\w+)/ ? $1 : '' }

my ($ours, $stranger) = map { learner($_) } 4, 5;
is(fails($cells[0], "UPDATE courses SET title = 'another'"), '55000', 'a cell lets nobody change courses');
is(fails($cells[0], "DELETE FROM auth.users"), '55000', 'or accounts');
query(@catalogue, "INSERT INTO auth.users (id) VALUES ('$ours'), ('$stranger') ON CONFLICT DO NOTHING;
	INSERT INTO courses (id, title, slug, is_published) VALUES ('f0000000-0000-4000-8000-000000000000', 'Last', 'last', true);
	INSERT INTO modules (id, course_id, title) SELECT id, id, 'Module' FROM courses WHERE slug = 'last';
	INSERT INTO lessons (id, module_id, title) SELECT ('f0000000-0000-4000-8000-00000000000' || n)::uuid, id, 'Lesson' FROM modules, generate_series(1, 3) AS n WHERE title = 'Module' AND id = course_id");
catch_up();
my @lessons = map { "f0000000-0000-4000-8000-00000000000$_" } 0 .. 3;
is(fails($cells[0], request($stranger, "SELECT enroll('$lessons[0]')")), '55000', 'a learner of another cell is refused');
is(fails($cells[0], "SET ROLE authenticated; SELECT content_library_cells.call('service_role', '', '', 'course_progress', '{$ours}')"), '42501',
	'learners cannot name the claims of others');
is(query(@{ $cells[0] }, "SET SESSION AUTHORIZATION content_library_front; SELECT (content_library_cells.call('postgres', '', '', 'course_progress', '{$ours}')).error[1]"),
	'42501', 'the front has no other roles');
is(query(@{ $cells[0] }, "SET SESSION AUTHORIZATION content_library_front; SELECT (content_library_cells.call('service_role', '', '', 'pg_sleep', '{1}')).error[1]"),
	'42883', 'and no other functions');
is(query(@$_, "SELECT * FROM content_library_check() WHERE severity = 'error'"), '', "$_->[1]: no error for the check") foreach @cells;

query(@{ $cells[0] }, request($ours, "SELECT FROM enroll('$lessons[0]'); SELECT FROM record_progress('$lessons[1]', 100); SELECT FROM record_progress('$lessons[2]', 50)"));
query(@catalogue, "DELETE FROM lessons WHERE id = '$lessons[3]'");
catch_up();
is(union($faults), '', 'nothing is missed');
# As if cell.sql had not been run after a restore.
query(@{ $cells[0] }, 'ALTER TABLE lessons ENABLE TRIGGER ALL; ALTER TABLE lessons DISABLE TRIGGER complete_after_delete');
query(@catalogue, "DELETE FROM lessons WHERE id = '$lessons[2]'");
catch_up();
like(union($faults), qr/^not completed\|.*\norphan\|[^\n]*$/, 'without its triggers a cell keeps an orphan and misses a completion');
is(make_cell(0), '', 'it is made a cell again');
query(@{ $cells[0] }, "DELETE FROM content_progress AS p WHERE NOT EXISTS (SELECT FROM lessons AS l WHERE l.id = lesson_id);
	SELECT recompute_completion('$lessons[0]')");
is(union($faults), '', 'and repaired');


# 6. The formula in JavaScript

my ($formula) = said('| JavaScript | `', '`');
if (system('command -v node >/dev/null') == 0)
{
	my ($out) = run_command([ 'node', '-e', "console.log(process.argv.slice(1).map((userId) => $formula).join(' '))", map { learner($_) } 1 .. 40 ]);
	is($out, query(@{ $cells[0] }, "SELECT string_agg(content_library_cells.cell_of(id::uuid, 4)::text, ' ') FROM unnest('{"
		. join(',', map { learner($_) } 1 .. 40) . "}'::text[]) AS id"), 'JavaScript finds the same cells');
}


# 7. The front

sub test_front
{
	my $ask = sub { my ($user, $sql) = @_; return query(@front, request($user, $sql)) };
	my $service = sub { return $ask->(undef, @_) };
	my $signatures = "SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.provolatile, p.proretset,
			(SELECT string_agg(format('%s %s', a.attname, a.atttypid::regtype), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
			 JOIN pg_type AS t ON t.typrelid = a.attrelid WHERE t.oid = p.prorettype AND a.attnum > 0),
			has_function_privilege('anon', p.oid, 'EXECUTE'), has_function_privilege('authenticated', p.oid, 'EXECUTE'),
			has_function_privilege('service_role', p.oid, 'EXECUTE')
		FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace AND p.proname";
	my $names = query(@front, "SELECT string_agg(quote_literal(proname), ', ' ORDER BY proname) FROM pg_proc
		WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'plproxy%'");

	is(query(@front, "$signatures IN ($names) ORDER BY 1"), query(@plain, "$signatures IN ($names) ORDER BY 1"), 'the front has the functions of the library');
	is(query(@plain, "SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'content_library'
		WHERE d.classid = 'pg_proc'::regclass AND has_function_privilege('authenticated', p.oid, 'EXECUTE') AND p.proname NOT IN ($names)"),
		'content_library_is_staff content_library_reads_lesson content_library_sees_course copy_course move_lesson move_module', 'all but what changes courses');

	# Pages, in whatever cell the learner is who ends one.
	my $course = query(@{ $cells[0] }, "SELECT course_id FROM enrollments JOIN content_progress USING (user_id)
		JOIN lessons AS l ON l.id = lesson_id JOIN modules AS m USING (course_id) WHERE m.id = l.module_id
		GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1");
	my ($after, @pages) = ('NULL');
	while (my $page = $service->("SELECT user_id FROM course_report('$course', 3, $after)"))
	{
		push @pages, split /\n/, $page;
		$after = "'$pages[-1]'";
	}
	cmp_ok(scalar @pages, '>', 10, 'a report has pages');
	is(join("\n", @pages), $service->("SELECT user_id FROM course_report('$course')"), 'which are the whole in the same order');
	is(join("\n", @pages), query(@front, request(undef, "SELECT user_id FROM course_report('$course') ORDER BY enrolled_at, user_id")), 'by time');
	is(fails(\@front, request(undef, "SELECT * FROM course_report('$course', 3, gen_random_uuid())")), '22023', 'a page after nobody');
	is(fails(\@front, request($ours, "SELECT * FROM course_report('$course', 3, $after)")), '42501', 'is for staff alone');

	# An average of averages, against that of all.
	is($service->("SELECT lesson_id, average_pct FROM lesson_report('$course') WHERE started > 0 AND NOT EXISTS (
			SELECT FROM (VALUES " . join(', ', map { my ($id, $sum, $n) = split /\|/; "('$id'::uuid, $sum, $n)" } averages($course)) . ")
			AS a(lesson_id, sum, n) WHERE a.lesson_id = lesson_report.lesson_id AND a.n = started AND abs(a.sum / a.n::numeric - average_pct) <= 0.1)"), '', 'averages are weighted');

	# Certificates are found by their code.
	my $code = $service->("SELECT code FROM issue_certificate('$lessons[0]', '$ours', 'Ann', '{\"n\": null}')");
	my $verify = "SET ROLE anon; SELECT status, learner_name FROM verify_certificate(lower('$code'))";
	is(query(@front, $verify), 'valid|Ann', 'a certificate is valid');
	is($service->("SELECT certificate_credential('$code', '{\"id\": \"https://example.com\"}') ->> 'name'"), 'Last', 'is a credential');
	is($service->("SELECT user_id, metadata FROM revoke_certificate('$code', 'a test')"), "$ours|{\"n\": null}", 'is revoked');
	is(query(@front, $verify), 'revoked|Ann', 'and says so');

	# Nobody names claims or roles but their own.
	foreach my $call ("on_cell(0, 'service_role', NULL, NULL, 'course_progress', '{$ours}')", "on_all_cells('service_role', NULL, NULL, 'course_progress', '{$ours}')",
		"send('service_role', 0, 'course_progress', '{$ours}')", "as_service_role(0, 'course_progress', '{$ours}')", "enrolled_at(0, '$ours', '$ours')")
	{
		is(fails(\@front, request($stranger, "SELECT * FROM content_library_cells.$call")), '42501', "a learner cannot call $call");
	}
	is(fails(\@front, request($stranger, "SELECT * FROM content_library_cells.as_authenticated(0, 'course_progress', '{$ours}')")), '42501', 'or name another');
	is(fails(\@front, request($stranger, "SELECT * FROM content_library_cells.as_authenticated(0, 'pg_sleep', '{1}')")), '42883', 'or call what is not the library\'s');
	is(fails(\@front, 'SET ROLE anon; SELECT * FROM course_progress()'), '42501', 'anon has no more than in the library');
	return;
}

# Of each lesson, in all cells: the sum of the percentages, and of how many.
sub averages
{
	my ($course) = @_;
	my %sums;

	foreach (map { split /\n/ } map { query(@$_, "SELECT l.id, sum(p.watched_pct), count(*) FROM lessons AS l JOIN modules AS m ON m.id = module_id
		JOIN content_progress AS p ON p.lesson_id = l.id JOIN enrollments AS e USING (user_id, course_id) WHERE course_id = '$course' GROUP BY l.id") } @cells)
	{
		my ($id, $sum, $n) = split /\|/;
		$sums{$id}[0] += $sum;
		$sums{$id}[1] += $n;
	}
	return map { "$_|$sums{$_}[0]|$sums{$_}[1]" } sort keys %sums;
}

SKIP:
{
	skip 'PL/Proxy is not installed (Debian: postgresql-' . our_major() . '-plproxy)', 1 unless $has_front;
	test_front();
}
$_->{session}->finish foreach $listener, @listeners;
done_testing();
