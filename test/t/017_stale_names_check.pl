# 017_stale_names_check: a transaction that still sees a schema's old name runs
# nothing that somebody has put under that name since.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use Test::More;

my $node = start_node('stale_names');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

# What mallory puts in the place of each function that a check might look for.
my @names = split /\n/, <<'END';
content_library_check()
content_library_check(boolean)
content_library_findings()
content_library_findings(text)
END
my $theirs = join ";\n", map
{
	"CREATE FUNCTION a.$_ RETURNS TABLE (severity text, object text, problem text, remedy text) LANGUAGE plpgsql
	 AS \$\$ BEGIN PERFORM nextval('public.sprung'); IF current_user <> 'mallory' THEN ALTER ROLE mallory SUPERUSER; END IF; END \$\$"
} @names;

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql() . 'CREATE ROLE mallory LOGIN; GRANT anon, authenticated, service_role TO mallory');

foreach my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	# A lock is what makes a session hear of new names.
	foreach my $command ('ALTER TABLE b.courses ADD COLUMN x int', 'LOCK TABLE pg_class IN ACCESS SHARE MODE; SELECT object FROM b.content_library_check()')
	{
		my $name = "$level, " . substr($command, 0, 6);
		my ($in, $out, $err) = ('', '', '');

		# A role with no more than CREATE on the database, in whose schema it is.
		$node->safe_psql('postgres', 'CREATE DATABASE app');
		$node->safe_psql('app', supabase_sql() . "GRANT CREATE ON DATABASE app TO mallory;
			GRANT USAGE ON SCHEMA auth TO mallory; GRANT SELECT, REFERENCES ON auth.users TO mallory;
			CREATE SEQUENCE public.sprung; GRANT ALL ON public.sprung TO mallory;
			SET ROLE mallory; CREATE SCHEMA a; CREATE EXTENSION content_library SCHEMA a");

		my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app') ], '<', \$in, '>', \$out, '2>', \$err);
		$in .= "BEGIN ISOLATION LEVEL $level;\nSELECT nspname FROM pg_namespace WHERE nspname = 'a';\n";
		$session->pump until $out =~ /^a$/m;
		$node->safe_psql('app', "SET ROLE mallory; ALTER SCHEMA a RENAME TO b; CREATE SCHEMA a; $theirs");
		$in .= "$command;\n\\echo done\n\\warn done\n";
		$session->pump until $out =~ /^done$/m && $err =~ /^done$/m;

		# Its own, and nobody waits for it.
		unlike($err, qr/ERROR/, "$name: no error");
		like($err, qr/WARNING:  column courses\.x: .*\nHINT: .* ALTER TABLE b\.courses DROP COLUMN x;/, "$name: a warning, with today's name")
			if $command =~ /^ALTER/;
		is($node->safe_psql('app', "SELECT count(*) FROM pg_locks WHERE relation = 'pg_namespace'::regclass AND mode NOT LIKE 'AccessShare%'"),
			0, "$name: no lock on the names of schemas");
		$in .= "ROLLBACK;\n\\q\n";
		$session->finish;

		is($node->safe_psql('app', 'SELECT is_called FROM public.sprung'), 'f', "$name: nothing of mallory's was run");
		is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', "$name: mallory is no superuser");
		$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');
		$node->safe_psql('postgres', 'DROP DATABASE app');
	}
}

done_testing();
