-- mux_malformed: what mux_apply_event and mux_begin_upload refuse, naming what is
-- wrong and never showing the event; what they let pass.

BEGIN;
CALL test.make_course('mux', 1);
SET LOCAL ROLE service_role;
CREATE FUNCTION pg_temp.try(event text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	RETURN public.mux_apply_event(event::jsonb);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

SELECT event, pg_temp.try(event) FROM unnest(ARRAY[
	NULL, 'null', '5', '"text"', '[]', '{}',
	'{"id": "1"}', '{"type": null, "id": "1"}', '{"type": 5, "id": "1"}', '{"type": "video.asset.ready"}',
	'{"type": "video.asset.ready", "id": ""}', '{"type": "video.asset.ready", "id": {}}',
	'{"type": "video.asset.ready", "id": "1"}', '{"type": "video.asset.ready", "id": "1", "data": "text"}',
	'{"type": "video.asset.ready", "id": "1", "data": {"id": null}}', '{"type": "video.asset.ready", "id": "1", "data": {"id": 5}}',
	'{"type": "video.asset.ready", "id": "1", "data": {"id": "a", "upload_id": []}}',
	'{"type": "video.upload.created", "id": "1", "data": {"id": "a", "asset_id": 1e400}}',
	'{"type": "video.asset.ready", "id": "1", "data": {"id": "a", "status": false}}',
	'{"type": "VIDEO.asset.ready", "id": "1"}', '{"type": "video.asset.ready ", "id": "1"}'
]) AS event;

-- Ids that no index would take.
SELECT pg_temp.try(jsonb_build_object('type', 'video.asset.ready', 'id', repeat('x', n), 'data', '{"id": "a"}'::jsonb)::text),
	   pg_temp.try(jsonb_build_object('type', 'video.asset.ready', 'id', n, 'data', jsonb_build_object('id', repeat('x', n)))::text)
FROM unnest('{256, 5000000}'::int[]) AS n;

-- created_at in its forms, and in none.
SELECT created_at, pg_temp.try(format('{"type": "video.upload.created", "id": "t%s", "data": {"id": "up"}, "created_at": %s}', n, created_at)) AS answer
FROM unnest(ARRAY['null', '"2025-10-09T08:53:17.294000Z"', '"2025-10-09T08:53:17+02:00"', '1759999997', '1759999997.25',
	'{"seconds": 1759999997, "nanos": 294000000}', '{"seconds": "1759999997"}', '0',
	'""', '"now"', '"infinity"', '"yesterday"', '"2025-10-09"', '"2025-10-09T08:53:17"', '"2025-13-45T08:53:17Z"', '"10/09/2025 08:53:17 Z"',
	'true', '[]', '{}', '{"nanos": 5}', '{"seconds": {}}', '{"seconds": "NaN"}', '{"seconds": 1e400}', '{"seconds": 1, "nanos": 1e400}',
	'1e400', '-1e400', '1e20', '1e-400']) WITH ORDINALITY AS c(created_at, n)
ORDER BY n;
SELECT event_id, event_at FROM mux_events WHERE event_id LIKE 't%' ORDER BY event_id;
SELECT pg_temp.try('{"type": "video.upload.created", "id": "none", "data": {"id": "up"}}');

-- Durations and playback ids, which only a ready asset is asked for.
SELECT what, pg_temp.try(format('{"type": "video.asset.ready", "id": "d%s", "data": {"id": "as%1$s", %s}}', n, what)) AS answer
FROM unnest(ARRAY['"duration": 0', '"duration": 0.5', '"duration": 1.5', '"duration": -1', '"duration": null', '"duration": 2147483647.4', '"duration": 2147483647.5',
	'"duration": 2147483647', '"duration": 2147483648', '"duration": -2147483649', '"duration": 1e400', '"duration": -1e400', '"duration": 1e-400',
	'"duration": "5"', '"duration": {}',
	'"playback_ids": null', '"playback_ids": []', '"playback_ids": {}', '"playback_ids": "text"', '"playback_ids": [5]', '"playback_ids": [null]',
	'"playback_ids": [{"id": 5, "policy": "public"}]', '"playback_ids": [{"id": "p"}]', '"playback_ids": [{"id": "p", "policy": "public", "url": "secret"}]',
	'"status": "preparing", "duration": 1e400, "playback_ids": 5']) WITH ORDINALITY AS w(what, n)
ORDER BY n;
SELECT event_id, status, duration_seconds, playback_ids FROM mux_events WHERE event_id LIKE 'd%' ORDER BY length(event_id), event_id;
SELECT pg_temp.try('{"type": "video.asset.deleted", "id": "x1", "data": {"id": "a", "duration": "long", "playback_ids": 5, "status": "ready"}}');
SELECT errors, pg_temp.try(format('{"type": "video.asset.errored", "id": "r%s", "data": {"id": "a", "errors": %s}}', n, errors))
FROM unnest(ARRAY['null', '5', '"text"', '["m"]', '{}', '{"type": "t", "messages": ["m"], "url": "secret"}']) WITH ORDINALITY AS w(errors, n)
ORDER BY n;
SELECT event_id, error FROM mux_events WHERE event_id LIKE 'r%' ORDER BY event_id;

-- A passthrough is the application's own: what is no lesson's id says nothing.
SELECT passthrough, pg_temp.try(format('{"type": "video.asset.created", "id": "p%s", "data": {"id": "named", "passthrough": %s}}', n, passthrough))
FROM unnest(ARRAY['null', '5', '{}', '["00000000-0000-4000-8000-000000000001"]', '""', '"Lesson 1"', '"00000000000040008000000000000001"',
	'"{00000000-0000-4000-8000-000000000001}"', '"00000000-0000-4000-8000-000000000001 "', '"00000000-0000-4000-8000-00000000000g"',
	'"00000000-0000-4000-8000-000000000001"', '"ABCDEF00-0000-4000-8000-000000000001"']) WITH ORDINALITY AS w(passthrough, n)
ORDER BY n;
SELECT pg_temp.try(jsonb_build_object('type', 'video.asset.created', 'id', 'p' || n, 'data', jsonb_build_object('id', 'named', 'passthrough', repeat('x', n)))::text)
FROM unnest('{255, 5000000}'::int[]) AS n;
SELECT pg_temp.try(format('{"type": "video.upload.created", "id": "p0", "data": {"id": "named", "passthrough": "%s"}}', test.id('mux/1')));
SELECT pg_temp.try(format('{"type": "video.asset.created", "id": "pc", "data": {"id": "named", "passthrough": "%s"}}', test.id('mux')));
SELECT event_id, lesson_id FROM mux_events WHERE event_id LIKE 'p%' AND lesson_id IS NOT NULL AND event_id <> 'pc' ORDER BY event_id;
SELECT count(*) FROM lessons WHERE mux_asset_id IS NOT NULL;

-- Beyond jsonb: refused by the cast, before it is ours.
SELECT pg_temp.try('{"type": "video.asset.ready", "id": "1", "data": {"id": "a", "meta": {"title": "\u0000"}}}');
SELECT pg_temp.try('{"type": "video.asset.ready", "id": "1", "data": {"id": "a", "duration": 1e400000}}');
SELECT pg_temp.try('{"type": ');

-- A body of 5 MB is none the worse for it.
SELECT pg_temp.try(jsonb_build_object('type', 'video.upload.created', 'id', 'big', 'data', jsonb_build_object('id', 'up', 'title', repeat('x', 5000000)))::text);
SELECT pg_temp.try(jsonb_build_object('type', 'video.upload.created', 'id', 'deep', 'data', jsonb_build_object('id', 'up', 'meta', (repeat('[', 3000) || repeat(']', 3000))::jsonb))::text);
SELECT max(pg_column_size(e.*)) < 500 AS small FROM mux_events AS e;

\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SELECT mux_begin_upload(NULL, 'up');
SELECT mux_begin_upload(test.id('mux/1'), NULL);
SELECT mux_begin_upload(test.id('mux/1'), '');
SELECT mux_begin_upload(test.id('mux/1'), repeat('x', 256));
SELECT mux_begin_upload(test.id('mux/none'), 'up');
ROLLBACK;
