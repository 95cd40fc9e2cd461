-- to_sql_edition: makes an install of the extension, in the schema public, one of the SQL edition, with every row: see docs/sql-edition.md.
--
-- Made by `make migration`. As the owner of the extension: psql -f supabase/to_sql_edition.sql

\set ON_ERROR_STOP on
BEGIN;
-- Names and operators below are the server's, whatever stands in other schemas.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Until this ends, the owner of the schema must not give its name to another schema. Only
-- a superuser can lock it, and only a superuser would then run another role's code.
DO $$
BEGIN
	IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		PERFORM FROM pg_namespace WHERE nspname = 'public' FOR KEY SHARE;
	END IF;
END
$$;

DO $$
DECLARE
	schema text := (SELECT e.extnamespace::regnamespace FROM pg_extension AS e WHERE e.extname = 'content_library');
BEGIN
	IF schema IS DISTINCT FROM 'public' THEN
		RAISE EXCEPTION 'the extension content_library is not in the schema public'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('It is in %s.', coalesce('the schema ' || schema, 'no schema of this database')),
				  HINT = 'The SQL edition knows no other schema. To keep the rows, copy them into a database that has it, table by table.';
	END IF;
END
$$;

-- A call loads the library, which knows the settings.
CREATE TEMP TABLE content_library_kept ON COMMIT DROP AS
SELECT public.content_library_mux_policies() AS mux_playback_policies,
	   current_setting('content_library.completion_threshold')::integer AS completion_threshold,
	   extract(epoch FROM current_setting('content_library.heartbeat_interval')::interval)::integer AS heartbeat_interval,
	   current_setting('content_library.max_playback_rate')::double precision AS max_playback_rate,
	   extract(epoch FROM current_setting('content_library.watch_grace')::interval)::integer AS watch_grace;

-- What was taken away stays away, and what was granted stays granted: remembered here,
-- and taken away and granted again below.
CREATE TEMP TABLE content_library_rights ON COMMIT DROP AS
WITH g(kind, object, privilege, col, grantee) AS (VALUES
	('TABLE', 'courses', 'SELECT', NULL, 'service_role'),
	('TABLE', 'courses', 'INSERT', NULL, 'service_role'),
	('TABLE', 'courses', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'courses', 'DELETE', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'SELECT', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'INSERT', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'DELETE', NULL, 'service_role'),
	('TABLE', 'course_staff', 'SELECT', NULL, 'service_role'),
	('TABLE', 'course_staff', 'INSERT', NULL, 'service_role'),
	('TABLE', 'course_staff', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'course_staff', 'DELETE', NULL, 'service_role'),
	('TABLE', 'modules', 'SELECT', NULL, 'service_role'),
	('TABLE', 'modules', 'INSERT', NULL, 'service_role'),
	('TABLE', 'modules', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'modules', 'DELETE', NULL, 'service_role'),
	('TABLE', 'lessons', 'SELECT', NULL, 'service_role'),
	('TABLE', 'lessons', 'INSERT', NULL, 'service_role'),
	('TABLE', 'lessons', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'lessons', 'DELETE', NULL, 'service_role'),
	('TABLE', 'enrollments', 'SELECT', NULL, 'service_role'),
	('TABLE', 'enrollments', 'INSERT', NULL, 'service_role'),
	('TABLE', 'enrollments', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'enrollments', 'DELETE', NULL, 'service_role'),
	('TABLE', 'content_progress', 'SELECT', NULL, 'service_role'),
	('TABLE', 'content_progress', 'INSERT', NULL, 'service_role'),
	('TABLE', 'content_progress', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'content_progress', 'DELETE', NULL, 'service_role'),
	('TABLE', 'courses', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'course_prerequisites', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'course_staff', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'modules', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'lessons', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'enrollments', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'id', 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'user_id', 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'course_id', 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'enrolled_at', 'authenticated'),
	('TABLE', 'content_progress', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'content_progress', 'INSERT', NULL, 'authenticated'),
	('TABLE', 'content_progress', 'UPDATE', NULL, 'authenticated'),
	('TABLE', 'content_progress', 'DELETE', NULL, 'authenticated'),
	('TABLE', 'certificates', 'SELECT', NULL, 'service_role'),
	('TABLE', 'certificates', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'certificates', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'mux_events', 'SELECT', NULL, 'service_role'),
	('TABLE', 'mux_events', 'INSERT', NULL, 'service_role'),
	('TABLE', 'mux_events', 'DELETE', NULL, 'service_role'),
	('TABLE', 'mux_bindings', 'SELECT', NULL, 'service_role'),
	('FUNCTION', 'record_progress(uuid, double precision, double precision, uuid, jsonb)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'record_progress_batch(jsonb, uuid, boolean)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'enroll(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'unenroll(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'reset_progress(uuid, uuid, boolean)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'completion_threshold(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_completion(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_outline(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'next_lesson(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_progress(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'continue_watching(integer, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'mux_playback_claims(uuid, interval, uuid, text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'record_progress(uuid, double precision, double precision, uuid, jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'record_progress_batch(jsonb, uuid, boolean)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'enroll(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'unenroll(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'reset_progress(uuid, uuid, boolean)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'completion_threshold(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_completion(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_outline(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'next_lesson(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_progress(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'continue_watching(integer, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_playback_claims(uuid, interval, uuid, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_report(uuid, integer, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_summary(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'lesson_report(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'lesson_retention(uuid, integer)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'move_lesson(uuid, uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'move_module(uuid, uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'copy_course(uuid, text, text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'recompute_completion(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'content_library_is_staff(uuid, text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_report(uuid, integer, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_summary(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'lesson_report(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'lesson_retention(uuid, integer)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'move_lesson(uuid, uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'move_module(uuid, uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'copy_course(uuid, text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'recompute_completion(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_is_staff(uuid, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_sees_course(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'content_library_reads_lesson(uuid, boolean, boolean)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'content_library_sees_course(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_reads_lesson(uuid, boolean, boolean)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'issue_certificate(uuid, uuid, text, jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'revoke_certificate(text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'certificate_credential(text, jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_verify_signature(text, text, text[], interval, timestamptz)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_policies()', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_latest(text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_state(text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_video(uuid, text, text, text, integer)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_read(jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_apply_event(jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_begin_upload(uuid, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'verify_certificate(text)', 'EXECUTE', NULL, 'anon'),
	('FUNCTION', 'verify_certificate(text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'verify_certificate(text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_check(boolean)', 'EXECUTE', NULL, 'service_role'),
	('TABLE', 'content_library_settings', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'content_library_settings', 'SELECT', NULL, 'service_role')
), standard AS (
	SELECT g.*, CASE g.kind WHEN 'TABLE' THEN to_regclass('public.' || g.object)::oid ELSE to_regprocedure('public.' || g.object)::oid END AS oid
	FROM g
), taken AS (
	SELECT g.kind, 'public.' || g.object AS object, format('%s ON %s %s', string_agg(concat(g.privilege, ' (' || g.col || ')'), ', '), g.kind, 'public.' || g.object) AS rights, g.grantee
	FROM g
	WHERE NOT CASE
		WHEN g.kind = 'FUNCTION' THEN has_function_privilege(g.grantee, to_regprocedure('public.' || g.object), g.privilege)
		WHEN g.col IS NULL THEN has_table_privilege(g.grantee, to_regclass('public.' || g.object), g.privilege)
		ELSE has_column_privilege(g.grantee, to_regclass('public.' || g.object), g.col, g.privilege)
	END
	GROUP BY g.kind, g.object, g.grantee
), objects(kind, name, oid, owner, col, acl) AS (
	SELECT 'TABLE', c.oid::regclass::text, c.oid, c.relowner, NULL, c.relacl
	FROM pg_class AS c
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('certificates', 'content_library_settings', 'content_progress', 'course_prerequisites', 'course_staff', 'courses', 'enrollments', 'lessons', 'modules', 'mux_bindings', 'mux_events')
	UNION ALL
	SELECT 'TABLE', c.oid::regclass::text, c.oid, c.relowner, a.attname::text, a.attacl
	FROM pg_class AS c
	JOIN pg_attribute AS a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('certificates', 'content_library_settings', 'content_progress', 'course_prerequisites', 'course_staff', 'courses', 'enrollments', 'lessons', 'modules', 'mux_bindings', 'mux_events')
	UNION ALL
	SELECT 'FUNCTION', p.oid::regprocedure::text, p.oid, p.proowner, NULL, coalesce(p.proacl, acldefault('f', p.proowner))
	FROM pg_proc AS p
	WHERE p.pronamespace = to_regnamespace('content_library')
		OR p.oid IN (SELECT to_regprocedure(f) FROM unnest(ARRAY[
			'public.certificate_credential(text, jsonb)',
			'public.completion_threshold(uuid)',
			'public.content_library_attach()',
			'public.content_library_attach_when_ready()',
			'public.content_library_check(boolean)',
			'public.content_library_findings(text)',
			'public.content_library_is_staff(uuid, text)',
			'public.content_library_keep_certificate()',
			'public.content_library_mux_bind()',
			'public.content_library_mux_latest(text, text)',
			'public.content_library_mux_policies()',
			'public.content_library_mux_read(jsonb)',
			'public.content_library_mux_video(uuid, text, text, text, integer)',
			'public.content_library_on_change()',
			'public.content_library_reads_lesson(uuid, boolean, boolean)',
			'public.content_library_sees_course(uuid)',
			'public.content_library_set_updated_at()',
			'public.content_library_strict(boolean)',
			'public.content_library_warn_of_columns()',
			'public.continue_watching(integer, uuid)',
			'public.copy_course(uuid, text, text)',
			'public.course_completion(uuid, uuid)',
			'public.course_outline(uuid, uuid)',
			'public.course_progress(uuid)',
			'public.course_report(uuid, integer, uuid)',
			'public.course_summary(uuid)',
			'public.enroll(uuid, uuid)',
			'public.issue_certificate(uuid, uuid, text, jsonb)',
			'public.lesson_report(uuid)',
			'public.lesson_retention(uuid, integer)',
			'public.move_lesson(uuid, uuid, uuid)',
			'public.move_module(uuid, uuid, uuid)',
			'public.mux_apply_event(jsonb)',
			'public.mux_begin_upload(uuid, text)',
			'public.mux_playback_claims(uuid, interval, uuid, text)',
			'public.mux_state(text, text)',
			'public.mux_verify_signature(text, text, text[], interval, timestamptz)',
			'public.next_lesson(uuid, uuid)',
			'public.recompute_completion(uuid)',
			'public.record_progress(uuid, double precision, double precision, uuid, jsonb)',
			'public.record_progress_batch(jsonb, uuid, boolean)',
			'public.reset_progress(uuid, uuid, boolean)',
			'public.revoke_certificate(text, text)',
			'public.unenroll(uuid, uuid)',
			'public.verify_certificate(text)']) AS f)
), added AS (
	SELECT o.kind, o.name AS object, o.owner, a.grantor, a.is_grantable,
		   format('%s ON %s %s', string_agg(concat(a.privilege_type, ' (' || quote_ident(o.col) || ')'), ', '), o.kind, o.name) AS rights,
		   CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
	FROM objects AS o
	CROSS JOIN LATERAL aclexplode(o.acl) AS a
	WHERE a.grantee NOT IN (o.owner, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'public.courses'::regclass))
		AND (o.owner <> a.grantor OR a.is_grantable OR NOT EXISTS (
			SELECT FROM standard AS s
			WHERE s.kind = o.kind AND s.oid = o.oid AND s.col IS NOT DISTINCT FROM o.col
				AND s.privilege = a.privilege_type AND s.grantee = a.grantee::regrole::text))
		-- The doors have rights that the other edition does not need.
		AND NOT (o.name LIKE 'content\_library.%' AND a.grantee::regrole::text IN ('anon', 'authenticated', 'service_role'))
	GROUP BY o.kind, o.name, o.owner, a.grantor, a.is_grantable, a.grantee
)
SELECT t.kind, t.object, t.rights, t.grantee, true AS taken, NULL::oid AS other_grantor,
	   format('GRANT %s TO %I', t.rights, t.grantee) AS set_aside, format('REVOKE %s FROM %I', t.rights, t.grantee) AS put_back
FROM taken AS t
UNION ALL
SELECT a.kind, a.object, a.rights, a.grantee, false, NULLIF(a.grantor, a.owner),
	   format('REVOKE %s FROM %s', a.rights, a.grantee), format('GRANT %s TO %s%s', a.rights, a.grantee, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
FROM added AS a;
DO $$
DECLARE
	entry record;
BEGIN
	-- A grant can be made again only as the owner.
	FOR entry IN SELECT * FROM pg_temp.content_library_rights WHERE other_grantor IS NOT NULL LOOP
		RAISE EXCEPTION '%, who is not the owner, has granted % to %', entry.other_grantor::regrole, entry.rights, entry.grantee
			USING ERRCODE = 'invalid_grantor',
				  HINT = format('Nothing was changed. Have that taken away, by %s: %s; then run this again, and grant it again.', entry.other_grantor::regrole, entry.set_aside);
	END LOOP;
END
$$;

DROP POLICY "Staff can read their courses" ON public.courses;
DROP POLICY "Editors change their courses" ON public.courses;
DROP POLICY "Editors delete their courses" ON public.courses;
DROP POLICY "Editors add modules" ON public.modules;
DROP POLICY "Editors change their modules" ON public.modules;
DROP POLICY "Editors delete their modules" ON public.modules;
DROP POLICY "Editors add lessons" ON public.lessons;
DROP POLICY "Editors change their lessons" ON public.lessons;
DROP POLICY "Editors delete their lessons" ON public.lessons;
DROP POLICY "Strict: modules of visible courses" ON public.modules;
DROP POLICY "Strict: lessons that may be watched" ON public.lessons;
DROP TRIGGER set_updated_at ON public.courses;
DROP TRIGGER set_updated_at ON public.modules;
DROP TRIGGER set_updated_at ON public.lessons;
DROP TRIGGER keep_certificate ON public.certificates;
DROP TRIGGER claim_after_delete ON public.modules;
DROP TRIGGER claim_after_update ON public.modules;
DROP TRIGGER claim_after_delete ON public.lessons;
DROP TRIGGER claim_after_update ON public.lessons;
DROP TRIGGER begin_access ON public.enrollments;
DROP TRIGGER lock_learner ON public.enrollments;
DROP TRIGGER claim_after_insert ON public.enrollments;
DROP TRIGGER claim_after_update ON public.enrollments;
DROP TRIGGER claim_after_insert ON public.content_progress;
DROP TRIGGER claim_after_update ON public.content_progress;
DROP TRIGGER bind_mux_upload ON public.lessons;
DROP TRIGGER bind_new_mux_upload ON public.lessons;

ALTER EXTENSION content_library DROP TABLE public.courses;
ALTER EXTENSION content_library DROP TABLE public.course_prerequisites;
ALTER EXTENSION content_library DROP TABLE public.course_staff;
ALTER EXTENSION content_library DROP TABLE public.modules;
ALTER EXTENSION content_library DROP TABLE public.lessons;
ALTER EXTENSION content_library DROP TABLE public.enrollments;
ALTER EXTENSION content_library DROP TABLE public.content_progress;
ALTER EXTENSION content_library DROP TABLE public.certificates;
ALTER EXTENSION content_library DROP TABLE public.mux_events;
ALTER EXTENSION content_library DROP TABLE public.mux_bindings;
DROP EXTENSION content_library;

\ir migrations/20260225000010_content_library.sql
-- The migration has reset it.
SET LOCAL search_path TO pg_catalog, pg_temp;

UPDATE public.content_library_settings AS s
SET mux_playback_policies = k.mux_playback_policies,
	completion_threshold = k.completion_threshold,
	heartbeat_interval = k.heartbeat_interval,
	max_playback_rate = k.max_playback_rate,
	watch_grace = k.watch_grace
FROM pg_temp.content_library_kept AS k
WHERE s.one;

DO $$
DECLARE
	entry record;
	owner oid;
BEGIN
	-- To take away a right on a table takes it from its columns, too: so that comes first.
	FOR entry IN SELECT * FROM pg_temp.content_library_rights ORDER BY taken DESC LOOP
		owner := CASE entry.kind
			WHEN 'TABLE' THEN (SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(entry.object))
			ELSE (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = to_regprocedure(entry.object)) END;
		IF owner IS NULL AND NOT entry.taken THEN
			RAISE EXCEPTION '% cannot stay granted to %', entry.rights, entry.grantee
				USING ERRCODE = 'undefined_object',
					  DETAIL = format('The other edition has no %s of that name.', lower(entry.kind)),
					  HINT = format('Nothing was changed. Take it away, then run this again: %s;', entry.set_aside);
		ELSIF NOT pg_has_role(owner, 'USAGE') THEN
			RAISE WARNING 'what was %: % to %', CASE WHEN entry.taken THEN 'taken away is granted again' ELSE 'granted is taken away' END, entry.rights, entry.grantee
				USING HINT = format('As a superuser: %s;', entry.put_back);
		ELSIF owner IS NOT NULL THEN
			EXECUTE entry.put_back;
		END IF;
	END LOOP;
END
$$;
COMMIT;
