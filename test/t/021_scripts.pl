# 021_scripts.pl: the scripts work whatever the environment says and whatever else
# runs; they say how they are called; Ctrl-C goes where it belongs, and nothing stays behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";

use BareMachine;
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
chdir $top or die $!;

# A folder for temporary files: whatever a script leaves in it is found.
local $ENV{TMPDIR} = PostgreSQL::Test::Utils::tempdir_short();
sub left { return join ' ', glob("$ENV{TMPDIR}/content_library.*") }

# How they are called.

for my $name (qw(cluster demo test test-matrix test-memory))
{
	my ($status, $out, $err) = run_bare([], "scripts/$name", '--help');
	is($status, 0, "$name --help: exit status");
	like($out, qr{\Ausage:\n  scripts/$name .*\n.*\n\n?\w}s, "$name --help: usage, and what it does");
	is($err, '', "$name --help: no error");

	my $usage = $out;
	($status, $out, $err) = run_bare([], "scripts/$name", '--nonsense');
	is($status, 2, "$name with a wrong argument: exit status");
	is($err, $usage, "$name with a wrong argument: usage");
	is($out, '', "$name with a wrong argument: nothing else");
}

# Whatever the environment says, text is UTF-8: in the cluster, in a server that is
# made as PostgreSQL::Test::Cluster does it, in Python. Nobody warns.

my $ask = <<'END';
psql -XAtc 'SHOW server_encoding' -c "SELECT 'port ' || current_setting('port')" &&
env -u LC_ALL "$($PG_CONFIG --bindir)/initdb" --auth=trust --no-sync -D "$TMPDIR/other" | grep -o 'encoding .*' &&
/usr/bin/python3 -c 'print(chr(0x2026))' && perl -e 'print "perl\n"' && id -un
END
my $long = "$ENV{TMPDIR}/" . 'long' x 20;
mkdir $long or die $!;

for my $case (
	[ 'no locale' ],
	[ 'a locale that is not there, others\' settings', 'LANG=de_DE.UTF-8', 'LC_ALL=xx_XX.UTF-8', 'LC_CTYPE=POSIX', 'LANGUAGE=de', 'PGPORT=1', 'PGHOST=/nowhere',
		'PGOPTIONS=-c nonsense=1', 'PGCLUSTER=99/none', 'PGDATABASE=none', 'PERL5OPT=-Mnowhere', 'PYTHONHOME=/nowhere',
		"CDPATH=$top", "TMPDIR=$long" ])
{
	my ($name, @environment) = @$case;
	my ($status, $out, $err) = run_bare(\@environment, 'scripts/cluster', 'sh', '-c', $ask);

	is($status, 0, "$name: exit status");
	like($out, qr/\AUTF8\nport [1-9]\d{3,}\nencoding has accordingly been set to "UTF8".\n\xe2\x80\xa6\nperl\n\w+\n\z/, "$name: UTF-8 everywhere");
	# What bash itself says of LC_ALL comes before any line of ours.
	like($err, qr/\A(?:bash: warning: setlocale: LC_ALL: .*\n)?== building against .*\n== starting a throw-away cluster\n\z/, "$name: without a warning");
}
rmdir $long;

# Side by side, beside servers that have the first ports: two clusters at once, each
# with what it makes, and the part of bench/run --quick that starts a server of its own.

my @others = grep { $_ } map
{
	IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $_, Listen => 1, ReuseAddr => 1)
} 5432 .. 5434;
my @runs = map
{
	my ($mine, $theirs) = $_ == 1 ? (1, 2) : (2, 1);
	my %run = (name => "cluster $mine", expect => qr/\Amine$mine\n\z/);
	$run{handle} = IPC::Run::start(bare([], 'scripts/cluster', 'sh', '-c', <<"END"), '<', \'', '>', \$run{out}, '2>', \$run{err});
psql -Xqc 'CREATE TABLE mine$mine ()' && touch '$ENV{TMPDIR}/up$mine' || exit
tries=0
until [ -e '$ENV{TMPDIR}/up$theirs' ] || [ \$tries = 1200 ]; do sleep 0.1; tries=\$((tries + 1)); done
[ -e '$ENV{TMPDIR}/up$theirs' ] && psql -XAtc "SELECT tablename FROM pg_tables WHERE tablename LIKE 'mine_'"
END
	\%run;
} 1, 2;

# Installed by bench/run, and by .ci/run before anything.
my $valgrind = system('command -v valgrind >/dev/null') == 0;
if ($valgrind)
{
	my %run = (name => 'bench/instructions', expect => qr/^100\theartbeat, advancing\tours\tinstructions\t\d/m);
	$run{handle} = IPC::Run::start(bare([], 'scripts/cluster', 'bench/instructions', 100), '<', \'', '>', \$run{out}, '2>', \$run{err});
	push @runs, \%run;
}

for my $run (@runs)
{
	ok($run->{handle}->finish, "$run->{name}, beside others: exit status") or diag($run->{err});
	like($run->{out}, $run->{expect}, "$run->{name}, beside others: its own answer");
}
note('without valgrind no instructions are counted') unless $valgrind;
is(left(), '', 'nothing is left of them');

# Ctrl-C in psql ends the query, or the line, and not the cluster.

my $run = at_terminal($top, bare([], 'scripts/cluster', 'psql', '-X', 'postgres'));
ok(until_it_says($run, qr/postgres=# /), 'psql waits for input') or diag($run->{said});
type($run, "SELECT 'asleep' FROM pg_sleep(600);\n");
ok(eventually(sub { return 1 if until_it_says($run, qr/pg_sleep.*\n/) }), 'a query runs');
sleep 1;
type($run, "\cC");
ok(until_it_says($run, qr/canceling statement due to user request.*postgres=# /s), 'Ctrl-C cancels it') or diag($run->{said});
type($run, 'SELECT nonsense');
until_it_says($run, qr/nonsense/);
type($run, "\cC");
ok(until_it_says($run, qr/postgres=# /), 'Ctrl-C drops a line') or diag($run->{said});
type($run, "SELECT 6 * 7 AS answer;\n");
ok(until_it_says($run, qr/\b42\b.*postgres=# /s), 'the cluster is there still') or diag($run->{said});
type($run, "\\q\n");
is(ended($run), 0, 'psql ends as it likes');
is(left(), '', 'and the cluster with it');

# Ctrl-C in a command that does nothing about it ends all, also while it is built.

# The command is one program: sh loses a Ctrl-C that comes while it starts another.
$run = at_terminal($top, bare([], 'scripts/cluster', 'perl', '-e', '$| = 1; print "It runs.\n"; sleep 600'));
ok(until_it_says($run, qr/It runs/), 'a command runs');
type($run, "\cC");
is(ended($run), 130, 'Ctrl-C ends a command');
is(left(), '', 'and its cluster');

$run = at_terminal($top, bare([], 'scripts/cluster', 'true'));
ok(until_it_says($run, qr/building/), 'it is built');
type($run, "\cC");
is(ended($run), 130, 'Ctrl-C ends the build');
is(left(), '', 'and leaves nothing');

# Whatever a script is killed by, its server ends.

SKIP:
for my $signal (qw(TERM KILL))
{
	skip 'there is no right to a namespace', 3
		if $signal eq 'KILL' && system('unshare --user --map-current-user --pid --fork --mount-proc true 2>/dev/null') != 0;
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(bare([], 'scripts/cluster', 'sh', '-c', 'echo $PGHOST $PGPORT.; sleep 600'),
		'<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	$handle->pump until $out =~ /^(\S+) (\d+)\.$/m;
	my ($host, $port) = $out =~ /^(\S+) (\d+)\.$/m;
	my $ready = "pg_isready --quiet --host='$host' --port=$port";

	is(system($ready), 0, "$signal: the server runs");
	$handle->signal($signal);
	$handle->finish;
	ok(eventually(sub { system($ready) != 0 }), "$signal: it ends");
	# Nobody is left to remove the folder of one that is killed outright.
	system('rm', '-rf', $host) if $signal eq 'KILL';
	is(left(), '', "$signal: nothing stays");
}

done_testing();
