# 070_upgrade: R11. An installed 1.0 that is updated to the next version is what
# a fresh install of that version is, and has every row; a dump of either is
# restored into the newer one. The next version is this test's own: it adds a
# column and changes a function, as docs/development.md says.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('upgrade');
my $folder = extension_folder($node);
my $dumps = PostgreSQL::Test::Utils::tempdir;
my $next = 'next';

plan skip_all => 'the scripts of this server are not ours to add to' unless $folder && -w $folder;

# The base script of the next version: the old one with the change written in.
my $old = slurp_file("$folder/content_library--1.0.sql");
my $base = $old;
my $column = "chapter\t\t\t\t\ttext";
my $expected = "('column', 'lessons', 'chapter', 'ALTER TABLE {schema}.lessons ALTER COLUMN chapter TYPE text;')";
my $answer = 'THEN upper(l.asset_id) END';

$base =~ s/(CREATE TABLE \@extschema\@\.lessons \(.*?)\n\);/$1,\n\t$column\n);/s or die 'no table lessons';
$base =~ s/\n(\t\t\('column', 'lessons')/\n\t\t$expected,\n$1/ or die 'no list';
$base =~ s/THEN l\.asset_id END/$answer/ or die 'no asset id';

# Its update script: the column, and each function that is another now, whole.
sub update_script
{
	my $script = "ALTER TABLE \@extschema\@.lessons ADD COLUMN chapter text;\n";

	foreach my $function ('content_library_findings', 'mux_state')
	{
		$base =~ /^CREATE (FUNCTION \@extschema\@\.$function\(.*?^END;\n)/ms or die "no $function";
		$script .= "CREATE OR REPLACE $1";
	}
	return $script;
}

my $control = slurp_file("$folder/content_library.control");
my %scripts = ("content_library--1.0--$next.sql" => update_script(), "content_library--$next.sql" => $base);

sub put
{
	my ($name, $text) = @_;

	unlink "$folder/$name";
	append_to_file("$folder/$name", $text);
}

sub set_default
{
	put('content_library.control', $control =~ s/(default_version = )'.*'/$1'$_[0]'/r);
}

# Whatever happens, the server's folder is left as it was.
END
{
	if ($control)
	{
		my $status = $?;
		put('content_library.control', $control);
		unlink "$folder/$_" foreach keys %scripts;
		$? = $status;
	}
}
put($_, $scripts{$_}) foreach keys %scripts;

# The list of what there should be has a sum of each function's code, which
# `make expected` writes for a release; here the check itself says it.
new_database($node, 'sums');
$node->safe_psql('sums', "CREATE EXTENSION content_library VERSION '$next'");
my ($sum) = $node->safe_psql('sums', "SELECT problem FROM content_library_check() WHERE object = 'code of function mux_state(text, text)'")
  =~ /^it was altered; .*, (\w+)$/ or die 'no sum';
$base =~ s/('function mux_state\(text, text\)', 'sql, [^']*, )\w+'/$1$sum'/ or die 'no sum in the list';
$scripts{"content_library--$next.sql"} = $base;
$scripts{"content_library--1.0--$next.sql"} = update_script();
put($_, $scripts{$_}) foreach keys %scripts;

sub rows
{
	my ($database, $schema) = @_;

	return $node->safe_psql($database, join ';', map
		{ "SELECT '$_', count(*), md5(string_agg((to_jsonb(t) - 'chapter')::text, ',' ORDER BY id)) FROM $schema.$_ AS t" }
		qw(courses modules lessons enrollments content_progress));
}

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql() . 'CREATE ROLE builder LOGIN CREATEROLE; GRANT anon, authenticated, service_role TO builder');

foreach my $schema ('public', 'academy')
{
	my ($installed, $fresh) = ("installed_$schema", "fresh_$schema");
	# As in the field: in academy it belongs to a role that is no superuser.
	my $as_owner = $schema eq 'academy' ? 'SET ROLE builder;' : '';

	foreach my $database ($installed, $fresh)
	{
		my $version = $database eq $fresh ? $next : '1.0';

		new_database($node, $database);
		$node->safe_psql($database, "GRANT CREATE ON DATABASE $database TO builder; GRANT USAGE ON SCHEMA auth TO builder;
			GRANT SELECT, REFERENCES ON auth.users TO builder; $as_owner
			CREATE SCHEMA IF NOT EXISTS $schema; GRANT USAGE ON SCHEMA $schema TO anon, authenticated, service_role;
			CREATE EXTENSION content_library SCHEMA $schema VERSION '$version'");
	}
	fill($node, $installed, $schema);
	my $before = rows($installed, $schema);
	like($before, qr/^content_progress\|600\|/m, "$schema: there are rows to lose");
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dumps/old", $installed ], "$schema: 1.0 is dumped");

	# One connection uses it before and after.
	my $course = "(SELECT id FROM $schema.courses WHERE slug = 'course-1')";
	my $ask = "SELECT $schema.course_completion($course, '${\learner(1)}'), (SELECT bool_and(s.mux_asset_id = lower(s.mux_asset_id))
		FROM $schema.lessons AS l CROSS JOIN LATERAL $schema.mux_state(l.mux_upload_id) AS s);";
	my ($code, $out, $err) = $node->psql($installed,
		"$ask $as_owner ALTER EXTENSION content_library UPDATE TO '$next'; RESET ROLE; $ask", on_error_stop => 1);
	is("$code$err", '0', "$schema: updated, without a word");
	is($out, "7|t\n7|f", "$schema: the function that was changed answers otherwise, the other as before");

	is(rows($installed, $schema), $before, "$schema: every row as it was");
	is($node->safe_psql($installed, "SELECT * FROM $schema.content_library_findings(NULL) WHERE object NOT IN ('extension content_library', 'owner of the tables') AND NOT (severity = 'notice' AND object ~ '^(lesson |course |table certificates\$|strict mode\$)')"),
		'', "$schema: the check finds no difference");
	is_deeply([ lines_that_differ(catalogs($node, $fresh), catalogs($node, $installed)) ], [],
		"$schema: the catalogs are those of a fresh install");

	# A restore makes the default version: rows of 1.0 and of the next load into it.
	set_default($next);
	$node->safe_psql($installed, "UPDATE $schema.lessons SET chapter = 'one'");
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dumps/new", $installed ], "$schema: the next version is dumped");
	foreach my $dump ('old', 'new')
	{
		$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$dumps/$dump" ], "$schema: the $dump dump is restored");
		is($node->safe_psql('restored', "SELECT extversion FROM pg_extension WHERE extname = 'content_library'"), $next, "$schema: as the next version");
		is(rows('restored', $schema) eq rows($installed, $schema), $dump eq 'new', "$schema: the $dump rows")
			if $dump eq 'new';
		is(rows('restored', $schema), $before, "$schema: every row of 1.0") if $dump eq 'old';
		is($node->safe_psql('restored', "SELECT count(*) FROM $schema.lessons WHERE chapter = 'one'"), $dump eq 'new' ? 90 : 0,
			"$schema: and of the new column");
		is($node->safe_psql('restored', "SELECT * FROM $schema.content_library_check() WHERE object <> 'owner of the tables' AND NOT (severity = 'notice' AND object ~ '^(lesson |course |table certificates\$|strict mode\$)')"), '', "$schema: the check finds nothing");
		$node->safe_psql('postgres', 'DROP DATABASE restored');
	}
	set_default('1.0');
}

# While it waits for auth.
$node->safe_psql('postgres', 'CREATE DATABASE waiting');
$node->psql('waiting', 'CREATE EXTENSION content_library SCHEMA public');
$node->safe_psql('waiting', "ALTER EXTENSION content_library UPDATE TO '$next'");
$node->psql('waiting', supabase_sql());
is($node->safe_psql('waiting', "SELECT * FROM content_library_check() WHERE object NOT IN ('extension content_library', 'owner of the tables') AND NOT (severity = 'notice' AND object ~ '^(lesson |course |table certificates\$|strict mode\$)')"), '',
	'updated while it waits for auth, it attaches itself');

done_testing();
