# 026_certificate_credential: what certificate_credential() returns is a credential of
# Open Badges 3.0: as this test says what the standard demands, and by the published
# schema itself where ../shared has it (it is not this project's to distribute).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::XS;
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $published = "$FindBin::RealBin/../../../shared/open-badges/ob_v3p0_achievementcredential_schema.json";
my $folder = PostgreSQL::Test::Utils::tempdir;
my $json = JSON::XS->new->canonical;

# A property that is an array of texts with this one among them, and others of JSON Schema.
sub includes { return { type => 'array', items => { type => 'string' }, contains => { const => $_[0] } } }
sub object { my ($properties) = @_; return { type => 'object', required => [ sort keys %$properties ], properties => $properties } }
my $text = { type => 'string', minLength => 1 };
my $uri = { type => 'string', pattern => '^[a-z]+:[^ ]+$' };
my $time = { type => 'string', pattern => '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' };

# What the standard demands of a credential without a proof, and what ours have besides.
my $demanded = object({
	'@context' => { type => 'array', minItems => 2, items => [
		{ const => 'https://www.w3.org/ns/credentials/v2' },
		{ type => 'string', pattern => '^https://purl[.]imsglobal[.]org/spec/ob/v3p0/context(-3[.]\d[.]\d)*[.]json$' } ] },
	id => $uri,
	type => { allOf => [ includes('VerifiableCredential'), includes('OpenBadgeCredential') ] },
	name => $text,
	issuer => object({ id => $uri, type => includes('Profile') }),
	validFrom => $time,
	credentialSubject => object({
		type => includes('AchievementSubject'),
		identifier => { type => 'array', minItems => 1, items => object({
			type => { const => 'IdentityObject' }, hashed => { type => 'boolean' }, identityHash => $text, identityType => { const => 'name' } }) },
		licenseNumber => $text,
		activityEndDate => $time,
		achievement => object({ id => $uri, type => includes('Achievement'), name => $text, description => $text,
			criteria => object({ narrative => $text }), achievementType => { const => 'CertificateOfCompletion' } }) }) });
$demanded->{'$schema'} = 'https://json-schema.org/draft/2019-09/schema';
$demanded->{properties}{validUntil} = $time;
append_to_file("$folder/demanded.json", $json->encode($demanded));

# Reads documents, one a line; prints of each "valid", or the place of its first fault.
my $validator = <<'END';
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
validator = jsonschema.Draft201909Validator(schema, format_checker=jsonschema.FormatChecker())
for line in open(sys.argv[2]):
    faults = sorted(validator.iter_errors(json.loads(line)), key=lambda fault: [str(step) for step in fault.path])
    print("/".join(str(step) for step in faults[0].path) + ": " + faults[0].message if faults else "valid")
END

# What the validator says of documents by a schema.
sub verdicts
{
	my ($schema, $name, @documents) = @_;

	unlink("$folder/$name");
	append_to_file("$folder/$name", join('', map { "$_\n" } @documents));
	# Debian's own python3 is the one that has its packages.
	my ($out, $err) = run_command([ '/usr/bin/python3', '-c', $validator, $schema, "$folder/$name" ]);
	BAIL_OUT("no verdicts: $err") if split(/\n/, $out) != @documents;
	return split /\n/, $out;
}

# Certificates of both kinds, with and without an end, of a course that is gone, and an issuer of each form.
my $node = start_node('credential');
new_database($node, 'app', 'public');
$node->safe_psql('app', LibraryTest::users_sql() . <<'END');
INSERT INTO courses (title, slug, certificate_valid_for)
SELECT 'Course "' || n || '" \ ä' || chr(10), 'course-' || n, (ARRAY['1 year', NULL, '9000 years', '1 day'])[n]::interval FROM generate_series(1, 4) AS n;
INSERT INTO enrollments (user_id, course_id, completed_at)
SELECT u.id, c.id, timestamptz '2021-03-01 23:59:59.999Z' + row_number() OVER () * interval '25 hours' FROM auth.users AS u, courses AS c;
SET ROLE service_role;
SELECT count(issue_certificate(course_id, user_id, 'Learner "' || user_id || '" \ ä')) FROM enrollments;
RESET ROLE;
DELETE FROM courses WHERE slug = 'course-4';
END
my @issuers = ('{"id": "https://example.com"}', '{"id": "did:web:example.com", "type": ["Profile"], "name": "An \"example\"", "url": "https://example.com"}');
my @documents = map { split /\n/, $node->safe_psql('app', "SET TimeZone = 'Asia/Kolkata'; SET ROLE service_role;
	SELECT certificate_credential(code, '$_') FROM certificates ORDER BY code") } @issuers;
my @credentials = map { $json->decode($_) } @documents;

is(scalar @documents, 320, '320 credentials');
cmp_ok(scalar(grep { !$_->{validUntil} } @credentials), '>', 0, 'some are for good');
cmp_ok(scalar(grep { ($_->{validUntil} // '') =~ /^2\d{3}-/ } @credentials), '>', 0, 'some end');
cmp_ok(scalar(grep { $_->{credentialSubject}{achievement}{id} eq $_->{id} } @credentials), '>', 0, 'of some the course is deleted');

# One fault each: each is found, and where it is.
my %faults = (
	'no context' => [ sub { delete $_[0]{'@context'} }, '' ],
	'no id' => [ sub { delete $_[0]{id} }, '' ],
	'contexts in another order' => [ sub { $_[0]{'@context'} = [ reverse @{ $_[0]{'@context'} } ] }, '@context/0' ],
	'another type' => [ sub { $_[0]{type} = ['VerifiableCredential'] }, 'type' ],
	'no issuer' => [ sub { delete $_[0]{issuer} }, '' ],
	'an issuer without an id' => [ sub { delete $_[0]{issuer}{id} }, 'issuer' ],
	'no subject' => [ sub { delete $_[0]{credentialSubject} }, '' ],
	'no achievement' => [ sub { delete $_[0]{credentialSubject}{achievement} }, 'credentialSubject' ],
	'no criteria' => [ sub { delete $_[0]{credentialSubject}{achievement}{criteria} }, 'credentialSubject/achievement' ],
	'no description' => [ sub { delete $_[0]{credentialSubject}{achievement}{description} }, 'credentialSubject/achievement' ],
	'an achievement of another type' => [ sub { $_[0]{credentialSubject}{achievement}{type} = ['Badge'] }, 'credentialSubject/achievement/type' ],
	'an identity without a type' => [ sub { delete $_[0]{credentialSubject}{identifier}[0]{identityType} }, 'credentialSubject/identifier/0' ],
	'hashed as text' => [ sub { $_[0]{credentialSubject}{identifier}[0]{hashed} = 'false' }, 'credentialSubject/identifier/0/hashed' ],
	'no date' => [ sub { delete $_[0]{validFrom} }, '' ]);
my @names = sort keys %faults;
my @broken = map
{
	my $document = $json->decode($documents[0]);
	$faults{$_}[0]->($document);
	$json->encode($document);
} @names;

foreach my $schema ("$folder/demanded.json", $published)
{
  SKIP:
	{
		skip "no $schema", 1 + @names unless -e $schema;
		is(join("\n", grep { $_ ne 'valid' } verdicts($schema, 'documents', @documents)), '', "every credential is valid: $schema");
		my @found = verdicts($schema, 'broken', @broken);
		# The published schema may look at another place for the same.
		like($found[$_], $schema eq $published ? qr/: / : qr/^\Q$faults{$names[$_]}[1]\E: /, "refused: $names[$_]") foreach 0 .. $#names;
	}
}

done_testing();
