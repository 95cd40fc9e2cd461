# 093_out_of_memory: a call that finds no memory ends with 53200, and the session
# and the server go on, with nothing of it left behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('memory');
new_database($node, 'app', 'public');
fill($node, 'app', 'public');
my ($course) = $node->safe_psql('app', "SELECT id FROM courses WHERE slug = 'course-1'");
my $me = learner(1);
# One course page of 150 MB; a batch beside it that needs little.
$node->safe_psql('app', "UPDATE lessons AS l SET description = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 160000) AS n)
	FROM modules AS m WHERE m.id = l.module_id AND m.course_id = '$course'");
$node->safe_psql('app', "SET session_replication_role = replica;
	INSERT INTO enrollments (user_id, course_id) VALUES ('$me', '$course') ON CONFLICT DO NOTHING");

# What backends that start from now on may have, beyond what each has at its start:
# the soft limit, which goes up again.
my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
my ($size) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+) kB/m;
run_log([ 'prlimit', "--pid=$pid", '--as=' . ($size + 60_000) * 1024 . ':' ]);

my ($code, $out, $err) = $node->psql('app', as_user($me) . <<"END", on_error_stop => 0);
\\set VERBOSITY verbose
SELECT length(course_outline('$course')::text);
SELECT course_completion('$course');
SELECT count(*) FROM record_progress_batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', id, 'watched_pct', 100)) FROM lessons));
SELECT completed FROM content_progress WHERE user_id = '$me' LIMIT 1;
END
like($err, qr/ERROR:  53200: out of memory/, 'no memory for the page');
like($out, qr/^\d+$/m, 'the session answers');
unlike(slurp_file($node->logfile), qr/was terminated|PANIC/, 'the server stands');

# With memory again, it is as before.
run_log([ 'prlimit', "--pid=$pid", '--as=unlimited:' ]);
is($node->safe_psql('app', as_user($me) . "SELECT length(course_outline('$course')::text) > 70000000"), 't', 'the page, with memory');

done_testing();
