# 034_altered_tables: whatever the owner does to the tables' columns, or to functions, a call of
# a function answers or fails; it never reads memory as what it is not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('altered');
my $learner = learner(2);
new_database($node, 'app', 'public');
fill($node, 'app', 'public');
# It would look at each change, and takes its time.
$node->safe_psql('app', 'ALTER EVENT TRIGGER content_library_warn_of_columns DISABLE');

# What depends on a column's type, or would refuse a NULL, and every function by
# learner and service, each in a subtransaction of its own.
$node->safe_psql('app', <<"END_OF_SQL");
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;
CREATE PROCEDURE t.loosen() LANGUAGE plpgsql AS \$\$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT format('DROP POLICY %I ON %s', polname, polrelid::regclass) FROM pg_policy
		UNION ALL
		SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL
		SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
		WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace AND conrelid <> 0
	LOOP
		EXECUTE command;
	END LOOP;
	ALTER TABLE courses DISABLE ROW LEVEL SECURITY;
END \$\$;
CREATE TABLE t.ids AS SELECT c.id AS course, m.id AS module, l.id AS lesson, o.id AS other
FROM courses AS c JOIN modules AS m ON m.course_id = c.id AND m.sort_order = 1
JOIN lessons AS l ON l.module_id = m.id AND l.sort_order = 3
JOIN lessons AS o ON o.module_id = m.id AND o.sort_order = 1
WHERE c.slug = 'course-2';
GRANT SELECT ON t.ids TO PUBLIC;
CREATE FUNCTION t.calls() RETURNS SETOF text LANGUAGE plpgsql AS \$\$
DECLARE
	i t.ids := (SELECT ids FROM t.ids);
	call text;
	said text;
BEGIN
	FOREACH call IN ARRAY ARRAY['course_progress(\$1)', 'course_outline(\$2, \$1)', 'course_completion(\$2, \$1)', 'next_lesson(\$2, \$1)',
		'continue_watching(10, \$1)', 'completion_threshold(\$4)', 'record_progress(\$4, 100, 5, \$1)', 'record_progress(\$5, 7, 5, \$1)',
		'record_progress_batch(jsonb_build_array(jsonb_build_object(''lesson_id'', \$4, ''watched_pct'', 97),
			jsonb_build_object(''lesson_id'', \$5, ''watched_pct'', 98, ''position_seconds'', 3)), \$1)',
		'reset_progress(\$2, \$1, true)', 'reset_progress(\$2, \$1)', 'record_progress_batch(jsonb_build_array(jsonb_build_object(''lesson_id'', \$4, ''watched_pct'', 97)), \$1)',
		'enroll(\$2, \$1)', 'course_report(\$2)', 'course_report(\$2, 1, \$1)', 'course_summary(\$2)', 'lesson_report(\$2)', 'lesson_retention(\$4)', 'move_lesson(\$4, \$3)', 'move_module(\$3)', 'copy_course(\$2, gen_random_uuid()::text)', 'recompute_completion(\$2)',
		'verify_certificate(''0000-0000-0001'')', 'certificate_credential(''0000-0000-0001'', ''{"id": "urn:x"}'')', 'issue_certificate(\$2, \$1, ''Ann'')', 'revoke_certificate(''0000-0000-0001'', ''a test'')']
	LOOP
		BEGIN
			EXECUTE format('SELECT string_agg(f::text, '''') FROM %s AS f', call) USING '$learner'::uuid, i.course, i.module, i.lesson, i.other;
			said := 'ok';
		EXCEPTION WHEN OTHERS THEN
			said := SQLSTATE || ' ' || SQLERRM;
		END;
		RETURN NEXT format('%s: %s', substr(call, 1, strpos(call, '(') - 1), said);
	END LOOP;
END \$\$;
END_OF_SQL

my $calls = as_user($learner) . 'SELECT t.calls(); RESET ROLE;' . "SET request.jwt.claims = ''; SET ROLE service_role; SELECT t.calls(); RESET ROLE;";

# What the calls answer after each of some changes, which are taken back; all in
# one session, so that plans kept from before meet the change. A change that the
# server itself refuses is no change.
sub after
{
	my ($code, $out, $err) = $node->psql('app', join('', map { "BEGIN; CALL t.loosen(); $_; $calls ROLLBACK;\n" } 'SELECT 1', @_), on_error_stop => 0);

	die "the session ended: $err" if $code;
	return "$out$err";
}

like(after(), qr/^course_progress: ok$/m, 'the calls answer before');
my %columns = map { my ($table, $column, $type) = split /\|/; ("$table.$column" => $type) } split /\n/, $node->safe_psql('app', <<'END_OF_SQL');
SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute
WHERE attnum > 0 AND attrelid IN ('courses'::regclass, 'modules'::regclass, 'lessons'::regclass, 'enrollments'::regclass, 'content_progress'::regclass, 'certificates'::regclass)
END_OF_SQL
cmp_ok(scalar(keys %columns), '>', 45, 'there are columns to alter');

my %types = (bigint => 'hashtextextended(%s::text, 0)', integer => 'hashtext(%s::text)', text => '%s::text', boolean => '(%s IS NULL)', bytea => '%s::text::bytea');
my @changes;
foreach my $column (sort keys %columns)
{
	my ($table, $name) = split /\./, $column;

	push @changes, map { "ALTER TABLE $table ALTER $name DROP DEFAULT; ALTER TABLE $table ALTER $name TYPE $_ USING " . sprintf($types{$_}, $name) }
		grep { $_ ne $columns{$column} } sort keys %types;
	push @changes, "ALTER TABLE $table DROP CONSTRAINT IF EXISTS ${table}_pkey CASCADE; ALTER TABLE $table ALTER $name DROP NOT NULL; UPDATE $table SET $name = NULL";
	# Another relation in the table's place.
	push @changes, "ALTER TABLE $table RENAME TO the_true_one; CREATE VIEW $table AS SELECT " .
		join(', ', map { my ($t, $c) = split /\./; $c eq $name ? "7 AS $c" : $c } grep { /^$table\./ } sort keys %columns) . ' FROM the_true_one';
}
my $said = after(@changes);
is(join("\n", $said =~ /.*XX000.*/g), '', 'no change leads to an internal error');
my $refused = () = $said =~ /: (42804|23502|55000) /g;
cmp_ok($refused, '>', 50, "what has another type, or is NULL, is refused: $refused times");

# Triggers that write another row than was reported.
my @triggers;
foreach my $change (
	"NEW.lesson_id := (SELECT l.id FROM public.lessons AS l WHERE l.id <> NEW.lesson_id LIMIT 1); RETURN NEW;",
	"NEW.lesson_id := (SELECT i.other FROM t.ids AS i); RETURN NEW;",
	"NEW.user_id := '${\learner(3)}'; RETURN NEW;",
	'RETURN NULL;')
{
	foreach my $table (qw(content_progress enrollments lessons modules courses))
	{
		next if $change =~ /NEW/ && $table ne 'content_progress';
		push @triggers, "CREATE FUNCTION t.change() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $change END \$\$;
			CREATE TRIGGER change BEFORE INSERT OR UPDATE ON $table FOR EACH ROW EXECUTE FUNCTION t.change()";
	}
}
$said = after(@triggers);
is(join("\n", $said =~ /.*XX000.*/g), '', 'no trigger does');
foreach my $missing (
	[ 'lessons', 'mux_status', 'text', "UPDATE lessons SET mux_upload_id = 'u'" ],
	[ 'content_progress', 'lesson_id', 'uuid', 'UPDATE content_progress SET completed = NOT completed' ],
	[ 'enrollments', 'completed_at', 'timestamp with time zone', "INSERT INTO enrollments (user_id, course_id) SELECT '${\learner(3)}', course FROM t.ids" ])
{
	my ($table, $column, $type, $change) = @$missing;
	my ($code, $out, $err) = $node->psql('app', "BEGIN; ALTER TABLE $table RENAME $column TO another; $change");

	like($err, qr/ERROR:  content_library finds no column "$column" of type $type in "$table"$/m, "a trigger without $table.$column");
}
# A function of ours that answers with other types.
foreach my $answer (
	[ 'integer', 'jsonb', q{record LANGUAGE sql AS $$ SELECT 'e', 'upload', 'u', NULL::text, 'ready', now(), NULL::jsonb, 7, 8, NULL::uuid $$} ],
	[ 'nothing', 'text', 'record LANGUAGE plpgsql AS $$ DECLARE nothing record; BEGIN SELECT INTO nothing; RETURN nothing; END $$' ],
	[ 'integer', 'record', 'integer LANGUAGE sql AS $$ SELECT 8 $$' ])
{
	my ($found, $expected, $function) = @$answer;
	my ($code, $out, $err) = $node->psql('app', <<"END_OF_SQL");
BEGIN;
ALTER EXTENSION content_library DROP FUNCTION content_library_mux_read(jsonb);
DROP FUNCTION content_library_mux_read(jsonb);
CREATE FUNCTION content_library_mux_read(event jsonb) RETURNS $function;
ALTER EXTENSION content_library ADD FUNCTION content_library_mux_read(jsonb);
SELECT mux_apply_event('{}');
END_OF_SQL

	like($err, qr/ERROR:  content_library reads $found where it expects $expected$/m, "a function that answers with $found");
}
my ($code, $out, $err) = $node->psql('app', "BEGIN; $triggers[0]; " . as_user($learner) .
	"SELECT record_progress_batch(jsonb_build_array(jsonb_build_object('lesson_id', other, 'watched_pct', 98))) FROM t.ids; ROLLBACK", on_error_stop => 0);
like($err, qr/the progress on lesson .* was not written as reported/, 'a batch whose rows become others is refused');
is($node->safe_psql('app', 'SELECT 1'), '1', 'the server is there');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'and has been all the time');

done_testing();
