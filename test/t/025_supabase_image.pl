# 025_supabase_image.pl: what docs/self-hosted.md runs to make an image builds all anew, puts every
# file where the image's server finds it, and stops where one is missing.
use strict;
use warnings;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $page = slurp_file("$top/docs/self-hosted.md");
my ($make) = $page =~ /^RUN (make .*)$/m;
my ($run) = $page =~ /^USER root\nRUN (.*?)\n```/ms;
ok($make && $run, 'the page has the commands');
$run =~ s/\\\n//g;

my $root = PostgreSQL::Test::Utils::tempdir_short();
my @scripts = map { "content_library$_" } '.control', map { "--$_.sql" } qw(1.0 plan plan--1.0 sql sql--1.0);
my @built = ('usr/lib/postgresql/17/lib/content_library.so', map { "usr/share/postgresql/17/extension/$_" } @scripts);

# The tree may hold what was built for another server: all is built anew.
{
	local $ENV{MAKEFLAGS} = '';
	system_or_bail('sh', '-c', 'mkdir "$2" && tar -C "$1" --exclude=.git --exclude=node_modules --exclude=tmp_check -cf - . | tar -C "$2" -xf -', 'sh', $top, "$root/src");
	append_to_file("$root/src/$_", 'of another server') foreach 'content_library.so', 'src/attach.o';
	is(system($make =~ s{/src\b}{$root/src}gr =~ s{/built\b}{$root/made}gr . ' >/dev/null'), 0, 'the extension is built');
	my @made = split /\n/, `cd '$root/made' && find . -type f | sort`;
	is(join(' ', sort map { s{.*/}{}r } @made), join(' ', sort 'content_library.so', @scripts), 'with all files that the last RUN copies');
	my ($library) = grep { /\.so$/ } @made;
	unlike(slurp_file("$root/made/$library"), qr/of another server/, 'and nothing that was there before');
}

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
	is(join(' ', sort map { s{.*/}{}r } glob "$root/share/extension/*"), join(' ', sort @scripts), 'and so is the rest');
	ok(!-e "$root/built", 'nothing is left over');
}

foreach my $case ([ 'the wrapper names no folder', 'true', '' ], [ 'the folder is not there', "export NIX_PGLIBDIR=$root/gone", '' ],
	[ 'the folder of scripts is not there', "export NIX_PGLIBDIR=$root/nix/lib", '../share/extension' ],
	map { [ "there is no $_", "export NIX_PGLIBDIR=$root/nix/lib", $_ ] } @built)
{
	my ($name, $wrapper, $missing) = @$case;

	lay_out($wrapper);
	system_or_bail('rm', '-r', "$root/built/$missing") if $missing;
	ok(!build(), "$name: the build stops");
}

done_testing();
