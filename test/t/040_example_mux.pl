# 040_example_mux: the example server for Mux compiles, and passes its own test
# on a server of this one's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use ExampleTest;
use Test::More;

require_node(18);

my $node = start_example('mux-webhook', 'mux');
my $out = passes('npm test', 'npm', 'test');

my %count = $out =~ /^# (tests|pass) (\d+)$/mg;
note("$count{pass} of $count{tests}");
cmp_ok($count{tests}, '>', 80, 'it has run');
is($count{pass}, $count{tests}, 'all of it');

$node->stop;
done_testing();
