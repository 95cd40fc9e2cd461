# 061_cells: four cells on two servers, which replicate a catalogue, have after ten thousand
# random operations together what one plain server has that was given the same, and have
# answered the same, the front too. No row is left of what was deleted in the catalogue,
# and every completion is claimed once. On the way a cell moves to another server while its
# learners send reports, and goes back in time, by the commands of docs/scale-out.md.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use CellOperations;
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
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

# docs/scale-out.md calls them so. The third has the plain database, and no cell at first.
my ($one, $two, $three, $catalogue) = map { start_server($_) } qw(one two three catalogue);
# A database is a server and a name.
my @cells = map { [ $_ < 2 ? $one : $two, "cell_$_" ] } 0 .. 3;
my @plain = ($three, 'plain');
my @catalogue = ($catalogue, 'app');
my @front = ($catalogue, 'front');
my $has_front = $catalogue->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'plproxy'");

sub fails { my ($database, $sql) = @_; my ($code, $out, $err) = $database->[0]->psql($database->[1], "\\set VERBOSITY sqlstate\n$sql"); return $err =~ /ERROR:  (\w+)/ ? $1 : '' }
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

	return run_script(@{ $cells[$number] }, '-v', "cell=$number", '-v', 'cells=4', '-f', "$top/scale-out/cell.sql");
}

# The text of docs/scale-out.md between two others.
my $docs = slurp_file("$top/docs/scale-out.md");
sub said
{
	my ($from, $to) = @_;

	return $docs =~ /\Q$from\E(.*?)\Q$to\E/s ? $1 : die "no \"$from\" in scale-out.md";
}

# The commands of a section, with the addresses of these servers.
sub commands
{
	my ($section, $count) = @_;
	my @commands = said("\n## $section\n", "\n## ") =~ /^```(?:sql|sh)\n(.*?)^```/msg;

	is(scalar @commands, $count, "\"$section\" has so many blocks");
	foreach my $node ($one, $two, $three, $catalogue)
	{
		my ($name, $host, $port) = ($node->name, $node->host, $node->port);

		s/-h $name\b/-h $host -p $port/g, s/host=$name\b/host=$host port=$port/g foreach @commands;
	}
	return @commands;
}

sub run_sh
{
	my ($node, $commands) = @_;
	local @ENV{qw(PGHOST PGPORT)} = ($node->host, $node->port);

	my ($out, $err) = run_command([ 'sh', '-ec', "cd $top\n$commands" ]);
	unlike($err, qr/error|fatal/i, 'commands for the shell run') or BAIL_OUT($err);
	return;
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

new_database(@plain, 'public');
new_database(@catalogue, 'public');
new_database(@$_) foreach @cells;
my ($make_catalogue, $make_cell, $is_copied, $make_servers, $make_front) = commands('Setting up', 5);
query(@catalogue, $make_catalogue);
my $first = first_content();
query(@$_, $first) foreach \@plain, \@catalogue;
foreach my $number (0 .. 3)
{
	run_sh($cells[$number][0], $make_cell =~ s/cell_0/cell_$number/gr =~ s/cell=0/cell=$number/r);
	is(make_cell($number), '', "cell $number is made once more");
}
$_->[0]->poll_query_until($_->[1], $is_copied) or die foreach @cells;

# A psql that stays connected.
sub connect_to
{
	my ($node, $database, $settings) = @_;
	my %session = (in => "$settings\n", out => '', err => '');

	$session{psql} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database) ], '<', \$session{in}, '>', \$session{out}, '2>', \$session{err});
	return \%session;
}

# What it answers, and the SQLSTATE of an error.
sub ask
{
	my ($session, $sql) = @_;

	$session->{in} .= "$sql;\n\\echo done\n\\warn done\n";
	$session->{psql}->pump until $session->{out} =~ /^done\n/m && $session->{err} =~ /^done\n/m;
	my $answer = $session->{out} =~ s/^done\n//mr . $session->{err} =~ s/^done\n//mr;
	$session->{out} = $session->{err} = '';
	return $answer;
}

# What each server says of completions, to somebody who listens all the time.
sub listen_to
{
	my $listener = connect_to(@_, 'LISTEN content_library;');

	heard($listener);
	return $listener;
}

# The course and the learner of each completion that was heard so far.
sub heard
{
	my ($listener) = @_;

	push @{ $listener->{heard} }, ask($listener, 'SELECT') =~ /"course_id" : "(\S+", "user_id" : "\S+)"/g;
	return @{ $listener->{heard} };
}

my $listener = listen_to(@plain);
my @listeners = map { listen_to(@$_) } @cells;


# 1. The front

sub make_front
{
	query($catalogue, 'postgres', 'CREATE DATABASE front');
	query(@front, $make_servers);
	run_sh($catalogue, $make_front);
	is(run_script(@front, '-f', "$top/scale-out/front.sql"), '', 'the front is made once more');
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


# 3. A cell moves to another server, while the catalogue changes and learners go on

# Edits that no cell is waited for.
sub edit_meanwhile
{
	my @list = map { [ ++$number, random_edit() ] } 1 .. $edits;

	compare(\@list, start_operations('plain', @plain, @list), start_operations('catalogue', @catalogue, @list));
	return;
}

# Courses and learners of their own, which no random operation knows. The learners belong to cell 1.
my ($ann, $bob) = map { learner($_) } 25, 29;
my ($long, $short, @films) = map { "f1000000-0000-4000-8000-00000000000$_" } 1 .. 6;
sub change { my ($sql) = @_; query(@$_, $sql) foreach \@plain, \@catalogue; return }

# What a learner asks for is asked of the plain server, too.
sub also_plain { my ($sql) = @_; query(@plain, $sql); return $sql }

my %requests = (
	'a heartbeat' => [ $ann, "SELECT watched_pct FROM record_progress('$films[0]', 60)" ],
	'a first report' => [ $ann, "SELECT watched_pct FROM record_progress('$films[1]', 100)" ],
	'a batch' => [ $ann, "SELECT watched_pct FROM record_progress_batch('[{\"lesson_id\": \"$films[0]\", \"watched_pct\": 100}]')" ],
	'an enrollment' => [ $ann, "SELECT course_id FROM enroll('$short')" ],
	'a certificate' => [ undef, "SELECT learner_name FROM issue_certificate('$short', '$bob', 'Bob')" ]);

sub begin_to_learn
{
	change("INSERT INTO auth.users (id) VALUES ('$ann'), ('$bob');
		INSERT INTO courses (id, title, slug, is_published) VALUES ('$long', 'Long', 'long', true), ('$short', 'Short', 'short', true);
		INSERT INTO modules (id, course_id, title) SELECT id, id, 'Films' FROM courses WHERE id IN ('$long', '$short');
		INSERT INTO lessons (id, module_id, title) VALUES " . join(', ', map { "('$films[$_]', '${\($_ < 3 ? $long : $short)}', 'Film')" } 0 .. 3));
	catch_up();
	query(@{ $cells[1] }, also_plain(request($bob, "SELECT FROM enroll('$short'); SELECT FROM record_progress('$films[3]', 100)")));
	return;
}

sub move_cell
{
	my @old = @{ $cells[1] };
	my @new = ($three, 'cell_1');
	my ($close, $remote_lsn, $move, $subscribe, $tell_front, $unsubscribe, $drop) = commands('Moving a cell', 7);

	begin_to_learn();
	my $session = connect_to(@old, '\set VERBOSITY sqlstate');
	is(ask($session, also_plain(request($ann, "SELECT course_id FROM enroll('$long'); SELECT watched_pct FROM record_progress('$films[0]', 20)"))),
		"$long\n20\n", 'a learner is connected and writes');
	query(@old, 'SELECT content_library_cells.close()');
	edit();
	query(@old, 'SELECT content_library_cells.open(); SELECT content_library_cells.open()');
	is(ask($session, 'BEGIN READ WRITE; ' . also_plain(request($ann, "SELECT watched_pct FROM record_progress('$films[0]', 40)"))), "40\n",
		'writes in a cell that was closed, had all changes of the catalogue, and was opened');
	append_to_file("$folder/close.sql", $close);
	my $closing = IPC::Run::start([ 'psql', '-XAtq', '-d', $old[0]->connstr($old[1]), '-f', "$folder/close.sql" ]);
	$one->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%close()%'") or die;
	is(ask($session, 'COMMIT'), '', 'and commits, which close() waits for');
	ok($closing->finish, 'the cell is closed');
	edit_meanwhile();
	foreach my $name (sort keys %requests)
	{
		my ($user, $sql) = @{ $requests{$name} };

		is(ask($session, 'BEGIN READ WRITE; ' . request($user, $sql) . ' COMMIT'), "ERROR:  55000\n", "$name is refused");
	}
	is(ask($session, request($ann, 'SELECT watched_pct FROM content_progress; SELECT course_completion(' . "'$long')")), "40\n0\n", 'what is there is read');
	query(@old, 'SELECT content_library_cells.close()');

	$one->poll_query_until('cell_1', 'SELECT EXISTS (' . $remote_lsn =~ s/;//r . ')') or die;
	my $lsn = query(@old, $remote_lsn);
	edit_meanwhile();
	run_sh($one, $move);
	$cells[1] = \@new;
	is(query(@new, "SELECT count(*) FROM pg_trigger WHERE tgname = 'refuse_write'"), '0', 'a dump does not close the new place');
	# What the old place has completed was told there.
	heard($listeners[1]);
	my $old_listener = $listeners[1];
	$listeners[1] = listen_to(@new);
	push @{ $listeners[1]{heard} }, @{ $old_listener->{heard} };
	query(@new, $subscribe =~ s/REMOTE_LSN/$lsn/r);
	query(@front, $tell_front) if $has_front;
	is(query(@new, request($ann, 'SELECT watched_pct FROM content_progress')), '40', 'all that was committed is in the new place');
	foreach my $name (sort keys %requests)
	{
		my $request = request(@{ $requests{$name} });

		is(query($has_front ? @front : @new, $request), query(@plain, $request), "$name is sent again");
	}
	$_->{psql}->finish foreach $session, $old_listener;
	query(@old, $unsubscribe);
	run_sh($one, $drop);
	catch_up();
	return;
}

# A cell is lost, and comes back from an older dump.
sub go_back_in_time
{
	my ($node, $database) = @{ $cells[1] };
	my ($forget, $drop_slot, $subscribe, $copied, $make, $repair) = commands('A cell that went back in time', 6);
	my $lose = $forget =~ /(ALTER.*DROP SUBSCRIPTION cell_1;)/s ? $1 : die;

	# Ann has all films but one, and a certificate that will lose its course.
	my $more = "SELECT FROM record_progress('$films[3]', 100, user_id => '$ann'); SELECT FROM issue_certificate('$short', '$ann', 'Ann')";
	query(@{ $cells[1] }, request(undef, $more));
	query(@plain, request(undef, $more));
	heard($listeners[1]);
	$listeners[1]{psql}->finish;
	my $told = $listeners[1]{heard};
	run_sh($node, "pg_dump -Fc -f $folder/cell_1 cell_1");
	query($node, $database, $lose);
	run_sh($node, "dropdb cell_1");

	change("DELETE FROM lessons WHERE id = '$films[2]'; DELETE FROM courses WHERE id = '$short'; DELETE FROM auth.users WHERE id = '$bob';
		UPDATE courses SET title = 'Longer' WHERE id = '$long'; INSERT INTO courses (id, title, slug) VALUES ('$films[3]', 'Later', 'later')");
	run_sh($node, "createdb cell_1; pg_restore -d cell_1 $folder/cell_1");
	$listeners[1] = listen_to($node, $database);
	push @{ $listeners[1]{heard} }, @$told;
	is(make_cell(1), '', 'a cell comes back from a dump');
	is(fails($cells[1], 'SELECT content_library_cells.forget_catalogue()'), '55000', 'while it is open it forgets nothing');
	is(fails($cells[1], 'SELECT content_library_cells.close(); SELECT content_library_cells.forget_catalogue()'), '55000', 'nor with a subscription');
	query($node, $database, $forget);
	query(@catalogue, $drop_slot);
	is(fails($cells[1], 'SELECT content_library_cells.repair()'), '55000', 'nor is it repaired before the catalogue is there');
	query($node, $database, $subscribe);
	$node->poll_query_until($database, $copied) or die;
	run_sh($node, $make);
	is(query($node, $database, $repair), "2|2|1|1|1\n", 'it is repaired');
	is(query($node, $database, 'SELECT * FROM content_library_cells.repair()'), '0|0|0|0|0', 'once');
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
go_back_in_time();
compare_all('a cell that went back in time');
note(join ', ', map { "$kinds{$_} $_" } sort keys %kinds);
note(scalar(heard($listener)) . ' completions');
cmp_ok($kinds{answered}, '>', $number / 5, 'many are answered');
cmp_ok(scalar(heard($listener)), '>', $operations / 1000, 'there are completions');


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
is(fails($cells[0], request(undef, "SELECT content_library_cells.$_()")), '42501', "the service cannot call $_()") foreach qw(close open forget_catalogue repair);
my $strangers = "SELECT count(*) FROM record_progress_batch('[{\"user_id\": \"$stranger\", \"lesson_id\": \"$lessons[1]\", \"watched_pct\": 5}]'";
is(fails($cells[0], request($stranger, "SELECT record_progress('$lessons[1]', 5)")), '55000', 'so is a report');
is(fails($cells[0], request(undef, "$strangers)")), '55000', 'so is one of the service');
is(query(@{ $cells[0] }, request(undef, "$strangers, skip_refused => true)")), '0', 'which is left out where that is asked for');
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
query(@{ $cells[0] }, said('run `SELECT', '`') =~ s/^/SELECT/r);
is(union($faults), '', 'and repaired');
foreach my $asked ([ 4, 4 ], [ -1, 4 ], [ 0, 3 ], [ 0, 512 ], [ 0, 8, 'learner' ], [ 1, 4, 'learner' ])
{
	my ($number, $cells, $what) = @$asked;

	like(run_script(@{ $cells[0] }, '-v', "cell=$number", '-v', "cells=$cells", '-f', "$top/scale-out/cell.sql"), qr/ERROR:  ${\($what || 'the number')} /, "it is not made cell $number of $cells");
}


# 6. The formula in JavaScript

SKIP:
{
	my ($formula) = said('| JavaScript | `', '`');

	skip 'there is no node (Debian: nodejs)', 1 if system('command -v node >/dev/null') != 0;
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

	query(@front, 'BEGIN; ' . request($ours, "SELECT FROM unenroll('$lessons[0]')") . ' ROLLBACK');
	is(query(@{ $cells[0] }, "SELECT count(*) FROM enrollments WHERE user_id = '$ours' AND course_id = '$lessons[0]'"), '0', 'what a cell has done stays');

	# What is wrong with a batch is said as by the library, with the caller's numbers.
	my @list = map { [ ++$number, request($_->[1], "SELECT * FROM record_progress_batch($_->[0])") ] } batches();
	compare(\@list, start_operations('plain', @plain, @list), start_operations('front', @front, @list));
	is($different, 0, 'batches are refused as by the library');
	my @rows = map { split /\n/ } map { query(@$_, 'SELECT user_id, lesson_id FROM content_progress ORDER BY lesson_id, user_id LIMIT 3') } reverse @cells;
	@rows = @rows[ map { ($_, $_ + 3) } 0 .. $#rows - 3 ];
	@rows = do { my %seen; grep { !$seen{$_}++ } @rows };
	my $reports = join ', ', map { my ($user, $lesson) = split /\|/; "{\"user_id\": \"$user\", \"lesson_id\": \"$lesson\", \"watched_pct\": 0}" } @rows;
	is($service->("SELECT user_id, lesson_id FROM record_progress_batch('[$reports]')"), join("\n", @rows), 'the rows of a batch come in the order of its reports');

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

# Batches that are refused, or have no rows, and who sends them.
sub batches
{
	my @users = map { learner($_) } 1 .. 6;
	my $report = sub { my ($user, @more) = @_; return '{"user_id": "' . $user . '", "lesson_id": "' . $lessons[0] . '", "watched_pct": 5' . join('', map { ", $_" } @more) . '}' };
	my @reports = map { $report->($_) } @users;
	my $batch = sub { return "'[" . join(', ', @_) . "]'" };

	return (
		(map { [ $_ ] } 'NULL', "'{}'", "'5'", "'\"x\"'", "'null'", "'[]'", "'[5]'", "'[{}]'", "'[[]]'",
			$batch->(@reports[ 0 .. 3 ], '{"lesson_id": "' . $lessons[0] . '", "watched_pct": 5}'), $batch->(@reports, $report->('no one')),
			$batch->(@reports, $report->('') =~ s/""/null/r), $batch->(@reports, $report->('') =~ s/""/5/r), $batch->(@reports) . ", '$users[0]'",
			$batch->(@reports) . ', skip_refused => NULL', $batch->(@reports) . ', skip_refused => true', $batch->(@reports),
			$batch->(@reports[ 0 .. 3 ], $report->($users[4], '"unknown": 1'), $reports[5]) . ', skip_refused => true',
			$batch->(@reports[ 0 .. 3 ], $reports[1]) . ', skip_refused => true',
			(map { "(SELECT jsonb_agg(jsonb_build_object('lesson_id', gen_random_uuid(), 'watched_pct', 5$_->[0])) FROM generate_series(1, $_->[1]))" }
				[ '', 1001 ], [ ", 'user_id', gen_random_uuid()", 10_001 ])),
		map { [ $_, $users[1] ] } $batch->(@reports), $batch->($reports[1]) . ', skip_refused => true', $batch->($reports[2]));
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
$_->{psql}->finish foreach $listener, @listeners;
done_testing();
