# 091_function_fuzz: whatever values a function is called with, by whomever, the
# answer is a result or an error that is documented; nobody reads or changes what
# is another's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{FUZZ_CALLS} // 3000;
my $node = start_node('function_fuzz');
new_database($node, 'fuzz', 'fuzz');
fill($node, 'fuzz', 'fuzz');
# The server takes no such name when an extension is created, but later.
my $schema = q{"Fuzz "" ' $$ \\ %1$s.ü"};
$node->safe_psql('fuzz', "ALTER SCHEMA fuzz RENAME TO $schema");

# Debian's own python3 is the one that has its packages.
sub fuzz
{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'fuzz';
	my $out;
	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/../fuzz/run", @_, learner(1) ], '>', \$out, '2>&1');
	note($out);
	return ($? >> 8, $out);
}

my ($status, $out) = fuzz('--calls', $calls);
is($status, 0, "$calls calls") or diag($out);
unlike(slurp_file($node->logfile), qr/server process .* was terminated|PANIC|TRAP/, 'no crash');

# Faults that are planted are found: a policy that lets others read, a right to write.
$node->safe_psql('fuzz', "CREATE POLICY open ON $schema.content_progress TO authenticated USING (true)");
$node->safe_psql('fuzz', <<"END");
SET search_path = $schema;
CREATE FUNCTION latest(n int) RETURNS SETOF content_progress LANGUAGE sql
BEGIN ATOMIC SELECT * FROM content_progress LIMIT 100; END;
ALTER EXTENSION content_library ADD FUNCTION latest;
END
($status, $out) = fuzz('--calls', 300, '--seed', 1);
like($out, qr/it names another user/, 'a policy that shows the rows of others is found');
$node->safe_psql('fuzz', <<"END");
SET search_path = $schema;
CREATE OR REPLACE FUNCTION latest(n int) RETURNS SETOF content_progress LANGUAGE sql
BEGIN ATOMIC UPDATE content_progress SET watched_pct = 7 RETURNING *; END;
END
($status, $out) = fuzz('--calls', 300, '--seed', 1);
like($out, qr/rows of others are not as they were/, 'and one that lets them be changed');

done_testing();
