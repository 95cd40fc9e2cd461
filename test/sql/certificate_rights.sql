-- certificate_rights: who issues, revokes and reads certificates; anon verifies one
-- whose code it has, and sees nothing else.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('cert-rights', 1);
CALL test.make_learner('cert-rights-ann', 'cert-rights');
CALL test.make_learner('cert-rights-bob', 'cert-rights');
UPDATE enrollments SET completed_at = now() WHERE course_id = test.id('cert-rights');
INSERT INTO certificates (code, user_id, course_id, learner_name, course_title, completed_at)
VALUES ('AAAA-0000-0001', test.id('cert-rights-ann'), test.id('cert-rights'), 'Ann', 'cert-rights', now()),
	   ('BBBB-0000-0001', test.id('cert-rights-bob'), test.id('cert-rights'), 'Bob', 'cert-rights', now());

CREATE FUNCTION test.try(role text, sub text, command text) RETURNS text
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
	RETURN CASE SQLSTATE WHEN 'UNDO0' THEN coalesce(answer, '(nothing)') ELSE SQLSTATE END;
END
$$;
SELECT command, test.try('anon', NULL, 'SELECT ' || command) AS anon,
	test.try('authenticated', NULL, 'SELECT ' || command) AS nobody,
	test.try('authenticated', 'cert-rights-ann', 'SELECT ' || command) AS ann,
	test.try('service_role', NULL, 'SELECT ' || command) AS service_role
FROM unnest(ARRAY[
	'status || '' '' || learner_name FROM public.verify_certificate(''AAAA-0000-0001'')',
	'status || '' '' || learner_name FROM public.verify_certificate(''bbbb00000001'')',
	'status FROM public.verify_certificate(''BBBB-0000-0002'')',
	'string_agg(learner_name, '', '' ORDER BY learner_name) FROM public.certificates',
	'(public.issue_certificate(test.id(''cert-rights''), test.id(''cert-rights-ann''), ''Ann'')).code',
	'(public.revoke_certificate(''AAAA-0000-0001'', ''a test'')).revoked_reason',
	'public.certificate_credential(''AAAA-0000-0001'', ''{"id": "https://example.com"}'') ->> ''name''',
	'title FROM public.courses WHERE slug = ''cert-rights''',
	'count(*) FROM public.enrollments WHERE user_id = test.id(''cert-rights-ann'')'
]) WITH ORDINALITY AS c(command, place)
ORDER BY place;

-- All that anon may do here: one function in public, nothing with a table.
SELECT p.proname FROM pg_proc AS p
WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege('anon', p.oid, 'EXECUTE');
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
	AND (has_any_column_privilege('anon', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
		 OR has_table_privilege('anon', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'));

-- A policy of the platform's own on courses hides no certificate.
CREATE POLICY hide ON courses AS RESTRICTIVE TO anon, authenticated USING (false);
SELECT test.try('anon', NULL, 'SELECT status FROM public.verify_certificate(''AAAA-0000-0001'')'),
	test.try('authenticated', 'cert-rights-ann', 'SELECT count(*) FROM public.certificates');
ROLLBACK;
