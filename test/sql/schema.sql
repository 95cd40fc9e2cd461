-- schema: the tables, constraints, indexes, policies, triggers and functions,
-- as the catalogs have them; what is dumped; who owns what.

-- Columns, in order.
SELECT c.relname AS "table", a.attname AS "column",
	   format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
	   pg_get_expr(d.adbin, d.adrelid) AS "default"
FROM pg_extension AS e
CROSS JOIN unnest(e.extconfig) WITH ORDINALITY AS m(oid, place)
JOIN pg_class AS c ON c.oid = m.oid
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE e.extname = 'content_library'
ORDER BY m.place, a.attnum;

-- Keys and checks; every foreign key cascades, but that a certificate outlives its course.
SELECT conrelid::regclass AS "table", conname AS "constraint",
	   pg_get_constraintdef(oid) AS definition, convalidated AS valid
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
ORDER BY conrelid::regclass::text COLLATE "C", contype, conname;

-- Indexes: those of the keys, the plan's 8 and nine more.
SELECT indexname, substring(indexdef FROM ' ON .*') AS definition
FROM pg_indexes
WHERE schemaname = 'public'
ORDER BY indexname;

-- Row-level security is on, and not forced upon the owner: foreign keys cascade as the owner.
SELECT relname AS "table", relrowsecurity AS enabled, relforcerowsecurity AS forced
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY relname;

-- The plan's 12 policies.
SELECT tablename, policyname, cmd, roles, permissive
FROM pg_policies
WHERE schemaname = 'public'
ORDER BY tablename, policyname;

SELECT policyname, qual, with_check
FROM pg_policies
WHERE schemaname = 'public'
ORDER BY tablename, policyname;

-- Triggers: on UPDATE, for an INSERT trigger would fire in a restore; the one that
-- there is changes nothing then.
SELECT pg_get_triggerdef(t.oid) AS trigger, tgenabled AS enabled
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
ORDER BY c.relname, t.tgname;

-- All members of the extension. (Row types are listed from PostgreSQL 18 on.)
SELECT o.type, o.identity
FROM pg_depend AS d
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
CROSS JOIN pg_identify_object(d.classid, d.objid, d.objsubid) AS o
WHERE e.extname = 'content_library' AND d.deptype = 'e' AND o.type <> 'type'
ORDER BY o.type COLLATE "C", o.identity COLLATE "C";

-- Functions: names, arguments and their labels.
CREATE TEMP VIEW member_functions AS
SELECT p.*
FROM pg_depend AS d
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE e.extname = 'content_library' AND d.deptype = 'e';

SELECT proname, pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
FROM member_functions
ORDER BY proname;

SELECT f.proname, l.lanname AS language, f.provolatile AS volatile, f.proparallel AS parallel,
	   f.prosecdef AS definer, f.proisstrict AS strict, f.proconfig AS settings
FROM member_functions AS f
JOIN pg_language AS l ON l.oid = f.prolang
ORDER BY proname;

-- No overloads, and nothing without a comment.
SELECT proname FROM member_functions GROUP BY proname HAVING count(*) > 1;
SELECT proname FROM member_functions WHERE obj_description(oid, 'pg_proc') IS NULL;
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND obj_description(oid, 'pg_class') IS NULL;

-- pg_dump keeps the rows of all tables, all rows.
SELECT c.relname, m.condition
FROM pg_extension AS e
CROSS JOIN unnest(e.extconfig, e.extcondition) AS m(oid, condition)
JOIN pg_class AS c ON c.oid = m.oid
WHERE e.extname = 'content_library'
ORDER BY c.relname;

SELECT extversion, extrelocatable FROM pg_extension WHERE extname = 'content_library';

-- Installed by somebody who is no superuser: the tables are theirs, and no
-- function is, for the owner of a C function could point it at any other.
BEGIN;
DROP EXTENSION content_library;
CREATE ROLE regress_installer;
GRANT CREATE ON DATABASE :"DBNAME" TO regress_installer;
GRANT USAGE ON SCHEMA auth TO regress_installer;
GRANT REFERENCES, SELECT ON auth.users TO regress_installer;
SET LOCAL ROLE regress_installer;
CREATE SCHEMA library;
CREATE EXTENSION content_library SCHEMA library;
RESET ROLE;
SELECT extowner::regrole FROM pg_extension WHERE extname = 'content_library';
SELECT relname, relowner::regrole FROM pg_class
WHERE relnamespace = 'library'::regnamespace AND relkind = 'r'
ORDER BY relname;
SELECT f.proname, r.rolsuper AS owned_by_superuser
FROM member_functions AS f
JOIN pg_roles AS r ON r.oid = f.proowner
ORDER BY f.proname;

-- The owner can mend the attachment.
SET LOCAL ROLE regress_installer;
DROP POLICY "Users read own progress" ON library.content_progress;
SELECT library.content_library_attach();
SELECT count(*) FROM pg_policies WHERE schemaname = 'library';
ROLLBACK;
