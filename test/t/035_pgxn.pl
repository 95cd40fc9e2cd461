# 035_pgxn.pl: META.json has what PGXN asks for and says what the other files say; the
# archive that "make dist" makes is installed and checked by PGXN's own client.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP ();
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $meta = JSON::PP->new->decode(slurp_file("$top/META.json"));
my %control = slurp_file("$top/content_library.control") =~ /^(\w+) = '?(.*?)'?$/mg;
my $semantic = qr/\A(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}\z/;

ok($meta->{$_}, "META.json has $_") foreach qw(abstract license maintainer name provides version meta-spec);
is($meta->{name}, 'content_library', 'the name');
is($meta->{'meta-spec'}{version}, '1.0.0', 'the version of the specification');
like($meta->{version}, $semantic, 'the version is a semantic one');
is($meta->{version} =~ s/\.\d+\z//r, $control{default_version}, 'and that of the control file');
is(lc $meta->{abstract}, lc $control{comment}, 'the abstract is the comment of the control file');
is($meta->{license}, 'postgresql', 'the licence');
like(slurp_file("$top/LICENSE"), qr/\APostgreSQL License\n/, 'and so says LICENSE');
like($meta->{release_status}, qr/\A(?:stable|testing|unstable)\z/, 'the status');
is_deeply([ keys %{ $meta->{provides} } ], ['content_library'], 'one extension');

my $extension = $meta->{provides}{content_library};
is($extension->{version}, $meta->{version}, 'its version');
is($extension->{abstract}, $meta->{abstract}, 'its abstract');
is($extension->{file}, "content_library--$control{default_version}.sql", 'its file');
ok(-f "$top/$extension->{$_}", "there is $extension->{$_}") foreach qw(file docfile);
like($meta->{prereqs}{runtime}{requires}{PostgreSQL}, $semantic, 'the oldest server');
is_deeply([ grep { !m{\Ahttps://} } values %{ $meta->{resources} } ], [], 'resources are addresses');
like(slurp_file("$top/debian/changelog"), qr/\Acontent-library \(\Q$meta->{version}\E-\d+\)/, 'Debian\'s changelog has the version');

# What the client does with the archive.

SKIP:
{
	foreach my $tool ([ 'git', 'git' ], [ 'pgxn', 'pgxnclient' ])
	{
		skip "no $tool->[0] here (Debian's package $tool->[1])", 1 if system("command -v $tool->[0] >/dev/null") != 0;
	}
	my $temp = PostgreSQL::Test::Utils::tempdir_short();
	my $archive = "$temp/content_library-$meta->{version}.zip";
	my @commit = ('-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message=test');
	local $ENV{GIT_DIR} = "$temp/git";

	system_or_bail('git', 'init', '--quiet');
	system_or_bail('git', "--work-tree=$top", @$_) foreach [ 'add', '--all' ], \@commit;
	system_or_bail('make', '-s', '-C', $temp, '-f', "$top/Makefile", 'dist');
	delete $ENV{GIT_DIR};
	ok(-f $archive, 'make dist makes the archive');

	# One file is enough here: scripts/test runs them all.
	local $ENV{MAKEFLAGS} = "DESTDIR=$temp/root with_llvm=no REGRESS=setup ISOLATION=";
	delete local $ENV{TAP_TESTS};
	local $ENV{HOME} = $temp;
	my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
	# It installs by sudo, or as a user who may write to the server's folders. With DESTDIR no right is needed.
	command_ok([ 'pgxn', 'install', '--sudo', 'env', '--pg_config', $pg_config, $archive ], 'pgxn install');

	my ($share, $lib) = map { chomp(my $folder = `'$pg_config' $_`); "$temp/root$folder" } '--sharedir', '--pkglibdir';
	my $node = start_elsewhere('pgxn', $share, $lib);
	local @ENV{ 'PGHOST', 'PGPORT' } = ($node->host, $node->port);
	command_ok([ 'pgxn', 'check', '--pg_config', $pg_config, $archive ], 'pgxn check');
	$node->stop;
}

done_testing();
