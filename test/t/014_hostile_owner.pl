# 014_hostile_owner: the owner of a database, no superuser, gains neither a
# superuser's rights nor the server's memory from the extension, nor brings it down.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

my $node = start_node('hostile');
my $superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'";
my $users = 'CREATE TABLE auth.users (id uuid PRIMARY KEY);';
my $uid = 'CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULL::uuid $$;';

# An index that runs its owner's code whenever a query on its table is planned.
my $trap = <<'END';
CREATE FUNCTION trap() RETURNS int LANGUAGE plpgsql
AS $$ BEGIN IF current_user <> 'mallory' THEN ALTER ROLE mallory SUPERUSER; END IF; RETURN 1; END $$;
CREATE FUNCTION calm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.trap(); END $$;
END

sub as_mallory
{
	my ($database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, $sql, connstr => $node->connstr($database) . ' user=mallory');

	return $code == 2 ? 'the server died' : "$out$err";
}

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql());
$node->safe_psql('roles', 'CREATE ROLE mallory LOGIN; GRANT anon, authenticated, service_role TO mallory');
foreach my $database (qw(at_creation later deferred answers))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER mallory");
	$node->safe_psql($database, 'GRANT ALL ON SCHEMA public TO mallory');
}

as_mallory('at_creation', "CREATE SCHEMA auth; $users $uid $trap
	CREATE INDEX ON auth.users ((public.calm(1)));");
as_mallory('at_creation', 'CREATE EXTENSION content_library SCHEMA public');
is($node->safe_psql('at_creation', 'SELECT count(*) FROM pg_policies'), 29, 'created and attached');
is($node->safe_psql('at_creation', $superuser), 'f', 'CREATE EXTENSION runs no code of the owner as superuser');
$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');

as_mallory('later', "CREATE EXTENSION content_library SCHEMA public; $trap
	CREATE INDEX ON public.enrollments ((public.calm(1)));");
as_mallory('later', "CREATE SCHEMA auth; $users $uid");
is($node->safe_psql('later', 'SELECT count(*) FROM pg_policies'), 29, 'attached later');
is($node->safe_psql('later', $superuser), 'f', 'nor does the event trigger');
$node->safe_psql('later', 'SELECT content_library_attach()');
is($node->safe_psql('later', $superuser), 'f', 'nor does a superuser who attaches it by hand');
$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');

# A deferred trigger would fire with the rights of whoever commits.
as_mallory('deferred', <<'END');
CREATE EXTENSION content_library SCHEMA public;
CREATE TABLE public.bomb ();
CREATE FUNCTION bang() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN ALTER ROLE mallory SUPERUSER; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER bang AFTER INSERT ON public.bomb
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.bang();
CREATE FUNCTION trap() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION calm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.trap(); END $$;
CREATE INDEX ON public.enrollments ((public.calm(1)));
CREATE OR REPLACE FUNCTION trap() RETURNS int LANGUAGE sql AS 'INSERT INTO public.bomb DEFAULT VALUES; SELECT 1';
END
$node->psql('deferred', "CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO mallory; $uid
	CREATE TABLE auth.users (id uuid); GRANT ALL ON auth.users TO mallory;
	ALTER TABLE auth.users ADD PRIMARY KEY (id);");
is($node->safe_psql('deferred', $superuser), 'f', 'nor does a commit');

# auth.uid() as nobody expects it.
as_mallory('answers', 'CREATE EXTENSION content_library SCHEMA public; CREATE SCHEMA auth');
my $ask = 'SELECT course_completion(gen_random_uuid())';
as_mallory('answers', "CREATE FUNCTION auth.uid() RETURNS SETOF uuid LANGUAGE sql AS 'SELECT NULL::uuid WHERE false'");
like(as_mallory('answers', $ask), qr/nobody is signed in/, 'auth.uid() without a row');
as_mallory('answers', "DROP FUNCTION auth.uid(); CREATE FUNCTION auth.uid() RETURNS int LANGUAGE sql AS 'SELECT 5'");
like(as_mallory('answers', $ask), qr/cannot cast type integer to uuid/, 'auth.uid() of another type');
is($node->safe_psql('answers', 'SELECT 1'), 1, 'the server lives');

# A trigger that calls us again under ever new search paths, until plans are
# forgotten while the one that fired it is still running.
new_database($node, 'nested', 'public');
fill($node, 'nested', 'public');
$node->safe_psql('nested', <<'SQL');
CREATE FUNCTION test_nested() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
	FOR i IN 1..300 LOOP
		PERFORM set_config('search_path', 'public, s' || i, true);
		PERFORM public.course_completion(id, NEW.user_id) FROM public.courses LIMIT 1;
	END LOOP;
	RETURN NULL;
END
$$;
CREATE TRIGGER nested AFTER UPDATE ON content_progress FOR EACH ROW EXECUTE FUNCTION test_nested();
SQL
is($node->safe_psql('nested', as_user(learner(1)) . <<'SQL'), '75', 'plans in use are kept');
SELECT sum(n) FROM (SELECT n, (record_progress(lesson_id, 90 + n)).watched_pct
	FROM (SELECT lesson_id FROM content_progress LIMIT 5) AS l, generate_series(1, 5) AS n OFFSET 0) AS s;
SQL

done_testing();
