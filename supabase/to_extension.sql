-- to_extension: makes an install of the SQL edition one of the extension, with every row: see docs/sql-edition.md.
--
-- Made by `make migration`. As the owner of the tables: psql -f supabase/to_extension.sql

\set ON_ERROR_STOP on
BEGIN;
-- Names and operators below are the server's, whatever stands in other schemas.
SET LOCAL search_path TO pg_catalog, pg_temp;

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

-- What the extension makes of its own. Whatever of yours depends on one of
-- these is named by an error, and nothing is changed.
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
DROP FUNCTION
	public.content_library_set_updated_at(),
	public.content_library_keep_certificate(),
	public.content_library_on_change(),
	public.content_library_is_staff(uuid, text),
	content_library.missing_course(uuid),
	content_library.missing_lesson(uuid, text),
	content_library.refuse_lesson(text, uuid, uuid, text, timestamptz),
	content_library.refuse_report(text, uuid, text),
	content_library.missing_user(uuid, text, text),
	content_library.missing_certificate(text),
	content_library.nobody(),
	content_library.other_user(uuid),
	content_library.writes(text),
	content_library.acts_for_others(),
	content_library.caller(uuid),
	content_library.sees_course(uuid),
	content_library.require_course(uuid),
	content_library.enter(uuid, text),
	content_library.require_owner(),
	content_library.learner(),
	content_library.is_staff(uuid, text),
	content_library.edits_lesson(uuid),
	content_library.require_staff(uuid, text, text, uuid),
	content_library.is_visible(uuid),
	content_library.visible(uuid),
	content_library.threshold(uuid),
	content_library.percentage(bigint, bigint),
	content_library.whole_number(double precision, text, integer),
	content_library.whole_percent(double precision),
	content_library.whole_position(double precision),
	content_library.json_number(jsonb, text),
	content_library.read_played(jsonb),
	content_library.read_report(jsonb, timestamptz),
	content_library.read_reports(jsonb, timestamptz),
	content_library.look(uuid, uuid, timestamptz, integer, boolean, boolean),
	content_library.seconds(int4multirange),
	content_library.allowed(timestamptz, timestamptz),
	content_library.credit(int4multirange, int4multirange, double precision),
	content_library.objection(text, integer, integer, int4multirange, boolean),
	content_library.weigh(public.content_progress, integer, int4multirange, timestamptz, timestamptz, integer, boolean, double precision),
	content_library.course_seconds(uuid, uuid, uuid[], int4multirange[], timestamptz),
	content_library.completes(public.content_progress, integer, integer),
	content_library.is_news(public.content_progress, boolean, integer, boolean, integer, timestamptz),
	content_library.insert_row(uuid, uuid, integer, integer, integer, timestamptz, int4multirange, timestamptz, text),
	content_library.update_row(uuid, uuid, boolean, integer, integer, integer, timestamptz, timestamptz, int4multirange, int4multirange, timestamptz),
	content_library.lock_user(uuid),
	content_library.lock_completion(uuid, boolean),
	content_library.lock_courses(uuid[]),
	content_library.claim_begin(uuid, uuid[]),
	content_library.complete(uuid, uuid, boolean),
	content_library.claim(uuid, uuid),
	content_library.claim_all(uuid),
	content_library.module_of(uuid, boolean),
	content_library.course_of(uuid, boolean),
	content_library.check_before(uuid, uuid, uuid, uuid),
	content_library.lock_video(boolean, text, text),
	content_library.watched_course_of(uuid),
	content_library.record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, boolean, uuid[], boolean[]),
	content_library.bar_reports(uuid, uuid[], integer[], boolean),
	content_library.own_record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, uuid[]),
	content_library.send(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean),
	content_library.begin_batch(uuid[], uuid[]),
	content_library.send_all(uuid[], uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, boolean),
	content_library.enroll(uuid, uuid, boolean, boolean),
	content_library.own_enroll(uuid, boolean),
	content_library.unenroll(uuid, uuid, boolean, boolean),
	content_library.own_unenroll(uuid, boolean),
	content_library.reset_progress(uuid, uuid, boolean, boolean),
	content_library.own_reset_progress(uuid, boolean, boolean),
	content_library.completion_threshold(uuid),
	content_library.own_completion_threshold(uuid),
	content_library.course_completion(uuid, uuid),
	content_library.own_course_completion(uuid),
	content_library.course_outline(uuid, uuid, boolean, boolean),
	content_library.require_own_learner(uuid, uuid),
	content_library.own_course_outline(uuid, uuid),
	content_library.next_lesson(uuid, uuid, boolean),
	content_library.own_next_lesson(uuid),
	content_library.course_progress(uuid, boolean),
	content_library.own_course_progress(),
	content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean),
	content_library.own_continue_watching(integer, timestamptz, uuid),
	content_library.mux_playback_claims(uuid, uuid, timestamptz, text, boolean),
	content_library.own_mux_playback_claims(uuid, timestamptz, text),
	content_library.course_report(uuid, integer, uuid),
	content_library.own_course_report(uuid, integer, uuid),
	content_library.course_summary(uuid),
	content_library.own_course_summary(uuid),
	content_library.lesson_report(uuid),
	content_library.own_lesson_report(uuid),
	content_library.lesson_retention(uuid, integer),
	content_library.own_lesson_retention(uuid, integer),
	content_library.own_course_of_lesson(uuid),
	content_library.own_course_of_module(uuid),
	content_library.lock_for_move(uuid, uuid),
	content_library.check_still_there(uuid, uuid, text, uuid),
	content_library.move_lesson(uuid, uuid, uuid, boolean),
	content_library.own_move_lesson(uuid, uuid, uuid),
	content_library.move_module(uuid, uuid, uuid, boolean),
	content_library.own_move_module(uuid, uuid, uuid),
	content_library.copy_course(uuid, text, text, uuid),
	content_library.own_copy_course(uuid, text, text),
	content_library.complete_lessons(uuid),
	content_library.recompute_completion(uuid),
	content_library.own_recompute_completion(uuid),
	content_library.issue_certificate(uuid, uuid, text, jsonb),
	content_library.revoke_certificate(text, text),
	content_library.verify_certificate(text),
	content_library.certificate_credential(text, jsonb),
	public.record_progress(uuid, double precision, double precision, uuid, jsonb),
	public.record_progress_batch(jsonb, uuid, boolean),
	public.enroll(uuid, uuid),
	public.unenroll(uuid, uuid),
	public.reset_progress(uuid, uuid, boolean),
	public.completion_threshold(uuid),
	public.course_completion(uuid, uuid),
	public.course_outline(uuid, uuid),
	public.next_lesson(uuid, uuid),
	public.course_progress(uuid),
	public.continue_watching(integer, uuid),
	public.course_report(uuid, integer, uuid),
	public.course_summary(uuid),
	public.lesson_report(uuid),
	public.lesson_retention(uuid, integer),
	public.move_lesson(uuid, uuid, uuid),
	public.move_module(uuid, uuid, uuid),
	public.copy_course(uuid, text, text),
	public.recompute_completion(uuid),
	public.issue_certificate(uuid, uuid, text, jsonb),
	public.revoke_certificate(text, text),
	public.certificate_credential(text, jsonb),
	public.verify_certificate(text),
	public.content_library_strict(boolean),
	public.mux_verify_signature(text, text, text[], interval, timestamptz),
	public.content_library_mux_policies(),
	public.content_library_mux_latest(text, text),
	public.mux_state(text, text),
	public.content_library_mux_video(uuid, text, text, text, integer),
	public.content_library_mux_read(jsonb),
	public.mux_apply_event(jsonb),
	public.content_library_mux_bind(),
	public.mux_begin_upload(uuid, text),
	public.mux_playback_claims(uuid, interval, uuid, text);
DROP TYPE public.recorded_progress;
DROP SCHEMA content_library;

-- The settings are the server's from now on, and a superuser's.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT pg_catalog.format('ALTER DATABASE %I SET content_library.%I = %L', pg_catalog.current_database(), v.name, v.value)
		FROM public.content_library_settings AS s
		CROSS JOIN LATERAL (VALUES
			('completion_threshold', s.completion_threshold::text, '90'),
			('heartbeat_interval', s.heartbeat_interval::text, '15'),
			('max_playback_rate', s.max_playback_rate::text, '2.5'),
			('watch_grace', s.watch_grace::text, '30'),
			('mux_playback_policies', pg_catalog.array_to_string(s.mux_playback_policies, ','), 'public,signed')
		) AS v(name, value, usual)
		WHERE v.value <> v.usual
	LOOP
		BEGIN
			EXECUTE command;
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE WARNING 'a setting is not taken over' USING HINT = 'As a superuser: ' || command;
		END;
	END LOOP;
END
$$;
DROP TABLE public.content_library_settings;

-- Else the extension would say that it grants them.
DO $$
DECLARE
	taken record;
BEGIN
	FOR taken IN SELECT * FROM content_library_taken_away WHERE kind = 'TABLE' LOOP
		EXECUTE format('GRANT %s TO %I', taken.rights, taken.grantee);
	END LOOP;
END
$$;

CREATE EXTENSION content_library SCHEMA public VERSION 'sql';
ALTER EXTENSION content_library UPDATE TO '1.0';

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

SELECT * FROM public.content_library_check();
COMMIT;
