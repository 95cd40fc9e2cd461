# 024_build.pl: the extension is built wherever a packager builds it: in a folder of its
# own (VPATH), where its tests are found, too; from a path with spaces; by clang; for musl.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $temp = PostgreSQL::Test::Utils::tempdir_short();
# Also in place of what the make that runs this test was told.
local $ENV{MAKEFLAGS} = 'with_llvm=no';
delete local $ENV{TAP_TESTS};
my @files = split /\n/, `cd "$top" && ls -d Makefile *.control *.sql src/*.c src/*.h supabase/* test expected`;

# A copy of what it is built from, read-only where the build must not write.
sub copy_source
{
	my ($folder) = @_;

	system_or_bail('mkdir', '-p', "$folder/src");
	system_or_bail('sh', '-c', 'cd "$1" && shift && to=$1 && shift && tar -cf - "$@" | tar -C "$to" -xf -', 'sh', $top, $folder, @files);
	unlink glob("'$folder'/content_library--{plan--,sql}*1.0.sql"), "$folder/content_library--sql.sql";
}

sub builds
{
	my ($name, $folder, @arguments) = @_;
	my $made = "$temp/made";

	system_or_bail('rm', '-rf', $made);
	foreach my $target ('all', 'install')
	{
		my ($out, $err);
		IPC::Run::run([ 'make', '-s', '-C', $folder, @arguments, $target, "DESTDIR=$made" ], '>', \$out, '2>', \$err);
		is($err, '', "$name: make $target");
	}
	my @installed = map { s{.*/}{}r } split /\n/, `find "$made" -name 'content_library*' -type f | sort`;
	is_deeply([ sort @installed ],
		[ sort 'content_library.so', 'content_library.control', map { "content_library--$_.sql" } qw(1.0 plan plan--1.0 sql sql--1.0) ],
		"$name: everything is installed");
}

copy_source("$temp/source");
system_or_bail('chmod', '-R', 'a-w', "$temp/source");
mkdir "$temp/build" or die $!;
my @elsewhere = ('-C', "$temp/build", '-f', "$temp/source/Makefile");
builds('in a folder of its own', "$temp/build", @elsewhere[ 2, 3 ]);

# All tests are found from there, with their answers; TAP tests only when they are asked for.
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $server = start_elsewhere('build', map { chomp(my $folder = `'$pg_config' $_`); "$temp/made$folder" } '--sharedir', '--pkglibdir');
local @ENV{ 'PGHOST', 'PGPORT' } = ($server->host, $server->port);
my $commands = join ' ', `make -n @elsewhere installcheck`;
my @missing = grep { $commands !~ /\s\Q$_\E\s/ } map { s{.*/(\w+)\..*}{$1}r } glob("$top/test/sql/*.sql $top/test/specs/*.spec");
is_deeply(\@missing, [], 'make installcheck runs every regression and isolation test');
unlike($commands, qr/\.pl\b/, 'and no TAP test');
like(`make -n @elsewhere installcheck TAP_TESTS=1`, qr{ test/t/024_build\.pl }, 'unless it is asked for');
command_ok([ 'make', '-s', @elsewhere, 'installcheck', 'REGRESS=setup monotone', 'ISOLATION=' ], 'the tests run there');
$server->stop;
system_or_bail('chmod', '-R', 'u+w', "$temp/source");

my $spaces = "$temp/a folder with spaces";
copy_source($spaces);
builds('from a path with spaces', $spaces);

# A folder of its own in which a server may look, as PostgreSQL's manual lays it out.
foreach my $case ([ 'more extras', 'share/postgresql', 'lib/postgresql' ], [ 'postgres', 'share', 'lib' ])
{
	my ($name, $share, $lib) = @$case;
	my $prefix = "$temp/$name";
	my $done = IPC::Run::run([ 'make', '-s', '-C', $spaces, 'install', "prefix=$prefix" ], '>', \my $out, '2>', \my $err);

	if (our_major() < 18)
	{
		ok(!$done && !-e $prefix, "prefix=$name: nothing is installed before 18");
		like($err, qr/prefix= needs PostgreSQL 18, and this is ${\our_major()}: .* DESTDIR=\Q$prefix\E\./, 'and make says why');
		next;
	}
	is($err, '', "prefix=$name: installed");
	ok(-f "$prefix/$_", "there is $_") foreach "$share/extension/content_library--1.0.sql", "$lib/content_library.so";
}

# The server's own clang, and a C library that is not the server's: nothing is run of that.
my $global = slurp_file(`'$pg_config' --pgxs` =~ s{makefiles/pgxs\.mk\n}{Makefile.global}r);
my ($clang) = $global =~ /^CLANG = (\S+)$/m;
foreach my $compiler ([ 'clang', $clang // 'clang' ], [ 'musl', 'musl-gcc' ])
{
	my ($name, $program) = @$compiler;

	SKIP:
	{
		skip "no $program here", 1 if system('sh', '-c', 'command -v "$1" >/dev/null', 'sh', $program) != 0;
		system_or_bail('make', '-s', '-C', $spaces, 'clean');
		builds("by $name", $spaces, "CC=$program");
	}
}

done_testing();
