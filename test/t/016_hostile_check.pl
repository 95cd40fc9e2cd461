# 016_hostile_check: a superuser who runs content_library_check(), or is warned of
# a column, runs no code of the tables' owner as superuser.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use Test::More;

my $node = start_node('hostile_check');

# What pays off when a superuser runs it, and says so when anybody does.
my $trap = <<'END';
CREATE SEQUENCE public.sprung;
CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN
	PERFORM nextval('public.sprung');
	IF current_user <> 'mallory' THEN ALTER ROLE mallory SUPERUSER; END IF;
	RETURN true;
END $$;
CREATE FUNCTION public.calm(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
AS $$ BEGIN RETURN public.trap(); END $$;
END

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql() . 'CREATE ROLE mallory LOGIN; GRANT anon, authenticated, service_role TO mallory');

sub hostile_database
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER mallory");
	$node->safe_psql($database, 'GRANT ALL ON SCHEMA public TO mallory');
	$node->safe_psql($database, supabase_sql());
	$node->safe_psql($database, "GRANT USAGE ON SCHEMA auth TO mallory; GRANT SELECT, REFERENCES ON auth.users TO mallory;
		SET ROLE mallory; CREATE EXTENSION content_library SCHEMA public; $trap");
}

sub no_superuser
{
	my ($name) = @_;

	is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', $name);
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');
}

# The predicate of an index is run when a query on its table is planned.
hostile_database('planned');
$node->safe_psql('planned', 'SET ROLE mallory; CREATE INDEX mine ON public.content_progress (watched_pct) WHERE public.calm(1)');
my $sprung = $node->safe_psql('planned', 'SELECT last_value FROM public.sprung');
like($node->safe_psql('planned', 'SELECT object FROM public.content_library_check()'), qr/^index mine on content_progress$/m,
	'the check finds the index');
isnt($node->safe_psql('planned', 'SELECT last_value FROM public.sprung'), $sprung, 'and its predicate was run');
no_superuser('but not as a superuser');

# So is a column of a view, where a table can become one.
SKIP:
{
	skip 'no table becomes a view since 16', 1 if our_major() > 15;
	hostile_database('viewed');
	$node->safe_psql('viewed', <<'END');
SET ROLE mallory;
ALTER TABLE public.content_progress DISABLE ROW LEVEL SECURITY;
DROP TRIGGER claim_after_insert ON public.content_progress;
DROP TRIGGER claim_after_update ON public.content_progress;
DROP POLICY "Users read own progress" ON public.content_progress;
DROP POLICY "Users upsert own progress" ON public.content_progress;
DROP POLICY "Service role manages content_progress" ON public.content_progress;
ALTER TABLE public.content_progress DROP CONSTRAINT content_progress_lesson_id_fkey,
	DROP CONSTRAINT content_progress_user_id_fkey, DROP CONSTRAINT content_progress_watched_pct_check,
	DROP CONSTRAINT content_progress_position_seconds_check, DROP CONSTRAINT content_progress_pkey,
	DROP CONSTRAINT content_progress_user_id_lesson_id_key;
DROP INDEX public.idx_content_progress_user_id, public.idx_content_progress_lesson_id;
ALTER TABLE public.content_progress ALTER id DROP NOT NULL, ALTER id DROP DEFAULT, ALTER watched_pct DROP DEFAULT,
	ALTER completed DROP DEFAULT, ALTER last_watched DROP DEFAULT, ALTER watched DROP DEFAULT;
-- It says then that there are no triggers and indexes any more.
VACUUM public.content_progress;
CREATE RULE "_RETURN" AS ON SELECT TO public.content_progress DO INSTEAD
	SELECT md5('p')::uuid AS id, md5('u')::uuid AS user_id, md5('l')::uuid AS lesson_id, 100 AS watched_pct,
		not public.trap() AS completed, now() AS last_watched, 1 AS position_seconds, now() AS completed_at,
		'{}'::int4multirange AS watched, now() AS started_at;
RESET ROLE;
INSERT INTO public.courses (id, title, slug) VALUES (md5('c')::uuid, 'c', 'c');
INSERT INTO public.modules (id, course_id, title) VALUES (md5('m')::uuid, md5('c')::uuid, 'm');
INSERT INTO public.lessons (id, module_id, title) VALUES (md5('l')::uuid, md5('m')::uuid, 'l');
END
	is($node->safe_psql('viewed', "SELECT relkind FROM pg_class WHERE oid = 'public.content_progress'::regclass"), 'v', 'a table became a view');
	like($node->safe_psql('viewed', 'SELECT object FROM public.content_library_check()'), qr/^column content_progress\.|content_progress/m,
		'the check finds what is left of it');
	no_superuser('and does not run it as a superuser');
}

# A superuser who alters a table, and is warned.
hostile_database('warned');
$node->safe_psql('warned', 'SET ROLE mallory; CREATE INDEX ON public.courses (title) WHERE public.calm(1)');
my ($code, $out, $err) = $node->psql('warned', 'ALTER TABLE public.courses ADD COLUMN x int');
like($err, qr/WARNING:  column courses\.x: /, 'a superuser is warned');
no_superuser('without a gain');

# Whoever may not run it, still may not; the owner and the service may.
foreach my $role ('mallory', 'service_role')
{
	($code, $out, $err) = $node->psql('planned', "SET ROLE $role; SELECT object FROM public.content_library_check()");
	like($out, qr/^index mine on content_progress$/m, "$role may ask");
}
foreach my $role ('anon', 'authenticated')
{
	($code, $out, $err) = $node->psql('planned', "SET ROLE $role; SELECT * FROM public.content_library_check()");
	like($err, qr/permission denied for function content_library_check/, "$role may not");
}

done_testing();
