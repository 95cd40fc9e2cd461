# 032_mux_at_once: eight connections apply the events of each scenario, each event
# twice, while its lesson is bound in one of several ways: the same lesson every
# time, no error and no deadlock. And an event does not wait for ever.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $copies = 4;
my $folder = PostgreSQL::Test::Utils::tempdir;
my @files = grep { -e } map { "$FindBin::RealBin/../$_" } ('../../shared/mux/scenarios.json', 'data/mux_scenarios.json');
my $node = PostgreSQL::Test::Cluster->new('at_once');
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\ndeadlock_timeout = 20ms\nlog_min_messages = error\nlog_min_error_statement = panic\nfsync = off");
$node->start;
new_database($node, 'app', 'public');

# Copies of each scenario, with ids of their own: copy 0 is bound by mux_begin_upload,
# 1 directly, 2 by who holds the lesson already, 3 by who takes the upload from
# another lesson. A lesson that is bound more than once is bound by one connection. The
# steps of a copy go to the eight connections at random.
my ($lesson, $another) = ('e0000000-0000-4000-8000-000000000001', 'e0000000-0000-4000-8000-000000000002');
$node->safe_psql('app', 'CREATE TABLE scenarios (s jsonb, n serial)');
foreach my $json (map { slurp_file($_) } @files)
{
	$node->safe_psql('app', "INSERT INTO scenarios (s) SELECT s FROM jsonb_array_elements(\$file\$$json\$file\$::jsonb -> 'scenarios') AS f(s)");
}
$node->safe_psql('app', <<"END" . <<'END');
-- The ids of a copy: those of uploads, assets and lessons.
CREATE FUNCTION renamed(data jsonb, x text, lesson uuid) RETURNS jsonb LANGUAGE sql AS \$\$
	SELECT data || jsonb_strip_nulls(jsonb_build_object('id', data ->> 'id' || x, 'asset_id', data ->> 'asset_id' || x,
		'upload_id', data ->> 'upload_id' || x, 'upload', data ->> 'upload' || x, 'asset', data ->> 'asset' || x,
		'passthrough', CASE lower(data ->> 'passthrough') WHEN '$lesson' THEN to_jsonb(lesson) WHEN '$another' THEN to_jsonb(md5(x)::uuid)
			ELSE data -> 'passthrough' END))
\$\$;
CREATE TABLE copies AS SELECT c, n, lesson, gen_random_uuid() AS other, x, s -> 'expected' AS expected, s -> 'name' AS name,
	(SELECT jsonb_agg(jsonb_set(jsonb_set(e, '{id}', to_jsonb(e ->> 'id' || x)), '{data}', renamed(e -> 'data', x, lesson)))
	 FROM jsonb_array_elements(s -> 'events') AS e) AS events,
	(SELECT jsonb_agg(renamed(b, x, lesson) ORDER BY place)
	 FROM jsonb_array_elements(coalesce(s -> 'bindings', jsonb_build_array(jsonb_build_object('upload', s -> 'current_upload_id'))))
		WITH ORDINALITY AS b(b, place)) AS bindings
FROM scenarios, generate_series(0, $copies - 1) AS c, LATERAL (SELECT format(' of %s/%s', n, c) AS x, gen_random_uuid() AS lesson) AS x;
END
INSERT INTO courses (id, title, slug) VALUES ('c0000000-0000-4000-8000-000000000001', 'Mux', 'mux');
INSERT INTO modules (id, course_id, title) VALUES ('d0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'Mux');
INSERT INTO lessons (id, module_id, title) SELECT lesson, 'd0000000-0000-4000-8000-000000000001', 'copy' || x FROM copies;
INSERT INTO lessons (id, module_id, title, mux_upload_id)
SELECT other, 'd0000000-0000-4000-8000-000000000001', 'other', bindings #>> '{0,upload}' FROM copies WHERE c = 3;
CREATE FUNCTION bind(what jsonb, c integer, lesson uuid, other uuid) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN NOT what ? 'upload' THEN format('UPDATE lessons SET mux_upload_id = NULL, mux_asset_id = %2$L WHERE id = %1$L;', lesson, what ->> 'asset')
		WHEN c = 0 THEN format('SELECT mux_status FROM mux_begin_upload(%L, %L);', lesson, what ->> 'upload')
		WHEN c = 1 THEN format('UPDATE lessons SET mux_upload_id = %2$L WHERE id = %1$L;', lesson, what ->> 'upload')
		WHEN c = 2 THEN format('BEGIN; UPDATE lessons SET title = title || ''!'' WHERE id = %1$L; SELECT pg_sleep(0.005);
			UPDATE lessons SET mux_upload_id = %2$L WHERE id = %1$L; COMMIT;', lesson, what ->> 'upload')
		ELSE format('BEGIN; UPDATE lessons SET mux_upload_id = NULL WHERE id = %3$L; SELECT pg_sleep(0.005);
			UPDATE lessons SET mux_upload_id = %2$L WHERE id = %1$L; COMMIT;', lesson, what ->> 'upload', other) END
$$;
CREATE TABLE steps AS
SELECT n, c, floor(random() * 8)::int AS connection, random() AS place, format('SELECT mux_apply_event(%L);', e) AS command
FROM copies, jsonb_array_elements(events) AS e, generate_series(1, 2);
INSERT INTO steps
SELECT n, c, connection, first + 0.1 * place, bind(b, c, lesson, other)
FROM (SELECT copies.*, floor(random() * 8)::int AS connection, random() AS first FROM copies) AS k,
	jsonb_array_elements(bindings) WITH ORDINALITY AS b(b, place);
END

my @scripts = map
{
	my $name = "$folder/$_.sql";
	append_to_file($name, "SET ROLE service_role;\n"
		  . $node->safe_psql('app', "SELECT command FROM steps WHERE connection = $_ ORDER BY n, c, place") . "\n");
	$name;
} 0 .. 7;
my @sessions = map { IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-f', $_ ], '>', \my $out) } @scripts;
$_->finish foreach @sessions;

my $log = slurp_file($node->logfile);
unlike($log, qr/ERROR|deadlock/, 'no error, no deadlock');
is($node->safe_psql('app', <<'END'), '', 'every lesson as expected');
SELECT c.x, c.name, c.expected, got
FROM copies AS c JOIN lessons AS l ON l.id = c.lesson,
LATERAL (SELECT jsonb_build_object('mux_upload_id', replace(l.mux_upload_id, x, ''), 'mux_asset_id', replace(l.mux_asset_id, x, ''),
	'mux_playback_id', l.mux_playback_id, 'mux_status', l.mux_status, 'duration_seconds', l.duration_seconds) AS got) AS g
WHERE got <> c.expected - 'error'
END
cmp_ok($node->safe_psql('app', 'SELECT count(*) FROM lessons WHERE mux_status = \'ready\''), '>', 30, 'there was something to do');
is($node->safe_psql('app', "SELECT count(*) FROM lessons WHERE title = 'other' AND (mux_asset_id IS NOT NULL OR mux_status <> 'pending')"), 0,
	'a lesson that lost its upload has no video');

# Somebody holds a lesson for longer than Mux waits: the event fails, and can come again.
my $upload = $node->safe_psql('app', "SELECT mux_upload_id FROM lessons WHERE title LIKE 'copy%' AND mux_upload_id IS NOT NULL LIMIT 1");
my $event = qq('{"id": "late", "type": "video.upload.errored", "data": {"id": "$upload"}}');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c',
	"BEGIN; SELECT 1 FROM lessons FOR UPDATE; SELECT pg_sleep(7); COMMIT" ], '>', \my $held);
$node->poll_query_until('app', "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'lessons'::regclass AND mode = 'RowShareLock'");
my ($code, $out, $err) = $node->psql('app', "\\set VERBOSITY sqlstate\nSELECT mux_apply_event($event)");
like($err, qr/55P03/, 'an event gives up');
is($node->safe_psql('app', "SELECT count(*) FROM mux_events WHERE event_id = 'late'"), 0, 'and leaves nothing behind');
$holder->finish;
like($node->safe_psql('app', "SELECT mux_apply_event($event)"), qr/applied|noop|stale/, 'it is taken in when it comes again');

$node->stop;
done_testing();
