# 038_many_locks: a statement about thousands of learners or courses does not fill the server's
# table of locks, in either edition, also while a learner's report is not yet committed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('many_locks');
my $many = 3000;
$node->init;
# Room for fewer locks than there are learners and courses.
$node->append_conf('postgresql.conf', 'max_locks_per_transaction = 10');
$node->start;
new_database($node, 'extension', 'public');
my $migration = (glob "$FindBin::RealBin/../../supabase/migrations/*_content_library.sql")[0];
$node->safe_psql('postgres', 'CREATE DATABASE sql');
$node->safe_psql('sql', supabase_sql());
$node->safe_psql('sql', slurp_file($migration));

sub run_in
{
	my ($database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, $sql);

	return $out . $err;
}

# A transaction that stays open.
sub open_transaction
{
	my ($database, $sql) = @_;
	my %s = (in => "BEGIN;\n$sql;\n\\echo done\n", out => '', err => '');

	$s{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database) ], '<', \$s{in}, '>', \$s{out}, '2>', \$s{err}, IPC::Run::timeout(120));
	$s{run}->pump until $s{out} =~ /^done$/m;
	is($s{err}, '', 'a transaction is open');
	return \%s;
}

foreach my $database ('extension', 'sql')
{
	is(run_in($database, <<"END"), '', "$database: $many courses of one lesson, and as many learners");
INSERT INTO courses (id, title, slug, is_published) SELECT md5('c' || n)::uuid, n, 'c' || n, true FROM generate_series(1, $many) AS n;
INSERT INTO modules (id, course_id, title) SELECT md5('m' || n)::uuid, md5('c' || n)::uuid, n FROM generate_series(1, $many) AS n;
INSERT INTO lessons (id, module_id, title) SELECT md5('l' || k || n)::uuid, md5('m' || n)::uuid, n FROM generate_series(1, $many) AS n, unnest('{a,b}'::text[]) AS k;
INSERT INTO auth.users (id) SELECT md5('u' || n)::uuid FROM generate_series(0, $many) AS n;
INSERT INTO enrollments (user_id, course_id) VALUES (md5('u0')::uuid, md5('c1')::uuid), (md5('u0')::uuid, md5('c2')::uuid);
END

	# A learner has finished a lesson, and has not committed.
	my $report = open_transaction($database, "SET request.jwt.claims = '{\"role\": \"service_role\"}'; SET ROLE service_role;
		SELECT FROM record_progress(md5('la1')::uuid, 100, user_id => md5('u0')::uuid)");
	my $enrolling = "INSERT INTO enrollments (user_id, course_id) SELECT md5('u' || n)::uuid, md5('c3')::uuid FROM generate_series(1, $many - 2000) AS n";
	is(run_in($database, $enrolling), '', "$database: a thousand learners are enrolled while it is open");
	$report->{in} .= "COMMIT;\n\\q\n";
	ok($report->{run}->finish, "$database: it commits");

	is(run_in($database, $enrolling =~ s/c3/c4/r =~ s/ - 2000//r), '', "$database: $many learners");
	is(run_in($database, 'UPDATE lessons SET is_required = false WHERE id = md5(\'lb\' || title)::uuid'), '', "$database: $many courses change");
	is(run_in($database, 'SELECT count(*) FROM enrollments WHERE completed_at IS NOT NULL'), '1', "$database: and the one who was done has completed");
}

done_testing();
