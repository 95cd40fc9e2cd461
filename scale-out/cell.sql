-- cell.sql: makes a database that has content_library a cell. docs/scale-out.md says when.
--
--   psql -v cell=0 -v cells=4 -f scale-out/cell.sql -d DATABASE
--
-- Run it as superuser, and again after a restore: a dump keeps none of its triggers on the
-- library's tables. Run twice it does the same as once.

\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT extnamespace::regnamespace AS library
FROM pg_extension WHERE extname = 'content_library' \gset
SET LOCAL search_path TO pg_catalog, :library, pg_temp;
\ir cell_of.sql

-- Whether this database can be that cell.
SELECT set_config('content_library_cells.cell', :'cell', true) AS cell_to_be,
	set_config('content_library_cells.cells', :'cells', true) AS of_cells \gset
DO $$
DECLARE
	cell CONSTANT integer := current_setting('content_library_cells.cell');
	cells CONSTANT integer := current_setting('content_library_cells.cells');
	stranger uuid;
BEGIN
	IF cells <> ALL ('{2,4,8,16,32,64,128,256}') THEN
		RAISE EXCEPTION 'the number of cells is %, and not 2, 4, 8 and so on up to 256', cells
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Set it by psql -v cells=4.';
	END IF;
	IF cell NOT BETWEEN 0 AND cells - 1 THEN
		RAISE EXCEPTION 'the number of the cell is %, and not 0 to %', cell, cells - 1
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Set it by psql -v cell=0.';
	END IF;
	SELECT l.user_id INTO stranger
	FROM (SELECT user_id FROM enrollments UNION ALL SELECT user_id FROM content_progress
		  UNION ALL SELECT user_id FROM certificates) AS l
	WHERE content_library_cells.cell_of(l.user_id, cells) <> cell
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'learner "%" has rows here, and does not belong to cell % of %', stranger, cell, cells
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Give the numbers that this cell was made with, or delete the rows of the learners of other cells.';
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION content_library_cells.this_cell() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN :cell;


-- 1. What comes from the catalogue ---------------------------------------------

CREATE OR REPLACE FUNCTION content_library_cells.catalogue_tables() RETURNS regclass[]
LANGUAGE sql STABLE
SET search_path FROM CURRENT
AS $$ SELECT '{courses,modules,lessons,course_prerequisites,course_staff,auth.users}'::regclass[] $$;

-- What is deleted in the catalogue takes with it what this cell has below it. The server's
-- triggers of foreign keys do not fire for replicated rows unless they are told to.
DO $$
DECLARE
	key record;
BEGIN
	FOR key IN
		SELECT t.tgrelid::regclass AS relation, t.tgname
		FROM pg_constraint AS k
		JOIN pg_trigger AS t ON t.tgconstraint = k.oid AND t.tgrelid = k.confrelid
		WHERE k.conrelid IN (
				SELECT d.objid FROM pg_depend AS d
				JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'content_library'
				WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e')
			AND k.confdeltype IN ('c', 'n')
			AND t.tgtype & 8 <> 0
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', key.relation, key.tgname);
	END LOOP;
END
$$;

-- Replicated rows fire no trigger for each statement. So the library's own, which completes
-- courses after a change of lessons or modules, would miss them (R10). These fire for each row
-- at the end of the transaction, when all locks on lessons are taken. A row that a foreign
-- key deletes needs nothing: what it belonged to is gone, too.
-- The library completes a course after one of its modules was deleted. So a module is made and
-- deleted at once; nobody sees it.
CREATE OR REPLACE FUNCTION content_library_cells.complete_courses() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
	courses_changed uuid[];
	course uuid;
	module uuid;
BEGIN
	-- repair() has fired it, and is done.
	IF current_setting('session_replication_role') <> 'replica' THEN
		RETURN NULL;
	END IF;
	IF TG_TABLE_NAME = 'modules' THEN
		courses_changed := array_remove(ARRAY[OLD.course_id, NEW.course_id], NULL);
	ELSE
		courses_changed := ARRAY(
			SELECT DISTINCT m.course_id FROM modules AS m WHERE m.id IN (OLD.module_id, NEW.module_id));
	END IF;
	-- Two are completed twice: while the lock of the second is waited for, a report may finish a lesson
	-- that moves into the first.
	FOR course IN
		SELECT c.id FROM courses AS c, generate_series(1, cardinality(courses_changed)) AS turn
		WHERE c.id = ANY (courses_changed) ORDER BY turn, c.id
	LOOP
		INSERT INTO modules (course_id, title) VALUES (course, '') RETURNING id INTO module;
		DELETE FROM modules WHERE id = module;
	END LOOP;
	RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS complete_after_delete ON lessons;
CREATE CONSTRAINT TRIGGER complete_after_delete AFTER DELETE ON lessons
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (pg_trigger_depth() = 0)
	EXECUTE FUNCTION content_library_cells.complete_courses();
DROP TRIGGER IF EXISTS complete_after_update ON lessons;
CREATE CONSTRAINT TRIGGER complete_after_update AFTER UPDATE ON lessons
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN ((OLD.module_id, OLD.is_required, OLD.is_published)
		IS DISTINCT FROM (NEW.module_id, NEW.is_required, NEW.is_published))
	EXECUTE FUNCTION content_library_cells.complete_courses();
DROP TRIGGER IF EXISTS complete_after_delete ON modules;
CREATE CONSTRAINT TRIGGER complete_after_delete AFTER DELETE ON modules
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (pg_trigger_depth() = 0)
	EXECUTE FUNCTION content_library_cells.complete_courses();
DROP TRIGGER IF EXISTS complete_after_update ON modules;
CREATE CONSTRAINT TRIGGER complete_after_update AFTER UPDATE ON modules
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.course_id <> NEW.course_id)
	EXECUTE FUNCTION content_library_cells.complete_courses();
ALTER TABLE lessons
	ENABLE REPLICA TRIGGER complete_after_delete,
	ENABLE REPLICA TRIGGER complete_after_update;
ALTER TABLE modules
	ENABLE REPLICA TRIGGER complete_after_delete,
	ENABLE REPLICA TRIGGER complete_after_update,
	ENABLE ALWAYS TRIGGER claim_after_delete;

-- A row that is changed here would differ from the catalogue, and one that is added here would stop
-- the replication. Replicated rows do not fire this.
CREATE OR REPLACE FUNCTION content_library_cells.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
	RAISE EXCEPTION 'rows of "%" come from the catalogue, and this is a cell', TG_TABLE_NAME
		USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Change it in the catalogue.';
END
$$;
DO $$
DECLARE
	relation regclass;
BEGIN
	FOREACH relation IN ARRAY content_library_cells.catalogue_tables() LOOP
		EXECUTE format('DROP TRIGGER IF EXISTS refuse_change ON %s', relation);
		EXECUTE format('CREATE TRIGGER refuse_change BEFORE INSERT OR UPDATE OR DELETE ON %s
			FOR EACH STATEMENT EXECUTE FUNCTION content_library_cells.refuse_change()', relation);
	END LOOP;
END
$$;


-- 2. Whose rows are here --------------------------------------------------------

-- A learner who is sent to another cell would have progress in two.
CREATE OR REPLACE FUNCTION content_library_cells.refuse_stranger() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
	RAISE EXCEPTION 'learner "%" does not belong to cell %', NEW.user_id, TG_ARGV[0]
		USING ERRCODE = 'object_not_in_prerequisite_state',
			  HINT = 'The cell of a learner is what content_library_cells.cell_of() says.';
END
$$;
DROP TRIGGER IF EXISTS refuse_stranger ON enrollments;
CREATE TRIGGER refuse_stranger BEFORE INSERT ON enrollments
	FOR EACH ROW WHEN (content_library_cells.cell_of(NEW.user_id, :cells) <> :cell)
	EXECUTE FUNCTION content_library_cells.refuse_stranger(:cell);
DROP TRIGGER IF EXISTS refuse_stranger ON content_progress;
CREATE TRIGGER refuse_stranger BEFORE INSERT ON content_progress
	FOR EACH ROW WHEN (content_library_cells.cell_of(NEW.user_id, :cells) <> :cell)
	EXECUTE FUNCTION content_library_cells.refuse_stranger(:cell);


-- 3. A cell that moves, or that went back in time --------------------------------

CREATE OR REPLACE FUNCTION content_library_cells.refuse_write() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
	RAISE EXCEPTION 'cell % is closed: it is moving to another server or being repaired', TG_ARGV[0]
		USING ERRCODE = 'object_not_in_prerequisite_state',
			  HINT = 'Try again: in some minutes it is open, or the requests of its learners go to the new place.';
END
$$;
-- Whoever has begun to write commits first, and from then on nobody writes. Replicated rows do
-- not fire the trigger. The order of the tables is that in which reports write them.
CREATE OR REPLACE FUNCTION content_library_cells.close() RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
	relation regclass;
BEGIN
	FOREACH relation IN ARRAY '{content_progress,enrollments,certificates}'::regclass[] LOOP
		EXECUTE format('CREATE OR REPLACE TRIGGER refuse_write BEFORE INSERT OR UPDATE OR DELETE ON %s
			FOR EACH STATEMENT EXECUTE FUNCTION content_library_cells.refuse_write(%s)',
			relation, content_library_cells.this_cell());
	END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION content_library_cells.open() RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT SET client_min_messages = warning
AS $$
BEGIN
	DROP TRIGGER IF EXISTS refuse_write ON content_progress;
	DROP TRIGGER IF EXISTS refuse_write ON enrollments;
	DROP TRIGGER IF EXISTS refuse_write ON certificates;
END
$$;

-- Empties what comes from the catalogue, so that it can be copied once more. Learners' rows stay
-- as they are, because no trigger fires. What is copied fires none either, until cell.sql is run.
CREATE OR REPLACE FUNCTION content_library_cells.forget_catalogue() RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT SET session_replication_role = replica
AS $$
DECLARE
	subscription name;
	fired record;
	relation regclass;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_trigger
				   WHERE tgrelid = 'content_progress'::regclass AND tgname = 'refuse_write') THEN
		RAISE EXCEPTION 'cell % is open', content_library_cells.this_cell()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Call content_library_cells.close() first.';
	END IF;
	SELECT s.subname INTO subscription
	FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid
	WHERE d.datname = current_database();
	IF FOUND THEN
		RAISE EXCEPTION 'there is the subscription "%"', subscription
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Drop it first. A new one then copies all.';
	END IF;
	FOR fired IN
		SELECT t.tgrelid::regclass AS relation, t.tgname, t.tgenabled
		FROM pg_trigger AS t
		WHERE t.tgrelid = ANY (content_library_cells.catalogue_tables()) AND t.tgenabled IN ('A', 'R')
	LOOP
		EXECUTE format('ALTER TABLE %s %s TRIGGER %I', fired.relation,
			CASE fired.tgenabled WHEN 'A' THEN 'ENABLE' ELSE 'DISABLE' END, fired.tgname);
	END LOOP;
	FOREACH relation IN ARRAY content_library_cells.catalogue_tables() LOOP
		EXECUTE format('DELETE FROM %s', relation);
	END LOOP;
END
$$;

-- Does what changes of the catalogue should have done to learners' rows: what the foreign keys
-- do, and completions. As a replica, so that neither refuse_write nor refuse_change fires.
CREATE OR REPLACE FUNCTION content_library_cells.repair(
	OUT progress_deleted bigint, OUT enrollments_deleted bigint, OUT certificates_deleted bigint,
	OUT certificates_unlinked bigint, OUT courses_completed bigint)
LANGUAGE plpgsql
SET search_path FROM CURRENT SET session_replication_role = replica
AS $$
DECLARE
	course uuid;
	module uuid;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_trigger AS t
				   WHERE t.tgrelid = 'modules'::regclass AND t.tgname = 'claim_after_delete' AND t.tgenabled = 'A') THEN
		RAISE EXCEPTION 'this database is not made a cell again since it was restored or emptied'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run cell.sql first.';
	END IF;
	-- What is not copied yet is not gone.
	IF (SELECT count(*) FROM pg_subscription_rel AS r
		WHERE r.srsubstate = 'r' AND r.srrelid = ANY (content_library_cells.catalogue_tables())) < 6 THEN
		RAISE EXCEPTION 'the catalogue is not copied yet'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Wait until srsubstate is "r" in each row of pg_subscription_rel, and there are six.';
	END IF;

	DELETE FROM content_progress AS p
	WHERE NOT EXISTS (SELECT FROM lessons AS l WHERE l.id = p.lesson_id)
		OR NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = p.user_id);
	GET DIAGNOSTICS progress_deleted = ROW_COUNT;
	DELETE FROM enrollments AS e
	WHERE NOT EXISTS (SELECT FROM courses AS c WHERE c.id = e.course_id)
		OR NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = e.user_id);
	GET DIAGNOSTICS enrollments_deleted = ROW_COUNT;
	DELETE FROM certificates AS k
	WHERE NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = k.user_id);
	GET DIAGNOSTICS certificates_deleted = ROW_COUNT;
	UPDATE certificates AS k SET course_id = NULL
	WHERE k.course_id IS NOT NULL AND NOT EXISTS (SELECT FROM courses AS c WHERE c.id = k.course_id);
	GET DIAGNOSTICS certificates_unlinked = ROW_COUNT;
	DELETE FROM mux_bindings AS b WHERE NOT EXISTS (SELECT FROM lessons AS l WHERE l.id = b.lesson_id);

	-- As complete_courses() does.
	SELECT count(e.completed_at) INTO courses_completed FROM enrollments AS e;
	FOR course IN SELECT c.id FROM courses AS c ORDER BY c.id LOOP
		INSERT INTO modules (course_id, title) VALUES (course, '') RETURNING id INTO module;
		DELETE FROM modules WHERE id = module;
	END LOOP;
	SELECT count(e.completed_at) - courses_completed INTO courses_completed FROM enrollments AS e;
END
$$;


-- 4. What the front calls --------------------------------------------------------

-- The front connects as this role. It has no right of its own, and becomes for each call the
-- role of who calls the front.
DO $$
BEGIN
	IF to_regrole('content_library_front') IS NULL THEN
		CREATE ROLE content_library_front LOGIN NOINHERIT IN ROLE anon, authenticated, service_role;
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION content_library_cells.enrolled_at(course_id uuid, user_id uuid)
RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path FROM CURRENT
AS $$ SELECT e.enrolled_at FROM enrollments AS e WHERE e.course_id = $1 AND e.user_id = $2 $$;

-- The last learner of a course in this cell who comes in course_report() before a page.
CREATE OR REPLACE FUNCTION content_library_cells.learner_before(
	course_id uuid, enrolled_at timestamptz, user_id uuid)
RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path FROM CURRENT
AS $$
	SELECT e.user_id FROM enrollments AS e
	WHERE e.course_id = $1 AND (e.enrolled_at, e.user_id) <= ($2, $3)
	ORDER BY e.enrolled_at DESC, e.user_id DESC LIMIT 1
$$;

-- Calls a function of the library as a role and with claims. Only the front may call it, for
-- whoever does is anybody. The arguments are texts, the function's own in their order. An
-- error is an answer, as {SQLSTATE, message, detail, hint}: after one that is raised, PL/Proxy
-- would connect again.
CREATE OR REPLACE FUNCTION content_library_cells.call(
	caller text, claims text, subject text, function text, args text[],
	OUT cell integer, OUT answer jsonb, OUT error text[])
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	query text;
	state text;
	message text;
	details text;
	advice text;
BEGIN
	-- A further argument says when the learner in "after" enrolled, who may be in another cell.
	IF function = 'course_report' AND cardinality(args) = 4 THEN
		args := args[1:2] || content_library_cells.learner_before(
			args[1]::uuid, args[4]::timestamptz, args[3]::uuid)::text;
	END IF;
	SELECT format('SELECT %s, to_jsonb(%s.%I(%s)), NULL::text[]',
		content_library_cells.this_cell(), p.pronamespace::regnamespace, p.proname,
		(SELECT string_agg(format('$1[%s]::%s', a.place, format_type(a.type, NULL)),
						   ', ' ORDER BY a.place)
		 FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, place)))
	INTO query
	FROM pg_proc AS p
	JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'content_library'
	WHERE p.proname = function AND p.pronargs = cardinality(args);
	IF query IS NULL THEN
		RAISE EXCEPTION 'content_library has no function "%" with % arguments',
			function, cardinality(args) USING ERRCODE = 'undefined_function';
	END IF;
	PERFORM set_config('request.jwt.claims', coalesce(claims, ''), true),
		set_config('request.jwt.claim.sub', coalesce(subject, ''), true),
		set_config('role', caller, true);
	RETURN QUERY EXECUTE query USING args;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
	error := ARRAY[state, message, details, advice];
	RETURN NEXT;
END
$$;
-- Default privileges may have granted more.
REVOKE ALL ON SCHEMA content_library_cells FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA content_library_cells FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA content_library_cells TO content_library_front;
-- The condition of a trigger on INSERT calls this one as whoever inserts.
GRANT EXECUTE ON FUNCTION content_library_cells.cell_of(uuid, integer) TO PUBLIC;
GRANT EXECUTE ON FUNCTION
	content_library_cells.this_cell(),
	content_library_cells.call(text, text, text, text, text[]),
	content_library_cells.enrolled_at(uuid, uuid),
	content_library_cells.learner_before(uuid, timestamptz, uuid)
	TO content_library_front;
COMMIT;
