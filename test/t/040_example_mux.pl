# 040_example_mux: the example server for Mux compiles, and passes its own test
# on a server of this one's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Cwd qw(abs_path);
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The major version of a command that is on the path, else 0.
sub major
{
	my ($command) = @_;

	return 0 unless grep { -x "$_/$command" } split /:/, $ENV{PATH};
	my ($out) = run_command([ $command, '--version' ]);
	return $out =~ /^v?(\d+)\./ ? $1 : 0;
}

plan skip_all => 'needs Node 18 or later, with npm 8 or later' if major('node') < 18 || major('npm') < 8;

chdir abs_path("$FindBin::RealBin/../../examples/mux-webhook") or die "no example: $!";

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

my $node = start_node('mux');
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
# It may write to this cluster as it likes.
$ENV{CONTENT_LIBRARY_CLUSTER} = 1;

passes('npx tsc --noEmit', 'npx', 'tsc', '--noEmit');
$out = passes('npm test', 'npm', 'test');

my %count = $out =~ /^# (tests|pass) (\d+)$/mg;
note("$count{pass} of $count{tests}");
cmp_ok($count{tests}, '>', 80, 'it has run');
is($count{pass}, $count{tests}, 'all of it');

$node->stop;
done_testing();
