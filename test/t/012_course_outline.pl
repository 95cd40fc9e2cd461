# 012_course_outline: what course_outline() returns has the form that
# docs/course_outline.schema.json promises, and the schema lets nothing else by.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::XS;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $schema_file = "$FindBin::RealBin/../../docs/course_outline.schema.json";
my $folder = PostgreSQL::Test::Utils::tempdir;
my $json = JSON::XS->new->canonical->allow_nonref;
my $node = start_node('outline');

# Reads documents, one a line; prints of each "valid", or the place of its first fault.
my $validator = <<'END';
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for line in open(sys.argv[2]):
    faults = sorted(validator.iter_errors(json.loads(line)), key=lambda fault: [str(step) for step in fault.path])
    print("/".join(str(step) for step in faults[0].path) + ": " + faults[0].message if faults else "valid")
END

# What the validator says of documents.
sub verdicts
{
	my ($name, @documents) = @_;

	append_to_file("$folder/$name", join('', map { "$_\n" } @documents));
	# Debian's own python3 is the one that has its packages.
	my ($out, $err) = run_command([ '/usr/bin/python3', '-c', $validator, $schema_file, "$folder/$name" ]);
	BAIL_OUT("no verdicts: $err") if split(/\n/, $out) != @documents;
	return split /\n/, $out;
}

new_database($node, 'app', 'public');

# 60 random courses, seeded; course 1 is empty, the first module of each third is,
# and all that can be NULL sometimes is. Learner 1 to 4 are enrolled in most.
$node->safe_psql('app', LibraryTest::users_sql() . <<'END');
SELECT setseed(0.25);
INSERT INTO courses (title, description, slug, thumbnail_url, stage, topic, tier_required, is_published, metadata)
SELECT 'Course "' || n || '" \ ä', 'of' || chr(10) || n, 'course-' || n,
	CASE WHEN random() < 0.5 THEN 'https://example.com/' || n END, CASE WHEN random() < 0.5 THEN 'stage' END,
	CASE WHEN random() < 0.5 THEN 'topic' END, (ARRAY['free', 'pro', 'studio'])[1 + n % 3], true,
	CASE WHEN random() < 0.5 THEN '{}' ELSE '{"level": [1, null, {"a": "b"}]}' END::jsonb
FROM generate_series(1, 60) AS n;
INSERT INTO modules (course_id, title, sort_order)
SELECT id, slug || '/' || n, n FROM courses, generate_series(1, 3) AS n
WHERE slug <> 'course-1' AND (n = 1 OR random() < 0.6);
INSERT INTO lessons (module_id, title, sort_order, duration_seconds, mux_playback_id, mux_status, is_preview, is_required)
SELECT m.id, m.title || '/' || n, n, CASE WHEN random() < 0.7 THEN 600 END, CASE WHEN random() < 0.8 THEN 'play' || n END,
	(ARRAY['pending', 'processing', 'ready', 'error'])[1 + floor(random() * 4)::int], random() < 0.2, random() < 0.7
FROM modules AS m, generate_series(1, 4) AS n
WHERE (m.sort_order > 1 OR substr(m.title, 8, 2) !~ '[369]/?$') AND random() < 0.8;
INSERT INTO enrollments (user_id, course_id)
SELECT u.id, c.id FROM auth.users AS u, courses AS c WHERE u.email ~ 'learner[1-4]@' AND random() < 0.75;
SET ROLE service_role;
SELECT count(record_progress(l.id, CASE WHEN random() < 0.7 THEN 100 ELSE floor(90 * random())::int END,
	CASE WHEN random() < 0.6 THEN floor(random() * 600)::int END, e.user_id))
FROM enrollments AS e JOIN modules AS m USING (course_id) JOIN lessons AS l ON l.module_id = m.id
WHERE random() < 0.75;
RESET ROLE;
-- Learner 4 has begun nothing, so that locks close something.
DELETE FROM content_progress WHERE user_id = (SELECT id FROM auth.users WHERE email ~ 'learner4@');
UPDATE enrollments SET completed_at = NULL WHERE user_id = (SELECT id FROM auth.users WHERE email ~ 'learner4@');
UPDATE courses SET is_sequential = true WHERE slug ~ '[258]$';
UPDATE modules SET unlock_after = '1 year' WHERE title ~ '0/1$';
UPDATE lessons SET unlock_at = CASE WHEN random() < 0.5 THEN 'infinity' ELSE '2100-01-01 12:00:00.5+00' END::timestamptz WHERE title ~ '[147]/1/[23]$';
UPDATE lessons SET is_published = false WHERE title ~ '[147]/1/4$';
UPDATE enrollments SET granted = random() < 0.3,
	expires_at = (ARRAY[now(), NULL, 'infinity', '2100-01-01 12:00:00+00'])[1 + floor(random() * 4)::int];
END

# As the learner herself, one document a line.
my @documents = map
{
	split /\n/, $node->safe_psql('app', "SET TimeZone = '" . ('UTC', 'Asia/Kolkata', 'America/Lima', 'Asia/Tokyo', 'UTC')[ $_ - 1 ] . "';\n"
		  . as_user(learner($_)) . 'SELECT course_outline(id) FROM courses ORDER BY slug')
} 1 .. 5;
my @outlines = map { $json->decode($_) } @documents;
my @lessons = map { @{ $_->{lessons} } } map { @{ $_->{modules} } } @outlines;

is(scalar @documents, 300, 'five learners ask for 60 courses');

# Every kind of document is among them, so that the verdict says something.
my %kinds = (
	'an empty course' => scalar(grep { !@{ $_->{modules} } } @outlines),
	'an empty module' => scalar(grep { !@{ $_->{lessons} } } map { @{ $_->{modules} } } @outlines),
	'no required lesson' => scalar(grep { !defined $_->{completion} } @outlines),
	'not enrolled' => scalar(grep { !$_->{enrolled} } @outlines),
	'a completed course' => scalar(grep { defined $_->{completed_at} && $_->{completion} == 100 } @outlines),
	'a course half way' => scalar(grep { $_->{completion} && $_->{completion} < 100 } @outlines),
	'a preview to a stranger' => scalar(grep { $_->{is_preview} && defined $_->{mux_playback_id} }
		  map { @{ $_->{lessons} } } map { @{ $_->{modules} } } grep { !$_->{enrolled} } @outlines),
	'an optional lesson' => scalar(grep { !$_->{is_required} } @lessons),
	'an end of access' => scalar(grep { defined $_->{expires_at} && $_->{expires_at} ne 'infinity' } @outlines),
	'access without an end' => scalar(grep { ($_->{expires_at} // '') eq 'infinity' } @outlines),
	'a lesson that is open' => scalar(grep { !defined $_->{locked} && !$_->{is_preview} } @lessons),
	'a lesson that never opens' => scalar(grep { defined $_->{locked} && ($_->{locked}{unlocks_at} // '') eq 'infinity' } @lessons),
	(map { my $reason = $_; ("a lesson closed by $reason" => scalar(grep { defined $_->{locked} && $_->{locked}{reason} eq $reason } @lessons)) }
		  qw(not_enrolled expired tier date sequence)),
	'a lesson with a position' => scalar(grep { defined $_->{position_seconds} } @lessons),
	map { my $status = $_; ("a lesson $status" => scalar(grep { $_->{status} eq $status } @lessons)) }
	  qw(not_started in_progress completed));
cmp_ok($kinds{$_}, '>', 0, "there is $_") foreach sort keys %kinds;

is(scalar(grep { defined $_->{mux_playback_id} && !$_->{is_preview} }
		  map { @{ $_->{lessons} } } map { @{ $_->{modules} } } grep { !$_->{enrolled} } @outlines),
	0, 'no playback id for those who may not watch');

my @invalid = grep { $_ ne 'valid' } verdicts('outlines', @documents);
is(join("\n", @invalid), '', 'every document is valid');

# One fault each in a good document: each is found, and where it is.
my ($good) = grep { $_->{enrolled} && @{ $_->{modules} } && @{ $_->{modules}[0]{lessons} } && $_->{required_lessons}
	  && !defined $_->{modules}[0]{lessons}[0]{mux_playback_id} } @outlines;
my %faults = (
	'a key too many' => [ sub { $_[0]{extra} = 1 }, '' ],
	'in a module' => [ sub { $_[0]{modules}[0]{extra} = 1 }, 'modules/0' ],
	'in a lesson' => [ sub { $_[0]{modules}[0]{lessons}[0]{module_id} = 1 }, 'modules/0/lessons/0' ],
	'an unknown status' => [ sub { $_[0]{modules}[0]{lessons}[0]{status} = 'done' }, 'modules/0/lessons/0/status' ],
	'101 percent' => [ sub { $_[0]{modules}[0]{lessons}[0]{watched_pct} = 101 }, 'modules/0/lessons/0/watched_pct' ],
	'a percentage as text' => [ sub { $_[0]{completion} = '50' }, 'completion' ],
	'a percentage of nothing' => [ sub { @{ $_[0] }{qw(required_lessons completed_lessons)} = (0, 0) }, 'completion' ],
	'no percentage' => [ sub { $_[0]{completion} = undef }, 'completion' ],
	'an unknown reason' => [ sub { $_[0]{modules}[0]{lessons}[0]{locked} = { reason => 'away', unlocks_at => undef } }, 'modules/0/lessons/0/locked' ],
	'a date without a time' => [ sub { $_[0]{modules}[0]{lessons}[0]{locked} = { reason => 'date', unlocks_at => undef } }, 'modules/0/lessons/0/locked' ],
	'a playback id of a closed lesson' => [ sub { @{ $_[0]{modules}[0]{lessons}[0] }{qw(locked mux_playback_id)}
		= ({ reason => 'tier', unlocks_at => undef }, 'play') }, 'modules/0/lessons/0/mux_playback_id' ],
	'an end of access that is no time' => [ sub { $_[0]{expires_at} = 'soon' }, 'expires_at' ],
	'a time of day' => [ sub { $_[0]{completed_at} = '12:30' }, 'completed_at' ],
	'no array' => [ sub { $_[0]{modules} = {} }, 'modules' ],
	(map { my $key = $_; ("no $key" => [ sub { delete $_[0]{$key} }, '' ]) } keys %$good),
	(map { my $key = $_; ("a lesson without $key" => [ sub { delete $_[0]{modules}[0]{lessons}[0]{$key} }, 'modules/0/lessons/0' ]) }
		  keys %{ $good->{modules}[0]{lessons}[0] }));
my @names = sort keys %faults;
my @broken = map
{
	my $document = $json->decode($json->encode($good));
	$faults{$_}[0]->($document);
	$json->encode($document);
} @names;
my @found = verdicts('broken', @broken);

like($found[$_], qr/^\Q$faults{$names[$_]}[1]\E: /, "refused: $names[$_]") foreach 0 .. $#names;

done_testing();
