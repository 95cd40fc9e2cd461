-- functions_rights: what becomes of each function, called as each role and for
-- each user; "ok", or the SQLSTATE.

BEGIN;
CALL test.make_course('fr', 3);
CALL test.make_course('fr-new', 1);
CALL test.make_learner('fr-ann', 'fr');
CALL test.make_learner('fr-bob', 'fr');
UPDATE lessons SET is_preview = true WHERE id = test.id('fr/3');
INSERT INTO content_progress (user_id, lesson_id, watched_pct, position_seconds)
SELECT test.id(learner), test.id('fr/1'), pct, 1 FROM (VALUES ('fr-ann', 11), ('fr-bob', 22)) AS v(learner, pct);

CREATE FUNCTION test.outcome(role text, sub text, command text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
	answer text;
BEGIN
	CALL test.sign_in(sub);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command INTO answer;
	RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'ok' ELSE SQLSTATE END;
END
$$;

-- %s is the user_id, or nothing.
CREATE TEMP TABLE calls (place serial, command text);
INSERT INTO calls (command) VALUES
	('record_progress(test.id(''fr/2''), 50%s)'),
	('record_progress_batch(jsonb_build_array(jsonb_build_object(''lesson_id'', test.id(''fr/2''), ''watched_pct'', 50))%s)'),
	('enroll(test.id(''fr-new'')%s)'),
	('reset_progress(test.id(''fr'')%s)'),
	('course_completion(test.id(''fr'')%s)'),
	('course_outline(test.id(''fr'')%s)'),
	('next_lesson(test.id(''fr'')%s)'),
	('course_progress(%s)'),
	('continue_watching(10%s)');
SELECT split_part(command, '(', 1) AS function,
	   test.outcome('anon', NULL, nobody) AS anon,
	   test.outcome('anon', 'fr-ann', named) AS anon_named,
	   test.outcome('authenticated', 'fr-ann', nobody) AS "self",
	   test.outcome('authenticated', 'fr-ann', named) AS self_named,
	   test.outcome('authenticated', 'fr-bob', named) AS another,
	   test.outcome('authenticated', NULL, nobody) AS no_claims,
	   test.outcome('authenticated', NULL, named) AS no_claims_named,
	   test.outcome('service_role', NULL, nobody) AS service,
	   test.outcome('service_role', NULL, named) AS service_named
FROM calls,
	 format('SELECT public.' || command, '') AS nobody,
	 format('SELECT public.' || command, CASE WHEN command LIKE 'course_progress%' THEN '' ELSE ', ' END
			|| 'user_id => test.id(''fr-ann'')') AS named
ORDER BY place;

-- The instructor's, which know no user.
SELECT split_part(command, '(', 1) AS function,
	   test.outcome('anon', NULL, 'SELECT public.' || command) AS anon,
	   test.outcome('authenticated', 'fr-ann', 'SELECT public.' || command) AS authenticated,
	   test.outcome('service_role', NULL, 'SELECT public.' || command) AS service_role
FROM unnest(ARRAY[
	'course_report(test.id(''fr''))',
	'course_summary(test.id(''fr''))',
	'lesson_report(test.id(''fr''))',
	'lesson_retention(test.id(''fr/1''))',
	'move_lesson(test.id(''fr/1''), test.id(''fr/m''))',
	'move_module(test.id(''fr/m''))',
	'copy_course(test.id(''fr''), ''fr-copy'')',
	'recompute_completion(test.id(''fr''))',
	-- The learner has not completed the course; no certificate has the code.
	'issue_certificate(test.id(''fr''), test.id(''fr-ann''), ''Ann'')',
	'revoke_certificate(''0000-0000-0000'', ''a test'')',
	'certificate_credential(''0000-0000-0000'', ''{"id": "https://example.com"}'')',
	'verify_certificate(''0000-0000-0000'')'
]) WITH ORDINALITY AS c(command, place)
ORDER BY place;

-- The owner of the tables, who is no superuser, may call them all, and names the user as the service does.
SAVEPOINT another_owner;
CREATE ROLE regress_owner;
GRANT ALL ON SCHEMA public TO regress_owner;
GRANT USAGE ON SCHEMA test TO regress_owner;
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT format('ALTER TABLE %s OWNER TO regress_owner', c.oid::regclass) FROM pg_class AS c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
		UNION ALL
		-- What the install script grants to the owner.
		SELECT format('GRANT EXECUTE ON FUNCTION %s TO regress_owner', p.oid::regprocedure) FROM pg_proc AS p
		WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege('service_role', p.oid, 'EXECUTE')
	LOOP
		EXECUTE command;
	END LOOP;
	-- The SQL edition's belong to the owner of the tables.
	IF to_regnamespace('content_library') IS NOT NULL THEN
		ALTER SCHEMA content_library OWNER TO regress_owner;
		GRANT USAGE ON SCHEMA auth TO regress_owner;
		FOR command IN
			SELECT format('ALTER FUNCTION %s OWNER TO regress_owner', p.oid::regprocedure) FROM pg_proc AS p
			WHERE p.pronamespace = 'content_library'::regnamespace
		LOOP
			EXECUTE command;
		END LOOP;
	END IF;
END
$$;
SELECT split_part(command, '(', 1) AS function,
	   test.outcome('regress_owner', NULL, 'SELECT public.' || format(command,
			CASE WHEN command LIKE 'course_progress%' THEN '' ELSE ', ' END || 'user_id => test.id(''fr-ann'')')) AS owner
FROM (SELECT c.command, c.place FROM calls AS c
	  UNION ALL
	  SELECT c.command, 100 + c.place
	  FROM unnest(ARRAY['unenroll(test.id(''fr'')%s)', 'course_report(test.id(''fr''))', 'course_report(test.id(''fr''), 1, test.id(''fr-bob''))',
		'course_summary(test.id(''fr''))', 'lesson_report(test.id(''fr''))', 'lesson_retention(test.id(''fr/1''))', 'move_lesson(test.id(''fr/1''), test.id(''fr/m''))',
		'move_module(test.id(''fr/m''), NULL, test.id(''fr-new''))', 'copy_course(test.id(''fr''), ''fr-copy'')',
		'recompute_completion(test.id(''fr''))', 'issue_certificate(test.id(''fr''), test.id(''fr-ann''), ''Ann'')',
		'revoke_certificate(''0000-0000-0000'', ''a test'')', 'certificate_credential(''0000-0000-0000'', ''{"id": "https://example.com"}'')',
		'verify_certificate(''0000-0000-0000'')']) WITH ORDINALITY AS c(command, place)) AS c
ORDER BY place;
ROLLBACK TO another_owner;

-- Every function that knows a user is above, every one that does not is here
-- (completion_threshold: see rights.sql; mux_*: mux_rights.sql).
SELECT p.proname
FROM pg_proc AS p
WHERE p.pronamespace = 'public'::regnamespace
	AND p.proname NOT LIKE 'content\_library%'
	AND p.prorettype <> 'trigger'::regtype
	AND NOT EXISTS (SELECT FROM calls WHERE starts_with(command, p.proname || '('))
ORDER BY 1;

-- A learner's call answers with the learner's own.
CALL test.sign_in('fr-bob');
SET LOCAL ROLE authenticated;
SELECT (SELECT watched_pct FROM continue_watching()) AS continue_watching,
	   course_outline(test.id('fr')) #> '{modules,0,lessons,0,watched_pct}' AS outline,
	   (SELECT count(*) FROM course_progress()) AS courses,
	   reset_progress(test.id('fr'), dry_run => true) AS to_reset;
SELECT reset_progress(test.id('fr'));
RESET ROLE;
SELECT user_id = test.id('fr-ann') AS anns, watched_pct FROM content_progress
WHERE user_id IN (test.id('fr-ann'), test.id('fr-bob'));

-- The functions that only read run in a read-only transaction, as PostgREST
-- runs them; the others refuse (25006).
SELECT p.proname, p.provolatile FROM pg_proc AS p
WHERE p.pronamespace = 'public'::regnamespace
	AND p.proname NOT LIKE 'content\_library%' AND p.prorettype <> 'trigger'::regtype
ORDER BY p.provolatile, 1;
SET LOCAL transaction_read_only = on;
SELECT split_part(command, '(', 1) AS function,
	   test.outcome('service_role', NULL, format('SELECT public.' || command,
			CASE WHEN command LIKE 'course_progress%' THEN '' ELSE ', ' END || 'user_id => test.id(''fr-ann'')'))
FROM calls ORDER BY place;
SELECT test.outcome('service_role', NULL, 'SELECT public.course_report(test.id(''fr''))') AS course_report,
	   test.outcome('service_role', NULL, 'SELECT public.course_summary(test.id(''fr''))') AS course_summary,
	   test.outcome('service_role', NULL, 'SELECT public.lesson_report(test.id(''fr''))') AS lesson_report,
	   test.outcome('service_role', NULL, 'SELECT public.lesson_retention(test.id(''fr/1''))') AS lesson_retention,
	   test.outcome('service_role', NULL, 'SELECT public.move_lesson(test.id(''fr/1''), test.id(''fr/m''))') AS move_lesson,
	   test.outcome('service_role', NULL, 'SELECT public.move_module(test.id(''fr/m''))') AS move_module,
	   test.outcome('service_role', NULL, 'SELECT public.copy_course(test.id(''fr''), ''fr-copy'')') AS copy_course,
	   test.outcome('service_role', NULL, 'SELECT public.recompute_completion(test.id(''fr''))') AS recompute_completion;
SELECT test.outcome('service_role', NULL, 'SELECT public.issue_certificate(test.id(''fr''), test.id(''fr-ann''), ''Ann'')') AS issue_certificate,
	   test.outcome('service_role', NULL, 'SELECT public.revoke_certificate(''0000-0000-0000'', ''a test'')') AS revoke_certificate,
	   test.outcome('service_role', NULL, 'SELECT public.certificate_credential(''0000-0000-0000'', ''{"id": "https://example.com"}'')') AS certificate_credential,
	   test.outcome('anon', NULL, 'SELECT public.verify_certificate(''0000-0000-0000'')') AS verify_certificate;
ROLLBACK;
