# ExampleTest.pm: what the tests of the examples share: Node, npm, and a server for their own tests.
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

# The major version of a command that is on the path, else 0.
sub major
{
	my ($command) = @_;

	return 0 unless grep { -x "$_/$command" } split /:/, $ENV{PATH};
	my ($out) = run_command([ $command, '--version' ]);
	return $out =~ /^v?(\d+)\./ ? $1 : 0;
}

# Skips the test without this major of Node or a later one.
sub require_node
{
	my ($version) = @_;

	plan skip_all => "needs Node $version or later, with npm 8 or later" if major('node') < $version || major('npm') < 8;
	return;
}

# Runs a command; says what it printed if it fails.
sub passes
{
	my ($name, @command) = @_;
	my ($out, $err) = run_command(\@command);
	my $status = $?;

	is($status, 0, $name) or diag("$out\n$err");
	return $out;
}

# Installs what an example needs, compiles it, and starts a server that its own
# test is led to; from then on we are in its folder.
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
	# It may write to this cluster as it likes.
	$ENV{CONTENT_LIBRARY_CLUSTER} = 1;

	passes('npx tsc --noEmit', 'npx', 'tsc', '--noEmit');
	return $node;
}

1;
