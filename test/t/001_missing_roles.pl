# 001_missing_roles: without the API roles CREATE EXTENSION names the missing
# ones, leaves nothing behind, and works once its HINT has been followed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

# Everything in a database that an installation could have left behind.
my $left_behind = join ' UNION ALL ', map { "SELECT '$_', oid::text FROM $_ WHERE oid >= 16384" }
  qw(pg_extension pg_namespace pg_class pg_type pg_proc pg_constraint pg_policy pg_trigger pg_event_trigger);

my $node = start_node('missing_roles');

sub create_extension_fails
{
	my ($missing) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nCREATE EXTENSION content_library");

	isnt($code, 0, "no extension without $missing");
	my ($named) = $err =~ /ERROR:  42704: content_library needs roles that do not exist: (.*)$/m;
	is($named, $missing, "the error names $missing and no other");
	is($node->safe_psql('postgres', $left_behind), '', 'nothing is left behind');
	return $err;
}

my $err = create_extension_fails('anon, authenticated, service_role');

$node->safe_psql('postgres', 'CREATE ROLE authenticated');
create_extension_fails('anon, service_role');
$node->safe_psql('postgres', 'DROP ROLE authenticated');

my ($hint) = $err =~ /^HINT:  (.*)$/m;
my @remedy = $hint =~ /(CREATE ROLE [^;]+;)/g;
is(scalar @remedy, 3, 'the hint has the SQL for three roles');
$node->safe_psql('postgres', "@remedy");

my ($code, $out, $warning) = $node->psql('postgres', 'CREATE EXTENSION content_library');
is($code, 0, 'the extension can be created after the hint was followed');
like($warning, qr/^psql:<stdin>:1: WARNING:  content_library cannot attach to auth: the table auth\.users .* and the function auth\.uid\(\)/,
	'and says that auth is missing as well');
is($node->safe_psql('postgres', 'SELECT rolname, rolcanlogin, rolsuper, rolbypassrls FROM pg_roles
	WHERE rolname = ANY (ARRAY[\'anon\', \'authenticated\', \'service_role\']) ORDER BY rolname'),
	"anon|f|f|f\nauthenticated|f|f|f\nservice_role|f|f|t",
	'the roles are those of Supabase');

done_testing();
