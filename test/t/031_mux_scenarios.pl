# 031_mux_scenarios: a lesson's video is a function of the set of events received and
# of what it was bound to: all orders of each scenario, each event once, twice and again
# backwards, the bindings at every place among them, end in the same lesson.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('mux');
my %files = ('its own' => "$FindBin::RealBin/../data/mux_scenarios.json",
	'the shared' => "$FindBin::RealBin/../../../shared/mux/scenarios.json");

new_database($node, 'app', 'public');
$node->safe_psql('app', slurp_file("$FindBin::RealBin/../data/mux_scenarios.sql"));

foreach my $whose (sort keys %files)
{
  SKIP:
	{
		skip "no $files{$whose}", 1 unless -e $files{$whose};
		my $json = slurp_file($files{$whose});

		$node->safe_psql('app', <<"END");
TRUNCATE test.scenarios;
INSERT INTO test.scenarios
SELECT s ->> 'name', s FROM jsonb_array_elements(\$file\$$json\$file\$::jsonb -> 'scenarios') AS s;
END
		# One statement each, and a clean table for each: what is undone leaves dead rows.
		my $tries = $node->safe_psql('app', <<'END');
SELECT format('SET ROLE service_role; SELECT %L, %L, %s, test.try_out(scenario, %s) FROM test.scenarios WHERE name = %1$L; RESET ROLE; VACUUM;',
	name, mode, test.orders(scenario), (mode = 'twice')::text)
FROM test.scenarios, unnest('{once, twice}'::text[]) AS mode ORDER BY name, mode;
END
		$tries =~ s/; /;\n/g;
		my $answers = $node->safe_psql('app', $tries);
		my $orders = 0;
		foreach (split /\n/, $answers)
		{
			my ($name, $mode, $expected, $answer) = split /\|/, $_, 4;

			is($answer, $expected, "$whose: $name, each event $mode");
			$orders += $expected;
		}
		note("$whose: $orders orders");
		cmp_ok($orders, '>', 1000, "$whose: there was something to try");
	}
}

$node->stop;
done_testing();
