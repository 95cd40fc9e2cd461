-- mux_scenarios.sql: tries out the orders in which the events of a scenario may
-- come, inside the server: each step in a subtransaction that is undone.

INSERT INTO courses (id, title, slug, is_published) VALUES ('c0000000-0000-4000-8000-000000000001', 'Mux', 'mux', true);
INSERT INTO modules (id, course_id, title)
VALUES ('d0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'Mux');
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;
CREATE TABLE test.scenarios (name text PRIMARY KEY, scenario jsonb);
GRANT SELECT ON test.scenarios TO PUBLIC;

-- The lesson of a scenario: the one that its events name.
CREATE FUNCTION test.lesson(scenario jsonb) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(scenario ->> 'lesson', 'e0000000-0000-4000-8000-000000000001')::uuid
$$;

-- What the lesson is bound to, in this order: {"upload": id}, {"asset": id}, or
-- {"none": true}. Each is a step of its own, with its number.
CREATE FUNCTION test.bindings(scenario jsonb) RETURNS jsonb[]
LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(b || jsonb_build_object('bind', n) ORDER BY n)
	FROM jsonb_array_elements(coalesce(scenario -> 'bindings',
		jsonb_build_array(jsonb_build_object('upload', scenario -> 'current_upload_id')))) WITH ORDINALITY AS e(b, n)
$$;

-- Binds. The first time in one of three ways: in place of another upload, which has
-- left no video; directly; in a new row. Again: as the application may save a row again.
CREATE FUNCTION test.bind(lesson uuid, what jsonb, way integer, again boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	module CONSTANT uuid := 'd0000000-0000-4000-8000-000000000001';
	upload CONSTANT text := what ->> 'upload';
	asset CONSTANT text := what ->> 'asset';
	is_new CONSTANT boolean := what ->> 'bind' = '1' AND NOT again;
BEGIN
	IF is_new AND (way = 2 OR what ? 'none') THEN
		INSERT INTO lessons (id, module_id, title, mux_upload_id, mux_asset_id) VALUES (lesson, module, 'Lesson', upload, asset);
		RETURN;
	ELSIF is_new AND way = 0 THEN
		INSERT INTO lessons (id, module_id, title, mux_upload_id, mux_asset_id, mux_status)
		VALUES (lesson, module, 'Lesson', 'another', 'another-a', 'processing');
	ELSIF is_new THEN
		INSERT INTO lessons (id, module_id, title, duration_seconds) VALUES (lesson, module, 'Lesson', 99);
	END IF;
	IF upload IS NOT NULL AND way = 0 THEN
		PERFORM mux_begin_upload(lesson, upload);
	ELSIF upload IS NOT NULL THEN
		UPDATE lessons SET mux_upload_id = upload WHERE id = lesson;
	ELSIF asset IS NOT NULL AND NOT again THEN
		UPDATE lessons SET mux_upload_id = NULL, mux_asset_id = asset WHERE id = lesson;
	ELSIF NOT again THEN
		UPDATE lessons SET mux_upload_id = NULL WHERE id = lesson;
	END IF;
END
$$;

-- Takes a step: applies an event, or binds.
CREATE FUNCTION test.take(step jsonb, lesson uuid, way integer, again boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF step ? 'bind' THEN
		PERFORM test.bind(lesson, step, way, again);
	ELSE
		PERFORM mux_apply_event(step);
	END IF;
END
$$;

-- Fails if something else is there than what is expected.
CREATE FUNCTION test.check(done jsonb[], scenario jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	got CONSTANT jsonb := (
		SELECT jsonb_build_object('mux_upload_id', l.mux_upload_id, 'mux_asset_id', l.mux_asset_id,
			'mux_playback_id', l.mux_playback_id, 'mux_status', l.mux_status, 'duration_seconds', l.duration_seconds,
			'error', (SELECT error FROM mux_state(l.mux_upload_id, l.mux_asset_id)))
		FROM lessons AS l WHERE l.id = test.lesson(scenario));
BEGIN
	IF got IS DISTINCT FROM scenario -> 'expected' THEN
		RAISE EXCEPTION '%', got
			USING DETAIL = (SELECT string_agg(coalesce(e ->> 'id', e::text), ' ' ORDER BY n)
							FROM unnest(done) WITH ORDINALITY AS d(e, n));
	END IF;
END
$$;

-- All orders of what is to do, in which the bindings keep theirs; returns how many.
-- Each step comes twice, or all events come again at the end, the last first.
CREATE FUNCTION test.explore(todo jsonb[], done jsonb[], scenario jsonb, twice boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	lesson CONSTANT uuid := test.lesson(scenario);
	way CONSTANT integer := abs(hashtext(done::text || twice)) % 3;
	bound boolean := false;
	orders bigint := 0;
BEGIN
	IF todo = '{}' THEN
		PERFORM test.check(done, scenario);
		IF NOT twice THEN
			FOR i IN REVERSE cardinality(done)..1 LOOP
				PERFORM mux_apply_event(done[i]) WHERE NOT done[i] ? 'bind';
			END LOOP;
			PERFORM test.check(done || done, scenario);
		END IF;
		RETURN 1;
	END IF;

	FOR i IN 1..cardinality(todo) LOOP
		CONTINUE WHEN bound AND todo[i] ? 'bind';
		bound := bound OR todo[i] ? 'bind';
		BEGIN
			PERFORM test.take(todo[i], lesson, way, false);
			PERFORM test.take(todo[i], lesson, way, true) WHERE twice;
			orders := orders + test.explore(todo[:i - 1] || todo[i + 1:], done || todo[i], scenario, twice);
			RAISE EXCEPTION USING ERRCODE = 'UNDO0';
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			NULL;
		END;
	END LOOP;
	RETURN orders;
END
$$;

-- Orders at random, each event twice anywhere, for scenarios of more steps.
CREATE FUNCTION test.sample(scenario jsonb, tries integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	bindings CONSTANT jsonb[] := test.bindings(scenario);
	steps jsonb[];
	step jsonb;
	bound integer;
BEGIN
	FOR try IN 1..tries LOOP
		steps := ARRAY(SELECT e FROM (
			SELECT e FROM jsonb_array_elements(scenario -> 'events') AS e, generate_series(1, 1 + try % 2)
			UNION ALL SELECT unnest(bindings)) AS s ORDER BY random());
		BEGIN
			bound := 0;
			FOREACH step IN ARRAY steps LOOP
				IF step ? 'bind' THEN
					bound := bound + 1;
					step := bindings[bound];
				END IF;
				PERFORM test.take(step, test.lesson(scenario), try % 3, false);
			END LOOP;
			PERFORM test.check(steps, scenario);
			RAISE EXCEPTION USING ERRCODE = 'UNDO0';
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			NULL;
		END;
	END LOOP;
	RETURN tries;
END
$$;

-- How many orders of a scenario there are to try.
CREATE FUNCTION test.orders(scenario jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN e + b > 7 THEN 200 ELSE factorial(e + b) / factorial(b) END
	FROM (SELECT jsonb_array_length(scenario -> 'events') AS e, cardinality(test.bindings(scenario)) AS b) AS n
$$;

-- How many orders of a scenario were tried, or the first that ends wrong.
CREATE FUNCTION test.try_out(scenario jsonb, twice boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	events CONSTANT jsonb[] := ARRAY(SELECT * FROM jsonb_array_elements(scenario -> 'events'));
	detail text;
BEGIN
	IF cardinality(events || test.bindings(scenario)) > 7 THEN
		RETURN test.sample(scenario, 200);
	END IF;
	RETURN test.explore(events || test.bindings(scenario), '{}', scenario, twice);
EXCEPTION WHEN raise_exception THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || ' after: ' || detail;
END
$$;
