# 036_debian_package.pl: the package of Debian is built, lintian finds nothing in it, and
# a server that has nothing but its files creates the extension.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

foreach my $package (qw(debhelper git lintian postgresql-server-dev-all))
{
	plan skip_all => "the package $package is not installed"
		if `dpkg-query --show --showformat '\${db:Status-Status}' $package 2>/dev/null` ne 'installed';
}

my $top = "$FindBin::RealBin/../..";
my $temp = PostgreSQL::Test::Utils::tempdir_short();
my $source = "$temp/content-library";

# What this test says of another major than that of debian/control holds there, too.
local $ENV{PG_UPDATECONTROL} = 'yes';
# The tests of the package are those that run here anyway.
local $ENV{DEB_BUILD_OPTIONS} = 'nocheck parallel=2';
delete local $ENV{MAKEFLAGS};

mkdir $source or die $!;
system_or_bail('sh', '-c', 'git --git-dir="$1" init --quiet && cd "$2" && git --git-dir="$1" --work-tree=. add --all && git --git-dir="$1" --work-tree=. checkout-index --all --prefix="$3/"', 'sh', "$temp/git", $top, $source);

my ($out, $err);
ok(IPC::Run::run([ 'sh', '-c', 'cd "$1" && dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary --build-profiles=nocheck --no-check-builddeps', 'sh', $source ],
	'>', \$out, '2>', \$err), 'the package is built') or diag("$out\n$err");

my ($changes) = glob("$temp/*.changes");
my ($package) = glob("$temp/postgresql-" . our_major() . "-content-library_*.deb");
ok($package, 'one for our server');

# No bug of Debian's asks for the package.
ok(IPC::Run::run([ 'lintian', '--fail-on=error,warning', '--suppress-tags=initial-upload-closes-no-bugs', $changes ], '>', \$out, '2>', \$err),
	'lintian finds nothing') or diag($out);
is($out, '', 'and says nothing');

mkdir "$temp/root" or die $!;
system_or_bail('dpkg-deb', '--extract', $package, "$temp/root");
my ($share, $lib) = map { chomp(my $folder = `pg_config $_`); "$temp/root$folder" } '--sharedir', '--pkglibdir';
is(join(' ', sort map { s{.*/}{}r } glob "$share/extension/* $lib/*.so"),
	'content_library--1.0.sql content_library--plan--1.0.sql content_library--plan.sql content_library--sql--1.0.sql content_library--sql.sql content_library.control content_library.so',
	'the files');
my $doc = "$temp/root/usr/share/doc/postgresql-" . our_major() . '-content-library';
ok(-f "$doc/copyright", 'and the licence');
is(`cd '$doc/examples' && find . -type f | sort | tr '\n' ' '`,
	'./scale-out/cell.sql ./scale-out/cell_of.sql ./scale-out/front.sql ./supabase/migrations/20260225000010_content_library.sql ./supabase/to_extension.sql ./supabase/to_sql_edition.sql ',
	'and what the docs run by psql');

my $node = start_elsewhere('debian', $share, $lib);
new_database($node, 'app', 'public');
is($node->safe_psql('app', "SELECT count(*) FROM content_library_check() WHERE severity = 'error'"), '0', 'the extension is created, and is whole');
$node->stop;

done_testing();
