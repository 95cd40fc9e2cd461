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
	'SELECT count(*) FROM public.mux_bindings', 'INSERT INTO public.mux_bindings (lesson_id, number) VALUES (test.id(''mux/1''), 1)',
	'DELETE FROM public.mux_bindings', 'UPDATE public.mux_bindings SET asset_id = NULL',
	'SELECT public.mux_apply_event(''{"type": "video.upload.created", "id": "1", "data": {"id": "u"}}'')',
	'SELECT (public.mux_begin_upload(test.id(''mux/1''), ''u'')).mux_status',
	'SELECT public.mux_state(''u'')',
	'SELECT public.mux_verify_signature('''', ''t=1,v1=0'', ''{s}'')',
	'SELECT public.content_library_mux_read(''{"type": "", "id": "1"}'')',
	'SELECT public.content_library_mux_policies()',
	'SELECT public.content_library_mux_latest(''upload'', ''u'')',
	'SELECT (public.content_library_mux_video(test.id(''mux/1''), ''u'', NULL, NULL, NULL)).mux_status',
	'SELECT public.mux_playback_claims(test.id(''mux/1'')) ->> ''sub''',
	'UPDATE public.lessons SET mux_upload_id = ''u'' RETURNING mux_status', 'UPDATE public.lessons SET mux_asset_id = ''a'' RETURNING mux_status'
]) WITH ORDINALITY AS c(command, n) ORDER BY n;

-- Whoever may update the columns binds: a member of service_role, and a role of one's own,
-- though neither sees the events.
CREATE ROLE regress_member;
GRANT service_role TO regress_member;
CREATE ROLE regress_teacher;
GRANT SELECT, UPDATE (mux_upload_id, mux_asset_id) ON lessons TO regress_teacher;
CREATE POLICY regress_teacher ON lessons TO regress_teacher USING (true);
GRANT USAGE ON SCHEMA test TO regress_member, regress_teacher;
SELECT mux_apply_event('{"type": "video.asset.ready", "id": "known", "data": {"id": "a-known", "upload_id": "u-known",
	"playback_ids": [{"id": "p-known", "policy": "public"}]}}');
SELECT role, command, test.try(role, NULL, format('UPDATE public.lessons SET %s WHERE title = ''mux/3'' RETURNING mux_playback_id', command))
FROM unnest('{regress_member,regress_teacher}'::text[]) AS role, unnest('{mux_upload_id = ''u-known'',mux_asset_id = ''a-known''}'::text[]) AS command;
SELECT test.try('regress_member', NULL, 'SELECT (public.mux_begin_upload(test.id(''mux/3''), ''u-known'')).mux_playback_id');
-- So does the owner of the table.
ALTER TABLE lessons OWNER TO regress_teacher;
SELECT test.try('regress_teacher', NULL, 'UPDATE public.lessons SET mux_upload_id = ''u-known'' WHERE title = ''mux/3'' RETURNING mux_playback_id');
SELECT test.try('regress_teacher', NULL, 'SELECT count(*) FROM public.mux_events'), test.try('regress_teacher', NULL, 'SELECT count(*) FROM public.mux_bindings');

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

-- What the token is for.
SELECT mux_playback_claims(test.id('mux/1'), audience => a) ->> 'aud' AS audience FROM unnest('{v,t,s,g}'::text[]) AS a;

-- The service names a learner, who may watch or not; nobody may watch a preview. A learner
-- names nobody else.
RESET ROLE;
SELECT lesson, test.try('service_role', NULL, format(command, 'mux-ann')) AS of_enrolled, test.try('service_role', NULL, format(command, 'mux-bob')) AS of_not_enrolled,
	   test.try('authenticated', 'mux-ann', format(command, 'mux-ann')) AS of_oneself, test.try('authenticated', 'mux-ann', format(command, 'mux-bob')) AS of_another,
	   test.try('authenticated', NULL, format(command, 'mux-ann')) AS by_nobody
FROM unnest(ARRAY['mux/1', 'mux/2', 'mux/3', 'mux-draft/1', 'none']) WITH ORDINALITY AS l(lesson, n),
	 format('SELECT public.mux_playback_claims(test.id(%L), user_id => test.id(%%L)) ->> ''sub''', lesson) AS command
ORDER BY n;
-- It is asked for no tier, but for the locks.
UPDATE courses SET tier_required = 'pro' WHERE id = test.id('mux');
SELECT test.try('service_role', NULL, command), test.try('authenticated', 'mux-ann', command)
FROM format('SELECT public.mux_playback_claims(%L, user_id => %L) ->> ''sub''', test.id('mux/1'), test.id('mux-ann')) AS command;
UPDATE courses SET tier_required = 'free' WHERE id = test.id('mux');
UPDATE lessons SET unlock_at = 'infinity' WHERE title = 'mux/1';
SELECT test.try('service_role', NULL, format('SELECT public.mux_playback_claims(%L, user_id => %L)', test.id('mux/1'), test.id('mux-ann')));
UPDATE lessons SET unlock_at = NULL WHERE title = 'mux/1';
CALL test.sign_in(NULL);
SET LOCAL ROLE service_role;
\set ON_ERROR_ROLLBACK on
SELECT mux_playback_claims(test.id('mux/1'));
RESET ROLE;
CALL test.sign_in('mux-ann');
SET LOCAL ROLE authenticated;
\set VERBOSITY terse
SELECT mux_playback_claims(NULL);
SELECT mux_playback_claims(test.id('mux/1'), audience => NULL);
SELECT mux_playback_claims(test.id('mux/1'), audience => '');
SELECT mux_playback_claims(test.id('mux/1'), audience => 'video');
SELECT mux_playback_claims(test.id('mux/1'), audience => 'd');
SELECT mux_playback_claims(test.id('mux/1'), audience => repeat('é', 100));
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
