# CellOperations.pm: random operations of learners, instructors and operators for the test of cells, as SQL.
# It knows nothing of the rules: what may be done is for the servers to say, who must all say the same.
package CellOperations;

use strict;
use warnings;
use Exporter 'import';
use LibraryTest;

our @EXPORT = qw(first_content random_edit random_request random_report request learners);

use constant { LEARNERS => 24, COURSES => 6 };

my @staff = map { learner($_) } 38 .. 40;
my ($made, %ids) = (0);

sub learners { return map { learner($_) } 1 .. LEARNERS }
sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }
sub boolean { return chance($_[0]) ? 'true' : 'false' }

# The id of something new, which both sides are given. What was deleted is named now and then, too.
sub new_id
{
	my ($kind) = @_;
	my $id = sprintf '%s0000000-0000-4000-8000-%012d', { course => 'c', module => 'd', lesson => 'e' }->{$kind}, ++$made;

	push @{ $ids{$kind} }, $id;
	shift @{ $ids{$kind} } if @{ $ids{$kind} } > { course => COURSES, module => 14, lesson => 44 }->{$kind};
	return $id;
}

sub some { return "'" . pick(@{ $ids{ $_[0] } }) . "'" }

# Several of a kind, each once.
sub some_of
{
	my ($kind, $count) = @_;
	my %some;

	$some{ some($kind) } = 1 while keys %some < $count;
	return sort keys %some;
}

sub new_course
{
	my $id = new_id('course');

	return "INSERT INTO courses (id, title, slug, is_published, is_sequential, access_period, tier_required, sort_order)
		VALUES ('$id', 'Course $made', 'course-$made', true, ${\boolean(0.2)}, ${\pick('NULL', 'NULL', q('90 days'))},
			'${\pick(qw(free free free pro))}', $made)";
}

sub new_module { return "INSERT INTO modules (id, course_id, title, sort_order) SELECT '${\new_id('module')}', id, 'Module', $made FROM courses WHERE id = ${\some('course')}" }

sub new_lesson
{
	my $id = new_id('lesson');

	return "INSERT INTO lessons (id, module_id, title, sort_order, duration_seconds, mux_playback_id, mux_status, is_required, is_published, is_preview)
		SELECT '$id', id, 'Lesson $made', $made, 60, 'play$made', 'ready', ${\boolean(0.8)}, ${\boolean(0.9)}, ${\boolean(0.1)}
		FROM modules WHERE id = ${\some('module')}";
}

# What there is at first.
sub first_content
{
	my @users = map { "('" . learner($_) . "')" } 1 .. LEARNERS, 38 .. 40;

	return join ";\n", 'INSERT INTO auth.users (id) VALUES ' . join(', ', @users), (map { new_course() } 1 .. COURSES),
		(map { new_module() } 1 .. 14), (map { new_lesson() } 1 .. 44),
		"INSERT INTO course_staff (course_id, user_id, role) SELECT c.id, u.id, CASE u.id WHEN '$staff[0]' THEN 'viewer' ELSE 'editor' END
		 FROM courses AS c, auth.users AS u WHERE u.id >= '$staff[0]' AND (c.sort_order + right(u.id::text, 1)::int) % 3 <> 0";
}

# A request of somebody: as the service, or as a user with a tier.
sub request
{
	my ($user, $sql) = @_;
	my $tier = $user && $user =~ /[02468]$/ ? 'pro' : 'free';

	return "SET request.jwt.claims = '{\"role\": \"service_role\"}'; SET ROLE service_role; $sql;" unless defined $user;
	return "SET request.jwt.claims = '{\"sub\": \"$user\", \"role\": \"authenticated\", \"app_metadata\": {\"tier\": \"$tier\"}}';
		SET ROLE authenticated; $sql;";
}

# A change in the catalogue.
sub random_edit
{
	my @edits = (
		sub { return request(pick(undef, @staff), "SELECT id FROM move_lesson(${\some('lesson')}, ${\some('module')})") },
		sub { return request(pick(undef, @staff), "SELECT id FROM move_module(${\some('module')}, NULL, ${\some('course')})") },
		(sub { return request(undef, "UPDATE lessons SET ${\pick('is_required', 'is_published')} = ${\boolean(0.5)}
			WHERE id IN (${\some('lesson')}, ${\some('lesson')})") }) x 4,
		(sub { return request(undef, "DELETE FROM lessons WHERE id IN (${\some('lesson')}, ${\some('lesson')}); " . new_lesson() . '; ' . new_lesson()) }) x 4,
		sub { return request(undef, "DELETE FROM modules WHERE id = ${\some('module')}; " . new_module() . '; ' . new_lesson() . '; ' . new_lesson()) },
		sub { return chance(0.2) ? request(undef, "DELETE FROM courses WHERE id = ${\some('course')}; " . new_course() . '; ' . new_module()) : '' },
		sub { return request(undef, "UPDATE courses SET ${\pick('is_published', 'is_open', 'is_sequential')} = ${\boolean(0.9)} WHERE id = ${\some('course')}") },
		sub { return request(undef, "UPDATE ${\pick('courses', 'lessons')} SET completion_threshold = ${\pick(50, 80, 'NULL')} WHERE id IN (${\some('course')}, ${\some('lesson')})") },
		sub { return request(undef, "INSERT INTO course_prerequisites SELECT a.id, b.id FROM courses AS a, courses AS b
			WHERE a.id = ${\some('course')} AND b.id = ${\some('course')} AND a.id < b.id ON CONFLICT DO NOTHING") },
		sub { return request(undef, "DELETE FROM course_prerequisites WHERE course_id = ${\some('course')}") },
		sub { return chance(0.5) ? "RESET ROLE; DELETE FROM auth.users WHERE id = '${\pick(learners())}';" : '' },
		(sub { return "RESET ROLE; INSERT INTO auth.users (id) VALUES ('${\pick(learners())}') ON CONFLICT DO NOTHING;" }) x 2);

	return pick(@edits)->();
}

sub percent { return chance(0.6) ? 90 + int rand 11 : int rand 101 }

# A report, of which some complete a course.
sub random_report
{
	my ($user) = @_;
	my $columns = 'lesson_id, watched_pct, completed, last_watched, position_seconds, completed_at, course_completed';
	my @reports = (
		(sub { return "SELECT $columns FROM record_progress(${\some('lesson')}, ${\percent()}, ${\int rand 60}.5)" }) x 3,
		sub { return "SELECT $columns FROM record_progress(${\some('lesson')}, played => '[[${\int rand 30}, ${\int 30 + rand 31}]]')" },
		(sub { return "SELECT $columns FROM record_progress_batch(jsonb_build_array(" . join(', ', map
			{ "jsonb_build_object('lesson_id', $_, 'watched_pct', ${\percent()}, 'watched_at', '2026-01-${\(10 + int rand 19)}T10:00:00Z')" } some_of('lesson', 6))
			. '), skip_refused => true)' }) x 3);

	return request($user, pick(@reports)->());
}

# Reports of several learners, as the service sends them. After an error the plain server has recorded
# nothing, and the cells perhaps some. So all are sent again, as the guide says, and then all have the same.
# In the order of users every server meets the same error first.
sub service_batch
{
	my ($all_or_none) = @_;
	my %reports;

	foreach (1 .. ($all_or_none ? 1 + int rand 3 : 2 + int rand 10))
	{
		my ($user, $lesson) = (pick(learners()), some('lesson'));

		$reports{"$user $lesson"} = "jsonb_build_object('user_id', '$user', 'lesson_id', $lesson, 'watched_pct', ${\percent()},
			'watched_at', '2026-01-${\(10 + int rand 19)}T10:00:00Z')";
	}
	my @order = sort keys %reports;
	@order = map { splice @order, int rand @order, 1 } 1 .. @order unless $all_or_none;
	my $batch = "record_progress_batch(jsonb_build_array(" . join(', ', @reports{@order}) . ")";
	my $columns = 'user_id, lesson_id, watched_pct, completed, last_watched, completed_at';

	return request(undef, ($all_or_none ? "SELECT $columns, course_completed FROM $batch);\n" : '')
		. "SELECT $columns" . ($all_or_none ? '' : ', course_completed') . " FROM $batch, skip_refused => true)");
}

# What is asked of the front, or of one learner's cell.
sub random_request
{
	my ($learners_own) = @_;
	my $user = pick(learners());
	my @learners = (
		(sub { return random_report($user) }) x 12,
		(sub { return request($user, "SELECT course_id, completed_at, expires_at, granted FROM enroll(${\some('course')})") }) x 8,
		sub { return request($user, "SELECT course_id, completed_at FROM unenroll(${\some('course')})") },
		sub { return request($user, "SELECT reset_progress(${\some('course')}, dry_run => ${\boolean(0.5)})") },
		sub { return request($user, "SELECT course_completion(${\some('course')}), next_lesson(${\some('course')})") },
		sub { return request($user, "SELECT course_outline(${\some('course')})::jsonb") },
		sub { return request($user, 'SELECT course_id, title, required_lessons, completed_lessons, completion, next_lesson_id, completed_at FROM course_progress()') },
		sub { return request($user, "SELECT lesson_id, lesson_title, watched_pct, position_seconds FROM continue_watching(${\int rand 6})") },
		sub { return request($user, "SELECT mux_playback_claims(${\some('lesson')}, '1 hour') - 'exp'") },
		sub { return request($user, "SELECT completion_threshold(${\some('lesson')})") });
	my @others = (
		sub { return request(undef, "SELECT course_id, granted FROM enroll(${\some('course')}, '$user')") },
		sub { return request($user, "SELECT watched_pct FROM record_progress(${\some('lesson')}, 50, NULL, '${\pick(learners())}')") },
		sub { return request(undef, "SELECT user_id, course_id, course_title, completed_at, metadata FROM issue_certificate(${\some('course')}, '$user', 'A name', '{\"n\": null}')") },
		(sub { return service_batch(chance(0.5)) }) x 2,
		sub { return request(undef, "SELECT (revoke_certificate('nothing', 'a reason')).revoked_reason") },
		sub { return request(pick(@staff), "SELECT user_id, required_lessons, completed_lessons, completion, completed_at, last_watched FROM course_report(${\some('course')}) ORDER BY user_id") },
		sub { return request(pick(@staff, $user), "SELECT learners, active_7_days, active_30_days, completed, completions_by_week, sampled FROM course_summary(${\some('course')})") },
		sub { return request(pick(@staff, $user), "SELECT lesson_id, module_id, title, is_required, started, completed FROM lesson_report(${\some('course')})") },
		sub { return request(pick(@staff), "SELECT second, learners FROM lesson_retention(${\some('lesson')}, 7)") },
		sub { return request(pick(undef, @staff), "SELECT recompute_completion(${\some('course')})") },
		sub { return request(pick(@staff), "SELECT course_outline(${\some('course')}, '$user')::jsonb") });

	return ($user, chance(0.75) || $learners_own ? pick(@learners)->() : pick(@others)->());
}

1;
