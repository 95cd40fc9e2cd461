/* content_library--1.0.sql: everything that CREATE EXTENSION content_library makes. */

\echo Use "CREATE EXTENSION content_library" to load this file. \quit

-- Contents
--   1. what must be there first
--   2. tables
--   3. indexes
--   4. updated_at
--   5. rights
--   6. row-level security
--   7. attachment to auth
--   8. functions for learners
--   9. functions for instructors and operators
--  10. Mux: video events
--  11. check
--  12. what pg_dump keeps
--  13. attach now, or when auth appears


-- 1. What must be there first ------------------------------------------------

-- Names and operators below are the server's, whatever stands in the installer's schemas.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- This script runs as superuser and names the schema. Whoever owns it must not
-- rename it meanwhile and put another in its place.
LOCK TABLE pg_namespace IN SHARE MODE;
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension AS e
				   WHERE e.extname = 'content_library'
					 AND e.extnamespace = '@extschema@'::regnamespace::oid)
	THEN
		RAISE EXCEPTION 'the schema of content_library is being renamed' USING ERRCODE = 'object_in_use', HINT = 'Try again.';
	END IF;
END
$$;

-- Roles belong to the cluster and are restored before any database, so unlike
-- the schema auth a missing role is an error.
DO $$
DECLARE
	missing text;
	remedy text;
BEGIN
	SELECT string_agg(r.name, ', ' ORDER BY r.name),
		   string_agg(format('CREATE ROLE %s NOLOGIN%s;', r.name, r.options), ' ' ORDER BY r.name)
	INTO missing, remedy
	FROM (VALUES ('anon', ''), ('authenticated', ''), ('service_role', ' BYPASSRLS')) AS r(name, options)
	WHERE NOT EXISTS (SELECT FROM pg_roles AS have
					  WHERE have.rolname = r.name::name);

	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'content_library needs roles that do not exist: %', missing
			USING ERRCODE = 'undefined_object',
				  HINT = 'Supabase has them; on plain PostgreSQL create them first: ' || remedy;
	END IF;
END
$$;


-- 2. Tables ------------------------------------------------------------------

CREATE TABLE @extschema@.courses (
	id						uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	title					text NOT NULL,
	description				text NOT NULL DEFAULT '',
	slug					text NOT NULL UNIQUE,
	thumbnail_url			text,
	stage					text,
	topic					text,
	tier_required			text NOT NULL DEFAULT 'free'
							CHECK (tier_required IN ('free', 'pro', 'studio')),
	is_published			boolean NOT NULL DEFAULT false,
	sort_order				integer NOT NULL DEFAULT 0,
	created_at				timestamptz NOT NULL DEFAULT now(),
	updated_at				timestamptz NOT NULL DEFAULT now(),
	completion_threshold	integer CHECK (completion_threshold BETWEEN 1 AND 100),
	metadata				jsonb NOT NULL DEFAULT '{}'
							CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE @extschema@.courses IS 'A course: modules of lessons, seen by learners once it is published.';
COMMENT ON COLUMN @extschema@.courses.completion_threshold IS 'Percent of a lesson that must be watched to complete it; NULL inherits content_library.completion_threshold.';
COMMENT ON COLUMN @extschema@.courses.metadata IS 'The application''s own attributes, a JSON object; a column added to this table would be lost in a dump, this is not.';

CREATE TABLE @extschema@.modules (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	course_id	uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	title		text NOT NULL,
	description	text NOT NULL DEFAULT '',
	sort_order	integer NOT NULL DEFAULT 0,
	created_at	timestamptz NOT NULL DEFAULT now(),
	updated_at	timestamptz NOT NULL DEFAULT now(),
	metadata	jsonb NOT NULL DEFAULT '{}'
				CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE @extschema@.modules IS 'A module: a part of one course.';
COMMENT ON COLUMN @extschema@.modules.metadata IS 'The application''s own attributes, a JSON object.';

CREATE TABLE @extschema@.lessons (
	id						uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	module_id				uuid NOT NULL REFERENCES @extschema@.modules (id) ON DELETE CASCADE,
	title					text NOT NULL,
	description				text NOT NULL DEFAULT '',
	sort_order				integer NOT NULL DEFAULT 0,
	duration_seconds		integer,
	mux_upload_id			text,
	mux_asset_id			text,
	mux_playback_id			text,
	mux_status				text NOT NULL DEFAULT 'pending'
							CHECK (mux_status IN ('pending', 'processing', 'ready', 'error')),
	is_preview				boolean NOT NULL DEFAULT false,
	created_at				timestamptz NOT NULL DEFAULT now(),
	updated_at				timestamptz NOT NULL DEFAULT now(),
	completion_threshold	integer CHECK (completion_threshold BETWEEN 1 AND 100),
	is_required				boolean NOT NULL DEFAULT true,
	metadata				jsonb NOT NULL DEFAULT '{}'
							CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE @extschema@.lessons IS 'A lesson: one Mux video in one module.';
COMMENT ON COLUMN @extschema@.lessons.completion_threshold IS 'Percent that must be watched to complete the lesson; NULL inherits the course''s.';
COMMENT ON COLUMN @extschema@.lessons.is_required IS 'Whether the lesson counts towards the completion of its course.';
COMMENT ON COLUMN @extschema@.lessons.metadata IS 'The application''s own attributes, a JSON object.';

CREATE TABLE @extschema@.enrollments (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id			uuid NOT NULL,	-- references auth.users: see section 7
	course_id		uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	enrolled_at		timestamptz NOT NULL DEFAULT now(),
	completed_at	timestamptz,
	UNIQUE (user_id, course_id)
);
COMMENT ON TABLE @extschema@.enrollments IS 'A learner''s place in a course.';
COMMENT ON COLUMN @extschema@.enrollments.completed_at IS 'When the learner first completed the course; lessons added later do not erase it.';

-- The free space keeps a report's new row version on its page (a HOT update).
CREATE TABLE @extschema@.content_progress (
	id					uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id				uuid NOT NULL,	-- references auth.users: see section 7
	lesson_id			uuid NOT NULL REFERENCES @extschema@.lessons (id) ON DELETE CASCADE,
	watched_pct			integer NOT NULL DEFAULT 0 CHECK (watched_pct BETWEEN 0 AND 100),
	completed			boolean NOT NULL DEFAULT false,
	last_watched		timestamptz NOT NULL DEFAULT now(),
	position_seconds	integer CHECK (position_seconds >= 0),
	completed_at		timestamptz,
	UNIQUE (user_id, lesson_id)
) WITH (fillfactor = 90);
COMMENT ON TABLE @extschema@.content_progress IS 'How far a learner has watched a lesson.';
COMMENT ON COLUMN @extschema@.content_progress.watched_pct IS 'The highest percentage reported, 0..100; record_progress never lowers it.';
COMMENT ON COLUMN @extschema@.content_progress.completed IS 'Whether watched_pct had reached the completion threshold at the time of a report.';
COMMENT ON COLUMN @extschema@.content_progress.last_watched IS 'The time of the latest report, at most content_library.heartbeat_interval seconds behind.';
COMMENT ON COLUMN @extschema@.content_progress.position_seconds IS 'Where to resume, in seconds; unlike watched_pct it may go back.';
COMMENT ON COLUMN @extschema@.content_progress.completed_at IS 'When the lesson was first completed.';


-- 3. Indexes -----------------------------------------------------------------

CREATE INDEX idx_courses_published ON @extschema@.courses (is_published);
CREATE INDEX idx_courses_stage ON @extschema@.courses (stage);
CREATE INDEX idx_courses_topic ON @extschema@.courses (topic);
CREATE INDEX idx_modules_course_id ON @extschema@.modules (course_id);
CREATE INDEX idx_lessons_module_id ON @extschema@.lessons (module_id);
CREATE INDEX idx_lessons_mux_asset_id ON @extschema@.lessons (mux_asset_id);
CREATE INDEX idx_enrollments_user_id ON @extschema@.enrollments (user_id);
CREATE INDEX idx_enrollments_course_id ON @extschema@.enrollments (course_id);
CREATE INDEX idx_content_progress_user_id ON @extschema@.content_progress (user_id);

-- A lesson is deleted, and a course reported on, without reading all progress.
-- Columns that change with every report stay out: they would cost HOT updates.
CREATE INDEX idx_content_progress_lesson_id ON @extschema@.content_progress (lesson_id, completed)
	INCLUDE (user_id);


-- 4. updated_at --------------------------------------------------------------

CREATE FUNCTION @extschema@.content_library_set_updated_at() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.updated_at := now();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_set_updated_at() IS
	'Trigger function: stamps updated_at of a changed row.';
REVOKE ALL ON FUNCTION @extschema@.content_library_set_updated_at()
	FROM PUBLIC, anon, authenticated, service_role;

-- On UPDATE alone: an INSERT trigger would rewrite the stamps in a restore.
CREATE TRIGGER set_updated_at BEFORE UPDATE ON @extschema@.courses
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION @extschema@.content_library_set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON @extschema@.modules
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION @extschema@.content_library_set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON @extschema@.lessons
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION @extschema@.content_library_set_updated_at();


-- 5. Rights ------------------------------------------------------------------

ALTER TABLE @extschema@.courses OWNER TO @extowner@;
ALTER TABLE @extschema@.modules OWNER TO @extowner@;
ALTER TABLE @extschema@.lessons OWNER TO @extowner@;
ALTER TABLE @extschema@.enrollments OWNER TO @extowner@;
ALTER TABLE @extschema@.content_progress OWNER TO @extowner@;

-- From zero: default privileges may have given everybody everything, and
-- row-level security does not cover TRUNCATE.
REVOKE ALL ON TABLE
	@extschema@.courses,
	@extschema@.modules,
	@extschema@.lessons,
	@extschema@.enrollments,
	@extschema@.content_progress
	FROM PUBLIC, anon, authenticated, service_role;

GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE
	@extschema@.courses,
	@extschema@.modules,
	@extschema@.lessons,
	@extschema@.enrollments,
	@extschema@.content_progress
	TO service_role;

GRANT SELECT ON TABLE
	@extschema@.courses,
	@extschema@.modules,
	@extschema@.lessons
	TO authenticated;

-- Not completed_at: a learner must not sign their own certificate.
GRANT SELECT, INSERT (id, user_id, course_id, enrolled_at)
	ON TABLE @extschema@.enrollments TO authenticated;

GRANT SELECT, INSERT, UPDATE, DELETE
	ON TABLE @extschema@.content_progress TO authenticated;


-- 6. Row-level security ------------------------------------------------------

-- The policies that name auth.uid() are made in section 7. Until then their
-- tables are locked for learners: row-level security is on and lets no row by.

ALTER TABLE @extschema@.courses ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read published courses"
	ON @extschema@.courses FOR SELECT TO authenticated
	USING (is_published = true);

CREATE POLICY "Service role manages courses"
	ON @extschema@.courses FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.modules ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read modules"
	ON @extschema@.modules FOR SELECT TO authenticated
	USING (true);

CREATE POLICY "Service role manages modules"
	ON @extschema@.modules FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.lessons ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read lessons"
	ON @extschema@.lessons FOR SELECT TO authenticated
	USING (true);

CREATE POLICY "Service role manages lessons"
	ON @extschema@.lessons FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.enrollments ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Service role manages enrollments"
	ON @extschema@.enrollments FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.content_progress ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Service role manages content_progress"
	ON @extschema@.content_progress FOR ALL TO service_role
	USING (true) WITH CHECK (true);

-- Strict (content_library_strict): what learners read directly is narrowed to
-- what they may watch. Whether it is on is whether they may write progress
-- directly, asked once a query. Below each table's own policies hold, so that a
-- learner's enrollments are the learner's, and courses those that they see.

CREATE POLICY "Strict: modules of visible courses"
	ON @extschema@.modules AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', '@extschema@.content_progress'::regclass, 'INSERT'))
		OR EXISTS (SELECT FROM @extschema@.courses AS c WHERE c.id = course_id));

CREATE POLICY "Strict: lessons that may be watched"
	ON @extschema@.lessons AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', '@extschema@.content_progress'::regclass, 'INSERT'))
		OR EXISTS (SELECT FROM @extschema@.modules AS m
				   WHERE m.id = module_id
					 AND (is_preview
						  OR EXISTS (SELECT FROM @extschema@.enrollments AS e WHERE e.course_id = m.course_id))));


-- 7. Attachment to auth ------------------------------------------------------

-- pg_dump writes CREATE EXTENSION before any table, so in a restore auth.users
-- and auth.uid() do not exist yet when this script runs. What needs them is
-- made by content_library_attach(), at the end of this script or, failing
-- that, by an event trigger as soon as they do exist.

CREATE FUNCTION @extschema@.content_library_missing_auth() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT NULLIF(concat_ws(' and ',
		CASE WHEN NOT EXISTS (
			SELECT FROM pg_class AS c
			JOIN pg_namespace AS n ON n.oid = c.relnamespace
			JOIN pg_attribute AS a ON a.attrelid = c.oid
			JOIN pg_index AS i ON i.indrelid = c.oid
			WHERE n.nspname = 'auth'
				AND c.relname = 'users'
				AND a.attname = 'id'
				AND a.atttypid = 'uuid'::regtype::oid
				AND i.indisunique AND i.indimmediate AND i.indisvalid
				AND i.indpred IS NULL
				AND i.indnkeyatts = 1::smallint
				AND i.indkey[0] = a.attnum)
		THEN 'the table auth.users with a primary key id of type uuid' END,
		CASE WHEN NOT EXISTS (
			SELECT FROM pg_proc AS p
			JOIN pg_namespace AS n ON n.oid = p.pronamespace
			WHERE n.nspname = 'auth'
				AND p.proname = 'uid'
				AND p.pronargs = 0::smallint
				AND NOT p.proretset
				AND p.prorettype = 'uuid'::regtype::oid)
		THEN 'the function auth.uid() returning uuid' END), '');
END;
COMMENT ON FUNCTION @extschema@.content_library_missing_auth() IS
	'What of the schema auth is still missing, in words; NULL when content_library_attach() can run.';
REVOKE ALL ON FUNCTION @extschema@.content_library_missing_auth()
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION @extschema@.content_library_missing_auth() TO @extowner@;

-- Finds its schema when it runs: ALTER SCHEMA ... RENAME reaches no function body.
CREATE FUNCTION @extschema@.content_library_attach_as_owner() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
	missing text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.||) ', pg_temp', true)
	FROM pg_catalog.pg_extension AS e
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
	WHERE e.extname OPERATOR(pg_catalog.=) 'content_library';

	missing := content_library_missing_auth();
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'content_library cannot attach to auth: % not found', missing
			USING ERRCODE = 'undefined_object',
				  HINT = 'Create what is missing, then call content_library_attach() again.';
	END IF;

	-- Made anew each time, so that calling it again repairs what was dropped.
	-- Progress first: deleting an account then locks rows in the order of a report.
	ALTER TABLE content_progress
		DROP CONSTRAINT IF EXISTS content_progress_user_id_fkey;
	ALTER TABLE content_progress
		ADD CONSTRAINT content_progress_user_id_fkey
		FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE;

	ALTER TABLE enrollments
		DROP CONSTRAINT IF EXISTS enrollments_user_id_fkey;
	ALTER TABLE enrollments
		ADD CONSTRAINT enrollments_user_id_fkey
		FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE;

	DROP POLICY IF EXISTS "Users read own enrollments" ON enrollments;
	CREATE POLICY "Users read own enrollments"
		ON enrollments FOR SELECT TO authenticated
		USING ((SELECT auth.uid()) OPERATOR(pg_catalog.=) user_id);

	DROP POLICY IF EXISTS "Users create own enrollments" ON enrollments;
	CREATE POLICY "Users create own enrollments"
		ON enrollments FOR INSERT TO authenticated
		WITH CHECK ((SELECT auth.uid()) OPERATOR(pg_catalog.=) user_id);

	DROP POLICY IF EXISTS "Users read own progress" ON content_progress;
	CREATE POLICY "Users read own progress"
		ON content_progress FOR SELECT TO authenticated
		USING ((SELECT auth.uid()) OPERATOR(pg_catalog.=) user_id);

	DROP POLICY IF EXISTS "Users upsert own progress" ON content_progress;
	CREATE POLICY "Users upsert own progress"
		ON content_progress FOR ALL TO authenticated
		USING ((SELECT auth.uid()) OPERATOR(pg_catalog.=) user_id)
		WITH CHECK ((SELECT auth.uid()) OPERATOR(pg_catalog.=) user_id);
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_attach_as_owner() IS
	'What content_library_attach() does, with the caller''s own rights. Call that.';
REVOKE ALL ON FUNCTION @extschema@.content_library_attach_as_owner()
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION @extschema@.content_library_attach_as_owner() TO @extowner@;

-- A superuser runs this script and the event trigger, and may run this by hand,
-- but neither table need be a superuser's: what reads them gets no more than
-- their owner's rights.
CREATE FUNCTION @extschema@.content_library_attach() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_attach() IS
	'Adds the foreign keys to auth.users and the policies that name auth.uid(). Runs by itself, always with the rights of the owner of the tables; call it to repair them. Fails with 42704 while auth.users or auth.uid() is missing, with 23503 when a row names a user who does not exist.';
REVOKE ALL ON FUNCTION @extschema@.content_library_attach()
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION @extschema@.content_library_attach() TO @extowner@;

-- SECURITY DEFINER because whoever creates auth.users need not own our tables.
-- plpgsql, and no error leaves it, so that it can never block a command.
CREATE FUNCTION @extschema@.content_library_attach_when_ready() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Only commands on auth count, and a GRANT, which names no object.
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger_ddl_commands() AS c
				   WHERE c.schema_name OPERATOR(pg_catalog.=) 'auth'
					  OR c.object_identity OPERATOR(pg_catalog.=) 'auth'
					  OR c.command_tag OPERATOR(pg_catalog.=) 'GRANT')
	THEN
		RETURN;
	END IF;

	BEGIN
		-- What is called below, by name and as superuser, is what was made with
		-- this function: the schema's owner cannot put another in its place.
		LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE;
		PERFORM pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.||) ', pg_temp', true)
		FROM pg_catalog.pg_event_trigger AS t
		JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) t.evtfoid
		JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
		WHERE t.evtname OPERATOR(pg_catalog.=) 'content_library_attach';

		IF content_library_missing_auth() IS NOT NULL THEN
			RETURN;
		END IF;
		-- First, so that what attaches does not come back here; an error takes it back.
		ALTER EXTENSION content_library DROP EVENT TRIGGER content_library_attach;
		DROP EVENT TRIGGER content_library_attach;
		PERFORM content_library_attach();
	EXCEPTION WHEN OTHERS THEN
		RAISE WARNING 'content_library is not attached to auth: %', SQLERRM
			USING HINT = 'The tables stay locked for learners. Mend the cause, then call content_library_attach().';
	END;
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_attach_when_ready() IS
	'Event trigger function: calls content_library_attach() once auth.users and auth.uid() exist, then drops its event trigger.';
REVOKE ALL ON FUNCTION @extschema@.content_library_attach_when_ready()
	FROM PUBLIC, anon, authenticated, service_role;


-- 8. Functions for learners --------------------------------------------------

-- The one definition of a course's percentage: never rounded up to 100.
CREATE FUNCTION @extschema@.content_library_percentage(completed bigint, required bigint)
RETURNS integer
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_percentage(bigint, bigint) IS
	'The percentage (0..100) of completed among required lessons, rounded down; NULL when none is required.';

CREATE FUNCTION @extschema@.record_progress(
	lesson_id uuid,
	watched_pct integer,
	position_seconds integer DEFAULT NULL,
	user_id uuid DEFAULT NULL)
RETURNS @extschema@.content_progress
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.record_progress(uuid, integer, integer, uuid) IS
	'Records that a learner (user_id, by default the caller) has watched watched_pct percent (0..100) of a lesson and stands at position_seconds; returns the row as it now stands. The percentage and completion never go back. A report that changes less than content_library.heartbeat_interval is not written. One that completes the course sets enrollments.completed_at, once, and sends NOTIFY content_library. Fails with 22023 for a value out of range, 22004 for a NULL, 28000 when nobody is signed in, 42501 when not enrolled or for another user''s id, 23503 for an unknown lesson or user.';

CREATE FUNCTION @extschema@.record_progress_batch(
	reports jsonb,
	user_id uuid DEFAULT NULL)
RETURNS SETOF @extschema@.content_progress
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.record_progress_batch(jsonb, uuid) IS
	'Records many reports of one learner (user_id, by default the caller), all or none, as record_progress would one by one: a JSON array of 1 to 1000 objects {lesson_id, watched_pct, position_seconds, watched_at}, one for each lesson; the last two may be left out. Returns their rows, in the same order. Fails with 22023 for a malformed report, naming it as reports[n] counted from 0, or for a watched_at in the future; else as record_progress does.';

CREATE FUNCTION @extschema@.enroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS @extschema@.enrollments
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.enroll(uuid, uuid) IS
	'Enrolls a learner (user_id, by default the caller) in a published course that is open to the tier in the JWT''s app_metadata (free < pro < studio; service_role enrolls anyone); returns the enrollment, also when it was there already. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id or a course of a higher tier, 23503 for an unknown or unpublished course or an unknown user.';

CREATE FUNCTION @extschema@.reset_progress(
	course_id uuid,
	user_id uuid DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.reset_progress(uuid, uuid, boolean) IS
	'Deletes the progress of a learner (user_id, by default the caller) in a course, and forgets that the course was completed; returns the number of lessons whose progress went, or with dry_run would go. Fails with 22004 for a NULL, 28000 when nobody is signed in, 42501 for another user''s id or when not enrolled, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.completion_threshold(lesson_id uuid)
RETURNS integer
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.completion_threshold(uuid) IS
	'The percentage (1..100) that must be watched to complete a lesson: the lesson''s own, else its course''s, else content_library.completion_threshold. Fails with 22004 for NULL, 23503 for a lesson that is unknown or not visible to the caller.';

CREATE FUNCTION @extschema@.course_completion(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS integer
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_completion(uuid, uuid) IS
	'How much of a course a learner (user_id, by default the caller) has completed: the percentage (0..100) of its required lessons, rounded down; NULL for a course without required lessons. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id, 23503 for a course that is unknown or not visible to the caller.';

CREATE FUNCTION @extschema@.course_outline(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_outline(uuid, uuid) IS
	'A course page in one document: the course, its modules and lessons in order, each lesson with the learner''s status (not_started, in_progress, completed), watched_pct (percent) and position_seconds; mux_playback_id only where the learner may watch. Its form is docs/course_outline.schema.json. Fails as course_completion does.';

CREATE FUNCTION @extschema@.next_lesson(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS uuid
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.next_lesson(uuid, uuid) IS
	'The id of the first required lesson, in course order, that a learner has not completed; NULL when none is left. Fails as course_completion does.';

CREATE FUNCTION @extschema@.course_progress(user_id uuid DEFAULT NULL)
RETURNS TABLE (
	course_id uuid,
	title text,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	last_watched timestamptz,
	next_lesson_id uuid,
	enrolled_at timestamptz,
	completed_at timestamptz)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_progress(uuid) IS
	'One row for each course that a learner (user_id, by default the caller) is enrolled in, oldest enrollment first: how many required lessons there are and are completed, completion in percent (0..100, or NULL), when a lesson was last watched, the next lesson, and when the course was completed. Fails with 28000 when nobody is signed in, 42501 for another user''s id.';

CREATE FUNCTION @extschema@.continue_watching(
	max_rows integer DEFAULT 10,
	user_id uuid DEFAULT NULL)
RETURNS TABLE (
	course_id uuid,
	course_title text,
	lesson_id uuid,
	lesson_title text,
	watched_pct integer,
	position_seconds integer,
	duration_seconds integer,
	last_watched timestamptz)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.continue_watching(integer, uuid) IS
	'The lessons that a learner (user_id, by default the caller) has begun and not completed, the last watched first, with the position to resume at in seconds; at most max_rows. Fails with 22023 when max_rows is not positive, 28000 when nobody is signed in, 42501 for another user''s id.';

REVOKE ALL ON FUNCTION
	@extschema@.content_library_percentage(bigint, bigint),
	@extschema@.record_progress(uuid, integer, integer, uuid),
	@extschema@.record_progress_batch(jsonb, uuid),
	@extschema@.enroll(uuid, uuid),
	@extschema@.reset_progress(uuid, uuid, boolean),
	@extschema@.completion_threshold(uuid),
	@extschema@.course_completion(uuid, uuid),
	@extschema@.course_outline(uuid, uuid),
	@extschema@.next_lesson(uuid, uuid),
	@extschema@.course_progress(uuid),
	@extschema@.continue_watching(integer, uuid)
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION
	@extschema@.content_library_percentage(bigint, bigint),
	@extschema@.record_progress(uuid, integer, integer, uuid),
	@extschema@.record_progress_batch(jsonb, uuid),
	@extschema@.enroll(uuid, uuid),
	@extschema@.reset_progress(uuid, uuid, boolean),
	@extschema@.completion_threshold(uuid),
	@extschema@.course_completion(uuid, uuid),
	@extschema@.course_outline(uuid, uuid),
	@extschema@.next_lesson(uuid, uuid),
	@extschema@.course_progress(uuid),
	@extschema@.continue_watching(integer, uuid)
	TO authenticated, service_role;


-- 9. Functions for instructors and operators ---------------------------------

CREATE FUNCTION @extschema@.course_report(course_id uuid)
RETURNS TABLE (
	user_id uuid,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	enrolled_at timestamptz,
	completed_at timestamptz)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_report(uuid) IS
	'One row for each learner enrolled in a course, oldest enrollment first: required and completed lessons, completion in percent (0..100, or NULL), and when the course was completed. Fails with 22004 for NULL, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.lesson_report(uuid) IS
	'One row for each lesson of a course, in order: how many learners have started and completed it, and the average percent (0.0..100.0) that those who started have watched; NULL when nobody has. Fails with 22004 for NULL, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS @extschema@.lessons
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.move_lesson(uuid, uuid, uuid) IS
	'Moves a lesson into a module, before another lesson of it or to its end, and numbers sort_order from 1 in both modules; returns the lesson. Fails with 22004 for a NULL, 22023 when before is the lesson itself or in another module, 23503 for an unknown lesson or module.';

CREATE FUNCTION @extschema@.move_module(
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS @extschema@.modules
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.move_module(uuid, uuid) IS
	'Moves a module before another one of its course or to the end, and numbers sort_order from 1; returns the module. Fails with 22004 for a NULL, 22023 when before is the module itself or in another course, 23503 for an unknown module.';

CREATE FUNCTION @extschema@.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.recompute_completion(uuid) IS
	'Applies the thresholds of a course as they are now to past progress, forwards only, and completes the enrollments that are due; returns the number of progress rows that became completed. Fails with 22004 for NULL, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.content_library_strict(enabled boolean DEFAULT true)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_strict(boolean) IS
	'Has learners write through functions alone, or directly as well. Strict, they cannot write content_progress or insert into enrollments, and read the modules of courses that they see and the lessons that they may watch. A dump keeps it. Fails with 42501 for whoever has not the rights of the owner of the tables, 22004 for NULL, 55000 when a grant to PUBLIC or to another role stands against it.';

REVOKE ALL ON FUNCTION @extschema@.content_library_strict(boolean)
	FROM PUBLIC, anon, authenticated, service_role;

REVOKE ALL ON FUNCTION
	@extschema@.move_lesson(uuid, uuid, uuid),
	@extschema@.move_module(uuid, uuid),
	@extschema@.recompute_completion(uuid),
	@extschema@.course_report(uuid),
	@extschema@.lesson_report(uuid)
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION
	@extschema@.move_lesson(uuid, uuid, uuid),
	@extschema@.move_module(uuid, uuid),
	@extschema@.recompute_completion(uuid),
	@extschema@.course_report(uuid),
	@extschema@.lesson_report(uuid)
	TO service_role;


-- 10. Mux: video events -----------------------------------------------------

-- Mux repeats events and promises no order. So each event's facts are kept, and
-- a lesson's video is a query over the set of them: whatever the order in which
-- they came, and whether the upload was bound before, between or after.

-- Never the payload itself: it may hold the URL that accepts an upload.
CREATE TABLE @extschema@.mux_events (
	event_id			text COLLATE "C" PRIMARY KEY,
	object				text NOT NULL,
	upload_id			text,
	asset_id			text,
	status				text NOT NULL,
	event_at			timestamptz NOT NULL,
	playback_ids		jsonb,
	duration_seconds	integer,
	error				jsonb,
	received_at			timestamptz NOT NULL DEFAULT now(),
	CHECK (object = 'upload' AND upload_id IS NOT NULL
			AND status IN ('created', 'cancelled', 'asset_created', 'errored')
		OR object = 'asset' AND asset_id IS NOT NULL
			AND status IN ('preparing', 'errored', 'ready', 'deleted'))
);
COMMENT ON TABLE @extschema@.mux_events IS 'What each Mux event said of an upload or an asset; the state of a lesson''s video follows from these rows alone (mux_state).';
COMMENT ON COLUMN @extschema@.mux_events.object IS 'What the event is about: upload or asset.';
COMMENT ON COLUMN @extschema@.mux_events.event_at IS 'The event''s created_at; -infinity if it had none.';
COMMENT ON COLUMN @extschema@.mux_events.playback_ids IS 'Of a ready asset: [{id, policy}], in Mux''s order.';
COMMENT ON COLUMN @extschema@.mux_events.error IS 'Why it errored, as Mux says: type and message or messages.';

CREATE INDEX idx_mux_events_upload_id ON @extschema@.mux_events (upload_id);
CREATE INDEX idx_mux_events_asset_id ON @extschema@.mux_events (asset_id);
CREATE INDEX idx_lessons_mux_upload_id ON @extschema@.lessons (mux_upload_id);

ALTER TABLE @extschema@.mux_events OWNER TO @extowner@;
REVOKE ALL ON TABLE @extschema@.mux_events FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, DELETE ON TABLE @extschema@.mux_events TO service_role;
-- No policy: service_role passes by BYPASSRLS, and nobody else.
ALTER TABLE @extschema@.mux_events ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION @extschema@.mux_verify_signature(
	body text,
	signature_header text,
	secrets text[],
	tolerance interval DEFAULT '5 minutes',
	checked_at timestamptz DEFAULT clock_timestamp())
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.mux_verify_signature(text, text, text[], interval, timestamptz) IS
	'Verifies the Mux-Signature header of a webhook against its raw body and any of the endpoints'' secrets: ok, or why not: no_secret, no_header, malformed_header, no_v1_signature, signature_mismatch, too_old, too_new. Pass the secrets as a bound parameter. Fails with 22004 for a NULL body, tolerance or checked_at, 22023 for a negative tolerance.';

CREATE FUNCTION @extschema@.content_library_mux_policies() RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_mux_policies() IS
	'The setting content_library.mux_playback_policies, as an array.';

CREATE FUNCTION @extschema@.content_library_mux_upload(upload_id text)
RETURNS SETOF @extschema@.mux_events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT e.*
	FROM @extschema@.mux_events AS e
	WHERE e.object = 'upload'
		AND e.upload_id = $1
	ORDER BY array_position(ARRAY['created', 'cancelled', 'asset_created', 'errored'], e.status) DESC,
		e.event_at DESC, e.event_id DESC
	LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@.content_library_mux_upload(text) IS
	'The event that says how an upload stands: created < cancelled < asset_created < errored.';

CREATE FUNCTION @extschema@.content_library_mux_asset(asset_id text)
RETURNS SETOF @extschema@.mux_events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT e.*
	FROM @extschema@.mux_events AS e
	WHERE e.object = 'asset'
		AND e.asset_id = $1
	ORDER BY e.status = 'deleted' DESC,
		e.status IN ('errored', 'ready') DESC,
		e.event_at DESC,
		array_position(ARRAY['preparing', 'errored', 'ready'], e.status) DESC,
		e.event_id DESC
	LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@.content_library_mux_asset(text) IS
	'The event that says how an asset stands: deleted if it ever was, else the greatest by (terminal, time, preparing < errored < ready, event id).';

-- The one definition of a lesson's video columns.
CREATE FUNCTION @extschema@.mux_state(upload_id text)
RETURNS TABLE (
	mux_asset_id text,
	mux_playback_id text,
	mux_status text,
	duration_seconds integer,
	error jsonb)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT CASE WHEN v.status <> 'pending' THEN l.asset_id END,
		CASE WHEN v.status = 'ready' THEN p.id END,
		v.status,
		CASE WHEN v.status = 'ready' THEN a.duration_seconds END,
		CASE WHEN a.status = 'deleted'
			 THEN jsonb_build_object('type', 'asset_deleted', 'asset_id', l.asset_id)
			 WHEN v.status <> 'error' THEN NULL
			 WHEN a.status = 'errored' THEN a.error
			 WHEN v.failed THEN u.error
			 ELSE jsonb_build_object('type', 'no_playback_id') END
	-- The asset that the upload itself names, else the one that names the upload.
	FROM (SELECT (SELECT e.asset_id
				  FROM @extschema@.mux_events AS e
				  WHERE e.upload_id = $1 AND e.asset_id IS NOT NULL
				  ORDER BY e.object = 'upload' DESC, e.event_at DESC, e.event_id DESC
				  LIMIT 1) AS asset_id) AS l
	LEFT JOIN LATERAL @extschema@.content_library_mux_upload($1) AS u ON true
	LEFT JOIN LATERAL @extschema@.content_library_mux_asset(l.asset_id) AS a ON true
	LEFT JOIN LATERAL (
		SELECT w.id
		FROM ROWS FROM (jsonb_to_recordset(a.playback_ids) AS (id text, policy text))
			WITH ORDINALITY AS w(id, policy, place)
		WHERE w.policy = ANY (@extschema@.content_library_mux_policies())
		ORDER BY array_position(@extschema@.content_library_mux_policies(), w.policy), w.place
		LIMIT 1) AS p ON true
	CROSS JOIN LATERAL (
		SELECT u.status = 'errored'
			AND (a.status IS NULL
				 OR a.status <> 'ready'
				 OR a.event_at < u.event_at) AS failed) AS f
	CROSS JOIN LATERAL (
		SELECT f.failed,
			CASE WHEN a.status = 'deleted' THEN 'pending'
				 WHEN f.failed OR a.status = 'errored' THEN 'error'
				 WHEN a.status = 'ready' AND p.id IS NULL THEN 'error'
				 WHEN a.status = 'ready' THEN 'ready'
				 WHEN l.asset_id IS NOT NULL THEN 'processing'
				 ELSE 'pending' END AS status) AS v
	WHERE l.asset_id IS NOT NULL OR u.event_id IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@.mux_state(text) IS
	'What the events received so far say of an upload: the video columns of a lesson bound to it, and error, why there is no video; no row when nothing is known.';

-- Events exclude each other and those who bind; those who bind do not exclude
-- each other. Whoever waits here must not be waited for: see mux_apply_event.
CREATE FUNCTION @extschema@.content_library_mux_lock(for_event boolean) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_mux_lock(boolean) IS
	'Waits for events under way; for an event also for bindings under way. Fails with 25000 unless the transaction is READ COMMITTED.';

CREATE FUNCTION @extschema@.content_library_mux_read(
	event jsonb,
	OUT event_id text,
	OUT object text,
	OUT upload_id text,
	OUT asset_id text,
	OUT status text,
	OUT event_at timestamptz,
	OUT playback_ids jsonb,
	OUT duration_seconds integer,
	OUT error jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	type text;
	field text;
	value jsonb;
	text_value text;
	data jsonb := event -> 'data';
BEGIN
	IF event IS NULL THEN
		RAISE EXCEPTION 'event must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF jsonb_typeof(event) <> 'object' THEN
		RAISE EXCEPTION 'event is not a JSON object but: %', jsonb_typeof(event)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- The texts that are read of it. Other types of events may be of any form.
	FOREACH field IN ARRAY ARRAY['type', 'id', 'data.id', 'data.upload_id', 'data.asset_id', 'data.status'] LOOP
		IF field = 'data.id' AND type <> ALL (ARRAY[
			'video.upload.created', 'video.upload.asset_created', 'video.upload.cancelled', 'video.upload.errored',
			'video.asset.created', 'video.asset.updated', 'video.asset.ready', 'video.asset.errored', 'video.asset.deleted'])
		THEN
			RETURN;
		END IF;

		value := NULLIF(event #> string_to_array(field, '.'), 'null');
		text_value := value #>> '{}';
		IF value IS NULL THEN
			IF field IN ('type', 'id', 'data.id') THEN
				RAISE EXCEPTION 'event has no %', field USING ERRCODE = 'invalid_parameter_value';
			END IF;
		ELSIF jsonb_typeof(value) <> 'string'
			OR length(text_value) NOT BETWEEN 1 AND 255
		THEN
			RAISE EXCEPTION '% of the event is not a text of 1 to 255 characters', field
				USING ERRCODE = 'invalid_parameter_value';
		END IF;

		CASE field
			WHEN 'type' THEN
				type := text_value;
			WHEN 'id' THEN
				event_id := text_value;
			WHEN 'data.status' THEN
				status := text_value;
			ELSE
				NULL;
		END CASE;
	END LOOP;

	IF type ~~ 'video.upload.%' THEN
		object := 'upload';
		upload_id := data ->> 'id';
		asset_id := data ->> 'asset_id';
		status := split_part(type, '.', 3);
	ELSE
		object := 'asset';
		asset_id := data ->> 'id';
		upload_id := data ->> 'upload_id';
		status := CASE WHEN type = 'video.asset.deleted' THEN 'deleted'
					   WHEN status IN ('preparing', 'errored', 'ready') THEN status
					   WHEN type IN ('video.asset.errored', 'video.asset.ready') THEN split_part(type, '.', 3)
					   ELSE 'preparing' END;
	END IF;

	-- A text, a number of seconds, or {seconds, nanos}; without, it is the oldest.
	value := COALESCE(event -> 'created_at', 'null');
	text_value := value #>> '{}';
	BEGIN
		CASE jsonb_typeof(value)
			WHEN 'null' THEN
				event_at := '-infinity';
			WHEN 'string' THEN
				-- Not all that timestamptz accepts: "now" is not a fact, and a zone is needed.
				IF text_value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$' THEN
					event_at := text_value::timestamptz;
				END IF;
			WHEN 'number' THEN
				event_at := to_timestamp(text_value::float8);
			WHEN 'object' THEN
				event_at := to_timestamp((
					(value ->> 'seconds')::int8::numeric
					+ (COALESCE((value ->> 'nanos')::int4, 0)
						/ 1000000000::numeric))::float8);
			ELSE
				NULL;
		END CASE;
	EXCEPTION WHEN data_exception THEN
		event_at := NULL;
	END;
	IF event_at IS NULL THEN
		RAISE EXCEPTION 'created_at of the event is not a time: %', left(value::text, 60)
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is a text as in "2026-02-01T18:00:00.000Z", a number of seconds since 1970, or {"seconds": …, "nanos": …}.';
	END IF;

	IF status = 'errored' THEN
		value := data -> (CASE object WHEN 'upload' THEN 'error' ELSE 'errors' END);
		IF jsonb_typeof(value) = 'object' THEN
			SELECT jsonb_object_agg(e.key, e.value) INTO error
			FROM jsonb_each(value) AS e
			WHERE e.key IN ('type', 'message', 'messages');
		END IF;
	END IF;

	IF status <> 'ready' THEN
		RETURN;
	END IF;

	value := COALESCE(NULLIF(data -> 'playback_ids', 'null'), '[]');
	IF jsonb_typeof(value) <> 'array'
		OR EXISTS (SELECT FROM jsonb_array_elements(value) AS p
				   WHERE jsonb_typeof(p -> 'id') IS DISTINCT FROM 'string'
					  OR jsonb_typeof(p -> 'policy') IS DISTINCT FROM 'string')
	THEN
		RAISE EXCEPTION 'data.playback_ids of the event is not an array of objects with an id and a policy'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT COALESCE(jsonb_agg(jsonb_build_object(
						'id', e.p -> 'id', 'policy', e.p -> 'policy') ORDER BY e.place), '[]')
	INTO playback_ids
	FROM jsonb_array_elements(value) WITH ORDINALITY AS e(p, place);

	value := NULLIF(data -> 'duration', 'null');
	IF value IS NULL THEN
		RETURN;
	END IF;
	IF jsonb_typeof(value) <> 'number'
		OR abs(round((value #>> '{}')::numeric)) > 2147483647
	THEN
		RAISE EXCEPTION 'data.duration of the event is not a number of seconds up to 2147483647: %', left(value::text, 60)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	duration_seconds := GREATEST(1, round((value #>> '{}')::numeric)::int4);
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_mux_read(jsonb) IS
	'The facts of a Mux event, as a row of mux_events; object is NULL for a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, naming what is wrong.';

-- An event holds the lock and may meet a lesson that somebody else holds, who
-- may be about to bind it and wait for that lock: then the event lets go of
-- all it holds and tries again. So it is never part of a deadlock.
CREATE FUNCTION @extschema@.mux_apply_event(event jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
-- Look-ups by key, whose plan is kept from when the tables were small.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
	fact record;
	uploads text[];
	bound uuid[];
	-- Mux waits no longer for an answer, and comes again.
	give_up CONSTANT timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) interval '5 seconds';
	pause float8 := 0.001;
BEGIN
	PERFORM pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.||) ', pg_temp', true)
	FROM pg_catalog.pg_extension AS e
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
	WHERE e.extname OPERATOR(pg_catalog.=) 'content_library';

	fact := content_library_mux_read(event);
	IF fact.object IS NULL THEN
		RETURN 'ignored';
	END IF;

	LOOP
		BEGIN
			PERFORM content_library_mux_lock(true);

			INSERT INTO mux_events (event_id, object, upload_id, asset_id, status, event_at, playback_ids, duration_seconds, error)
			VALUES (fact.event_id, fact.object, fact.upload_id, fact.asset_id, fact.status, fact.event_at,
					fact.playback_ids, fact.duration_seconds, fact.error)
			ON CONFLICT (event_id) DO NOTHING;
			IF NOT FOUND THEN
				RETURN 'duplicate';
			END IF;

			uploads := CASE fact.object
				WHEN 'upload' THEN ARRAY[fact.upload_id]
				ELSE ARRAY(SELECT DISTINCT e.upload_id FROM mux_events AS e
						   WHERE e.asset_id OPERATOR(pg_catalog.=) fact.asset_id AND e.upload_id IS NOT NULL) END;

			bound := ARRAY(SELECT l.id FROM lessons AS l
						   WHERE l.mux_upload_id OPERATOR(pg_catalog.=) ANY (uploads)
						   ORDER BY l.id FOR NO KEY UPDATE NOWAIT);

			UPDATE lessons AS l
			SET mux_asset_id = s.mux_asset_id,
				mux_playback_id = s.mux_playback_id,
				mux_status = s.mux_status,
				duration_seconds = s.duration_seconds
			FROM pg_catalog.unnest(uploads) AS u(id)
			CROSS JOIN LATERAL mux_state(u.id) AS s
			WHERE l.id OPERATOR(pg_catalog.=) ANY (bound)
				AND l.mux_upload_id OPERATOR(pg_catalog.=) u.id
				AND (l.mux_asset_id, l.mux_playback_id, l.mux_status, l.duration_seconds)
					IS DISTINCT FROM (s.mux_asset_id, s.mux_playback_id, s.mux_status, s.duration_seconds);
			IF FOUND THEN
				RETURN 'applied';
			END IF;

			RETURN CASE
				WHEN NOT EXISTS (SELECT FROM content_library_mux_upload(fact.upload_id) AS e
								 WHERE fact.object OPERATOR(pg_catalog.=) 'upload' AND e.event_id OPERATOR(pg_catalog.=) fact.event_id
								 UNION ALL
								 SELECT FROM content_library_mux_asset(fact.asset_id) AS e
								 WHERE fact.object OPERATOR(pg_catalog.=) 'asset' AND e.event_id OPERATOR(pg_catalog.=) fact.event_id)
				THEN 'stale'
				WHEN bound OPERATOR(pg_catalog.=) '{}' THEN 'unmatched'
				ELSE 'noop' END;
		EXCEPTION WHEN lock_not_available THEN
			IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) give_up THEN
				RAISE;
			END IF;
		END;
		PERFORM pg_catalog.pg_sleep(pause);
		pause := LEAST(2 OPERATOR(pg_catalog.*) pause, 0.1);
	END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.mux_apply_event(jsonb) IS
	'Takes in a verified Mux event, in any order and as often as it comes. applied: a lesson has changed. noop: its lesson was so already. stale: more is known of its upload or asset already. unmatched: kept, but no lesson has its upload now. duplicate: this event id was taken in before. ignored: a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, 22004 for NULL, 25000 unless READ COMMITTED, 55P03 when somebody has held the lesson for five seconds.';

CREATE FUNCTION @extschema@.content_library_mux_bind() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET row_security = off
-- Look-ups by key, whose plan is kept from when the tables were small.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
	state record;
BEGIN
	PERFORM pg_catalog.set_config('search_path', pg_catalog.quote_ident(TG_TABLE_SCHEMA) OPERATOR(pg_catalog.||) ', pg_temp', true);
	PERFORM content_library_mux_lock(false);

	SELECT * INTO state FROM mux_state(NEW.mux_upload_id);
	-- Nothing known: a new row stays as it is given, and so does a video given whole.
	IF NOT FOUND AND (TG_OP OPERATOR(pg_catalog.=) 'INSERT'
		OR NEW.mux_asset_id IS NOT NULL AND NEW.mux_asset_id IS DISTINCT FROM OLD.mux_asset_id)
	THEN
		RETURN NEW;
	END IF;

	NEW.mux_asset_id := state.mux_asset_id;
	NEW.mux_playback_id := state.mux_playback_id;
	NEW.mux_status := COALESCE(state.mux_status, 'pending');
	NEW.duration_seconds := state.duration_seconds;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_mux_bind() IS
	'Trigger function: gives a lesson the video of the upload that it is bound to now.';
REVOKE ALL ON FUNCTION @extschema@.content_library_mux_bind()
	FROM PUBLIC, anon, authenticated, service_role;

CREATE TRIGGER bind_mux_upload BEFORE UPDATE ON @extschema@.lessons
	FOR EACH ROW WHEN (OLD.mux_upload_id IS DISTINCT FROM NEW.mux_upload_id)
	EXECUTE FUNCTION @extschema@.content_library_mux_bind();
-- In a restore it fires, if at all, before there are events: it changes nothing.
CREATE TRIGGER bind_new_mux_upload BEFORE INSERT ON @extschema@.lessons
	FOR EACH ROW WHEN (NEW.mux_upload_id IS NOT NULL
		AND NEW.mux_asset_id IS NULL AND NEW.mux_playback_id IS NULL
		AND NEW.mux_status = 'pending')
	EXECUTE FUNCTION @extschema@.content_library_mux_bind();

CREATE FUNCTION @extschema@.mux_begin_upload(lesson_id uuid, upload_id text)
RETURNS @extschema@.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lesson record;
BEGIN
	IF lesson_id IS NULL OR upload_id IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'upload_id' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF pg_catalog.length(upload_id) NOT BETWEEN 1 AND 255 THEN
		RAISE EXCEPTION 'upload_id is not a text of 1 to 255 characters'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.||) ', pg_temp', true)
	FROM pg_catalog.pg_extension AS e
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
	WHERE e.extname OPERATOR(pg_catalog.=) 'content_library';

	-- The trigger does the rest.
	UPDATE lessons AS l SET mux_upload_id = upload_id
	WHERE l.id OPERATOR(pg_catalog.=) lesson_id
	RETURNING l.* INTO lesson;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'lesson "%" does not exist', lesson_id
			USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN lesson;
END
$$;
COMMENT ON FUNCTION @extschema@.mux_begin_upload(uuid, text) IS
	'Binds an upload to a lesson, in place of the one before: its video is what is known of the upload, pending if nothing is; returns the lesson. UPDATE lessons SET mux_upload_id does the same. Fails with 22004 for a NULL, 22023 for an empty upload_id, 23503 for an unknown lesson, 25000 unless READ COMMITTED.';

CREATE FUNCTION @extschema@.mux_playback_claims(
	lesson_id uuid,
	ttl interval DEFAULT '6 hours')
RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.mux_playback_claims(uuid, interval) IS
	'The claims {sub, aud, exp} of a token that lets the caller play a lesson''s video for the time ttl; the application signs them with Mux''s private key. Fails with 22004 for a NULL, 22023 when ttl is not positive, 28000 when nobody is signed in, 42501 when not enrolled (a preview lesson needs none), 23503 for an unknown lesson or unpublished course, 55000 when the video is not ready.';

REVOKE ALL ON FUNCTION
	@extschema@.mux_verify_signature(text, text, text[], interval, timestamptz),
	@extschema@.content_library_mux_policies(),
	@extschema@.content_library_mux_upload(text),
	@extschema@.content_library_mux_asset(text),
	@extschema@.mux_state(text),
	@extschema@.content_library_mux_lock(boolean),
	@extschema@.content_library_mux_read(jsonb),
	@extschema@.mux_apply_event(jsonb),
	@extschema@.mux_begin_upload(uuid, text),
	@extschema@.mux_playback_claims(uuid, interval)
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION
	@extschema@.mux_verify_signature(text, text, text[], interval, timestamptz),
	@extschema@.content_library_mux_policies(),
	@extschema@.content_library_mux_upload(text),
	@extschema@.content_library_mux_asset(text),
	@extschema@.mux_state(text),
	@extschema@.content_library_mux_lock(boolean),
	@extschema@.content_library_mux_read(jsonb),
	@extschema@.mux_apply_event(jsonb),
	@extschema@.mux_begin_upload(uuid, text)
	TO service_role;
GRANT EXECUTE ON FUNCTION @extschema@.mux_playback_claims(uuid, interval)
	TO authenticated, service_role;
-- What the trigger calls: the owner of lessons may bind by hand.
GRANT EXECUTE ON FUNCTION
	@extschema@.content_library_mux_policies(),
	@extschema@.content_library_mux_upload(text),
	@extschema@.content_library_mux_asset(text),
	@extschema@.mux_state(text),
	@extschema@.content_library_mux_lock(boolean)
	TO @extowner@;


-- 11. Check ------------------------------------------------------------------

-- pg_dump knows the tables of an extension by their rows and grants alone: the
-- rest of a restored table is what this script makes. So whatever else is
-- changed on them is found here, by comparing what is there with this list.
-- {schema} stands for the schema, which may be renamed. The texts are the
-- server's own, as pg_get_expr() and its like have them.
CREATE FUNCTION @extschema@.content_library_expected()
RETURNS TABLE (kind text, "table" text, name text, definition text, needs_auth boolean)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT v.kind, v."table", v.name,
		   replace(v.definition, '{schema}', quote_ident(n.nspname)),
		   strpos(v.definition, 'auth.') > 0
	FROM (VALUES
		('table', 'courses', 'row-level security', 'ENABLE ROW LEVEL SECURITY'),
		('table', 'courses', 'row-level security of the owner', 'NO FORCE ROW LEVEL SECURITY'),
		('table', 'courses', 'storage', 'SET LOGGED'),
		('column', 'courses', 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()'),
		('column', 'courses', 'title', 'text NOT NULL'),
		('column', 'courses', 'description', 'text NOT NULL DEFAULT ''''::text'),
		('column', 'courses', 'slug', 'text NOT NULL'),
		('column', 'courses', 'thumbnail_url', 'text'),
		('column', 'courses', 'stage', 'text'),
		('column', 'courses', 'topic', 'text'),
		('column', 'courses', 'tier_required', 'text NOT NULL DEFAULT ''free''::text'),
		('column', 'courses', 'is_published', 'boolean NOT NULL DEFAULT false'),
		('column', 'courses', 'sort_order', 'integer NOT NULL DEFAULT 0'),
		('column', 'courses', 'created_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'courses', 'updated_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'courses', 'completion_threshold', 'integer'),
		('column', 'courses', 'metadata', 'jsonb NOT NULL DEFAULT ''{}''::jsonb'),
		('constraint', 'courses', 'courses_pkey', 'PRIMARY KEY (id)'),
		('constraint', 'courses', 'courses_slug_key', 'UNIQUE (slug)'),
		('constraint', 'courses', 'courses_completion_threshold_check', 'CHECK (((completion_threshold >= 1) AND (completion_threshold <= 100)))'),
		('constraint', 'courses', 'courses_metadata_check', 'CHECK ((jsonb_typeof(metadata) = ''object''::text))'),
		('constraint', 'courses', 'courses_tier_required_check', 'CHECK ((tier_required = ANY (ARRAY[''free''::text, ''pro''::text, ''studio''::text])))'),
		('index', 'courses', 'idx_courses_published', 'CREATE INDEX idx_courses_published ON {schema}.courses USING btree (is_published)'),
		('index', 'courses', 'idx_courses_stage', 'CREATE INDEX idx_courses_stage ON {schema}.courses USING btree (stage)'),
		('index', 'courses', 'idx_courses_topic', 'CREATE INDEX idx_courses_topic ON {schema}.courses USING btree (topic)'),
		('policy', 'courses', 'Authenticated users can read published courses', 'FOR SELECT TO authenticated USING ((is_published = true))'),
		('policy', 'courses', 'Service role manages courses', 'FOR ALL TO service_role USING (true) WITH CHECK (true)'),
		('trigger', 'courses', 'set_updated_at', 'CREATE TRIGGER set_updated_at BEFORE UPDATE ON {schema}.courses FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION {schema}.content_library_set_updated_at()'),
		('table', 'modules', 'row-level security', 'ENABLE ROW LEVEL SECURITY'),
		('table', 'modules', 'row-level security of the owner', 'NO FORCE ROW LEVEL SECURITY'),
		('table', 'modules', 'storage', 'SET LOGGED'),
		('column', 'modules', 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()'),
		('column', 'modules', 'course_id', 'uuid NOT NULL'),
		('column', 'modules', 'title', 'text NOT NULL'),
		('column', 'modules', 'description', 'text NOT NULL DEFAULT ''''::text'),
		('column', 'modules', 'sort_order', 'integer NOT NULL DEFAULT 0'),
		('column', 'modules', 'created_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'modules', 'updated_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'modules', 'metadata', 'jsonb NOT NULL DEFAULT ''{}''::jsonb'),
		('constraint', 'modules', 'modules_pkey', 'PRIMARY KEY (id)'),
		('constraint', 'modules', 'modules_metadata_check', 'CHECK ((jsonb_typeof(metadata) = ''object''::text))'),
		('constraint', 'modules', 'modules_course_id_fkey', 'FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE'),
		('index', 'modules', 'idx_modules_course_id', 'CREATE INDEX idx_modules_course_id ON {schema}.modules USING btree (course_id)'),
		('policy', 'modules', 'Authenticated users can read modules', 'FOR SELECT TO authenticated USING (true)'),
		('policy', 'modules', 'Service role manages modules', 'FOR ALL TO service_role USING (true) WITH CHECK (true)'),
		('trigger', 'modules', 'set_updated_at', 'CREATE TRIGGER set_updated_at BEFORE UPDATE ON {schema}.modules FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION {schema}.content_library_set_updated_at()'),
		('table', 'lessons', 'row-level security', 'ENABLE ROW LEVEL SECURITY'),
		('table', 'lessons', 'row-level security of the owner', 'NO FORCE ROW LEVEL SECURITY'),
		('table', 'lessons', 'storage', 'SET LOGGED'),
		('column', 'lessons', 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()'),
		('column', 'lessons', 'module_id', 'uuid NOT NULL'),
		('column', 'lessons', 'title', 'text NOT NULL'),
		('column', 'lessons', 'description', 'text NOT NULL DEFAULT ''''::text'),
		('column', 'lessons', 'sort_order', 'integer NOT NULL DEFAULT 0'),
		('column', 'lessons', 'duration_seconds', 'integer'),
		('column', 'lessons', 'mux_upload_id', 'text'),
		('column', 'lessons', 'mux_asset_id', 'text'),
		('column', 'lessons', 'mux_playback_id', 'text'),
		('column', 'lessons', 'mux_status', 'text NOT NULL DEFAULT ''pending''::text'),
		('column', 'lessons', 'is_preview', 'boolean NOT NULL DEFAULT false'),
		('column', 'lessons', 'created_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'lessons', 'updated_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'lessons', 'completion_threshold', 'integer'),
		('column', 'lessons', 'is_required', 'boolean NOT NULL DEFAULT true'),
		('column', 'lessons', 'metadata', 'jsonb NOT NULL DEFAULT ''{}''::jsonb'),
		('constraint', 'lessons', 'lessons_pkey', 'PRIMARY KEY (id)'),
		('constraint', 'lessons', 'lessons_completion_threshold_check', 'CHECK (((completion_threshold >= 1) AND (completion_threshold <= 100)))'),
		('constraint', 'lessons', 'lessons_metadata_check', 'CHECK ((jsonb_typeof(metadata) = ''object''::text))'),
		('constraint', 'lessons', 'lessons_mux_status_check', 'CHECK ((mux_status = ANY (ARRAY[''pending''::text, ''processing''::text, ''ready''::text, ''error''::text])))'),
		('constraint', 'lessons', 'lessons_module_id_fkey', 'FOREIGN KEY (module_id) REFERENCES {schema}.modules(id) ON DELETE CASCADE'),
		('index', 'lessons', 'idx_lessons_module_id', 'CREATE INDEX idx_lessons_module_id ON {schema}.lessons USING btree (module_id)'),
		('index', 'lessons', 'idx_lessons_mux_asset_id', 'CREATE INDEX idx_lessons_mux_asset_id ON {schema}.lessons USING btree (mux_asset_id)'),
		('index', 'lessons', 'idx_lessons_mux_upload_id', 'CREATE INDEX idx_lessons_mux_upload_id ON {schema}.lessons USING btree (mux_upload_id)'),
		('policy', 'lessons', 'Authenticated users can read lessons', 'FOR SELECT TO authenticated USING (true)'),
		('policy', 'lessons', 'Service role manages lessons', 'FOR ALL TO service_role USING (true) WITH CHECK (true)'),
		('trigger', 'lessons', 'set_updated_at', 'CREATE TRIGGER set_updated_at BEFORE UPDATE ON {schema}.lessons FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION {schema}.content_library_set_updated_at()'),
		('trigger', 'lessons', 'bind_mux_upload', 'CREATE TRIGGER bind_mux_upload BEFORE UPDATE ON {schema}.lessons FOR EACH ROW WHEN ((old.mux_upload_id IS DISTINCT FROM new.mux_upload_id)) EXECUTE FUNCTION {schema}.content_library_mux_bind()'),
		('trigger', 'lessons', 'bind_new_mux_upload', 'CREATE TRIGGER bind_new_mux_upload BEFORE INSERT ON {schema}.lessons FOR EACH ROW WHEN (((new.mux_upload_id IS NOT NULL) AND (new.mux_asset_id IS NULL) AND (new.mux_playback_id IS NULL) AND (new.mux_status = ''pending''::text))) EXECUTE FUNCTION {schema}.content_library_mux_bind()'),
		('table', 'enrollments', 'row-level security', 'ENABLE ROW LEVEL SECURITY'),
		('table', 'enrollments', 'row-level security of the owner', 'NO FORCE ROW LEVEL SECURITY'),
		('table', 'enrollments', 'storage', 'SET LOGGED'),
		('column', 'enrollments', 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()'),
		('column', 'enrollments', 'user_id', 'uuid NOT NULL'),
		('column', 'enrollments', 'course_id', 'uuid NOT NULL'),
		('column', 'enrollments', 'enrolled_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'enrollments', 'completed_at', 'timestamp with time zone'),
		('constraint', 'enrollments', 'enrollments_pkey', 'PRIMARY KEY (id)'),
		('constraint', 'enrollments', 'enrollments_user_id_course_id_key', 'UNIQUE (user_id, course_id)'),
		('constraint', 'enrollments', 'enrollments_course_id_fkey', 'FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE'),
		('constraint', 'enrollments', 'enrollments_user_id_fkey', 'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
		('index', 'enrollments', 'idx_enrollments_course_id', 'CREATE INDEX idx_enrollments_course_id ON {schema}.enrollments USING btree (course_id)'),
		('index', 'enrollments', 'idx_enrollments_user_id', 'CREATE INDEX idx_enrollments_user_id ON {schema}.enrollments USING btree (user_id)'),
		('policy', 'enrollments', 'Service role manages enrollments', 'FOR ALL TO service_role USING (true) WITH CHECK (true)'),
		('policy', 'enrollments', 'Users create own enrollments', 'FOR INSERT TO authenticated WITH CHECK ((( SELECT auth.uid() AS uid) = user_id))'),
		('policy', 'enrollments', 'Users read own enrollments', 'FOR SELECT TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id))'),
		('table', 'content_progress', 'row-level security', 'ENABLE ROW LEVEL SECURITY'),
		('table', 'content_progress', 'row-level security of the owner', 'NO FORCE ROW LEVEL SECURITY'),
		('table', 'content_progress', 'storage', 'SET LOGGED'),
		('column', 'content_progress', 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()'),
		('column', 'content_progress', 'user_id', 'uuid NOT NULL'),
		('column', 'content_progress', 'lesson_id', 'uuid NOT NULL'),
		('column', 'content_progress', 'watched_pct', 'integer NOT NULL DEFAULT 0'),
		('column', 'content_progress', 'completed', 'boolean NOT NULL DEFAULT false'),
		('column', 'content_progress', 'last_watched', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('column', 'content_progress', 'position_seconds', 'integer'),
		('column', 'content_progress', 'completed_at', 'timestamp with time zone'),
		('constraint', 'content_progress', 'content_progress_pkey', 'PRIMARY KEY (id)'),
		('constraint', 'content_progress', 'content_progress_user_id_lesson_id_key', 'UNIQUE (user_id, lesson_id)'),
		('constraint', 'content_progress', 'content_progress_position_seconds_check', 'CHECK ((position_seconds >= 0))'),
		('constraint', 'content_progress', 'content_progress_watched_pct_check', 'CHECK (((watched_pct >= 0) AND (watched_pct <= 100)))'),
		('constraint', 'content_progress', 'content_progress_lesson_id_fkey', 'FOREIGN KEY (lesson_id) REFERENCES {schema}.lessons(id) ON DELETE CASCADE'),
		('constraint', 'content_progress', 'content_progress_user_id_fkey', 'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE'),
		('index', 'content_progress', 'idx_content_progress_lesson_id', 'CREATE INDEX idx_content_progress_lesson_id ON {schema}.content_progress USING btree (lesson_id, completed) INCLUDE (user_id)'),
		('index', 'content_progress', 'idx_content_progress_user_id', 'CREATE INDEX idx_content_progress_user_id ON {schema}.content_progress USING btree (user_id)'),
		('policy', 'content_progress', 'Service role manages content_progress', 'FOR ALL TO service_role USING (true) WITH CHECK (true)'),
		('policy', 'content_progress', 'Users read own progress', 'FOR SELECT TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id))'),
		('policy', 'content_progress', 'Users upsert own progress', 'FOR ALL TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK ((( SELECT auth.uid() AS uid) = user_id))'),
		('table', 'mux_events', 'row-level security', 'ENABLE ROW LEVEL SECURITY'),
		('table', 'mux_events', 'row-level security of the owner', 'NO FORCE ROW LEVEL SECURITY'),
		('table', 'mux_events', 'storage', 'SET LOGGED'),
		('column', 'mux_events', 'event_id', 'text COLLATE "C" NOT NULL'),
		('column', 'mux_events', 'object', 'text NOT NULL'),
		('column', 'mux_events', 'upload_id', 'text'),
		('column', 'mux_events', 'asset_id', 'text'),
		('column', 'mux_events', 'status', 'text NOT NULL'),
		('column', 'mux_events', 'event_at', 'timestamp with time zone NOT NULL'),
		('column', 'mux_events', 'playback_ids', 'jsonb'),
		('column', 'mux_events', 'duration_seconds', 'integer'),
		('column', 'mux_events', 'error', 'jsonb'),
		('column', 'mux_events', 'received_at', 'timestamp with time zone NOT NULL DEFAULT now()'),
		('constraint', 'mux_events', 'mux_events_check', 'CHECK ((((object = ''upload''::text) AND (upload_id IS NOT NULL) AND (status = ANY (ARRAY[''created''::text, ''cancelled''::text, ''asset_created''::text, ''errored''::text]))) OR ((object = ''asset''::text) AND (asset_id IS NOT NULL) AND (status = ANY (ARRAY[''preparing''::text, ''errored''::text, ''ready''::text, ''deleted''::text])))))'),
		('constraint', 'mux_events', 'mux_events_pkey', 'PRIMARY KEY (event_id)'),
		('index', 'mux_events', 'idx_mux_events_upload_id', 'CREATE INDEX idx_mux_events_upload_id ON {schema}.mux_events USING btree (upload_id)'),
		('index', 'mux_events', 'idx_mux_events_asset_id', 'CREATE INDEX idx_mux_events_asset_id ON {schema}.mux_events USING btree (asset_id)')
	) AS v(kind, "table", name, definition)
	CROSS JOIN pg_extension AS e
	JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'content_library';
END;
COMMENT ON FUNCTION @extschema@.content_library_expected() IS
	'What the tables are as CREATE EXTENSION makes them: each column, constraint, index, policy, trigger and switch, with its definition.';

-- The same of the tables as they are. Its search_path makes the server write
-- every name the same way.
CREATE FUNCTION @extschema@.content_library_found()
RETURNS TABLE (kind text, "table" text, name text, definition text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH tables AS (
		SELECT c.oid, c.relname::text AS name,
			   c.relrowsecurity, c.relforcerowsecurity, c.relpersistence
		FROM pg_extension AS e
		JOIN pg_class AS c ON c.oid = ANY (e.extconfig)
		WHERE e.extname = 'content_library'
	)
	SELECT 'table', t.name, switch.name, switch.definition
	FROM tables AS t
	CROSS JOIN LATERAL (VALUES
		('row-level security',
		 CASE WHEN t.relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END || ' ROW LEVEL SECURITY'),
		('row-level security of the owner',
		 CASE WHEN t.relforcerowsecurity THEN 'FORCE' ELSE 'NO FORCE' END || ' ROW LEVEL SECURITY'),
		('storage',
		 CASE WHEN t.relpersistence = 'p' THEN 'SET LOGGED' ELSE 'SET UNLOGGED' END)
	) AS switch(name, definition)
	UNION ALL
	SELECT 'column', t.name, a.attname,
		   concat_ws(' ', format_type(a.atttypid, a.atttypmod),
			   CASE WHEN a.attcollation <> y.typcollation
					THEN 'COLLATE ' || a.attcollation::regcollation::text END,
			   CASE WHEN a.attnotnull THEN 'NOT NULL' END,
			   'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
	FROM tables AS t
	JOIN pg_attribute AS a ON a.attrelid = t.oid
		AND a.attnum > 0::int2 AND NOT a.attisdropped
	JOIN pg_type AS y ON y.oid = a.atttypid
	LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid
		AND d.adnum = a.attnum
	UNION ALL
	-- A foreign key is kept by triggers, which a superuser can switch off.
	SELECT 'constraint', t.name, k.conname,
		   concat(pg_get_constraintdef(k.oid),
			   CASE WHEN EXISTS (SELECT FROM pg_trigger AS g
								 WHERE g.tgconstraint = k.oid
									AND g.tgenabled <> 'O')
					THEN ' (switched off)' END)
	FROM tables AS t
	JOIN pg_constraint AS k ON k.conrelid = t.oid
	WHERE k.contype = ANY ('{c,f,p,u,x}'::"char"[])
	UNION ALL
	SELECT 'index', t.name, c.relname,
		   concat(pg_get_indexdef(i.indexrelid),
			   CASE WHEN NOT i.indisvalid THEN ' (invalid)' END)
	FROM tables AS t
	JOIN pg_index AS i ON i.indrelid = t.oid
	JOIN pg_class AS c ON c.oid = i.indexrelid
	WHERE NOT EXISTS (SELECT FROM pg_constraint AS k
					  WHERE k.conindid = i.indexrelid
						AND k.conrelid = t.oid)
	UNION ALL
	SELECT 'policy', t.name, p.polname,
		   concat_ws(' ',
			   CASE WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
			   CASE p.polcmd::text WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT'
				   WHEN 'w' THEN 'FOR UPDATE' WHEN 'd' THEN 'FOR DELETE' ELSE 'FOR ALL' END,
			   'TO',
			   (SELECT string_agg(COALESCE(quote_ident(r.rolname), 'PUBLIC'), ', ' ORDER BY r.rolname)
				FROM unnest(p.polroles) AS of(role)
				LEFT JOIN pg_roles AS r ON r.oid = of.role),
			   'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
			   'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
	FROM tables AS t
	JOIN pg_policy AS p ON p.polrelid = t.oid
	UNION ALL
	SELECT 'trigger', t.name, g.tgname,
		   concat(pg_get_triggerdef(g.oid),
			   CASE g.tgenabled::text WHEN 'O' THEN '' WHEN 'D' THEN ' (switched off)'
				   ELSE ' (fires in replication)' END)
	FROM tables AS t
	JOIN pg_trigger AS g ON g.tgrelid = t.oid AND NOT g.tgisinternal
	UNION ALL
	SELECT 'rule', t.name, r.rulename, pg_get_ruledef(r.oid)
	FROM tables AS t
	JOIN pg_rewrite AS r ON r.ev_class = t.oid
	UNION ALL
	SELECT 'publication', t.name, p.pubname,
		   format('ALTER PUBLICATION %I ADD TABLE %s;', p.pubname, t.oid::regclass)
	FROM tables AS t
	JOIN pg_publication_rel AS r ON r.prrelid = t.oid
	JOIN pg_publication AS p ON p.oid = r.prpubid;
END;
COMMENT ON FUNCTION @extschema@.content_library_found() IS
	'What the tables are now, in the form of content_library_expected().';

-- An error opens or locks rows, or loses them; a warning is lost in a dump, or
-- differs from what the library was tested with; a notice concerns the content.
CREATE FUNCTION @extschema@.content_library_check_definitions()
RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH extension AS (
		SELECT e.extversion, quote_ident(n.nspname) AS schema,
			   @extschema@.content_library_missing_auth() AS missing_auth
		FROM pg_extension AS e
		JOIN pg_namespace AS n ON n.oid = e.extnamespace
		WHERE e.extname = 'content_library'
	), found AS MATERIALIZED (
		SELECT * FROM @extschema@.content_library_found()
	), difference AS (
		SELECT kind, "table", name, quote_ident(name) AS quoted,
			   format('%s.%I', x.schema, "table") AS qualified,
			   w.definition AS wanted, f.definition AS found, w.needs_auth, x.schema,
			   CASE WHEN w.definition IS NULL THEN 'added' WHEN f.definition IS NULL THEN 'dropped' ELSE 'altered' END AS change
		FROM @extschema@.content_library_expected() AS w
		FULL JOIN found AS f USING (kind, "table", name)
		CROSS JOIN extension AS x
		WHERE w.definition IS DISTINCT FROM f.definition
			-- Those below stand for all that is missing with them.
			AND NOT (x.missing_auth IS NOT NULL AND w.needs_auth AND f.definition IS NULL)
			AND "table" = ANY (SELECT t."table" FROM found AS t)
	)
	SELECT CASE
			WHEN d.kind = 'policy' THEN 'error'
			WHEN d.kind = 'table'
				AND d.name <> 'row-level security of the owner' THEN 'error'
			WHEN d.kind = 'column' AND d.change <> 'altered' THEN 'error'
			WHEN d.kind = 'constraint' AND d.change <> 'added' THEN 'error'
			ELSE 'warning' END,
		CASE d.kind
			WHEN 'table' THEN format('%s of %I', d.name, d."table")
			WHEN 'column' THEN format('column %I.%s', d."table", d.quoted)
			ELSE format('%s %s %s %I', d.kind, d.quoted, CASE d.kind WHEN 'publication' THEN 'of' ELSE 'on' END, d."table") END,
		CASE
			WHEN d.kind = 'table' THEN CASE d.found
				WHEN 'DISABLE ROW LEVEL SECURITY' THEN 'row-level security is switched off: whoever has a grant reads and writes every row'
				WHEN 'FORCE ROW LEVEL SECURITY' THEN 'row-level security holds for the owner, too, who can no longer see or dump the rows'
				ELSE 'the table is unlogged: a crash empties it' END
			WHEN d.kind = 'column' AND d.change = 'added'
				THEN 'content_library does not know it: a restored table lacks it, and then none of the table''s rows can be loaded from the dump'
			WHEN d.change = 'added' AND d.kind = 'policy'
				THEN 'content_library does not know it: it changes who may do what, and pg_dump leaves it out: ' || d.found
			WHEN d.change = 'added'
				THEN format('content_library does not know it: pg_dump%s leaves it out: %s',
					CASE d.kind WHEN 'publication' THEN ' before 18' ELSE '' END, d.found)
			WHEN d.change = 'dropped' THEN 'it is missing; a restore would bring it back'
			ELSE 'it was altered; a restore would undo that: ' || d.found END,
		CASE
			WHEN d.needs_auth THEN format('SELECT %s.content_library_attach();', d.schema)
			WHEN d.kind = 'table' THEN format('ALTER TABLE %s %s;', d.qualified, d.wanted)
			WHEN d.kind = 'column' THEN CASE
				WHEN d.wanted IS NOT NULL THEN format('Bring it back, with ALTER TABLE %s: %s %s', d.qualified, d.quoted, d.wanted)
				ELSE format('Move its values %sto a table of your own with a foreign key to this one. Then: ALTER TABLE %s DROP COLUMN %s;',
					-- Where there is one.
					(SELECT format('into %I.metadata or ', w."table")
					 FROM @extschema@.content_library_expected() AS w
					 WHERE w.kind = 'column' AND w."table" = d."table"
						AND w.name = 'metadata'),
					d.qualified, d.quoted) END
			ELSE concat(
				CASE WHEN d.wanted IS NULL AND d.kind <> 'policy'
					THEN 'Keep its definition to make it anew after each restore, or: ' END,
				CASE WHEN d.found IS NOT NULL THEN CASE d.kind
					WHEN 'index' THEN format('DROP INDEX %s.%s;', d.schema, d.quoted)
					WHEN 'publication' THEN format('ALTER PUBLICATION %s DROP TABLE %s;', d.quoted, d.qualified)
					WHEN 'constraint' THEN format('ALTER TABLE %s DROP CONSTRAINT %s;', d.qualified, d.quoted)
					ELSE format('DROP %s %s ON %s;', upper(d.kind), d.quoted, d.qualified) END END,
				CASE d.change WHEN 'altered' THEN ' ' END,
				CASE d.kind
					WHEN 'policy' THEN format('CREATE POLICY %s ON %s ', d.quoted, d.qualified)
					WHEN 'constraint' THEN format('ALTER TABLE %s ADD CONSTRAINT %s ', d.qualified, d.quoted)
					ELSE '' END || d.wanted || ';') END
	FROM difference AS d
	UNION ALL
	SELECT DISTINCT 'error', format('table %I', w."table"),
		   'it was taken out of the extension, and a dump with it cannot be restored; only a superuser can put it back',
		   format('ALTER EXTENSION content_library ADD TABLE %1$s.%2$I; UPDATE pg_catalog.pg_extension SET extconfig = pg_catalog.array_append(extconfig, %3$L::pg_catalog.regclass::pg_catalog.oid), extcondition = pg_catalog.array_append(extcondition, '''') WHERE extname = ''content_library'';',
							 x.schema, w."table", format('%s.%I', x.schema, w."table"))
	FROM @extschema@.content_library_expected() AS w
	CROSS JOIN extension AS x
	WHERE w."table" <> ALL (SELECT t."table" FROM found AS t)
	UNION ALL
	SELECT 'error', 'schema auth',
		   format('not found: %s; the tables are locked for learners', x.missing_auth),
		   format('Create what is missing. Then: SELECT %s.content_library_attach();', x.schema)
	FROM extension AS x
	WHERE x.missing_auth IS NOT NULL
	UNION ALL
	SELECT 'warning', 'extension content_library',
		   format('version %s is installed, and a restore would make %s', x.extversion, a.default_version),
		   'ALTER EXTENSION content_library UPDATE;'
	FROM extension AS x
	JOIN pg_available_extensions AS a ON a.name = 'content_library'
	WHERE a.default_version <> x.extversion;
END;
COMMENT ON FUNCTION @extschema@.content_library_check_definitions() IS
	'The part of content_library_check() that compares tables, policies, attachment and version with what CREATE EXTENSION makes.';

-- What was granted first is what the server noted when the script ran.
CREATE FUNCTION @extschema@.content_library_check_rights()
RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH member AS (
		SELECT d.classid, d.objid, quote_ident(n.nspname) AS schema
		FROM pg_extension AS e
		JOIN pg_namespace AS n ON n.oid = e.extnamespace
		JOIN pg_depend AS d ON d.refobjid = e.oid
			AND d.refclassid = e.tableoid
			AND d.deptype = 'e'
		WHERE e.extname = 'content_library'
	), object AS (
		SELECT c.tableoid AS class, c.oid, 0 AS column_number, NULL::text AS column_name,
			   quote_ident(c.relname) AS name, m.schema, 'TABLE' AS type, c.relacl AS acl
		FROM member AS m
		JOIN pg_class AS c ON c.tableoid = m.classid AND c.oid = m.objid
		UNION ALL
		SELECT c.tableoid, c.oid, a.attnum, quote_ident(a.attname),
			   quote_ident(c.relname), m.schema, 'TABLE', a.attacl
		FROM member AS m
		JOIN pg_class AS c ON c.tableoid = m.classid AND c.oid = m.objid
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
		UNION ALL
		SELECT p.tableoid, p.oid, 0, NULL,
			   format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
			   m.schema, 'FUNCTION', COALESCE(p.proacl, acldefault('f', p.proowner))
		FROM member AS m
		JOIN pg_proc AS p ON p.tableoid = m.classid AND p.oid = m.objid
	), first AS (
		SELECT i.classoid AS class, i.objoid AS oid, i.objsubid AS column_number, g.*
		FROM pg_init_privs AS i
		CROSS JOIN LATERAL aclexplode(i.initprivs) AS g
	), granted AS (
		SELECT o.*, g.privilege_type AS privilege,
			   CASE WHEN g.grantee = 0::oid THEN 'PUBLIC' ELSE r.rolname::text END AS grantee,
			   CASE WHEN f.has THEN 'GRANT OPTION FOR ' ELSE '' END AS option
		FROM object AS o
		CROSS JOIN LATERAL aclexplode(o.acl) AS g
		LEFT JOIN pg_roles AS r ON r.oid = g.grantee
		CROSS JOIN LATERAL (
			SELECT count(*) > 0 AS has,
				   bool_or(first.is_grantable) AS grantable
			FROM first
			WHERE first.class = o.class
				AND first.oid = o.oid
				AND first.column_number = ANY (ARRAY[0, o.column_number])
				AND first.grantee = g.grantee
				AND first.privilege_type = g.privilege_type) AS f
		WHERE NOT f.has OR (g.is_grantable AND NOT f.grantable)
	)
	SELECT 'error',
		   format('%s %s', CASE WHEN g.column_name IS NULL THEN lower(g.type) ELSE 'column' END,
							 concat_ws('.', g.name, g.column_name)),
		   format('%s has %s%s, which content_library does not grant%s', g.grantee,
			   lower(g.option), string_agg(g.privilege, ', ' ORDER BY g.privilege),
			   CASE WHEN bool_or(g.privilege = 'TRUNCATE')
				   THEN '; row-level security does not stop TRUNCATE' END),
		   format('REVOKE %s%s ON %s %s.%s FROM %s;', g.option,
			   string_agg(concat(g.privilege, ' (' || g.column_name || ')'),
									 ', ' ORDER BY g.privilege),
			   g.type, g.schema, g.name, g.grantee)
	FROM granted AS g
	WHERE g.grantee = ANY ('{PUBLIC,anon,authenticated}')
	GROUP BY g.type, g.schema, g.name, g.column_name, g.grantee, g.option
	UNION ALL
	SELECT 'error', format('table %I', c.relname),
		   format('it belongs to %I and courses to %I: completion is claimed, and keys are checked, with the rights of one owner of all', owner.rolname, other.rolname),
		   format('ALTER TABLE %s.%I OWNER TO %I;', m.schema, c.relname, other.rolname)
	FROM member AS m
	JOIN pg_class AS c ON c.tableoid = m.classid AND c.oid = m.objid
		AND c.relkind = 'r'
	JOIN pg_roles AS owner ON owner.oid = c.relowner
	JOIN pg_class AS courses ON courses.oid = '@extschema@.courses'::regclass::oid
	JOIN pg_roles AS other ON other.oid = courses.relowner
	WHERE c.relowner <> courses.relowner;
END;
COMMENT ON FUNCTION @extschema@.content_library_check_rights() IS
	'The part of content_library_check() that finds rights of PUBLIC, anon and authenticated beyond those that CREATE EXTENSION grants, and tables of different owners.';

-- Reads content_progress once, whole: see the README for what that costs.
CREATE FUNCTION @extschema@.content_library_check_rows()
RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH extension AS (
		SELECT quote_ident(n.nspname) AS schema
		FROM pg_extension AS e
		JOIN pg_namespace AS n ON n.oid = e.extnamespace
		WHERE e.extname = 'content_library'
	), bar AS MATERIALIZED (
		SELECT l.id AS lesson_id, m.course_id, @extschema@.completion_threshold(l.id) AS threshold
		FROM @extschema@.lessons AS l
		JOIN @extschema@.modules AS m ON m.id = l.module_id
	), due AS (
		SELECT b.course_id, count(*) AS n
		FROM @extschema@.content_progress AS p
		JOIN bar AS b ON b.lesson_id = p.lesson_id
		WHERE NOT p.completed AND p.watched_pct >= b.threshold
			-- Not needed, but it spares most rows the join.
			AND p.watched_pct >= (SELECT min(threshold) FROM bar)
		GROUP BY b.course_id
	), crowded AS (
		-- To move the last to the end numbers all and leaves them in their order.
		SELECT 'modules' AS children, 'course' AS parent, m.course_id AS id,
			   count(*) - count(DISTINCT m.sort_order) AS n,
			   format('move_module(%L)',
				   (array_agg(m.id ORDER BY m.sort_order DESC, m.created_at DESC, m.id DESC))[1]) AS move
		FROM @extschema@.modules AS m
		GROUP BY m.course_id
		UNION ALL
		SELECT 'lessons', 'module', l.module_id,
			   count(*) - count(DISTINCT l.sort_order),
			   format('move_lesson(%L, %L)',
				   (array_agg(l.id ORDER BY l.sort_order DESC, l.created_at DESC, l.id DESC))[1], l.module_id)
		FROM @extschema@.lessons AS l
		GROUP BY l.module_id
	)
	SELECT 'notice', format('%s %s', c.parent, c.id),
		   format('%s of its %s have the sort_order of another: their age decides which is first', c.n, c.children),
		   format('SELECT %s.%s;', x.schema, c.move)
	FROM crowded AS c
	CROSS JOIN extension AS x
	WHERE c.n > 0
	UNION ALL
	SELECT 'notice', format('course %s', d.course_id),
		   format('%s rows of content_progress have reached the threshold and are not completed', d.n),
		   format('SELECT %s.recompute_completion(%L);', x.schema, d.course_id)
	FROM due AS d
	CROSS JOIN extension AS x;
END;
COMMENT ON FUNCTION @extschema@.content_library_check_rows() IS
	'The part of content_library_check() that reads rows: a sort_order taken twice, progress that has reached its threshold and is not completed.';

CREATE FUNCTION @extschema@.content_library_check()
RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT c.severity, c.object, c.problem, c.remedy
	FROM (SELECT * FROM @extschema@.content_library_check_definitions()
		  UNION ALL
		  SELECT * FROM @extschema@.content_library_check_rights()
		  UNION ALL
		  SELECT * FROM @extschema@.content_library_check_rows()) AS c
	ORDER BY array_position('{error,warning,notice}', c.severity),
			 c.object COLLATE "C", c.problem COLLATE "C";
END;
COMMENT ON FUNCTION @extschema@.content_library_check() IS
	'What is wrong with the library here, or would be lost in a dump, the worst first: severity (error: rows are open, locked or lost; warning: a restored database would differ; notice: content to mend), object, problem, and a remedy, mostly SQL to run. No row when all is well. Reads content_progress once, whole.';

-- Says at once what content_library_check() says of a column. plpgsql, and no
-- error leaves it, so that it can never block a command; other tables cost it
-- one look at the commands. SECURITY DEFINER to take the lock, see section 7.
CREATE FUNCTION @extschema@.content_library_warn_of_columns() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	altered record;
	finding record;
	schema name;
BEGIN
	FOR altered IN
		SELECT DISTINCT t.relname AS name
		FROM pg_event_trigger_ddl_commands() AS c
		JOIN pg_extension AS e ON c.objid = ANY (e.extconfig)
		JOIN pg_class AS t ON t.oid = c.objid
		WHERE e.extname = 'content_library'
			AND c.classid = t.tableoid
			-- An update of the extension may well add a column.
			AND NOT c.in_extension
	LOOP
		LOCK TABLE pg_namespace IN SHARE MODE;
		SELECT n.nspname INTO schema
		FROM pg_event_trigger AS t
		JOIN pg_proc AS p ON p.oid = t.evtfoid
		JOIN pg_namespace AS n ON n.oid = p.pronamespace
		WHERE t.evtname = 'content_library_warn_of_columns';

		FOR finding IN EXECUTE format(
			'SELECT * FROM %I.content_library_check_definitions() AS f
			 WHERE pg_catalog.starts_with(f.object, $1)
			 ORDER BY f.object COLLATE "C"', schema)
			USING format('column %I.', altered.name)
		LOOP
			RAISE WARNING '%: %', finding.object, finding.problem USING HINT = finding.remedy;
		END LOOP;
	END LOOP;
EXCEPTION WHEN OTHERS THEN
	RETURN;
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_warn_of_columns() IS
	'Event trigger function: answers a column that is added to a table of the library, or altered, with a warning.';

CREATE EVENT TRIGGER content_library_warn_of_columns ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE')
	EXECUTE FUNCTION @extschema@.content_library_warn_of_columns();

REVOKE ALL ON FUNCTION
	@extschema@.content_library_warn_of_columns(),
	@extschema@.content_library_expected(),
	@extschema@.content_library_found(),
	@extschema@.content_library_check_definitions(),
	@extschema@.content_library_check_rights(),
	@extschema@.content_library_check_rows(),
	@extschema@.content_library_check()
	FROM PUBLIC, anon, authenticated, service_role;
-- The last two are what these call, with the rights of whoever calls them.
GRANT EXECUTE ON FUNCTION
	@extschema@.content_library_expected(),
	@extschema@.content_library_found(),
	@extschema@.content_library_check_definitions(),
	@extschema@.content_library_check_rights(),
	@extschema@.content_library_check_rows(),
	@extschema@.content_library_check(),
	@extschema@.content_library_missing_auth(),
	@extschema@.completion_threshold(uuid)
	TO service_role, @extowner@;


-- 12. What pg_dump keeps ------------------------------------------------------

SELECT pg_extension_config_dump('@extschema@.courses', '');
SELECT pg_extension_config_dump('@extschema@.modules', '');
SELECT pg_extension_config_dump('@extschema@.lessons', '');
SELECT pg_extension_config_dump('@extschema@.enrollments', '');
SELECT pg_extension_config_dump('@extschema@.content_progress', '');
SELECT pg_extension_config_dump('@extschema@.mux_events', '');


-- 13. Attach now, or when auth appears ---------------------------------------

DO $$
DECLARE
	missing text := @extschema@.content_library_missing_auth();
BEGIN
	IF missing IS NULL THEN
		BEGIN
			PERFORM @extschema@.content_library_attach();
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE EXCEPTION 'content_library cannot attach to auth: %', SQLERRM
				USING ERRCODE = 'insufficient_privilege',
					  HINT = 'Whoever creates the extension needs USAGE on the schema auth and REFERENCES on auth.users.';
		END;
		RETURN;
	END IF;

	CREATE EVENT TRIGGER content_library_attach ON ddl_command_end
		EXECUTE FUNCTION @extschema@.content_library_attach_when_ready();
	-- Also under session_replication_role = replica, as some restores run.
	ALTER EVENT TRIGGER content_library_attach ENABLE ALWAYS;
	RAISE WARNING 'content_library is locked until it finds %', missing
		USING HINT = 'It attaches itself as soon as they exist; in a restore that is expected.';
END
$$;
