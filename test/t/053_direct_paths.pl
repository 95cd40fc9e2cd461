# 053_direct_paths: what a report becomes is the same in C as in SQL, for a million pairs
# of row and report; and what is written directly is replicated.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('direct');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

chomp(my $headers = `pg_config --includedir-server`);
my @compile = ('gcc', '-Wall', '-Werror', '-fPIC', '-shared', '-I', $headers, '-o', "$folder/advance.so", "$FindBin::RealBin/../advance/advance.c");
my $said;
ok(IPC::Run::run(\@compile, '>&', \$said), 'the rule in C is built') or BAIL_OUT($said);

# Few different values, so that many are equal.
$node->safe_psql('postgres', <<"END");
CREATE FUNCTION advance_sql() RETURNS text LANGUAGE c AS '$folder/advance.so';
CREATE FUNCTION advance_c(integer, timestamptz, integer, timestamptz, integer, timestamptz, integer,
	OUT watched_pct integer, OUT last_watched timestamptz, OUT position_seconds integer, OUT started_at timestamptz)
LANGUAGE c AS '$folder/advance.so';
CREATE UNLOGGED TABLE pairs AS
SELECT r.*, c.watched_pct AS c_pct, c.last_watched AS c_at, c.position_seconds AS c_position, c.started_at AS c_started
FROM (SELECT (random() * 9)::integer AS watched_pct, times[1 + random() * 6] AS last_watched,
		CASE WHEN random() < 0.8 THEN (random() * 5)::integer END AS position_seconds,
		CASE WHEN random() < 0.8 THEN times[1 + random() * 6] END AS started_at,
		(random() * 9)::integer AS r_pct, times[1 + random() * 6] AS r_at,
		CASE WHEN random() < 0.8 THEN (random() * 5)::integer END AS r_position
	FROM generate_series(1, 1000000),
		(SELECT '{-infinity, 2026-01-01, 2026-01-01 00:00:00.000001, 2026-01-02, 2026-01-03, 2026-01-04, infinity}'::timestamptz[] AS times) AS t
	OFFSET 0) AS r,
	advance_c(watched_pct, last_watched, position_seconds, started_at, r_pct, r_at, r_position) AS c;
END
is($node->safe_psql('postgres', "SELECT advance_sql() \\gexec\n" . <<'END'), "1000000|0\nt", 'SQL leaves each row as C does');
SELECT count(*), count(*) FILTER (WHERE (watched_pct, last_watched, position_seconds, started_at)
	IS DISTINCT FROM (c_pct, c_at, c_position, c_started)) FROM pairs;
SELECT count(DISTINCT (watched_pct, last_watched, position_seconds)) > 300 FROM pairs;
END

# What a subscriber gets, with either identity of a row.
new_database($node, 'app', 'public');
fill($node, 'app', 'public');
my $learner = learner(2);
my $lesson = $node->safe_psql('app', "SELECT lesson_id FROM content_progress WHERE user_id = '$learner' AND watched_pct < 60 LIMIT 1");
$node->safe_psql('app', "CREATE PUBLICATION p FOR TABLE content_progress; SELECT pg_create_logical_replication_slot('s', 'test_decoding')");
foreach my $identity ('DEFAULT', 'FULL')
{
	my $pct = $identity eq 'FULL' ? 75 : 70;

	$node->safe_psql('app', "ALTER TABLE content_progress REPLICA IDENTITY $identity");
	my $done = $node->safe_psql('app', as_user($learner) . "SELECT (record_progress('$lesson', $pct)).watched_pct; RESET ROLE;
		SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'UPDATE%'");
	is($done, "$pct\n0", "a report is written directly, REPLICA IDENTITY $identity");
	my $changes = $node->safe_psql('app', "SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL)");
	like($changes, qr/content_progress: UPDATE: .*watched_pct\[integer\]:$pct /, 'and decoded');
	is(scalar($changes =~ /old-key: .*watched_pct/), $identity eq 'FULL' ? 1 : '', 'with the old row if that tells rows apart');
}

done_testing();
