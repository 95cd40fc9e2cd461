# 041_example_supabase: the example app with supabase-js compiles, and passes its
# own test on a server of this one's, through PostgREST; so do Supabase's own
# tools, the generator of types and the advisors.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use ExampleTest;
use PostgreSQL::Test::Utils;
use Test::More;

# What the library is installed as.
my @editions = qw(extension sql);

require_node(20);
my ($platform) = run_command([ 'node', '-p', 'process.platform + " " + process.arch' ]);
plan skip_all => "needs Linux on x86-64, for PostgREST and the Supabase CLI, not $platform" if $platform ne 'linux x64';

my $node = start_example('supabase-app', 'supabase');

for my $edition (@editions)
{
	$ENV{CONTENT_LIBRARY_EDITION} = $edition;
	my $out = passes("npm test, on the $edition", 'npm', 'test');

	my %count = $out =~ /^# (tests|pass|skipped) (\d+)$/mg;
	note("$count{pass} of $count{tests}");
	note($_) for $out =~ /^\s*(ok .* # SKIP.*)$/mg;
	cmp_ok($count{tests}, '>', 70, 'it has run');
	# Without safeupdate one is not, and Realtime is not here; the SQL edition has no check, and types of its own.
	is($count{pass} + $count{skipped}, $count{tests}, 'all of it');
	cmp_ok($count{skipped}, '<=', $edition eq 'sql' ? 4 : 2, 'but what is not there');
}

$node->stop;
done_testing();
