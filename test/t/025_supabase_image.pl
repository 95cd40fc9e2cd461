# 025_supabase_image.pl: the last RUN of docs/self-hosted.md puts every file where the
# image's server finds it, and stops the build where one is missing.
use strict;
use warnings;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../docs/self-hosted.md");
my ($run) = $page =~ /^USER root\nRUN (.*?)\n```/ms;
ok($run, 'the page has the command');
$run =~ s/\\\n//g;

my $root = PostgreSQL::Test::Utils::tempdir_short();
my @built = ('usr/lib/postgresql/17/lib/content_library.so', map { "usr/share/postgresql/17/extension/content_library$_" } '.control', '--1.0.sql');

# An image as its makers lay it out: a wrapper that names the library folder, and pg_config.
sub lay_out
{
	my ($wrapper) = @_;

	system_or_bail('sh', '-c', "chmod -R u+w $root/* 2>/dev/null; rm -rf $root/*");
	foreach my $file (map { "$root/built/$_" } @built)
	{
		system_or_bail('mkdir', '-p', $file =~ s{/[^/]*$}{}r);
		append_to_file($file, "this is it\n");
	}
	system_or_bail('mkdir', '-p', "$root/nix/lib", "$root/share/extension", "$root/usr/bin");
	append_to_file("$root/usr/bin/postgres", "#!/bin/sh\n$wrapper\nexec .postgres-wrapped \"\$@\"\n");
	append_to_file("$root/usr/bin/pg_config", "#!/bin/sh\necho $root/share\n");
	chmod 0755, "$root/usr/bin/pg_config";
}

sub build
{
	my $command = $run =~ s{/usr/bin/postgres}{$root/usr/bin/postgres}gr =~ s{(?<![\w])/built}{$root/built}gr;
	local $ENV{PATH} = "$root/usr/bin:$ENV{PATH}";
	return IPC::Run::run([ 'sh', '-c', $command ], '>', \my $out, '2>', \my $err);
}

foreach my $quote ('', "'", '"')
{
	lay_out("export NIX_PGLIBDIR=$quote$root/nix/lib$quote");
	ok(build(), "NIX_PGLIBDIR in quotes <$quote>: it is built");
	ok(-f "$root/nix/lib/content_library.so", 'the library is where the server looks');
	is(join(' ', sort map { s{.*/}{}r } glob "$root/share/extension/*"), 'content_library--1.0.sql content_library.control', 'and so is the rest');
	ok(!-e "$root/built", 'nothing is left over');
}

foreach my $case ([ 'the wrapper names no folder', 'true', '' ], [ 'the folder is not there', "export NIX_PGLIBDIR=$root/gone", '' ],
	[ 'no library was built', "export NIX_PGLIBDIR=$root/nix/lib", $built[0] ], [ 'the folder of scripts is not there', "export NIX_PGLIBDIR=$root/nix/lib", '../share/extension' ])
{
	my ($name, $wrapper, $missing) = @$case;

	lay_out($wrapper);
	system_or_bail('rm', '-r', "$root/built/$missing") if $missing;
	ok(!build(), "$name: the build stops");
}

done_testing();
