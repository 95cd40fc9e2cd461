-- mux_scenarios.sql: tries out the orders in which the events of a scenario may
-- come, inside the server: each step in a subtransaction that is undone.

INSERT INTO courses (id, title, slug, is_published) VALUES ('c0000000-0000-4000-8000-000000000001', 'Mux', 'mux', true);
INSERT INTO modules (id, course_id, title)
VALUES ('d0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'Mux');
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;
CREATE TABLE test.scenarios (name text PRIMARY KEY, scenario jsonb);
GRANT SELECT ON test.scenarios TO PUBLIC;

-- Binds, in one of three ways: instead of another upload, which has left a
-- video; directly; in a new row. Again: as the application may save a row again.
CREATE FUNCTION test.bind(upload text, way integer, again boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	lesson CONSTANT uuid := 'e0000000-0000-4000-8000-000000000001';
	module CONSTANT uuid := 'd0000000-0000-4000-8000-000000000001';
BEGIN
	IF way = 0 OR again THEN
		IF NOT again THEN
			INSERT INTO lessons (id, module_id, title, mux_upload_id, mux_asset_id, mux_playback_id, mux_status, duration_seconds)
			VALUES (lesson, module, 'Lesson', 'another', 'another-a', 'another-p', 'ready', 99);
		END IF;
		PERFORM mux_begin_upload(lesson, upload);
	ELSIF way = 1 THEN
		INSERT INTO lessons (id, module_id, title, duration_seconds) VALUES (lesson, module, 'Lesson', 99);
		UPDATE lessons SET mux_upload_id = upload WHERE id = lesson;
	ELSE
		INSERT INTO lessons (id, module_id, title, mux_upload_id) VALUES (lesson, module, 'Lesson', upload);
	END IF;
END
$$;

-- What is there instead of what is expected; NULL if it is that.
CREATE FUNCTION test.fault(expected jsonb) RETURNS text
LANGUAGE sql AS $$
	SELECT nullif(jsonb_build_object('mux_upload_id', l.mux_upload_id, 'mux_asset_id', l.mux_asset_id,
		'mux_playback_id', l.mux_playback_id, 'mux_status', l.mux_status, 'duration_seconds', l.duration_seconds,
		'error', (SELECT error FROM mux_state(l.mux_upload_id))), expected)::text
	FROM lessons AS l WHERE l.id = 'e0000000-0000-4000-8000-000000000001'
$$;

CREATE FUNCTION test.check(done jsonb[], expected jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF test.fault(expected) IS NOT NULL THEN
		RAISE EXCEPTION '%', test.fault(expected)
			USING DETAIL = (SELECT string_agg(coalesce(e ->> 'id', 'bind'), ' ' ORDER BY n)
							FROM unnest(done) WITH ORDINALITY AS d(e, n));
	END IF;
END
$$;

-- All orders of what is to do, the bind ("null") among it; returns how many.
-- Each event comes twice, or all come again at the end, the last first.
CREATE FUNCTION test.explore(todo jsonb[], done jsonb[], scenario jsonb, twice boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	orders bigint := 0;
BEGIN
	IF todo = '{}' THEN
		PERFORM test.check(done, scenario -> 'expected');
		IF NOT twice THEN
			FOR i IN REVERSE cardinality(done)..1 LOOP
				PERFORM mux_apply_event(done[i]) WHERE done[i] <> 'null';
			END LOOP;
			PERFORM test.check(done || done, scenario -> 'expected');
		END IF;
		RETURN 1;
	END IF;

	FOR i IN 1..cardinality(todo) LOOP
		BEGIN
			FOR repetition IN 1..CASE WHEN twice THEN 2 ELSE 1 END LOOP
				IF todo[i] = 'null' THEN
					PERFORM test.bind(scenario ->> 'current_upload_id', abs(hashtext(done::text || twice)) % 3, repetition = 2);
				ELSE
					PERFORM mux_apply_event(todo[i]);
				END IF;
			END LOOP;
			orders := orders + test.explore(todo[:i - 1] || todo[i + 1:], done || todo[i], scenario, twice);
			RAISE EXCEPTION USING ERRCODE = 'UNDO0';
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			NULL;
		END;
	END LOOP;
	RETURN orders;
END
$$;

-- Orders at random, each event twice anywhere, for scenarios of more events.
CREATE FUNCTION test.sample(scenario jsonb, tries integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	steps jsonb[];
BEGIN
	FOR try IN 1..tries LOOP
		steps := ARRAY(SELECT e FROM (
			SELECT e FROM jsonb_array_elements(scenario -> 'events') AS e, generate_series(1, 1 + try % 2)
			UNION ALL SELECT 'null') AS s ORDER BY random());
		BEGIN
			FOR i IN 1..cardinality(steps) LOOP
				IF steps[i] = 'null' THEN
					PERFORM test.bind(scenario ->> 'current_upload_id', try % 3, false);
				ELSE
					PERFORM mux_apply_event(steps[i]);
				END IF;
			END LOOP;
			PERFORM test.check(steps, scenario -> 'expected');
			RAISE EXCEPTION USING ERRCODE = 'UNDO0';
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			NULL;
		END;
	END LOOP;
	RETURN tries;
END
$$;

-- How many orders of a scenario were tried, or the first that ends wrong.
CREATE FUNCTION test.try_out(scenario jsonb, twice boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	events CONSTANT jsonb[] := ARRAY(SELECT * FROM jsonb_array_elements(scenario -> 'events'));
	detail text;
BEGIN
	IF cardinality(events) > 6 THEN
		RETURN test.sample(scenario, 200);
	END IF;
	RETURN test.explore(events || 'null'::jsonb, '{}', scenario, twice);
EXCEPTION WHEN raise_exception THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || ' after: ' || detail;
END
$$;
