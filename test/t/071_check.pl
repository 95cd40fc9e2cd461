# 071_check: what content_library_check() says of a dump is true: what it finds is
# lost in one, and what it does not find is kept.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('check');
my $schema = 'academy';
my $folder = PostgreSQL::Test::Utils::tempdir;
my $check = "SELECT severity, object FROM $schema.content_library_check()";

# Dumps a database and restores it into a new one; true if pg_restore was content.
sub copy
{
	my ($database, $copy) = @_;

	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", $database ], "$database is dumped");
	$node->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE template0");
	return run_log([ 'pg_restore', '-d', $node->connstr($copy), "$folder/dump" ]);
}

new_database($node, 'healthy', $schema);
fill($node, 'healthy', $schema);
is($node->safe_psql('healthy', $check), '', 'nothing is wrong');
ok(copy('healthy', 'healthy_copy'), 'restored');
is($node->safe_psql('healthy_copy', $check), '', 'nor in a restored database');

# Every kind of change that it finds is gone in a copy, but grants.
new_database($node, 'changed', $schema);
fill($node, 'changed', $schema);
$node->safe_psql('changed', <<'END');
SET search_path = academy;
CREATE INDEX mine ON courses (title);
DROP INDEX idx_courses_topic;
ALTER TABLE courses ADD CONSTRAINT mine CHECK (title <> 'x');
ALTER TABLE courses DROP CONSTRAINT courses_tier_required_check;
CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER mine BEFORE INSERT ON courses FOR EACH ROW EXECUTE FUNCTION mine();
CREATE RULE mine AS ON DELETE TO enrollments DO ALSO NOTHING;
ALTER TABLE lessons DISABLE TRIGGER set_updated_at;
CREATE POLICY mine ON courses TO anon USING (true);
SET client_min_messages = error;
CREATE PUBLICATION mine FOR TABLE lessons;
ALTER POLICY "Authenticated users can read modules" ON modules USING (false);
DROP POLICY "Authenticated users can read lessons" ON lessons;
ALTER TABLE modules DISABLE ROW LEVEL SECURITY;
ALTER TABLE lessons FORCE ROW LEVEL SECURITY;
ALTER TABLE content_progress SET UNLOGGED;
ALTER TABLE courses ALTER stage SET DEFAULT 'x';
GRANT TRUNCATE ON courses TO anon;
GRANT UPDATE (completed_at) ON enrollments TO authenticated;
GRANT EXECUTE ON FUNCTION course_report TO PUBLIC;
END
is($node->safe_psql('changed', $check), <<'END' =~ s/\n$//r, 'all that was changed is found');
error|column enrollments.completed_at
error|constraint courses_tier_required_check on courses
error|function course_report(course_id uuid)
error|policy "Authenticated users can read lessons" on lessons
error|policy "Authenticated users can read modules" on modules
error|policy mine on courses
error|row-level security of modules
error|storage of content_progress
error|table courses
warning|column courses.stage
warning|constraint mine on courses
warning|index idx_courses_topic on courses
warning|index mine on courses
warning|publication mine of lessons
warning|row-level security of the owner of lessons
warning|rule mine on enrollments
warning|trigger mine on courses
warning|trigger set_updated_at on lessons
END
ok(copy('changed', 'changed_copy'), 'restored, without an error');
# Since 18 pg_dump knows of the publication.
is($node->safe_psql('changed_copy', $check) =~ s/\nwarning\|publication .*//r, <<'END' =~ s/\n$//r, 'but for the grants all of it is gone');
error|column enrollments.completed_at
error|function course_report(course_id uuid)
error|table courses
END
is_deeply([ snapshot($node, 'changed_copy', $schema) =~ /^1 rows.*$/mg ], [ snapshot($node, 'changed', $schema) =~ /^1 rows.*$/mg ],
	'with every row');

# A table that was taken out of the extension, and put back.
new_database($node, 'less', $schema);
fill($node, 'less', $schema);
$node->safe_psql('less', "ALTER EXTENSION content_library DROP TABLE $schema.courses");
is($node->safe_psql('less', $check), 'error|table courses', 'a table was taken out');
ok(!copy('less', 'less_copy'), 'a restore fails');
$node->safe_psql('less', $node->safe_psql('less', "SELECT remedy FROM $schema.content_library_check()"));
is($node->safe_psql('less', $check), '', 'the remedy puts it back');
ok(copy('less', 'whole_copy'), 'and it is restored');
is($node->safe_psql('whole_copy', $check), '', 'as it should be');
is_deeply([ snapshot($node, 'whole_copy', $schema) =~ /^1 rows.*$/mg ], [ snapshot($node, 'less', $schema) =~ /^1 rows.*$/mg ],
	'with every row');

# A column that was added loses the rows.
new_database($node, 'wider', $schema);
fill($node, 'wider', $schema);
my ($code, $out, $err) = $node->psql('wider', "ALTER TABLE $schema.content_progress ADD notes text");
is($code, 0, 'a column is added');
like($err, qr/WARNING:  column content_progress\.notes: .* none of the table's rows can be loaded from the dump/, 'and answered with a warning');
is($node->safe_psql('wider', $check), 'error|column content_progress.notes', 'it is found');
ok(!copy('wider', 'wider_copy'), 'a restore fails');
is($node->safe_psql('wider_copy', "SELECT count(*) FROM $schema.content_progress"), 0, 'and no row is there');

done_testing();
