# 090_memory: a backend that makes many calls does not grow; a call that is
# cancelled, takes too long or finds no memory leaves nothing behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{MEMORY_CALLS} // 20_000;
my $ann = learner(1);
my $node = start_node('memory');
new_database($node, 'app', 'public');
fill($node, 'app', 'public');
my $claims = qq({"sub": "$ann", "role": "authenticated"});

# 1. Growth. Each round is a transaction of 100 calls of six kinds; what the
# backend holds is asked between rounds, outside of them.
my $rounds = $calls / 100;
# A hundred rounds report every percentage. After them every query has its plan.
my $warm = $rounds > 1000 ? 200 : $rounds / 2 + 10;
my ($status, $out, $err) = $node->psql('app', <<"END", timeout => 3600);
SET request.jwt.claims = '$claims';
CREATE FUNCTION pg_temp.resident() RETURNS bigint LANGUAGE sql AS \$\$
	SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'RssAnon:\\s+(\\d+)')::bigint
\$\$;
CREATE FUNCTION pg_temp.held() RETURNS text LANGUAGE sql AS \$\$
	SELECT 'held ' || (sum(total_bytes) / 1024)::bigint || ' ' || pg_temp.resident() FROM pg_backend_memory_contexts
\$\$;
CREATE TEMP TABLE mine AS SELECT l.id, m.course_id, row_number() OVER () AS number
FROM lessons AS l JOIN modules AS m ON m.id = l.module_id JOIN enrollments AS e ON e.course_id = m.course_id
WHERE e.user_id = '$ann' AND m.sort_order = 3;
CREATE PROCEDURE pg_temp.rounds(first int, last int) LANGUAGE plpgsql AS \$\$
DECLARE
	one mine;
	reports jsonb;
	signature text;
BEGIN
	SELECT * INTO one FROM mine WHERE number = 1;
	FOR round IN first .. last LOOP
		SELECT jsonb_agg(jsonb_build_object('lesson_id', id, 'watched_pct', round % 101)) INTO reports FROM mine;
		signature := 't=1,v1=' || repeat('a', 64);
		FOR n IN 1 .. 16 LOOP
			PERFORM record_progress(one.id, 0);
			PERFORM record_progress(one.id, n * 6);
			PERFORM course_completion(one.course_id);
			PERFORM course_outline(one.course_id);
			PERFORM mux_verify_signature('payload', signature, '{secret}');
			IF n % 4 = 0 THEN
				PERFORM record_progress_batch(reports);
			ELSE
				PERFORM completion_threshold(one.id);
			END IF;
		END LOOP;
		PERFORM record_progress(one.id, 0), next_lesson(one.course_id), reset_progress(one.course_id), enroll(one.course_id);
		COMMIT;
	END LOOP;
END;
\$\$;
CALL pg_temp.rounds(1, $warm);
SELECT pg_temp.held();
CALL pg_temp.rounds($warm + 1, $rounds);
SELECT pg_temp.held();
END
is($status, 0, "$calls calls") or diag($err);
my ($contexts1, $rss1, $contexts2, $rss2) = $out =~ /held (\d+) (\d+).*held (\d+) (\d+)/s;
ok($rss2, 'memory is measured');
note("after " . $warm * 100 . " calls $contexts1 kB in contexts, $rss1 kB resident; after $calls $contexts2 kB, $rss2 kB");
cmp_ok($contexts2 - $contexts1, '<', 128, 'contexts do not grow');
cmp_ok($rss2 - $rss1, '<', 2048, 'the backend does not grow');

# 2. Interrupted calls. What is slow is a trigger of a user's own, in the middle.
$node->safe_psql('app', <<'END');
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER UPDATE OF completed_at ON enrollments FOR EACH ROW EXECUTE FUNCTION slow();
DELETE FROM content_progress WHERE user_id = '00000000-0000-4000-8000-000000000001';
END
my $rows = "SELECT md5(string_agg(r, ' ' ORDER BY r)) FROM (SELECT t::text AS r FROM content_progress AS t
	UNION ALL SELECT t::text FROM enrollments AS t) AS s";
my $locks = "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype IN ('relation', 'transactionid', 'advisory', 'tuple')
	AND (database IS NULL OR database = (SELECT oid FROM pg_database WHERE datname = 'app'))";
$node->safe_psql('app', "ALTER TABLE enrollments DISABLE TRIGGER slow;
	UPDATE enrollments SET completed_at = NULL WHERE user_id = '$ann'; ALTER TABLE enrollments ENABLE TRIGGER slow");

# All lessons of a course of Ann's, at 100 %, in a batch; and a required one alone, last.
my $course = $node->safe_psql('app', "SELECT min(course_id::text) FROM enrollments WHERE user_id = '$ann'");
my $lessons = "SELECT l.id FROM lessons AS l JOIN modules AS m ON m.id = l.module_id WHERE m.course_id = '$course'";
my $all = "SELECT count(*) FROM record_progress_batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', id, 'watched_pct', 100)) FROM ($lessons) AS l))";
my $but_one = "SELECT count(*) FROM record_progress_batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', id, 'watched_pct', 100)) FROM ($lessons ORDER BY l.is_required DESC, l.id OFFSET 1) AS l))";
my $last = "SELECT (record_progress(id, 100)).completed FROM ($lessons ORDER BY l.is_required DESC, l.id LIMIT 1) AS l";

# Ends $statement in its middle, and says how; the session goes on.
sub interrupt
{
	my ($how, $statement) = @_;
	my $session = $node->background_psql('app', on_error_stop => 0);
	my $before = $node->safe_psql('app', $rows);

	$session->query_safe("SET request.jwt.claims = '$claims'");
	$session->query_safe('SET ROLE authenticated');
	$session->query_safe("SET statement_timeout = '5s'") if $how eq 'timeout';
	$session->{stdin} .= "$statement;\n\\echo ended\n";
	$session->{run}->pump_nb;
	$node->poll_query_until('app', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	cmp_ok($node->safe_psql('app', $locks), '>', 0, "$how: it holds locks");
	$node->safe_psql('app', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") if $how eq 'cancel';
	$session->{run}->pump until $session->{stdout} =~ /^ended$/m;
	like($session->{stderr}, qr/ERROR:  canceling statement due to/, "$how: it is ended");
	$session->{stdout} = $session->{stderr} = '';
	is($node->safe_psql('app', $rows), $before, "$how: the rows are as they were");
	is($node->safe_psql('app', $locks), '0', "$how: no lock is left");
	is($session->query_safe("SELECT course_completion('$course') >= 0"), 't', "$how: the session goes on");
	$session->quit;
}
SKIP:
{
	skip 'this server has no background_psql', 1 unless PostgreSQL::Test::Cluster->can('background_psql');
	interrupt($_, $all) foreach qw(timeout cancel);
	$node->safe_psql('app', "SET request.jwt.claims = '$claims'; SET ROLE authenticated; $but_one");
	interrupt($_, $last) foreach qw(timeout cancel);
}

done_testing();
