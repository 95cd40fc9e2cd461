# 072_adoption: a database that ran the plan's migration becomes an extension
# install: no row is lost, all is as CREATE EXTENSION makes it; tables that are
# not the plan's are refused by name, and nothing is changed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('adoption');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $tests = "$FindBin::RealBin/..";
my @plans = grep { -f } "$tests/data/plan.sql", "$tests/../../shared/plan-schema.sql";
my $adopt = "BEGIN; CREATE EXTENSION content_library SCHEMA %s VERSION 'plan';
	ALTER EXTENSION content_library UPDATE; COMMIT";

# What fill() leaves of the plan's columns: rows of 40 learners.
sub plan_rows
{
	my ($database, $schema) = @_;
	my $added = "'{completion_threshold,metadata,is_open,is_sequential,access_period,unlock_at,unlock_after,is_required,expires_at,granted,position_seconds,progress_by,certificate_valid_for,watched,started_at}'";
	my @tables = qw(courses modules lessons enrollments content_progress);

	return $node->safe_psql($database, join ';', map
		{
			my $more = /courses|modules/ ? '' : /lessons/ ? " - 'is_published'" : " - 'completed_at'";
			"SELECT '$_', count(*), md5(string_agg((to_jsonb(t) - ${added}::text[]$more)::text, ',' ORDER BY id)) FROM $schema.$_ AS t"
		} @tables);
}

# Makes a database with the plan's tables in a schema, filled as an app would.
sub plan_database
{
	my ($database, $schema, $plan) = @_;

	new_database($node, $database);
	$node->safe_psql($database, "CREATE SCHEMA IF NOT EXISTS $schema;
		GRANT USAGE ON SCHEMA $schema TO anon, authenticated, service_role;
		SET search_path = $schema;" . slurp_file($plan) . "
		GRANT ALL ON ALL TABLES IN SCHEMA $schema TO anon, authenticated, service_role;");

	# The rows of another database with the extension, without what it adds.
	foreach my $table ('auth.users', 'academy.courses', 'academy.modules', 'academy.lessons', 'academy.enrollments', 'academy.content_progress')
	{
		my $target = $table =~ s/academy/$schema/r;
		my $columns = $node->safe_psql($database, "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
			FROM pg_attribute WHERE attrelid = '$target'::regclass AND attnum > 0");

		$node->safe_psql('filled', "COPY $table ($columns) TO '$folder/rows'");
		$node->safe_psql($database, "COPY $target ($columns) FROM '$folder/rows'");
	}
}

new_database($node, 'filled', 'academy');
fill($node, 'filled', 'academy');

foreach my $schema ('public', 'library')
{
	new_database($node, "fresh_$schema", $schema);
	foreach my $n (0 .. $#plans)
	{
		my $database = "plan_${schema}_$n";
		my $name = "$schema, plan $n";

		plan_database($database, $schema, $plans[$n]);
		my $before = plan_rows($database, $schema);
		like($before, qr/^content_progress\|600\|/m, "$name: there are rows to lose");
		$node->safe_psql($database, "CREATE TABLE public.notes (id int PRIMARY KEY, lesson_id uuid REFERENCES $schema.lessons ON DELETE CASCADE);
			INSERT INTO public.notes SELECT row_number() OVER (), id FROM $schema.lessons;
			CREATE VIEW public.published AS SELECT * FROM $schema.courses WHERE is_published");

		is($node->safe_psql($database, "BEGIN; CREATE EXTENSION content_library SCHEMA $schema VERSION 'plan';"
				. as_user(learner(1)) . "SELECT (SELECT count(*) FROM $schema.courses), (SELECT count(*) FROM $schema.content_progress); ROLLBACK"),
			'0|0', "$name: half-way the tables are locked");
		my ($code, $out, $err) = $node->psql($database, sprintf($adopt, $schema), on_error_stop => 1);
		is("$code$err", '0', "$name: taken in, without a word");
		is(plan_rows($database, $schema), $before, "$name: every row as it was");
		is($node->safe_psql($database, "SELECT * FROM $schema.content_library_check() WHERE object <> 'owner of the tables' AND object !~ '^(lesson|strict) '"), '', "$name: the check finds nothing");
		is($node->safe_psql($database, 'SELECT extversion FROM pg_extension WHERE extname = \'content_library\''), '1.0', "$name: version 1.0");

		# In use.
		is($node->safe_psql($database, as_user(learner(1)) . "SELECT count(*) FROM $schema.content_progress"),
			$node->safe_psql('filled', as_user(learner(1)) . 'SELECT count(*) FROM academy.content_progress'),
			"$name: a learner reads the same rows");
		is($node->safe_psql($database, as_user(learner(1)) . "BEGIN; SELECT p.watched_pct, p.completed
				FROM $schema.lessons AS l, $schema.record_progress(l.id, 91, 12) AS p WHERE l.title = 'Course 1, module 1, lesson 1'; ROLLBACK"),
			'91|t', "$name: and reports progress");
		is($node->safe_psql($database, "BEGIN; DELETE FROM $schema.lessons WHERE title LIKE 'Course 1, module 1%';
				SELECT count(*) FROM public.notes; SELECT count(*) FROM public.published; ROLLBACK"), "85\n5",
			"$name: a table and a view of the user's own hang on as before");
		is($node->safe_psql($database, "BEGIN;
				INSERT INTO $schema.content_progress (user_id, lesson_id, watched_pct, completed)
				SELECT '${\learner(1)}', l.id, 100, true FROM $schema.lessons AS l WHERE l.title LIKE 'Course 1, %'
				ON CONFLICT (user_id, lesson_id) DO UPDATE SET watched_pct = 100, completed = true;
				SELECT $schema.recompute_completion(id) FROM $schema.courses WHERE slug = 'course-1';
				SELECT completed_at >= now() FROM $schema.enrollments AS e JOIN $schema.courses AS c ON c.id = course_id
				WHERE slug = 'course-1' AND user_id = '${\learner(1)}'; ROLLBACK"), "0\nt",
			"$name: a course that was finished before can be claimed");

		# Dumped and restored.
		my $snapshot = snapshot($node, $database, $schema);
		$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", $database ], "$name: dumped");
		$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$folder/dump" ], "$name: restored");
		is(snapshot($node, 'restored', $schema), $snapshot, "$name: all as it was");
		is($node->safe_psql('restored', "SELECT count(*) FROM public.notes JOIN $schema.lessons ON lesson_id = lessons.id"), 90,
			"$name: with the user's own table");
		is($node->safe_psql('restored', "SELECT * FROM $schema.content_library_check() WHERE object <> 'owner of the tables' AND object !~ '^(lesson|strict) '"), '', "$name: the check finds nothing in the copy");
		$node->safe_psql('postgres', 'DROP DATABASE restored');

		# As a fresh install.
		$node->safe_psql($database, 'DROP TABLE public.notes; DROP VIEW public.published');
		is_deeply([ lines_that_differ(catalogs($node, "fresh_$schema"), catalogs($node, $database)) ], [], "$name: the catalogs are those of a fresh install");
	}
}

# Differences, each refused by its name; nothing is changed.
plan_database('odd', 'public', $plans[0]);
my $whole = catalogs($node, 'odd');
my %differences = (
	'ALTER TABLE courses ADD price numeric' => 'column courses.price: numeric; move its values to a table of your own and drop it',
	'ALTER TABLE lessons ADD metadata jsonb' => 'column lessons.metadata: jsonb; move its values to a table of your own and drop it',
	'ALTER TABLE lessons DROP COLUMN is_preview' => 'column lessons.is_preview: missing; make it: boolean NOT NULL DEFAULT false',
	'ALTER TABLE lessons ALTER duration_seconds TYPE bigint' => 'column lessons.duration_seconds: bigint; make it: integer',
	'ALTER TABLE modules ALTER description DROP NOT NULL' => q{column modules.description: text DEFAULT ''::text; make it: text NOT NULL DEFAULT ''::text},
	'ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_lesson_id_key' => 'constraint content_progress_user_id_lesson_id_key on content_progress: missing; make it: UNIQUE (user_id, lesson_id)',
	'ALTER TABLE courses ADD CONSTRAINT short CHECK (length(title) < 99)' => 'constraint short on courses: CHECK ((length(title) < 99)); drop it',
	'CREATE INDEX mine ON lessons (title)' => 'index mine on lessons: CREATE INDEX mine ON lessons USING btree (title); drop it; you may make it again afterwards',
	'DROP INDEX idx_courses_topic' => 'index idx_courses_topic on courses: missing; make it: CREATE INDEX idx_courses_topic ON courses USING btree (topic)',
	q{CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER stamp BEFORE UPDATE ON courses FOR EACH ROW EXECUTE FUNCTION f()} => 'trigger stamp on courses: CREATE TRIGGER stamp BEFORE UPDATE ON public.courses FOR EACH ROW EXECUTE FUNCTION public.f(); drop it; content_library keeps updated_at itself',
	'CREATE RULE r AS ON DELETE TO courses DO NOTHING' => 'rule r on courses: ',
	'CREATE POLICY "Users read own progress" ON courses USING (true)' => 'policy "Users read own progress" on courses: drop it',
	'ALTER TABLE lessons ADD CONSTRAINT enrollments_user_id_fkey CHECK (true)' => 'constraint enrollments_user_id_fkey on lessons: CHECK (true); drop it',
	'ALTER TABLE courses ALTER title TYPE text COLLATE "C"' => 'column courses.title: text COLLATE "C" NOT NULL; make it: text NOT NULL',
	'CREATE POLICY mine ON courses TO anon USING (true)' => 'policy mine on courses: drop it',
	'CREATE TABLE heir () INHERITS (courses)' => 'table courses: INHERITS; make it: an ordinary table',
	'ALTER TABLE content_progress SET UNLOGGED' => 'table content_progress: UNLOGGED; make it: an ordinary table',
	'GRANT SELECT ON courses TO pg_monitor' => 'the rights of pg_monitor on courses: REVOKE ALL ON public.courses FROM pg_monitor, and grant them again afterwards',
	'GRANT SELECT (title) ON courses TO pg_monitor' => 'the rights of pg_monitor on courses: REVOKE ALL ON public.courses FROM pg_monitor, and grant them again afterwards');

foreach my $change (sort keys %differences)
{
	my ($code, $out, $err) = $node->psql('odd', "BEGIN; $change; CREATE EXTENSION content_library VERSION 'plan'");

	like($err, qr/ERROR:  content_library cannot adopt tables that are not the plan's\nDETAIL:  \Q$differences{$change}\E/, $change);
	is(scalar(() = $err =~ /^[^\n]*: (?:missing|.*make it|.*drop it|REVOKE)/mg), 1, 'that alone') unless $change =~ /RULE/;
}
my ($code, $out, $err) = $node->psql('odd', "BEGIN; ALTER TABLE courses ADD price numeric; DROP INDEX idx_courses_topic; CREATE EXTENSION content_library VERSION 'plan'");
like($err, qr/column courses.price: .*\n.*idx_courses_topic on courses: missing/, 'all of them are named at once');
($code, $out, $err) = $node->psql('odd', "BEGIN; DROP TABLE content_progress; CREATE EXTENSION content_library VERSION 'plan'");
like($err, qr/relation "public.content_progress" does not exist/, 'a table that is missing');
is(catalogs($node, 'odd'), $whole, 'nothing was changed');

# Another's tables are not to be had.
$node->safe_psql('odd', 'CREATE ROLE thief; GRANT CREATE ON DATABASE odd TO thief; GRANT ALL ON SCHEMA public TO thief');
($code, $out, $err) = $node->psql('odd', "SET ROLE thief; CREATE EXTENSION content_library SCHEMA public VERSION 'plan'");
like($err, qr/the owner of courses: \w+; ALTER TABLE public.courses OWNER TO thief/, 'another\'s tables are refused');
is(catalogs($node, 'odd') =~ s/^GRANT .* TO thief;\n//mgr, $whole, 'nothing was changed');

# Their owner, who is no superuser, takes them in.
$node->safe_psql('odd', "ALTER TABLE $_ OWNER TO thief") foreach qw(courses modules lessons enrollments content_progress);
$node->safe_psql('odd', 'GRANT USAGE ON SCHEMA auth TO thief; GRANT SELECT, REFERENCES ON auth.users TO thief');
my $rows = plan_rows('odd', 'public');
($code, $out, $err) = $node->psql('odd', 'SET ROLE thief; ' . sprintf($adopt, 'public'), on_error_stop => 1);
is("$code$err", '0', 'their owner, who is no superuser, takes them in');
is(plan_rows('odd', 'public'), $rows, 'every row as it was');
is($node->safe_psql('odd', 'SET ROLE thief; SELECT * FROM content_library_check() WHERE object !~ $$^lesson $$'), '', 'the check finds nothing');

done_testing();
