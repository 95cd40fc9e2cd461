# 060_model: R1 to R11. Random sequences of everything that learners, servers and
# owners may do, several connections at once, answer and leave what a model of the
# rules says, from the extension and from the SQL edition, open and strict; and a
# fault that is planted is found and made short.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{MODEL_OPERATIONS} // 100_000;
my $node = PostgreSQL::Test::Cluster->new('model');
$node->init;
$node->append_conf('postgresql.conf', 'deadlock_timeout = 20ms');
$node->start;

# Debian's own python3 is the one that has its packages.
sub run_model
{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	my $out;
	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/../model/run", @_ ], '>', \$out, '2>&1');
	return ($? >> 8, $out);
}

my ($status, $out) = run_model('--operations', $operations);
is($status, 0, "$operations operations agree with the model") or diag($out);
note($out);

($status, $out) = run_model('--operations', $operations / 5, '--strict');
is($status, 0, 'so does a strict one') or diag($out);
note($out);

($status, $out) = run_model('--operations', $operations / 10, '--edition', 'sql', '--strict');
is($status, 0, 'so does the SQL edition, strict') or diag($out);
note($out);

($status, $out) = run_model('--operations', $operations / 10, '--edition', 'sql');
is($status, 0, 'so does the SQL edition') or diag($out);
note($out);

# Wherever the percentage is used.
(undef, $out) = run_model('--operations', 20_000, '--edition', 'sql', '--fault', <<'END');
CREATE OR REPLACE FUNCTION content_library.percentage(completed bigint, required bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ceil(100.0 * completed / nullif(required, 0))::integer $$
END
my ($length) = $out =~ /^(\d+) operations \(/m;
like($out, qr/disagrees after \d+ operations/, 'a percentage that is rounded up is found');
cmp_ok($length // 1000, '<=', 20, 'and shown in a short sequence') or diag($out);
note($out);

done_testing();
