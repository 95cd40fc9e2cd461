-- mux.sql: measures verifications and events inside the server. Run by bench/mux,
-- which sets :rounds and :calls.

SET client_min_messages = warning;
CREATE SCHEMA bench;
CREATE TABLE bench.result (what text, us float8);
CREATE SEQUENCE bench.events;

-- A thousand lessons, bound; each upload has events without end.
INSERT INTO courses (id, title, slug) VALUES ('c0000000-0000-4000-8000-000000000001', 'Mux', 'mux');
INSERT INTO modules (id, course_id, title) VALUES ('d0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'Mux');
INSERT INTO lessons (module_id, title, mux_upload_id)
SELECT 'd0000000-0000-4000-8000-000000000001', 'Lesson ' || n, 'upload ' || n FROM generate_series(0, 999) AS n;
ANALYZE;

CREATE FUNCTION bench.event(n bigint) RETURNS jsonb
LANGUAGE sql AS $$
	SELECT jsonb_build_object('type', 'video.asset.ready', 'id', 'event ' || n, 'created_at', 1760000000 + n,
		'data', jsonb_build_object('id', 'asset ' || n % 1000, 'upload_id', 'upload ' || n % 1000, 'status', 'ready',
			'duration', n % 5000, 'tracks', repeat('x', 1000), 'playback_ids', '[{"id": "p", "policy": "public"}]'::jsonb))
$$;

CREATE PROCEDURE bench.run(rounds integer, calls integer)
LANGUAGE plpgsql AS $$
DECLARE
	body CONSTANT text := repeat('0123456789', 1024);
	secret CONSTANT text := 'whsec_0123456789abcdef0123456789abcdef';
	header CONSTANT text := 't=1760000000,v1=' || encode(hmac('1760000000.' || body, secret, 'sha256'), 'hex');
	secrets CONSTANT text[] := ARRAY[secret];
	at CONSTANT timestamptz := to_timestamp(1760000000);
	what text;
	began timestamptz;
BEGIN
	ASSERT mux_verify_signature(body, header, secrets, checked_at => at) = 'ok';
	FOR round IN 0..rounds LOOP
		FOREACH what IN ARRAY ARRAY['mux_verify_signature', 'pgcrypto hmac', 'mux_apply_event'] LOOP
			began := clock_timestamp();
			CASE what
				WHEN 'mux_verify_signature' THEN
					FOR i IN 1..calls LOOP
						PERFORM mux_verify_signature(body, header, secrets, '5 minutes', at);
					END LOOP;
				WHEN 'pgcrypto hmac' THEN
					FOR i IN 1..calls LOOP
						PERFORM encode(hmac('1760000000.' || body, secret, 'sha256'), 'hex') = split_part(header, 'v1=', 2);
					END LOOP;
				ELSE
					FOR i IN 1..calls LOOP
						PERFORM mux_apply_event(bench.event(nextval('bench.events')));
					END LOOP;
			END CASE;
			-- The first round warms up.
			IF round > 0 THEN
				INSERT INTO bench.result VALUES (what, extract(epoch FROM clock_timestamp() - began) * 1e6 / calls);
			END IF;
			COMMIT;
		END LOOP;
	END LOOP;
END
$$;
CALL bench.run(:rounds, :calls);

\echo == one connection, the call alone
SELECT what, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY us)::numeric, 1) AS median_us,
	   round((1e6 / percentile_cont(0.5) WITHIN GROUP (ORDER BY us))::numeric) AS calls_a_second
FROM bench.result GROUP BY 1 ORDER BY 1;
SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE what = 'pgcrypto hmac')
	/ percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE what = 'mux_verify_signature'))::numeric, 2) AS "verifications per pgcrypto hmac"
FROM bench.result;
