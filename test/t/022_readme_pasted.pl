# 022_readme_pasted.pl: the commands of the README and of docs/reference.md work pasted, from top to bottom,
# in a clean copy of this tree; the first example also where the terminal takes a tab as typed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";

use BareMachine;
use IPC::Run ();
use LibraryTest;
use PastedBlocks;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $readme = slurp_file("$top/README.md");
my @sql = $readme =~ /^```sql\n(.*?)^```/msg;
my ($example) = $readme =~ /^## A first example\n(.*?)^## /ms;
my @example = $example =~ /^```sql\n(.*?)^```/msg;

# What a clone has: no file that .gitignore names.
local $ENV{TMPDIR} = PostgreSQL::Test::Utils::tempdir_short();
my $clone = "$ENV{TMPDIR}/clone";
mkdir $clone or die $!;
my @left_out = map { m{^/(.*?)/?$} ? ('--anchored', "--exclude=./$1") : m{^(.*?)/?$} && ('--no-anchored', "--exclude=$1") }
	split /\n/, slurp_file("$top/.gitignore");
IPC::Run::run([ 'tar', '-C', $top, @left_out, '-cf', '-', '.' ], '|', [ 'tar', '-C', $clone, '-xf', '-' ]) or die 'no copy';
is(join(' ', glob("$clone/src/*.o $clone/*.so $clone/content_library--sql*")), '', 'the copy is clean');
chdir $clone or die $!;

# A server for what wants one that the reader has, with the README's own rows.
my $node = start_node('readme_pasted');
new_database($node, 'app', 'public');
$node->safe_psql('app', join "\n", grep { !/CREATE EXTENSION/ } @sql);

my %server = map { $_ => "$_=" . $node->host } 'PGHOST';
$server{PGPORT} = 'PGPORT=' . $node->port;
my @server = values %server;

# Pasted in a shell; input is what is pasted into the command itself.
sub pasted
{
	my ($line, $environment, $input) = @_;
	IPC::Run::run(bare($environment, 'bash', '-c', $line), '<', \($input // ''), '>', \my $out, '2>', \my $err);
	is($?, 0, "pasted: $line") or diag($out, $err);
	return ($out, $err);
}

# How each line is tried; one that is new needs a place here.
my %tried = (
	'scripts/demo' => sub {
		my ($out) = pasted($_[0], []);
		like($out, qr/^Ann enrolls.*^all courses of the log/ms, 'it shows a course and a log');
	},
	'scripts/test' => sub { note('scripts/test: it is what runs this') },
	'make' => sub {
		pasted($_[0], []);
		ok(-f 'content_library.so', 'the library is built');
	},
	'sudo make install' => sub { note('sudo make install: it is for root, and for the server of the machine') },
	'scripts/cluster' => sub {
		my ($line) = @_;
		my (undef, $err) = pasted($line, [], join "\n", @sql);
		unlike($err, qr/ERROR(?!:  extension "content_library" already exists)|FATAL|WARNING/,
			'the SQL of the whole README runs in it') or diag($err);

		# At a terminal, without the marks that tell psql what is pasted.
		my $run = at_terminal($clone, bare([], 'bash', '-c', $line));
		ok(until_it_says($run, qr/app=# /), 'psql waits for input') or diag($run->{said});
		type($run, join('', @example) . "SELECT 'strict: ' || NOT has_table_privilege('authenticated', 'content_progress', 'INSERT');\n\\echo 'That was\\040it'\n");
		ok(until_it_says($run, qr/That was it/), 'the example is pasted there');
		like($run->{said}, qr/\benrolled\b\s+-+\s+t\b.*\b95 \| t {2,}\| +513\b.*course_completion\W+50\b/s, 'it answers what the README says');
		like($run->{said}, qr/^ strict: true\b/m, 'the library is strict there, as its check later says');
		unlike($run->{said}, qr/ERROR|WARNING/, 'without an error');
		type($run, "\\q\n");
		is(ended($run), 0, 'psql ends');
	},
	'pg_dump' => sub { pasted($_[0], \@server) },
	'createdb' => sub { pasted($_[0], \@server) },
	'pg_restore' => sub {
		my ($line) = @_;
		my ($database) = $line =~ / -d (\w+)/;

		pasted($line, \@server);
		is($node->safe_psql($database, 'SELECT count(*) FROM content_progress'),
			$node->safe_psql('app', 'SELECT count(*) FROM content_progress'), 'every row is there');
	},
	'psql' => sub {
		my ($line) = @_;
		my $kept = 'SELECT slug FROM courses; SELECT watched_pct FROM content_progress ORDER BY id';
		my $before = $node->safe_psql('app', $kept);

		pasted($line, \@server);
		is($node->safe_psql('app', $kept), $before, 'every row is there');
		is($node->safe_psql('app', "SELECT count(*) FROM pg_extension WHERE extname = 'content_library'"), '0', 'and the extension is gone');
	});

my @lines = map { split /\n/, $_->[1] } blocks('README.md', 'sh'), blocks('docs/reference.md', 'sh');
cmp_ok(scalar @lines, '>', 10, scalar(@lines) . ' commands');
for my $line (@lines)
{
	$line =~ s/\s+#.*//;
	my ($how) = grep { $line eq $_ || ($_ !~ / / && $line =~ /^\Q$_\E /) } sort keys %tried;
	ok($how, "there is a way to try: $line") or next;
	$tried{$how}->($line);
}

chdir $top;
$node->stop;
done_testing();
