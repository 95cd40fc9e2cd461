# 081_between_editions: an install of the SQL edition becomes one of the extension,
# and back, with every row, the settings, and what of the user's own hangs on them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('between');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $top = "$FindBin::RealBin/../..";
my ($migration) = glob("$top/supabase/migrations/*_content_library.sql");

sub run_script
{
	my ($database, $script) = @_;
	my ($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $script ]);

	return "$out$err";
}

# Rows, keys, policies, grants, triggers: what both editions have.
sub kept
{
	return in_both(snapshot($node, $_[0], 'public'));
}

sub dumped
{
	my ($out) = run_command([ 'pg_dump', '-d', $node->connstr($_[0]) ]);
	return $out =~ s/^\\(un)?restrict .*\n//mgr;
}

my $settings = "SELECT current_setting('content_library.completion_threshold'), current_setting('content_library.heartbeat_interval'),
	current_setting('content_library.max_playback_rate'), current_setting('content_library.watch_grace'), content_library_mux_policies()";

new_database($node, 'hosted');
$node->safe_psql('hosted', 'GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role');
is(run_script('hosted', $migration), '', 'the SQL edition');
fill($node, 'hosted', 'public');
$node->safe_psql('hosted', "UPDATE content_library_settings SET completion_threshold = 75, heartbeat_interval = 20,
	max_playback_rate = 1.75, watch_grace = 90, mux_playback_policies = '{signed,drm}';
	CREATE TABLE notes (id int PRIMARY KEY, lesson_id uuid REFERENCES lessons ON DELETE CASCADE);
	INSERT INTO notes SELECT row_number() OVER (), id FROM lessons;
	CREATE VIEW published AS SELECT * FROM courses WHERE is_published");
my $before = kept('hosted');
my $dump = dumped('hosted');
like($before, qr/^1 rows\|content_progress\|600 /m, 'there are rows to lose');

# As a self-hosted project gets it: by a dump.
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", 'hosted' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE own TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'own', "$folder/dump" ], 'restored elsewhere');

# What is the user's own is not taken away unasked.
$node->safe_psql('own', 'CREATE VIEW mine AS SELECT completion_threshold(id) FROM lessons');
like(run_script('own', "$top/supabase/to_extension.sql"), qr/cannot drop .* because other objects depend on .*\n.*view public\.mine depends/, 'a view of a function is named');
is(kept('own'), $before, 'and nothing is changed');
$node->safe_psql('own', 'DROP VIEW mine');
$node->safe_psql('postgres', 'CREATE DATABASE odd TEMPLATE own');
$node->safe_psql('odd', 'ALTER TABLE courses ADD COLUMN price numeric');
like(run_script('odd', "$top/supabase/to_extension.sql"), qr/the SQL edition's\nDETAIL:  column courses.price: numeric; move its values/, 'so is a column');
is($node->safe_psql('odd', 'SELECT count(price) FROM courses; SELECT completion_threshold FROM content_library_settings'), "0\n75", 'and nothing is changed');

$node->safe_psql('odd', "ALTER TABLE courses DROP COLUMN price;
	CREATE FUNCTION jsonb_typeof(jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$ SELECT 'object' \$\$; CREATE FUNCTION uuid_hash(uuid) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
	ALTER TABLE courses DROP CONSTRAINT courses_metadata_check, ADD CONSTRAINT courses_metadata_check CHECK (public.jsonb_typeof(metadata) = 'object');
	DROP INDEX idx_enrollments_sample; CREATE INDEX idx_enrollments_sample ON enrollments (course_id, public.uuid_hash(user_id), user_id)");
like(run_script('odd', "$top/supabase/to_extension.sql"), qr/the SQL edition's\nDETAIL:  constraint courses_metadata_check on courses: CHECK \(\(public\.jsonb_typeof.*\nindex idx_enrollments_sample on enrollments: .*public\.uuid_hash/,
	"so are functions of the user's own with names of the server's");

like(run_script('own', "$top/supabase/to_extension.sql"), qr/\Awarning\|owner of the tables\|[^\n]*\n?(notice\|(?:lesson|course|table certificates|strict mode)[ |][^\n]*\n?)*\z/,
	'becomes the extension, and its check finds nothing but that a superuser restored it, videos that are missing, and what learners could forge');
is_deeply([ lines_that_differ($before, kept('own')) ], [], 'every row, key, policy and grant as it was');
is($node->safe_psql('own', $settings), '75|20s|1.75|90s|{signed,drm}', 'the settings');
is($node->safe_psql('own', as_user(learner(1)) . "SELECT p.watched_pct, p.completed FROM lessons AS l, record_progress(l.id, 91, 12) AS p WHERE l.title = 'Course 1, module 1, lesson 1'"), '91|t', 'a learner goes on');
is($node->safe_psql('own', 'SELECT count(*) FROM notes JOIN lessons ON lesson_id = lessons.id; SELECT count(*) FROM published'), "90\n5", "with the user's own table and view");

# As a fresh install.
new_database($node, 'fresh', 'public');
$node->safe_psql('fresh', 'CREATE EXTENSION pgcrypto SCHEMA extensions');
$node->safe_psql('postgres', 'CREATE DATABASE bare TEMPLATE own');
$node->safe_psql('bare', 'DROP VIEW published; DROP TABLE notes');
my @odd = lines_that_differ(catalogs($node, 'fresh'), catalogs($node, 'bare'));
is_deeply(\@odd, [], 'the catalogs are those of a fresh install') or diag(join "\n", @odd);

# And back.
$before = kept('own');
is(run_script('own', "$top/supabase/to_sql_edition.sql"), '', 'back to the SQL edition');
is_deeply([ lines_that_differ($before, kept('own')) ], [], 'every row, key, policy and grant as it was');
is($node->safe_psql('own', "SELECT count(*) FROM pg_extension WHERE extname = 'content_library'; SELECT * FROM content_library_settings"), "0\nt|75|20|1.75|90|{signed,drm}", 'the settings; no extension');
$node->safe_psql('own', "DELETE FROM content_progress WHERE watched_pct = 91 AND position_seconds = 12");
is_deeply([ lines_that_differ($dump, dumped('own')) ], [], 'a dump of it is that of the beginning');
is($node->safe_psql('own', as_user(learner(1)) . "SELECT p.watched_pct, p.completed FROM lessons AS l, record_progress(l.id, 91, 12) AS p WHERE l.title = 'Course 1, module 1, lesson 1'"), '91|t', 'a learner goes on');

# Strict stays strict, both ways. Other policies ask then what may be read, with the same answer.
sub reads
{
	return map { $node->safe_psql('own', as_user($_) . "SELECT count(*), md5(string_agg(id::text, ' ' ORDER BY id)) FROM lessons; SELECT count(*) FROM modules") } learner(1), learner(39);
}
my $strict = "SELECT has_table_privilege('authenticated', 'content_progress', 'INSERT'), count(*) FROM pg_policies
	WHERE policyname LIKE 'Strict: %' AND qual ~ 'content_library_(sees_course|reads_lesson)'";
$node->safe_psql('own', 'SELECT content_library_strict()');
is($node->safe_psql('own', $strict), 'f|0', 'strict');
my @reads = reads();
like("@reads", qr/\A51\|\w+\n15 54\|\w+\n18\z/, 'learners read what they may watch, and staff their draft');
like(run_script('own', "$top/supabase/to_extension.sql"), qr/\Awarning\|owner of the tables\|[^\n]*\n?(notice\|(?:lesson|course|table certificates)[ |][^\n]*\n?)*\z/,
	'the extension finds nothing but the same, and that it is strict');
is($node->safe_psql('own', $strict), 'f|2', 'it is, by its functions');
is_deeply([ reads() ], \@reads, 'they read the same');
is(run_script('own', "$top/supabase/to_sql_edition.sql"), '', 'back to the SQL edition');
is($node->safe_psql('own', $strict), 'f|0', 'strict, without the functions');
is_deeply([ reads() ], \@reads, 'they read the same');

# A plain server has no schema extensions: it is made, for pgcrypto. One that is elsewhere is named.
my ($auth) = slurp_file("$top/docs/self-hosted.md") =~ /^```sql\n(CREATE SCHEMA auth;.*?)^```/ms;
for my $database (qw(plain elsewhere))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$node->safe_psql($database, $auth . "CREATE EXTENSION content_library; INSERT INTO courses (title, slug) VALUES ('One', 'one')");
}
is(run_script('plain', "$top/supabase/to_sql_edition.sql"), '', 'to the SQL edition on a plain server');
is($node->safe_psql('plain', "SELECT count(*) FROM pg_extension WHERE extname = 'content_library'; SELECT slug FROM courses;
	SET ROLE service_role; SELECT mux_verify_signature('', 't=1,v1=0', '{x}')"), "0\none\nsignature_mismatch", 'with its rows, and the service verifies signatures');
$node->safe_psql('elsewhere', 'CREATE EXTENSION pgcrypto SCHEMA public');
like(run_script('elsewhere', "$top/supabase/to_sql_edition.sql"),
	qr/ERROR:  pgcrypto is not in the schema extensions\nHINT:  Move it there: ALTER EXTENSION pgcrypto SET SCHEMA extensions;/, 'pgcrypto elsewhere is named');
is($node->safe_psql('elsewhere', "SELECT count(*) FROM pg_extension WHERE extname = 'content_library'; SELECT slug FROM courses"), "1\none", 'and nothing is changed');

done_testing();
