# demo: what scripts/demo makes of a log equals what the log says, worked out
# here a second time, whatever the order and however often it is replayed.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use List::Util qw(max sum0);
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

my $TOTALS = 'SELECT learners, videos, courses, enrollments, reports, pairs, completed, percents
	FROM demo.totals';

# What the small log says. Its progress has three decimals at most, so whole
# thousandths lose nothing.

my (%videos_of, %courses_of, %best, $reports);
for my $line (split /\n/, file_content($SMALL))
{
	my $statement = JSON::PP::decode_json($line);
	my $learner = $statement->{actor}{account}{name};
	my $video = $statement->{object}{id};
	my $course = $statement->{context}{contextActivities}{parent}[0]{id};
	my $progress = $statement->{result}{extensions}{"$VIDEO/progress"};

	$videos_of{$course}{$video} = 1;
	$courses_of{$learner}{$course} = 1;
	next unless defined $progress;
	$reports++;
	$best{"$learner $video"} =
		max($best{"$learner $video"} // 0, int(sprintf('%.0f', 1000 * $progress) / 10));
}

my $pairs = keys %best;
my $completed = grep { $_ >= 90 } values %best;
my $percents = sum0(values %best);
my $expected = join '|', scalar(keys %courses_of), sum0(map { scalar keys %$_ } values %videos_of),
	scalar(keys %videos_of), sum0(map { scalar keys %$_ } values %courses_of),
	$reports, $pairs, $completed, $percents;
my $expected_rows = join "\n", map { join '|', split(/ /, $_), $best{$_}, $best{$_} >= 90 ? 't' : 'f' }
	sort keys %best;

my $ROWS = q{
	SELECT DISTINCT s.learner, s.lesson, p.watched_pct, p.completed
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

# A log that cannot be loaded leaves nothing behind.

$node->safe_psql('small', 'DROP SCHEMA demo CASCADE; TRUNCATE auth.users, courses CASCADE');
my ($status, $out, $err) = run(
	"1\t2024-03-04T10:00:00Z\tc\tl\tann\t50\t\\N\t\\N\n2\tnever\tc\tl\tann\t50\t\\N\t\\N\n",
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
	my %completed = (50 => 1710, 90 => 1314, 95 => 1255, 100 => 612);
	skip "no $REAL", 1 + 2 * @orders * keys %completed unless -r $REAL;

	is((load_log('real', $REAL))[0], 0, 'the real log is loaded');
	for my $order (@orders)
	{
		for my $threshold (sort { $a <=> $b } keys %completed)
		{
			$node->safe_psql('real', 'TRUNCATE content_progress');
			for my $time ('once', 'twice')
			{
				replay('real', order => $order, threshold => $threshold);
				is($node->safe_psql('real', $TOTALS),
					"1452|10|2|2039|10449|2136|$completed{$threshold}|165985",
					"real log, by $order, threshold $threshold, $time");
			}
		}
	}
}

$node->stop;
done_testing();
