# 041_example_supabase: the example app with supabase-js compiles, and passes its
# own test on a server of this one's, through PostgREST; so do Supabase's own
# tools, the generator of types and the advisors.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Cwd qw(abs_path);
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

# What the library is installed as.
my @editions = qw(extension sql);

# The major version of a command that is on the path, else 0.
sub major
{
	my ($command) = @_;

	return 0 unless grep { -x "$_/$command" } split /:/, $ENV{PATH};
	my ($out) = run_command([ $command, '--version' ]);
	return $out =~ /^v?(\d+)\./ ? $1 : 0;
}

plan skip_all => 'needs Node 20 or later, with npm 8 or later' if major('node') < 20 || major('npm') < 8;
my ($platform) = run_command([ 'node', '-p', 'process.platform + " " + process.arch' ]);
plan skip_all => "needs Linux on x86-64, for PostgREST and the Supabase CLI, not $platform" if $platform ne 'linux x64';

chdir abs_path("$FindBin::RealBin/../../examples/supabase-app") or die "no example: $!";

# Runs a command; says what it printed if it fails.
sub passes
{
	my ($name, @command) = @_;
	my ($out, $err) = run_command(\@command);
	my $status = $?;

	is($status, 0, $name) or diag("$out\n$err");
	return $out;
}

my ($out, $err) = run_command([ 'npm', 'ci', '--no-audit', '--no-fund', '--fetch-retry-mintimeout=1000' ]);
plan skip_all => "npm cannot reach its registry: $1"
	if $? != 0 && $err =~ /\b(E(?:AI_AGAIN|NOTFOUND|CONNREFUSED|NETUNREACH|TIMEDOUT)|ERR_SOCKET_TIMEOUT)\b/;
is($?, 0, 'npm ci') or BAIL_OUT($err);

my $node = start_node('supabase');
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
# It may write to this cluster as it likes.
$ENV{CONTENT_LIBRARY_CLUSTER} = 1;

passes('npx tsc --noEmit', 'npx', 'tsc', '--noEmit');

for my $edition (@editions)
{
	$ENV{CONTENT_LIBRARY_EDITION} = $edition;
	$out = passes("npm test, on the $edition", 'npm', 'test');

	my %count = $out =~ /^# (tests|pass|skipped) (\d+)$/mg;
	note("$count{pass} of $count{tests}");
	note($_) for $out =~ /^\s*(ok .* # SKIP.*)$/mg;
	cmp_ok($count{tests}, '>', 70, 'it has run');
	# Without safeupdate one is not; the SQL edition has no check, and types of its own.
	is($count{pass} + $count{skipped}, $count{tests}, 'all of it');
	cmp_ok($count{skipped}, '<=', $edition eq 'sql' ? 3 : 1, 'but what is not there');
}

$node->stop;
done_testing();
