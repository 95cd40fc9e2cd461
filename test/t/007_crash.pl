# 007_crash: R11. Reports that were committed outlive a killed session and a
# crashed server; of those that were not, nothing is left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

my $node = start_node('crash');
my $me = learner(1);
my $rows = "SELECT l.title, p.watched_pct, p.completed, p.position_seconds
	FROM content_progress AS p JOIN lessons AS l ON l.id = p.lesson_id
	WHERE p.user_id = '$me' AND l.title LIKE 'Course 1, module 3%' ORDER BY 1";

sub report
{
	my ($lesson, $percent) = @_;

	return "SELECT record_progress((SELECT id FROM lessons WHERE title = 'Course 1, module 3, lesson $lesson'), $percent, $percent);\n";
}

new_database($node, 'app', 'public');
fill($node, 'app', 'public');

# An ended transaction, then one that its server process does not live to end:
# a first report, one that advances, and a batch of others.
sub die_halfway
{
	my ($how) = @_;
	my ($code, $out, $err) = $node->psql('app',
		as_user($me) . "BEGIN;\n" . report(1, 30) . report(2, 95) . "COMMIT;\n"
		. "BEGIN;\n" . report(1, 80) . report(3, 50) . report(4, 100) . $how . report(5, 100) . "COMMIT;\n");

	isnt($code, 0, 'the session ended');
	like($err, qr/terminating connection|server closed the connection|connection to server was lost/, 'in the middle');
}

my $committed = "Course 1, module 3, lesson 1|30|f|30\nCourse 1, module 3, lesson 2|95|t|95";

is($node->safe_psql('app', $rows), '', 'no progress yet');
die_halfway("RESET ROLE; SELECT pg_terminate_backend(pg_backend_pid());\n");
is($node->safe_psql('app', $rows), $committed, 'a killed session: what was committed, and nothing else');

# The whole server goes down while the second transaction is open, and its WAL is on disk.
$node->safe_psql('app', "DELETE FROM content_progress WHERE user_id = '$me'");
my $pid_file = $node->data_dir . '/postmaster.pid';
die_halfway("RESET ROLE; CHECKPOINT;\n\\! kill -QUIT `head -n 1 '$pid_file'`\nSELECT pg_sleep(60);\n");
$node->stop('immediate', fail_ok => 1);
$node->start;
is($node->safe_psql('app', $rows), $committed, 'a crashed server: what was committed, and nothing else');

# And it goes on from there.
is($node->safe_psql('app', as_user($me) . report(1, 80) =~ s/SELECT (.*);/SELECT watched_pct FROM $1;/sr), 80,
	'reports go on after the crash');

done_testing();
