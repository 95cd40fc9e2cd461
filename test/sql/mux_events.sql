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

-- Replaced: the old video stays on the air, until it is deleted.
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
-- And it stays on the air while another upload brings none.
UPDATE lessons SET mux_upload_id = 'own-4', mux_status = 'processing' WHERE title = 'mux/3';
CALL test.show();

-- What a lesson was bound to; a video that the application has given is kept with it.
SELECT l.title, b.number, b.upload_id, b.asset_id, b.playback_id, b.duration_seconds
FROM mux_bindings AS b JOIN lessons AS l ON l.id = b.lesson_id ORDER BY l.title, b.number;

-- An asset without an upload: named by the lesson, before and after its events.
UPDATE lessons SET mux_upload_id = NULL, mux_asset_id = 'url-1' WHERE title = 'mux/2';
SELECT mux_apply_event(test.event('u1', 'video.asset.created', '{"id": "url-1", "status": "preparing"}'));
CALL test.show();
SELECT mux_apply_event(test.event('u2', 'video.asset.ready', '{"id": "url-1", "status": "ready", "duration": 30,
	"playback_ids": [{"id": "public-u1", "policy": "public"}]}'));
SELECT mux_apply_event(test.event('u3', 'video.asset.ready', '{"id": "url-2", "status": "ready", "duration": 40,
	"playback_ids": [{"id": "public-u2", "policy": "public"}]}'));
-- One asset, two lessons: both follow it.
UPDATE lessons SET mux_upload_id = NULL, mux_asset_id = 'url-1' WHERE title = 'mux/1';
-- A new row, of a known and of an unknown asset.
INSERT INTO lessons (module_id, title, mux_asset_id) VALUES (test.id('mux/m'), 'mux/7', 'url-2'), (test.id('mux/m'), 'mux/8', 'url-3');
CALL test.show();
-- Replaced by an asset that errors: mux_state says why.
UPDATE lessons SET mux_asset_id = 'url-4' WHERE title = 'mux/2';
SELECT mux_apply_event(test.event('u4', 'video.asset.errored', '{"id": "url-4", "status": "errored", "errors": {"type": "invalid_input", "messages": ["m"]}}'));
SELECT l.mux_asset_id, l.mux_playback_id, l.mux_status, s.mux_status AS of_the_new, s.error
FROM lessons AS l, mux_state(l.mux_upload_id, l.mux_asset_id) AS s WHERE l.title = 'mux/2';
-- Deleted while it is on the air, it goes off, everywhere.
SELECT mux_apply_event(test.event('u5', 'video.asset.deleted', '{"id": "url-1"}'));
CALL test.show();
-- Named again, it is not revived.
UPDATE lessons SET mux_asset_id = 'url-1' WHERE title = 'mux/1';
SELECT title, mux_asset_id, mux_status FROM lessons WHERE title = 'mux/1';

-- Passthrough: the asset names the lesson, which has no video of its own.
SELECT mux_apply_event(test.event('p1', 'video.asset.ready', format('{"id": "pass-1", "passthrough": "%s", "status": "ready", "duration": 50,
	"playback_ids": [{"id": "public-p1", "policy": "public"}]}', upper(test.id('mux/1')::text))));
-- A lesson that is made later.
SELECT mux_apply_event(test.event('p2', 'video.asset.ready', format('{"id": "pass-2", "passthrough": "%s", "status": "ready", "duration": 60,
	"playback_ids": [{"id": "public-p2", "policy": "public"}]}', test.id('mux/9'))));
INSERT INTO lessons (id, module_id, title) VALUES (test.id('mux/9'), test.id('mux/m'), 'mux/9');
-- A lesson that has a video keeps it.
SELECT mux_apply_event(test.event('p3', 'video.asset.ready', format('{"id": "pass-3", "passthrough": "%s", "status": "ready", "duration": 70,
	"playback_ids": [{"id": "public-p3", "policy": "public"}]}', (SELECT id FROM lessons WHERE title = 'mux/7'))));
-- Taking it away leaves what Mux says.
UPDATE lessons SET mux_asset_id = NULL WHERE title IN ('mux/1', 'mux/7');
CALL test.show();
SELECT event_id, asset_id, lesson_id = test.id('mux/1') AS named FROM mux_events WHERE event_id ~ '^p' ORDER BY 1;

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

-- Only READ COMMITTED sees what was committed while it waited. A lesson without a video can
-- be made in any transaction.
\set SHOW_CONTEXT never
CALL test.make_course('mux', 1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO lessons (module_id, title) VALUES (test.id('mux/m'), 'mux/2');
SAVEPOINT s;
SELECT mux_apply_event('{"id": "r1", "type": "video.upload.created", "data": {"id": "up"}}');
ROLLBACK TO s;
UPDATE lessons SET mux_asset_id = 'as' WHERE title = 'mux/1';
ROLLBACK TO s;
INSERT INTO lessons (module_id, title, mux_asset_id) VALUES (test.id('mux/m'), 'mux/3', 'as');
ROLLBACK;
DELETE FROM courses WHERE slug = 'mux';
