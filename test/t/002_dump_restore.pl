# 002_dump_restore: R11. Every way of pg_dump and restore brings all rows back,
# with both foreign keys to auth.users, all policies and all grants, and a user's
# own tables beside ours: from this major, and from each older one that is here.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('dump_restore');
my $folder = PostgreSQL::Test::Utils::tempdir;

# The commands of each way, for a database and a dump, whose name ends as is fit.
my @strict = ('pg_restore', '--exit-on-error');
my @replica = ('env', 'PGOPTIONS=-c session_replication_role=replica', @strict, '-j2');
my %ways = (
	'pg_restore' => sub { [ @strict, '-d', $_[0], "$_[1].dump" ] },
	'pg_restore -1' => sub { [ 'pg_restore', '-1', '-d', $_[0], "$_[1].dump" ] },
	'psql -1' => sub { [ 'psql', '-Xq1', '-v', 'ON_ERROR_STOP=1', '-o', "$folder/out", '-d', $_[0], '-f', "$_[1].sql" ] },
	# pg_restore -j loads the tables of an extension in any order, whatever foreign
	# keys they have or a user's tables have to them: so the data is loaded apart,
	# and without -j or without triggers.
	'pg_restore -j2 after the data' => sub
	{
		[ @strict, '--section=pre-data', '--section=data', '-d', $_[0], "$_[1].dump" ],
		[ @strict, '-j2', '--section=post-data', '-d', $_[0], "$_[1].dump" ]
	},
	'pg_restore -j2 of the data as replica' => sub
	{
		[ @strict, '--section=pre-data', '-d', $_[0], "$_[1].dir" ],
		[ @replica, '--section=data', '-d', $_[0], "$_[1].dir" ],
		[ @strict, '-j2', '--section=post-data', '-d', $_[0], "$_[1].dir" ]
	});

# Dumps with the programs of the server that the database is in.
sub dump_database
{
	my ($from, $database, $name, @options) = @_;
	my $file = "$folder/$name";

	$from->command_ok([ 'pg_dump', '-Fc', @options, '-f', "$file.dump", $database ], "dump of $name");
	$from->command_ok([ 'pg_dump', '-Fp', @options, '-f', "$file.sql", $database ], "plain dump of $name");
	$from->command_ok([ 'pg_dump', '-Fd', '-j2', @options, '-f', "$file.dir", $database ], "parallel dump of $name");
	return $file;
}

# A user's own schema beside ours, before which and after which others sort.
sub make_own
{
	my ($database_node, $database, $schema) = @_;

	$database_node->safe_psql($database, <<"END");
CREATE SCHEMA beside;
CREATE TABLE beside.bookmarks (
	progress_id uuid PRIMARY KEY REFERENCES $schema.content_progress ON DELETE CASCADE,
	lesson_id uuid NOT NULL REFERENCES $schema.lessons,
	user_id uuid NOT NULL REFERENCES auth.users,
	note text DEFAULT 'see here');
CREATE TABLE beside.certificates (enrollment_id uuid PRIMARY KEY REFERENCES $schema.enrollments, number serial UNIQUE);
CREATE VIEW beside.titles AS SELECT id, title FROM $schema.courses WHERE is_published;
INSERT INTO beside.bookmarks SELECT id, lesson_id, user_id FROM $schema.content_progress;
INSERT INTO beside.certificates SELECT id FROM $schema.enrollments ORDER BY id;
END
}

# All that must be the same: of ours, and of the user's own.
sub everything
{
	my ($database_node, $database, $schema) = @_;

	return snapshot($database_node, $database, $schema) . "\n" . $database_node->safe_psql($database, <<"END");
SET search_path = beside;
SELECT count(*), md5(string_agg(b::text, ' ' ORDER BY progress_id)) FROM bookmarks AS b;
SELECT count(*), md5(string_agg(c::text, ' ' ORDER BY number)), nextval('certificates_number_seq') > 100 FROM certificates AS c;
SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY id)) FROM titles AS t;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'beside'::regnamespace AND contype <> 'n' ORDER BY conname;
END
}

# Restores a dump into databases that $make makes: all must be as before.
sub restore_by
{
	my ($name, $way, $schema, $before, $make, @commands) = @_;

	$make->('restored');
	ok(run_log($_), "$name, $way: restored") foreach @commands;
	is(everything($node, 'restored', $schema), $before, "$name, $way: all as it was");
	is(watched_by_learner_1('restored', $schema), '100|t', "$name, $way: a learner can report progress");
	$node->safe_psql('postgres', 'DROP DATABASE restored');
}

sub restore
{
	my ($name, $schema, $before, $make) = @_;
	my $to = $node->connstr('restored');

	restore_by($name, $_, $schema, $before, $make, $ways{$_}->($to, "$folder/$name")) foreach sort keys %ways;

	# With nothing but -j the order is luck; if it is bad, pg_restore must say so.
	$make->('restored');
	ok(!run_log([ @strict, '-j2', '-d', $to, "$folder/$name.dir" ])
		  || everything($node, 'restored', $schema) eq $before, "$name, pg_restore -j2: never a loss without an error");
	$node->safe_psql('postgres', 'DROP DATABASE restored');
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
foreach my $from ($node, map { start_major("from_$_", $_) } older_majors())
{
	foreach my $schema ($from == $node ? ('public', 'academy') : 'public')
	{
		my $database = "from_$schema";
		my $name = $from->name . " $schema";

		new_database($from, $database, $schema);
		fill($from, $database, $schema);
		make_own($from, $database, $schema);
		# A grant of the user's own is kept, too.
		$from->safe_psql($database, "GRANT SELECT (id, title) ON $schema.courses TO anon");

		my $before = everything($from, $database, $schema);
		my %count = $before =~ /^1 rows\|(\w+)\|(\d+) /mg;
		is_deeply(\%count,
			{ courses => 6, modules => 18, lessons => 90, enrollments => 100, content_progress => 600, certificates => 9, course_prerequisites => 2, course_staff => 4, mux_events => 162, mux_bindings => 108 },
			"$name: there are rows to lose");
		is(scalar(() = $before =~ /^5 policy/mg), 29, "$name: 29 policies");
		is(scalar(() = $before =~ /^3 constraint.*REFERENCES auth\.users\(id\) ON DELETE CASCADE/mg), 4,
			"$name: four foreign keys to auth.users");
		like($before, qr/^7 grant\|enrollments\.user_id\|INSERT to authenticated$/m, "$name: a column grant");
		like($before, qr/^7 grant\|courses\.title\|SELECT to anon$/m, "$name: a grant of the user's own");
		like($before, qr/^600\|.*\n100\|.*\n5\|.*(\n.*)+bookmarks_progress_id_fkey\|/m, "$name: rows and keys of the user's own");
		unlike($before, qr/event trigger.content_library_attach/, "$name: no event trigger that waits");
		is($from->safe_psql($database,
				"SELECT count(*) FILTER (WHERE updated_at < '2022-01-01'), count(*) FILTER (WHERE updated_at > '2022-01-01')
				 FROM $schema.courses"),
			'4|2', "$name: stamps of old and of now");

		# Into a database that has auth, with the users in it.
		my $with_users = sub
		{
			new_database($node, $_[0]);
			$node->safe_psql($_[0], LibraryTest::users_sql());
		};

		# The whole database, into an empty one: auth comes with the dump.
		dump_database($from, $database, "$name with auth");
		restore("$name with auth", $schema, $before,
			sub { $node->safe_psql('postgres', "CREATE DATABASE $_[0] TEMPLATE template0") });

		# Without auth.
		dump_database($from, $database, "$name without auth", '-N', 'auth', '-N', 'extensions');
		restore("$name without auth", $schema, $before, $with_users);

		# The schemas and the extension by name: -n alone would leave it out.
		dump_database($from, $database, "$name by schema", '-n', $schema, '-n', 'beside', '-e', 'content_library');
		restore("$name by schema", $schema, $before,
			sub
			{
				$with_users->(@_);
				$node->safe_psql($_[0], "DROP SCHEMA IF EXISTS $schema");    # public is there from the start
			});

		# Nothing but rows, into a database that has all else: as replica, for
		# pg_dump may put them before those of auth.users.
		my $empty = sub
		{
			new_database($node, $_[0], $schema);
			make_own($node, $_[0], $schema);
			$node->safe_psql($_[0], "GRANT SELECT (id, title) ON $schema.courses TO anon");
		};
		my $file = dump_database($from, $database, "$name data only", '--data-only');
		restore_by("$name data only", 'as replica', $schema, $before, $empty,
			[ @replica, '--data-only', '-d', $node->connstr('restored'), "$file.dir" ]);

		# Of our tables by name pg_dump takes the rows alone.
		$file = dump_database($from, $database, "$name tables", '-t', 'beside.*',
			map { ('-t', "$schema.$_") } qw(courses modules lessons enrollments content_progress certificates course_prerequisites course_staff mux_events mux_bindings));
		restore_by("$name tables", 'pg_restore -1', $schema, $before,
			sub
			{
				new_database($node, $_[0], $schema);
				$node->safe_psql($_[0], LibraryTest::users_sql()
					. "CREATE SCHEMA beside; GRANT SELECT (id, title) ON $schema.courses TO anon");
			},
			[ 'pg_restore', '-1', '-d', $node->connstr('restored'), "$file.dump" ]);
	}
}

done_testing();
