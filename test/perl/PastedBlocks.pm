# PastedBlocks.pm: gives the TAP tests the blocks of the documents, and pastes them into psql as a reader would.
package PastedBlocks;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(blocks paste answers_as_written);

# The blocks of a document in one language, as [where, text].
sub blocks
{
	my ($file, $language) = @_;
	my $text = slurp_file("$FindBin::RealBin/../../$file");
	my @blocks;

	push @blocks, [ $file . ':' . (2 + ($` =~ tr/\n//)), $1 ] while $text =~ /^```$language\n(.*?)^```/msg;
	return @blocks;
}

# Pastes blocks into one session, which ends at the first error. Returns what each has answered.
sub paste
{
	my ($node, $database, @blocks) = @_;
	my $mark = 'end of the block';
	my ($status, $out, $err) = $node->psql($database, join('', map { "$_->[1]\n\\echo $mark\n" } @blocks),
		extra_params => [ '--set', 'ON_ERROR_STOP=1' ]);
	my @answers = split /^$mark\n?/m, $out, -1;

	is($status, 0, scalar @blocks . " blocks run in $database") or diag("at $blocks[$#answers < @blocks ? $#answers : -1][0]: $err");
	is($err =~ s/^psql:\S+ NOTICE: .*\n?//gmr, '', 'without a warning');
	return @answers[ 0 .. $#blocks ];
}

# A line of a block that begins with two hyphens and two spaces is an answer: each comes, in this order.
sub answers_as_written
{
	my ($block, $answer) = @_;
	my @written = map { s/ \| ?/|/gr } $block->[1] =~ /^--  (.*)$/mg;
	my @left = @written;

	foreach my $line (split /\n/, $answer // '')
	{
		shift @left if @left && $line eq $left[0];
	}
	is_deeply(\@left, [], "$block->[0] answers what it says") or diag("it answers:\n" . ($answer // 'nothing'));
	return scalar @written;
}

1;
