# 023_rules: every rule that the tree names has a section in docs/rules.md, which
# names its tests; every file, function and macro named there exists. Links between
# the documents lead somewhere. Needs no server.
use strict;
use warnings;
use File::Find;
use FindBin;
use Test::More;

my $top = "$FindBin::RealBin/../..";
chdir $top or die $!;

sub content
{
	my ($file) = @_;

	open my $in, '<', $file or die "$file: $!";
	local $/;
	return scalar <$in>;
}

# The numbers of the rules in a text; R4 to R6 are three.
sub rules_in
{
	my ($text) = @_;
	my %rules;

	$rules{$1} = 1 while $text =~ /\bR(\d+)\b/g;
	@rules{ $1 .. $2 } = (1) x ($2 - $1 + 1) while $text =~ /\bR(\d+) to R(\d+)\b/g;
	return sort { $a <=> $b } keys %rules;
}

# The files that may speak of rules.
my @files = glob('content_library--1.0.sql supabase/plpgsql.sql README.md CHANGELOG.md');
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && /\.(c|h|sql|spec|pl|pm|py|md)$/ || m{^test/\w+/run$} } }, qw(src test docs));

my %sections = content('docs/rules.md') =~ /^## R(\d+): [^\n]*\n(.*?)(?=^## |\z)/msg;
my %named;
foreach my $file (grep { !m{docs/rules\.md$|/023_rules\.pl$} } @files)
{
	push @{ $named{$_} }, $file foreach rules_in(content($file));
}
cmp_ok(scalar @files, '>', 100, scalar(@files) . ' files');
cmp_ok(scalar keys %named, '>=', 11, 'they name rules: R' . join(', R', sort { $a <=> $b } keys %named));
foreach my $rule (sort { $a <=> $b } keys %named)
{
	ok($sections{$rule}, "R$rule has a section") or diag("it is named in @{ $named{$rule} }");
}

# In C a function begins its line; in SQL it is created, in either edition.
sub defines
{
	my ($file, $name) = @_;
	my $text = content($file);

	return $file =~ /\.[ch]$/ ? $text =~ /^(?:\Q$name\E\(|#define \Q$name\E\b)/m : $text =~ /\b\Q$name\E\(/;
}

my $sql = content('supabase/plpgsql.sql') . content('content_library--1.0.sql');
my %tested;

foreach my $rule (sort { $a <=> $b } keys %sections)
{
	my $section = $sections{$rule};
	my %line = $section =~ /^- (C|SQL edition|Tests): (.*)$/mg;

	if ($section =~ /^\*\*Not built yet/m)
	{
		ok(!%line, "R$rule is not built, and names no code");
		next;
	}

	my $file;
	foreach my $name (($line{C} // '') =~ /`([^`]+)`/g)
	{
		if ($name =~ /[\/.]/)
		{
			$file = -f $name ? $name : undef;
			ok($file, "R$rule: there is $name");
			next;
		}
		ok($file && defines($file, $name), "R$rule: $name is in " . ($file // 'no file'));
	}
	ok(($line{C} // '') =~ /`/, "R$rule has a place in C");

	my @twins = ($line{'SQL edition'} // '') =~ /`([^`]+)`/g;
	ok(@twins > 0, "R$rule has a place in the SQL edition");
	foreach my $name (@twins)
	{
		# In the schema that is named, or else in that of the library.
		my $schema = $name =~ /\./ ? '' : '(?:public|@extschema@)\.';

		ok($name =~ /\// ? -f $name : $sql =~ /^CREATE FUNCTION $schema\Q$name\E\(/m, "R$rule: there is $name");
	}

	my @tests = ($line{Tests} // '') =~ /`([^`]+)`/g;
	ok(@tests > 0, "R$rule has tests");
	foreach my $test (@tests)
	{
		ok($test =~ m{^test/(?:sql|specs|t)/} && -f $test, "R$rule: there is $test");
		$tested{$rule}{$test} = 1;
	}
}

# A test that says in its first lines which rules it holds is named there.
foreach my $file (grep { m{^test/(?:sql|specs|t)/} && !/023_rules/ } @files)
{
	my ($head) = content($file) =~ /\A((?:(?:--|#)[^\n]*\n)*)/;

	foreach my $rule (rules_in($head))
	{
		ok($tested{$rule}{$file}, "$file is named under R$rule");
	}
}

# The anchors of a document, as GitHub makes them of its headings.
sub anchors
{
	my ($text) = @_;

	return map { lc(s/[^\w\- ]//gr) =~ tr/ /-/r => 1 } map { s/`//gr } $text =~ /^#+ (.*)$/mg;
}

foreach my $document (glob('*.md docs/*.md examples/*/README.md'))
{
	my $text = content($document) =~ s/^```.*?^```//msgr;
	my ($folder) = $document =~ m{^(.*/)?};
	my @lost;

	foreach my $link ($text =~ /\]\((?!https?:)([^)\s]+)\)/g, $text =~ /(?:src|srcset)="([^"]+)"/g)
	{
		my ($file, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
		my $target = $file eq '' ? $document : ($folder // '') . $file;

		$target .= '/README.md' if -d $target && $anchor ne '';
		push @lost, $link if !-e $target || ($anchor ne '' && !{ anchors(content($target)) }->{$anchor});
	}
	is_deeply(\@lost, [], "the links of $document");
}

done_testing();
