-- mux_rights: events and their table are the service role's alone; a learner gets
-- the claims to play what may be watched, and only that.

BEGIN;
CALL test.make_course('mux', 5);
CALL test.make_course('mux-draft', 1);
CALL test.make_learner('mux-ann', 'mux', 'mux-draft');
CALL test.make_learner('mux-bob');
UPDATE courses SET is_published = false WHERE id = test.id('mux-draft');
UPDATE lessons SET mux_playback_id = 'play/' || title, mux_status = 'ready' WHERE title IN ('mux/1', 'mux/2', 'mux-draft/1');
UPDATE lessons SET is_preview = true WHERE title = 'mux/2';
UPDATE lessons SET mux_status = 'ready' WHERE title = 'mux/4';
UPDATE lessons SET mux_playback_id = 'play', mux_status = 'error' WHERE title = 'mux/5';

CREATE FUNCTION test.try(role text, sub text, command text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	CALL test.sign_in(sub);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command INTO answer;
	RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'ok ' || coalesce(answer, '') ELSE SQLSTATE END;
END
$$;

SELECT command, test.try('anon', 'mux-ann', command) AS anon, test.try('authenticated', 'mux-ann', command) AS authenticated,
	   test.try('service_role', NULL, command) AS service_role
FROM unnest(ARRAY[
	'SELECT count(*) FROM public.mux_events', 'INSERT INTO public.mux_events (event_id, object, upload_id, status, event_at) VALUES (1, ''upload'', ''u'', ''created'', now()) RETURNING status',
	'DELETE FROM public.mux_events RETURNING status', 'UPDATE public.mux_events SET asset_id = NULL', 'TRUNCATE public.mux_events',
	'SELECT public.mux_apply_event(''{"type": "video.upload.created", "id": "1", "data": {"id": "u"}}'')',
	'SELECT (public.mux_begin_upload(test.id(''mux/1''), ''u'')).mux_status',
	'SELECT public.mux_state(''u'')',
	'SELECT public.mux_verify_signature('''', ''t=1,v1=0'', ''{s}'')',
	'SELECT public.content_library_mux_read(''{"type": "", "id": "1"}'')',
	'SELECT public.content_library_mux_policies()',
	'SELECT public.content_library_mux_latest(''upload'', ''u'')',
	'SELECT public.mux_playback_claims(test.id(''mux/1'')) ->> ''sub''',
	'UPDATE public.lessons SET mux_upload_id = ''u'' RETURNING mux_status'
]) WITH ORDINALITY AS c(command, n) ORDER BY n;

-- The owner of the tables binds by hand, without being in service_role.
CREATE ROLE regress_owner;
GRANT USAGE ON SCHEMA test TO regress_owner;
ALTER TABLE lessons OWNER TO regress_owner;
ALTER TABLE mux_events OWNER TO regress_owner;
DO $$
DECLARE
	function regprocedure;
BEGIN
	FOR function IN SELECT oid FROM pg_proc
					WHERE pronamespace = 'public'::regnamespace AND (proname = 'mux_state' OR proname ~ '^content_library_mux_')
						OR pronamespace = to_regnamespace('content_library') AND proname = 'lock_video' LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO regress_owner', function);
	END LOOP;
	-- The SQL edition's.
	IF to_regnamespace('content_library') IS NOT NULL THEN
		GRANT USAGE ON SCHEMA content_library TO regress_owner;
	END IF;
END
$$;
SELECT test.try('regress_owner', NULL, 'UPDATE public.lessons SET mux_upload_id = ''u'' WHERE title = ''mux/1'' RETURNING mux_status');

-- Claims: enrolled, or a preview; published; ready.
SELECT lesson, test.try('authenticated', 'mux-ann', command) AS enrolled, test.try('authenticated', 'mux-bob', command) AS not_enrolled,
	   test.try('authenticated', NULL, command) AS nobody, test.try('service_role', NULL, command) AS service_role, test.try('anon', NULL, command) AS anon
FROM unnest(ARRAY['mux/1', 'mux/2', 'mux/3', 'mux/4', 'mux/5', 'mux-draft/1', 'none']) WITH ORDINALITY AS l(lesson, n),
	 format('SELECT public.mux_playback_claims(test.id(%L)) ->> ''sub''', lesson) AS command
ORDER BY n;

CALL test.sign_in('mux-ann');
SET LOCAL ROLE authenticated;
SELECT claims - 'exp' AS claims, (claims -> 'exp')::int8 - floor(extract(epoch FROM now()))::int8 AS seconds,
	   jsonb_typeof(claims -> 'exp') AS type
FROM mux_playback_claims(test.id('mux/1')) AS claims
UNION ALL
SELECT claims - 'exp', (claims -> 'exp')::int8 - floor(extract(epoch FROM now()))::int8, jsonb_typeof(claims -> 'exp')
FROM mux_playback_claims(test.id('mux/1'), ttl => '90 seconds') AS claims;

\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SELECT mux_playback_claims(NULL);
SELECT mux_playback_claims(test.id('mux/1'), NULL);
SELECT mux_playback_claims(test.id('mux/1'), '0');
SELECT mux_playback_claims(test.id('mux/1'), '-1 hour');
SELECT mux_playback_claims(test.id('mux/1'), '1000000 years');
\set VERBOSITY default
SELECT mux_playback_claims(test.id('mux/3'));
-- As PostgREST runs what only reads.
SET LOCAL transaction_read_only = on;
SELECT mux_playback_claims(test.id('mux/1')) ->> 'aud';
ROLLBACK;
