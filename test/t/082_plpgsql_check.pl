# 082_plpgsql_check: plpgsql_check has nothing to say of the functions of the SQL
# edition, with all its warnings on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use LibraryTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('checked');
plan skip_all => 'plpgsql_check is not installed (Debian: postgresql-' . our_major() . '-plpgsql-check)'
	if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check'") eq '0';

my ($migration) = glob("$FindBin::RealBin/../../supabase/migrations/*_content_library.sql");
new_database($node, 'edition');
$node->safe_psql('edition', slurp_file($migration));
$node->safe_psql('edition', 'CREATE EXTENSION plpgsql_check SCHEMA extensions');

# A trigger function is checked with its table. These warnings are of no use here:
# - that a function which only fails could be IMMUTABLE: the planner would call it
#   before its time; and what is VOLATILE to see new rows must stay so;
# - that a function ends without RETURN, where it ends with a LOOP that has no end;
# - that an OUT argument is a row, where look() gives a row and more;
# - that a branch of content_library_on_change() names what only another table has.
my $ours = <<'END';
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
WHERE p.pronamespace IN ('public'::regnamespace, 'content_library'::regnamespace)
END
my $warnings = <<"END";
WITH ours AS (SELECT p.oid, p.prosrc $ours), checked AS (
	SELECT DISTINCT ours.*, coalesce(t.tgrelid, 0)::regclass AS relid
	FROM ours LEFT JOIN pg_trigger AS t ON t.tgfoid = ours.oid)
SELECT concat_ws(' ', c.oid::regprocedure, 'line ' || w.lineno, w.level || ':', w.message, w.detail, w.hint)
FROM checked AS c
CROSS JOIN extensions.plpgsql_check_function_tb(c.oid, c.relid, fatal_errors => false, other_warnings => true,
	performance_warnings => true, extra_warnings => true, security_warnings => true, compatibility_warnings => true) AS w
WHERE NOT (w.level = 'performance' AND w.message ~ '^routine is marked as (STABLE, should be IMMUTABLE|VOLATILE, should be STABLE)\$')
	AND NOT (w.message = 'control reached end of function without RETURN' AND c.prosrc ~ '\\n\\tEND LOOP;\\nEND\\n\$')
	AND NOT (w.message = 'composite OUT variable "progress" is not single argument' AND c.oid = 'content_library.look(uuid, uuid, timestamptz, integer, boolean, boolean)'::regprocedure)
	AND NOT (w.sqlstate IN ('42703', '42P01') AND c.oid = 'public.content_library_on_change()'::regprocedure)
ORDER BY c.oid::regprocedure::text, w.lineno, w.message
END

cmp_ok($node->safe_psql('edition', "SELECT count(*) $ours"), '>', 70, 'there are functions to check');
is($node->safe_psql('edition', $warnings), '', 'no warning');

# What it would find: a column that is not there, a variable that nothing uses, an
# injection; each where the server itself says nothing before the line runs.
foreach my $fault (
	[ 'column', 'PERFORM l.nothing FROM public.lessons AS l;', qr/error: column l\.nothing does not exist/ ],
	[ 'variable', 'DECLARE spare integer; BEGIN END;', qr/unused variable "spare"/ ],
	[ 'injection', "EXECUTE 'SELECT ' || name;", qr/security: text type variable is not sanitized/ ])
{
	$node->safe_psql('edition', "CREATE OR REPLACE FUNCTION content_library.faulty(name text) RETURNS void LANGUAGE plpgsql
		AS \$\$BEGIN\n$fault->[1]\nEND\$\$");
	like($node->safe_psql('edition', $warnings), $fault->[2], "found: $fault->[0]");
}

done_testing();
