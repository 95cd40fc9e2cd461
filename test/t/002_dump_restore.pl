# 002_dump_restore: R11. Every way of pg_dump and restore brings all rows back,
# with both foreign keys to auth.users, all policies and all grants.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('dump_restore');
my $folder = PostgreSQL::Test::Utils::tempdir;

# The commands of each way, for a database and a dump.
my @strict = ('pg_restore', '--exit-on-error');
my %ways = (
	'pg_restore' => sub { [ @strict, '-d', @_ ] },
	'pg_restore -1' => sub { [ 'pg_restore', '-1', '-d', @_ ] },
	'psql -1' => sub { [ 'psql', '-Xq1', '-v', 'ON_ERROR_STOP=1', '-o', "$folder/out", '-d', $_[0], '-f', $_[1] ] },
	# pg_restore -j loads the tables of an extension in any order, whatever their
	# foreign keys: so the data is loaded without -j, or without their triggers.
	'pg_restore -j2 after the data' => sub {
		[ @strict, '--section=pre-data', '--section=data', '-d', @_ ], [ @strict, '-j2', '--section=post-data', '-d', @_ ]
	},
	'pg_restore -j2 as replica' => sub {
		[ 'env', 'PGOPTIONS=-c session_replication_role=replica', @strict, '-j2', '-d', @_ ]
	});

sub dump_database
{
	my ($database, $name, @options) = @_;

	$node->command_ok(['pg_dump', '-Fc', @options, '-f', "$folder/$name.dump", $database], "dump of $name");
	$node->command_ok(['pg_dump', '-Fp', @options, '-f', "$folder/$name.sql", $database], "plain dump of $name");
}

# Restores a dump into databases that $make makes: all must be as before.
sub restore
{
	my ($name, $schema, $before, $make) = @_;
	my $database = 'restored';

	foreach my $way (sort keys %ways)
	{
		my $dump = "$folder/$name." . ($way =~ /psql/ ? 'sql' : 'dump');

		$make->($database);
		ok(run_log($_), "$name, $way: restored") foreach $ways{$way}->($node->connstr($database), $dump);
		is(snapshot($node, $database, $schema), $before, "$name, $way: all as it was");
		is(watched_by_learner_1($database, $schema), '100|t',
			"$name, $way: a learner can report progress");
		$node->safe_psql('postgres', "DROP DATABASE $database");
	}

	# With nothing but -j the order is luck; if it is bad, pg_restore must say so.
	$make->($database);
	ok(!run_log([ @strict, '-j2', '-d', $node->connstr($database), "$folder/$name.dump" ])
		  || snapshot($node, $database, $schema) eq $before, "$name, pg_restore -j2: never a loss without an error");
	$node->safe_psql('postgres', "DROP DATABASE $database");
}

# What record_progress answers learner 1 on the first lesson of course 1.
sub watched_by_learner_1
{
	my ($database, $schema) = @_;

	my ($code, $out) = $node->psql($database, as_user(learner(1)) . <<"END");
SELECT p.watched_pct, p.completed
FROM $schema.lessons AS l, $schema.record_progress(l.id, 100) AS p
WHERE l.title = 'Course 1, module 1, lesson 1';
END
	return $out;
}

# "academy" sorts before auth, so that its rows come before those of auth.users.
foreach my $schema ('public', 'academy')
{
	my $database = "from_$schema";

	new_database($node, $database, $schema);
	fill($node, $database, $schema);
	# A grant of the user's own is kept, too.
	$node->safe_psql($database, "GRANT SELECT (id, title) ON $schema.courses TO anon");

	my $before = snapshot($node, $database, $schema);
	my %count = $before =~ /^1 rows\|(\w+)\|(\d+) /mg;
	is_deeply(\%count,
		{ courses => 6, modules => 18, lessons => 90, enrollments => 100, content_progress => 600, mux_events => 162 },
		"$schema: there are rows to lose");
	is(scalar(() = $before =~ /^5 policy/mg), 12, "$schema: 12 policies");
	is(scalar(() = $before =~ /^3 constraint.*REFERENCES auth\.users\(id\) ON DELETE CASCADE/mg), 2,
		"$schema: two foreign keys to auth.users");
	like($before, qr/^7 grant\|enrollments\.user_id\|INSERT to authenticated$/m, "$schema: a column grant");
	like($before, qr/^7 grant\|courses\.title\|SELECT to anon$/m, "$schema: a grant of the user's own");
	unlike($before, qr/event trigger/, "$schema: no event trigger");
	is($node->safe_psql($database,
			"SELECT count(*) FILTER (WHERE updated_at < '2022-01-01'), count(*) FILTER (WHERE updated_at > '2022-01-01')
			 FROM $schema.courses"),
		'5|1', "$schema: stamps of old and of now");

	# The whole database, into an empty one: auth comes with the dump.
	dump_database($database, "$schema with auth");
	restore("$schema with auth", $schema, $before,
		sub { $node->safe_psql('postgres', "CREATE DATABASE $_[0] TEMPLATE template0") });

	# Without auth, into a database that has it, with the users in it.
	dump_database($database, "$schema without auth", '-N', 'auth');
	restore("$schema without auth", $schema, $before,
		sub
		{
			new_database($node, $_[0]);
			$node->safe_psql($_[0], LibraryTest::users_sql());
		});
}

done_testing();
