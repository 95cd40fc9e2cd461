# 050_crash_under_load: R2, R10, R11. The server is killed (kill -9) again and
# again while 8 devices report and complete courses: what was acknowledged is
# there afterwards, no course was completed twice, and its date moves to an
# earlier time only.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use JSON::XS;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'usleep';

my $courses = 200;    # 9 reports each

my $learners = 4;
my $crashes = 4;
my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = start_node('load');

# Courses of three required lessons, and a log of every date that a completion
# gets, kept with it. A report that began earlier and came later may move it back.
new_database($node, 'app', 'public');
$node->safe_psql('app', LibraryTest::users_sql() . <<"END");
INSERT INTO courses (title, slug, sort_order, is_published)
SELECT 'Course ' || n, 'course-' || n, n, true FROM generate_series(1, $courses) AS n;
INSERT INTO modules (course_id, title) SELECT id, 'Module' FROM courses;
INSERT INTO lessons (module_id, title, sort_order) SELECT id, 'Lesson ' || n, n FROM modules, generate_series(1, 3) AS n;
INSERT INTO enrollments (user_id, course_id)
SELECT u.id, c.id FROM auth.users AS u, courses AS c WHERE right(u.id::text, 12)::int <= $learners;

CREATE TABLE claims (enrollment_id uuid, moved_from timestamptz, completed_at timestamptz);
CREATE FUNCTION log_claim() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	INSERT INTO public.claims VALUES (NEW.id, OLD.completed_at, NEW.completed_at);
	RETURN NULL;
END \$\$;
CREATE TRIGGER log_claim AFTER UPDATE OF completed_at ON enrollments FOR EACH ROW EXECUTE FUNCTION log_claim();
END

# What both devices of a learner send: course after course, lesson after lesson, ever further.
my @lessons = split /\n/, $node->safe_psql('app', 'SELECT l.id FROM lessons AS l
	JOIN modules AS m ON m.id = l.module_id JOIN courses AS c ON c.id = m.course_id ORDER BY c.sort_order, l.sort_order');
foreach my $n (1 .. $learners)
{
	my @reports = map { my $lesson = $_; map { [ $lesson, $_ ] } 30, 60, 95 } @lessons;

	append_to_file("$folder/learner$n.sql", as_user(learner($n)) . join '', map
	{
		"SELECT user_id, lesson_id, watched_pct, completed, '' FROM record_progress('$_->[0]', $_->[1], $_->[1] * 10);\n"
	} @reports);
}

my %acknowledged;    # user|lesson => watched_pct, completed
my %events;          # user|course => completed_at
my ($reports, $repeated) = (0, 0);

sub read_events
{
	my ($out) = @_;

	foreach (map { decode_json($_) } $out =~ /notification "content_library" with payload "(\{.*?\})" received/g)
	{
		$repeated++ if exists $events{"$_->{user_id}|$_->{course_id}"};
		$events{"$_->{user_id}|$_->{course_id}"} = $_->{completed_at};
	}
}

# psql prints a row when the server has said that it is committed.
sub read_answers
{
	my ($file) = @_;

	foreach (split /\n/, slurp_file($file))
	{
		my ($user, $lesson, $percent, $completed, $whole) = split /\|/, $_, -1;
		my $known;

		next unless defined $whole;
		$reports++;
		$known = $acknowledged{"$user|$lesson"} //= [ 0, 'f' ];
		@$known = ($percent, $completed) if $percent > $known->[0];
	}
}

# Runs all devices; when one has had so many answers, if any, the server is
# killed. Returns how many devices got to their end.
sub run_devices
{
	my ($answers) = @_;
	my ($in, $out, $err) = ("LISTEN content_library;\n\\echo listening\n", '', '');
	my $listener = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app') ], '<', \$in, '>', \$out, '2>', \$err);
	$listener->pump until $out =~ /listening/;

	my @devices = map
	{
		my $device = $_;
		my $learner = 1 + $device % $learners;

		unlink "$folder/answers$device";
		IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('app'), '-f', "$folder/learner$learner.sql" ],
			'<', \undef, '>', "$folder/answers$device", '2>', "$folder/errors$device");
	} 1 .. 2 * $learners;

	if ($answers)
	{
		while ((() = slurp_file("$folder/answers1") =~ /\n/g) < $answers)
		{
			# psql says what it has heard when it is asked something.
			$in .= "SELECT 1;\n";
			$listener->pump_nb;
			usleep(5_000);
		}
		$node->kill9;
	}
	my $finished = grep { $_->finish } @devices;
	$in .= "SELECT pg_sleep(0.5);\n";
	$listener->finish;
	read_events($out);
	read_answers("$folder/answers$_") foreach 1 .. 2 * $learners;
	return $finished;
}

# The server processes of before have to be gone; they end when they miss their parent.
sub start_again
{
	foreach (1 .. 300)
	{
		return 1 if $node->start(fail_ok => 1);
		usleep(100_000);
	}
	return 0;
}

# Acknowledged and not there, or there as less than was acknowledged.
sub lost
{
	my %stored = map { /^(\S+\|\S+)\|(\d+)\|(.)$/ ? ($1 => [ $2, $3 ]) : () } split /\n/,
	  $node->safe_psql('app', 'SELECT user_id, lesson_id, watched_pct, completed FROM content_progress');

	return grep
	{
		my ($was, $is) = ($acknowledged{$_}, $stored{$_});
		!$is || $is->[0] < $was->[0] || ($was->[1] eq 't' && $is->[1] ne 't')
	} keys %acknowledged;
}

# Heard of and not there, or there at a later time.
sub unfounded
{
	my %stored = map { /^(\S+\|\S+)\|(.*)$/ } split /\n/, $node->safe_psql('app',
		"SELECT user_id, course_id, to_json(completed_at)#>>'{}' FROM enrollments WHERE completed_at IS NOT NULL");

	return grep { !$stored{$_} || $stored{$_} gt $events{$_} } keys %events;
}

my $claimed_twice = 'SELECT count(*) FROM (SELECT FROM claims WHERE moved_from IS NULL GROUP BY enrollment_id HAVING count(*) > 1) AS c';
my $contradictions = 'SELECT
	(SELECT count(*) FROM content_progress WHERE completed <> (watched_pct >= 90) OR completed <> (completed_at IS NOT NULL)),
	(SELECT count(*) FROM enrollments WHERE (completed_at IS NOT NULL) <> (course_completion(course_id, user_id) = 100)),
	(SELECT count(*) FROM enrollments AS e
	 FULL JOIN (SELECT enrollment_id, min(completed_at) AS completed_at FROM claims GROUP BY 1) AS c ON c.enrollment_id = e.id
	 WHERE e.completed_at IS DISTINCT FROM c.completed_at),
	(SELECT count(*) FROM claims WHERE completed_at >= moved_from)';

foreach my $crash (1 .. $crashes)
{
	my $before = $reports;

	cmp_ok(run_devices($crash * 200), '<', 2 * $learners, "crash $crash: devices were cut off");
	ok($reports > $before, "crash $crash: while reports came in");
	ok(start_again(), "crash $crash: the server starts again");
	is(scalar(lost()), 0, "crash $crash: every acknowledged report is there");
	is(scalar(unfounded()), 0, "crash $crash: every completion that was heard of is there");
	is($node->safe_psql('app', $contradictions), '0|0|0|0', "crash $crash: nothing half done");
	is($node->safe_psql('app', $claimed_twice), 0, "crash $crash: nothing claimed twice");
}

cmp_ok(scalar keys %events, '>', 0, 'and courses were completed meanwhile');

# And it goes on to the end.
is(run_devices(), 2 * $learners, 'then every device gets to its end');
is(scalar(lost()), 0, 'every acknowledged report is there');
is(scalar(unfounded()), 0, 'every completion that was heard of is there');
is($node->safe_psql('app', $contradictions), '0|0|0|0', 'nothing half done');
is($node->safe_psql('app', 'SELECT count(*), count(DISTINCT enrollment_id) FROM claims WHERE moved_from IS NULL'),
	join('|', ($courses * $learners) x 2), 'every course was claimed once');
is($repeated, 0, 'no completion was heard of twice');
diag sprintf '%d acknowledged reports in %d crashes, %d dates moved back', $reports, $crashes,
  $node->safe_psql('app', 'SELECT count(moved_from) FROM claims');

done_testing();
