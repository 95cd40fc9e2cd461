# 030_mux_signatures: signatures made by another implementation of HMAC are
# verified, shared vectors get the verdict they name, and no secret is in the log.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Digest::SHA qw(hmac_sha256_hex);
use Encode qw(encode_utf8);
use JSON::XS;
use LibraryTest;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $shared = "$FindBin::RealBin/../../../shared/mux/signature_vectors.json";
my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('signatures');
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_messages = debug1\nlog_error_verbosity = verbose");
$node->start;
new_database($node, 'app', 'public');

# A text as SQL, in characters that no shell or client changes.
sub literal
{
	my ($text) = @_;
	return defined $text ? "convert_from('\\x" . unpack('H*', encode_utf8($text)) . "', 'UTF8')" : 'NULL::text';
}

# The verdicts on vectors, in their order; one session for all.
sub verdicts
{
	my $sql = join '', map {
		"SELECT mux_verify_signature(" . literal($_->{body}) . ', ' . literal($_->{header}) . ', ARRAY['
		  . literal($_->{secret}) . "], checked_at => to_timestamp($_->{now}));\n"
	} @_;
	return split /\n/, $node->safe_psql('app', "SET ROLE service_role;\n$sql");
}

# Random bodies and keys of every length about the size of a block.
srand 4;
my @characters = ('a' .. 'z', '"', '\\', ' ', "\n", "\x{e4}", "\x{1f511}");
sub random_text { return join '', map { $characters[ rand @characters ] } 1 .. $_[0] }
my @random = map {
	my ($body, $secret) = (random_text(int rand 400), random_text($_));
	my $signature = hmac_sha256_hex(encode_utf8("1760000000.$body"), encode_utf8($secret));

	{ body => $body, secret => $secret, header => "t=1760000000,v1=$signature", now => 1760000000 }
} 1 .. 140;
is_deeply([ verdicts(@random) ], [ ('ok') x @random ], 'all are ok');

# One bit of the body, the key or the signature makes the difference.
my @changed = map {
	my %vector = %$_;
	my $what = ('body', 'secret', 'header')[ rand 3 ];

	if ($what eq 'header') { $vector{header} =~ s/(.)$/$1 eq '0' ? '1' : '0'/e }
	else { $vector{$what} .= 'x' }
	\%vector
} @random;
is_deeply([ verdicts(@changed) ], [ ('signature_mismatch') x @changed ], 'none is ok once it is changed');

SKIP:
{
	skip "no $shared", 2 unless -e $shared;
	my @vectors = grep { $_->{pg_text} } @{ decode_json(slurp_file($shared))->{vectors} };
	cmp_ok(scalar @vectors, '>', 40, 'there are vectors');
	$_->{body} = Encode::decode('UTF-8', decode_base64($_->{body_base64})) foreach grep { defined $_->{body_base64} } @vectors;
	my @verdicts = verdicts(@vectors);
	is_deeply({ map { $vectors[$_]{name} => $verdicts[$_] } 0 .. $#vectors },
		{ map { $_->{name} => $_->{strict}{code} } @vectors }, scalar @vectors . ' shared vectors');
}

# Secrets as bound parameters, in calls that fail: no log line has them, nor the signature.
my $expected = hmac_sha256_hex('1.body', 'whsec_hidden');
foreach my $call ("'body', 't=1,v1=0', ARRAY[:secret], tolerance => '-1 s'", "NULL, 't=1,v1=0', ARRAY[:secret]",
	"'body', 't=1,v1=0', ARRAY[:secret], checked_at => NULL", "'body', 't=1,v1=0', ARRAY[:secret], '99999999 years'")
{
	unlink "$folder/call.sql";
	append_to_file("$folder/call.sql", "SELECT mux_verify_signature($call);\n");
	run_command([ 'pgbench', '-n', '-t1', '-M', 'extended', '-D', 'secret=whsec_hidden', '-f', "$folder/call.sql", '-d', $node->connstr('app') ]);
}
my $log = slurp_file($node->logfile);
cmp_ok(scalar(() = $log =~ /ERROR:  22/g), '>=', 3, 'the calls failed');
unlike($log, qr/whsec_hidden|$expected/, 'and the log does not say with which secret');

$node->stop;
done_testing();
