# 020_readme.pl: the SQL of the README, docs/mux.md, docs/recipes.md and docs/reference.md works pasted,
# from top to bottom, and answers what it says; the reference names what there is.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";

use LibraryTest;
use PastedBlocks;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# As Supabase has it; else a publication brings a warning.
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf', 'wal_level = logical');
$node->start;

# Pastes a document after the README into a database of its own.
sub pasted
{
	my ($database, @files) = @_;
	my @blocks = map { blocks($_, 'sql') } @files;
	my @answers = paste($node, $database, @blocks);
	my $written = 0;

	$written += answers_as_written($blocks[$_], $answers[$_]) for 0 .. $#blocks;
	cmp_ok($written, '>', 5, "$written answers in @files");
	return;
}

new_database($node, 'readme');
pasted('readme', 'README.md', 'docs/mux.md');
new_database($node, 'recipes');
pasted('recipes', 'README.md', 'docs/recipes.md');

$node->stop;
done_testing();
