# 042_example_course_site: the course site compiles, and passes its own test on a server
# of this one's: in Debian's Chromium, which plays videos that ffmpeg has made.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use ExampleTest;
use PostgreSQL::Test::Utils;
use Test::More;

require_node(20);
my ($version) = run_command([ 'node', '--version' ]);
my ($major, $minor) = $version =~ /(\d+)\.(\d+)/;
plan skip_all => "needs Node 20.19, 22.12 or later, for Vite, not $version"
	if $major < 23 && $minor < ($major == 20 ? 19 : $major == 22 ? 12 : 99);
my ($platform) = run_command([ 'node', '-p', 'process.platform + " " + process.arch' ]);
plan skip_all => "needs Linux on x86-64, for PostgREST, not $platform" if $platform ne 'linux x64';
for my $program (qw(chromium ffmpeg))
{
	plan skip_all => "needs Debian's package $program" unless -x "/usr/bin/$program";
}

my $node = start_example('course-site', 'course_site');
my $out = passes('npm test', 'npm', 'test');

my %count = $out =~ /^# (tests|pass) (\d+)$/mg;
note("$count{pass} of $count{tests}");
cmp_ok($count{tests}, '>', 12, 'it has run');
is($count{pass}, $count{tests}, 'all of it');

$node->stop;
done_testing();
