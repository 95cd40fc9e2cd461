# demo: what scripts/demo makes of a log equals what the log says, worked out
# here a second time, whatever the order and however often it is replayed.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use List::Util qw(max min sum0);
use POSIX qw(ceil floor);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $VIDEO = 'https://w3id.org/xapi/video/extensions';
my $SMALL = 'test/data/videos.jsonl';
my $REAL = '../shared/data/fun-mooc-xapi/lrs_10videos.json.gz';

my $node = PostgreSQL::Test::Cluster->new('demo');
$node->init;
$node->start;

# scripts/demo connects as everything else does, by the environment.
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';

sub run
{
	my ($input, @command) = @_;
	IPC::Run::run(\@command, '<', \$input, '>', \my $out, '2>', \my $err);
	return ($? >> 8, $out, $err);
}

sub file_content
{
	my ($name) = @_;
	open my $fh, '<:raw', $name or die "$name: $!";
	local $/;
	return <$fh>;
}

# A database with a log loaded, as scripts/demo makes it.
sub load_log
{
	my ($database, $log) = @_;
	my (undef, $rows) = run('', 'scripts/xapi-reports', $log);

	run('', 'createdb', '-T', 'template0', '-E', 'UTF8', '--locale', 'C', $database);
	run('', 'psql', '-X', '-d', $database, '-f', 'test/supabase.sql',
		'-c', 'CREATE EXTENSION content_library');
	return run($rows, 'psql', '-X1q', '-v', 'ON_ERROR_STOP=1', '-d', $database,
		'-f', 'scripts/load.sql');
}

sub replay
{
	my ($database, %variables) = @_;
	my ($status, undef, $err) = run('', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
		'-d', $database, (map { ('-v', "$_=$variables{$_}") } sort keys %variables),
		'-f', 'scripts/replay.sql');
	die "replay failed: $err" if $status != 0;
	return $err;
}

my $TOTALS = 'SELECT learners, videos, courses, enrollments, reports, pairs, completed, percents,
	seen, seconds, seconds_percents FROM demo.totals';

# What the small log says. Its progress has three decimals at most, so whole
# thousandths lose nothing.

my (%videos_of, %courses_of, %best, $reports, %length, %segments, %seen);
for my $line (split /\n/, file_content($SMALL))
{
	my $statement = JSON::PP::decode_json($line);
	my $learner = $statement->{actor}{account}{name};
	my $video = $statement->{object}{id};
	my $course = $statement->{context}{contextActivities}{parent}[0]{id};
	my $progress = $statement->{result}{extensions}{"$VIDEO/progress"};

	$videos_of{$course}{$video} = 1;
	$courses_of{$learner}{$course} = 1;
	my $length = $statement->{result}{extensions}{"$VIDEO/length"} // $statement->{context}{extensions}{"$VIDEO/length"};
	$length{$video} = max($length{$video} // 0, ceil($length)) if defined $length;
	my $played = $statement->{result}{extensions}{"$VIDEO/played-segments"};
	push @{ $segments{"$learner $video"} }, split /\[,\]/, $played if defined $played && $played ne '';
	next unless defined $progress;
	$reports++;
	$best{"$learner $video"} =
		max($best{"$learner $video"} // 0, int(sprintf('%.0f', 1000 * $progress) / 10));
}

# The seconds of each video that each learner has seen.
for my $pair (keys %segments)
{
	my ($learner, $video) = split / /, $pair;
	my @ranges = map { [ split /\[\.\]/ ] } grep { /\[\.\]\d/ } @{ $segments{$pair} };
	$seen{$pair} = { map { $_ => 1 } map { floor($_->[0]) .. min(ceil($_->[1]), $length{$video}) - 1 }
		grep { $_->[0] < $_->[1] } @ranges };
}
my %seconds = map { $_ => scalar keys %{ $seen{$_} } } keys %seen;
my %percent = map { my ($video) = / (.*)/; $_ => int(100 * $seconds{$_} / $length{$video}) } keys %seen;

my $pairs = keys %best;
my $completed = grep { $_ >= 90 } values %best;
my $percents = sum0(values %best);
my $expected = join '|', scalar(keys %courses_of), sum0(map { scalar keys %$_ } values %videos_of),
	scalar(keys %videos_of), sum0(map { scalar keys %$_ } values %courses_of),
	$reports, $pairs, $completed, $percents,
	scalar(grep { $_ > 0 } values %seconds), sum0(values %seconds), sum0(values %percent);
sub rows_of
{
	my (%percent_of) = @_;
	return join "\n", map { join '|', split(/ /, $_), $percent_of{$_}, $percent_of{$_} >= 90 ? 't' : 'f', $seconds{$_} // 0 }
		sort keys %percent_of;
}
my $expected_rows = rows_of(%best);

my $ROWS = q{
	SELECT DISTINCT s.learner, s.lesson, p.watched_pct, p.completed,
		(SELECT COALESCE(sum(upper(r) - lower(r)), 0) FROM unnest(p.watched) AS r)
	FROM content_progress AS p
	JOIN demo.statements AS s USING (user_id, lesson_id)
	ORDER BY s.learner, s.lesson};

# The replay: as a learner, each report a transaction of its own.

is((load_log('small', $SMALL))[0], 0, 'the small log is loaded');
$node->safe_psql('small', q{
	CREATE FUNCTION learners_only() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF current_setting('role') <> 'authenticated' OR NEW.user_id <> auth.uid() THEN
			RAISE EXCEPTION 'written by %, signed in as %', current_setting('role'), auth.uid();
		END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER learners_only BEFORE INSERT OR UPDATE ON content_progress
		FOR EACH ROW EXECUTE FUNCTION learners_only()});

like(replay('small'), qr/NOTICE:  $reports of $reports reports/, 'progress is told');
is($node->safe_psql('small', $TOTALS), $expected, 'small log, file order: totals');
is($node->safe_psql('small', $ROWS), $expected_rows, 'small log, file order: every row');
is($node->safe_psql('small', 'SELECT count(DISTINCT xmin::text) FROM content_progress'), $pairs,
	'each report was a transaction of its own');

for my $variables (
	{},
	{ order => 'sent_at' },
	{ order => 'line DESC' },
	{ order => 'md5(line::text)', times => 2 })
{
	my $name = join ' ', 'small log',
		%$variables ? map { "$_ $variables->{$_}" } sort keys %$variables : 'again';
	$node->safe_psql('small', 'TRUNCATE content_progress') if %$variables;
	replay('small', %$variables);
	is($node->safe_psql('small', $ROWS), $expected_rows, "$name: every row");
	is($node->safe_psql('small', 'SELECT reports FROM demo.replays ORDER BY id DESC LIMIT 1'),
		$reports * ($variables->{times} // 1), "$name: so many reports");
}

# The same log where the seconds that were seen make the percentage.

cmp_ok(sum0(values %percent), '!=', $percents, 'the players of the small log claim other percentages');
for my $order ('line', 'sent_at')
{
	$node->safe_psql('small', 'TRUNCATE content_progress');
	for my $time ('once', 'twice')
	{
		replay('small', order => $order, progress_by => 'watch');
		is($node->safe_psql('small', $ROWS), rows_of(%percent), "small log, seconds seen, by $order, $time: every row");
	}
}

# A log that cannot be loaded leaves nothing behind.

$node->safe_psql('small', 'DROP SCHEMA demo CASCADE; TRUNCATE auth.users, courses CASCADE');
my ($status, $out, $err) = run(
	"1\t2024-03-04T10:00:00Z\tc\tl\tann\t50\t\\N\t\\N\t\\N\n2\tnever\tc\tl\tann\t50\t\\N\t\\N\t\\N\n",
	'psql', '-X1q', '-v', 'ON_ERROR_STOP=1', '-d', 'small', '-f', 'scripts/load.sql');
isnt($status, 0, 'half a load fails');
is($node->safe_psql('small', q{SELECT to_regnamespace('demo') IS NULL, (SELECT count(*) FROM courses)}),
	't|0', 'half a load leaves nothing');

# The script itself, on this server.

sub demo
{
	my ($input, @args) = @_;
	local $ENV{CONTENT_LIBRARY_CLUSTER} = 1;
	run('', 'dropdb', '--if-exists', $_) for 'demo', 'demo_course';
	return run($input, 'scripts/demo', @args);
}

sub commas { return reverse(join ',', unpack '(A3)*', reverse $_[0]) }

($status, $out, $err) = demo('');
is($status, 0, 'demo without a log: exit status');
is($node->safe_psql('demo', $TOTALS), $expected, 'demo without a log: totals');
like($out, qr/^  reports of progress that the players sent +@{[ scalar commas($reports) ]}$/m, 'demo prints the reports');
like($out, qr/^  rows of progress kept, one for each learner and video +@{[ scalar commas($pairs) ]}$/m, 'demo prints the rows');
like($out, qr/^  rows completed: 90 % watched, or more +$completed$/m, 'demo prints the completed');
like($out, qr/^  percent watched, summed over all rows +@{[ scalar commas($percents) ]}$/m, 'demo prints the sum');
like($out, qr/^  seconds seen, each counted once for a learner +@{[ scalar commas(sum0(values %seconds)) ]}$/m, 'demo prints the seconds');
like($out, qr/^$reports reports in \S+ s: [\d,]+ a second/m, 'demo prints the rate');

# The course that comes first: what its learner did, and what is kept from the other.
my ($ann) = $out =~ /^(Ann .*?)^Ben /ms;
my ($ben) = $out =~ /^(Ben .*?)\n\n/ms;
like($ann, qr/^  Woodworking: 0 % completed\n(?:    .* 0 % watched   not started\n){2}/m, 'Ann opens a page of nothing done');
like($ann, qr/^  42 % reported: 42 % kept\n  95 % reported: 95 % kept, completed: .*90 %\n  10 % reported: 95 % kept/m,
	'what she has watched does not become less');
is(() = $ann =~ /"event" : "course_completed"/g, 1, 'her course is completed once');
like($ann, qr/^  completed at 20\d\d-/m, 'and stays so');
like($ann, qr/^  Woodworking: 100 % completed\n(?:    .* (?:95|100) % watched   completed\n){2}/m, 'her page says so');
like($ben, qr/^  rows of progress that Ben sees: 0\n  rows of progress that Ben can change: 0\n/m, 'Ben meets no row of hers');
like($ben, qr/^  Ben reports as Ann: user_id .* is not the user signed in$/m, 'and cannot report for her');
like($ben, qr/^  Ben reports without being enrolled: user .* is not enrolled/m, 'nor where he is not enrolled');
like($ben, qr/^  Ben writes himself a certificate: permission denied for table enrollments$/m, 'nor write a certificate');
is($node->safe_psql('demo_course', 'SELECT watched_pct, count(*), count(completed_at) FROM content_progress
	WHERE user_id::text LIKE $$a0%1$$ GROUP BY 1 ORDER BY 1'), "95|1|1\n100|1|1", 'the rows are what was shown');

# The bars, course by course.
for my $course (sort keys %videos_of)
{
	my @videos = keys %{ $videos_of{$course} };
	my @learners = grep { $courses_of{$_}{$course} } keys %courses_of;
	my %learners_in = map { $_ => 0 } '0', '1-24', '25-49', '50-74', '75-99', '100';

	for my $learner (@learners)
	{
		my $done = grep { ($best{"$learner $_"} // 0) >= 90 } @videos;
		my $percent = int(100 * $done / @videos);
		my ($bin) = grep { my ($low, $high) = split /-/; $low <= $percent && $percent <= ($high // $low) }
			keys %learners_in;
		$learners_in{$bin}++;
	}

	my ($block) = $out =~ /^(\Q$course\E: .*?)\n\n/ms;
	like($block, qr/^\Q$course\E: ${\ scalar @videos } lessons, ${\ scalar @learners } learners\n/, "$course: counts");
	my %shown = $block =~ /^ +(\S+) % +(\d+)/mg;
	is_deeply(\%shown, \%learners_in, "$course: distribution");

	my $widest = max(values %learners_in);
	my %bars = $block =~ /^ +\S+ % +(\d+) *(#*)$/mg;
	is_deeply([ map { length $bars{$_} } sort keys %bars ],
		[ map { my $cells = 50 * $_ / $widest; int($cells) + ($cells > int($cells)) } sort keys %bars ],
		"$course: bars");
}

# Where learners stop: the video that was watched most, in twenty steps or fewer.

my %watched;
for my $pair (keys %seconds)
{
	my ($learner, $video) = split / /, $pair;
	$watched{$video} += $seconds{$pair};
}
my ($most) = sort { $watched{$b} <=> $watched{$a} || $a cmp $b } keys %watched;
my $step = ceil($length{$most} / 20);
my (%learners_at, %bars_at);
for my $start (map { $_ * $step } 0 .. ceil($length{$most} / $step) - 1)
{
	my $minute = sprintf '%d:%02d', $start / 60, $start % 60;
	$learners_at{$minute} = grep {
		my $seconds = $seen{$_};
		/ \Q$most\E$/ && grep { $seconds->{$_} } $start .. $start + $step - 1 } keys %seen;
}
my $widest = max(values %learners_at);
$bars_at{$_} = ceil(50 * $learners_at{$_} / $widest) for keys %learners_at;
my ($curve) = $out =~ /^\Q$most\E: watched more than any other\n(.*?)\n\n/ms;
my %shown_at = $curve =~ /^ +(\d+:\d\d) +(\d+)/mg;
is_deeply(\%shown_at, \%learners_at, 'the curve: learners at each step');
my %drawn_at = $curve =~ /^ +(\d+:\d\d) +\d+ *(#*)$/mg;
is_deeply({ map { $_ => length $drawn_at{$_} } keys %drawn_at }, \%bars_at, 'the curve: bars');
cmp_ok($learners_at{'0:00'}, '>', (sort { $a <=> $b } values %learners_at)[0], 'the curve: it falls');

# Skipped lines, and learners whose names are no uuids.

my $good = (split /\n/, file_content($SMALL))[0];
$good =~ s/"name": "[^"]*", "homePage"/"name": "WHO", "homePage"/;
my @lines = map { $good =~ s/WHO/$_/r } 'ann', "Zo\xc3\xab", 'bo\\tb';
($status, $out, $err) = demo(join("\n", $lines[0], 'no JSON', @lines[1, 2], ''), '-');
is($status, 1, 'demo of a log with a bad line: exit status 1');
like($err, qr/^line 2: not JSON$/m, 'demo of a log with a bad line: named');
like($err, qr/^4 lines: .*, 1 skipped$/m, 'demo of a log with a bad line: counted');
like($out, qr/^  learners +3$/m, 'demo of a log with a bad line: the others are loaded');

# Nothing to read is said before anything is built.

my $empty = "$PostgreSQL::Test::Utils::tmp_check/empty.gz";
IPC::Run::run([ 'gzip' ], '<', \'', '>', $empty);
my $directory = PostgreSQL::Test::Utils::tempdir();

my @nothing = (
	[ 'missing', "$directory/none", 'does not exist' ],
	[ 'directory', $directory, 'is a directory' ],
	[ 'empty', $empty, 'is empty, or cannot be unpacked' ]);

for my $case (@nothing)
{
	my ($name, $log, $message) = @$case;
	local $ENV{CONTENT_LIBRARY_CLUSTER};
	delete $ENV{CONTENT_LIBRARY_CLUSTER};
	($status, $out, $err) = run('', 'scripts/demo', $log);
	is($status, 2, "demo, $name log: exit status 2");
	like($err, qr/^demo: .*\Q$message\E$/, "demo, $name log: one line says so");
}

($status, $out, $err) = demo("no JSON\n", '-');
is($status, 2, 'demo of bad lines only: exit status 2');
like($err, qr/no line of the log can be used/, 'demo of bad lines only: said');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'demo'}), 0,
	'demo of bad lines only: no database is made');

# The real log, when it is there.

SKIP:
{
	my @orders = ('line', 'sent_at');
	# By the percentages that the players report, and by the seconds that were seen.
	my %completed = (
		report => { 50 => 1710, 90 => 1314, 95 => 1255, 100 => 612 },
		watch => { 50 => 1710, 90 => 1301, 100 => 983 });
	my %kept = (report => [ 2136, 165985 ], watch => [ 2090, 166053 ]);
	skip "no $REAL", 1 + 2 * @orders * sum0(map { scalar keys %$_ } values %completed) unless -r $REAL;

	is((load_log('real', $REAL))[0], 0, 'the real log is loaded');
	for my $case (map { my $by = $_; map { [ $by, $_ ] } sort { $a <=> $b } keys %{ $completed{$by} } } sort keys %completed)
	{
		my ($by, $threshold) = @$case;
		my ($rows, $sum) = @{ $kept{$by} };
		for my $order (@orders)
		{
			$node->safe_psql('real', 'TRUNCATE content_progress');
			for my $time ('once', 'twice')
			{
				replay('real', order => $order, threshold => $threshold, progress_by => $by);
				is($node->safe_psql('real', $TOTALS),
					"1452|10|2|2039|10449|$rows|$completed{$by}{$threshold}|$sum|2080|889894|166053",
					"real log, progress by $by, by $order, threshold $threshold, $time");
			}
		}
	}
}

$node->stop;
done_testing();
