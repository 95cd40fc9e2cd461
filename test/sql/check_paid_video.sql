-- check_paid_video: content_library_check() names a paid course whose lessons have a public
-- playback id, since whoever reads it can watch.
BEGIN;
CALL test.make_course('paid', 5);
CALL test.make_course('unpaid', 1);
UPDATE courses SET tier_required = 'pro' WHERE id = test.id('paid');
CREATE FUNCTION test.ready(lesson text, policies text[]) RETURNS text
LANGUAGE sql AS $$
	SELECT public.mux_apply_event(jsonb_build_object('id', lesson, 'type', 'video.asset.ready', 'data', jsonb_build_object(
		'id', 'asset ' || lesson, 'passthrough', test.id(lesson),
		'playback_ids', (SELECT jsonb_agg(jsonb_build_object('id', p || ' ' || lesson, 'policy', p)) FROM unnest(policies) AS p))))
$$;
-- Signed; public; both, of which the public one is used; public in a preview; in a free course.
SELECT test.ready('paid/1', '{signed}'), test.ready('paid/2', '{public}'), test.ready('paid/3', '{signed,public}'),
	   test.ready('paid/4', '{public}'), test.ready('unpaid/1', '{public}');
UPDATE lessons SET is_preview = true WHERE id = test.id('paid/4');
SELECT f.severity, c.title, f.problem, f.remedy
FROM test.findings() AS f LEFT JOIN courses AS c ON f.object = 'course ' || c.id;

-- The video of one is replaced, that of the other is deleted.
SELECT mux_apply_event(jsonb_build_object('id', 'signed', 'type', 'video.asset.updated', 'created_at', 1, 'data', jsonb_build_object(
	'id', 'asset paid/2', 'status', 'ready', 'playback_ids', '[{"id": "signed", "policy": "signed"}]'::jsonb)));
SELECT mux_apply_event('{"id": "deleted", "type": "video.asset.deleted", "data": {"id": "asset paid/3"}}');
SELECT count(*) FROM test.findings();
-- What somebody else has written into the table does not stop the check.
INSERT INTO mux_events (event_id, object, asset_id, status, event_at, playback_ids) VALUES ('x', 'asset', 'x', 'ready', now(), '{}');
SELECT count(*) FROM test.findings();
ROLLBACK;
