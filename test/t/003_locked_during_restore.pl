# 003_locked_during_restore: between any two steps of a restore no role may read
# what it may not read afterwards, and no grant is wider than it is at the end.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $schema = 'public';    # where every role has USAGE from the start
my $me = learner(1);
my $node = start_node('locked');
my $folder = PostgreSQL::Test::Utils::tempdir;

# Table privileges, of tables and columns, that anybody but the owner has.
my $grants_sql = <<"END";
WITH acls(object, owner, acl) AS (
	SELECT relname::text, relowner, relacl FROM pg_class
	WHERE relkind = 'r' AND relnamespace = '$schema'::regnamespace
	UNION ALL
	SELECT relname || '.' || attname, relowner, attacl FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
	WHERE relkind = 'r' AND relnamespace = '$schema'::regnamespace
)
SELECT object, grantee::regrole, privilege_type FROM acls, aclexplode(acl) WHERE grantee <> owner
ORDER BY 1, 2, 3
END

sub grants
{
	return split /\n/, $node->safe_psql($_[0], $grants_sql);
}

# How many rows of each kind a role can read; -1 where it may not read at all.
sub readable
{
	my ($database, $as) = @_;
	my @questions = (
		"FROM courses WHERE NOT is_published",
		"FROM courses", "FROM modules", "FROM lessons",
		"FROM enrollments WHERE user_id <> '$me'",
		"FROM content_progress WHERE user_id <> '$me'",
		"FROM certificates WHERE user_id <> '$me'",
		"FROM enrollments", "FROM content_progress", "FROM certificates");
	my ($code, $out, $err) = $node->psql($database,
		"SET search_path = $schema;\n$as" . join('', map { "SELECT count(*) $_;\n\\if :ERROR\n\\echo -1\n\\endif\n" } @questions),
		on_error_stop => 0);
	my @answers = split /\n/, $out;

	BAIL_OUT("not an answer per question: $out $err") if @answers != @questions;
	return @answers;
}

# Looks at the database between two steps; returns what the learner can read.
sub look
{
	my ($database, $step, %allowed) = @_;

	return unless $node->safe_psql($database, "SELECT to_regclass('$schema.content_progress')");

	my $attached = $node->safe_psql($database,
		"SELECT count(*) FROM pg_policies WHERE policyname IN ('Users read own enrollments', 'Users read own progress', 'Users read own certificates')");
	my @too_wide = grep { !$allowed{$_} } grants($database);
	my @anon = readable($database, "SET ROLE anon;\n");
	my @learner = readable($database, as_user($me));
	my ($unpublished, $courses, $modules, $lessons, $others_enrollments, $others_progress, $others_certificates, $enrollments, $progress, $certificates) = @learner;

	is("@too_wide", '', "$step: no grant that is not there at the end");
	is("@anon", join(' ', (-1) x @anon), "$step: anon reads nothing");
	is("$unpublished $others_enrollments $others_progress $others_certificates", '0 0 0 0', "$step: nothing of others");
	is("$enrollments $progress $certificates", '0 0 0', "$step: nothing at all before the policies are there")
	  if $attached < 3;
	return ($attached, @learner);
}

new_database($node, 'origin', $schema);
fill($node, 'origin', $schema);
$node->command_ok(['pg_dump', '-Fc', '-f', "$folder/dump", 'origin'], 'dump');

my %at_the_end = map { $_ => 1 } grants('origin');
ok($at_the_end{'content_progress|authenticated|UPDATE'} && $at_the_end{'enrollments.user_id|authenticated|INSERT'},
	'there are grants to compare with');
my @at_the_end = look('origin', 'before the dump', %at_the_end);
is("@at_the_end", '3 0 5 18 90 0 0 0 3 18 2', 'a learner reads their own, and what is published');

# Section by section, and entry by entry of the dump's table of contents.
my ($list) = run_command(['pg_restore', '-l', "$folder/dump"]);
my @entries = grep { /^\d+;/ } split /\n/, $list;
my %steps = (
	sections => [ map { [ $_, "--section=$_" ] } 'pre-data', 'data', 'post-data' ],
	entries => [ map { [ $entries[$_], '-L', "$folder/entry$_" ] } 0 .. $#entries ]);
append_to_file("$folder/entry$_", "$entries[$_]\n") for 0 .. $#entries;

foreach my $by (sort keys %steps)
{
	my $locked_with_rows = 0;
	my @answer;

	$node->safe_psql('postgres', "CREATE DATABASE $by TEMPLATE template0");
	foreach my $step (@{ $steps{$by} })
	{
		my ($name, @options) = @$step;

		run_log(['pg_restore', '--exit-on-error', @options, '-d', $node->connstr($by), "$folder/dump"])
		  or BAIL_OUT("cannot restore $name");
		@answer = look($by, "$by, after $name", %at_the_end);
		$locked_with_rows++
		  if @answer && $answer[0] == 0 && $node->safe_psql($by, "SELECT count(*) FROM $schema.content_progress") > 0;
	}
	ok($locked_with_rows > 0, "$by: there was a step with rows and no policies");
	is("@answer", "@at_the_end", "$by: at the end a learner reads what they read before");
	is(join("\n", grants($by)), join("\n", grants('origin')), "$by: the grants are those of before");
}

done_testing();
