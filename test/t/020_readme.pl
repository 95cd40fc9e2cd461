# 020_readme.pl: the SQL of the README, docs/mux.md, docs/recipes.md and docs/reference.md works pasted,
# from top to bottom, and answers what it says; the reference names what there is.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";

use LibraryTest;
use PastedBlocks;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# As Supabase has it; else a publication brings a warning.
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf', 'wal_level = logical');
$node->start;

# Pastes a document after the README into a database of its own.
sub pasted
{
	my ($database, @files) = @_;
	my @blocks = map { blocks($_, 'sql') } @files;
	my @answers = paste($node, $database, @blocks);
	my $written = 0;

	$written += answers_as_written($blocks[$_], $answers[$_]) for 0 .. $#blocks;
	cmp_ok($written, '>', 5, "$written answers in @files");
	return;
}

# As the reference writes a type and a default.
sub short
{
	return $_[0] =~ s/timestamp with time zone/timestamptz/gr =~ s/::(?:double precision|\w+)//gr;
}

my $lines = () = slurp_file("$FindBin::RealBin/../../README.md") =~ /\n/g;
cmp_ok($lines, '<=', 350, "$lines lines");

new_database($node, 'readme');
pasted('readme', 'README.md', 'docs/mux.md');
new_database($node, 'recipes');
pasted('recipes', 'README.md', 'docs/recipes.md');
new_database($node, 'reference');
pasted('reference', 'README.md', 'docs/reference.md');

# Each way to install: what a plain server needs of auth, a schema of one's own, tables that are there.
my @own_server = blocks('docs/self-hosted.md', 'sql');
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0") for qw(plain academy);
paste($node, 'plain', grep { $_->[1] !~ /SCHEMA academy/ } @own_server);
paste($node, 'plain', grep { $_->[1] =~ /^INSERT|^SET ROLE/ && $_->[1] =~ /course_completion|INTO modules/ } blocks('README.md', 'sql'));
paste($node, 'academy', grep { $_->[1] =~ /SCHEMA a/ } @own_server);
is($node->safe_psql('academy', 'SELECT count(*) FROM academy.course_progress(gen_random_uuid())'), '0', 'in a schema of its own');
new_database($node, 'adopted');
$node->safe_psql('adopted', slurp_file("$FindBin::RealBin/../data/plan.sql"));
paste($node, 'adopted', blocks('docs/adoption.md', 'sql'));

# Strict, as its first screen advises, and a dump keeps it.
my $direct = "SELECT has_table_privilege('authenticated', 'content_progress', 'INSERT, UPDATE, DELETE'),
	has_any_column_privilege('authenticated', 'enrollments', 'INSERT')";
is($node->safe_psql('readme', $direct), 'f|f', 'learners write through functions alone');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'readme' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'restored');
is($node->safe_psql('restored', $direct), 'f|f', 'and so it is there');

# What the reference names is what there is: each function with its arguments and what it returns, each column
# with its type and default.
my $reference = slurp_file("$FindBin::RealBin/../../docs/reference.md");
my $member = "JOIN pg_depend AS d ON d.objid = o.oid AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'content_library'";
my @written = map { s/\n\n- Returns / returns /r } $reference =~ /^(`\w+\([^\n]*\)`\n\n- Returns [^`]*`[^`]*`)/mg;
my @there = split /\n/, $node->safe_psql('readme', "SELECT format('`%s(%s)` returns %s', proname, pg_get_function_arguments(o.oid),
		CASE WHEN result LIKE 'TABLE(%' THEN replace(result, 'TABLE', 'rows of `') || '`'
			WHEN result LIKE 'SETOF %' THEN replace(result, 'SETOF ', 'rows of `') || '`'
			WHEN t.typrelid <> 0 THEN format('a row of `%s`', result) ELSE format('`%s`', result) END)
	FROM pg_proc AS o JOIN pg_type AS t ON t.oid = o.prorettype CROSS JOIN pg_get_function_result(o.oid) AS result $member
	WHERE has_function_privilege('service_role', o.oid, 'EXECUTE') OR proname IN ('content_library_attach', 'content_library_strict')");
is_deeply([ sort @written ], [ sort map { short($_) } @there ], scalar @there . ' functions');

my $table;
@written = ();
foreach my $line (split /\n/, $reference)
{
	$table = $1 if $line =~ /^### (\w+)$/;
	push @written, "$table.$1 $2 $3" if $line =~ /^\| `(\w+)` \| (\w+) \| (.*?) \| .*\|$/;
}
@there = split /\n/, $node->safe_psql('readme', "SELECT format('%s.%s %s %s', relname, attname, format_type(atttypid, NULL),
		coalesce('`' || pg_get_expr(adbin, adrelid) || '`', CASE WHEN attnotnull THEN '*needed*' ELSE 'NULL' END))
	FROM pg_class AS o $member
	JOIN pg_attribute ON attrelid = o.oid AND attnum > 0 LEFT JOIN pg_attrdef ON adrelid = o.oid AND adnum = attnum
	WHERE relkind = 'r'");
is_deeply([ sort @written ], [ sort map { short($_) } @there ], scalar @there . ' columns');

# The settings, as the server says them.
my %defaults = map { split /\|/ } split /\n/, $node->safe_psql('readme', "LOAD 'content_library';
	SELECT name, concat_ws(' ', boot_val, unit) FROM pg_settings WHERE name LIKE 'content\\_library.%'");
is_deeply({ $reference =~ /^\| `(content_library\.\w+)` \| `?([^`|]*?)`? \|/mg }, \%defaults, 'the settings');

$node->stop;
done_testing();
