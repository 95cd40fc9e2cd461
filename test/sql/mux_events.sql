-- mux_events: what becomes of a lesson and its video, event by event; each outcome;
-- binding in every way. All orders of events: test/t/031_mux_scenarios.pl.

BEGIN;
CALL test.make_course('mux', 3);
CREATE PROCEDURE test.show()
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN SELECT format('%s: %s %s %s %s %s', title, coalesce(mux_upload_id, '-'), mux_status,
							  coalesce(mux_asset_id, '-'), coalesce(mux_playback_id, '-'), coalesce(duration_seconds::text, '-'))
				FROM public.lessons WHERE title LIKE 'mux/%' ORDER BY title LOOP
		RAISE INFO '%', line;
	END LOOP;
END
$$;
CREATE FUNCTION test.event(id text, type text, data text, at text DEFAULT '2026-02-01T18:00:00Z') RETURNS jsonb
LANGUAGE sql AS $$ SELECT jsonb_build_object('id', id, 'type', type, 'created_at', at, 'data', data::jsonb) $$;
SET LOCAL ROLE service_role;

-- A lesson begins an upload, which brings forth an asset.
SELECT mux_upload_id, mux_status, duration_seconds FROM mux_begin_upload(test.id('mux/1'), 'up-1');
SELECT mux_apply_event(test.event('e1', 'video.upload.created', '{"id": "up-1", "url": "https://example.com/secret"}'));
SELECT mux_apply_event(test.event('e2', 'video.upload.asset_created', '{"id": "up-1", "asset_id": "as-1"}'));
CALL test.show();
SELECT mux_apply_event(test.event('e3', 'video.asset.ready', '{"id": "as-1", "upload_id": "up-1", "status": "ready", "duration": 61.5,
	"playback_ids": [{"id": "signed-1", "policy": "signed"}, {"id": "public-1", "policy": "public"}, {"id": "public-2", "policy": "public"}]}',
	'2026-02-01T18:00:09Z'));
CALL test.show();

-- Again; an older one; one that says the same; one that nobody waits for; one of another kind.
SELECT mux_apply_event(test.event('e3', 'video.asset.deleted', '{"id": "as-1"}'));
SELECT mux_apply_event(test.event('e4', 'video.asset.created', '{"id": "as-1", "upload_id": "up-1", "status": "preparing"}', '2026-02-01T18:00:10Z'));
SELECT mux_apply_event(test.event('e5', 'video.asset.updated', '{"id": "as-1", "upload_id": "up-1", "status": "ready", "duration": 62.4,
	"playback_ids": [{"id": "public-1", "policy": "public"}]}', '2026-02-01T18:00:10Z'));
SELECT mux_apply_event(test.event('e6', 'video.asset.ready', '{"id": "as-2", "upload_id": "up-2", "status": "ready", "duration": 0.2,
	"playback_ids": [{"id": "signed-2", "policy": "signed"}]}'));
SELECT mux_apply_event(test.event('e7', 'video.asset.master.deleted', '{"id": "as-1", "upload_id": "up-1", "status": "ready"}'));
SELECT mux_apply_event('{"id": "e8", "type": "video.live_stream.idle"}');
CALL test.show();

-- What is kept of it all: no URL, nothing ignored, nothing twice.
SELECT event_id, object, upload_id, asset_id, status, event_at, playback_ids, duration_seconds FROM mux_events ORDER BY 1;

-- Facts that came early are picked up: by mux_begin_upload, by an UPDATE, in a new row.
SELECT mux_playback_id, mux_status, duration_seconds FROM mux_begin_upload(test.id('mux/2'), 'up-2');
UPDATE lessons SET mux_upload_id = 'up-2' WHERE id = test.id('mux/3');
INSERT INTO lessons (module_id, title, mux_upload_id, duration_seconds) VALUES (test.id('mux/m'), 'mux/4', 'up-2', 10);
CALL test.show();

-- One event for the three lessons of one upload.
SELECT mux_apply_event(test.event('f1', 'video.asset.errored', '{"id": "as-2", "status": "errored", "errors": {"type": "t", "messages": ["m"], "url": "secret"}}', '2026-02-01T19:00:00Z'));
CALL test.show();
SELECT title, error FROM lessons, mux_state(mux_upload_id) WHERE title = 'mux/3';

-- Replaced: all of the old video is gone; its events change nothing any more.
SELECT mux_status, mux_asset_id, mux_playback_id, duration_seconds FROM mux_begin_upload(test.id('mux/1'), 'up-9');
SELECT mux_apply_event(test.event('g1', 'video.asset.deleted', '{"id": "as-1"}', '2026-02-02T18:00:00Z'));
UPDATE lessons SET mux_upload_id = NULL WHERE title IN ('mux/2', 'mux/3');
CALL test.show();
-- Deleted once, deleted for good.
UPDATE lessons SET mux_upload_id = 'up-1' WHERE title = 'mux/2';
SELECT mux_apply_event(test.event('g2', 'video.asset.ready', '{"id": "as-1", "upload_id": "up-1", "status": "ready", "duration": 5,
	"playback_ids": [{"id": "public-1", "policy": "public"}]}', '2026-02-09T18:00:00Z'));
SELECT l.mux_status, s.error FROM lessons AS l, mux_state(mux_upload_id) AS s WHERE title = 'mux/2';
-- No row where nothing is known.
SELECT * FROM mux_state('never heard of');

-- A video that the application gives whole, of an upload that nothing is known of, stays as given.
INSERT INTO lessons (module_id, title, mux_upload_id, mux_asset_id, mux_playback_id, mux_status, duration_seconds)
VALUES (test.id('mux/m'), 'mux/5', 'own-5', 'own-a', 'own-p', 'ready', 77);
INSERT INTO lessons (module_id, title, mux_upload_id, duration_seconds) VALUES (test.id('mux/m'), 'mux/6', 'own-6', 77);
UPDATE lessons SET mux_upload_id = 'own-3', mux_asset_id = 'own-a3', mux_playback_id = 'own-p3', mux_status = 'ready', duration_seconds = 78
WHERE title = 'mux/3';
UPDATE lessons SET mux_upload_id = mux_upload_id, mux_status = mux_status WHERE title = 'mux/3';
CALL test.show();
-- But nothing of the video before stays with an upload that brings none.
UPDATE lessons SET mux_upload_id = 'own-4', mux_status = 'processing' WHERE title = 'mux/3';
CALL test.show();

-- The setting decides which playback id.
RESET ROLE;
SET LOCAL content_library.mux_playback_policies = 'signed, public';
SET LOCAL ROLE service_role;
SELECT mux_apply_event(test.event('h1', 'video.asset.ready', '{"id": "as-7", "upload_id": "own-4", "status": "ready",
	"playback_ids": [{"id": "public-7", "policy": "public"}, {"id": "signed-7", "policy": "signed"}]}'));
SELECT mux_status, mux_playback_id, duration_seconds FROM lessons WHERE title = 'mux/3';
RESET ROLE;
SET LOCAL content_library.mux_playback_policies = drm;
SELECT * FROM mux_state('own-4');
SAVEPOINT s;
SET LOCAL content_library.mux_playback_policies = 'publik';
ROLLBACK TO s;
SET LOCAL content_library.mux_playback_policies = '';
ROLLBACK TO s;

ROLLBACK;

-- Only READ COMMITTED sees what was committed while it waited.
\set SHOW_CONTEXT never
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT mux_apply_event('{"id": "r1", "type": "video.upload.created", "data": {"id": "up"}}');
ROLLBACK;
