-- hostile_schema: a schema of operators, functions and tables that lie, to stand in front of a search_path.

CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;

-- Comparisons that report themselves and lie.
DO $$
DECLARE
	type text;
	operator text;
BEGIN
	FOREACH type IN ARRAY '{uuid, integer, smallint, bigint, text, name, oid, boolean, timestamptz, jsonb}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION hostile.lie(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS
						''BEGIN RAISE WARNING ''''a hostile operator on %1$s is called''''; RETURN false; END''', type);
		FOREACH operator IN ARRAY '{=, <>, <, <=, >, >=}'::text[] LOOP
			EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = hostile.lie)', operator, type);
		END LOOP;
	END LOOP;
END
$$;
CREATE OPERATOR hostile.*<> (LEFTARG = record, RIGHTARG = record, FUNCTION = record_image_eq);

-- Functions named as what the library uses.
CREATE FUNCTION hostile.uid() RETURNS uuid LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.uid is called'; RETURN test.id('path-bob'); END $$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.now is called'; RETURN '2001-01-01'; END $$;
CREATE FUNCTION hostile.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.gen_random_uuid is called'; RETURN test.id('path'); END $$;
CREATE FUNCTION hostile.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.jsonb_typeof is called'; RETURN 'object'; END $$;
CREATE FUNCTION hostile."greatest"(integer, integer) RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.greatest is called'; RETURN 100; END $$;
CREATE FUNCTION hostile."coalesce"(integer, integer) RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.coalesce is called'; RETURN 1; END $$;
CREATE FUNCTION hostile.count_step(bigint, uuid) RETURNS bigint LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.count is called'; RETURN 1; END $$;
CREATE AGGREGATE hostile.count(uuid) (SFUNC = hostile.count_step, STYPE = bigint);
CREATE FUNCTION hostile.record_progress(uuid, integer) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.record_progress is called'; RETURN 'none'; END $$;
CREATE FUNCTION hostile.content_library_attach() RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.content_library_attach is called'; END $$;
CREATE FUNCTION hostile.pg_extension_config_dump(regclass, text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'hostile.pg_extension_config_dump is called'; END $$;

-- Tables by the same names, in a schema and as temporary ones, in which every
-- lesson is completed by a glance and everybody is enrolled.
CREATE PROCEDURE test.make_decoys(schema text)
LANGUAGE plpgsql
AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{courses, modules, lessons, enrollments, content_progress}'::text[] LOOP
		EXECUTE format('CREATE TABLE %s.%I (LIKE public.%2$I INCLUDING DEFAULTS)', schema, name);
		EXECUTE format('INSERT INTO %s.%I SELECT * FROM public.%2$I', schema, name);
		EXECUTE format('GRANT ALL ON %s.%I TO PUBLIC', schema, name);
	END LOOP;
	EXECUTE format('UPDATE %s.lessons SET completion_threshold = 1, is_preview = true', schema);
	EXECUTE format('INSERT INTO %s.content_progress (user_id, lesson_id, watched_pct, completed)
					SELECT test.id(''path-ann''), id, 100, true FROM public.lessons', schema);
	EXECUTE format('INSERT INTO %s.enrollments (user_id, course_id)
					VALUES (test.id(''path-bob''), test.id(''path''))', schema);
END
$$;
