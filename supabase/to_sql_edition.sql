-- to_sql_edition: makes an install of the extension, in the schema public, one of the SQL edition, with every row: see docs/sql-edition.md.
--
-- As the owner of the extension: psql -f supabase/to_sql_edition.sql

\set ON_ERROR_STOP on
BEGIN;

-- A call loads the library, which knows the settings.
CREATE TEMP TABLE content_library_kept ON COMMIT DROP AS
SELECT public.content_library_mux_policies() AS mux_playback_policies,
	   pg_catalog.current_setting('content_library.completion_threshold')::integer AS completion_threshold,
	   extract(epoch FROM pg_catalog.current_setting('content_library.heartbeat_interval')::interval)::integer AS heartbeat_interval;

DROP TRIGGER set_updated_at ON public.courses;
DROP TRIGGER set_updated_at ON public.modules;
DROP TRIGGER set_updated_at ON public.lessons;
DROP TRIGGER bind_mux_upload ON public.lessons;
DROP TRIGGER bind_new_mux_upload ON public.lessons;

ALTER EXTENSION content_library DROP TABLE public.courses;
ALTER EXTENSION content_library DROP TABLE public.modules;
ALTER EXTENSION content_library DROP TABLE public.lessons;
ALTER EXTENSION content_library DROP TABLE public.enrollments;
ALTER EXTENSION content_library DROP TABLE public.content_progress;
ALTER EXTENSION content_library DROP TABLE public.mux_events;
DROP EXTENSION content_library;

\ir migrations/20260225000010_content_library.sql

UPDATE public.content_library_settings AS s
SET mux_playback_policies = k.mux_playback_policies,
	completion_threshold = k.completion_threshold,
	heartbeat_interval = k.heartbeat_interval
FROM pg_temp.content_library_kept AS k
WHERE s.one;
COMMIT;
