-- to_sql_edition: makes an install of the extension, in the schema public, one of the SQL edition, with every row: see docs/sql-edition.md.
--
-- Made by `make migration`. As the owner of the extension: psql -f supabase/to_sql_edition.sql

\set ON_ERROR_STOP on
BEGIN;
-- Names and operators below are the server's, whatever stands in other schemas.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- A call loads the library, which knows the settings.
CREATE TEMP TABLE content_library_kept ON COMMIT DROP AS
SELECT public.content_library_mux_policies() AS mux_playback_policies,
	   current_setting('content_library.completion_threshold')::integer AS completion_threshold,
	   extract(epoch FROM current_setting('content_library.heartbeat_interval')::interval)::integer AS heartbeat_interval,
	   current_setting('content_library.max_playback_rate')::double precision AS max_playback_rate,
	   extract(epoch FROM current_setting('content_library.watch_grace')::interval)::integer AS watch_grace;

-- What was taken away stays away: remembered here, and taken away again below.
CREATE TEMP TABLE content_library_taken_away ON COMMIT DROP AS
SELECT g.kind, 'public.' || g.object AS object, format('%s ON %s %s', string_agg(concat(g.privilege, ' (' || g.col || ')'), ', '), g.kind, 'public.' || g.object) AS rights, g.grantee
FROM (VALUES
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
	('FUNCTION', 'content_library_check(boolean)', 'EXECUTE', NULL, 'service_role')
) AS g(kind, object, privilege, col, grantee)
WHERE NOT CASE
	WHEN g.kind = 'FUNCTION' THEN has_function_privilege(g.grantee, to_regprocedure('public.' || g.object), g.privilege)
	WHEN g.col IS NULL THEN has_table_privilege(g.grantee, to_regclass('public.' || g.object), g.privilege)
	ELSE has_column_privilege(g.grantee, to_regclass('public.' || g.object), g.col, g.privilege)
END
GROUP BY g.kind, g.object, g.grantee;

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
	taken record;
	owner oid;
BEGIN
	FOR taken IN SELECT * FROM pg_temp.content_library_taken_away LOOP
		IF taken.kind = 'FUNCTION' THEN
			owner := (SELECT p.proowner FROM pg_catalog.pg_proc AS p
					  WHERE p.oid = pg_catalog.to_regprocedure(taken.object));
			CONTINUE WHEN owner IS NULL;
			IF NOT pg_catalog.pg_has_role(owner, 'USAGE') THEN
				RAISE WARNING 'what was taken away is granted again: % to %', taken.rights, taken.grantee
					USING HINT = pg_catalog.format('As a superuser: REVOKE %s FROM %I;', taken.rights, taken.grantee);
				CONTINUE;
			END IF;
		END IF;
		EXECUTE pg_catalog.format('REVOKE %s FROM %I', taken.rights, taken.grantee);
	END LOOP;
END
$$;
COMMIT;
