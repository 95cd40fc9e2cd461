# 051_standby: a streaming standby answers every function that never writes as the
# primary does, and refuses the others with the server's own error; promoted, it
# has all that was there and goes on writing, in a session that was open before, too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $ann = learner(1);
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->start;
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

new_database($primary, 'app', 'public');
fill($primary, 'app', 'public');
my ($course, $module, $lesson, $video, $upload) = map { $primary->safe_psql('app', $_) }
	"SELECT id FROM courses WHERE slug = 'course-1'",
	"SELECT id FROM modules WHERE title = 'Course 1, module 3'",
	"SELECT id FROM lessons WHERE title = 'Course 1, module 3, lesson 1'",
	map { "SELECT $_ FROM lessons WHERE title = 'Course 1, module 1, lesson 1'" } qw(id mux_upload_id);
$primary->safe_psql('app', "UPDATE lessons SET duration_seconds = 60 WHERE id = '$lesson'");
my $event = sub { qq({"type": "video.asset.ready", "id": "$_[0]", "data": {"id": "asset", "upload_id": "$upload",
	"playback_ids": [{"id": "play", "policy": "signed"}]}}) };
$primary->safe_psql('app', qq(SELECT mux_apply_event('{"type": "video.upload.created", "id": "upload", "data": {"id": "$upload"}}'),
	mux_apply_event('${\$event->('first')}')));

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
}

my $as_learner = as_user($ann);
my $as_service = "SET ROLE service_role;\n";

# A call of each function, as whom it is for.
my %calls = (
	completion_threshold => $as_learner . "SELECT completion_threshold('$lesson')",
	content_library_check => $as_service . 'SELECT * FROM content_library_check()',
	content_library_findings => 'SELECT * FROM content_library_findings(NULL)',
	content_library_is_staff => $as_learner . "SELECT content_library_is_staff('$course', 'viewer')",
	content_library_mux_latest => $as_service . "SELECT * FROM content_library_mux_latest('upload', '$upload')",
	content_library_mux_policies => $as_service . 'SELECT content_library_mux_policies()',
	content_library_mux_read => $as_service . "SELECT content_library_mux_read('${\$event->('second')}')",
	content_library_mux_video => $as_service . "SELECT * FROM content_library_mux_video('$video', '$upload', NULL, NULL, NULL)",
	content_library_reads_lesson => $as_learner . "SELECT content_library_reads_lesson('$module', true, false)",
	content_library_sees_course => $as_learner . "SELECT content_library_sees_course('$course')",
	content_library_strict => 'SELECT content_library_strict()',
	continue_watching => $as_learner . 'SELECT * FROM continue_watching(1000)',
	course_completion => $as_learner . "SELECT course_completion('$course')",
	course_outline => $as_learner . "SELECT course_outline('$course')",
	course_progress => $as_learner . 'SELECT * FROM course_progress()',
	course_report => $as_service . "SELECT * FROM course_report('$course')",
	course_summary => $as_service . "SELECT * FROM course_summary('$course')",
	certificate_credential => $as_service . "SELECT certificate_credential('0000-0000-0001', '{\"id\": \"https://example.com\"}')",
	verify_certificate => "SET ROLE anon;\nSELECT * FROM verify_certificate('0000-0000-0001')",
	lesson_report => $as_service . "SELECT * FROM lesson_report('$course')",
	lesson_retention => $as_service . "SELECT * FROM lesson_retention('$lesson')",
	mux_playback_claims => $as_learner . "SELECT mux_playback_claims('$video') - 'exp'",
	mux_state => $as_service . "SELECT * FROM mux_state('$upload')",
	mux_verify_signature => $as_service . "SELECT mux_verify_signature('{}', 't=1,v1=00', '{secret}')",
	next_lesson => $as_learner . "SELECT next_lesson('$course')",

	content_library_attach => 'SELECT content_library_attach()',
	enroll => $as_learner . "SELECT enroll('$course')",
	copy_course => $as_service . "SELECT copy_course('$course', 'copy')",
	issue_certificate => $as_service . "SELECT issue_certificate(course_id, user_id, 'Ann') FROM (SELECT * FROM enrollments WHERE completed_at IS NOT NULL LIMIT 1) AS e",
	revoke_certificate => $as_service . "SELECT revoke_certificate('0000-0000-0002', 'a test')",
	move_lesson => $as_service . "SELECT move_lesson('$lesson', '$module')",
	move_module => $as_service . "SELECT move_module('$module')",
	mux_apply_event => $as_service . "SELECT mux_apply_event('${\$event->('second')}')",
	mux_begin_upload => $as_service . "SELECT mux_begin_upload('$lesson', 'another')",
	recompute_completion => $as_service . "SELECT recompute_completion('$course')",
	record_progress => $as_learner . "SELECT watched_pct, completed FROM record_progress('$lesson', 95)",
	record_progress_batch => $as_learner
	  . "SELECT watched_pct FROM record_progress_batch(jsonb_build_array(jsonb_build_object('lesson_id', '$lesson', 'watched_pct', 96)))",
	reset_progress => $as_learner . "SELECT reset_progress('$course')",
	unenroll => $as_service . "SELECT unenroll('$course', '${\learner(1)}')");

# All functions that can be called, with a letter for their volatility.
my %volatility = map { split /\|/ } split /\n/, $primary->safe_psql('app',
	"SELECT p.proname, p.provolatile FROM pg_proc AS p
	 JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	 JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'content_library'
	 WHERE p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)");
is_deeply([ sort keys %calls ], [ sort keys %volatility ], 'there is a call here of every function');

catch_up();
foreach my $function (sort keys %volatility)
{
	my ($code, $out, $err) = $standby->psql('app', "\\set VERBOSITY verbose\n$calls{$function};");

	if ($volatility{$function} eq 'v')
	{
		like($err, qr/ERROR:  25006: cannot execute .* (in a read-only transaction|during recovery)/,
			"$function is refused");
		is($out, '', "$function answers nothing");
	}
	else
	{
		is($err, '', "$function answers");
		is($out, $primary->safe_psql('app', $calls{$function}), "$function answers as the primary does");
		isnt($out, '', "$function has something to say") if $function !~ /check|findings/;
	}
}

# Nobody sees more there than here.
my ($code, $out, $err) = $standby->psql('app', $as_learner . "SELECT * FROM course_progress('${\learner(3)}')");
like($err, qr/ERROR:  user_id .* is not the user signed in/, 'the standby keeps to the rights, too');
is($standby->safe_psql('app', $as_learner . "SELECT count(*) FROM content_progress WHERE user_id <> '$ann'"), 0,
	'and to the policies');

# A session that has plans of before the promotion.
my ($in, $answer, $error) = ('', '', '');
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $standby->connstr('app') ], '<', \$in, '>', \$answer, '2>', \$error);

sub ask
{
	my ($query) = @_;

	($answer, $error) = ('', '');
	$in .= "$query;\n\\echo done\n\\warn done\n";
	$session->pump until $answer =~ /^done$/m && $error =~ /^done$/m;
	return $answer =~ s/^done\n\z//mr;
}

ask($as_learner);
is(ask("SELECT course_completion('$course')"), $primary->safe_psql('app', $calls{course_completion}) . "\n",
	'a session on the standby asks');
ask("SELECT watched_pct FROM record_progress('$lesson', 95)");
like($error, qr/ERROR:  cannot execute .* in a read-only transaction/, 'and is refused a report');

# The last of the primary: reports that the standby has; then it is gone.
is($primary->safe_psql('app', $as_learner . "SELECT watched_pct FROM record_progress('$lesson', 42)"), 42, 'a last report');
my $before = snapshot($primary, 'app', 'public');
catch_up();
$primary->stop('immediate');
$standby->promote;

is(snapshot($standby, 'app', 'public'), $before, 'promoted: all as it was');
is(ask("SELECT watched_pct FROM record_progress('$lesson', 41)"), "42\n", 'the open session reports, and nothing goes back');
is(ask("SELECT watched_pct, completed FROM record_progress('$lesson', 95)"), "95|t\n", 'it writes');
$session->finish;
foreach my $function (grep { $volatility{$_} eq 'v' } sort keys %volatility)
{
	my ($code, $out, $err) = $standby->psql('app', $calls{$function});

	is($code, 0, "$function writes after the promotion") or diag $err;
}

done_testing();
