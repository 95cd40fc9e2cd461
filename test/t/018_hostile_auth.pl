# 018_hostile_auth: neither who owns the schema, and renames it, nor who owns
# auth.users, and hangs code on it, has any of it run with the rights of the
# tables' owner.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('hostile_auth');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $top = "$FindBin::RealBin/../..";
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $uid = 'CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULL::uuid $$;';
my $keys = "SELECT string_agg(convalidated::text, ' ' ORDER BY conname) FROM pg_constraint
	WHERE conname LIKE '%_user_id_fkey' AND confrelid = to_regclass('auth.users')";
my $seen = 'SELECT DISTINCT who FROM public.seen ORDER BY who';

# Code that notes who it runs as, whenever a query on its table is planned.
my $trap = <<'END';
CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN 1; END $$;
CREATE FUNCTION public.calm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.trap(); END $$;
END

sub new_victim
{
	my ($database, $sql) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER mallory");
	$node->safe_psql($database, "CREATE TABLE public.seen (who text); GRANT ALL ON public.seen TO PUBLIC; GRANT ALL ON SCHEMA public TO mallory, alice; $sql");
}

# What a role's statements say; another session's may stand among them.
sub as
{
	my ($role, $database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, $sql, connstr => $node->connstr($database) . " user=$role");

	return "$out$err";
}

my $sessions = 0;
sub meanwhile
{
	my ($role, $database, $sql) = @_;
	my $file = "$folder/" . ++$sessions;

	append_to_file($file, $sql);
	return "\n\\! psql -Xqw -f '$file' -d \"" . $node->connstr($database) . " user=$role\" >&2\n";
}

$node->safe_psql('postgres', 'CREATE DATABASE roles');
$node->safe_psql('roles', supabase_sql() . 'ALTER ROLE supabase_auth_admin LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE alice LOGIN;
	GRANT anon, authenticated, service_role TO mallory, alice');

# 1. Another schema of the same name, while a transaction knows the old one.
my $replace = <<'END';
ALTER SCHEMA lib RENAME TO lib2;
CREATE SCHEMA lib;
CREATE FUNCTION lib.content_library_attach() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); END $$;
CREATE TABLE lib.content_progress (user_id uuid);
CREATE TABLE lib.enrollments (user_id uuid);
GRANT USAGE ON SCHEMA lib TO PUBLIC;
END
foreach my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	my $name = lc $level =~ s/ /_/r;

	# While it waits for auth, whoever runs the command.
	new_victim("waits_$name", "SET ROLE mallory; CREATE SCHEMA lib; CREATE EXTENSION content_library SCHEMA lib");
	as('mallory', "waits_$name", "BEGIN ISOLATION LEVEL $level; SELECT 1;" . meanwhile('mallory', "waits_$name", $replace)
		. "GRANT USAGE ON SCHEMA lib2 TO PUBLIC; COMMIT");
	is($node->safe_psql("waits_$name", $seen), '', "$level: a schema replaced while it waits for auth");
	is(as($superuser, "waits_$name", "CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO mallory; CREATE TABLE auth.users (id uuid PRIMARY KEY);
		GRANT SELECT, REFERENCES ON auth.users TO mallory; $uid"), '', 'it still waits');
	is($node->safe_psql("waits_$name", "SELECT count(*) FROM pg_policies WHERE schemaname = 'lib2'"), 29, 'and attaches');
	is($node->safe_psql("waits_$name", $seen), '', 'nothing of mallory\'s ran');

	# Attached by hand, with tables that are a superuser's.
	new_victim("hand_$name", "CREATE SCHEMA auth; $uid CREATE TABLE auth.users (id uuid PRIMARY KEY);
		CREATE SCHEMA lib AUTHORIZATION mallory; CREATE EXTENSION content_library SCHEMA lib;
		DROP POLICY \"Users read own progress\" ON lib.content_progress");
	as($superuser, "hand_$name", "BEGIN ISOLATION LEVEL $level; SELECT 1;" . meanwhile('mallory', "hand_$name", $replace)
		. "SELECT lib2.content_library_attach(); COMMIT");
	is($node->safe_psql("hand_$name", $seen), '', "$level: a schema replaced before it is attached by hand");
	is($node->safe_psql("hand_$name", "SELECT schemaname, count(*) FROM pg_policies GROUP BY 1"), 'lib2|29', 'ours is attached');
	is($node->safe_psql("hand_$name", $keys), 'true true true true', 'with its keys');
}

# 2. What may hang on auth.users, each in a place of its own.
my %places = (
	'index predicate' => [ 'CREATE INDEX trapped ON auth.users (id) WHERE public.calm(1) = 1', qr/index auth\.trapped uses function (public\.)?calm\(integer\)/ ],
	'index expression' => [ 'CREATE INDEX trapped ON auth.users (public.calm(1))', qr/index auth\.trapped uses function (public\.)?calm/ ],
	'check' => [ 'ALTER TABLE auth.users ADD CONSTRAINT trapped CHECK (public.calm(1) = 1)', qr/constraint trapped on table auth\.users uses function/ ],
	'statistics' => [ 'CREATE STATISTICS auth.trapped ON (public.calm(1)), id FROM auth.users', qr/statistics object auth\.trapped uses function/ ],
	'domain' => [ 'CREATE DOMAIN trapped AS int CHECK (public.calm(1) = 1); ALTER TABLE auth.users ADD COLUMN t trapped', qr/table auth\.users uses type (public\.)?trapped/ ],
	'generated column' => [ 'ALTER TABLE auth.users ADD COLUMN t int GENERATED ALWAYS AS (public.calm(1)) STORED', qr/default value for column t of table auth\.users uses function/ ],
	'policy' => [ 'CREATE POLICY trapped ON auth.users USING (public.calm(1) = 1); ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', qr/policy trapped on table auth\.users uses function/ ],
	'rule' => [ 'CREATE RULE trapped AS ON DELETE TO auth.users WHERE public.calm(1) = 1 DO INSTEAD NOTHING', qr/rule trapped on table auth\.users uses function/ ],
	'operator' => [ 'CREATE OPERATOR public.=@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); CREATE INDEX trapped ON auth.users (id) WHERE 1 OPERATOR(public.=@) 1', qr/index auth\.trapped uses operator (public\.)?=\@/ ]);

# A superuser has the tables; who may create in the database makes auth.
foreach my $place (sort keys %places)
{
	my ($hang, $said) = @{ $places{$place} };
	my $database = 'made_' . $place =~ s/ /_/r;

	new_victim($database, 'CREATE EXTENSION content_library SCHEMA public');
	as('mallory', $database, "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY); $trap $hang; DELETE FROM public.seen");
	my $out = as('mallory', $database, "DELETE FROM public.seen; $uid");
	is($node->safe_psql($database, $seen), '', "$place: runs not as the tables' owner");
	is($node->safe_psql($database, $keys), 'false false false false', "$place: the keys are not validated");
	like($out, qr/WARNING:  content_library does not validate its foreign keys to auth\.users\nDETAIL:  It would run code of mallory with the rights of $superuser: [^\n]*$said/, "$place: is named")
		or diag($out);
}

# The same where it is attached by hand, as after a restore, and whose rows are orphans.
new_database($node, 'supabase', 'public');
fill($node, 'supabase', 'public');
$node->safe_psql('supabase', 'CREATE TABLE seen (who text); GRANT ALL ON seen TO PUBLIC; GRANT CREATE ON SCHEMA public TO supabase_auth_admin');
is($node->safe_psql('supabase', $keys), 'true true true true', 'Supabase itself is trusted');
as('supabase_auth_admin', 'supabase', "$trap CREATE INDEX trapped ON auth.users (id) WHERE public.calm(1) = 1; DELETE FROM public.seen");
like(as($superuser, 'supabase', 'SELECT content_library_attach()'), qr/WARNING:  content_library does not validate .*code of supabase_auth_admin with the rights of $superuser: index auth\.trapped/s, 'by hand');
is($node->safe_psql('supabase', "$seen; $keys"), 'false false false false', 'nothing ran, nothing is validated');
$node->safe_psql('supabase', "DROP INDEX auth.trapped; DELETE FROM seen; SELECT content_library_attach()");
is($node->safe_psql('supabase', "$seen; $keys"), 'true true true true', 'removed, it is validated');

# What Supabase has is no cause for a warning, nor is a view of somebody's.
new_database($node, 'usual', 'public');
$node->safe_psql('usual', <<'END');
ALTER TABLE auth.users ADD COLUMN token text, ADD COLUMN a timestamptz, ADD COLUMN status smallint CHECK (status >= 0 AND status <= 2),
	ADD COLUMN least timestamptz GENERATED ALWAYS AS (LEAST(a, created_at)) STORED;
CREATE UNIQUE INDEX token ON auth.users (token) WHERE token !~ '^[0-9 ]*$';
CREATE INDEX ON auth.users (lower(email));
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION public.mine(uuid) RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE VIEW public.profiles AS SELECT public.mine(id) FROM auth.users;
CREATE FUNCTION public.news() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER news AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.news();
CREATE TABLE public.friends (id uuid REFERENCES auth.users CHECK (public.mine(id) = id));
END
is(as($superuser, 'usual', 'SELECT content_library_attach()'), '', "what is the server's is trusted");
is($node->safe_psql('usual', $keys), 'true true true true', 'and the keys are validated');

# Who owns the tables and auth may run what is their own.
new_victim('own', '');
as('mallory', 'own', "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY); $uid $trap CREATE INDEX trapped ON auth.users (id) WHERE public.calm(1) = 1;
	DELETE FROM public.seen; CREATE EXTENSION content_library SCHEMA public");
is($node->safe_psql('own', "$seen; $keys"), "mallory\ntrue true true true", "one owner's own code runs, as that owner");

# An index that is made while the attaching waits for its lock.
new_database($node, 'race', 'public');
$node->safe_psql('race', 'CREATE TABLE seen (who text); GRANT ALL ON seen TO PUBLIC; GRANT CREATE ON SCHEMA public TO supabase_auth_admin');
as('supabase_auth_admin', 'race', $trap);
as($superuser, 'race', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;'
	. meanwhile('supabase_auth_admin', 'race', 'CREATE INDEX trapped ON auth.users (id) WHERE public.calm(1) = 1; DELETE FROM public.seen')
	. 'SELECT content_library_attach(); COMMIT');
is($node->safe_psql('race', "$seen; $keys"), 'false false false false', 'one that is newer than the snapshot');

# From the SQL edition, by a superuser.
new_database($node, 'edition');
$node->safe_psql('edition', 'CREATE TABLE seen (who text); GRANT ALL ON seen TO PUBLIC; GRANT CREATE ON SCHEMA public TO supabase_auth_admin;
	GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role');
my ($migration) = glob("$top/supabase/migrations/*_content_library.sql");
$node->safe_psql('edition', slurp_file($migration));
as('supabase_auth_admin', 'edition', "$trap CREATE INDEX trapped ON auth.users (id) WHERE public.calm(1) = 1; DELETE FROM public.seen");
my ($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('edition'), '-f', "$top/supabase/to_extension.sql" ]);
is($node->safe_psql('edition', "$seen; $keys"), 'false false false false', 'to_extension.sql');

# The SQL edition itself, on a first run and again; once what hung there is gone, it is validated.
new_database($node, 'hosted');
$node->safe_psql('hosted', 'CREATE TABLE seen (who text); GRANT ALL ON seen TO PUBLIC; GRANT CREATE ON SCHEMA public TO supabase_auth_admin');
as('supabase_auth_admin', 'hosted', "$trap CREATE INDEX trapped ON auth.users (id) WHERE public.calm(1) = 1; DELETE FROM public.seen");
foreach my $time ('first', 'again')
{
	($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('hosted'), '-f', $migration ]);
	like($err, qr/WARNING:  content_library does not validate its foreign keys to auth\.users\nDETAIL:  [^\n]*index auth\.trapped uses function/, "the SQL edition, $time");
	is($node->safe_psql('hosted', "$seen; $keys"), 'false false false false', 'nothing ran');
}
$node->safe_psql('hosted', 'DROP INDEX auth.trapped; DELETE FROM seen');
($out, $err) = run_command([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('hosted'), '-f', $migration ]);
is("$out$err" . $node->safe_psql('hosted', "$seen; $keys"), 'true true true true', 'removed, it is validated');

# 3. Whoever has lost the tables does not have their new owner act.
new_victim('lost', "CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO mallory, alice; $uid CREATE TABLE auth.users (id uuid PRIMARY KEY);
	GRANT REFERENCES, SELECT ON auth.users TO mallory, alice; SET ROLE mallory; CREATE EXTENSION content_library SCHEMA public; RESET ROLE;
	DO \$\$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relowner = 'mallory'::regrole
		LOOP EXECUTE format('ALTER TABLE %s OWNER TO alice', t); END LOOP; END \$\$;
	GRANT EXECUTE ON FUNCTION content_library_attach() TO alice");
like(as('mallory', 'lost', "\\set VERBOSITY verbose\nSELECT content_library_attach()"),
	qr/ERROR:  42501: content_library_attach\(\) needs the rights of the owner of the tables\nHINT:  Call it as alice\./, 'a former owner is refused');
is(as('alice', 'lost', 'SELECT content_library_attach()'), '', 'the owner is not');
is(as($superuser, 'lost', 'SELECT content_library_attach()'), '', 'nor is a superuser');

# 4. Nobody waits for a transaction that only granted something, or made the extension.
foreach my $what ('GRANT USAGE ON SCHEMA lib TO PUBLIC', 'CREATE SCHEMA other; DROP EXTENSION content_library; CREATE EXTENSION content_library SCHEMA lib')
{
	new_victim('locks', "CREATE SCHEMA lib; CREATE EXTENSION content_library SCHEMA lib");
	my $out = as($superuser, 'locks', "BEGIN; $what;" . meanwhile('mallory', 'locks', "SET lock_timeout = '2s'; CREATE TEMP TABLE t (); CREATE SCHEMA s; SELECT 'went on' FROM pg_temp.t RIGHT JOIN (VALUES (1)) AS v ON true") . 'COMMIT');
	like($out, qr/went on/, "$what: others make schemas") or diag($out);
	unlike($out, qr/lock timeout/, 'without waiting');
	$node->safe_psql('postgres', 'DROP DATABASE locks');
}

done_testing();
