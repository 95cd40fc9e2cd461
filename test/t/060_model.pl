# 060_model: R1 to R13 and certificates. Random sequences of everything that learners, servers and
# owners may do, several connections at once, answer and leave what a model of the
# rules says, from the extension and from the SQL edition, open and strict; and faults
# that are planted are found, one of them made short.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{MODEL_OPERATIONS} // 100_000;
# The same sequences each time, so that a change that breaks something is told from an old fault
# of the model. A longer run with other seeds: MODEL_SEED=7 MODEL_OPERATIONS=1000000
my $seed = $ENV{MODEL_SEED} // 1;
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
	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/../model/run", '--seed', $seed, @_ ], '>', \$out, '2>&1');
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

# A rule is pasted into the functions of the SQL edition, so there it can be spoiled wherever it is used.
sub spoiled
{
	my ($right, $wrong) = @_;
	return <<"SQL";
DO \$spoil\$
DECLARE
	spoiled CONSTANT regprocedure[] := ARRAY(
		SELECT p.oid::regprocedure FROM pg_proc AS p
		WHERE p.pronamespace IN ('public'::regnamespace, 'content_library'::regnamespace)
			AND strpos(p.prosrc, \$right\$$right\$right\$) > 0);
	one regprocedure;
BEGIN
	ASSERT cardinality(spoiled) > 0, 'no function has it';
	FOREACH one IN ARRAY spoiled LOOP
		EXECUTE replace(pg_get_functiondef(one), \$right\$$right\$right\$, \$wrong\$$wrong\$wrong\$);
	END LOOP;
END
\$spoil\$
SQL
}

my @faults = (
	[ 'a lesson that is made optional and completes nobody', 'extension',
		'DROP TRIGGER claim_after_update ON lessons' ],
	[ 'a date that a late report does not move back', 'sql',
		spoiled('LEAST(p.completed_at,', 'GREATEST(p.completed_at,') ],
	[ 'a refusal that forgets that access has ended', 'sql',
		spoiled(q{e.expires_at <= now() THEN 'expired'}, q{false THEN 'expired'}) ],
	[ 'seconds that the clock does not bound', 'sql',
		spoiled('IF by_clock THEN', 'IF false THEN') ],
	[ 'lessons that each of them alone may complete, and not all of them together', 'sql',
		spoiled('FILTER (WHERE l.id <> $2)', 'FILTER (WHERE false)') ],
	[ 'a lesson whose seconds came late, dated by the last report that came', 'sql',
		spoiled('dated_at := GREATEST(at, progress.last_watched)', 'dated_at := at') ],
	[ 'a viewer who marks lessons as an editor does', 'sql',
		spoiled(q{s.course_id = c.id AND s.role = 'editor'}, 's.course_id = c.id') ],
	[ 'a certificate that is issued again for the same completion', 'sql',
		spoiled('k.completed_at >= e.completed_at', 'k.completed_at > e.completed_at') ],
	[ 'a certificate that expires by when it was issued', 'sql',
		spoiled('e.completed_at + c.certificate_valid_for', 'now() + c.certificate_valid_for') ],
	[ 'a credential of a certificate that is revoked', 'sql',
		spoiled('k.revoked_at IS NULL AS holds', 'true AS holds') ],
	[ 'a revoked certificate that still counts', 'sql',
		spoiled('AND k.revoked_at IS NULL AND k.completed_at', 'AND k.completed_at') ],
	[ 'an editor who takes a lesson to a course of others', 'extension',
		'ALTER POLICY "Editors change their lessons" ON lessons WITH CHECK (true)' ],
	[ 'an editor who changes modules of others', 'extension',
		'ALTER POLICY "Editors change their modules" ON modules USING (true) WITH CHECK (true)' ]);
for my $fault (@faults)
{
	my ($name, $edition, $sql) = @$fault;
	(undef, $out) = run_model('--operations', 20_000, '--edition', $edition, '--long', '--fault', $sql);
	like($out, qr/disagrees after \d+ operations/, "$name is found");
	note($out);
}

done_testing();
