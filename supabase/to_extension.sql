-- to_extension: makes an install of the SQL edition one of the extension, with every row: see docs/sql-edition.md.
--
-- Made by `make migration`. As the owner of the tables: psql -f supabase/to_extension.sql

\set ON_ERROR_STOP on
BEGIN;

-- What the extension makes of its own. Whatever of yours depends on one of
-- these is named by an error, and nothing is changed.
DROP TRIGGER set_updated_at ON public.courses;
DROP TRIGGER set_updated_at ON public.modules;
DROP TRIGGER set_updated_at ON public.lessons;
DROP TRIGGER bind_mux_upload ON public.lessons;
DROP TRIGGER bind_new_mux_upload ON public.lessons;
DROP FUNCTION
	public.content_library_set_updated_at(),
	content_library.missing_course(uuid),
	content_library.missing_lesson(uuid),
	content_library.not_enrolled(uuid, uuid),
	content_library.missing_user(uuid),
	content_library.nobody(),
	content_library.writes(text),
	content_library.acts_for_others(),
	content_library.caller(uuid),
	content_library.sees_course(uuid),
	content_library.require_course(uuid),
	content_library.require_owner(),
	content_library.learner(),
	content_library.is_published(uuid),
	content_library.published(uuid),
	content_library.bar(uuid),
	content_library.check_report(integer, integer),
	content_library.read_report(jsonb, timestamptz),
	content_library.read_reports(jsonb, timestamptz),
	content_library.look(uuid, uuid),
	content_library.is_news(public.content_progress, integer, integer, integer, timestamptz),
	content_library.write(uuid, uuid, boolean, integer, integer, integer, timestamptz),
	content_library.all_completed(uuid, uuid),
	content_library.complete(uuid[], timestamptz),
	content_library.lock_first(uuid, uuid[]),
	content_library.claim(uuid, uuid, timestamptz),
	content_library.module_of(uuid),
	content_library.course_of(uuid),
	content_library.check_before(uuid, uuid, uuid, uuid),
	content_library.published_course_of(uuid),
	content_library.record(uuid, uuid[], integer[], integer[], timestamptz[], timestamptz, boolean, uuid[]),
	content_library.own_record(uuid[], integer[], integer[], timestamptz[], timestamptz, boolean, uuid[]),
	content_library.send(uuid, uuid[], integer[], integer[], timestamptz[], timestamptz, boolean),
	content_library.enroll(uuid, uuid, boolean, boolean),
	content_library.own_enroll(uuid, boolean),
	content_library.reset_progress(uuid, uuid, boolean, boolean),
	content_library.own_reset_progress(uuid, boolean, boolean),
	content_library.completion_threshold(uuid),
	content_library.own_completion_threshold(uuid),
	content_library.course_completion(uuid, uuid),
	content_library.own_course_completion(uuid),
	content_library.course_outline(uuid, uuid),
	content_library.own_course_outline(uuid),
	content_library.next_lesson(uuid, uuid),
	content_library.own_next_lesson(uuid),
	content_library.course_progress(uuid),
	content_library.own_course_progress(),
	content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean),
	content_library.own_continue_watching(integer, timestamptz, uuid),
	content_library.own_mux_playback_claims(uuid, timestamptz),
	content_library.course_report(uuid),
	content_library.lesson_report(uuid),
	content_library.move_lesson(uuid, uuid, uuid),
	content_library.move_module(uuid, uuid),
	content_library.recompute_completion(uuid),
	public.content_library_percentage(bigint, bigint),
	public.record_progress(uuid, integer, integer, uuid),
	public.record_progress_batch(jsonb, uuid),
	public.enroll(uuid, uuid),
	public.reset_progress(uuid, uuid, boolean),
	public.completion_threshold(uuid),
	public.course_completion(uuid, uuid),
	public.course_outline(uuid, uuid),
	public.next_lesson(uuid, uuid),
	public.course_progress(uuid),
	public.continue_watching(integer, uuid),
	public.course_report(uuid),
	public.lesson_report(uuid),
	public.move_lesson(uuid, uuid, uuid),
	public.move_module(uuid, uuid),
	public.recompute_completion(uuid),
	public.mux_verify_signature(text, text, text[], interval, timestamptz),
	public.content_library_mux_policies(),
	public.content_library_mux_upload(text),
	public.content_library_mux_asset(text),
	public.mux_state(text),
	public.content_library_mux_lock(boolean),
	public.content_library_mux_read(jsonb),
	public.mux_apply_event(jsonb),
	public.content_library_mux_bind(),
	public.mux_begin_upload(uuid, text),
	public.mux_playback_claims(uuid, interval);
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

CREATE EXTENSION content_library SCHEMA public VERSION 'sql';
ALTER EXTENSION content_library UPDATE TO '1.0';
SELECT * FROM public.content_library_check();
COMMIT;
