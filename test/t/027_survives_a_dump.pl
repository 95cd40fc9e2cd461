# 027_survives_a_dump.pl: docs/recipes.md works on either edition, and what it says of a dump is so:
# what of the reader's own is kept, what is lost, and that the check names it before.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";

use LibraryTest;
use PastedBlocks;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my ($migration) = glob("$FindBin::RealBin/../../supabase/migrations/*_content_library.sql");
my $node = PostgreSQL::Test::Cluster->new('survives');
$node->init;
$node->append_conf('postgresql.conf', 'wal_level = logical');
$node->start;

# The rows of the table, each with what shows that a database has it.
my %shows = (
	'a view, a function, a table of your own' => "SELECT to_regprocedure('api.enroll(uuid)') IS NOT NULL AND count(to_regclass(t)) = 4
		FROM unnest('{catalogue,syllabus,profiles,notes}'::text[]) AS t",
	'a GRANT or REVOKE' => "SELECT has_column_privilege('authenticated', 'courses', 'title', 'UPDATE')
		AND NOT has_function_privilege('authenticated', 'reset_progress(uuid, uuid, boolean)', 'EXECUTE')",
	'`content_library_strict()`' => "SELECT NOT has_table_privilege('authenticated', 'content_progress', 'INSERT')",
	'what is in `metadata`' => "SELECT metadata ->> 'level' = 'beginner' FROM courses WHERE slug = 'woodworking'",
	'a policy on our tables' => "SELECT count(*) = 3 FROM pg_policies WHERE policyname ~ '^(Courses of an|Guests|Paid)'",
	'a trigger, index or constraint' => "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname = 'own_trigger') = 1
		AND to_regclass('own_index') IS NOT NULL AND (SELECT count(*) FROM pg_constraint WHERE conname = 'own_constraint') = 1",
	'a place of our tables in a publication' => "SELECT count(*) = 1 FROM pg_publication_tables WHERE pubname = 'supabase_realtime'",
	'a column in our tables' => "SELECT count(price) > 0 FROM courses",
	'the settings' => "SELECT %s = '77'");

# The same blocks, without what the SQL edition does otherwise.
my %install = (
	extension => sub { return blocks('README.md', 'sql') },
	sql => sub {
		$node->safe_psql('sql', 'GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role');
		$node->safe_psql('sql', slurp_file($migration));
		return grep { $_->[1] !~ /content_library_check/ } map { [ $_->[0], $_->[1] =~ s/^CREATE EXTENSION.*\n//r ] } blocks('README.md', 'sql');
	});
my %setting = (extension => "current_setting('content_library.completion_threshold')", sql => '(SELECT completion_threshold::text FROM content_library_settings)');
my %set = (extension => "ALTER DATABASE %s SET content_library.completion_threshold = 77", sql => 'UPDATE content_library_settings SET completion_threshold = 77 WHERE one');
my ($table) = slurp_file("$FindBin::RealBin/../../docs/recipes.md") =~ /^### What survives a dump\n(.*?)^## /ms;
my @rows = map { [ /^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/ ] } grep { /^\| (?!yours|---)/ } split /\n/, $table;

# Whether a database has the thing that a row of the table is about.
sub has
{
	my ($edition, $database, $row) = @_;
	my ($known) = grep { index($row, $_) == 0 } keys %shows;

	ok($known, "there is a way to look for: $row") or return '';
	return $node->safe_psql($database, "LOAD 'content_library'; " . sprintf $shows{$known}, $setting{$edition});
}

sub restored
{
	my ($database) = @_;

	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/$database", $database ], "$database is dumped");
	$node->safe_psql('postgres', "CREATE DATABASE ${database}_restored TEMPLATE template0");
	my (undef, $err) = run_command([ 'pg_restore', '-d', $node->connstr("${database}_restored"), "$folder/$database" ]);
	return $err;
}

for my $edition (sort keys %install)
{
	new_database($node, $edition);
	my @blocks = ($install{$edition}->(), blocks('docs/recipes.md', 'sql'));
	my @answers = paste($node, $edition, @blocks);
	answers_as_written($blocks[$_], $answers[$_]) for 0 .. $#blocks;

	# What the recipes have no block of.
	$node->safe_psql($edition, sprintf($set{$edition}, $edition) . <<'END');
;
CREATE TABLE notes (lesson_id uuid REFERENCES lessons ON DELETE CASCADE);
CREATE INDEX own_index ON courses (title);
ALTER TABLE courses ADD CONSTRAINT own_constraint CHECK (title <> '');
CREATE FUNCTION own_function() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER own_trigger AFTER INSERT ON enrollments FOR EACH ROW EXECUTE FUNCTION own_function();
REVOKE EXECUTE ON FUNCTION reset_progress FROM authenticated;
END
	if ($edition eq 'extension')
	{
		my $named = $node->safe_psql($edition, "SELECT object FROM content_library_check() WHERE severity <> 'notice'");
		like($named, qr/$_/, "the check names $_") for 'policy "Guests see free courses"', 'own_trigger', 'own_index', 'own_constraint', 'publication supabase_realtime';
	}
	is(restored($edition), '', 'restored without an error');
	foreach my $row (@rows)
	{
		my ($what, %says) = ($row->[0], extension => $row->[1], sql => $row->[2]);
		next if $what =~ /^a column/;
		my $kept = $says{$edition} =~ /before PostgreSQL 18/ ? our_major() >= 18 : $says{$edition} =~ /^kept/;

		is(has($edition, $edition, $what), 't', "$edition: there is $what");
		is(has($edition, "${edition}_restored", $what), $kept ? 't' : 'f', "$edition, after a restore: $says{$edition}");
	}

	# The wrapper, which is kept, keeps guests out.
	my $guest = "SET ROLE authenticated; SET request.jwt.claims = '{\"sub\": \"a0000000-0000-4000-8000-000000000002\", \"is_anonymous\": true}';
		SELECT api.enroll(id) FROM courses WHERE slug = 'woodworking'";
	foreach my $database ($edition, "${edition}_restored")
	{
		my (undef, undef, $err) = $node->psql($database, $guest);
		like($err, qr/ERROR:  guests cannot enroll/, "$database: a guest");
	}

	# What a lost policy hid is open.
	my $ann = as_user('a0000000-0000-4000-8000-000000000001');
	is($node->safe_psql("${edition}_restored", "$ann SELECT count(*) FROM courses WHERE slug = 'chairs'"), $edition eq 'sql' ? '0' : '1', 'a course of an organisation');

	# A column costs the rows.
	$node->safe_psql('postgres', "CREATE DATABASE ${edition}_column TEMPLATE $edition");
	$node->safe_psql("${edition}_column", 'ALTER TABLE courses ADD COLUMN price numeric DEFAULT 1');
	my $err = restored("${edition}_column");
	my $rows = $node->safe_psql("${edition}_column_restored", 'SELECT count(*) FROM courses');
	$edition eq 'sql' ? is($err, '', 'with a column') : like($err, qr/column "price" of relation "courses" does not exist/, 'a column of your own');
	is($rows, $edition eq 'sql' ? '2' : '0', 'the rows of its table');
}

$node->stop;
done_testing();
