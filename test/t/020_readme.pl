# 020_readme.pl: the README's SQL works pasted, from top to bottom, and answers what it says;
# after it so does that of docs/mux.md.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";

use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$FindBin::RealBin/../../README.md");
my @examples = $readme =~ /^```sql\n(.*?)^```/msg;
my $node = start_node('readme');

new_database($node, 'readme');
my ($status, $out, $err) = $node->psql('readme', join("\n", @examples),
	extra_params => [ '--set', 'ON_ERROR_STOP=1' ]);

is($status, 0, scalar @examples . ' examples run') or diag($err);
is($err, '', 'without a warning');
is((split /\n/, $out)[$_->[0]], $_->[1], "line $_->[0] of what they answer")
	for [ 1, 't' ], [ 2, '95|t|513' ], [ 3, '50' ];
like($out, qr/^80$/m, 'the threshold is the course\'s');

# What stands in comments there is what each statement answers.
my $mux = join "\n", slurp_file("$FindBin::RealBin/../../docs/mux.md") =~ /^```sql\n(.*?)^```/msg;
my $answers = $node->safe_psql('readme', $mux);
is($answers, join("\n", map { s/ \| /|/gr } $mux =~ /^--  (.*)$/mg), 'the examples of docs/mux.md answer what they say');

# Strict, as its first screen advises, and a dump keeps it.
my $direct = "SELECT has_table_privilege('authenticated', 'content_progress', 'INSERT, UPDATE, DELETE'),
	has_any_column_privilege('authenticated', 'enrollments', 'INSERT')";
is($node->safe_psql('readme', $direct), 'f|f', 'learners write through functions alone');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'readme' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'restored');
is($node->safe_psql('restored', $direct), 'f|f', 'and so it is there');

# Every function of the reference exists, and every function is there.
my ($reference) = $readme =~ /^## Reference\n(.*?)^## /ms;
my %named = map { $_ => 1 } $reference =~ /^\| `(\w+)\(/mg;
my %granted = map { $_ => 1 } split /\n/, $node->safe_psql('readme',
	"SELECT DISTINCT proname FROM pg_proc AS p
	 JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	 JOIN pg_extension AS e ON e.oid = d.refobjid AND extname = 'content_library'
	 WHERE has_function_privilege('service_role', p.oid, 'EXECUTE')");
is_deeply([ grep { !$named{$_} } sort keys %granted ], [], 'the reference names every function of the API');
is_deeply([ grep { !$granted{$_} && !/^content_library_(attach|missing_auth|strict)$/ } sort keys %named ], [],
	'and no other');

$node->stop;
done_testing();
