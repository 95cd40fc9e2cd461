-- check_roles: content_library_check() finds roles of learners that have more than
-- content_library grants them, whichever way it came, and a service that has less.
BEGIN;
CREATE ROLE regress_group;
CREATE ROLE regress_outer;
CREATE ROLE regress_boss SUPERUSER;
GRANT regress_group TO regress_outer;
CREATE TEMP TABLE lines (line text);

-- Tries a command; shows what is found, does what the remedies say, and shows what is found then.
CREATE FUNCTION pg_temp.try(VARIADIC commands text[]) RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
	command text;
	finding record;
BEGIN
	FOREACH command IN ARRAY commands LOOP
		EXECUTE command;
	END LOOP;
	FOR finding IN SELECT * FROM test.findings() LOOP
		RETURN NEXT format('%s: %s: %s', finding.severity, finding.object, replace(finding.problem, current_user, 'me'));
		RETURN NEXT '    ' || replace(regexp_replace(finding.remedy, ' GRANTED BY [^;]*', '', 'g'), current_user, 'me');
	END LOOP;
	CALL test.mend();
	FOR finding IN SELECT * FROM test.findings() LOOP
		RETURN NEXT format('still there: %s: %s', finding.object, finding.problem);
	END LOOP;
END
$$;
\pset tuples_only on
SELECT pg_temp.try('GRANT service_role TO authenticated');
SELECT pg_temp.try('GRANT service_role TO anon', 'GRANT service_role TO authenticated');
SELECT pg_temp.try('GRANT service_role TO regress_group', 'GRANT regress_outer TO authenticated');
REVOKE service_role FROM regress_group;
SELECT pg_temp.try('GRANT authenticated TO anon');
SELECT pg_temp.try('GRANT pg_read_all_data, pg_write_all_data TO authenticated');
SELECT pg_temp.try('GRANT regress_boss TO authenticated');
SELECT pg_temp.try(format('GRANT %I TO authenticated', current_user));
SELECT pg_temp.try('ALTER ROLE authenticated BYPASSRLS', 'ALTER ROLE anon BYPASSRLS');
SELECT pg_temp.try('ALTER ROLE authenticated SUPERUSER');
SELECT pg_temp.try('ALTER ROLE service_role NOBYPASSRLS');

-- Rights that come through a group, of two steps, and whether or not they are inherited.
SELECT pg_temp.try('GRANT regress_outer TO authenticated, anon', 'GRANT SELECT, TRUNCATE ON content_progress TO regress_group',
	'GRANT UPDATE (completed_at) ON enrollments TO regress_outer', 'GRANT EXECUTE ON FUNCTION course_report(uuid, integer, uuid) TO regress_group');
REVOKE regress_outer FROM authenticated, anon;

-- The same grants to a group that no learner is in.
GRANT SELECT ON content_progress TO regress_group;
SELECT * FROM test.findings();

-- Whoever passes a grant on: what hangs on it goes with it.
SELECT pg_temp.try('GRANT SELECT ON lessons TO authenticated WITH GRANT OPTION',
	'SET LOCAL ROLE authenticated', 'GRANT SELECT ON lessons TO regress_group', 'RESET ROLE');
ROLLBACK;
