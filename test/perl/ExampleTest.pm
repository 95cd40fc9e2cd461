# ExampleTest.pm: gives the tests of the examples Node, npm and a server.
package ExampleTest;

use strict;
use warnings;
use FindBin;
use Cwd qw(abs_path);
use Exporter 'import';
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(require_node passes start_example);

# The major version of a command; 0 if it is not on the path.
sub major
{
	my ($command) = @_;

	return 0 unless grep { -x "$_/$command" } split /:/, $ENV{PATH};
	my ($out) = run_command([ $command, '--version' ]);
	return $out =~ /^v?(\d+)\./ ? $1 : 0;
}

# Skips the test if Node is missing or older than this major.
sub require_node
{
	my ($version) = @_;

	plan skip_all => "needs Node $version or later, with npm 8 or later" if major('node') < $version || major('npm') < 8;
	return;
}

# A command must succeed; if not, its output is shown.
sub passes
{
	my ($name, @command) = @_;
	my ($out, $err) = run_command(\@command);
	my $status = $?;

	is($status, 0, $name) or diag("$out\n$err");
	return $out;
}

# Installs what an example needs, compiles it, and starts a server, which the
# environment gives to the example's own test. Stays in the example's folder.
sub start_example
{
	my ($folder, $name) = @_;

	chdir abs_path("$FindBin::RealBin/../../examples/$folder") or die "no example: $!";
	my ($out, $err) = run_command([ 'npm', 'ci', '--no-audit', '--no-fund', '--fetch-retry-mintimeout=1000' ]);
	plan skip_all => "npm cannot reach its registry: $1"
		if $? != 0 && $err =~ /\b(E(?:AI_AGAIN|NOTFOUND|CONNREFUSED|NETUNREACH|TIMEDOUT)|ERR_SOCKET_TIMEOUT)\b/;
	is($?, 0, 'npm ci') or BAIL_OUT($err);

	my $node = start_node($name);
	$ENV{PGHOST} = $node->host;
	$ENV{PGPORT} = $node->port;
	# The test may write to this cluster, because it is its own.
	$ENV{CONTENT_LIBRARY_CLUSTER} = 1;

	passes('npx tsc --noEmit', 'npx', 'tsc', '--noEmit');
	return $node;
}

1;
