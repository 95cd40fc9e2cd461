# 024_build.pl: the extension is built wherever a packager builds it: in a folder of its
# own (VPATH), from a path with spaces, without a program in the path that only we need.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $temp = PostgreSQL::Test::Utils::tempdir_short();
my @files = split /\n/, `cd "$top" && ls -d Makefile *.control *.sql src/*.c src/*.h supabase/*`;

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
	local $ENV{MAKEFLAGS} = 'with_llvm=no';
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
builds('in a folder of its own', "$temp/build", '-f', "$temp/source/Makefile");
system_or_bail('chmod', '-R', 'u+w', "$temp/source");

copy_source("$temp/a folder with spaces");
builds('from a path with spaces', "$temp/a folder with spaces");

done_testing();
