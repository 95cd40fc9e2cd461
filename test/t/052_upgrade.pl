# 052_upgrade: R11. pg_upgrade keeps all rows, keys, policies and grants: from the
# same major, and from each older one that is here. To a server without the library, as
# that of the Supabase image, it goes by way of the SQL edition.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @schemas = ('public', 'academy');
my $scripts = "$FindBin::RealBin/../../supabase";

# What record_progress and course_completion answer learner 1.
sub answers
{
	my ($node, $schema) = @_;

	return $node->safe_psql("app_$schema", as_user(learner(1)) . <<"END");
SELECT course_completion(c.id), p.watched_pct, p.completed
FROM courses AS c, lessons AS l, record_progress(l.id, 60) AS p
WHERE c.title = 'Course 1' AND l.title = 'Course 1, module 1, lesson 4'
END
}

# The arguments of pg_upgrade, for two servers that are stopped.
sub upgrade
{
	my ($old, $new) = @_;

	chdir(PostgreSQL::Test::Utils::tempdir);
	return [ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $old->config_data('--bindir'), '-B', $new->config_data('--bindir'),
		'-s', $new->host, '-p', $old->port, '-P', $new->port ];
}

sub run_script
{
	my ($node, $script) = @_;

	return [ 'psql', '-XqAt', '-d', $node->connstr('app'), '-f', "$scripts/$script.sql" ];
}

foreach my $major (our_major(), older_majors())
{
	my $from = "from $major";
	my $old = start_major("from_$major", $major);
	my $new = start_major("after_$major", our_major());
	my %before;

	# A database for each schema, and one that waits for auth.
	foreach my $schema (@schemas)
	{
		new_database($old, "app_$schema", $schema);
		fill($old, "app_$schema", $schema);
		$old->safe_psql("app_$schema", "ALTER DATABASE app_$schema SET search_path = $schema;
			GRANT SELECT (id, title) ON $schema.courses TO anon;
			CREATE TABLE public.bookmarks (lesson_id uuid REFERENCES $schema.lessons, at_seconds int);
			INSERT INTO public.bookmarks SELECT id, 7 FROM $schema.lessons");
		$before{$schema} = snapshot($old, "app_$schema", $schema);
	}
	$old->safe_psql('postgres', 'CREATE DATABASE waiting');
	$old->safe_psql('waiting', "CREATE EXTENSION content_library;
		INSERT INTO courses (title, slug) VALUES ('T', 's');
		INSERT INTO enrollments (user_id, course_id) SELECT '${\learner(1)}', id FROM courses");
	$before{waiting} = snapshot($old, 'waiting', 'public');
	like($before{waiting}, qr/^9 event trigger\|content_library_attach/m, "$from: one database waits for auth");
	$old->stop;
	$new->stop;
	command_ok(upgrade($old, $new), "$from: pg_upgrade");
	$new->start;

	foreach my $schema (@schemas)
	{
		is(snapshot($new, "app_$schema", $schema), $before{$schema}, "$from, $schema: all as it was");
		is($new->safe_psql("app_$schema", 'SELECT count(*) FROM public.bookmarks JOIN lessons ON id = lesson_id'), 90,
			"$from, $schema: and the user's own rows");
		is(answers($new, $schema), '7|74|f', "$from, $schema: a learner can ask and report");
	}
	is(snapshot($new, 'waiting', 'public'), $before{waiting}, "$from: what waited for auth is as it was");
	$new->safe_psql('waiting', supabase_sql() =~ s/ALTER TABLE auth\.users OWNER/INSERT INTO auth.users (id) VALUES ('${\learner(1)}');\n$&/r);
	like(snapshot($new, 'waiting', 'public'), qr/^3 constraint\|enrollments.*REFERENCES auth\.users/m, "$from: and attaches when it comes");
	$new->stop;
}

foreach my $major (our_major(), older_majors())
{
	my $from = "from $major, by the SQL edition";
	my $old = start_major("with_$major", $major);
	my $new = PostgreSQL::Test::Cluster->new("without_$major");

	{
		delete local $ENV{TEMP_CONFIG};
		$new->init(extra => [ '--data-checksums', '--no-locale', '--encoding=UTF8' ]);
	}
	new_database($old, 'app', 'public');
	fill($old, 'app', 'public');
	my $before = snapshot($old, 'app', 'public');

	# Where the library was installed for all servers, the new one has it.
	if ($ENV{TEMP_CONFIG})
	{
		$old->stop;
		command_fails([ @{ upgrade($old, $new) }, '--check' ], "$from: pg_upgrade does not go without the library");
		$old->start;
	}
	command_ok(run_script($old, 'to_sql_edition'), "$from: to the SQL edition");
	$old->stop;
	command_ok(upgrade($old, $new), "$from: pg_upgrade");
	$new->start;
	is($new->safe_psql('app', as_user(learner(1)) . "BEGIN; SELECT r.watched_pct FROM lessons AS l, record_progress(l.id, 5) AS r WHERE l.title = 'Course 1, module 1, lesson 4'; ROLLBACK"),
		74, "$from: the SQL edition works there");
	$new->stop;
	$new->append_conf('postgresql.conf', slurp_file($ENV{TEMP_CONFIG})) if $ENV{TEMP_CONFIG};
	$new->start;
	command_ok(run_script($new, 'to_extension'), "$from: and back");
	is_deeply([ lines_that_differ($before, snapshot($new, 'app', 'public')) ], [], "$from: all as it was");
	$new->stop;
}

done_testing();
