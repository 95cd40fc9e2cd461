# 005_plan_statements: statements written for the plan's schema, with exactly the
# plan's columns, work on the extension's tables: an app need not be changed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

my $node = start_node('plan_statements');
new_database($node, 'app', 'public');

my ($ann, $ben) = (learner(1), learner(2));
my $course = '10000000-0000-4000-8000-000000000000';
my $module = '20000000-0000-4000-8000-000000000000';
my $lesson = '30000000-0000-4000-8000-000000000000';
my $stamp = '2020-02-02 02:02:02.020202+00';
my $service = "SET ROLE service_role;\n";

# What SQL answers, or its SQLSTATE.
sub answer
{
	my ($sql) = @_;
	my ($code, $out, $err) = $node->psql('app', "SET timezone = 'UTC';\n$sql", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);

	return $code == 0 ? $out : $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
}

$node->safe_psql('app', LibraryTest::users_sql());

# Every column of the plan, in its order, without and with names.
is(answer($service . "INSERT INTO courses VALUES ('$course', 'Title', 'Words', 'slug', 'https://example.com/a.png', 'stage', 'topic', 'pro', true, 3, '$stamp', '$stamp') RETURNING *"),
	"$course|Title|Words|slug|https://example.com/a.png|stage|topic|pro|t|3|$stamp|$stamp||{}|t|f||report|", 'courses, every column');
is(answer($service . "INSERT INTO modules VALUES ('$module', '$course', 'Title', 'Words', 3, '$stamp', '$stamp') RETURNING *"),
	"$module|$course|Title|Words|3|$stamp|$stamp|{}||", 'modules, every column');
is(answer($service . "INSERT INTO lessons VALUES ('$lesson', '$module', 'Title', 'Words', 3, 600, 'upload', 'asset', 'playback', 'ready', true, '$stamp', '$stamp') RETURNING *"),
	"$lesson|$module|Title|Words|3|600|upload|asset|playback|ready|t|$stamp|$stamp||t|{}|t|||", 'lessons, every column');
is(answer($service . "INSERT INTO enrollments VALUES ('$course', '$ben', '$course', '$stamp') RETURNING *"),
	"$course|$ben|$course|$stamp|||f", 'enrollments, every column');
is(answer($service . "INSERT INTO content_progress VALUES ('$course', '$ben', '$lesson', 77, false, '$stamp') RETURNING *"),
	"$course|$ben|$lesson|77|f|$stamp|||{}|", 'content_progress, every column');

# Only what the plan requires: the plan's defaults.
is(answer($service . "INSERT INTO courses (title, slug) VALUES ('T', 's')
		RETURNING description, tier_required, is_published, sort_order, created_at = now(), updated_at = now(), num_nulls(thumbnail_url, stage, topic)"),
	'|free|f|0|t|t|3', 'courses, the plan\'s defaults');
is(answer($service . "INSERT INTO modules (course_id, title) VALUES ('$course', 'T')
		RETURNING description, sort_order, created_at = now(), updated_at = now()"),
	'|0|t|t', 'modules, the plan\'s defaults');
is(answer($service . "INSERT INTO lessons (module_id, title) VALUES ('$module', 'T')
		RETURNING description, sort_order, duration_seconds, mux_status, is_preview, created_at = now(), updated_at = now()"),
	'|0||pending|f|t|t', 'lessons, the plan\'s defaults');

# A learner through row-level security, as supabase-js writes.
my $enroll = "INSERT INTO enrollments (user_id, course_id) VALUES ('%s', '$course') RETURNING user_id, enrolled_at = now()";
is(answer(as_user($ann) . sprintf($enroll, $ann)), "$ann|t", 'a learner enrolls');
is(answer(as_user($ann) . sprintf($enroll, $ann)), '23505', 'once');
is(answer(as_user($ann) . sprintf($enroll, learner(3))), '42501', 'and nobody else');
is(answer(as_user($ann) . "INSERT INTO enrollments (id, user_id, course_id, enrolled_at)
		VALUES ('$course', '$ann', '$course', now()) ON CONFLICT (user_id, course_id) DO NOTHING"), '',
	'enrolling again may be ignored');

my $upsert = "INSERT INTO content_progress (user_id, lesson_id, watched_pct, completed, last_watched)
	VALUES ('%s', '$lesson', %d, %s, now())
	ON CONFLICT (user_id, lesson_id) DO UPDATE
	SET watched_pct = EXCLUDED.watched_pct, completed = EXCLUDED.completed, last_watched = EXCLUDED.last_watched
	RETURNING watched_pct, completed, last_watched = now()";
is(answer(as_user($ann) . sprintf($upsert, $ann, 40, 'false')), '40|f|t', 'the app\'s upsert inserts');
is(answer(as_user($ann) . sprintf($upsert, $ann, 95, 'true')), '95|t|t', 'the app\'s upsert updates');
is(answer(as_user($ann) . sprintf($upsert, $ben, 100, 'true')), '42501', 'not another learner\'s row');
is(answer(as_user($ann) . 'SELECT user_id, watched_pct FROM content_progress'), "$ann|95", 'a learner reads one row');
is(answer(as_user($ann) . "UPDATE content_progress SET watched_pct = 96 RETURNING watched_pct"), 96, 'updates it');
is(answer(as_user($ben) . 'SELECT watched_pct FROM content_progress'), 77, 'and leaves others\' as they are');
is(answer(as_user($ann) . 'DELETE FROM content_progress RETURNING watched_pct'), 96, 'deletes it');
is(answer('SELECT user_id FROM content_progress'), $ben, 'and no other');

# The plan's checks.
is(answer($service . "UPDATE courses SET tier_required = 'gold' WHERE id = '$course'"), '23514', 'a tier the plan does not have');
is(answer($service . "UPDATE lessons SET mux_status = 'lost' WHERE id = '$lesson'"), '23514', 'a status the plan does not have');
is(answer(as_user($ann) . sprintf($upsert, $ann, 101, 'true')), '23514', 'more than 100 percent');

# updated_at, for which the plan has the column: set by a change, and by nothing else.
foreach my $row ([ 'courses', $course ], [ 'modules', $module ], [ 'lessons', $lesson ])
{
	my ($table, $id) = @$row;

	is(answer($service . "UPDATE $table SET title = title WHERE id = '$id' RETURNING updated_at"), $stamp,
		"$table: updated_at stays when nothing changes");
	is(answer($service . "UPDATE $table SET title = 'New' WHERE id = '$id' RETURNING updated_at = now(), created_at"),
		"t|$stamp", "$table: updated_at moves when something does");
}

done_testing();
