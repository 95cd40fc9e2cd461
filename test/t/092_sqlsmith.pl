# 092_sqlsmith: random statements over the library's tables and functions, by a
# learner: no crash, no internal error, no row of another read or changed. Each
# runs twice: as sqlsmith runs it, and once more in a transaction that commits.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'sqlsmith is not installed' if system('command -v sqlsmith >/dev/null') != 0;

my $seconds = $ENV{SQLSMITH_SECONDS} // 20;
my $seed = $ENV{SQLSMITH_SEED} // int(rand(2**31));
my $folder = PostgreSQL::Test::Utils::tempdir;
my $ann = learner(1);
my $node = PostgreSQL::Test::Cluster->new('sqlsmith');
$node->init;
$node->append_conf('postgresql.conf', "log_line_prefix = '%e '\nlog_min_messages = error\ntrack_functions = all");
$node->start;
new_database($node, 'app', 'app');
fill($node, 'app', 'app');

# sqlsmith looks for functions in pg_proc: it finds ours in this one, and a few
# that make values, and so does not spend its time on the server's three thousand;
# nor on values of types that have none.
$node->safe_psql('app', <<"END");
CREATE SCHEMA shim;
CREATE FUNCTION shim.percent() RETURNS double precision LANGUAGE sql VOLATILE RETURN random() * 102;
CREATE FUNCTION shim.report(lesson_id uuid, watched_pct double precision) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_array(jsonb_build_object('lesson_id', lesson_id, 'watched_pct', watched_pct));
CREATE FUNCTION shim.reports(one uuid, other uuid) RETURNS jsonb LANGUAGE sql
RETURN shim.report(one, shim.percent()) || shim.report(other, shim.percent());
CREATE VIEW shim.pg_proc AS
SELECT p.oid, p.proname, p.pronamespace, p.prorettype, p.prokind, p.proargtypes, false AS proretset
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace IN ('app'::regnamespace, 'shim'::regnamespace) AND has_function_privilege('authenticated', p.oid, 'EXECUTE')
	OR p.oid IN ('gen_random_uuid()'::regprocedure, 'now()'::regprocedure, 'auth.uid()'::regprocedure,
		'jsonb_pretty(jsonb)'::regprocedure, 'max(integer)'::regprocedure, 'count("any")'::regprocedure);
CREATE VIEW shim.pg_type AS
SELECT t.oid, coalesce(replaced, t.typname) AS typname, t.typnamespace, t.typdelim, t.typrelid, t.typelem, t.typarray,
	CASE WHEN replaced IS NULL THEN t.typtype ELSE 'b' END AS typtype
FROM pg_catalog.pg_type AS t LEFT JOIN (VALUES ('anyenum', 'bool'), ('anyrange', 'int4range'), ('anycompatiblerange', 'int4range'),
	('anymultirange', 'int4multirange'), ('anycompatiblemultirange', 'int4multirange')) AS r(polymorphic, replaced)
	ON t.typname = r.polymorphic;
CREATE ROLE smith LOGIN IN ROLE authenticated;
GRANT USAGE ON SCHEMA shim, app TO smith;
GRANT SELECT ON shim.pg_proc, shim.pg_type TO smith;
ALTER ROLE smith SET search_path = shim, pg_catalog;
ALTER ROLE smith SET statement_timeout = '1s';
ALTER ROLE smith SET request.jwt.claims = '{"sub": "$ann", "role": "authenticated"}';
END

# All that is not Ann's.
sub others
{
	return $node->safe_psql('app', <<"END");
SET search_path = app;
SELECT md5(string_agg(r, E'\\n' ORDER BY r)) FROM (
	SELECT t::text AS r FROM content_progress AS t WHERE user_id <> '$ann'
	UNION ALL SELECT t::text FROM enrollments AS t WHERE user_id <> '$ann'
	UNION ALL SELECT t::text FROM certificates AS t
	UNION ALL SELECT t::text FROM courses AS t UNION ALL SELECT t::text FROM modules AS t
	UNION ALL SELECT t::text FROM lessons AS t UNION ALL SELECT t::text FROM mux_events AS t
	UNION ALL SELECT t::text FROM auth.users AS t) AS s
END
}

# The ids of others, by which a row of theirs would be known.
append_to_file("$folder/strangers", join '', map { learner($_) . "\n" } 2 .. 40);

# Runs statements for so long; returns how many, and what was read that is another's.
sub smith
{
	my ($time, $number) = @_;
	my $connection = 'host=' . $node->host . ' port=' . $node->port . ' dbname=app user=smith';

	# Begun again, with another seed, should it end itself.
	system("timeout $time sh -c 'seed=$number; while :; do sqlsmith --exclude-catalog --dump-all-queries \\
			--seed=\$seed --target=\"$connection\"; seed=\$((seed + 1)); done' 2>$folder/err | tee $folder/queries |
		psql -XAtq -d '$connection' 2>/dev/null | grep -F -m 20 -f $folder/strangers >$folder/seen");
	return (scalar(() = slurp_file("$folder/queries") =~ /;\s*$/mg), slurp_file("$folder/seen"));
}

$node->safe_psql('app', 'SELECT pg_stat_reset()');
my $before = others();
note("seed $seed");
my ($statements, $seen) = (0, '');
# Longer where the machine has other work.
foreach my $more (0 .. 9)
{
	my ($number, $read) = smith($seconds, $seed + 1000 * $more);

	$statements += $number;
	$seen .= $read;
	last if $node->safe_psql('app', "SELECT sum(calls) > 4 FROM pg_stat_user_functions WHERE schemaname = 'app'") eq 't';
}
my $log = slurp_file($node->logfile);
my %errors;
$errors{$_}++ foreach $log =~ /^(\w{5}) ERROR:/mg;
my $calls = $node->safe_psql('app', "SELECT funcname, calls FROM pg_stat_user_functions WHERE schemaname = 'app' AND calls > 0 ORDER BY 1");
my $sum = $node->safe_psql('app', "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE schemaname = 'app'");

note("$statements statements, each twice; $sum calls of our functions:\n$calls");
note('errors: ' . join ', ', map { "$_ $errors{$_}" } sort keys %errors);
cmp_ok($statements, '>', $seconds, 'there were statements') or diag(substr(slurp_file("$folder/err"), -1000));
cmp_ok($sum, '>', 4, 'that call our functions');
is($seen, '', 'no row of another is read');
is(others(), $before, 'or changed');
is(join("\n", $log =~ /^(XX\w{3} ERROR: .*)$/mg), '', 'no internal error');
unlike($log, qr/server process .* was terminated|PANIC|TRAP/, 'no crash');

# Tables that show the rows of others are found out, sooner or later: what is
# random is left as much time as it may need.
$node->safe_psql('app', "CREATE POLICY open ON app.$_ TO authenticated USING (true)") foreach qw(content_progress enrollments);
foreach my $more (1 .. 40)
{
	($statements, $seen) = smith(10, $seed + $more);
	note("a fault: $more times 10 s");
	last if $seen ne '';
}
like($seen, qr/-8000-/, 'a fault is found');

done_testing();
