# LibraryTest.pm: gives the TAP tests servers, databases and data, and turns what a
# dump must bring back into text.
package LibraryTest;

use strict;
use warnings;
use FindBin;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_node start_elsewhere start_major our_major older_majors supabase_sql new_database
	fill learner as_user snapshot in_both catalogs lines_that_differ extension_folder);

sub start_node
{
	my $node = PostgreSQL::Test::Cluster->new($_[0]);

	$node->init;
	$node->start;
	return $node;
}

# A server that finds the extension in these folders, as make install has filled them,
# and not where scripts/cluster has put it. Before 18 that takes a setting of Debian's.
sub start_elsewhere
{
	my ($name, $share, $lib) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $shared = $node->config_data('--sharedir');
	my $where = our_major() < 18 ? "extension_destdir = '" . $share =~ s/\Q$shared\E$//r . "'" : "extension_control_path = '$share:\$system'";

	$node->init;
	$node->append_conf('postgresql.conf', "$where\ndynamic_library_path = '$lib:\$libdir'");
	$node->start;
	return $node;
}

# A copy of Debian's server of a major, with this extension built into it. It must
# be a copy, because pg_upgrade and older servers look in no other folder.
my %installations;
sub installation
{
	my ($major) = @_;

	return $installations{$major} //= do
	{
		my $folder = PostgreSQL::Test::Utils::tempdir;
		my $top = "$FindBin::RealBin/../..";
		my $make = "make -s -C $folder/tree PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config";

		system("cd $top && mkdir $folder/tree && cp -r Makefile *.control *.sql src supabase $folder/tree &&
			cp -r --parents /usr/lib/postgresql/$major /usr/share/postgresql/$major $folder &&
			$make clean && $make all && $make install DESTDIR=$folder") == 0 or die "cannot build for $major";
		"$folder/usr/lib/postgresql/$major";
	};
}

# Starts a server of such a copy, with settings that pg_upgrade accepts.
sub start_major
{
	my ($name, $major) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => installation($major));

	delete local $ENV{TEMP_CONFIG};
	$node->init(extra => [ '--data-checksums', '--no-locale', '--encoding=UTF8' ]);
	$node->start;
	return $node;
}

sub our_major
{
	return qx(pg_config --version) =~ /(\d+)/ ? $1 : die 'no pg_config';
}

# The older majors, from 15, that are installed here with their headers.
sub older_majors
{
	return grep { $_ >= 15 && $_ < our_major() } map { m{/(\d+)/lib/pgxs$} } glob('/usr/lib/postgresql/*/lib/pgxs');
}

sub supabase_sql
{
	return slurp_file("$FindBin::RealBin/../supabase.sql");
}

# A database like Supabase's, with the extension if a schema for it is given.
sub new_database
{
	my ($node, $database, $schema) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, supabase_sql());
	return unless defined $schema;
	$node->safe_psql($database,
		"CREATE SCHEMA IF NOT EXISTS $schema;
		 GRANT USAGE ON SCHEMA $schema TO anon, authenticated, service_role;
		 CREATE EXTENSION content_library SCHEMA $schema;");
}

# The id of a learner, whose number is 1 to 40.
sub learner
{
	return sprintf '00000000-0000-4000-8000-%012d', $_[0];
}

# Makes 40 learners in auth.users and what they watch: 6 courses
# (one unpublished), 18 modules, 90 lessons, 100 enrollments and 600 progress
# rows. All have times of their own, and some rows were updated later.
sub fill
{
	my ($node, $database, $schema) = @_;

	$node->safe_psql($database, users_sql() . <<"END");
SET search_path = $schema;

INSERT INTO courses (title, description, slug, thumbnail_url, stage, topic, tier_required, is_published, sort_order, created_at, updated_at)
SELECT 'Course ' || n, E'two\\nlines, a \\\\ and a \\ttab', 'course-' || n, NULL, 'stage', 'topic',
	(ARRAY['free', 'pro', 'studio'])[1 + n % 3], n < 6, n,
	timestamptz '2021-01-01 00:00:00.123456Z' + n * interval '1 day',
	timestamptz '2021-02-01 00:00:00.654321Z' + n * interval '1 day'
FROM generate_series(1, 6) AS n;

INSERT INTO modules (course_id, title, sort_order, created_at, updated_at)
SELECT id, title || ', module ' || n, n, created_at + interval '1 hour', updated_at + interval '1 hour'
FROM courses, generate_series(1, 3) AS n;

INSERT INTO lessons (module_id, title, sort_order, duration_seconds, mux_asset_id, mux_status, is_preview, created_at, updated_at)
SELECT id, title || ', lesson ' || n, n, 60 * n, md5(title || n), 'ready', n = 1,
	created_at + interval '1 minute', updated_at + interval '1 minute'
FROM modules, generate_series(1, 5) AS n;

INSERT INTO enrollments (user_id, course_id, enrolled_at)
SELECT u.id, c.id, u.created_at
FROM auth.users AS u, courses AS c
WHERE (right(u.id::text, 2)::int + c.sort_order) % 2 = 0 AND c.is_published;

INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, last_watched)
SELECT e.user_id, l.id, 16 * l.sort_order + 10, l.sort_order = 5, e.enrolled_at + interval '1 day'
FROM enrollments AS e JOIN modules AS m USING (course_id) JOIN lessons AS l ON l.module_id = m.id
WHERE m.sort_order < 3 AND l.sort_order > 2;

-- Values in the columns that the extension adds, and times that the trigger sets.
UPDATE courses SET completion_threshold = 80, metadata = '{"level": [1, "two"]}' WHERE slug = 'course-2';
UPDATE lessons SET is_required = false, completion_threshold = 50 WHERE title LIKE '%1, lesson 5';
UPDATE courses SET is_open = false, is_sequential = true, access_period = '90 days', progress_by = 'watch' WHERE slug = 'course-6';
INSERT INTO course_prerequisites SELECT c.id, r.id FROM courses AS c, courses AS r WHERE c.slug = 'course-6' AND r.slug IN ('course-1', 'course-2');
INSERT INTO course_staff SELECT c.id, u.id, u.role, u.at
FROM courses AS c, (VALUES ('${\learner(39)}'::uuid, 'editor', timestamptz '2021-03-01 00:00:00.5Z'), ('${\learner(40)}', 'viewer', '2021-03-02 00:00:00Z')) AS u(id, role, at)
WHERE c.sort_order > 4;
UPDATE modules SET metadata = '{"week": 2}', unlock_at = '2100-01-01 00:00:00Z', unlock_after = '7 days' WHERE title = 'Course 6, module 2';
UPDATE lessons SET metadata = '{"kind": "quiz"}', is_published = false, progress_by = 'server', unlock_at = '2100-01-02 00:00:00Z', unlock_after = '1 day 2 hours'
WHERE title = 'Course 6, module 3, lesson 4';
UPDATE enrollments SET expires_at = enrolled_at + interval '100 years', granted = true WHERE user_id IN ('${\learner(1)}', '${\learner(3)}');
-- Certificates: valid, with an end, revoked, of a course that is gone.
UPDATE courses SET certificate_valid_for = '1 year 2 months' WHERE slug = 'course-2';
INSERT INTO certificates (code, user_id, course_id, learner_name, course_title, completed_at, issued_at, expires_at, revoked_at, revoked_reason, metadata)
SELECT '0000-0000-000' || n, format('00000000-0000-4000-8000-%s', lpad((1 + n % 4)::text, 12, '0'))::uuid,
	(SELECT id FROM courses WHERE slug = 'course-' || n), E'Learner\\t' || n, 'Course ' || n,
	timestamptz '2023-01-01 00:00:00.5Z' + n * interval '1 day', timestamptz '2023-02-01 00:00:00.25Z',
	CASE n WHEN 3 THEN timestamptz '2024-03-04 00:00:00.5Z' END, CASE n WHEN 4 THEN timestamptz '2023-03-01 00:00:00Z' END,
	CASE n WHEN 4 THEN 'the name is wrong' END, CASE n WHEN 5 THEN '{"hours": 7}' ELSE '{}' END::jsonb
FROM generate_series(1, 9) AS n;
-- Uploads and their events; most lessons agree with them, and some were changed since.
UPDATE lessons SET mux_upload_id = 'upload ' || md5(title) WHERE sort_order < 4;
SELECT mux_apply_event(jsonb_build_object('id', k || title, 'type', 'video.asset.' || k, 'created_at', n, 'data', jsonb_build_object(
	'id', md5(title), 'upload_id', 'upload ' || md5(title), 'duration', 7, 'errors', '{"type": "invalid_input"}'::jsonb,
	'playback_ids', '[{"id": "p", "policy": "public"}]'::jsonb)))
FROM lessons, unnest('{created, ready, errored}'::text[]) WITH ORDINALITY AS e(k, n) WHERE sort_order BETWEEN 2 AND 4;
UPDATE lessons SET mux_status = 'pending', mux_asset_id = NULL, mux_playback_id = NULL, duration_seconds = 9
WHERE title LIKE '%1, lesson 2';
UPDATE enrollments SET completed_at = enrolled_at + interval '3 days' WHERE user_id = '${\learner(1)}';
UPDATE content_progress SET position_seconds = 77, completed_at = last_watched, watched = '{[0,20),[40,300)}', started_at = last_watched - interval '5 minutes' WHERE completed;
END
}

sub users_sql
{
	return <<"END";
INSERT INTO auth.users (id, email, created_at)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'learner' || n || '\@example.com',
	timestamptz '2022-01-01 00:00:00Z' + n * interval '1 hour'
FROM generate_series(1, 40) AS n;
END
}

# SQL that makes the rest of a session the request of a learner.
sub as_user
{
	my ($user_id) = @_;

	return <<"END";
\\o /dev/null
SELECT set_config('request.jwt.claims', '{"sub": "$user_id", "role": "authenticated"}', false);
\\o
SET ROLE authenticated;
END
}

# Everything that must be the same after a restore, as text: rows, keys, policies,
# grants, triggers, owners, what is dumped, event triggers.
sub snapshot
{
	my ($node, $database, $schema) = @_;
	my $tables = "('courses'), ('modules'), ('lessons'), ('enrollments'), ('content_progress'), ('certificates'), ('course_prerequisites'), ('course_staff'), ('mux_events'), ('mux_bindings')";
	my $rows = join "UNION ALL\n", map
	{
		"SELECT '1 rows', '$_', count(*) || ' ' || md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM $schema.$_ AS t\n"
	} qw(courses modules lessons enrollments content_progress certificates course_prerequisites course_staff mux_events mux_bindings);

	return $node->safe_psql($database, <<"END");
SET search_path = pg_catalog;
WITH tables AS (
	SELECT c.* FROM pg_class AS c JOIN (VALUES $tables) AS t(name) ON c.relname = t.name
	WHERE c.relnamespace = '$schema'::regnamespace
), functions AS (
	SELECT p.* FROM pg_proc AS p
	JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'content_library'
), grants(object, owner, acl) AS (
	SELECT relname::text, relowner, relacl FROM tables
	UNION ALL
	SELECT t.relname || '.' || a.attname, relowner, a.attacl FROM tables AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
	UNION ALL
	SELECT proname || '()', proowner, coalesce(proacl, acldefault('f', proowner)) FROM functions
), lines(kind, name, what) AS (
	$rows
	UNION ALL
	SELECT '2 table', relname, format('%s owner=%s rls=%s', reloptions, relowner::regrole, relrowsecurity) FROM tables
	UNION ALL
	SELECT '2 column', t.relname || '.' || a.attname,
		format('%s %s %s %s', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
	FROM tables AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0
	LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
	UNION ALL
	SELECT '3 constraint', t.relname || '.' || k.conname, pg_get_constraintdef(k.oid) || k.convalidated
	FROM tables AS t JOIN pg_constraint AS k ON k.conrelid = t.oid
	WHERE k.contype <> 'n'    -- NOT NULL, since 18; the columns show it
	UNION ALL
	SELECT '4 index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || i.indisvalid
	FROM tables AS t JOIN pg_index AS i ON i.indrelid = t.oid
	UNION ALL
	SELECT '5 policy', tablename || '.' || policyname,
		format('%s %s %s using %s check %s', permissive, roles, cmd, qual, with_check)
	FROM pg_policies WHERE schemaname = '$schema'
	UNION ALL
	SELECT '6 trigger', t.relname || '.' || g.tgname, pg_get_triggerdef(g.oid) || g.tgenabled::text
	FROM tables AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
	UNION ALL
	SELECT '7 grant', g.object, format('%s to %s%s', x.privilege_type,
		CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END,
		CASE WHEN x.is_grantable THEN ' with grant option' END)
	FROM grants AS g, aclexplode(g.acl) AS x
	WHERE x.privilege_type <> 'MAINTAIN' OR x.grantee <> g.owner    -- since 17 owners have it
	UNION ALL
	SELECT '8 dumped', c.oid::regclass::text, 'yes'
	FROM pg_extension AS e, unnest(e.extconfig) AS c(oid) WHERE e.extname = 'content_library'
	UNION ALL
	SELECT '9 event trigger', evtname, 'yes' FROM pg_event_trigger
)
SELECT kind, name, what FROM lines ORDER BY kind, name COLLATE "C", what COLLATE "C";
END
}

# The lines of a snapshot that are the same in both editions. What the strict policies ask is not.
sub in_both
{
	my ($snapshot) = @_;

	$snapshot =~ s/^(5 policy\|\w+\.Strict: [^|]*\|[^\n]*? using ).*?(?= check )/$1.../msg;
	return join "\n", grep { !/content_library_settings|^7 grant\|\w+\(\)|^8 dumped|^9 event/ } split /\n/, $snapshot;
}

# The definition of a whole database, with the members of extensions, and without
# OIDs and other numbers that differ between databases.
sub catalogs
{
	my ($node, $database) = @_;
	my ($out, $err) = run_command([ 'pg_dump', '--binary-upgrade', '--schema-only', '-d', $node->connstr($database) ]);

	BAIL_OUT("no catalogs: $err") unless $out;
	$out =~ s/^\\(un)?restrict .*\n//mg;
	$out =~ s/^SELECT pg_catalog\.binary_upgrade_set_next_.*\n//mg;
	# The values that a new column has in older rows.
	$out =~ s/^-- set missing value\.\n(SELECT pg_catalog\.binary_upgrade_set_missing_value.*\n)+\n*//mg;
	$out =~ s/'\d+'::pg_catalog.(oid|xid)/'N'::$1/g;
	$out =~ s/(WHERE oid) = '\d+'/$1 = N/g;
	$out =~ s/'\{\d+(,\d+)*\}'/'{N}'/g;
	$out =~ s/(relfrozenxid|relminmxid|datfrozenxid|datminmxid) = '\d+'/$1 = N/g;
	return $out;
}

# The lines that only one of two texts has; none if both are equal.
sub lines_that_differ
{
	return () if $_[0] eq $_[1];

	my %lines = map { $_ => 1 } split /\n/, $_[0];
	my %others = map { $_ => 1 } split /\n/, $_[1];

	return ((map { "- $_" } grep { !$others{$_} } sort keys %lines),
		(map { "+ $_" } grep { !$lines{$_} } sort keys %others), 'or their order');
}

# The folder in which the server finds the scripts of this extension.
sub extension_folder
{
	my ($node) = @_;
	my $shared = $node->config_data('--sharedir');
	my ($destdir, $path) = split /\|/, $node->safe_psql('postgres',
		"SELECT current_setting('extension_destdir', true), current_setting('extension_control_path', true)");
	my @folders = map { "$_/extension" } (map { s/\$system/$shared/r } split /:/, $path // ''), ($destdir // '') . $shared, $shared;

	return (grep { -f "$_/content_library.control" } @folders)[0];
}

1;
