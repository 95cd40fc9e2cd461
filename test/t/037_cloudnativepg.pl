# 037_cloudnativepg.pl: the command of packaging/cloudnativepg/Dockerfile fills two folders, and
# a server that gets these as CloudNativePG mounts them, and nothing else, creates the extension.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the server looks for extensions elsewhere since PostgreSQL 18' if our_major() < 18;

my $top = "$FindBin::RealBin/../..";
my $temp = PostgreSQL::Test::Utils::tempdir_short();
my $recipe = slurp_file("$top/packaging/cloudnativepg/Dockerfile");
my ($make) = $recipe =~ m{^RUN (make .*)$}m;
my %copied = reverse $recipe =~ m{^COPY --from=build (/built\S*) (\S+)$}mg;

system_or_bail('sh', '-c', 'mkdir "$2" && cd "$1" && cp -r Makefile *.control *.sql src supabase "$2"', 'sh', $top, "$temp/src");
my $command = $make =~ s{/(src|built)\b}{$temp/$1}gr;
my ($out, $err);
ok(IPC::Run::run([ 'sh', '-c', $command ], '>', \$out, '2>', \$err), 'it is built') or diag($err);
my ($share, $lib) = map { $temp . $copied{$_} } '/share', '/lib';
is(join(' ', sort map { s{.*/}{}r } glob "$share/* $share/extension/* $lib/*"),
	'content_library--1.0.sql content_library--plan--1.0.sql content_library--plan.sql content_library--sql--1.0.sql content_library--sql.sql content_library.control content_library.so extension',
	'the folders hold the extension');

my $node = start_elsewhere('cloudnativepg', $share, $lib);
new_database($node, 'app', 'public');
is($node->safe_psql('app', "SELECT count(*) FROM content_library_check() WHERE severity = 'error'"), '0', 'the extension is created, and is whole');
$node->stop;

done_testing();
