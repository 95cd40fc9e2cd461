-- edition_settings: for tests alone, lets the SQL edition read the extension's settings.
--
-- The tests SET what the extension's library defines; so it is loaded into their
-- sessions, none of its functions are called, and a view stands for the table
-- of settings. test/t/080_sql_edition.pl has the table as it is.

DROP TABLE public.content_library_settings;
CREATE VIEW public.content_library_settings AS
SELECT pg_catalog.current_setting('content_library.completion_threshold')::integer AS completion_threshold,
	   extract(epoch FROM pg_catalog.current_setting('content_library.heartbeat_interval')::interval)::integer AS heartbeat_interval,
	   pg_catalog.current_setting('content_library.max_playback_rate')::double precision AS max_playback_rate,
	   extract(epoch FROM pg_catalog.current_setting('content_library.watch_grace')::interval)::integer AS watch_grace,
	   pg_catalog.string_to_array(pg_catalog.replace(pg_catalog.current_setting('content_library.mux_playback_policies'), ' ', ''), ',') AS mux_playback_policies;
GRANT SELECT ON public.content_library_settings TO PUBLIC;

DO $$
BEGIN
	EXECUTE pg_catalog.format('ALTER DATABASE %I SET session_preload_libraries = content_library', pg_catalog.current_database());
END
$$;
LOAD 'content_library';
