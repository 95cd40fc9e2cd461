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
	public.content_library_missing_course(uuid),
	public.content_library_missing_lesson(uuid),
	public.content_library_not_enrolled(uuid, uuid),
	public.content_library_missing_user(uuid),
	public.content_library_writes(text),
	public.content_library_caller(uuid),
	public.content_library_bar(uuid),
	public.content_library_check_report(integer, integer),
	public.content_library_read_report(jsonb, timestamptz),
	public.content_library_look(uuid, uuid),
	public.content_library_is_news(public.content_progress, integer, integer, integer, timestamptz),
	public.content_library_write(uuid, uuid, boolean, integer, integer, integer, timestamptz),
	public.content_library_all_completed(uuid, uuid),
	public.content_library_complete(uuid[], timestamptz),
	public.content_library_completion(text, uuid, uuid[], uuid, timestamptz),
	public.content_library_own_completion(text, uuid[], uuid, timestamptz),
	public.content_library_step(text, uuid, boolean, uuid[], uuid, timestamptz),
	public.content_library_module_of(uuid),
	public.content_library_course_of(uuid),
	public.content_library_check_before(uuid, uuid, uuid, uuid),
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
	public.content_library_strict(boolean),
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
