# xapi_reports: scripts/xapi-reports makes a row of every good line of a log,
# and names, counts and skips every line that it cannot use.
use strict;
use warnings;

use File::Temp ();
use IO::Compress::Gzip qw(gzip);
use IPC::Run ();
use JSON::PP ();
use Test::More;

my $VIDEO = 'https://w3id.org/xapi/video/extensions';
my $json = JSON::PP->new->utf8->canonical;

# A paused statement with the fields that matter; the progress is put in as
# text, because how it is written is what is tested.
sub statement
{
	my ($progress, $change) = @_;
	my $statement = {
		verb => { id => 'https://w3id.org/xapi/video/verbs/paused' },
		actor => { account => { name => 'ann', homePage => 'http://example.com' } },
		object => { id => 'uuid://video' },
		context => {
			contextActivities => { parent => [ { id => 'course-1' } ] },
			extensions => { "$VIDEO/length" => 100.5 } },
		result => { extensions => { "$VIDEO/time" => 42.9, "$VIDEO/progress" => 'PROGRESS' } },
		'@timestamp' => '2024-03-04T10:00:00.123456+01:00' };

	$change->($statement, $statement->{result}{extensions}) if $change;
	return $json->encode($statement) =~ s/"PROGRESS"/$progress/r;
}

sub run_reader
{
	my ($input, @args) = @_;
	IPC::Run::run([ 'scripts/xapi-reports', @args ], '<', \$input, '>', \my $out, '2>', \my $err);
	return ($? >> 8, $out, $err);
}

sub columns_of
{
	my ($line) = @_;
	my ($status, $out, $err) = run_reader("$line\n");
	chomp $out;
	return join '|', split /\t/, $out, -1;
}

# Good lines.

is(columns_of(statement('0.5')),
	'1|2024-03-04T10:00:00.123456+01:00|course-1|uuid://video|ann|50|42|100.5|\N',
	'a report, with position and length');

is(columns_of(statement('0.5', sub {
		my ($s, $result) = @_;
		delete $result->{"$VIDEO/time"};
		$result->{"$VIDEO/time-from"} = 10;
		$result->{"$VIDEO/time-to"} = 70;
		$result->{"$VIDEO/length"} = 200;
		$s->{timestamp} = delete $s->{'@timestamp'};
		$s->{timestamp} = '2024-03-04T10:00:00';
	})),
	'1|2024-03-04T10:00:00Z|course-1|uuid://video|ann|50|70|200|\N',
	'a seek stands where it went to; the timestamp under its other name, in UTC');

is(columns_of(statement('0.5', sub {
		my ($s, $result) = @_;
		$s->{verb}{id} = 'https://w3id.org/xapi/video/verbs/played';
		delete $result->{"$VIDEO/progress"};
		delete $s->{context}{extensions};
	})),
	'1|2024-03-04T10:00:00.123456+01:00|course-1|uuid://video|ann|\N|42|\N|\N',
	'a statement without progress is no report');

is(columns_of(statement('0.5', sub { $_[0]{actor}{account}{name} = "Zo\x{eb}\t\\N\r\n" })),
	"1|2024-03-04T10:00:00.123456+01:00|course-1|uuid://video|Zo\xc3\xab\\t\\\\N\\r\\n|50|42|100.5|\\N",
	'what COPY would take for its own is escaped');

# Rounded down, of the decimal that was written and not of a binary one.

my %percent = (
	'0' => 0, '-0.0' => 0, '1e-5' => 0, '0.009' => 0, '0.0099999' => 0, '0.01' => 1,
	'0.1' => 10, '0.28' => 28, '0.29' => 29, '2.9e-1' => 29, '0.57' => 57, '0.58' => 58,
	'0.899' => 89, '0.9' => 90, '0.999' => 99, '0.999999999999999' => 99,
	'0.99999999999999999999' => 99, '0.2899999999999999999' => 28,
	'0.30000000000000004' => 30, '1' => 100, '1.0' => 100, '1.00000000000000000' => 100);

my @progress = sort keys %percent;
my ($status, $out, $err) = run_reader(join '', map { statement($_) . "\n" } @progress);
is($status, 0, 'good lines: exit status 0');
is($err, @progress . ' lines: ' . @progress . " reports of progress, 0 other statements, 0 skipped\n",
	'good lines: counted');
my @rows = map { [ split /\t/ ] } split /\n/, $out;
is($rows[$_][5], $percent{ $progress[$_] }, "progress $progress[$_]") for 0 .. $#progress;

# What was played. A part without an end is left out; an empty list says nothing.

my %played = (
	'0[.]42.608[,]43.168[.]124.692' => '[[0, 42.608], [43.168, 124.692]]',
	'0[.]42.608[,]124.7' => '[[0, 42.608]]',
	'0[.]42.608[,]124.7[.]' => '[[0, 42.608]]',
	'124.7' => '[]',
	'' => '\N',
	'50[.]60[,]10[.]20[,]15[.]55' => '[[50, 60], [10, 20], [15, 55]]',
	'7[.]7' => '[[7, 7]]',
	'1e-5[.]2.5E1' => '[[1e-5, 2.5E1]]');

for my $segments (sort keys %played)
{
	is((split /\|/, columns_of(statement('0.5', sub { $_[1]{"$VIDEO/played-segments"} = $segments })))[8],
		$played{$segments}, "played \"$segments\"");
}

# Bad lines: each between two good ones.

my @bad = (
	[ '{"verb": ', 'not JSON' ],
	[ '', 'not JSON' ],
	[ statement('NaN'), 'not JSON' ],
	[ statement('0.5') =~ s/ann/\xff/r, 'not JSON' ],
	[ '[1]', 'not a JSON object' ],
	[ '"text"', 'not a JSON object' ],
	[ statement('0.5', sub { delete $_[0]{verb} }), 'lacks verb.id' ],
	[ statement('0.5', sub { delete $_[0]{'@timestamp'} }), 'lacks timestamp' ],
	[ statement('0.5', sub { delete $_[0]{object}{id} }), 'lacks object.id' ],
	[ statement('0.5', sub { $_[0]{object} = 'video' }), 'lacks object.id' ],
	[ statement('0.5', sub { delete $_[0]{actor}{account} }), 'lacks actor.account.name' ],
	[ statement('0.5', sub { $_[0]{actor}{account}{name} = '' }), 'lacks actor.account.name' ],
	[ statement('0.5', sub { $_[0]{actor}{account}{name} = ['ann'] }),
		'actor.account.name is not a text' ],
	[ statement('0.5', sub { $_[0]{actor}{account}{name} = "a\0" }),
		'actor.account.name is not a text' ],
	[ statement('0.5', sub { $_[0]{context}{contextActivities}{parent} = [] }),
		'lacks context.contextActivities.parent.0.id' ],
	[ statement('0.5', sub { delete $_[0]{context}{contextActivities} }),
		'lacks context.contextActivities.parent.id' ],
	[ statement('0.5', sub { delete $_[1]{"$VIDEO/progress"} }), 'paused, but lacks progress' ],
	[ statement('-0.001'), 'progress is outside 0..1: -0.001' ],
	[ statement('1.001'), 'progress is outside 0..1: 1.001' ],
	[ statement('1.00000000000000000001'), 'progress is outside 0..1: 1.00000000000000000001' ],
	[ statement('50'), 'progress is outside 0..1: 50' ],
	[ statement('"0.5"'), 'progress is not a number: "0.5"' ],
	[ statement('null'), 'progress is not a number: null' ],
	[ statement('true'), 'progress is not a number: true' ],
	[ statement('0.5', sub { $_[1]{"$VIDEO/time"} = -1 }), 'time is outside 0..2147483647: -1' ],
	[ statement('0.5', sub { $_[1]{"$VIDEO/time"} = 3e9 }),
		'time is outside 0..2147483647: 3000000000' ],
	[ statement('0.5', sub { $_[1]{"$VIDEO/length"} = 'long' }), 'length is not a number: "long"' ],
	[ statement('0.5', sub { $_[1]{"$VIDEO/played-segments"} = '0[.]5[,]9[.]8.5' }),
		'played-segments have a part that ends before it starts: 9[.]8.5' ],
	(map { my $segments = $_;
			[ statement('0.5', sub { $_[1]{"$VIDEO/played-segments"} = $segments }),
				"played-segments are not parts of a video: \"$segments\"" ] }
		'0[.]5[.]9', '-1[.]5', '0[.]NaN', '0[.]5[,][,]6[.]7', '0-5', '00[.]5'),
	[ statement('0.5', sub { $_[1]{"$VIDEO/played-segments"} = [ 0, 5 ] }),
		'played-segments are not parts of a video: [0,5]' ],
	map { [ statement('0.5', do { my $t = $_; sub { $_[0]{'@timestamp'} = $t } }),
			"\@timestamp is not a date and time: \"$_\"" ] }
		'yesterday', '2024-03-04', '2024-02-30T10:00:00Z', '2024-03-04T25:00:00Z',
		'2024-03-04T10:00:00+99:00');

for my $case (@bad)
{
	my ($line, $reason) = @$case;
	($status, $out, $err) = run_reader(join "\n", statement('0.1'), $line, statement('0.2'), '');
	is($status, 1, "$reason: exit status 1");
	is($err, "line 2: $reason\n3 lines: 2 reports of progress, 0 other statements, 1 skipped\n",
		"$reason: named and counted");
	is(join(' ', $out =~ /^(\d+)\t/mg), '1 3', "$reason: the other lines are used");
}

# Files, compressed or not.

my $dir = File::Temp->newdir;
my $plain = join '', map { statement($_) . "\n" } @progress;
my ($expected) = (run_reader($plain))[1];
gzip(\$plain => \my $zipped);
gzip(\(my $half = statement('0.5') . "\n") => \my $member);

sub file_of
{
	my ($name, $content) = @_;
	open my $fh, '>:raw', "$dir/$name" or die $!;
	print $fh $content;
	close $fh or die $!;
	return "$dir/$name";
}

is((run_reader($zipped))[1], $expected, 'gzip on the standard input');
is((run_reader('', file_of('log.json', $plain)))[1], $expected, 'a plain file');
is((run_reader('', file_of('log.json.gz', $zipped)))[1], $expected, 'a gzip file');
is(() = (run_reader($member . $member))[1] =~ /\n/g, 2, 'gzip files in a row');
is((run_reader(statement('0.5')))[0], 0, 'the last line may lack its end');

my @unreadable = (
	[ 'an empty log', '', [], 'the log is empty' ],
	[ 'a missing file', '', ["$dir/none"], "cannot read $dir/none: No such file or directory" ],
	[ 'a directory', '', ["$dir"], "$dir is a directory" ],
	[ 'a gzip file cut short', substr($zipped, 0, -20), [], 'cannot read the log after line' ],
	[ 'two logs', '', [ 'a', 'b' ], 'usage: scripts/xapi-reports [LOG]' ],
	[ 'an option', '', ['--help'], 'usage: scripts/xapi-reports [LOG]' ]);

for my $case (@unreadable)
{
	my ($name, $input, $args, $message) = @$case;
	($status, $out, $err) = run_reader($input, @$args);
	is($status, 2, "$name: exit status 2");
	like($err, qr/^xapi-reports: \Q$message\E/, "$name: said");
}

done_testing();
