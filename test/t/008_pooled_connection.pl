# 008_pooled_connection: R7. One connection that serves many callers in turn, as a
# pool's does: each gets their own rows, and nothing of one is left for the next.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

my $node = start_node('pool');

new_database($node, 'app', 'public');
fill($node, 'app', 'public');
$node->safe_psql('app', 'CREATE ROLE authenticator NOINHERIT LOGIN; GRANT anon, authenticated, service_role TO authenticator');

# A request as PostgREST makes it: a transaction, one set_config list, one
# prepared statement; a function that never writes is run read-only.
sub request
{
	my ($role, $sub, $statement) = @_;
	my $read_only = $statement =~ /^ask/ ? 'READ ONLY' : '';
	my $claims = defined $sub ? qq({"sub": "$sub", "role": "$role"}) : qq({"role": "$role"});

	return <<"END";
BEGIN ISOLATION LEVEL READ COMMITTED $read_only;
\\o /dev/null
SELECT set_config('search_path', 'public', true), set_config('role', '$role', true),
	set_config('request.jwt.claims', '$claims', true);
\\o
EXECUTE $statement;
\\if :ERROR
\\echo :LAST_ERROR_SQLSTATE
\\endif
COMMIT;
END
}

my $course_id = $node->safe_psql('app', "SELECT id FROM courses WHERE slug = 'course-1'");
my $lesson_id = $node->safe_psql('app', "SELECT id FROM lessons WHERE title = 'Course 1, module 3, lesson 2'");
my ($ann, $ben, $eve) = (learner(1), learner(3), learner(2));    # eve is not enrolled

# Role, sub, statement, and what it answers the first time and the second.
my @requests = (
	[ 'authenticated', $ann, 'report(31)', "$ann|31", "$ann|33" ],
	[ 'authenticated', $ben, 'report(52)', "$ben|52", "$ben|100" ],
	[ 'authenticated', $ann, 'report(33)', "$ann|33" ],
	[ 'authenticated', $eve, 'report(99)', '42501' ],
	[ 'anon', undef, 'report(99)', '42501' ],
	[ 'authenticated', undef, 'report(99)', '28000' ],
	[ 'service_role', undef, 'report(99)', '28000' ],
	[ 'service_role', undef, "report_for('$ben', 100)", "$ben|100" ],
	[ 'authenticated', $ann, "report_for('$ben', 100)", '42501' ],
	[ 'authenticated', $ben, 'report(1)', "$ben|100" ],
	[ 'authenticated', $ann, 'ask', '7' ],
	[ 'authenticated', $ben, 'ask', '14' ],
	[ 'anon', undef, 'ask', '42501' ],
	[ 'authenticated', undef, 'ask', '28000' ],
	[ 'service_role', undef, "ask_for('$ben')", '14' ],
	[ 'service_role', undef, "ask_for('$ann')", '7' ],
	[ 'authenticated', $ann, "ask_for('$ben')", '42501' ],
	[ 'authenticated', $eve, 'ask', '0' ],
	[ 'authenticated', $ann, 'ask', '7' ]);

# Twice over: the second time every plan is there already.
my $sql = <<"END";
PREPARE report(int) AS SELECT user_id, watched_pct FROM record_progress('$lesson_id', \$1);
PREPARE report_for(uuid, int) AS SELECT user_id, watched_pct FROM record_progress('$lesson_id', \$2, user_id := \$1);
PREPARE ask AS SELECT course_completion('$course_id');
PREPARE ask_for(uuid) AS SELECT course_completion('$course_id', \$1);
END
$sql .= request(@$_[ 0 .. 2 ]) foreach @requests, @requests;

my ($code, $out, $err) = $node->psql('app', $sql, on_error_stop => 0,
	connstr => $node->connstr('app') . ' user=authenticator');
my @answers = split /\n/, $out;

is(scalar @answers, 2 * @requests, 'an answer for every request') or diag $err;
foreach my $i (0 .. 2 * @requests - 1)
{
	my ($role, $sub, $statement, $expected, $second) = @{ $requests[ $i % @requests ] };
	$expected = $second if $i >= @requests && defined $second;

	is($answers[$i], $expected, sprintf 'request %d, %s %s: %s', $i + 1, $role, $sub // 'nobody', $statement);
}

is($node->safe_psql('app', "SELECT user_id, watched_pct, completed FROM content_progress WHERE lesson_id = '$lesson_id' ORDER BY 1"),
	"$ann|33|f\n$ben|100|t", 'each has their own row');

done_testing();
