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
--  12. rights of functions
--  13. what pg_dump keeps
--  14. attach now, or when auth appears


-- 1. What must be there first ------------------------------------------------

-- Names and operators below must be the server's own, and not those of another schema.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- This script runs as superuser and names the schema. Until the transaction ends,
-- the schema's owner must not rename it and give its name to another schema. The
-- lock on its row prevents that, and nothing else.
DO $$
BEGIN
	PERFORM FROM pg_extension AS e
	JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'content_library'
		AND quote_ident(n.nspname) = '@extschema@'
	FOR KEY SHARE OF n;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the schema of content_library is being renamed' USING ERRCODE = 'object_in_use', HINT = 'Try again.';
	END IF;
END
$$;

-- Roles belong to the cluster and are restored before any database. So a missing
-- role is an error, and a missing schema auth is not.
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

-- Supabase's Studio suggests the schema extensions, but Supabase's dump leaves it out.
DO $$
BEGIN
	IF '@extschema@' = 'extensions' THEN
		RAISE WARNING '`supabase db dump` leaves out the schema extensions, and with it every row of content_library'
			USING HINT = 'Create it in a schema of your own: CREATE EXTENSION content_library SCHEMA public.';
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
							CHECK (jsonb_typeof(metadata) = 'object'),
	is_open					boolean NOT NULL DEFAULT true,
	is_sequential			boolean NOT NULL DEFAULT false,
	access_period			interval CHECK (extract(epoch FROM access_period) > 0),
	progress_by				text NOT NULL DEFAULT 'report'
							CHECK (progress_by IN ('report', 'watch', 'server')),
	certificate_valid_for	interval CHECK (extract(epoch FROM certificate_valid_for) > 0)
);
COMMENT ON TABLE @extschema@.courses IS 'A course: modules of lessons, seen by learners once it is published.';
COMMENT ON COLUMN @extschema@.courses.completion_threshold IS 'Percent of a lesson that must be watched to complete it; NULL inherits content_library.completion_threshold.';
COMMENT ON COLUMN @extschema@.courses.metadata IS 'The application''s own attributes, a JSON object; a column added to this table would be lost in a dump, this is not.';
COMMENT ON COLUMN @extschema@.courses.is_open IS 'Whether learners may enroll; those who are enrolled go on either way.';
COMMENT ON COLUMN @extschema@.courses.is_sequential IS 'Whether a lesson opens only when every required lesson before it is completed.';
COMMENT ON COLUMN @extschema@.courses.access_period IS 'How long an enrollment that is made now gives access; NULL for good.';
COMMENT ON COLUMN @extschema@.courses.progress_by IS 'What moves watched_pct: report (the percentage that a player claims), watch (the seconds that were played, no faster than the clock) or server (service_role and the editors of the course).';
COMMENT ON COLUMN @extschema@.courses.certificate_valid_for IS 'How long after completing the course a certificate that is issued now is valid; NULL for good.';

CREATE TABLE @extschema@.course_prerequisites (
	course_id			uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	required_course_id	uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	PRIMARY KEY (course_id, required_course_id),
	CHECK (course_id <> required_course_id)
);
COMMENT ON TABLE @extschema@.course_prerequisites IS 'The courses that a learner must have completed to enroll in a course.';

CREATE TABLE @extschema@.course_staff (
	course_id	uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	user_id		uuid NOT NULL,	-- references auth.users: see section 7
	role		text NOT NULL CHECK (role IN ('viewer', 'editor')),
	created_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (user_id, course_id)
);
COMMENT ON TABLE @extschema@.course_staff IS 'The instructors of a course, who sign in as learners do.';
COMMENT ON COLUMN @extschema@.course_staff.role IS 'viewer: sees the reports, and the course as it is made; editor: changes it, too.';

CREATE TABLE @extschema@.modules (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	course_id	uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	title		text NOT NULL,
	description	text NOT NULL DEFAULT '',
	sort_order	integer NOT NULL DEFAULT 0,
	created_at	timestamptz NOT NULL DEFAULT now(),
	updated_at	timestamptz NOT NULL DEFAULT now(),
	metadata	jsonb NOT NULL DEFAULT '{}'
				CHECK (jsonb_typeof(metadata) = 'object'),
	unlock_at		timestamptz,
	unlock_after	interval CHECK (extract(epoch FROM unlock_after) >= 0)
);
COMMENT ON TABLE @extschema@.modules IS 'A module: a part of one course.';
COMMENT ON COLUMN @extschema@.modules.metadata IS 'The application''s own attributes, a JSON object.';
COMMENT ON COLUMN @extschema@.modules.unlock_at IS 'When the lessons of the module open; NULL for at once.';
COMMENT ON COLUMN @extschema@.modules.unlock_after IS 'How long after enrolling the lessons of the module open; NULL for at once.';

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
							CHECK (jsonb_typeof(metadata) = 'object'),
	is_published			boolean NOT NULL DEFAULT true,
	unlock_at				timestamptz,
	unlock_after			interval CHECK (extract(epoch FROM unlock_after) >= 0),
	progress_by				text CHECK (progress_by IN ('report', 'watch', 'server'))
);
COMMENT ON TABLE @extschema@.lessons IS 'A lesson. Most have one video.';
COMMENT ON COLUMN @extschema@.lessons.completion_threshold IS 'Percent that must be watched to complete the lesson; NULL inherits the course''s.';
COMMENT ON COLUMN @extschema@.lessons.is_required IS 'Whether the lesson counts towards the completion of its course.';
COMMENT ON COLUMN @extschema@.lessons.metadata IS 'The application''s own attributes, a JSON object.';
COMMENT ON COLUMN @extschema@.lessons.is_published IS 'Whether learners see the lesson; a draft counts for nothing.';
COMMENT ON COLUMN @extschema@.lessons.unlock_at IS 'When the lesson opens; NULL for at once.';
COMMENT ON COLUMN @extschema@.lessons.unlock_after IS 'How long after enrolling the lesson opens; NULL for at once.';
COMMENT ON COLUMN @extschema@.lessons.progress_by IS 'What moves watched_pct of the lesson: report, watch or server; NULL inherits the course''s.';

CREATE TABLE @extschema@.enrollments (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id			uuid NOT NULL,	-- references auth.users: see section 7
	course_id		uuid NOT NULL REFERENCES @extschema@.courses (id) ON DELETE CASCADE,
	enrolled_at		timestamptz NOT NULL DEFAULT now(),
	completed_at	timestamptz,
	expires_at		timestamptz,
	granted			boolean NOT NULL DEFAULT false,
	UNIQUE (user_id, course_id)
);
COMMENT ON TABLE @extschema@.enrollments IS 'A learner''s place in a course.';
COMMENT ON COLUMN @extschema@.enrollments.completed_at IS 'When the learner completed the last of the required lessons; lessons added later do not erase it.';
COMMENT ON COLUMN @extschema@.enrollments.expires_at IS 'When access ends; NULL for never. What the learner has done stays.';
COMMENT ON COLUMN @extschema@.enrollments.granted IS 'Whether the service has given access, whatever the learner''s tier.';

-- With some free space, the new version of a row stays on its page (a HOT update).
CREATE TABLE @extschema@.content_progress (
	id					uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id				uuid NOT NULL,	-- references auth.users: see section 7
	lesson_id			uuid NOT NULL REFERENCES @extschema@.lessons (id) ON DELETE CASCADE,
	watched_pct			integer NOT NULL DEFAULT 0 CHECK (watched_pct BETWEEN 0 AND 100),
	completed			boolean NOT NULL DEFAULT false,
	last_watched		timestamptz NOT NULL DEFAULT now(),
	position_seconds	integer CHECK (position_seconds >= 0),
	completed_at		timestamptz,
	watched				int4multirange NOT NULL DEFAULT '{}',
	started_at			timestamptz,
	UNIQUE (user_id, lesson_id)
) WITH (fillfactor = 90);
COMMENT ON TABLE @extschema@.content_progress IS 'How far a learner has watched a lesson.';
COMMENT ON COLUMN @extschema@.content_progress.watched_pct IS 'The highest percentage reached, 0..100; record_progress never lowers it.';
COMMENT ON COLUMN @extschema@.content_progress.completed IS 'Whether watched_pct had reached the completion threshold at the time of a report.';
COMMENT ON COLUMN @extschema@.content_progress.last_watched IS 'The time of the latest report, at most content_library.heartbeat_interval seconds behind.';
COMMENT ON COLUMN @extschema@.content_progress.position_seconds IS 'Where to resume, in seconds; unlike watched_pct it may go back.';
COMMENT ON COLUMN @extschema@.content_progress.completed_at IS 'The earliest time at which a report reached the threshold.';
COMMENT ON COLUMN @extschema@.content_progress.watched IS 'The seconds of the video that were played, as merged ranges: at most 255.';
COMMENT ON COLUMN @extschema@.content_progress.started_at IS 'The server''s clock at the first report; NULL in a row that was written directly, until its next report.';

-- A certificate says what was so when it was issued. So the names are copied, and it
-- outlives the course.
CREATE TABLE @extschema@.certificates (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	code			text COLLATE "C" NOT NULL UNIQUE
					CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$'),
	user_id			uuid NOT NULL,	-- references auth.users: see section 7
	course_id		uuid REFERENCES @extschema@.courses (id) ON DELETE SET NULL,
	learner_name	text NOT NULL CHECK (learner_name ~ '[^[:space:]]' AND length(learner_name) <= 255),
	course_title	text NOT NULL,
	completed_at	timestamptz NOT NULL,
	issued_at		timestamptz NOT NULL DEFAULT now(),
	expires_at		timestamptz,
	revoked_at		timestamptz,
	revoked_reason	text,
	metadata		jsonb NOT NULL DEFAULT '{}'
					CHECK (jsonb_typeof(metadata) = 'object'),
	CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
COMMENT ON TABLE @extschema@.certificates IS 'A certificate that a learner has completed a course. Only issue_certificate() makes one, and only its revocation changes it.';
COMMENT ON COLUMN @extschema@.certificates.code IS 'What verify_certificate() asks for: 60 random bits in Crockford''s base32, XXXX-XXXX-XXXX.';
COMMENT ON COLUMN @extschema@.certificates.course_id IS 'The course; NULL once it is deleted.';
COMMENT ON COLUMN @extschema@.certificates.learner_name IS 'The learner''s name, as the server gave it.';
COMMENT ON COLUMN @extschema@.certificates.course_title IS 'The title that the course had when the certificate was issued.';
COMMENT ON COLUMN @extschema@.certificates.completed_at IS 'When the learner had completed the course, as the enrollment said.';
COMMENT ON COLUMN @extschema@.certificates.expires_at IS 'Until when it is valid: completed_at plus the course''s certificate_valid_for; NULL for good.';
COMMENT ON COLUMN @extschema@.certificates.revoked_at IS 'When it was revoked; NULL if it was not.';
COMMENT ON COLUMN @extschema@.certificates.revoked_reason IS 'Why it was revoked. The learner can read it, verify_certificate() does not show it.';
COMMENT ON COLUMN @extschema@.certificates.metadata IS 'The application''s own attributes, a JSON object that issue_certificate() is given.';

-- What record_progress returns. A column added to the table is not in it.
CREATE TYPE @extschema@.recorded_progress AS (
	id					uuid,
	user_id				uuid,
	lesson_id			uuid,
	watched_pct			integer,
	completed			boolean,
	last_watched		timestamptz,
	position_seconds	integer,
	completed_at		timestamptz,
	course_completed	boolean
);
COMMENT ON TYPE @extschema@.recorded_progress IS 'A row of content_progress, and whether this report has completed the course.';


-- 3. Indexes -----------------------------------------------------------------

CREATE INDEX idx_courses_published ON @extschema@.courses (is_published);
CREATE INDEX idx_courses_stage ON @extschema@.courses (stage);
CREATE INDEX idx_courses_topic ON @extschema@.courses (topic);
CREATE INDEX idx_modules_course_id ON @extschema@.modules (course_id);
CREATE INDEX idx_lessons_module_id ON @extschema@.lessons (module_id);
CREATE INDEX idx_lessons_mux_asset_id ON @extschema@.lessons (mux_asset_id);
CREATE INDEX idx_enrollments_user_id ON @extschema@.enrollments (user_id);
-- course_report() goes through a course page by page in this order.
CREATE INDEX idx_enrollments_course_id ON @extschema@.enrollments (course_id, enrolled_at, user_id);
-- course_summary() counts in the first, and takes a sample from the second: see
-- COURSE_SUMMARY_SQL in src/rules.h.
CREATE INDEX idx_enrollments_completed_at ON @extschema@.enrollments (course_id, completed_at);
CREATE INDEX idx_enrollments_sample ON @extschema@.enrollments (course_id, uuid_hash(user_id), user_id);
CREATE INDEX idx_course_prerequisites_required ON @extschema@.course_prerequisites (required_course_id);
CREATE INDEX idx_course_staff_course_id ON @extschema@.course_staff (course_id);
CREATE INDEX idx_content_progress_user_id ON @extschema@.content_progress (user_id);

-- Without this index, deleting a lesson and reporting on a course would read all
-- progress. It has no column that a report changes, because then no update could be HOT.
CREATE INDEX idx_content_progress_lesson_id ON @extschema@.content_progress (lesson_id);

CREATE INDEX idx_certificates_user_id ON @extschema@.certificates (user_id);
CREATE INDEX idx_certificates_course_id ON @extschema@.certificates (course_id);
-- One completion has one certificate, until that is revoked.
CREATE UNIQUE INDEX idx_certificates_completion ON @extschema@.certificates (user_id, course_id, completed_at)
	WHERE revoked_at IS NULL;


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

-- Only on UPDATE: an INSERT trigger would change the times of restored rows.
CREATE TRIGGER set_updated_at BEFORE UPDATE ON @extschema@.courses
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION @extschema@.content_library_set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON @extschema@.modules
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION @extschema@.content_library_set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON @extschema@.lessons
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION @extschema@.content_library_set_updated_at();

-- A foreign key acts within a trigger of its own. So at a greater depth it is the key that
-- takes away a course that is deleted.
CREATE FUNCTION @extschema@.content_library_keep_certificate() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF OLD.revoked_at IS NULL THEN
		OLD.revoked_at := NEW.revoked_at;
		OLD.revoked_reason := NEW.revoked_reason;
	END IF;
	IF NEW.course_id IS NULL AND pg_trigger_depth() > 1 THEN
		OLD.course_id := NULL;
	END IF;
	IF OLD *<> NEW THEN
		RAISE EXCEPTION 'certificate "%" cannot be changed', OLD.code
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'It can only be revoked, once.',
				  HINT = 'Revoke it and issue another one.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.content_library_keep_certificate() IS
	'Trigger function: refuses any change of a certificate but its revocation.';

CREATE TRIGGER keep_certificate BEFORE UPDATE ON @extschema@.certificates
	FOR EACH ROW EXECUTE FUNCTION @extschema@.content_library_keep_certificate();

-- The rules of access and completion hold also for what is written directly. After a
-- restore there is nothing to do; see needs_nothing() in src/table_changes.c.
CREATE FUNCTION @extschema@.content_library_on_change() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_on_change() IS
	'Trigger function: completes courses. It looks for learners who are done after a change. Before an enrollment is inserted it locks the learner, and gives an enrollment that a learner inserts the access period of the course.';

CREATE TRIGGER claim_after_delete AFTER DELETE ON @extschema@.modules
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.content_library_on_change();
CREATE TRIGGER claim_after_update AFTER UPDATE ON @extschema@.modules
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.content_library_on_change();
CREATE TRIGGER claim_after_delete AFTER DELETE ON @extschema@.lessons
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.content_library_on_change();
CREATE TRIGGER claim_after_update AFTER UPDATE ON @extschema@.lessons
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.content_library_on_change();
-- Who may write expires_at is trusted: the service, the owner, and a restore.
CREATE TRIGGER begin_access BEFORE INSERT ON @extschema@.enrollments
	FOR EACH ROW WHEN (NOT has_column_privilege('@extschema@.enrollments'::regclass, 'expires_at', 'INSERT'))
	EXECUTE FUNCTION @extschema@.content_library_on_change();
-- enroll() locks the learner first, and then the row. An INSERT does the same, so that the two
-- cannot deadlock.
CREATE TRIGGER lock_learner BEFORE INSERT ON @extschema@.enrollments
	FOR EACH ROW EXECUTE FUNCTION @extschema@.content_library_on_change('lock');
CREATE TRIGGER claim_after_insert AFTER INSERT ON @extschema@.enrollments
	FOR EACH ROW EXECUTE FUNCTION @extschema@.content_library_on_change();
-- A row may change hands, as when two accounts become one.
CREATE TRIGGER claim_after_update AFTER UPDATE OF user_id, course_id ON @extschema@.enrollments
	FOR EACH ROW EXECUTE FUNCTION @extschema@.content_library_on_change();
CREATE TRIGGER claim_after_insert AFTER INSERT ON @extschema@.content_progress
	FOR EACH ROW EXECUTE FUNCTION @extschema@.content_library_on_change();
-- A report that completes nothing does not name the column, and so does not fire it.
CREATE TRIGGER claim_after_update AFTER UPDATE OF completed, user_id, lesson_id ON @extschema@.content_progress
	FOR EACH ROW EXECUTE FUNCTION @extschema@.content_library_on_change();


-- 5. Rights ------------------------------------------------------------------

ALTER TABLE @extschema@.courses OWNER TO @extowner@;
ALTER TABLE @extschema@.course_prerequisites OWNER TO @extowner@;
ALTER TABLE @extschema@.course_staff OWNER TO @extowner@;
ALTER TABLE @extschema@.modules OWNER TO @extowner@;
ALTER TABLE @extschema@.lessons OWNER TO @extowner@;
ALTER TABLE @extschema@.enrollments OWNER TO @extowner@;
ALTER TABLE @extschema@.content_progress OWNER TO @extowner@;
ALTER TABLE @extschema@.certificates OWNER TO @extowner@;

-- First nobody has any right: default privileges may have granted everything, and
-- row-level security does not stop TRUNCATE.
REVOKE ALL ON TABLE
	@extschema@.courses,
	@extschema@.course_prerequisites,
	@extschema@.course_staff,
	@extschema@.modules,
	@extschema@.lessons,
	@extschema@.enrollments,
	@extschema@.content_progress,
	@extschema@.certificates
	FROM PUBLIC, anon, authenticated, service_role;

GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE
	@extschema@.courses,
	@extschema@.course_prerequisites,
	@extschema@.course_staff,
	@extschema@.modules,
	@extschema@.lessons,
	@extschema@.enrollments,
	@extschema@.content_progress
	TO service_role;

GRANT SELECT ON TABLE
	@extschema@.courses,
	@extschema@.course_prerequisites,
	@extschema@.course_staff,
	@extschema@.modules,
	@extschema@.lessons
	TO authenticated;

-- Without completed_at: learners must not say themselves that they have completed a course.
GRANT SELECT, INSERT (id, user_id, course_id, enrolled_at)
	ON TABLE @extschema@.enrollments TO authenticated;

GRANT SELECT, INSERT, UPDATE, DELETE
	ON TABLE @extschema@.content_progress TO authenticated;

-- issue_certificate() makes certificates, and only the owner of the tables deletes one.
GRANT SELECT, UPDATE ON TABLE @extschema@.certificates TO service_role;
GRANT SELECT ON TABLE @extschema@.certificates TO authenticated;


-- 6. Row-level security ------------------------------------------------------

-- The policies that name auth.uid() are made in section 7. Until then their
-- tables are locked for learners: row-level security without a policy shows no row.

-- The policies below call it only for a row that learners do not see. A sub-query in its
-- place would be started with every query. The cost has the server look at a query's own
-- conditions first, and at few courses rather than at all of them.
-- Not STRICT: for a NULL the planner would then answer without asking for EXECUTE.
CREATE FUNCTION @extschema@.content_library_is_staff(course_id uuid, role text)
RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_is_staff(uuid, text) IS
	'Whether the caller is staff of a course. With the role viewer every member of its staff is, with the role editor only its editors are. It answers only for the user signed in, by course_staff; false when nobody is signed in. Policies call it. Fails with 22023 for another role.';

ALTER TABLE @extschema@.courses ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read published courses"
	ON @extschema@.courses FOR SELECT TO authenticated
	USING (is_published = true);

-- CASE and not AND: the planner looks for an index for each side of an AND or OR, and finds
-- none for the function. The policies of a table are asked in the order of their names from
-- Z to A, so with CASE first it does not look at all.
CREATE POLICY "Staff can read their courses"
	ON @extschema@.courses FOR SELECT TO authenticated
	USING (CASE WHEN is_published THEN false ELSE @extschema@.content_library_is_staff(id, 'viewer') END);

-- Editors write through the tables once authenticated is granted that: see docs/recipes.md.
-- There is no policy for INSERT: a course that does not exist has no editor.
CREATE POLICY "Editors change their courses"
	ON @extschema@.courses FOR UPDATE TO authenticated
	USING (@extschema@.content_library_is_staff(id, 'editor'))
	WITH CHECK (@extschema@.content_library_is_staff(id, 'editor'));

CREATE POLICY "Editors delete their courses"
	ON @extschema@.courses FOR DELETE TO authenticated
	USING (@extschema@.content_library_is_staff(id, 'editor'));

CREATE POLICY "Service role manages courses"
	ON @extschema@.courses FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.course_prerequisites ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read prerequisites of visible courses"
	ON @extschema@.course_prerequisites FOR SELECT TO authenticated
	USING (EXISTS (SELECT FROM @extschema@.courses AS c WHERE c.id = course_id));

CREATE POLICY "Service role manages course_prerequisites"
	ON @extschema@.course_prerequisites FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.course_staff ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Service role manages course_staff"
	ON @extschema@.course_staff FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.modules ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read modules"
	ON @extschema@.modules FOR SELECT TO authenticated
	USING (true);

CREATE POLICY "Editors add modules"
	ON @extschema@.modules FOR INSERT TO authenticated
	WITH CHECK (@extschema@.content_library_is_staff(course_id, 'editor'));

CREATE POLICY "Editors change their modules"
	ON @extschema@.modules FOR UPDATE TO authenticated
	USING (@extschema@.content_library_is_staff(course_id, 'editor'))
	WITH CHECK (@extschema@.content_library_is_staff(course_id, 'editor'));

CREATE POLICY "Editors delete their modules"
	ON @extschema@.modules FOR DELETE TO authenticated
	USING (@extschema@.content_library_is_staff(course_id, 'editor'));

CREATE POLICY "Service role manages modules"
	ON @extschema@.modules FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE @extschema@.lessons ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Authenticated users can read lessons"
	ON @extschema@.lessons FOR SELECT TO authenticated
	USING (true);

CREATE POLICY "Editors add lessons"
	ON @extschema@.lessons FOR INSERT TO authenticated
	WITH CHECK (EXISTS (SELECT FROM @extschema@.modules AS m
						WHERE m.id = module_id AND @extschema@.content_library_is_staff(m.course_id, 'editor')));

CREATE POLICY "Editors change their lessons"
	ON @extschema@.lessons FOR UPDATE TO authenticated
	USING (EXISTS (SELECT FROM @extschema@.modules AS m
				   WHERE m.id = module_id AND @extschema@.content_library_is_staff(m.course_id, 'editor')))
	WITH CHECK (EXISTS (SELECT FROM @extschema@.modules AS m
						WHERE m.id = module_id AND @extschema@.content_library_is_staff(m.course_id, 'editor')));

CREATE POLICY "Editors delete their lessons"
	ON @extschema@.lessons FOR DELETE TO authenticated
	USING (EXISTS (SELECT FROM @extschema@.modules AS m
				   WHERE m.id = module_id AND @extschema@.content_library_is_staff(m.course_id, 'editor')));

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

ALTER TABLE @extschema@.certificates ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Service role manages certificates"
	ON @extschema@.certificates FOR ALL TO service_role
	USING (true) WITH CHECK (true);

-- In strict mode (content_library_strict) learners read directly only what they may watch,
-- whatever the locks (R12). Staff read all of their courses. It is on when they may not write progress directly;
-- the SELECT asks that once a query. What else there is to ask, functions ask, so that it
-- costs no planning while the library is not strict. They keep what they find out while a
-- query lasts.
CREATE FUNCTION @extschema@.content_library_sees_course(course_id uuid)
RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_sees_course(uuid) IS
	'Whether the caller sees a course, as the policies of courses say. Policies call it.';

CREATE FUNCTION @extschema@.content_library_reads_lesson(module_id uuid, is_published boolean, is_preview boolean)
RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_reads_lesson(uuid, boolean, boolean) IS
	'Whether the caller may read a lesson of a module in strict mode: it is published and the caller may watch it, locks apart, or the caller is staff of its course. It answers only for the user signed in. Policies call it.';

CREATE POLICY "Strict: modules of visible courses"
	ON @extschema@.modules AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', '@extschema@.content_progress'::regclass, 'INSERT'))
		OR @extschema@.content_library_sees_course(course_id));

CREATE POLICY "Strict: lessons that may be watched"
	ON @extschema@.lessons AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', '@extschema@.content_progress'::regclass, 'INSERT'))
		OR @extschema@.content_library_reads_lesson(module_id, is_published, is_preview));


-- 7. Attachment to auth ------------------------------------------------------

-- pg_dump writes CREATE EXTENSION before any table. So in a restore auth.users and
-- auth.uid() do not exist yet when this script runs. content_library_attach() makes
-- what needs them. It runs at the end of this script if they exist, and else an
-- event trigger runs it as soon as they do.

-- This script and the event trigger run as superuser. But other roles may own the
-- tables and auth.users, and code of theirs may run when a key is made. That code
-- must not get more than the rights of the tables' owner.
CREATE FUNCTION @extschema@.content_library_attach() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_attach() IS
	'Adds the foreign keys to auth.users and the policies that name auth.uid(). Runs by itself, always with the rights of the owner of the tables; call it to repair them. Where auth.users has code of another role, the keys are not validated and a warning names it. Fails with 42501 for a caller without the rights of the owner of the tables, with 42704 while auth.users or auth.uid() is missing, with 23503 when a row names a user who does not exist.';

-- Its errors become warnings, so that it can never make a command fail.
CREATE FUNCTION @extschema@.content_library_attach_when_ready() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_attach_when_ready() IS
	'Event trigger function: attaches once auth is complete. Does what content_library_attach() does as soon as auth.users and auth.uid() exist, and removes its event trigger.';


-- 8. Functions for learners --------------------------------------------------

CREATE FUNCTION @extschema@.record_progress(
	lesson_id uuid,
	watched_pct double precision DEFAULT NULL,
	position_seconds double precision DEFAULT NULL,
	user_id uuid DEFAULT NULL,
	played jsonb DEFAULT NULL)
RETURNS @extschema@.recorded_progress
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.record_progress(uuid, double precision, double precision, uuid, jsonb) IS
	'Records how far a learner has watched a lesson. The learner (user_id, by default the caller) has watched watched_pct percent (0..100) and stands at position_seconds. Both are rounded down. played has all that the player has played of the video, as [[start, end], ...] in seconds. At least one of watched_pct and played is needed. In a lesson with progress_by watch, only played counts: its seconds are credited no faster than content_library.max_playback_rate and content_library.watch_grace allow since the first report, so a player sends the whole of it each time. Else the percentage counts, and without one that of the seconds played. In a lesson with progress_by server only service_role and editors of the course report, and an editor may name a learner who is enrolled in it. Returns the row as it now stands, and course_completed: true in the one report that has completed the course. The percentage and completion never go back. A report that changes less than content_library.heartbeat_interval is not written. A report that completes the course sets enrollments.completed_at, once, and sends NOTIFY content_library. Fails with 22023 for a value out of range or a watched_pct of a learner where played counts, 22004 without a lesson, or without watched_pct and played, 28000 when nobody is signed in, 42501 for another user''s id, for a learner in a lesson with progress_by server, or when the learner may not watch the lesson (the detail gives the reason: not enrolled, expired, tier, date or sequence), 23503 for an unknown lesson or user, 55000 when the video that is to be watched is not ready.';

CREATE FUNCTION @extschema@.record_progress_batch(
	reports jsonb,
	user_id uuid DEFAULT NULL,
	skip_refused boolean DEFAULT false)
RETURNS SETOF @extschema@.recorded_progress
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.record_progress_batch(jsonb, uuid, boolean) IS
	'Records many reports, all or none. Takes a JSON array of up to 1000 objects {lesson_id, watched_pct, played, position_seconds, watched_at}, one for each lesson, of one learner (user_id, by default the caller); one of watched_pct and played, position_seconds and watched_at may be left out. The service may name any users, with a user_id in each report, and then send up to 10000. Each is recorded as record_progress would. Returns their rows, in the same order. With skip_refused, reports of unknown lessons, of lessons that the learner may not watch, and of unknown users that reports name, are left out; else they are errors. An error names its report as reports[n], counted from 0. Fails with 22023 for a malformed report, or for a watched_at without a zone or more than a minute in the future; else as record_progress does.';

CREATE FUNCTION @extschema@.enroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS @extschema@.enrollments
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.enroll(uuid, uuid) IS
	'Enrolls a learner in a published course. The course must be open, also to the tier in the JWT''s app_metadata (free < pro < studio), and its prerequisites completed. service_role enrolls anyone in any course: the enrollment is then granted, and renewed if it had expired. The learner is user_id, by default the caller. Returns the enrollment, also when it was there already. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id, a closed course, one of a higher tier or with missing prerequisites, 23503 for an unknown or unpublished course or an unknown user.';

CREATE FUNCTION @extschema@.unenroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS @extschema@.enrollments
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.unenroll(uuid, uuid) IS
	'Ends an enrollment. The progress of the learner (user_id, by default the caller) stays, and enrolling again finds it. Returns the enrollment that was deleted; NULL if there was none. Only service_role ends one that has an end of access, because enrolling again would begin a new one. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id or an enrollment with an end of access, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.reset_progress(
	course_id uuid,
	user_id uuid DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.reset_progress(uuid, uuid, boolean) IS
	'Deletes the progress of a learner in a course. Forgets also that the learner (user_id, by default the caller) had completed the course. Returns the number of lessons whose progress was deleted, or with dry_run would be. Fails with 22004 for a NULL, 28000 when nobody is signed in, 42501 for another user''s id or when not enrolled, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.completion_threshold(lesson_id uuid)
RETURNS integer
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.completion_threshold(uuid) IS
	'The percentage of a lesson that completes it. It is 1..100: the lesson''s own, else its course''s, else content_library.completion_threshold. Fails with 22004 for NULL, 23503 for a lesson that is unknown or not visible to the caller.';

CREATE FUNCTION @extschema@.course_completion(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS integer
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_completion(uuid, uuid) IS
	'How much of a course a learner has completed. It is the percentage (0..100) of the required lessons that the learner (user_id, by default the caller) has completed, rounded down; NULL for a course without required lessons. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id, 23503 for a course that is unknown or not visible to the caller.';

CREATE FUNCTION @extschema@.course_outline(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS json
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_outline(uuid, uuid) IS
	'A course page with a learner''s progress, as JSON. It has the course, its modules and lessons in order. Each lesson has the learner''s status (not_started, in_progress, completed), watched_pct (percent) and position_seconds, and mux_playback_id only where the learner may watch. Elsewhere locked says why, as {reason, unlocks_at}: not_enrolled, expired, tier, date or sequence. The learner is user_id, by default the caller. The staff of the course may name its learners. Without user_id they see all of it: nothing is locked, drafts are there, and is_published is in course and lessons; so does service_role, without progress. Its form is docs/course_outline.schema.json. The type is json: cast it to jsonb where a function or operator takes only that. Fails as course_completion does.';

CREATE FUNCTION @extschema@.next_lesson(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS uuid
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.next_lesson(uuid, uuid) IS
	'The next required lesson that a learner has to complete. The id of the first one in course order that the learner may watch; NULL when there is none. Fails as course_completion does.';

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
	'The courses of a learner, with progress in each. One row for each course that the learner (user_id, by default the caller) is enrolled in, oldest enrollment first: how many required lessons there are and are completed, completion in percent (0..100, or NULL), when a lesson was last watched, the next lesson, and when the course was completed. Fails with 28000 when nobody is signed in, 42501 for another user''s id.';

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
	'The lessons that a learner has begun and not completed. Only those that the learner (user_id, by default the caller) may watch; at most max_rows. The last watched lesson comes first. Each has the position to resume at, in seconds. Fails with 22023 when max_rows is not positive, 28000 when nobody is signed in, 42501 for another user''s id.';


-- 9. Functions for instructors and operators ---------------------------------

CREATE FUNCTION @extschema@.course_report(
	course_id uuid,
	max_rows integer DEFAULT NULL,
	after uuid DEFAULT NULL)
RETURNS TABLE (
	user_id uuid,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	enrolled_at timestamptz,
	completed_at timestamptz,
	last_watched timestamptz)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_report(uuid, integer, uuid) IS
	'The learners of a course, with how far they are. One row for each enrolled learner, oldest enrollment first: required and completed lessons, completion in percent (0..100, or NULL), when the course was completed, and when the learner last watched a lesson of it. At most max_rows, by default all; the next page comes after the user_id of the last row. For the staff of the course, and for service_role. Fails with 22004 for a NULL course, 22023 when max_rows is not positive or after is not enrolled in the course, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.course_summary(uuid) IS
	'A course in one row, for a dashboard. Counted: learners, how many are enrolled; completed, how many of them have completed the course; completions_by_week, how many did in each of the last 12 weeks of 168 hours, the oldest first, the last one ending now. Exact in a course of up to 500 learners, and beyond that estimated from 500 of them, the same each time: active_7_days and active_30_days, how many have watched a lesson of it in the last 168 and 720 hours; average_completion, the average percentage of course_report (0.0..100.0; NULL when there is no learner or no required lesson). sampled is the number of learners that these come from. An estimate of active learners is within 4.4 percent of learners in 19 of 20 courses. For the staff of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.';

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
	'The lessons of a course, with how many watch them. One row for each lesson, drafts too, in order: how many enrolled learners have started and completed it, and the average percent (0.0..100.0) that those who started have watched; NULL when nobody has. For the staff of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.lesson_retention(
	lesson_id uuid,
	step_seconds integer DEFAULT 5)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.lesson_retention(uuid, integer) IS
	'How many learners have seen each part of a lesson. One row for each step of step_seconds, from second 0 to the end of the video: how many enrolled learners have seen at least one second of it (content_progress.watched). No row while duration_seconds is NULL. For the staff of the course, and for service_role. Fails with 22004 for NULL, 22023 when step_seconds is not positive or makes more than 1,000,000 steps, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown lesson.';

CREATE FUNCTION @extschema@.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS @extschema@.lessons
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.move_lesson(uuid, uuid, uuid) IS
	'Moves a lesson within its module or to another one. It comes before another lesson of that module or to the end, and sort_order is numbered from 1 in both modules. Returns the lesson. For the editors of both courses, and for service_role. Fails with 22004 for a NULL, 22023 when before is the lesson itself or in another module, 28000 when nobody is signed in, 42501 for a user who is not an editor of both courses, 23503 for an unknown lesson or module.';

CREATE FUNCTION @extschema@.move_module(
	module_id uuid,
	before uuid DEFAULT NULL,
	course_id uuid DEFAULT NULL)
RETURNS @extschema@.modules
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.move_module(uuid, uuid, uuid) IS
	'Moves a module within its course or to another one. The course is course_id, by default its own. It comes before another module of that course or to the end, and sort_order is numbered from 1 in both courses. Returns the module. For the editors of both courses, and for service_role. Fails with 22004 for a NULL module, 22023 when before is the module itself or in another course, 28000 when nobody is signed in, 42501 for a user who is not an editor of both courses, 23503 for an unknown module or course.';

CREATE FUNCTION @extschema@.copy_course(
	course_id uuid,
	slug text,
	title text DEFAULT NULL)
RETURNS @extschema@.courses
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.copy_course(uuid, text, text) IS
	'Copies a course with its modules and lessons. The copy has the slug, and the title if one is given. It is not published, and has the same videos, rules and prerequisites, but no learners. Its staff is the editor who has copied it. Returns the new course. For the editors of the course, and for service_role. Fails with 22004 for a NULL course or slug, 22023 for an empty slug, 28000 when nobody is signed in, 42501 for a user who is not an editor of the course, 23503 for an unknown course, 23505 for a slug that another course has, 25000 unless READ COMMITTED if a lesson is bound to an upload.';

CREATE FUNCTION @extschema@.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.recompute_completion(uuid) IS
	'Applies changed thresholds of a course to past progress. Rows that reach the present threshold become completed, and enrollments with them; nothing completed is undone. Returns the number of progress rows that became completed. For the editors of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not an editor of the course, 23503 for an unknown course.';

CREATE FUNCTION @extschema@.issue_certificate(
	course_id uuid,
	user_id uuid,
	learner_name text,
	metadata jsonb DEFAULT '{}')
RETURNS @extschema@.certificates
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.issue_certificate(uuid, uuid, text, jsonb) IS
	'Certifies that a learner has completed a course. Only service_role may, because learner_name is printed as it is given: it must not come from what users write about themselves. Returns the certificate, which is the one that is there already for this completion, with the name of then; a revoked one does not count. A completion whose date has moved back keeps its certificate, a later one has another. It expires when the course''s certificate_valid_for has passed since completed_at. Fails with 22004 for a NULL, 22023 for a name that is empty or longer than 255 characters or for metadata that are no JSON object, 23503 for an unknown course, 55000 when the user has not completed the course.';

CREATE FUNCTION @extschema@.revoke_certificate(
	code text,
	reason text)
RETURNS @extschema@.certificates
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.revoke_certificate(text, text) IS
	'Revokes a certificate. It stays, and verify_certificate() says that it is revoked. One that was revoked before keeps its date and reason. Returns the certificate. After that issue_certificate() can issue another one, with a corrected name for example. Fails with 22004 for a NULL, 22023 for an empty reason, 23503 for a code that no certificate has.';

CREATE FUNCTION @extschema@.certificate_credential(
	code text,
	issuer jsonb)
RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.certificate_credential(text, jsonb) IS
	'A certificate as an Open Badges 3.0 credential, not signed. issuer is the Profile of who issues it: a JSON object with an id, which is a URI, and whatever else a Profile may have. The application signs the answer with its own key. Fails with 22004 for a NULL, 22023 for an issuer that is no Profile, 23503 for a code that no certificate has, 55000 for a certificate that is revoked.';

-- Anybody may call this one. It shows what is printed on the certificate.
CREATE FUNCTION @extschema@.verify_certificate(code text)
RETURNS TABLE (
	status text,
	learner_name text,
	course_title text,
	completed_at timestamptz,
	issued_at timestamptz,
	expires_at timestamptz,
	revoked_at timestamptz)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.verify_certificate(text) IS
	'What is certified under a code, for anybody. The status is valid, expired or revoked. Hyphens, and whether letters are small or capital, do not matter; O is read as 0, I and L as 1. No row for a code that no certificate has. Fails with 22004 for NULL.';

CREATE FUNCTION @extschema@.content_library_strict(enabled boolean DEFAULT true)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_strict(boolean) IS
	'Has learners write through functions alone, or directly as well. Strict, they cannot write content_progress or insert into enrollments, and read the modules of courses that they see, previews, and the lessons of courses to which they have access. A lock by date or order hides no lesson. A dump keeps it. Fails with 42501 for whoever has not the rights of the owner of the tables, 22004 for NULL, 55000 when a grant to PUBLIC or to another role stands against it.';


-- 10. Mux: video events -----------------------------------------------------

-- Mux may send an event more than once, and in any order. So the facts of every
-- event are kept, and so are the videos that a lesson was bound to. A lesson's video
-- is a query over both. The answer does not depend on the order of events, nor on
-- when a video was bound between them. docs/mux.md has the rule.

-- The payload itself is not kept: it may hold the URL to which anybody can upload.
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
	lesson_id			uuid,
	received_at			timestamptz NOT NULL DEFAULT now(),
	CHECK (object = 'upload' AND upload_id IS NOT NULL
			AND status IN ('created', 'cancelled', 'asset_created', 'errored')
		OR object = 'asset' AND asset_id IS NOT NULL
			AND status IN ('preparing', 'errored', 'ready', 'deleted'))
);
COMMENT ON TABLE @extschema@.mux_events IS 'What each Mux event said of an upload or an asset; the state of a video follows from these rows alone (mux_state).';
COMMENT ON COLUMN @extschema@.mux_events.object IS 'What the event is about: upload or asset.';
COMMENT ON COLUMN @extschema@.mux_events.event_at IS 'The event''s created_at; -infinity if it had none.';
COMMENT ON COLUMN @extschema@.mux_events.playback_ids IS 'Of a ready asset: [{id, policy}], in Mux''s order.';
COMMENT ON COLUMN @extschema@.mux_events.error IS 'Why it errored, as Mux says: type and message or messages.';
COMMENT ON COLUMN @extschema@.mux_events.lesson_id IS 'The uuid in the asset''s passthrough. A lesson with that id may have the asset as its video.';

CREATE INDEX idx_mux_events_upload_id ON @extschema@.mux_events (upload_id);
CREATE INDEX idx_mux_events_asset_id ON @extschema@.mux_events (asset_id);
CREATE INDEX idx_mux_events_lesson_id ON @extschema@.mux_events (lesson_id) WHERE lesson_id IS NOT NULL;
CREATE INDEX idx_lessons_mux_upload_id ON @extschema@.lessons (mux_upload_id);

-- A lesson that was never bound to another video has no rows: its own columns name the
-- video. So an INSERT of a lesson adds none, which a restore would then find twice.
CREATE TABLE @extschema@.mux_bindings (
	lesson_id			uuid NOT NULL REFERENCES @extschema@.lessons(id) ON DELETE CASCADE,
	number				integer NOT NULL,
	upload_id			text,
	asset_id			text,
	playback_id			text,
	duration_seconds	integer,
	PRIMARY KEY (lesson_id, number)
);
COMMENT ON TABLE @extschema@.mux_bindings IS 'The videos that a lesson was bound to, in their order, since it last had none. The last one that is ready is on the air.';
COMMENT ON COLUMN @extschema@.mux_bindings.asset_id IS 'The asset that the application named.';
COMMENT ON COLUMN @extschema@.mux_bindings.playback_id IS 'The playback id, if the lesson had a video already. It counts as long as no event tells of the video.';

CREATE INDEX idx_mux_bindings_upload_id ON @extschema@.mux_bindings (upload_id);
CREATE INDEX idx_mux_bindings_asset_id ON @extschema@.mux_bindings (asset_id);

ALTER TABLE @extschema@.mux_events OWNER TO @extowner@;
ALTER TABLE @extschema@.mux_bindings OWNER TO @extowner@;
REVOKE ALL ON TABLE
	@extschema@.mux_events,
	@extschema@.mux_bindings
	FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, DELETE ON TABLE @extschema@.mux_events TO service_role;
GRANT SELECT ON TABLE @extschema@.mux_bindings TO service_role;
-- No policy: only service_role sees rows, because it has BYPASSRLS.
ALTER TABLE @extschema@.mux_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.mux_bindings ENABLE ROW LEVEL SECURITY;

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
	'Verifies the Mux-Signature header of a webhook. Compares it with the raw body and any of the endpoints'' secrets. Returns ok, or why not: no_secret, no_header, malformed_header, no_v1_signature, signature_mismatch, too_old, too_new. Pass the secrets as a bound parameter. Fails with 22004 for a NULL body, tolerance or checked_at, 22023 for a negative tolerance.';

CREATE FUNCTION @extschema@.content_library_mux_policies() RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_mux_policies() IS
	'The setting content_library.mux_playback_policies, as an array.';

-- Which event says how an upload or an asset stands.
-- Of an upload: the highest of created < cancelled < asset_created < errored, then
-- the latest. Of an asset: deleted if it ever was; else an end (errored or ready)
-- rather than preparing, then the latest, then ready rather than errored. Between
-- equals the event id decides, so that the answer does not depend on their order.
CREATE FUNCTION @extschema@.content_library_mux_latest(object text, id text)
RETURNS SETOF @extschema@.mux_events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT e.event_id, e.object, e.upload_id, e.asset_id, e.status, e.event_at,
		e.playback_ids, e.duration_seconds, e.error, e.lesson_id, e.received_at
	FROM (SELECT u.*, array_position(ARRAY['created', 'cancelled', 'asset_created', 'errored'], u.status) AS rank
		  FROM @extschema@.mux_events AS u
		  WHERE $1 = 'upload'
			AND u.object = 'upload'
			AND u.upload_id = $2
		  UNION ALL
		  SELECT a.*, CASE a.status WHEN 'preparing' THEN 1 WHEN 'deleted' THEN 3 ELSE 2 END
		  FROM @extschema@.mux_events AS a
		  WHERE $1 = 'asset'
			AND a.object = 'asset'
			AND a.asset_id = $2) AS e
	ORDER BY e.rank DESC, e.event_at DESC, e.status = 'ready' DESC, e.event_id DESC
	LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@.content_library_mux_latest(text, text) IS
	'The event that says how an upload or asset stands. Of an upload it is the greatest by (created < cancelled < asset_created < errored, time, event id); of an asset deleted if it ever was, else the greatest by (terminal, time, errored < ready, event id).';

-- How one video stands.
CREATE FUNCTION @extschema@.mux_state(
	upload_id text,
	asset_id text DEFAULT NULL)
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
	-- l: the asset that the upload's own events name, else one that names the upload. If
	-- the upload is unheard of, it is the second argument, if any event tells of that.
	-- u and a: how the upload and the asset stand. p: the playback id of the preferred
	-- policy. f: whether the upload failed, and no later event made the asset ready.
	-- v: the status of the lesson.
	FROM (SELECT CASE WHEN EXISTS (SELECT FROM @extschema@.mux_events AS e WHERE e.upload_id = $1)
				 THEN (SELECT e.asset_id
					   FROM @extschema@.mux_events AS e
					   WHERE e.upload_id = $1 AND e.asset_id IS NOT NULL
					   ORDER BY e.object = 'upload' DESC, e.event_at DESC, e.event_id DESC
					   LIMIT 1)
				 ELSE (SELECT e.asset_id
					   FROM @extschema@.mux_events AS e
					   WHERE e.asset_id = $2
					   LIMIT 1) END AS asset_id
		  -- OFFSET 0: it is looked up once, and not wherever it is used.
		  OFFSET 0) AS l
	LEFT JOIN LATERAL @extschema@.content_library_mux_latest('upload', $1) AS u ON true
	LEFT JOIN LATERAL @extschema@.content_library_mux_latest('asset', l.asset_id) AS a ON true
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
COMMENT ON FUNCTION @extschema@.mux_state(text, text) IS
	'The video of an upload, as the events so far say. If they do not tell of the upload, or it is NULL, it is the video of an asset. These are the video columns of a lesson that has no other video, and error, why there is none; no row when nothing is known.';

-- The one definition of a lesson's video columns. The last four arguments are those of
-- the lesson's row, which name its video if it has no rows in mux_bindings.
-- named: the assets that have named the lesson in their passthrough and are of no upload.
-- What the lesson's row says of such an asset comes from here, and is no binding.
-- source: the lesson's own videos, and the assets that name it now.
-- verdict: how each of them stands. One decides if it is ready, or was ready and is
-- deleted. is_naming: it is one of those assets, even if the lesson names it, too.
-- own and naming: the last of the lesson's own videos, and of those assets.
-- air: what is on the air. If none of the lesson's own is, it is one of those assets.
CREATE FUNCTION @extschema@.content_library_mux_video(
	lesson_id uuid,
	upload_id text,
	asset_id text,
	playback_id text,
	seconds integer)
RETURNS TABLE (
	mux_asset_id text,
	mux_playback_id text,
	mux_status text,
	duration_seconds integer,
	is_known boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	WITH named AS (
		SELECT e.asset_id, min(e.event_at) AS since
		FROM @extschema@.mux_events AS e
		WHERE e.lesson_id = $1
			AND NOT EXISTS (
				SELECT FROM @extschema@.mux_events AS u
				WHERE u.asset_id = e.asset_id AND u.upload_id IS NOT NULL)
		GROUP BY e.asset_id
	), bound AS (
		SELECT b.number, b.upload_id, b.asset_id, b.playback_id, b.duration_seconds
		FROM @extschema@.mux_bindings AS b
		WHERE b.lesson_id = $1
		UNION ALL
		-- Without these names a restored function would not be printed as it was.
		SELECT 0 AS number, $2 AS upload_id, $3 AS asset_id, $4 AS playback_id, $5 AS duration_seconds
		WHERE NOT EXISTS (SELECT FROM @extschema@.mux_bindings AS b WHERE b.lesson_id = $1)
	), source AS (
		SELECT true AS is_own, b.number::bigint AS place, b.upload_id, r.asset_id, r.playback_id, b.duration_seconds
		FROM bound AS b
		CROSS JOIN LATERAL (
			SELECT CASE WHEN b.number > 0 OR NOT EXISTS (SELECT FROM named AS n WHERE n.asset_id = b.asset_id)
						THEN b.asset_id END AS asset_id,
				CASE WHEN NOT EXISTS (
						SELECT FROM named AS n
						JOIN @extschema@.mux_events AS e ON e.asset_id = n.asset_id
						WHERE e.playback_ids @> jsonb_build_array(jsonb_build_object('id', b.playback_id)))
					 THEN b.playback_id END AS playback_id
			OFFSET 0) AS r
		WHERE COALESCE(b.upload_id, r.asset_id, r.playback_id) IS NOT NULL
		UNION ALL
		SELECT false AS is_own, row_number() OVER (ORDER BY n.since, n.asset_id) AS place,
			NULL AS upload_id, n.asset_id, NULL AS playback_id, NULL AS duration_seconds
		FROM named AS n
		WHERE (SELECT e.lesson_id
			   FROM @extschema@.mux_events AS e
			   WHERE e.asset_id = n.asset_id AND e.lesson_id IS NOT NULL
			   ORDER BY e.event_at DESC, e.event_id DESC
			   LIMIT 1) = $1
	), verdict AS (
		SELECT s.is_own, s.place, s.upload_id, s.asset_id AS named_asset_id, v.*, d.is_deleted,
			v.about IN (SELECT n.asset_id FROM source AS n WHERE NOT n.is_own) IS TRUE AS is_naming,
			v.status = 'ready'
			OR d.is_deleted AND (
				s.playback_id IS NOT NULL
				OR EXISTS (
					SELECT FROM @extschema@.mux_events AS e
					CROSS JOIN LATERAL jsonb_to_recordset(e.playback_ids) AS p(policy text)
					WHERE e.asset_id = v.about
						AND e.object = 'asset'
						AND p.policy = ANY (@extschema@.content_library_mux_policies()))) AS decides
		FROM source AS s
		LEFT JOIN LATERAL @extschema@.mux_state(s.upload_id, s.asset_id) AS t ON true
		-- What no event tells of is as the application has given it.
		CROSS JOIN LATERAL (
			SELECT t.mux_status IS NULL AND s.playback_id IS NOT NULL AS is_given) AS g
		CROSS JOIN LATERAL (
			SELECT CASE WHEN g.is_given THEN s.asset_id ELSE t.mux_asset_id END AS asset_id,
				CASE WHEN g.is_given THEN s.playback_id ELSE t.mux_playback_id END AS playback_id,
				CASE WHEN g.is_given THEN 'ready' ELSE COALESCE(t.mux_status, 'pending') END AS status,
				CASE WHEN g.is_given THEN s.duration_seconds ELSE t.duration_seconds END AS duration_seconds,
				COALESCE(t.mux_asset_id, t.error ->> 'asset_id') AS about,
				g.is_given OR t.mux_status IS NOT NULL AS is_known) AS v
		CROSS JOIN LATERAL (
			SELECT COALESCE(t.error ->> 'type' = 'asset_deleted', false) AS is_deleted) AS d
	), air AS (
		SELECT d.*
		FROM (SELECT DISTINCT ON (v.is_own) v.*
			  FROM verdict AS v
			  WHERE v.decides
			  ORDER BY v.is_own, v.place DESC) AS d
		WHERE d.status = 'ready' AND NOT (d.is_own AND d.is_naming)
		ORDER BY d.is_own DESC
		LIMIT 1
	), own AS (
		SELECT v.* FROM verdict AS v WHERE v.is_own ORDER BY v.place DESC LIMIT 1
	), naming AS (
		SELECT v.* FROM verdict AS v WHERE NOT v.is_own ORDER BY v.place DESC LIMIT 1
	)
	-- An asset that the lesson itself names stays named, until it is deleted.
	SELECT CASE WHEN o.upload_id IS NULL AND NOT o.is_deleted AND o.named_asset_id IS NOT NULL
					AND (a.is_own OR NOT o.is_naming)
				THEN o.named_asset_id
				WHEN a.status IS NOT NULL THEN a.asset_id
				WHEN o.is_naming IS NOT FALSE THEN n.asset_id
				ELSE o.asset_id END,
		a.playback_id,
		COALESCE(a.status, CASE WHEN o.is_naming IS NOT FALSE THEN n.status ELSE o.status END, 'pending'),
		a.duration_seconds,
		a.status IS NOT NULL
			OR COALESCE(CASE WHEN o.is_naming IS NOT FALSE THEN n.is_known ELSE o.is_known END, false)
	FROM (SELECT) AS one
	LEFT JOIN own AS o ON true
	LEFT JOIN naming AS n ON true
	LEFT JOIN air AS a ON true;
END;
COMMENT ON FUNCTION @extschema@.content_library_mux_video(uuid, text, text, text, integer) IS
	'The video columns of a lesson, as events and bindings so far say. The last four arguments are those of its row, the last two only while it is ready. is_known is false when nothing is known of the lesson''s latest video, and no other one is on the air.';

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
	OUT error jsonb,
	OUT lesson_id uuid)
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

	-- The texts that are needed. An event of another type may have any form.
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

	-- A text, a number of seconds, or {seconds, nanos}. Without a time it is the oldest.
	value := COALESCE(event -> 'created_at', 'null');
	text_value := value #>> '{}';
	BEGIN
		CASE jsonb_typeof(value)
			WHEN 'null' THEN
				event_at := '-infinity';
			WHEN 'string' THEN
				-- The type timestamptz would also accept "now", and a time without a zone.
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

	-- The passthrough of an asset is the application's own: only a uuid can be a lesson's.
	IF object = 'asset' AND jsonb_typeof(data -> 'passthrough') = 'string'
		AND data ->> 'passthrough' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
	THEN
		lesson_id := (data ->> 'passthrough')::uuid;
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
	'The facts of a Mux event, as a row of mux_events. The column object is NULL for a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, naming what is wrong.';

CREATE FUNCTION @extschema@.mux_apply_event(event jsonb) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.mux_apply_event(jsonb) IS
	'Applies a verified Mux event to its lessons. Events may come in any order and more than once. applied: a lesson has changed. noop: its lesson was so already. stale: more is known of its upload or asset already. unmatched: kept, but no lesson has its upload or asset now. duplicate: this event id has come before. ignored: a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, 22004 for NULL, 25000 unless READ COMMITTED, 55P03 when somebody has held the same upload, asset or lesson for five seconds.';

CREATE FUNCTION @extschema@.content_library_mux_bind() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_mux_bind() IS
	'Trigger function: binds a lesson to the upload or asset that it names, and gives it the video.';

-- Without an upload the lesson follows the asset that it names.
CREATE TRIGGER bind_mux_upload BEFORE UPDATE ON @extschema@.lessons
	FOR EACH ROW WHEN (OLD.mux_upload_id IS DISTINCT FROM NEW.mux_upload_id
		OR NEW.mux_upload_id IS NULL AND OLD.mux_asset_id IS DISTINCT FROM NEW.mux_asset_id)
	EXECUTE FUNCTION @extschema@.content_library_mux_bind();
-- In a restore it changes nothing: there are no events yet.
CREATE TRIGGER bind_new_mux_upload BEFORE INSERT ON @extschema@.lessons
	FOR EACH ROW WHEN (NEW.mux_playback_id IS NULL AND NEW.mux_status = 'pending')
	EXECUTE FUNCTION @extschema@.content_library_mux_bind();

CREATE FUNCTION @extschema@.mux_begin_upload(lesson_id uuid, upload_id text)
RETURNS @extschema@.lessons
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.mux_begin_upload(uuid, text) IS
	'Binds a Mux upload to a lesson. A video that is ready stays until that of the upload is; otherwise the lesson''s video is what is known of the upload, and pending if nothing is. Returns the lesson. UPDATE lessons SET mux_upload_id does the same. Fails with 22004 for a NULL, 22023 for an empty upload_id, 23503 for an unknown lesson, 25000 unless READ COMMITTED.';

CREATE FUNCTION @extschema@.mux_playback_claims(
	lesson_id uuid,
	ttl interval DEFAULT '6 hours',
	user_id uuid DEFAULT NULL,
	audience text DEFAULT 'v')
RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.mux_playback_claims(uuid, interval, uuid, text) IS
	'The claims of a token that plays a lesson''s video. {sub, aud, exp} let the learner play it for the time ttl; the application signs them with Mux''s private key. audience is v for the video, t for a thumbnail, s for a storyboard, g for a gif. The learner is user_id, by default the caller; service_role without a learner gets those of a preview lesson. The staff of the course get those of all its lessons, drafts too. Fails with 22004 for a NULL, 22023 when ttl is not positive or audience is unknown, 28000 when nobody is signed in, 42501 when the learner may not watch the lesson (the detail gives the reason) or user_id is somebody else, 23503 for an unknown lesson or unpublished course, 55000 when the video is not ready.';


-- 11. Check ------------------------------------------------------------------

-- A dump keeps only the rows and the grants of an extension's tables. A restore
-- makes all else again with this script, and so loses other changes to the tables.
-- The check finds such changes by comparing what is there with a list.
-- error: rows are open, locked or lost. warning: a dump would lose the change, or
-- something does not work. notice: content, speed or comments.

-- content_library_check() calls this by OID, with the rights of the tables' owner.
-- Nobody else may call it.
CREATE FUNCTION @extschema@.content_library_findings(missing_auth text)
RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT f.severity, f.object, f.problem, f.remedy
	FROM (
	-- 1. Definitions: tables, functions, attachment and version, compared with what
	-- CREATE EXTENSION makes.
	(
	-- What is there: each thing with the command that makes it, and the command that
	-- takes it away. scripts/expected runs this first part of the query alone.
	WITH extension AS (
		SELECT e.oid, e.extversion, e.extconfig, e.extnamespace,
			   e.extnamespace::regnamespace::text AS schema,
			   -- A regular expression for the schema's name in front of another name.
			   format('(?<![\w".])%s\.',
				   regexp_replace(e.extnamespace::regnamespace::text, '([^[:alnum:]_])', '\\\1', 'g')) AS prefix
		FROM pg_extension AS e
		WHERE e.extname = 'content_library'
	), tables AS MATERIALIZED (
		-- Our tables: those whose rows a dump keeps.
		SELECT c.oid, c.relname::text AS name, quote_ident(c.relname) AS quoted,
			   c.oid::regclass::text AS qualified, c.relnamespace, c.reltoastrelid,
			   c.relrowsecurity, c.relforcerowsecurity, c.relpersistence, c.relkind,
			   c.relreplident, c.reloftype, c.relam, x.schema, x.extnamespace
		FROM extension AS x
		JOIN pg_class AS c ON c.oid = ANY (x.extconfig)
	), columns AS MATERIALIZED (
		SELECT t.oid, t.name AS "table", t.qualified, a.attnum,
			   quote_ident(a.attname) AS name,
			   format('column %s.%I', t.quoted, a.attname) AS label,
			   format('ALTER TABLE %s ALTER COLUMN %I ', t.qualified, a.attname) AS alter,
			   format_type(a.atttypid, a.atttypmod)
				   || CASE WHEN a.attcollation <> y.typcollation
						THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END AS type,
			   a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, y.typstorage,
			   a.attcompression, a.attoptions, COALESCE(a.attstattarget, -1) AS attstattarget
		FROM tables AS t
		JOIN pg_attribute AS a ON a.attrelid = t.oid
			AND a.attnum > 0::int2 AND NOT a.attisdropped
		JOIN pg_type AS y ON y.oid = a.atttypid
	), indexes AS MATERIALIZED (
		-- of_constraint: a primary key or UNIQUE makes it, and not CREATE INDEX.
		SELECT i.indexrelid AS oid, t.name AS "table", t.qualified AS table_qualified,
			   c.relname::text AS name, quote_ident(c.relname) AS quoted,
			   i.indexrelid::regclass::text AS qualified,
			   format('index %I on %s', c.relname, t.quoted) AS label,
			   i.indisvalid, i.indisclustered,
			   EXISTS (SELECT FROM pg_constraint AS k
					   WHERE k.conindid = i.indexrelid AND k.conrelid = t.oid) AS of_constraint
		FROM tables AS t
		JOIN pg_index AS i ON i.indrelid = t.oid
		JOIN pg_class AS c ON c.oid = i.indexrelid
	), functions AS MATERIALIZED (
		SELECT p.oid, p.proname,
			   format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)) AS name,
			   format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, oidvectortypes(p.proargtypes)) AS qualified
		FROM extension AS x
		JOIN pg_depend AS d ON d.refobjid = x.oid AND d.deptype = 'e'
		JOIN pg_proc AS p ON p.tableoid = d.classid AND p.oid = d.objid
	), event_triggers AS (
		SELECT v.tableoid, v.oid, quote_ident(v.evtname) AS name, v.evtenabled,
			   CASE WHEN v.evtname = 'content_library_attach' THEN 'A' ELSE 'O' END AS usual
		FROM extension AS x
		JOIN pg_depend AS d ON d.refobjid = x.oid AND d.deptype = 'e'
		JOIN pg_event_trigger AS v ON v.tableoid = d.classid AND v.oid = d.objid
	), storages AS (
		-- What has settings and a tablespace: tables, their TOAST tables, and indexes.
		SELECT t.oid, t.name AS "table", t.name AS label,
			   format('TABLE %s', t.qualified) AS what, '' AS prefix, true AS settings, true AS places
		FROM tables AS t
		UNION ALL
		SELECT t.reltoastrelid, t.name, t.name, format('TABLE %s', t.qualified), 'toast.', true, false
		FROM tables AS t
		UNION ALL
		-- The definition of an index has its settings. That of a constraint has none.
		SELECT i.oid, i."table", i.label, format('INDEX %s', i.qualified), '', i.of_constraint, true
		FROM indexes AS i
	), described AS (
		-- What can have a comment or a security label, with its name in COMMENT ON.
		SELECT 'pg_class'::regclass::oid AS class, t.oid, 0 AS number, t.name AS "table",
			   t.name AS label, format('TABLE %s', t.qualified) AS called
		FROM tables AS t
		UNION ALL
		SELECT 'pg_class'::regclass::oid, c.oid, c.attnum, c."table", c.label,
			   format('COLUMN %s.%s', c.qualified, c.name)
		FROM columns AS c
		UNION ALL
		SELECT 'pg_class'::regclass::oid, i.oid, 0, i."table", i.label, format('INDEX %s', i.qualified)
		FROM indexes AS i
		UNION ALL
		SELECT k.tableoid, k.oid, 0, t.name, format('constraint %I on %s', k.conname, t.quoted),
			   format('CONSTRAINT %I ON %s', k.conname, t.qualified)
		FROM tables AS t
		JOIN pg_constraint AS k ON k.conrelid = t.oid
		UNION ALL
		SELECT g.tableoid, g.oid, 0, t.name, format('trigger %I on %s', g.tgname, t.quoted),
			   format('TRIGGER %I ON %s', g.tgname, t.qualified)
		FROM tables AS t
		JOIN pg_trigger AS g ON g.tgrelid = t.oid AND NOT g.tgisinternal
		UNION ALL
		SELECT p.tableoid, p.oid, 0, t.name, format('policy %I on %s', p.polname, t.quoted),
			   format('POLICY %I ON %s', p.polname, t.qualified)
		FROM tables AS t
		JOIN pg_policy AS p ON p.polrelid = t.oid
		UNION ALL
		SELECT 'pg_proc'::regclass::oid, f.oid, 0, '', format('function %s', f.name),
			   format('FUNCTION %s', f.qualified)
		FROM functions AS f
		UNION ALL
		SELECT v.tableoid, v.oid, 0, '', format('event trigger %s', v.name), format('EVENT TRIGGER %s', v.name)
		FROM event_triggers AS v
	), found(kind, "table", name, made, undone) AS MATERIALIZED (
		-- Everything that is not the server's default: kind, table and name say what it
		-- is, made is the command that makes it, undone the one that takes it away.
		SELECT 'row-level security', t.name, t.name,
			   format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', t.qualified),
			   format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY;', t.qualified)
		FROM tables AS t
		WHERE t.relrowsecurity
		UNION ALL
		SELECT 'row-level security of the owner', t.name, t.name,
			   format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', t.qualified),
			   format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', t.qualified)
		FROM tables AS t
		WHERE t.relforcerowsecurity
		UNION ALL
		SELECT 'storage', t.name, t.name,
			   format('ALTER TABLE %s SET UNLOGGED;', t.qualified),
			   format('ALTER TABLE %s SET LOGGED;', t.qualified)
		FROM tables AS t
		WHERE t.relpersistence <> 'p'
		UNION ALL
		SELECT 'schema', t.name, t.name,
			   format('it is now %s', t.qualified),
			   format('ALTER TABLE %s SET SCHEMA %s;', t.qualified, t.schema)
		FROM tables AS t
		WHERE t.relnamespace <> t.extnamespace
		UNION ALL
		SELECT 'replica identity', t.name, t.name,
			   format('ALTER TABLE %s REPLICA IDENTITY %s;', t.qualified,
				   CASE t.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX'
						|| (SELECT concat(' ', i.indexrelid::regclass) FROM pg_index AS i
							WHERE i.indrelid = t.oid AND i.indisreplident) END),
			   format('ALTER TABLE %s REPLICA IDENTITY DEFAULT;', t.qualified)
		FROM tables AS t
		WHERE t.relreplident <> 'd'
		UNION ALL
		SELECT 'access method', t.name, t.name,
			   format('ALTER TABLE %s SET ACCESS METHOD %I;', t.qualified, m.amname),
			   format('ALTER TABLE %s SET ACCESS METHOD heap;', t.qualified)
		FROM tables AS t
		JOIN pg_am AS m ON m.oid = t.relam
		WHERE m.amname <> 'heap'
		UNION ALL
		SELECT 'type', t.name, t.name,
			   format('ALTER TABLE %s OF %s;', t.qualified, t.reloftype::regtype),
			   format('ALTER TABLE %s NOT OF;', t.qualified)
		FROM tables AS t
		WHERE t.reloftype <> 0::oid
		UNION ALL
		SELECT 'parent', t.name, format('%s (%s)', t.name, h.inhparent::regclass),
			   format('ALTER TABLE %s INHERIT %s;', t.qualified, h.inhparent::regclass),
			   format('ALTER TABLE %s NO INHERIT %s;', t.qualified, h.inhparent::regclass)
		FROM tables AS t
		JOIN pg_inherits AS h ON h.inhrelid = t.oid
		UNION ALL
		SELECT 'child', t.name, format('%s (%s)', t.name, h.inhrelid::regclass),
			   format('ALTER TABLE %s INHERIT %s;', h.inhrelid::regclass, t.qualified),
			   format('ALTER TABLE %s NO INHERIT %s;', h.inhrelid::regclass, t.qualified)
		FROM tables AS t
		JOIN pg_inherits AS h ON h.inhparent = t.oid
		UNION ALL
		SELECT format('setting %s%s', s.prefix, o.option_name), s."table", s.label,
			   format('ALTER %s SET (%s%s = %L);', s.what, s.prefix, o.option_name, o.option_value),
			   format('ALTER %s RESET (%s%s);', s.what, s.prefix, o.option_name)
		FROM storages AS s
		JOIN pg_class AS c ON c.oid = s.oid
		CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
		WHERE s.settings
		UNION ALL
		SELECT 'tablespace', s."table", s.label,
			   format('ALTER %s SET TABLESPACE %I;', s.what, p.spcname),
			   format('ALTER %s SET TABLESPACE %I;', s.what,
				   (SELECT usual.spcname FROM pg_database AS d
					JOIN pg_tablespace AS usual ON usual.oid = d.dattablespace
					WHERE d.datname = current_database()))
		FROM storages AS s
		JOIN pg_class AS c ON c.oid = s.oid
		JOIN pg_tablespace AS p ON p.oid = c.reltablespace
		WHERE s.places
		UNION ALL
		SELECT 'column', c."table", c.name, format('%sTYPE %s;', c.alter, c.type),
			   format('ALTER TABLE %s DROP COLUMN %s;', c.qualified, c.name)
		FROM columns AS c
		UNION ALL
		SELECT 'NOT NULL', c."table", c.label, c.alter || 'SET NOT NULL;', c.alter || 'DROP NOT NULL;'
		FROM columns AS c
		WHERE c.attnotnull
		UNION ALL
		SELECT 'default', c."table", c.label,
			   format('%sSET DEFAULT %s;', c.alter, pg_get_expr(d.adbin, d.adrelid)),
			   c.alter || 'DROP DEFAULT;'
		FROM columns AS c
		JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = c.attnum
		WHERE c.attgenerated = ''
		UNION ALL
		SELECT 'identity', c."table", c.label,
			   format('%sADD GENERATED %s AS IDENTITY;', c.alter,
				   CASE c.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END),
			   c.alter || 'DROP IDENTITY;'
		FROM columns AS c
		WHERE c.attidentity <> ''
		UNION ALL
		SELECT 'statistics target', c."table", c.label,
			   format('%sSET STATISTICS %s;', c.alter, c.attstattarget), c.alter || 'SET STATISTICS -1;'
		FROM columns AS c
		WHERE c.attstattarget <> -1
		UNION ALL
		SELECT format('setting %s', o.option_name), c."table", c.label,
			   format('%sSET (%s = %s);', c.alter, o.option_name, o.option_value),
			   format('%sRESET (%s);', c.alter, o.option_name)
		FROM columns AS c
		CROSS JOIN LATERAL pg_options_to_table(c.attoptions) AS o
		-- The server keeps options of its own there.
		WHERE NOT starts_with(o.option_name, 'pg_')
		UNION ALL
		SELECT 'storage', c."table", c.label,
			   format('%sSET STORAGE %s;', c.alter, s.name),
			   format('%sSET STORAGE %s;', c.alter, usual.name)
		FROM columns AS c
		JOIN (VALUES ('p'::"char", 'PLAIN'), ('e', 'EXTERNAL'), ('x', 'EXTENDED'), ('m', 'MAIN')) AS s(letter, name)
			ON s.letter = c.attstorage
		JOIN (VALUES ('p'::"char", 'PLAIN'), ('e', 'EXTERNAL'), ('x', 'EXTENDED'), ('m', 'MAIN')) AS usual(letter, name)
			ON usual.letter = c.typstorage
		WHERE c.attstorage <> c.typstorage
		UNION ALL
		SELECT 'compression', c."table", c.label,
			   format('%sSET COMPRESSION %s;', c.alter, CASE c.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END),
			   c.alter || 'SET COMPRESSION default;'
		FROM columns AS c
		WHERE c.attcompression <> ''
		UNION ALL
		SELECT 'constraint', t.name, k.conname,
			   format('ALTER TABLE %s ADD CONSTRAINT %I %s;', t.qualified, k.conname, pg_get_constraintdef(k.oid)),
			   format('ALTER TABLE %s DROP CONSTRAINT %I;', t.qualified, k.conname)
		FROM tables AS t
		JOIN pg_constraint AS k ON k.conrelid = t.oid
		WHERE k.contype = ANY ('{c,f,p,u,x}'::"char"[])
			OR k.contype = 'n' AND NOT k.convalidated
		UNION ALL
		-- Triggers on both tables check a foreign key, and a superuser can switch them off.
		SELECT 'triggers', t.name, format('constraint %I on %s', k.conname, t.quoted),
			   'its triggers are switched off',
			   string_agg(format('ALTER TABLE %s ENABLE TRIGGER %I;', g.tgrelid::regclass, g.tgname), ' ' ORDER BY g.oid)
		FROM tables AS t
		JOIN pg_constraint AS k ON k.conrelid = t.oid
		JOIN pg_trigger AS g ON g.tgconstraint = k.oid
		WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R')
		GROUP BY t.name, t.quoted, k.conname
		UNION ALL
		SELECT 'index', i."table", i.name, pg_get_indexdef(i.oid) || ';', format('DROP INDEX %s;', i.qualified)
		FROM indexes AS i
		WHERE NOT i.of_constraint
		UNION ALL
		SELECT 'state', i."table", i.label, 'it is not valid', format('REINDEX INDEX %s;', i.qualified)
		FROM indexes AS i
		WHERE NOT i.indisvalid
		UNION ALL
		SELECT 'order', i."table", i."table",
			   format('ALTER TABLE %s CLUSTER ON %s;', i.table_qualified, i.quoted),
			   format('ALTER TABLE %s SET WITHOUT CLUSTER;', i.table_qualified)
		FROM indexes AS i
		WHERE i.indisclustered
		UNION ALL
		SELECT 'policy', t.name, p.polname,
			   concat_ws(' ', format('CREATE POLICY %I ON %s', p.polname, t.qualified),
				   CASE WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
				   CASE p.polcmd::text WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT'
					   WHEN 'w' THEN 'FOR UPDATE' WHEN 'd' THEN 'FOR DELETE' ELSE 'FOR ALL' END,
				   'TO',
				   (SELECT string_agg(COALESCE(quote_ident(r.rolname), 'PUBLIC'), ', ' ORDER BY r.rolname)
					FROM unnest(p.polroles) AS of(role)
					LEFT JOIN pg_roles AS r ON r.oid = of.role),
				   'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
				   'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') || ';',
			   format('DROP POLICY %I ON %s;', p.polname, t.qualified)
		FROM tables AS t
		JOIN pg_policy AS p ON p.polrelid = t.oid
		UNION ALL
		SELECT 'trigger', t.name, g.tgname, pg_get_triggerdef(g.oid) || ';',
			   format('DROP TRIGGER %I ON %s;', g.tgname, t.qualified)
		FROM tables AS t
		JOIN pg_trigger AS g ON g.tgrelid = t.oid AND NOT g.tgisinternal
		UNION ALL
		SELECT 'state', t.name, format('trigger %I on %s', g.tgname, t.quoted),
			   format('ALTER TABLE %s %s TRIGGER %I;', t.qualified, s.state, g.tgname),
			   format('ALTER TABLE %s ENABLE TRIGGER %I;', t.qualified, g.tgname)
		FROM tables AS t
		JOIN pg_trigger AS g ON g.tgrelid = t.oid AND NOT g.tgisinternal
		JOIN (VALUES ('D'::"char", 'DISABLE'), ('R', 'ENABLE REPLICA'), ('A', 'ENABLE ALWAYS')) AS s(letter, state)
			ON s.letter = g.tgenabled
		UNION ALL
		SELECT 'rule', t.name, r.rulename, pg_get_ruledef(r.oid),
			   format('DROP RULE %I ON %s;', r.rulename, t.qualified)
		FROM tables AS t
		JOIN pg_rewrite AS r ON r.ev_class = t.oid
		UNION ALL
		SELECT 'publication', t.name, p.pubname,
			   concat_ws(' ', format('ALTER PUBLICATION %I ADD TABLE %s', p.pubname, t.qualified),
				   '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
						   FROM pg_attribute AS a
						   WHERE a.attrelid = t.oid AND a.attnum = ANY (r.prattrs)) || ')',
				   'WHERE ' || pg_get_expr(r.prqual, t.oid)) || ';',
			   format('ALTER PUBLICATION %I DROP TABLE %s;', p.pubname, t.qualified)
		FROM tables AS t
		JOIN pg_publication_rel AS r ON r.prrelid = t.oid
		JOIN pg_publication AS p ON p.oid = r.prpubid
		UNION ALL
		SELECT 'statistics', t.name, s.stxname, pg_get_statisticsobjdef(s.oid) || ';',
			   format('DROP STATISTICS %s.%I;', s.stxnamespace::regnamespace, s.stxname)
		FROM tables AS t
		JOIN pg_statistic_ext AS s ON s.stxrelid = t.oid
		UNION ALL
		-- ALTER FUNCTION describes all but the code.
		SELECT 'function', '', f.name,
			   concat_ws(' ', 'ALTER FUNCTION', f.qualified,
				   CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
				   CASE WHEN p.proisstrict THEN 'STRICT' ELSE 'CALLED ON NULL INPUT' END,
				   CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' ELSE 'SECURITY INVOKER' END,
				   CASE WHEN NOT p.proleakproof THEN 'NOT' END, 'LEAKPROOF',
				   CASE p.proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED' ELSE 'PARALLEL UNSAFE' END,
				   format('COST %s', p.procost),
				   CASE WHEN p.proretset THEN format('ROWS %s', p.prorows) END,
				   CASE WHEN p.prosupport <> 0::oid THEN format('SUPPORT %s', p.prosupport::regproc) END,
				   'RESET ALL;',
				   (SELECT string_agg(format('ALTER FUNCTION %s SET %s TO %s;', f.qualified,
							split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1)), ' ' ORDER BY c.setting)
					FROM unnest(p.proconfig) AS c(setting))),
			   format('ALTER EXTENSION content_library DROP FUNCTION %s;', f.qualified)
		FROM functions AS f
		JOIN pg_proc AS p ON p.oid = f.oid
		UNION ALL
		-- The code. Where the server keeps SQL as a parse tree, only the words are
		-- compared, because each major may write the rest in another way. This function
		-- is left out: a list cannot contain its own checksum.
		SELECT 'code', '', format('function %s', f.name),
			   concat_ws(', ', l.lanname, regexp_replace(pg_get_function_result(p.oid), x.prefix, '', 'g'), p.probin,
				   CASE WHEN l.lanname = 'c' THEN p.prosrc
						WHEN p.prosqlbody IS NULL THEN md5(p.prosrc)
						ELSE (SELECT md5(string_agg(w.word, ' ' ORDER BY w.word COLLATE "C"))
							  FROM (SELECT DISTINCT m.word[1] AS word
									FROM regexp_matches(regexp_replace(pg_get_function_sqlbody(p.oid), x.prefix, '', 'g'),
										 '\w+|[-+*/<>=~!@#%^&|?]+', 'g') AS m(word)) AS w) END),
			   NULL
		FROM functions AS f
		JOIN pg_proc AS p ON p.oid = f.oid
		JOIN pg_language AS l ON l.oid = p.prolang
		CROSS JOIN extension AS x
		WHERE p.proname <> 'content_library_findings'
		UNION ALL
		SELECT 'event trigger', '', v.name,
			   format('ALTER EVENT TRIGGER %s %s;', v.name,
				   CASE v.evtenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END),
			   format('ALTER EVENT TRIGGER %s ENABLE ALWAYS;', v.name)
		FROM event_triggers AS v
		-- content_library_attach is there only until auth is.
		WHERE v.name <> 'content_library_attach' OR v.evtenabled <> 'A'
		UNION ALL
		SELECT 'member', '', format('%s %s', i.type, i.identity),
			   format('ALTER EXTENSION content_library ADD %s %s;', upper(i.type), i.identity),
			   format('ALTER EXTENSION content_library DROP %s %s;', upper(i.type), i.identity)
		FROM extension AS x
		JOIN pg_depend AS d ON d.refobjid = x.oid AND d.deptype = 'e'
		CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
		WHERE d.refclassid = 'pg_extension'::regclass::oid
			AND d.objid <> ALL (x.extconfig)
			AND d.classid <> ALL (ARRAY['pg_proc'::regclass::oid, 'pg_event_trigger'::regclass::oid, 'pg_type'::regclass::oid])
		UNION ALL
		SELECT 'comment', d."table", d.label,
			   format('COMMENT ON %s IS %L;', d.called, c.description),
			   format('COMMENT ON %s IS NULL;', d.called)
		FROM described AS d
		JOIN pg_description AS c ON c.classoid = d.class AND c.objoid = d.oid AND c.objsubid = d.number
		UNION ALL
		SELECT format('security label (%s)', l.provider), d."table", d.label,
			   format('SECURITY LABEL FOR %I ON %s IS %L;', l.provider, d.called, l.label),
			   format('SECURITY LABEL FOR %I ON %s IS NULL;', l.provider, d.called)
		FROM described AS d
		JOIN pg_seclabel AS l ON l.classoid = d.class AND l.objoid = d.oid AND l.objsubid = d.number
	-- What should be there, as scripts/expected writes it. {schema} stands for the
	-- schema, because it may be renamed.
	), list(kind, "table", name, made) AS (VALUES
		-- Generated: make expected
		('NOT NULL', 'courses', 'column courses.created_at', 'ALTER TABLE {schema}.courses ALTER COLUMN created_at SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.description', 'ALTER TABLE {schema}.courses ALTER COLUMN description SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.id', 'ALTER TABLE {schema}.courses ALTER COLUMN id SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.is_open', 'ALTER TABLE {schema}.courses ALTER COLUMN is_open SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.is_published', 'ALTER TABLE {schema}.courses ALTER COLUMN is_published SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.is_sequential', 'ALTER TABLE {schema}.courses ALTER COLUMN is_sequential SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.metadata', 'ALTER TABLE {schema}.courses ALTER COLUMN metadata SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.progress_by', 'ALTER TABLE {schema}.courses ALTER COLUMN progress_by SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.slug', 'ALTER TABLE {schema}.courses ALTER COLUMN slug SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.sort_order', 'ALTER TABLE {schema}.courses ALTER COLUMN sort_order SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.tier_required', 'ALTER TABLE {schema}.courses ALTER COLUMN tier_required SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.title', 'ALTER TABLE {schema}.courses ALTER COLUMN title SET NOT NULL;'),
		('NOT NULL', 'courses', 'column courses.updated_at', 'ALTER TABLE {schema}.courses ALTER COLUMN updated_at SET NOT NULL;'),
		('column', 'courses', 'access_period', 'ALTER TABLE {schema}.courses ALTER COLUMN access_period TYPE interval;'),
		('column', 'courses', 'certificate_valid_for', 'ALTER TABLE {schema}.courses ALTER COLUMN certificate_valid_for TYPE interval;'),
		('column', 'courses', 'completion_threshold', 'ALTER TABLE {schema}.courses ALTER COLUMN completion_threshold TYPE integer;'),
		('column', 'courses', 'created_at', 'ALTER TABLE {schema}.courses ALTER COLUMN created_at TYPE timestamp with time zone;'),
		('column', 'courses', 'description', 'ALTER TABLE {schema}.courses ALTER COLUMN description TYPE text;'),
		('column', 'courses', 'id', 'ALTER TABLE {schema}.courses ALTER COLUMN id TYPE uuid;'),
		('column', 'courses', 'is_open', 'ALTER TABLE {schema}.courses ALTER COLUMN is_open TYPE boolean;'),
		('column', 'courses', 'is_published', 'ALTER TABLE {schema}.courses ALTER COLUMN is_published TYPE boolean;'),
		('column', 'courses', 'is_sequential', 'ALTER TABLE {schema}.courses ALTER COLUMN is_sequential TYPE boolean;'),
		('column', 'courses', 'metadata', 'ALTER TABLE {schema}.courses ALTER COLUMN metadata TYPE jsonb;'),
		('column', 'courses', 'progress_by', 'ALTER TABLE {schema}.courses ALTER COLUMN progress_by TYPE text;'),
		('column', 'courses', 'slug', 'ALTER TABLE {schema}.courses ALTER COLUMN slug TYPE text;'),
		('column', 'courses', 'sort_order', 'ALTER TABLE {schema}.courses ALTER COLUMN sort_order TYPE integer;'),
		('column', 'courses', 'stage', 'ALTER TABLE {schema}.courses ALTER COLUMN stage TYPE text;'),
		('column', 'courses', 'thumbnail_url', 'ALTER TABLE {schema}.courses ALTER COLUMN thumbnail_url TYPE text;'),
		('column', 'courses', 'tier_required', 'ALTER TABLE {schema}.courses ALTER COLUMN tier_required TYPE text;'),
		('column', 'courses', 'title', 'ALTER TABLE {schema}.courses ALTER COLUMN title TYPE text;'),
		('column', 'courses', 'topic', 'ALTER TABLE {schema}.courses ALTER COLUMN topic TYPE text;'),
		('column', 'courses', 'updated_at', 'ALTER TABLE {schema}.courses ALTER COLUMN updated_at TYPE timestamp with time zone;'),
		('comment', 'courses', 'column courses.access_period', 'COMMENT ON COLUMN {schema}.courses.access_period IS ''How long an enrollment that is made now gives access; NULL for good.'';'),
		('comment', 'courses', 'column courses.certificate_valid_for', 'COMMENT ON COLUMN {schema}.courses.certificate_valid_for IS ''How long after completing the course a certificate that is issued now is valid; NULL for good.'';'),
		('comment', 'courses', 'column courses.completion_threshold', 'COMMENT ON COLUMN {schema}.courses.completion_threshold IS ''Percent of a lesson that must be watched to complete it; NULL inherits content_library.completion_threshold.'';'),
		('comment', 'courses', 'column courses.is_open', 'COMMENT ON COLUMN {schema}.courses.is_open IS ''Whether learners may enroll; those who are enrolled go on either way.'';'),
		('comment', 'courses', 'column courses.is_sequential', 'COMMENT ON COLUMN {schema}.courses.is_sequential IS ''Whether a lesson opens only when every required lesson before it is completed.'';'),
		('comment', 'courses', 'column courses.metadata', 'COMMENT ON COLUMN {schema}.courses.metadata IS ''The application''''s own attributes, a JSON object; a column added to this table would be lost in a dump, this is not.'';'),
		('comment', 'courses', 'column courses.progress_by', 'COMMENT ON COLUMN {schema}.courses.progress_by IS ''What moves watched_pct: report (the percentage that a player claims), watch (the seconds that were played, no faster than the clock) or server (service_role and the editors of the course).'';'),
		('comment', 'courses', 'courses', 'COMMENT ON TABLE {schema}.courses IS ''A course: modules of lessons, seen by learners once it is published.'';'),
		('constraint', 'courses', 'courses_access_period_check', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_access_period_check CHECK ((EXTRACT(epoch FROM access_period) > (0)::numeric));'),
		('constraint', 'courses', 'courses_certificate_valid_for_check', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_certificate_valid_for_check CHECK ((EXTRACT(epoch FROM certificate_valid_for) > (0)::numeric));'),
		('constraint', 'courses', 'courses_completion_threshold_check', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_completion_threshold_check CHECK (((completion_threshold >= 1) AND (completion_threshold <= 100)));'),
		('constraint', 'courses', 'courses_metadata_check', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_metadata_check CHECK ((jsonb_typeof(metadata) = ''object''::text));'),
		('constraint', 'courses', 'courses_pkey', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_pkey PRIMARY KEY (id);'),
		('constraint', 'courses', 'courses_progress_by_check', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_progress_by_check CHECK ((progress_by = ANY (ARRAY[''report''::text, ''watch''::text, ''server''::text])));'),
		('constraint', 'courses', 'courses_slug_key', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_slug_key UNIQUE (slug);'),
		('constraint', 'courses', 'courses_tier_required_check', 'ALTER TABLE {schema}.courses ADD CONSTRAINT courses_tier_required_check CHECK ((tier_required = ANY (ARRAY[''free''::text, ''pro''::text, ''studio''::text])));'),
		('default', 'courses', 'column courses.created_at', 'ALTER TABLE {schema}.courses ALTER COLUMN created_at SET DEFAULT now();'),
		('default', 'courses', 'column courses.description', 'ALTER TABLE {schema}.courses ALTER COLUMN description SET DEFAULT ''''::text;'),
		('default', 'courses', 'column courses.id', 'ALTER TABLE {schema}.courses ALTER COLUMN id SET DEFAULT gen_random_uuid();'),
		('default', 'courses', 'column courses.is_open', 'ALTER TABLE {schema}.courses ALTER COLUMN is_open SET DEFAULT true;'),
		('default', 'courses', 'column courses.is_published', 'ALTER TABLE {schema}.courses ALTER COLUMN is_published SET DEFAULT false;'),
		('default', 'courses', 'column courses.is_sequential', 'ALTER TABLE {schema}.courses ALTER COLUMN is_sequential SET DEFAULT false;'),
		('default', 'courses', 'column courses.metadata', 'ALTER TABLE {schema}.courses ALTER COLUMN metadata SET DEFAULT ''{}''::jsonb;'),
		('default', 'courses', 'column courses.progress_by', 'ALTER TABLE {schema}.courses ALTER COLUMN progress_by SET DEFAULT ''report''::text;'),
		('default', 'courses', 'column courses.sort_order', 'ALTER TABLE {schema}.courses ALTER COLUMN sort_order SET DEFAULT 0;'),
		('default', 'courses', 'column courses.tier_required', 'ALTER TABLE {schema}.courses ALTER COLUMN tier_required SET DEFAULT ''free''::text;'),
		('default', 'courses', 'column courses.updated_at', 'ALTER TABLE {schema}.courses ALTER COLUMN updated_at SET DEFAULT now();'),
		('index', 'courses', 'idx_courses_published', 'CREATE INDEX idx_courses_published ON {schema}.courses USING btree (is_published);'),
		('index', 'courses', 'idx_courses_stage', 'CREATE INDEX idx_courses_stage ON {schema}.courses USING btree (stage);'),
		('index', 'courses', 'idx_courses_topic', 'CREATE INDEX idx_courses_topic ON {schema}.courses USING btree (topic);'),
		('policy', 'courses', 'Authenticated users can read published courses', 'CREATE POLICY "Authenticated users can read published courses" ON {schema}.courses FOR SELECT TO authenticated USING ((is_published = true));'),
		('policy', 'courses', 'Editors change their courses', 'CREATE POLICY "Editors change their courses" ON {schema}.courses FOR UPDATE TO authenticated USING ({schema}.content_library_is_staff(id, ''editor''::text)) WITH CHECK ({schema}.content_library_is_staff(id, ''editor''::text));'),
		('policy', 'courses', 'Editors delete their courses', 'CREATE POLICY "Editors delete their courses" ON {schema}.courses FOR DELETE TO authenticated USING ({schema}.content_library_is_staff(id, ''editor''::text));'),
		('policy', 'courses', 'Service role manages courses', 'CREATE POLICY "Service role manages courses" ON {schema}.courses FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'courses', 'Staff can read their courses', 'CREATE POLICY "Staff can read their courses" ON {schema}.courses FOR SELECT TO authenticated USING (
CASE
    WHEN is_published THEN false
    ELSE {schema}.content_library_is_staff(id, ''viewer''::text)
END);'),
		('row-level security', 'courses', 'courses', 'ALTER TABLE {schema}.courses ENABLE ROW LEVEL SECURITY;'),
		('trigger', 'courses', 'set_updated_at', 'CREATE TRIGGER set_updated_at BEFORE UPDATE ON {schema}.courses FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION {schema}.content_library_set_updated_at();'),
		('NOT NULL', 'course_prerequisites', 'column course_prerequisites.course_id', 'ALTER TABLE {schema}.course_prerequisites ALTER COLUMN course_id SET NOT NULL;'),
		('NOT NULL', 'course_prerequisites', 'column course_prerequisites.required_course_id', 'ALTER TABLE {schema}.course_prerequisites ALTER COLUMN required_course_id SET NOT NULL;'),
		('column', 'course_prerequisites', 'course_id', 'ALTER TABLE {schema}.course_prerequisites ALTER COLUMN course_id TYPE uuid;'),
		('column', 'course_prerequisites', 'required_course_id', 'ALTER TABLE {schema}.course_prerequisites ALTER COLUMN required_course_id TYPE uuid;'),
		('comment', 'course_prerequisites', 'course_prerequisites', 'COMMENT ON TABLE {schema}.course_prerequisites IS ''The courses that a learner must have completed to enroll in a course.'';'),
		('constraint', 'course_prerequisites', 'course_prerequisites_check', 'ALTER TABLE {schema}.course_prerequisites ADD CONSTRAINT course_prerequisites_check CHECK ((course_id <> required_course_id));'),
		('constraint', 'course_prerequisites', 'course_prerequisites_course_id_fkey', 'ALTER TABLE {schema}.course_prerequisites ADD CONSTRAINT course_prerequisites_course_id_fkey FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE;'),
		('constraint', 'course_prerequisites', 'course_prerequisites_pkey', 'ALTER TABLE {schema}.course_prerequisites ADD CONSTRAINT course_prerequisites_pkey PRIMARY KEY (course_id, required_course_id);'),
		('constraint', 'course_prerequisites', 'course_prerequisites_required_course_id_fkey', 'ALTER TABLE {schema}.course_prerequisites ADD CONSTRAINT course_prerequisites_required_course_id_fkey FOREIGN KEY (required_course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE;'),
		('index', 'course_prerequisites', 'idx_course_prerequisites_required', 'CREATE INDEX idx_course_prerequisites_required ON {schema}.course_prerequisites USING btree (required_course_id);'),
		('policy', 'course_prerequisites', 'Authenticated users can read prerequisites of visible courses', 'CREATE POLICY "Authenticated users can read prerequisites of visible courses" ON {schema}.course_prerequisites FOR SELECT TO authenticated USING ((EXISTS ( SELECT
   FROM {schema}.courses c
  WHERE (c.id = course_prerequisites.course_id))));'),
		('policy', 'course_prerequisites', 'Service role manages course_prerequisites', 'CREATE POLICY "Service role manages course_prerequisites" ON {schema}.course_prerequisites FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('row-level security', 'course_prerequisites', 'course_prerequisites', 'ALTER TABLE {schema}.course_prerequisites ENABLE ROW LEVEL SECURITY;'),
		('NOT NULL', 'course_staff', 'column course_staff.course_id', 'ALTER TABLE {schema}.course_staff ALTER COLUMN course_id SET NOT NULL;'),
		('NOT NULL', 'course_staff', 'column course_staff.created_at', 'ALTER TABLE {schema}.course_staff ALTER COLUMN created_at SET NOT NULL;'),
		('NOT NULL', 'course_staff', 'column course_staff.role', 'ALTER TABLE {schema}.course_staff ALTER COLUMN role SET NOT NULL;'),
		('NOT NULL', 'course_staff', 'column course_staff.user_id', 'ALTER TABLE {schema}.course_staff ALTER COLUMN user_id SET NOT NULL;'),
		('column', 'course_staff', 'course_id', 'ALTER TABLE {schema}.course_staff ALTER COLUMN course_id TYPE uuid;'),
		('column', 'course_staff', 'created_at', 'ALTER TABLE {schema}.course_staff ALTER COLUMN created_at TYPE timestamp with time zone;'),
		('column', 'course_staff', 'role', 'ALTER TABLE {schema}.course_staff ALTER COLUMN role TYPE text;'),
		('column', 'course_staff', 'user_id', 'ALTER TABLE {schema}.course_staff ALTER COLUMN user_id TYPE uuid;'),
		('comment', 'course_staff', 'column course_staff.role', 'COMMENT ON COLUMN {schema}.course_staff.role IS ''viewer: sees the reports, and the course as it is made; editor: changes it, too.'';'),
		('comment', 'course_staff', 'course_staff', 'COMMENT ON TABLE {schema}.course_staff IS ''The instructors of a course, who sign in as learners do.'';'),
		('constraint', 'course_staff', 'course_staff_course_id_fkey', 'ALTER TABLE {schema}.course_staff ADD CONSTRAINT course_staff_course_id_fkey FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE;'),
		('constraint', 'course_staff', 'course_staff_pkey', 'ALTER TABLE {schema}.course_staff ADD CONSTRAINT course_staff_pkey PRIMARY KEY (user_id, course_id);'),
		('constraint', 'course_staff', 'course_staff_role_check', 'ALTER TABLE {schema}.course_staff ADD CONSTRAINT course_staff_role_check CHECK ((role = ANY (ARRAY[''viewer''::text, ''editor''::text])));'),
		('constraint', 'course_staff', 'course_staff_user_id_fkey', 'ALTER TABLE {schema}.course_staff ADD CONSTRAINT course_staff_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;'),
		('default', 'course_staff', 'column course_staff.created_at', 'ALTER TABLE {schema}.course_staff ALTER COLUMN created_at SET DEFAULT now();'),
		('index', 'course_staff', 'idx_course_staff_course_id', 'CREATE INDEX idx_course_staff_course_id ON {schema}.course_staff USING btree (course_id);'),
		('policy', 'course_staff', 'Service role manages course_staff', 'CREATE POLICY "Service role manages course_staff" ON {schema}.course_staff FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'course_staff', 'Staff read own rows', 'CREATE POLICY "Staff read own rows" ON {schema}.course_staff FOR SELECT TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id));'),
		('row-level security', 'course_staff', 'course_staff', 'ALTER TABLE {schema}.course_staff ENABLE ROW LEVEL SECURITY;'),
		('NOT NULL', 'modules', 'column modules.course_id', 'ALTER TABLE {schema}.modules ALTER COLUMN course_id SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.created_at', 'ALTER TABLE {schema}.modules ALTER COLUMN created_at SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.description', 'ALTER TABLE {schema}.modules ALTER COLUMN description SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.id', 'ALTER TABLE {schema}.modules ALTER COLUMN id SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.metadata', 'ALTER TABLE {schema}.modules ALTER COLUMN metadata SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.sort_order', 'ALTER TABLE {schema}.modules ALTER COLUMN sort_order SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.title', 'ALTER TABLE {schema}.modules ALTER COLUMN title SET NOT NULL;'),
		('NOT NULL', 'modules', 'column modules.updated_at', 'ALTER TABLE {schema}.modules ALTER COLUMN updated_at SET NOT NULL;'),
		('column', 'modules', 'course_id', 'ALTER TABLE {schema}.modules ALTER COLUMN course_id TYPE uuid;'),
		('column', 'modules', 'created_at', 'ALTER TABLE {schema}.modules ALTER COLUMN created_at TYPE timestamp with time zone;'),
		('column', 'modules', 'description', 'ALTER TABLE {schema}.modules ALTER COLUMN description TYPE text;'),
		('column', 'modules', 'id', 'ALTER TABLE {schema}.modules ALTER COLUMN id TYPE uuid;'),
		('column', 'modules', 'metadata', 'ALTER TABLE {schema}.modules ALTER COLUMN metadata TYPE jsonb;'),
		('column', 'modules', 'sort_order', 'ALTER TABLE {schema}.modules ALTER COLUMN sort_order TYPE integer;'),
		('column', 'modules', 'title', 'ALTER TABLE {schema}.modules ALTER COLUMN title TYPE text;'),
		('column', 'modules', 'unlock_after', 'ALTER TABLE {schema}.modules ALTER COLUMN unlock_after TYPE interval;'),
		('column', 'modules', 'unlock_at', 'ALTER TABLE {schema}.modules ALTER COLUMN unlock_at TYPE timestamp with time zone;'),
		('column', 'modules', 'updated_at', 'ALTER TABLE {schema}.modules ALTER COLUMN updated_at TYPE timestamp with time zone;'),
		('comment', 'modules', 'column modules.metadata', 'COMMENT ON COLUMN {schema}.modules.metadata IS ''The application''''s own attributes, a JSON object.'';'),
		('comment', 'modules', 'column modules.unlock_after', 'COMMENT ON COLUMN {schema}.modules.unlock_after IS ''How long after enrolling the lessons of the module open; NULL for at once.'';'),
		('comment', 'modules', 'column modules.unlock_at', 'COMMENT ON COLUMN {schema}.modules.unlock_at IS ''When the lessons of the module open; NULL for at once.'';'),
		('comment', 'modules', 'modules', 'COMMENT ON TABLE {schema}.modules IS ''A module: a part of one course.'';'),
		('constraint', 'modules', 'modules_course_id_fkey', 'ALTER TABLE {schema}.modules ADD CONSTRAINT modules_course_id_fkey FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE;'),
		('constraint', 'modules', 'modules_metadata_check', 'ALTER TABLE {schema}.modules ADD CONSTRAINT modules_metadata_check CHECK ((jsonb_typeof(metadata) = ''object''::text));'),
		('constraint', 'modules', 'modules_pkey', 'ALTER TABLE {schema}.modules ADD CONSTRAINT modules_pkey PRIMARY KEY (id);'),
		('constraint', 'modules', 'modules_unlock_after_check', 'ALTER TABLE {schema}.modules ADD CONSTRAINT modules_unlock_after_check CHECK ((EXTRACT(epoch FROM unlock_after) >= (0)::numeric));'),
		('default', 'modules', 'column modules.created_at', 'ALTER TABLE {schema}.modules ALTER COLUMN created_at SET DEFAULT now();'),
		('default', 'modules', 'column modules.description', 'ALTER TABLE {schema}.modules ALTER COLUMN description SET DEFAULT ''''::text;'),
		('default', 'modules', 'column modules.id', 'ALTER TABLE {schema}.modules ALTER COLUMN id SET DEFAULT gen_random_uuid();'),
		('default', 'modules', 'column modules.metadata', 'ALTER TABLE {schema}.modules ALTER COLUMN metadata SET DEFAULT ''{}''::jsonb;'),
		('default', 'modules', 'column modules.sort_order', 'ALTER TABLE {schema}.modules ALTER COLUMN sort_order SET DEFAULT 0;'),
		('default', 'modules', 'column modules.updated_at', 'ALTER TABLE {schema}.modules ALTER COLUMN updated_at SET DEFAULT now();'),
		('index', 'modules', 'idx_modules_course_id', 'CREATE INDEX idx_modules_course_id ON {schema}.modules USING btree (course_id);'),
		('policy', 'modules', 'Authenticated users can read modules', 'CREATE POLICY "Authenticated users can read modules" ON {schema}.modules FOR SELECT TO authenticated USING (true);'),
		('policy', 'modules', 'Editors add modules', 'CREATE POLICY "Editors add modules" ON {schema}.modules FOR INSERT TO authenticated WITH CHECK ({schema}.content_library_is_staff(course_id, ''editor''::text));'),
		('policy', 'modules', 'Editors change their modules', 'CREATE POLICY "Editors change their modules" ON {schema}.modules FOR UPDATE TO authenticated USING ({schema}.content_library_is_staff(course_id, ''editor''::text)) WITH CHECK ({schema}.content_library_is_staff(course_id, ''editor''::text));'),
		('policy', 'modules', 'Editors delete their modules', 'CREATE POLICY "Editors delete their modules" ON {schema}.modules FOR DELETE TO authenticated USING ({schema}.content_library_is_staff(course_id, ''editor''::text));'),
		('policy', 'modules', 'Service role manages modules', 'CREATE POLICY "Service role manages modules" ON {schema}.modules FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'modules', 'Strict: modules of visible courses', 'CREATE POLICY "Strict: modules of visible courses" ON {schema}.modules AS RESTRICTIVE FOR SELECT TO authenticated USING ((( SELECT has_table_privilege(''authenticated''::name, (''{schema}.content_progress''::regclass)::oid, ''INSERT''::text) AS has_table_privilege) OR {schema}.content_library_sees_course(course_id)));'),
		('row-level security', 'modules', 'modules', 'ALTER TABLE {schema}.modules ENABLE ROW LEVEL SECURITY;'),
		('trigger', 'modules', 'claim_after_delete', 'CREATE TRIGGER claim_after_delete AFTER DELETE ON {schema}.modules REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'modules', 'claim_after_update', 'CREATE TRIGGER claim_after_update AFTER UPDATE ON {schema}.modules REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'modules', 'set_updated_at', 'CREATE TRIGGER set_updated_at BEFORE UPDATE ON {schema}.modules FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION {schema}.content_library_set_updated_at();'),
		('NOT NULL', 'lessons', 'column lessons.created_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN created_at SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.description', 'ALTER TABLE {schema}.lessons ALTER COLUMN description SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.id', 'ALTER TABLE {schema}.lessons ALTER COLUMN id SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.is_preview', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_preview SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.is_published', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_published SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.is_required', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_required SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.metadata', 'ALTER TABLE {schema}.lessons ALTER COLUMN metadata SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.module_id', 'ALTER TABLE {schema}.lessons ALTER COLUMN module_id SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.mux_status', 'ALTER TABLE {schema}.lessons ALTER COLUMN mux_status SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.sort_order', 'ALTER TABLE {schema}.lessons ALTER COLUMN sort_order SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.title', 'ALTER TABLE {schema}.lessons ALTER COLUMN title SET NOT NULL;'),
		('NOT NULL', 'lessons', 'column lessons.updated_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN updated_at SET NOT NULL;'),
		('column', 'lessons', 'completion_threshold', 'ALTER TABLE {schema}.lessons ALTER COLUMN completion_threshold TYPE integer;'),
		('column', 'lessons', 'created_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN created_at TYPE timestamp with time zone;'),
		('column', 'lessons', 'description', 'ALTER TABLE {schema}.lessons ALTER COLUMN description TYPE text;'),
		('column', 'lessons', 'duration_seconds', 'ALTER TABLE {schema}.lessons ALTER COLUMN duration_seconds TYPE integer;'),
		('column', 'lessons', 'id', 'ALTER TABLE {schema}.lessons ALTER COLUMN id TYPE uuid;'),
		('column', 'lessons', 'is_preview', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_preview TYPE boolean;'),
		('column', 'lessons', 'is_published', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_published TYPE boolean;'),
		('column', 'lessons', 'is_required', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_required TYPE boolean;'),
		('column', 'lessons', 'metadata', 'ALTER TABLE {schema}.lessons ALTER COLUMN metadata TYPE jsonb;'),
		('column', 'lessons', 'module_id', 'ALTER TABLE {schema}.lessons ALTER COLUMN module_id TYPE uuid;'),
		('column', 'lessons', 'mux_asset_id', 'ALTER TABLE {schema}.lessons ALTER COLUMN mux_asset_id TYPE text;'),
		('column', 'lessons', 'mux_playback_id', 'ALTER TABLE {schema}.lessons ALTER COLUMN mux_playback_id TYPE text;'),
		('column', 'lessons', 'mux_status', 'ALTER TABLE {schema}.lessons ALTER COLUMN mux_status TYPE text;'),
		('column', 'lessons', 'mux_upload_id', 'ALTER TABLE {schema}.lessons ALTER COLUMN mux_upload_id TYPE text;'),
		('column', 'lessons', 'progress_by', 'ALTER TABLE {schema}.lessons ALTER COLUMN progress_by TYPE text;'),
		('column', 'lessons', 'sort_order', 'ALTER TABLE {schema}.lessons ALTER COLUMN sort_order TYPE integer;'),
		('column', 'lessons', 'title', 'ALTER TABLE {schema}.lessons ALTER COLUMN title TYPE text;'),
		('column', 'lessons', 'unlock_after', 'ALTER TABLE {schema}.lessons ALTER COLUMN unlock_after TYPE interval;'),
		('column', 'lessons', 'unlock_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN unlock_at TYPE timestamp with time zone;'),
		('column', 'lessons', 'updated_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN updated_at TYPE timestamp with time zone;'),
		('comment', 'lessons', 'column lessons.completion_threshold', 'COMMENT ON COLUMN {schema}.lessons.completion_threshold IS ''Percent that must be watched to complete the lesson; NULL inherits the course''''s.'';'),
		('comment', 'lessons', 'column lessons.is_published', 'COMMENT ON COLUMN {schema}.lessons.is_published IS ''Whether learners see the lesson; a draft counts for nothing.'';'),
		('comment', 'lessons', 'column lessons.is_required', 'COMMENT ON COLUMN {schema}.lessons.is_required IS ''Whether the lesson counts towards the completion of its course.'';'),
		('comment', 'lessons', 'column lessons.metadata', 'COMMENT ON COLUMN {schema}.lessons.metadata IS ''The application''''s own attributes, a JSON object.'';'),
		('comment', 'lessons', 'column lessons.progress_by', 'COMMENT ON COLUMN {schema}.lessons.progress_by IS ''What moves watched_pct of the lesson: report, watch or server; NULL inherits the course''''s.'';'),
		('comment', 'lessons', 'column lessons.unlock_after', 'COMMENT ON COLUMN {schema}.lessons.unlock_after IS ''How long after enrolling the lesson opens; NULL for at once.'';'),
		('comment', 'lessons', 'column lessons.unlock_at', 'COMMENT ON COLUMN {schema}.lessons.unlock_at IS ''When the lesson opens; NULL for at once.'';'),
		('comment', 'lessons', 'lessons', 'COMMENT ON TABLE {schema}.lessons IS ''A lesson. Most have one video.'';'),
		('constraint', 'lessons', 'lessons_completion_threshold_check', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_completion_threshold_check CHECK (((completion_threshold >= 1) AND (completion_threshold <= 100)));'),
		('constraint', 'lessons', 'lessons_metadata_check', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_metadata_check CHECK ((jsonb_typeof(metadata) = ''object''::text));'),
		('constraint', 'lessons', 'lessons_module_id_fkey', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_module_id_fkey FOREIGN KEY (module_id) REFERENCES {schema}.modules(id) ON DELETE CASCADE;'),
		('constraint', 'lessons', 'lessons_mux_status_check', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_mux_status_check CHECK ((mux_status = ANY (ARRAY[''pending''::text, ''processing''::text, ''ready''::text, ''error''::text])));'),
		('constraint', 'lessons', 'lessons_pkey', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_pkey PRIMARY KEY (id);'),
		('constraint', 'lessons', 'lessons_progress_by_check', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_progress_by_check CHECK ((progress_by = ANY (ARRAY[''report''::text, ''watch''::text, ''server''::text])));'),
		('constraint', 'lessons', 'lessons_unlock_after_check', 'ALTER TABLE {schema}.lessons ADD CONSTRAINT lessons_unlock_after_check CHECK ((EXTRACT(epoch FROM unlock_after) >= (0)::numeric));'),
		('default', 'lessons', 'column lessons.created_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN created_at SET DEFAULT now();'),
		('default', 'lessons', 'column lessons.description', 'ALTER TABLE {schema}.lessons ALTER COLUMN description SET DEFAULT ''''::text;'),
		('default', 'lessons', 'column lessons.id', 'ALTER TABLE {schema}.lessons ALTER COLUMN id SET DEFAULT gen_random_uuid();'),
		('default', 'lessons', 'column lessons.is_preview', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_preview SET DEFAULT false;'),
		('default', 'lessons', 'column lessons.is_published', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_published SET DEFAULT true;'),
		('default', 'lessons', 'column lessons.is_required', 'ALTER TABLE {schema}.lessons ALTER COLUMN is_required SET DEFAULT true;'),
		('default', 'lessons', 'column lessons.metadata', 'ALTER TABLE {schema}.lessons ALTER COLUMN metadata SET DEFAULT ''{}''::jsonb;'),
		('default', 'lessons', 'column lessons.mux_status', 'ALTER TABLE {schema}.lessons ALTER COLUMN mux_status SET DEFAULT ''pending''::text;'),
		('default', 'lessons', 'column lessons.sort_order', 'ALTER TABLE {schema}.lessons ALTER COLUMN sort_order SET DEFAULT 0;'),
		('default', 'lessons', 'column lessons.updated_at', 'ALTER TABLE {schema}.lessons ALTER COLUMN updated_at SET DEFAULT now();'),
		('index', 'lessons', 'idx_lessons_module_id', 'CREATE INDEX idx_lessons_module_id ON {schema}.lessons USING btree (module_id);'),
		('index', 'lessons', 'idx_lessons_mux_asset_id', 'CREATE INDEX idx_lessons_mux_asset_id ON {schema}.lessons USING btree (mux_asset_id);'),
		('index', 'lessons', 'idx_lessons_mux_upload_id', 'CREATE INDEX idx_lessons_mux_upload_id ON {schema}.lessons USING btree (mux_upload_id);'),
		('policy', 'lessons', 'Authenticated users can read lessons', 'CREATE POLICY "Authenticated users can read lessons" ON {schema}.lessons FOR SELECT TO authenticated USING (true);'),
		('policy', 'lessons', 'Editors add lessons', 'CREATE POLICY "Editors add lessons" ON {schema}.lessons FOR INSERT TO authenticated WITH CHECK ((EXISTS ( SELECT
   FROM {schema}.modules m
  WHERE ((m.id = lessons.module_id) AND {schema}.content_library_is_staff(m.course_id, ''editor''::text)))));'),
		('policy', 'lessons', 'Editors change their lessons', 'CREATE POLICY "Editors change their lessons" ON {schema}.lessons FOR UPDATE TO authenticated USING ((EXISTS ( SELECT
   FROM {schema}.modules m
  WHERE ((m.id = lessons.module_id) AND {schema}.content_library_is_staff(m.course_id, ''editor''::text))))) WITH CHECK ((EXISTS ( SELECT
   FROM {schema}.modules m
  WHERE ((m.id = lessons.module_id) AND {schema}.content_library_is_staff(m.course_id, ''editor''::text)))));'),
		('policy', 'lessons', 'Editors delete their lessons', 'CREATE POLICY "Editors delete their lessons" ON {schema}.lessons FOR DELETE TO authenticated USING ((EXISTS ( SELECT
   FROM {schema}.modules m
  WHERE ((m.id = lessons.module_id) AND {schema}.content_library_is_staff(m.course_id, ''editor''::text)))));'),
		('policy', 'lessons', 'Service role manages lessons', 'CREATE POLICY "Service role manages lessons" ON {schema}.lessons FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'lessons', 'Strict: lessons that may be watched', 'CREATE POLICY "Strict: lessons that may be watched" ON {schema}.lessons AS RESTRICTIVE FOR SELECT TO authenticated USING ((( SELECT has_table_privilege(''authenticated''::name, (''{schema}.content_progress''::regclass)::oid, ''INSERT''::text) AS has_table_privilege) OR {schema}.content_library_reads_lesson(module_id, is_published, is_preview)));'),
		('row-level security', 'lessons', 'lessons', 'ALTER TABLE {schema}.lessons ENABLE ROW LEVEL SECURITY;'),
		('trigger', 'lessons', 'bind_mux_upload', 'CREATE TRIGGER bind_mux_upload BEFORE UPDATE ON {schema}.lessons FOR EACH ROW WHEN (((old.mux_upload_id IS DISTINCT FROM new.mux_upload_id) OR ((new.mux_upload_id IS NULL) AND (old.mux_asset_id IS DISTINCT FROM new.mux_asset_id)))) EXECUTE FUNCTION {schema}.content_library_mux_bind();'),
		('trigger', 'lessons', 'bind_new_mux_upload', 'CREATE TRIGGER bind_new_mux_upload BEFORE INSERT ON {schema}.lessons FOR EACH ROW WHEN (((new.mux_playback_id IS NULL) AND (new.mux_status = ''pending''::text))) EXECUTE FUNCTION {schema}.content_library_mux_bind();'),
		('trigger', 'lessons', 'claim_after_delete', 'CREATE TRIGGER claim_after_delete AFTER DELETE ON {schema}.lessons REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'lessons', 'claim_after_update', 'CREATE TRIGGER claim_after_update AFTER UPDATE ON {schema}.lessons REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'lessons', 'set_updated_at', 'CREATE TRIGGER set_updated_at BEFORE UPDATE ON {schema}.lessons FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION {schema}.content_library_set_updated_at();'),
		('NOT NULL', 'enrollments', 'column enrollments.course_id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN course_id SET NOT NULL;'),
		('NOT NULL', 'enrollments', 'column enrollments.enrolled_at', 'ALTER TABLE {schema}.enrollments ALTER COLUMN enrolled_at SET NOT NULL;'),
		('NOT NULL', 'enrollments', 'column enrollments.granted', 'ALTER TABLE {schema}.enrollments ALTER COLUMN granted SET NOT NULL;'),
		('NOT NULL', 'enrollments', 'column enrollments.id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN id SET NOT NULL;'),
		('NOT NULL', 'enrollments', 'column enrollments.user_id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN user_id SET NOT NULL;'),
		('column', 'enrollments', 'completed_at', 'ALTER TABLE {schema}.enrollments ALTER COLUMN completed_at TYPE timestamp with time zone;'),
		('column', 'enrollments', 'course_id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN course_id TYPE uuid;'),
		('column', 'enrollments', 'enrolled_at', 'ALTER TABLE {schema}.enrollments ALTER COLUMN enrolled_at TYPE timestamp with time zone;'),
		('column', 'enrollments', 'expires_at', 'ALTER TABLE {schema}.enrollments ALTER COLUMN expires_at TYPE timestamp with time zone;'),
		('column', 'enrollments', 'granted', 'ALTER TABLE {schema}.enrollments ALTER COLUMN granted TYPE boolean;'),
		('column', 'enrollments', 'id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN id TYPE uuid;'),
		('column', 'enrollments', 'user_id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN user_id TYPE uuid;'),
		('comment', 'enrollments', 'column enrollments.completed_at', 'COMMENT ON COLUMN {schema}.enrollments.completed_at IS ''When the learner completed the last of the required lessons; lessons added later do not erase it.'';'),
		('comment', 'enrollments', 'column enrollments.expires_at', 'COMMENT ON COLUMN {schema}.enrollments.expires_at IS ''When access ends; NULL for never. What the learner has done stays.'';'),
		('comment', 'enrollments', 'column enrollments.granted', 'COMMENT ON COLUMN {schema}.enrollments.granted IS ''Whether the service has given access, whatever the learner''''s tier.'';'),
		('comment', 'enrollments', 'enrollments', 'COMMENT ON TABLE {schema}.enrollments IS ''A learner''''s place in a course.'';'),
		('constraint', 'enrollments', 'enrollments_course_id_fkey', 'ALTER TABLE {schema}.enrollments ADD CONSTRAINT enrollments_course_id_fkey FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE CASCADE;'),
		('constraint', 'enrollments', 'enrollments_pkey', 'ALTER TABLE {schema}.enrollments ADD CONSTRAINT enrollments_pkey PRIMARY KEY (id);'),
		('constraint', 'enrollments', 'enrollments_user_id_course_id_key', 'ALTER TABLE {schema}.enrollments ADD CONSTRAINT enrollments_user_id_course_id_key UNIQUE (user_id, course_id);'),
		('constraint', 'enrollments', 'enrollments_user_id_fkey', 'ALTER TABLE {schema}.enrollments ADD CONSTRAINT enrollments_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;'),
		('default', 'enrollments', 'column enrollments.enrolled_at', 'ALTER TABLE {schema}.enrollments ALTER COLUMN enrolled_at SET DEFAULT now();'),
		('default', 'enrollments', 'column enrollments.granted', 'ALTER TABLE {schema}.enrollments ALTER COLUMN granted SET DEFAULT false;'),
		('default', 'enrollments', 'column enrollments.id', 'ALTER TABLE {schema}.enrollments ALTER COLUMN id SET DEFAULT gen_random_uuid();'),
		('index', 'enrollments', 'idx_enrollments_completed_at', 'CREATE INDEX idx_enrollments_completed_at ON {schema}.enrollments USING btree (course_id, completed_at);'),
		('index', 'enrollments', 'idx_enrollments_course_id', 'CREATE INDEX idx_enrollments_course_id ON {schema}.enrollments USING btree (course_id, enrolled_at, user_id);'),
		('index', 'enrollments', 'idx_enrollments_sample', 'CREATE INDEX idx_enrollments_sample ON {schema}.enrollments USING btree (course_id, uuid_hash(user_id), user_id);'),
		('index', 'enrollments', 'idx_enrollments_user_id', 'CREATE INDEX idx_enrollments_user_id ON {schema}.enrollments USING btree (user_id);'),
		('policy', 'enrollments', 'Service role manages enrollments', 'CREATE POLICY "Service role manages enrollments" ON {schema}.enrollments FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'enrollments', 'Users create own enrollments', 'CREATE POLICY "Users create own enrollments" ON {schema}.enrollments FOR INSERT TO authenticated WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));'),
		('policy', 'enrollments', 'Users read own enrollments', 'CREATE POLICY "Users read own enrollments" ON {schema}.enrollments FOR SELECT TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id));'),
		('row-level security', 'enrollments', 'enrollments', 'ALTER TABLE {schema}.enrollments ENABLE ROW LEVEL SECURITY;'),
		('trigger', 'enrollments', 'begin_access', 'CREATE TRIGGER begin_access BEFORE INSERT ON {schema}.enrollments FOR EACH ROW WHEN ((NOT has_column_privilege((''{schema}.enrollments''::regclass)::oid, ''expires_at''::text, ''INSERT''::text))) EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'enrollments', 'claim_after_insert', 'CREATE TRIGGER claim_after_insert AFTER INSERT ON {schema}.enrollments FOR EACH ROW EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'enrollments', 'claim_after_update', 'CREATE TRIGGER claim_after_update AFTER UPDATE OF user_id, course_id ON {schema}.enrollments FOR EACH ROW EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'enrollments', 'lock_learner', 'CREATE TRIGGER lock_learner BEFORE INSERT ON {schema}.enrollments FOR EACH ROW EXECUTE FUNCTION {schema}.content_library_on_change(''lock'');'),
		('NOT NULL', 'content_progress', 'column content_progress.completed', 'ALTER TABLE {schema}.content_progress ALTER COLUMN completed SET NOT NULL;'),
		('NOT NULL', 'content_progress', 'column content_progress.id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN id SET NOT NULL;'),
		('NOT NULL', 'content_progress', 'column content_progress.last_watched', 'ALTER TABLE {schema}.content_progress ALTER COLUMN last_watched SET NOT NULL;'),
		('NOT NULL', 'content_progress', 'column content_progress.lesson_id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN lesson_id SET NOT NULL;'),
		('NOT NULL', 'content_progress', 'column content_progress.user_id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN user_id SET NOT NULL;'),
		('NOT NULL', 'content_progress', 'column content_progress.watched', 'ALTER TABLE {schema}.content_progress ALTER COLUMN watched SET NOT NULL;'),
		('NOT NULL', 'content_progress', 'column content_progress.watched_pct', 'ALTER TABLE {schema}.content_progress ALTER COLUMN watched_pct SET NOT NULL;'),
		('column', 'content_progress', 'completed', 'ALTER TABLE {schema}.content_progress ALTER COLUMN completed TYPE boolean;'),
		('column', 'content_progress', 'completed_at', 'ALTER TABLE {schema}.content_progress ALTER COLUMN completed_at TYPE timestamp with time zone;'),
		('column', 'content_progress', 'id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN id TYPE uuid;'),
		('column', 'content_progress', 'last_watched', 'ALTER TABLE {schema}.content_progress ALTER COLUMN last_watched TYPE timestamp with time zone;'),
		('column', 'content_progress', 'lesson_id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN lesson_id TYPE uuid;'),
		('column', 'content_progress', 'position_seconds', 'ALTER TABLE {schema}.content_progress ALTER COLUMN position_seconds TYPE integer;'),
		('column', 'content_progress', 'started_at', 'ALTER TABLE {schema}.content_progress ALTER COLUMN started_at TYPE timestamp with time zone;'),
		('column', 'content_progress', 'user_id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN user_id TYPE uuid;'),
		('column', 'content_progress', 'watched', 'ALTER TABLE {schema}.content_progress ALTER COLUMN watched TYPE int4multirange;'),
		('column', 'content_progress', 'watched_pct', 'ALTER TABLE {schema}.content_progress ALTER COLUMN watched_pct TYPE integer;'),
		('comment', 'content_progress', 'column content_progress.completed', 'COMMENT ON COLUMN {schema}.content_progress.completed IS ''Whether watched_pct had reached the completion threshold at the time of a report.'';'),
		('comment', 'content_progress', 'column content_progress.completed_at', 'COMMENT ON COLUMN {schema}.content_progress.completed_at IS ''The earliest time at which a report reached the threshold.'';'),
		('comment', 'content_progress', 'column content_progress.last_watched', 'COMMENT ON COLUMN {schema}.content_progress.last_watched IS ''The time of the latest report, at most content_library.heartbeat_interval seconds behind.'';'),
		('comment', 'content_progress', 'column content_progress.position_seconds', 'COMMENT ON COLUMN {schema}.content_progress.position_seconds IS ''Where to resume, in seconds; unlike watched_pct it may go back.'';'),
		('comment', 'content_progress', 'column content_progress.started_at', 'COMMENT ON COLUMN {schema}.content_progress.started_at IS ''The server''''s clock at the first report; NULL in a row that was written directly, until its next report.'';'),
		('comment', 'content_progress', 'column content_progress.watched', 'COMMENT ON COLUMN {schema}.content_progress.watched IS ''The seconds of the video that were played, as merged ranges: at most 255.'';'),
		('comment', 'content_progress', 'column content_progress.watched_pct', 'COMMENT ON COLUMN {schema}.content_progress.watched_pct IS ''The highest percentage reached, 0..100; record_progress never lowers it.'';'),
		('comment', 'content_progress', 'content_progress', 'COMMENT ON TABLE {schema}.content_progress IS ''How far a learner has watched a lesson.'';'),
		('constraint', 'content_progress', 'content_progress_lesson_id_fkey', 'ALTER TABLE {schema}.content_progress ADD CONSTRAINT content_progress_lesson_id_fkey FOREIGN KEY (lesson_id) REFERENCES {schema}.lessons(id) ON DELETE CASCADE;'),
		('constraint', 'content_progress', 'content_progress_pkey', 'ALTER TABLE {schema}.content_progress ADD CONSTRAINT content_progress_pkey PRIMARY KEY (id);'),
		('constraint', 'content_progress', 'content_progress_position_seconds_check', 'ALTER TABLE {schema}.content_progress ADD CONSTRAINT content_progress_position_seconds_check CHECK ((position_seconds >= 0));'),
		('constraint', 'content_progress', 'content_progress_user_id_fkey', 'ALTER TABLE {schema}.content_progress ADD CONSTRAINT content_progress_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;'),
		('constraint', 'content_progress', 'content_progress_user_id_lesson_id_key', 'ALTER TABLE {schema}.content_progress ADD CONSTRAINT content_progress_user_id_lesson_id_key UNIQUE (user_id, lesson_id);'),
		('constraint', 'content_progress', 'content_progress_watched_pct_check', 'ALTER TABLE {schema}.content_progress ADD CONSTRAINT content_progress_watched_pct_check CHECK (((watched_pct >= 0) AND (watched_pct <= 100)));'),
		('default', 'content_progress', 'column content_progress.completed', 'ALTER TABLE {schema}.content_progress ALTER COLUMN completed SET DEFAULT false;'),
		('default', 'content_progress', 'column content_progress.id', 'ALTER TABLE {schema}.content_progress ALTER COLUMN id SET DEFAULT gen_random_uuid();'),
		('default', 'content_progress', 'column content_progress.last_watched', 'ALTER TABLE {schema}.content_progress ALTER COLUMN last_watched SET DEFAULT now();'),
		('default', 'content_progress', 'column content_progress.watched', 'ALTER TABLE {schema}.content_progress ALTER COLUMN watched SET DEFAULT ''{}''::int4multirange;'),
		('default', 'content_progress', 'column content_progress.watched_pct', 'ALTER TABLE {schema}.content_progress ALTER COLUMN watched_pct SET DEFAULT 0;'),
		('index', 'content_progress', 'idx_content_progress_lesson_id', 'CREATE INDEX idx_content_progress_lesson_id ON {schema}.content_progress USING btree (lesson_id);'),
		('index', 'content_progress', 'idx_content_progress_user_id', 'CREATE INDEX idx_content_progress_user_id ON {schema}.content_progress USING btree (user_id);'),
		('policy', 'content_progress', 'Service role manages content_progress', 'CREATE POLICY "Service role manages content_progress" ON {schema}.content_progress FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'content_progress', 'Users read own progress', 'CREATE POLICY "Users read own progress" ON {schema}.content_progress FOR SELECT TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id));'),
		('policy', 'content_progress', 'Users upsert own progress', 'CREATE POLICY "Users upsert own progress" ON {schema}.content_progress FOR ALL TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));'),
		('row-level security', 'content_progress', 'content_progress', 'ALTER TABLE {schema}.content_progress ENABLE ROW LEVEL SECURITY;'),
		('setting fillfactor', 'content_progress', 'content_progress', 'ALTER TABLE {schema}.content_progress SET (fillfactor = ''90'');'),
		('trigger', 'content_progress', 'claim_after_insert', 'CREATE TRIGGER claim_after_insert AFTER INSERT ON {schema}.content_progress FOR EACH ROW EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('trigger', 'content_progress', 'claim_after_update', 'CREATE TRIGGER claim_after_update AFTER UPDATE OF completed, user_id, lesson_id ON {schema}.content_progress FOR EACH ROW EXECUTE FUNCTION {schema}.content_library_on_change();'),
		('NOT NULL', 'certificates', 'column certificates.code', 'ALTER TABLE {schema}.certificates ALTER COLUMN code SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.completed_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN completed_at SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.course_title', 'ALTER TABLE {schema}.certificates ALTER COLUMN course_title SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.id', 'ALTER TABLE {schema}.certificates ALTER COLUMN id SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.issued_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN issued_at SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.learner_name', 'ALTER TABLE {schema}.certificates ALTER COLUMN learner_name SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.metadata', 'ALTER TABLE {schema}.certificates ALTER COLUMN metadata SET NOT NULL;'),
		('NOT NULL', 'certificates', 'column certificates.user_id', 'ALTER TABLE {schema}.certificates ALTER COLUMN user_id SET NOT NULL;'),
		('column', 'certificates', 'code', 'ALTER TABLE {schema}.certificates ALTER COLUMN code TYPE text COLLATE "C";'),
		('column', 'certificates', 'completed_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN completed_at TYPE timestamp with time zone;'),
		('column', 'certificates', 'course_id', 'ALTER TABLE {schema}.certificates ALTER COLUMN course_id TYPE uuid;'),
		('column', 'certificates', 'course_title', 'ALTER TABLE {schema}.certificates ALTER COLUMN course_title TYPE text;'),
		('column', 'certificates', 'expires_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN expires_at TYPE timestamp with time zone;'),
		('column', 'certificates', 'id', 'ALTER TABLE {schema}.certificates ALTER COLUMN id TYPE uuid;'),
		('column', 'certificates', 'issued_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN issued_at TYPE timestamp with time zone;'),
		('column', 'certificates', 'learner_name', 'ALTER TABLE {schema}.certificates ALTER COLUMN learner_name TYPE text;'),
		('column', 'certificates', 'metadata', 'ALTER TABLE {schema}.certificates ALTER COLUMN metadata TYPE jsonb;'),
		('column', 'certificates', 'revoked_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN revoked_at TYPE timestamp with time zone;'),
		('column', 'certificates', 'revoked_reason', 'ALTER TABLE {schema}.certificates ALTER COLUMN revoked_reason TYPE text;'),
		('column', 'certificates', 'user_id', 'ALTER TABLE {schema}.certificates ALTER COLUMN user_id TYPE uuid;'),
		('comment', 'certificates', 'certificates', 'COMMENT ON TABLE {schema}.certificates IS ''A certificate that a learner has completed a course. Only issue_certificate() makes one, and only its revocation changes it.'';'),
		('comment', 'certificates', 'column certificates.code', 'COMMENT ON COLUMN {schema}.certificates.code IS ''What verify_certificate() asks for: 60 random bits in Crockford''''s base32, XXXX-XXXX-XXXX.'';'),
		('comment', 'certificates', 'column certificates.completed_at', 'COMMENT ON COLUMN {schema}.certificates.completed_at IS ''When the learner had completed the course, as the enrollment said.'';'),
		('comment', 'certificates', 'column certificates.course_id', 'COMMENT ON COLUMN {schema}.certificates.course_id IS ''The course; NULL once it is deleted.'';'),
		('comment', 'certificates', 'column certificates.course_title', 'COMMENT ON COLUMN {schema}.certificates.course_title IS ''The title that the course had when the certificate was issued.'';'),
		('comment', 'certificates', 'column certificates.expires_at', 'COMMENT ON COLUMN {schema}.certificates.expires_at IS ''Until when it is valid: completed_at plus the course''''s certificate_valid_for; NULL for good.'';'),
		('comment', 'certificates', 'column certificates.learner_name', 'COMMENT ON COLUMN {schema}.certificates.learner_name IS ''The learner''''s name, as the server gave it.'';'),
		('comment', 'certificates', 'column certificates.metadata', 'COMMENT ON COLUMN {schema}.certificates.metadata IS ''The application''''s own attributes, a JSON object that issue_certificate() is given.'';'),
		('comment', 'certificates', 'column certificates.revoked_at', 'COMMENT ON COLUMN {schema}.certificates.revoked_at IS ''When it was revoked; NULL if it was not.'';'),
		('comment', 'certificates', 'column certificates.revoked_reason', 'COMMENT ON COLUMN {schema}.certificates.revoked_reason IS ''Why it was revoked. The learner can read it, verify_certificate() does not show it.'';'),
		('constraint', 'certificates', 'certificates_check', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_check CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL)));'),
		('constraint', 'certificates', 'certificates_code_check', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_code_check CHECK ((code ~ ''^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$''::text));'),
		('constraint', 'certificates', 'certificates_code_key', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_code_key UNIQUE (code);'),
		('constraint', 'certificates', 'certificates_course_id_fkey', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_course_id_fkey FOREIGN KEY (course_id) REFERENCES {schema}.courses(id) ON DELETE SET NULL;'),
		('constraint', 'certificates', 'certificates_learner_name_check', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_learner_name_check CHECK (((learner_name ~ ''[^[:space:]]''::text) AND (length(learner_name) <= 255)));'),
		('constraint', 'certificates', 'certificates_metadata_check', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_metadata_check CHECK ((jsonb_typeof(metadata) = ''object''::text));'),
		('constraint', 'certificates', 'certificates_pkey', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_pkey PRIMARY KEY (id);'),
		('constraint', 'certificates', 'certificates_user_id_fkey', 'ALTER TABLE {schema}.certificates ADD CONSTRAINT certificates_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;'),
		('default', 'certificates', 'column certificates.id', 'ALTER TABLE {schema}.certificates ALTER COLUMN id SET DEFAULT gen_random_uuid();'),
		('default', 'certificates', 'column certificates.issued_at', 'ALTER TABLE {schema}.certificates ALTER COLUMN issued_at SET DEFAULT now();'),
		('default', 'certificates', 'column certificates.metadata', 'ALTER TABLE {schema}.certificates ALTER COLUMN metadata SET DEFAULT ''{}''::jsonb;'),
		('index', 'certificates', 'idx_certificates_completion', 'CREATE UNIQUE INDEX idx_certificates_completion ON {schema}.certificates USING btree (user_id, course_id, completed_at) WHERE (revoked_at IS NULL);'),
		('index', 'certificates', 'idx_certificates_course_id', 'CREATE INDEX idx_certificates_course_id ON {schema}.certificates USING btree (course_id);'),
		('index', 'certificates', 'idx_certificates_user_id', 'CREATE INDEX idx_certificates_user_id ON {schema}.certificates USING btree (user_id);'),
		('policy', 'certificates', 'Service role manages certificates', 'CREATE POLICY "Service role manages certificates" ON {schema}.certificates FOR ALL TO service_role USING (true) WITH CHECK (true);'),
		('policy', 'certificates', 'Users read own certificates', 'CREATE POLICY "Users read own certificates" ON {schema}.certificates FOR SELECT TO authenticated USING ((( SELECT auth.uid() AS uid) = user_id));'),
		('row-level security', 'certificates', 'certificates', 'ALTER TABLE {schema}.certificates ENABLE ROW LEVEL SECURITY;'),
		('trigger', 'certificates', 'keep_certificate', 'CREATE TRIGGER keep_certificate BEFORE UPDATE ON {schema}.certificates FOR EACH ROW EXECUTE FUNCTION {schema}.content_library_keep_certificate();'),
		('NOT NULL', 'mux_events', 'column mux_events.event_at', 'ALTER TABLE {schema}.mux_events ALTER COLUMN event_at SET NOT NULL;'),
		('NOT NULL', 'mux_events', 'column mux_events.event_id', 'ALTER TABLE {schema}.mux_events ALTER COLUMN event_id SET NOT NULL;'),
		('NOT NULL', 'mux_events', 'column mux_events.object', 'ALTER TABLE {schema}.mux_events ALTER COLUMN object SET NOT NULL;'),
		('NOT NULL', 'mux_events', 'column mux_events.received_at', 'ALTER TABLE {schema}.mux_events ALTER COLUMN received_at SET NOT NULL;'),
		('NOT NULL', 'mux_events', 'column mux_events.status', 'ALTER TABLE {schema}.mux_events ALTER COLUMN status SET NOT NULL;'),
		('column', 'mux_events', 'asset_id', 'ALTER TABLE {schema}.mux_events ALTER COLUMN asset_id TYPE text;'),
		('column', 'mux_events', 'duration_seconds', 'ALTER TABLE {schema}.mux_events ALTER COLUMN duration_seconds TYPE integer;'),
		('column', 'mux_events', 'error', 'ALTER TABLE {schema}.mux_events ALTER COLUMN error TYPE jsonb;'),
		('column', 'mux_events', 'event_at', 'ALTER TABLE {schema}.mux_events ALTER COLUMN event_at TYPE timestamp with time zone;'),
		('column', 'mux_events', 'event_id', 'ALTER TABLE {schema}.mux_events ALTER COLUMN event_id TYPE text COLLATE "C";'),
		('column', 'mux_events', 'lesson_id', 'ALTER TABLE {schema}.mux_events ALTER COLUMN lesson_id TYPE uuid;'),
		('column', 'mux_events', 'object', 'ALTER TABLE {schema}.mux_events ALTER COLUMN object TYPE text;'),
		('column', 'mux_events', 'playback_ids', 'ALTER TABLE {schema}.mux_events ALTER COLUMN playback_ids TYPE jsonb;'),
		('column', 'mux_events', 'received_at', 'ALTER TABLE {schema}.mux_events ALTER COLUMN received_at TYPE timestamp with time zone;'),
		('column', 'mux_events', 'status', 'ALTER TABLE {schema}.mux_events ALTER COLUMN status TYPE text;'),
		('column', 'mux_events', 'upload_id', 'ALTER TABLE {schema}.mux_events ALTER COLUMN upload_id TYPE text;'),
		('comment', 'mux_events', 'column mux_events.error', 'COMMENT ON COLUMN {schema}.mux_events.error IS ''Why it errored, as Mux says: type and message or messages.'';'),
		('comment', 'mux_events', 'column mux_events.event_at', 'COMMENT ON COLUMN {schema}.mux_events.event_at IS ''The event''''s created_at; -infinity if it had none.'';'),
		('comment', 'mux_events', 'column mux_events.lesson_id', 'COMMENT ON COLUMN {schema}.mux_events.lesson_id IS ''The uuid in the asset''''s passthrough. A lesson with that id may have the asset as its video.'';'),
		('comment', 'mux_events', 'column mux_events.object', 'COMMENT ON COLUMN {schema}.mux_events.object IS ''What the event is about: upload or asset.'';'),
		('comment', 'mux_events', 'column mux_events.playback_ids', 'COMMENT ON COLUMN {schema}.mux_events.playback_ids IS ''Of a ready asset: [{id, policy}], in Mux''''s order.'';'),
		('comment', 'mux_events', 'mux_events', 'COMMENT ON TABLE {schema}.mux_events IS ''What each Mux event said of an upload or an asset; the state of a video follows from these rows alone (mux_state).'';'),
		('constraint', 'mux_events', 'mux_events_check', 'ALTER TABLE {schema}.mux_events ADD CONSTRAINT mux_events_check CHECK ((((object = ''upload''::text) AND (upload_id IS NOT NULL) AND (status = ANY (ARRAY[''created''::text, ''cancelled''::text, ''asset_created''::text, ''errored''::text]))) OR ((object = ''asset''::text) AND (asset_id IS NOT NULL) AND (status = ANY (ARRAY[''preparing''::text, ''errored''::text, ''ready''::text, ''deleted''::text])))));'),
		('constraint', 'mux_events', 'mux_events_pkey', 'ALTER TABLE {schema}.mux_events ADD CONSTRAINT mux_events_pkey PRIMARY KEY (event_id);'),
		('default', 'mux_events', 'column mux_events.received_at', 'ALTER TABLE {schema}.mux_events ALTER COLUMN received_at SET DEFAULT now();'),
		('index', 'mux_events', 'idx_mux_events_asset_id', 'CREATE INDEX idx_mux_events_asset_id ON {schema}.mux_events USING btree (asset_id);'),
		('index', 'mux_events', 'idx_mux_events_lesson_id', 'CREATE INDEX idx_mux_events_lesson_id ON {schema}.mux_events USING btree (lesson_id) WHERE (lesson_id IS NOT NULL);'),
		('index', 'mux_events', 'idx_mux_events_upload_id', 'CREATE INDEX idx_mux_events_upload_id ON {schema}.mux_events USING btree (upload_id);'),
		('row-level security', 'mux_events', 'mux_events', 'ALTER TABLE {schema}.mux_events ENABLE ROW LEVEL SECURITY;'),
		('NOT NULL', 'mux_bindings', 'column mux_bindings.lesson_id', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN lesson_id SET NOT NULL;'),
		('NOT NULL', 'mux_bindings', 'column mux_bindings.number', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN number SET NOT NULL;'),
		('column', 'mux_bindings', 'asset_id', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN asset_id TYPE text;'),
		('column', 'mux_bindings', 'duration_seconds', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN duration_seconds TYPE integer;'),
		('column', 'mux_bindings', 'lesson_id', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN lesson_id TYPE uuid;'),
		('column', 'mux_bindings', 'number', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN number TYPE integer;'),
		('column', 'mux_bindings', 'playback_id', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN playback_id TYPE text;'),
		('column', 'mux_bindings', 'upload_id', 'ALTER TABLE {schema}.mux_bindings ALTER COLUMN upload_id TYPE text;'),
		('comment', 'mux_bindings', 'column mux_bindings.asset_id', 'COMMENT ON COLUMN {schema}.mux_bindings.asset_id IS ''The asset that the application named.'';'),
		('comment', 'mux_bindings', 'column mux_bindings.playback_id', 'COMMENT ON COLUMN {schema}.mux_bindings.playback_id IS ''The playback id, if the lesson had a video already. It counts as long as no event tells of the video.'';'),
		('comment', 'mux_bindings', 'mux_bindings', 'COMMENT ON TABLE {schema}.mux_bindings IS ''The videos that a lesson was bound to, in their order, since it last had none. The last one that is ready is on the air.'';'),
		('constraint', 'mux_bindings', 'mux_bindings_lesson_id_fkey', 'ALTER TABLE {schema}.mux_bindings ADD CONSTRAINT mux_bindings_lesson_id_fkey FOREIGN KEY (lesson_id) REFERENCES {schema}.lessons(id) ON DELETE CASCADE;'),
		('constraint', 'mux_bindings', 'mux_bindings_pkey', 'ALTER TABLE {schema}.mux_bindings ADD CONSTRAINT mux_bindings_pkey PRIMARY KEY (lesson_id, number);'),
		('index', 'mux_bindings', 'idx_mux_bindings_asset_id', 'CREATE INDEX idx_mux_bindings_asset_id ON {schema}.mux_bindings USING btree (asset_id);'),
		('index', 'mux_bindings', 'idx_mux_bindings_upload_id', 'CREATE INDEX idx_mux_bindings_upload_id ON {schema}.mux_bindings USING btree (upload_id);'),
		('row-level security', 'mux_bindings', 'mux_bindings', 'ALTER TABLE {schema}.mux_bindings ENABLE ROW LEVEL SECURITY;'),
		('code', '', 'function certificate_credential(text, jsonb)', 'c, jsonb, $libdir/content_library, certificate_credential'),
		('code', '', 'function completion_threshold(uuid)', 'c, integer, $libdir/content_library, completion_threshold'),
		('code', '', 'function content_library_attach()', 'c, void, $libdir/content_library, content_library_attach'),
		('code', '', 'function content_library_attach_when_ready()', 'c, event_trigger, $libdir/content_library, content_library_attach_when_ready'),
		('code', '', 'function content_library_check(boolean)', 'c, TABLE(severity text, object text, problem text, remedy text), $libdir/content_library, content_library_check'),
		('code', '', 'function content_library_is_staff(uuid, text)', 'c, boolean, $libdir/content_library, content_library_is_staff'),
		('code', '', 'function content_library_keep_certificate()', 'plpgsql, trigger, 07470f692968f1ed0d9cf2a2d96a1f78'),
		('code', '', 'function content_library_mux_bind()', 'c, trigger, $libdir/content_library, content_library_mux_bind'),
		('code', '', 'function content_library_mux_latest(text, text)', 'sql, SETOF mux_events, 7c056646f75a1641280e569d559f3082'),
		('code', '', 'function content_library_mux_policies()', 'c, text[], $libdir/content_library, content_library_mux_policies'),
		('code', '', 'function content_library_mux_read(jsonb)', 'plpgsql, record, 54754237b3248f5d16d94ab76991ef90'),
		('code', '', 'function content_library_mux_video(uuid, text, text, text, integer)', 'sql, TABLE(mux_asset_id text, mux_playback_id text, mux_status text, duration_seconds integer, is_known boolean), 08d6f821acd9c465d31251aa4e68509b'),
		('code', '', 'function content_library_on_change()', 'c, trigger, $libdir/content_library, content_library_on_change'),
		('code', '', 'function content_library_reads_lesson(uuid, boolean, boolean)', 'c, boolean, $libdir/content_library, content_library_reads_lesson'),
		('code', '', 'function content_library_sees_course(uuid)', 'c, boolean, $libdir/content_library, content_library_sees_course'),
		('code', '', 'function content_library_set_updated_at()', 'plpgsql, trigger, 2615c6cffe8c81e51f0a0380b938c98e'),
		('code', '', 'function content_library_strict(boolean)', 'c, void, $libdir/content_library, content_library_strict'),
		('code', '', 'function content_library_warn_of_columns()', 'c, event_trigger, $libdir/content_library, content_library_warn_of_columns'),
		('code', '', 'function continue_watching(integer, uuid)', 'c, TABLE(course_id uuid, course_title text, lesson_id uuid, lesson_title text, watched_pct integer, position_seconds integer, duration_seconds integer, last_watched timestamp with time zone), $libdir/content_library, continue_watching'),
		('code', '', 'function copy_course(uuid, text, text)', 'c, courses, $libdir/content_library, copy_course'),
		('code', '', 'function course_completion(uuid, uuid)', 'c, integer, $libdir/content_library, course_completion'),
		('code', '', 'function course_outline(uuid, uuid)', 'c, json, $libdir/content_library, course_outline'),
		('code', '', 'function course_progress(uuid)', 'c, TABLE(course_id uuid, title text, required_lessons integer, completed_lessons integer, completion integer, last_watched timestamp with time zone, next_lesson_id uuid, enrolled_at timestamp with time zone, completed_at timestamp with time zone), $libdir/content_library, course_progress'),
		('code', '', 'function course_report(uuid, integer, uuid)', 'c, TABLE(user_id uuid, required_lessons integer, completed_lessons integer, completion integer, enrolled_at timestamp with time zone, completed_at timestamp with time zone, last_watched timestamp with time zone), $libdir/content_library, course_report'),
		('code', '', 'function course_summary(uuid)', 'c, TABLE(learners integer, active_7_days integer, active_30_days integer, completed integer, average_completion numeric, completions_by_week integer[], sampled integer), $libdir/content_library, course_summary'),
		('code', '', 'function enroll(uuid, uuid)', 'c, enrollments, $libdir/content_library, enroll'),
		('code', '', 'function issue_certificate(uuid, uuid, text, jsonb)', 'c, certificates, $libdir/content_library, issue_certificate'),
		('code', '', 'function lesson_report(uuid)', 'c, TABLE(lesson_id uuid, module_id uuid, title text, is_required boolean, started integer, completed integer, average_pct numeric), $libdir/content_library, lesson_report'),
		('code', '', 'function lesson_retention(uuid, integer)', 'c, TABLE(second integer, learners integer), $libdir/content_library, lesson_retention'),
		('code', '', 'function move_lesson(uuid, uuid, uuid)', 'c, lessons, $libdir/content_library, move_lesson'),
		('code', '', 'function move_module(uuid, uuid, uuid)', 'c, modules, $libdir/content_library, move_module'),
		('code', '', 'function mux_apply_event(jsonb)', 'c, text, $libdir/content_library, mux_apply_event'),
		('code', '', 'function mux_begin_upload(uuid, text)', 'c, lessons, $libdir/content_library, mux_begin_upload'),
		('code', '', 'function mux_playback_claims(uuid, interval, uuid, text)', 'c, jsonb, $libdir/content_library, mux_playback_claims'),
		('code', '', 'function mux_state(text, text)', 'sql, TABLE(mux_asset_id text, mux_playback_id text, mux_status text, duration_seconds integer, error jsonb), e56a0a616af0536a3864ca7376e40974'),
		('code', '', 'function mux_verify_signature(text, text, text[], interval, timestamp with time zone)', 'c, text, $libdir/content_library, mux_verify_signature'),
		('code', '', 'function next_lesson(uuid, uuid)', 'c, uuid, $libdir/content_library, next_lesson'),
		('code', '', 'function recompute_completion(uuid)', 'c, integer, $libdir/content_library, recompute_completion'),
		('code', '', 'function record_progress(uuid, double precision, double precision, uuid, jsonb)', 'c, recorded_progress, $libdir/content_library, record_progress'),
		('code', '', 'function record_progress_batch(jsonb, uuid, boolean)', 'c, SETOF recorded_progress, $libdir/content_library, record_progress_batch'),
		('code', '', 'function reset_progress(uuid, uuid, boolean)', 'c, integer, $libdir/content_library, reset_progress'),
		('code', '', 'function revoke_certificate(text, text)', 'c, certificates, $libdir/content_library, revoke_certificate'),
		('code', '', 'function unenroll(uuid, uuid)', 'c, enrollments, $libdir/content_library, unenroll'),
		('code', '', 'function verify_certificate(text)', 'c, TABLE(status text, learner_name text, course_title text, completed_at timestamp with time zone, issued_at timestamp with time zone, expires_at timestamp with time zone, revoked_at timestamp with time zone), $libdir/content_library, verify_certificate'),
		('comment', '', 'function certificate_credential(text, jsonb)', 'COMMENT ON FUNCTION {schema}.certificate_credential(text, jsonb) IS ''A certificate as an Open Badges 3.0 credential, not signed. issuer is the Profile of who issues it: a JSON object with an id, which is a URI, and whatever else a Profile may have. The application signs the answer with its own key. Fails with 22004 for a NULL, 22023 for an issuer that is no Profile, 23503 for a code that no certificate has, 55000 for a certificate that is revoked.'';'),
		('comment', '', 'function completion_threshold(uuid)', 'COMMENT ON FUNCTION {schema}.completion_threshold(uuid) IS ''The percentage of a lesson that completes it. It is 1..100: the lesson''''s own, else its course''''s, else content_library.completion_threshold. Fails with 22004 for NULL, 23503 for a lesson that is unknown or not visible to the caller.'';'),
		('comment', '', 'function content_library_attach()', 'COMMENT ON FUNCTION {schema}.content_library_attach() IS ''Adds the foreign keys to auth.users and the policies that name auth.uid(). Runs by itself, always with the rights of the owner of the tables; call it to repair them. Where auth.users has code of another role, the keys are not validated and a warning names it. Fails with 42501 for a caller without the rights of the owner of the tables, with 42704 while auth.users or auth.uid() is missing, with 23503 when a row names a user who does not exist.'';'),
		('comment', '', 'function content_library_attach_when_ready()', 'COMMENT ON FUNCTION {schema}.content_library_attach_when_ready() IS ''Event trigger function: attaches once auth is complete. Does what content_library_attach() does as soon as auth.users and auth.uid() exist, and removes its event trigger.'';'),
		('comment', '', 'function content_library_check(boolean)', 'COMMENT ON FUNCTION {schema}.content_library_check(boolean) IS ''Finds what is wrong here, or would be lost in a dump. The worst comes first: severity (error: rows are open, locked or lost; warning: a restored database would differ, or something does not work; notice: content, speed, comments), object, problem, and a remedy, mostly SQL to run. No row when all is well. Reads content_progress once, whole, unless rows is false. Runs with the rights of the owner of the tables.'';'),
		('comment', '', 'function content_library_findings(text)', 'COMMENT ON FUNCTION {schema}.content_library_findings(text) IS ''The part of content_library_check() that reads no rows. It compares definitions and rights with what CREATE EXTENSION makes.'';'),
		('comment', '', 'function content_library_is_staff(uuid, text)', 'COMMENT ON FUNCTION {schema}.content_library_is_staff(uuid, text) IS ''Whether the caller is staff of a course. With the role viewer every member of its staff is, with the role editor only its editors are. It answers only for the user signed in, by course_staff; false when nobody is signed in. Policies call it. Fails with 22023 for another role.'';'),
		('comment', '', 'function content_library_keep_certificate()', 'COMMENT ON FUNCTION {schema}.content_library_keep_certificate() IS ''Trigger function: refuses any change of a certificate but its revocation.'';'),
		('comment', '', 'function content_library_mux_bind()', 'COMMENT ON FUNCTION {schema}.content_library_mux_bind() IS ''Trigger function: binds a lesson to the upload or asset that it names, and gives it the video.'';'),
		('comment', '', 'function content_library_mux_latest(text, text)', 'COMMENT ON FUNCTION {schema}.content_library_mux_latest(text, text) IS ''The event that says how an upload or asset stands. Of an upload it is the greatest by (created < cancelled < asset_created < errored, time, event id); of an asset deleted if it ever was, else the greatest by (terminal, time, errored < ready, event id).'';'),
		('comment', '', 'function content_library_mux_policies()', 'COMMENT ON FUNCTION {schema}.content_library_mux_policies() IS ''The setting content_library.mux_playback_policies, as an array.'';'),
		('comment', '', 'function content_library_mux_read(jsonb)', 'COMMENT ON FUNCTION {schema}.content_library_mux_read(jsonb) IS ''The facts of a Mux event, as a row of mux_events. The column object is NULL for a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, naming what is wrong.'';'),
		('comment', '', 'function content_library_mux_video(uuid, text, text, text, integer)', 'COMMENT ON FUNCTION {schema}.content_library_mux_video(uuid, text, text, text, integer) IS ''The video columns of a lesson, as events and bindings so far say. The last four arguments are those of its row, the last two only while it is ready. is_known is false when nothing is known of the lesson''''s latest video, and no other one is on the air.'';'),
		('comment', '', 'function content_library_on_change()', 'COMMENT ON FUNCTION {schema}.content_library_on_change() IS ''Trigger function: completes courses. It looks for learners who are done after a change. Before an enrollment is inserted it locks the learner, and gives an enrollment that a learner inserts the access period of the course.'';'),
		('comment', '', 'function content_library_reads_lesson(uuid, boolean, boolean)', 'COMMENT ON FUNCTION {schema}.content_library_reads_lesson(uuid, boolean, boolean) IS ''Whether the caller may read a lesson of a module in strict mode: it is published and the caller may watch it, locks apart, or the caller is staff of its course. It answers only for the user signed in. Policies call it.'';'),
		('comment', '', 'function content_library_sees_course(uuid)', 'COMMENT ON FUNCTION {schema}.content_library_sees_course(uuid) IS ''Whether the caller sees a course, as the policies of courses say. Policies call it.'';'),
		('comment', '', 'function content_library_set_updated_at()', 'COMMENT ON FUNCTION {schema}.content_library_set_updated_at() IS ''Trigger function: stamps updated_at of a changed row.'';'),
		('comment', '', 'function content_library_strict(boolean)', 'COMMENT ON FUNCTION {schema}.content_library_strict(boolean) IS ''Has learners write through functions alone, or directly as well. Strict, they cannot write content_progress or insert into enrollments, and read the modules of courses that they see, previews, and the lessons of courses to which they have access. A lock by date or order hides no lesson. A dump keeps it. Fails with 42501 for whoever has not the rights of the owner of the tables, 22004 for NULL, 55000 when a grant to PUBLIC or to another role stands against it.'';'),
		('comment', '', 'function content_library_warn_of_columns()', 'COMMENT ON FUNCTION {schema}.content_library_warn_of_columns() IS ''Event trigger function: warns of a changed column. That is a column added to a table of the library, or altered.'';'),
		('comment', '', 'function continue_watching(integer, uuid)', 'COMMENT ON FUNCTION {schema}.continue_watching(integer, uuid) IS ''The lessons that a learner has begun and not completed. Only those that the learner (user_id, by default the caller) may watch; at most max_rows. The last watched lesson comes first. Each has the position to resume at, in seconds. Fails with 22023 when max_rows is not positive, 28000 when nobody is signed in, 42501 for another user''''s id.'';'),
		('comment', '', 'function copy_course(uuid, text, text)', 'COMMENT ON FUNCTION {schema}.copy_course(uuid, text, text) IS ''Copies a course with its modules and lessons. The copy has the slug, and the title if one is given. It is not published, and has the same videos, rules and prerequisites, but no learners. Its staff is the editor who has copied it. Returns the new course. For the editors of the course, and for service_role. Fails with 22004 for a NULL course or slug, 22023 for an empty slug, 28000 when nobody is signed in, 42501 for a user who is not an editor of the course, 23503 for an unknown course, 23505 for a slug that another course has, 25000 unless READ COMMITTED if a lesson is bound to an upload.'';'),
		('comment', '', 'function course_completion(uuid, uuid)', 'COMMENT ON FUNCTION {schema}.course_completion(uuid, uuid) IS ''How much of a course a learner has completed. It is the percentage (0..100) of the required lessons that the learner (user_id, by default the caller) has completed, rounded down; NULL for a course without required lessons. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''''s id, 23503 for a course that is unknown or not visible to the caller.'';'),
		('comment', '', 'function course_outline(uuid, uuid)', 'COMMENT ON FUNCTION {schema}.course_outline(uuid, uuid) IS ''A course page with a learner''''s progress, as JSON. It has the course, its modules and lessons in order. Each lesson has the learner''''s status (not_started, in_progress, completed), watched_pct (percent) and position_seconds, and mux_playback_id only where the learner may watch. Elsewhere locked says why, as {reason, unlocks_at}: not_enrolled, expired, tier, date or sequence. The learner is user_id, by default the caller. The staff of the course may name its learners. Without user_id they see all of it: nothing is locked, drafts are there, and is_published is in course and lessons; so does service_role, without progress. Its form is docs/course_outline.schema.json. The type is json: cast it to jsonb where a function or operator takes only that. Fails as course_completion does.'';'),
		('comment', '', 'function course_progress(uuid)', 'COMMENT ON FUNCTION {schema}.course_progress(uuid) IS ''The courses of a learner, with progress in each. One row for each course that the learner (user_id, by default the caller) is enrolled in, oldest enrollment first: how many required lessons there are and are completed, completion in percent (0..100, or NULL), when a lesson was last watched, the next lesson, and when the course was completed. Fails with 28000 when nobody is signed in, 42501 for another user''''s id.'';'),
		('comment', '', 'function course_report(uuid, integer, uuid)', 'COMMENT ON FUNCTION {schema}.course_report(uuid, integer, uuid) IS ''The learners of a course, with how far they are. One row for each enrolled learner, oldest enrollment first: required and completed lessons, completion in percent (0..100, or NULL), when the course was completed, and when the learner last watched a lesson of it. At most max_rows, by default all; the next page comes after the user_id of the last row. For the staff of the course, and for service_role. Fails with 22004 for a NULL course, 22023 when max_rows is not positive or after is not enrolled in the course, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.'';'),
		('comment', '', 'function course_summary(uuid)', 'COMMENT ON FUNCTION {schema}.course_summary(uuid) IS ''A course in one row, for a dashboard. Counted: learners, how many are enrolled; completed, how many of them have completed the course; completions_by_week, how many did in each of the last 12 weeks of 168 hours, the oldest first, the last one ending now. Exact in a course of up to 500 learners, and beyond that estimated from 500 of them, the same each time: active_7_days and active_30_days, how many have watched a lesson of it in the last 168 and 720 hours; average_completion, the average percentage of course_report (0.0..100.0; NULL when there is no learner or no required lesson). sampled is the number of learners that these come from. An estimate of active learners is within 4.4 percent of learners in 19 of 20 courses. For the staff of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.'';'),
		('comment', '', 'function enroll(uuid, uuid)', 'COMMENT ON FUNCTION {schema}.enroll(uuid, uuid) IS ''Enrolls a learner in a published course. The course must be open, also to the tier in the JWT''''s app_metadata (free < pro < studio), and its prerequisites completed. service_role enrolls anyone in any course: the enrollment is then granted, and renewed if it had expired. The learner is user_id, by default the caller. Returns the enrollment, also when it was there already. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''''s id, a closed course, one of a higher tier or with missing prerequisites, 23503 for an unknown or unpublished course or an unknown user.'';'),
		('comment', '', 'function issue_certificate(uuid, uuid, text, jsonb)', 'COMMENT ON FUNCTION {schema}.issue_certificate(uuid, uuid, text, jsonb) IS ''Certifies that a learner has completed a course. Only service_role may, because learner_name is printed as it is given: it must not come from what users write about themselves. Returns the certificate, which is the one that is there already for this completion, with the name of then; a revoked one does not count. A completion whose date has moved back keeps its certificate, a later one has another. It expires when the course''''s certificate_valid_for has passed since completed_at. Fails with 22004 for a NULL, 22023 for a name that is empty or longer than 255 characters or for metadata that are no JSON object, 23503 for an unknown course, 55000 when the user has not completed the course.'';'),
		('comment', '', 'function lesson_report(uuid)', 'COMMENT ON FUNCTION {schema}.lesson_report(uuid) IS ''The lessons of a course, with how many watch them. One row for each lesson, drafts too, in order: how many enrolled learners have started and completed it, and the average percent (0.0..100.0) that those who started have watched; NULL when nobody has. For the staff of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.'';'),
		('comment', '', 'function lesson_retention(uuid, integer)', 'COMMENT ON FUNCTION {schema}.lesson_retention(uuid, integer) IS ''How many learners have seen each part of a lesson. One row for each step of step_seconds, from second 0 to the end of the video: how many enrolled learners have seen at least one second of it (content_progress.watched). No row while duration_seconds is NULL. For the staff of the course, and for service_role. Fails with 22004 for NULL, 22023 when step_seconds is not positive or makes more than 1,000,000 steps, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown lesson.'';'),
		('comment', '', 'function move_lesson(uuid, uuid, uuid)', 'COMMENT ON FUNCTION {schema}.move_lesson(uuid, uuid, uuid) IS ''Moves a lesson within its module or to another one. It comes before another lesson of that module or to the end, and sort_order is numbered from 1 in both modules. Returns the lesson. For the editors of both courses, and for service_role. Fails with 22004 for a NULL, 22023 when before is the lesson itself or in another module, 28000 when nobody is signed in, 42501 for a user who is not an editor of both courses, 23503 for an unknown lesson or module.'';'),
		('comment', '', 'function move_module(uuid, uuid, uuid)', 'COMMENT ON FUNCTION {schema}.move_module(uuid, uuid, uuid) IS ''Moves a module within its course or to another one. The course is course_id, by default its own. It comes before another module of that course or to the end, and sort_order is numbered from 1 in both courses. Returns the module. For the editors of both courses, and for service_role. Fails with 22004 for a NULL module, 22023 when before is the module itself or in another course, 28000 when nobody is signed in, 42501 for a user who is not an editor of both courses, 23503 for an unknown module or course.'';'),
		('comment', '', 'function mux_apply_event(jsonb)', 'COMMENT ON FUNCTION {schema}.mux_apply_event(jsonb) IS ''Applies a verified Mux event to its lessons. Events may come in any order and more than once. applied: a lesson has changed. noop: its lesson was so already. stale: more is known of its upload or asset already. unmatched: kept, but no lesson has its upload or asset now. duplicate: this event id has come before. ignored: a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, 22004 for NULL, 25000 unless READ COMMITTED, 55P03 when somebody has held the same upload, asset or lesson for five seconds.'';'),
		('comment', '', 'function mux_begin_upload(uuid, text)', 'COMMENT ON FUNCTION {schema}.mux_begin_upload(uuid, text) IS ''Binds a Mux upload to a lesson. A video that is ready stays until that of the upload is; otherwise the lesson''''s video is what is known of the upload, and pending if nothing is. Returns the lesson. UPDATE lessons SET mux_upload_id does the same. Fails with 22004 for a NULL, 22023 for an empty upload_id, 23503 for an unknown lesson, 25000 unless READ COMMITTED.'';'),
		('comment', '', 'function mux_playback_claims(uuid, interval, uuid, text)', 'COMMENT ON FUNCTION {schema}.mux_playback_claims(uuid, interval, uuid, text) IS ''The claims of a token that plays a lesson''''s video. {sub, aud, exp} let the learner play it for the time ttl; the application signs them with Mux''''s private key. audience is v for the video, t for a thumbnail, s for a storyboard, g for a gif. The learner is user_id, by default the caller; service_role without a learner gets those of a preview lesson. The staff of the course get those of all its lessons, drafts too. Fails with 22004 for a NULL, 22023 when ttl is not positive or audience is unknown, 28000 when nobody is signed in, 42501 when the learner may not watch the lesson (the detail gives the reason) or user_id is somebody else, 23503 for an unknown lesson or unpublished course, 55000 when the video is not ready.'';'),
		('comment', '', 'function mux_state(text, text)', 'COMMENT ON FUNCTION {schema}.mux_state(text, text) IS ''The video of an upload, as the events so far say. If they do not tell of the upload, or it is NULL, it is the video of an asset. These are the video columns of a lesson that has no other video, and error, why there is none; no row when nothing is known.'';'),
		('comment', '', 'function mux_verify_signature(text, text, text[], interval, timestamp with time zone)', 'COMMENT ON FUNCTION {schema}.mux_verify_signature(text, text, text[], interval, timestamp with time zone) IS ''Verifies the Mux-Signature header of a webhook. Compares it with the raw body and any of the endpoints'''' secrets. Returns ok, or why not: no_secret, no_header, malformed_header, no_v1_signature, signature_mismatch, too_old, too_new. Pass the secrets as a bound parameter. Fails with 22004 for a NULL body, tolerance or checked_at, 22023 for a negative tolerance.'';'),
		('comment', '', 'function next_lesson(uuid, uuid)', 'COMMENT ON FUNCTION {schema}.next_lesson(uuid, uuid) IS ''The next required lesson that a learner has to complete. The id of the first one in course order that the learner may watch; NULL when there is none. Fails as course_completion does.'';'),
		('comment', '', 'function recompute_completion(uuid)', 'COMMENT ON FUNCTION {schema}.recompute_completion(uuid) IS ''Applies changed thresholds of a course to past progress. Rows that reach the present threshold become completed, and enrollments with them; nothing completed is undone. Returns the number of progress rows that became completed. For the editors of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not an editor of the course, 23503 for an unknown course.'';'),
		('comment', '', 'function record_progress(uuid, double precision, double precision, uuid, jsonb)', 'COMMENT ON FUNCTION {schema}.record_progress(uuid, double precision, double precision, uuid, jsonb) IS ''Records how far a learner has watched a lesson. The learner (user_id, by default the caller) has watched watched_pct percent (0..100) and stands at position_seconds. Both are rounded down. played has all that the player has played of the video, as [[start, end], ...] in seconds. At least one of watched_pct and played is needed. In a lesson with progress_by watch, only played counts: its seconds are credited no faster than content_library.max_playback_rate and content_library.watch_grace allow since the first report, so a player sends the whole of it each time. Else the percentage counts, and without one that of the seconds played. In a lesson with progress_by server only service_role and editors of the course report, and an editor may name a learner who is enrolled in it. Returns the row as it now stands, and course_completed: true in the one report that has completed the course. The percentage and completion never go back. A report that changes less than content_library.heartbeat_interval is not written. A report that completes the course sets enrollments.completed_at, once, and sends NOTIFY content_library. Fails with 22023 for a value out of range or a watched_pct of a learner where played counts, 22004 without a lesson, or without watched_pct and played, 28000 when nobody is signed in, 42501 for another user''''s id, for a learner in a lesson with progress_by server, or when the learner may not watch the lesson (the detail gives the reason: not enrolled, expired, tier, date or sequence), 23503 for an unknown lesson or user, 55000 when the video that is to be watched is not ready.'';'),
		('comment', '', 'function record_progress_batch(jsonb, uuid, boolean)', 'COMMENT ON FUNCTION {schema}.record_progress_batch(jsonb, uuid, boolean) IS ''Records many reports, all or none. Takes a JSON array of up to 1000 objects {lesson_id, watched_pct, played, position_seconds, watched_at}, one for each lesson, of one learner (user_id, by default the caller); one of watched_pct and played, position_seconds and watched_at may be left out. The service may name any users, with a user_id in each report, and then send up to 10000. Each is recorded as record_progress would. Returns their rows, in the same order. With skip_refused, reports of unknown lessons, of lessons that the learner may not watch, and of unknown users that reports name, are left out; else they are errors. An error names its report as reports[n], counted from 0. Fails with 22023 for a malformed report, or for a watched_at without a zone or more than a minute in the future; else as record_progress does.'';'),
		('comment', '', 'function reset_progress(uuid, uuid, boolean)', 'COMMENT ON FUNCTION {schema}.reset_progress(uuid, uuid, boolean) IS ''Deletes the progress of a learner in a course. Forgets also that the learner (user_id, by default the caller) had completed the course. Returns the number of lessons whose progress was deleted, or with dry_run would be. Fails with 22004 for a NULL, 28000 when nobody is signed in, 42501 for another user''''s id or when not enrolled, 23503 for an unknown course.'';'),
		('comment', '', 'function revoke_certificate(text, text)', 'COMMENT ON FUNCTION {schema}.revoke_certificate(text, text) IS ''Revokes a certificate. It stays, and verify_certificate() says that it is revoked. One that was revoked before keeps its date and reason. Returns the certificate. After that issue_certificate() can issue another one, with a corrected name for example. Fails with 22004 for a NULL, 22023 for an empty reason, 23503 for a code that no certificate has.'';'),
		('comment', '', 'function unenroll(uuid, uuid)', 'COMMENT ON FUNCTION {schema}.unenroll(uuid, uuid) IS ''Ends an enrollment. The progress of the learner (user_id, by default the caller) stays, and enrolling again finds it. Returns the enrollment that was deleted; NULL if there was none. Only service_role ends one that has an end of access, because enrolling again would begin a new one. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''''s id or an enrollment with an end of access, 23503 for an unknown course.'';'),
		('comment', '', 'function verify_certificate(text)', 'COMMENT ON FUNCTION {schema}.verify_certificate(text) IS ''What is certified under a code, for anybody. The status is valid, expired or revoked. Hyphens, and whether letters are small or capital, do not matter; O is read as 0, I and L as 1. No row for a code that no certificate has. Fails with 22004 for NULL.'';'),
		('event trigger', '', 'content_library_warn_of_columns', 'ALTER EVENT TRIGGER content_library_warn_of_columns ENABLE;'),
		('function', '', 'certificate_credential(text, jsonb)', 'ALTER FUNCTION {schema}.certificate_credential(text, jsonb) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 RESET ALL;'),
		('function', '', 'completion_threshold(uuid)', 'ALTER FUNCTION {schema}.completion_threshold(uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 1 RESET ALL;'),
		('function', '', 'content_library_attach()', 'ALTER FUNCTION {schema}.content_library_attach() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'content_library_attach_when_ready()', 'ALTER FUNCTION {schema}.content_library_attach_when_ready() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL; ALTER FUNCTION {schema}.content_library_attach_when_ready() SET search_path TO pg_catalog, pg_temp;'),
		('function', '', 'content_library_check(boolean)', 'ALTER FUNCTION {schema}.content_library_check(boolean) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 1000 RESET ALL;'),
		('function', '', 'content_library_findings(text)', 'ALTER FUNCTION {schema}.content_library_findings(text) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 100 ROWS 1000 RESET ALL; ALTER FUNCTION {schema}.content_library_findings(text) SET search_path TO pg_catalog, pg_temp;'),
		('function', '', 'content_library_is_staff(uuid, text)', 'ALTER FUNCTION {schema}.content_library_is_staff(uuid, text) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 RESET ALL;'),
		('function', '', 'content_library_keep_certificate()', 'ALTER FUNCTION {schema}.content_library_keep_certificate() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 100 RESET ALL; ALTER FUNCTION {schema}.content_library_keep_certificate() SET search_path TO pg_catalog, pg_temp;'),
		('function', '', 'content_library_mux_bind()', 'ALTER FUNCTION {schema}.content_library_mux_bind() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'content_library_mux_latest(text, text)', 'ALTER FUNCTION {schema}.content_library_mux_latest(text, text) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 ROWS 1 RESET ALL;'),
		('function', '', 'content_library_mux_policies()', 'ALTER FUNCTION {schema}.content_library_mux_policies() STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 1 RESET ALL;'),
		('function', '', 'content_library_mux_read(jsonb)', 'ALTER FUNCTION {schema}.content_library_mux_read(jsonb) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 RESET ALL; ALTER FUNCTION {schema}.content_library_mux_read(jsonb) SET search_path TO pg_catalog, pg_temp;'),
		('function', '', 'content_library_mux_video(uuid, text, text, text, integer)', 'ALTER FUNCTION {schema}.content_library_mux_video(uuid, text, text, text, integer) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 ROWS 1 RESET ALL;'),
		('function', '', 'content_library_on_change()', 'ALTER FUNCTION {schema}.content_library_on_change() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'content_library_reads_lesson(uuid, boolean, boolean)', 'ALTER FUNCTION {schema}.content_library_reads_lesson(uuid, boolean, boolean) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 RESET ALL;'),
		('function', '', 'content_library_sees_course(uuid)', 'ALTER FUNCTION {schema}.content_library_sees_course(uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 RESET ALL;'),
		('function', '', 'content_library_set_updated_at()', 'ALTER FUNCTION {schema}.content_library_set_updated_at() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 100 RESET ALL; ALTER FUNCTION {schema}.content_library_set_updated_at() SET search_path TO pg_catalog, pg_temp;'),
		('function', '', 'content_library_strict(boolean)', 'ALTER FUNCTION {schema}.content_library_strict(boolean) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'content_library_warn_of_columns()', 'ALTER FUNCTION {schema}.content_library_warn_of_columns() VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'continue_watching(integer, uuid)', 'ALTER FUNCTION {schema}.continue_watching(integer, uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 10 RESET ALL;'),
		('function', '', 'copy_course(uuid, text, text)', 'ALTER FUNCTION {schema}.copy_course(uuid, text, text) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'course_completion(uuid, uuid)', 'ALTER FUNCTION {schema}.course_completion(uuid, uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 RESET ALL;'),
		('function', '', 'course_outline(uuid, uuid)', 'ALTER FUNCTION {schema}.course_outline(uuid, uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 RESET ALL;'),
		('function', '', 'course_progress(uuid)', 'ALTER FUNCTION {schema}.course_progress(uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 20 RESET ALL;'),
		('function', '', 'course_report(uuid, integer, uuid)', 'ALTER FUNCTION {schema}.course_report(uuid, integer, uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 1000 RESET ALL;'),
		('function', '', 'course_summary(uuid)', 'ALTER FUNCTION {schema}.course_summary(uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 1 RESET ALL;'),
		('function', '', 'enroll(uuid, uuid)', 'ALTER FUNCTION {schema}.enroll(uuid, uuid) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'issue_certificate(uuid, uuid, text, jsonb)', 'ALTER FUNCTION {schema}.issue_certificate(uuid, uuid, text, jsonb) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'lesson_report(uuid)', 'ALTER FUNCTION {schema}.lesson_report(uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 100 RESET ALL;'),
		('function', '', 'lesson_retention(uuid, integer)', 'ALTER FUNCTION {schema}.lesson_retention(uuid, integer) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 1000 RESET ALL;'),
		('function', '', 'move_lesson(uuid, uuid, uuid)', 'ALTER FUNCTION {schema}.move_lesson(uuid, uuid, uuid) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'move_module(uuid, uuid, uuid)', 'ALTER FUNCTION {schema}.move_module(uuid, uuid, uuid) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'mux_apply_event(jsonb)', 'ALTER FUNCTION {schema}.mux_apply_event(jsonb) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'mux_begin_upload(uuid, text)', 'ALTER FUNCTION {schema}.mux_begin_upload(uuid, text) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'mux_playback_claims(uuid, interval, uuid, text)', 'ALTER FUNCTION {schema}.mux_playback_claims(uuid, interval, uuid, text) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 RESET ALL;'),
		('function', '', 'mux_state(text, text)', 'ALTER FUNCTION {schema}.mux_state(text, text) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 100 ROWS 1 RESET ALL;'),
		('function', '', 'mux_verify_signature(text, text, text[], interval, timestamp with time zone)', 'ALTER FUNCTION {schema}.mux_verify_signature(text, text, text[], interval, timestamp with time zone) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL SAFE COST 1 RESET ALL;'),
		('function', '', 'next_lesson(uuid, uuid)', 'ALTER FUNCTION {schema}.next_lesson(uuid, uuid) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 RESET ALL;'),
		('function', '', 'recompute_completion(uuid)', 'ALTER FUNCTION {schema}.recompute_completion(uuid) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'record_progress(uuid, double precision, double precision, uuid, jsonb)', 'ALTER FUNCTION {schema}.record_progress(uuid, double precision, double precision, uuid, jsonb) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'record_progress_batch(jsonb, uuid, boolean)', 'ALTER FUNCTION {schema}.record_progress_batch(jsonb, uuid, boolean) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 ROWS 100 RESET ALL;'),
		('function', '', 'reset_progress(uuid, uuid, boolean)', 'ALTER FUNCTION {schema}.reset_progress(uuid, uuid, boolean) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'revoke_certificate(text, text)', 'ALTER FUNCTION {schema}.revoke_certificate(text, text) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'unenroll(uuid, uuid)', 'ALTER FUNCTION {schema}.unenroll(uuid, uuid) VOLATILE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL UNSAFE COST 1 RESET ALL;'),
		('function', '', 'verify_certificate(text)', 'ALTER FUNCTION {schema}.verify_certificate(text) STABLE CALLED ON NULL INPUT SECURITY INVOKER NOT LEAKPROOF PARALLEL RESTRICTED COST 1 ROWS 1 RESET ALL;')
		-- End of what is generated
	), expected AS MATERIALIZED (
		-- The list for the schema that the extension is in.
		SELECT l.kind, l."table", l.name, replace(l.made, '{schema}', x.schema) AS made,
			   l.kind IN ('constraint', 'policy') AND strpos(l.made, 'auth.') > 0 AS needs_auth
		FROM list AS l
		CROSS JOIN extension AS x
	), difference AS MATERIALIZED (
		-- What is on one side only, or not the same on both.
		SELECT kind, "table", name, e.made AS wanted, f.made AS found, f.undone, e.needs_auth, x.schema,
			   CASE WHEN e.made IS NULL THEN 'added' WHEN f.made IS NULL THEN 'dropped' ELSE 'altered' END AS change,
			   CASE WHEN kind = 'column' THEN format('column %I.%s', "table", name)
					WHEN kind = 'publication' THEN format('publication %I of %I', name, "table")
					WHEN kind IN ('constraint', 'index', 'policy', 'trigger', 'rule', 'statistics')
						THEN format('%s %I on %I', kind, name, "table")
					WHEN kind IN ('function', 'event trigger') THEN format('%s %s', kind, name)
					WHEN kind = 'member' THEN name
					ELSE format('%s of %s', kind, name) END AS object,
			   kind IN ('constraint', 'index', 'policy', 'trigger', 'rule') AS replaceable,
			   f.made = replace(e.made, ';', ' NOT VALID;') AS not_valid
		FROM expected AS e
		FULL JOIN found AS f USING (kind, "table", name)
		CROSS JOIN extension AS x
		WHERE e.made IS DISTINCT FROM f.made
			-- These are missing with auth, or with their table, or moved with all tables:
			-- then there is one finding for all of them.
			AND NOT (missing_auth IS NOT NULL AND e.needs_auth AND f.made IS NULL)
			AND ("table" = '' OR "table" = ANY (SELECT t.name FROM tables AS t))
			AND (kind = 'schema' OR NOT EXISTS (SELECT FROM tables AS t WHERE t.relnamespace <> t.extnamespace))
	), finding(severity, object, problem, remedy) AS (
		SELECT CASE
				WHEN d.not_valid THEN 'warning'
				WHEN d.kind IN ('row-level security', 'policy', 'member', 'code', 'triggers') THEN 'error'
				WHEN d.kind = 'storage' AND d.name = d."table" THEN 'error'
				WHEN d.kind = 'column' AND d.change <> 'altered' THEN 'error'
				WHEN d.kind = 'constraint' AND d.change <> 'added' THEN 'error'
				WHEN d.kind = 'function' THEN 'error'
				WHEN d.kind IN ('comment', 'statistics target', 'order', 'compression', 'storage')
					OR starts_with(d.kind, 'setting ') THEN 'notice'
				ELSE 'warning' END,
			d.object,
			CASE
				WHEN d.not_valid THEN 'it is NOT VALID: rows that were there before may break it'
				WHEN d.kind = 'row-level security' THEN 'row-level security is switched off: whoever has a grant reads and writes every row'
				WHEN d.kind = 'row-level security of the owner' THEN 'row-level security holds for the owner, too, who can no longer see or dump the rows'
				WHEN d.kind = 'storage' AND d.name = d."table" THEN 'the table is unlogged: a crash empties it'
				WHEN d.kind = 'triggers' THEN 'they are switched off: rows may break it'
				WHEN d.kind = 'state' THEN 'it was set here, and a restore would undo that: ' || d.found
				WHEN d.kind = 'child' THEN 'its rows are read with the table''s, by other rights than the table''s: ' || d.found
				WHEN d.kind = 'member' AND d.change = 'added'
					THEN 'content_library did not make it: as a member of the extension, pg_dump leaves it out'
				WHEN d.kind = 'column' AND d.change = 'added'
					THEN 'content_library does not know it: a restored table lacks it, and then none of the table''s rows can be loaded from the dump'
				WHEN d.kind = 'policy' AND d.change = 'added'
					THEN 'content_library does not know it: it changes who may do what, and pg_dump leaves it out: ' || d.found
				WHEN d.change = 'added'
					THEN format('content_library does not know it: pg_dump%s leaves it out: %s',
						CASE d.kind WHEN 'publication' THEN ' before 18' ELSE '' END, d.found)
				WHEN d.change = 'dropped' THEN 'it is missing; a restore would bring it back'
				ELSE 'it was altered; a restore would undo that: ' || d.found END,
			CASE
				WHEN d.not_valid THEN format('ALTER TABLE %s.%I VALIDATE CONSTRAINT %I;', d.schema, d."table", d.name)
				WHEN d.needs_auth THEN format('SELECT %s.content_library_attach();', d.schema)
				WHEN d.kind = 'column' AND d.change = 'dropped'
					THEN format('If it was renamed, rename it back, or: %s',
						replace(d.wanted, format(' ALTER COLUMN %s TYPE ', d.name), format(' ADD COLUMN %s ', d.name)))
				WHEN d.kind = 'column' AND d.change = 'added'
					THEN format('Move its values %sto a table of your own with a foreign key to this one. Then: %s',
						-- Not every table has metadata.
						(SELECT format('into %I.metadata or ', c."table")
						 FROM columns AS c WHERE c."table" = d."table" AND c.name = 'metadata'), d.undone)
				WHEN d.kind = 'code' OR d.kind IN ('function', 'event trigger') AND d.change = 'dropped'
					THEN 'As a superuser, run its CREATE in content_library--1.0.sql again, with OR REPLACE, and the name of the schema in place of @'
						|| 'extschema@; where it is there, but no member: ALTER EXTENSION content_library ADD.'
				ELSE concat(
					CASE WHEN d.change = 'added' AND d.kind NOT IN ('policy', 'member', 'storage', 'triggers', 'state', 'schema', 'child',
						'event trigger', 'row-level security of the owner')
						THEN 'Keep its definition to make it again after each restore, or: ' END,
					CASE WHEN d.change = 'added' OR d.replaceable THEN d.undone END,
					CASE WHEN d.change = 'altered' AND d.replaceable THEN ' ' END,
					d.wanted) END
		FROM difference AS d
		-- What was added or dropped has one finding, and its parts have none.
		WHERE NOT EXISTS (SELECT FROM difference AS whole
						  WHERE whole.object = d.name
							AND whole.change <> 'altered'
							AND whole.object <> d.object)
		UNION ALL
		SELECT DISTINCT 'error', format('table %I', e."table"),
			   'it was taken out of the extension, and a dump with it cannot be restored; only a superuser can put it back',
			   format('ALTER EXTENSION content_library ADD TABLE %1$s.%2$I; UPDATE pg_catalog.pg_extension SET extconfig = pg_catalog.array_append(extconfig, %3$L::pg_catalog.regclass::pg_catalog.oid), extcondition = pg_catalog.array_append(extcondition, '''') WHERE extname = ''content_library'';',
								 x.schema, e."table", format('%s.%I', x.schema, e."table"))
		FROM expected AS e
		CROSS JOIN extension AS x
		WHERE e."table" <> '' AND e."table" <> ALL (SELECT t.name FROM tables AS t)
		UNION ALL
		SELECT 'error', 'schema auth',
			   format('not found: %s; the tables are locked for learners', missing_auth),
			   format('Create what is missing. Then: SELECT %s.content_library_attach();', x.schema)
		FROM extension AS x
		WHERE missing_auth IS NOT NULL
		UNION ALL
		SELECT 'error', 'schema extensions',
			   '`supabase db dump` leaves out the schema extensions: with --data-only every row, without a word',
			   format('Move the rows, in one transaction, as a superuser; what is yours on these tables must go first, and your own grants are given again afterwards. Then: %s DROP EXTENSION content_library; CREATE EXTENSION content_library SCHEMA public; SET LOCAL session_replication_role = replica; %s SET LOCAL session_replication_role = origin;',
				   string_agg(format('CREATE TEMP TABLE moved_%s AS TABLE %s;', t.name, t.qualified), ' ' ORDER BY t.oid),
				   string_agg(format('INSERT INTO public.%I TABLE pg_temp.moved_%s; DROP TABLE pg_temp.moved_%s;', t.name, t.name, t.name), ' ' ORDER BY t.oid))
		FROM extension AS x
		CROSS JOIN tables AS t
		WHERE x.schema = 'extensions'
		GROUP BY x.schema
		UNION ALL
		SELECT 'notice', format('publication %I', p.pubname),
			   'it publishes every table of the database, the library''s with them, and a dump keeps that',
			   format('Name its tables one by one in another one, or: DROP PUBLICATION %I;', p.pubname)
		FROM pg_publication AS p
		WHERE p.puballtables
		UNION ALL
		SELECT 'notice', format('publication %I', p.pubname),
			   format('it publishes every table of the schema %s, the library''s with them, and a dump keeps that', x.schema),
			   format('Name its tables one by one, or: ALTER PUBLICATION %I DROP TABLES IN SCHEMA %s;', p.pubname, x.schema)
		FROM extension AS x
		JOIN pg_publication_namespace AS n ON n.pnnspid = x.extnamespace
		JOIN pg_publication AS p ON p.oid = n.pnpubid
		UNION ALL
		SELECT 'warning', 'extension content_library',
			   format('version %s is installed, and a restore would make %s', x.extversion, a.default_version),
			   'ALTER EXTENSION content_library UPDATE;'
		FROM extension AS x
		JOIN pg_available_extensions AS a ON a.name = 'content_library'
		WHERE a.default_version <> x.extversion
	)
	SELECT 1 AS part, f.severity, f.object, f.problem, f.remedy
	FROM finding AS f
	)
	UNION ALL
	-- 2. Rights: compared with those that the server noted when this script ran
	-- (pg_init_privs), with memberships and owners.
	(
	WITH extension AS (
		SELECT e.oid, e.extowner, e.extnamespace::regnamespace::text AS schema, n.nspowner, d.datdba
		FROM pg_extension AS e
		JOIN pg_namespace AS n ON n.oid = e.extnamespace
		JOIN pg_database AS d ON d.datname = current_database()
		WHERE e.extname = 'content_library'
	), member AS (
		SELECT d.classid, d.objid
		FROM extension AS x
		JOIN pg_depend AS d ON d.refobjid = x.oid AND d.deptype = 'e'
	), tables AS MATERIALIZED (
		SELECT c.tableoid, c.oid, c.relname, c.relowner, c.relacl, c.oid::regclass::text AS qualified,
			   quote_ident(c.relname) AS name
		FROM member AS m
		JOIN pg_class AS c ON c.tableoid = m.classid AND c.oid = m.objid
	), functions AS MATERIALIZED (
		SELECT p.tableoid, p.oid, p.proname, p.proowner, COALESCE(p.proacl, acldefault('f', p.proowner)) AS acl,
			   format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)) AS name,
			   format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, oidvectortypes(p.proargtypes)) AS qualified
		FROM member AS m
		JOIN pg_proc AS p ON p.tableoid = m.classid AND p.oid = m.objid
	), owner AS (
		-- The owner of courses should own all tables.
		SELECT r.oid, r.rolname, r.rolsuper
		FROM tables AS t
		JOIN pg_roles AS r ON r.oid = t.relowner
		WHERE t.relname = 'courses'
	), object AS MATERIALIZED (
		-- What has rights: tables, columns and functions.
		SELECT t.tableoid AS class, t.oid, 0 AS column_number, NULL::text AS column_name,
			   t.name, t.qualified, 'TABLE' AS type, t.relacl AS acl
		FROM tables AS t
		UNION ALL
		SELECT t.tableoid, t.oid, a.attnum, quote_ident(a.attname), t.name, t.qualified, 'TABLE', a.attacl
		FROM tables AS t
		JOIN pg_attribute AS a ON a.attrelid = t.oid AND NOT a.attisdropped
		UNION ALL
		SELECT f.tableoid, f.oid, 0, NULL, f.name, f.qualified, 'FUNCTION', f.acl
		FROM functions AS f
	), first AS MATERIALIZED (
		-- What this script granted.
		SELECT i.classoid AS class, i.objoid AS oid, i.objsubid AS column_number, g.*
		FROM pg_init_privs AS i
		CROSS JOIN LATERAL aclexplode(i.initprivs) AS g
	), learner AS MATERIALIZED (
		-- The roles in which learners' requests run.
		SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls
		FROM pg_roles AS r
		WHERE r.rolname IN ('anon', 'authenticated')
	), mighty AS (
		-- The members of these roles can do everything without a grant.
		SELECT r.oid, r.rolname,
			   CASE WHEN r.rolsuper THEN 'it is a superuser'
					WHEN r.rolbypassrls THEN 'row-level security does not hold for it'
					WHEN r.oid IN (SELECT t.relowner FROM tables AS t) THEN 'it owns the tables'
					WHEN r.oid IN (x.extowner, x.nspowner, x.datdba) THEN 'it owns the extension, its schema or the database'
					WHEN r.rolname = 'service_role' THEN 'it may do everything'
					ELSE 'it may read or write every table, or files of the server' END AS why
		FROM pg_roles AS r
		CROSS JOIN extension AS x
		WHERE r.rolname <> 'pg_database_owner'
			AND (r.rolsuper OR r.rolbypassrls OR r.oid IN (x.extowner, x.nspowner, x.datdba)
				OR r.oid IN (SELECT t.relowner FROM tables AS t)
				OR r.rolname IN ('service_role', 'pg_read_all_data', 'pg_write_all_data', 'pg_maintain',
					'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))
	), belongs AS MATERIALIZED (
		-- Directly or through other roles, and also if only SET ROLE gives the rights.
		SELECT l.rolname AS learner, m.oid AS role, m.rolname AS name, m.why
		FROM learner AS l
		JOIN mighty AS m ON pg_has_role(l.oid, m.oid, 'MEMBER') AND m.oid <> l.oid
		WHERE NOT l.rolsuper
		UNION ALL
		SELECT l.rolname, r.oid, r.rolname, 'it reads and writes rows, and nobody has signed in'
		FROM learner AS l
		JOIN pg_roles AS r ON r.rolname = 'authenticated' AND pg_has_role(l.oid, r.oid, 'MEMBER')
		WHERE l.rolname = 'anon' AND NOT l.rolsuper
	), receiver AS (
		-- Whose grants a learner's role has: those of PUBLIC, its own, those of its groups.
		SELECT 0::oid AS oid, 'PUBLIC' AS name, NULL AS through
		UNION ALL
		SELECT l.oid, quote_ident(l.rolname), NULL FROM learner AS l
		UNION ALL
		SELECT r.oid, quote_ident(r.rolname), string_agg(l.rolname, ' and ' ORDER BY l.rolname)
		FROM pg_roles AS r
		JOIN learner AS l ON pg_has_role(l.oid, r.oid, 'MEMBER') AND NOT l.rolsuper
		WHERE r.rolname NOT IN ('anon', 'authenticated') AND r.oid NOT IN (SELECT b.role FROM belongs AS b)
		GROUP BY r.oid, r.rolname
	), granted AS (
		-- What they have beyond what this script granted.
		SELECT o.*, g.privilege_type AS privilege, r.name AS grantee, r.through,
			   CASE WHEN f.has THEN 'GRANT OPTION FOR ' ELSE '' END AS option
		FROM object AS o
		CROSS JOIN LATERAL aclexplode(o.acl) AS g
		JOIN receiver AS r ON r.oid = g.grantee
		CROSS JOIN LATERAL (
			SELECT count(*) > 0 AS has,
				   bool_or(first.is_grantable) AS grantable
			FROM first
			WHERE first.class = o.class
				AND first.oid = o.oid
				AND first.column_number = ANY (ARRAY[0, o.column_number])
				AND first.grantee = g.grantee
				AND first.privilege_type = g.privilege_type) AS f
		WHERE (NOT f.has OR (g.is_grantable AND NOT f.grantable))
			-- Policies let nobody but the editors of a course use these.
			AND NOT (r.name = 'authenticated' AND o.type = 'TABLE' AND o.name IN ('courses', 'modules', 'lessons')
				AND g.privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND NOT g.is_grantable)
	), missing AS (
		-- What this script granted and is gone; on_purpose if strict mode revokes it.
		SELECT o.type, o.name, o.qualified, r.rolname AS role,
			   concat(f.privilege_type, ' (' || o.column_name || ')') AS privilege,
			   r.rolname = 'authenticated'
				   AND (o.name = 'enrollments' AND f.privilege_type = 'INSERT'
					OR o.name = 'content_progress' AND f.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')) AS on_purpose
		FROM object AS o
		JOIN first AS f ON f.class = o.class AND f.oid = o.oid AND f.column_number = o.column_number
		JOIN pg_roles AS r ON r.oid = f.grantee AND r.rolname IN ('anon', 'authenticated', 'service_role')
		WHERE NOT CASE
			WHEN o.type = 'FUNCTION' THEN has_function_privilege(r.oid, o.oid, f.privilege_type)
			WHEN o.column_number > 0 THEN has_column_privilege(r.oid, o.oid, o.column_number::int2, f.privilege_type)
			ELSE has_table_privilege(r.oid, o.oid, f.privilege_type) END
	), owed AS (
		-- What the owner of the tables needs, also when it is another role by now.
		SELECT 'table' AS type, t.name, t.qualified, r.rolname AS owner, p.privilege
		FROM tables AS t
		JOIN pg_roles AS r ON r.oid = t.relowner
		CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p(privilege)
		WHERE NOT has_table_privilege(r.oid, t.oid, p.privilege)
		UNION ALL
		-- Whatever service_role may call, and two functions more.
		SELECT 'function', string_agg(f.name, ', ' ORDER BY f.name COLLATE "C"),
			   string_agg(f.qualified, ', ' ORDER BY f.name COLLATE "C"), o.rolname, 'EXECUTE'
		FROM functions AS f
		CROSS JOIN owner AS o
		WHERE NOT has_function_privilege(o.oid, f.oid, 'EXECUTE')
			AND (f.proname IN ('content_library_attach', 'content_library_strict')
				OR EXISTS (SELECT FROM first
						   JOIN pg_roles AS r ON r.oid = first.grantee
						   WHERE first.class = f.tableoid AND first.oid = f.oid AND r.rolname = 'service_role'))
		GROUP BY o.rolname
	), finding(severity, object, problem, remedy) AS (
		SELECT 'error',
			   format('%s %s', CASE WHEN g.column_name IS NULL THEN lower(g.type) ELSE 'column' END,
								 concat_ws('.', g.name, g.column_name)),
			   format('%s has %s%s, which content_library does not grant%s%s', g.grantee,
				   lower(g.option), string_agg(g.privilege, ', ' ORDER BY g.privilege),
				   CASE WHEN bool_or(g.privilege = 'TRUNCATE')
					   THEN '; row-level security does not stop TRUNCATE' END,
				   '; in this role: ' || g.through),
			   format('REVOKE %s%s ON %s %s FROM %s%s;', g.option,
				   string_agg(concat(g.privilege, ' (' || g.column_name || ')'),
										 ', ' ORDER BY g.privilege),
				   g.type, g.qualified, g.grantee, CASE WHEN g.option <> '' THEN ' CASCADE' END)
		FROM granted AS g
		GROUP BY g.type, g.qualified, g.name, g.column_name, g.grantee, g.through, g.option
		UNION ALL
		SELECT 'error', format('role %I', b.learner),
			   format('it is a member of %I, directly or through other roles, and %s', b.name, b.why),
			   string_agg(format('REVOKE %I FROM %I%s;', r.rolname, b.learner,
				   CASE WHEN current_setting('server_version_num')::int4 >= 160000
					   THEN format(' GRANTED BY %I', g.rolname) END), ' ' ORDER BY r.rolname)
		FROM belongs AS b
		JOIN pg_roles AS l ON l.rolname = b.learner
		JOIN pg_auth_members AS m ON m.member = l.oid AND pg_has_role(m.roleid, b.role, 'MEMBER')
		JOIN pg_roles AS r ON r.oid = m.roleid
		LEFT JOIN pg_roles AS g ON g.oid = m.grantor
		GROUP BY b.learner, b.name, b.why
		UNION ALL
		SELECT 'error', format('role %I', l.rolname),
			   format('it has %s: row-level security does not hold for it', a.attribute),
			   format('ALTER ROLE %I NO%s;', l.rolname, a.attribute)
		FROM learner AS l
		CROSS JOIN LATERAL (VALUES ('SUPERUSER', l.rolsuper), ('BYPASSRLS', l.rolbypassrls)) AS a(attribute, has)
		WHERE a.has
		UNION ALL
		SELECT 'error', 'role service_role', 'it has no BYPASSRLS: no row of mux_events is there for it',
			   'ALTER ROLE service_role BYPASSRLS;'
		FROM pg_roles AS r
		WHERE r.rolname = 'service_role' AND NOT r.rolbypassrls AND NOT r.rolsuper
		UNION ALL
		SELECT 'warning',
			   format('%s %s', lower(m.type), m.name),
			   format('%s has no %s any more, which content_library grants%s', m.role,
				   string_agg(m.privilege, ', ' ORDER BY m.privilege),
				   CASE WHEN m.on_purpose THEN '; that is neither strict nor open' END),
			   CASE WHEN m.on_purpose THEN format('SELECT %s.content_library_strict();', (SELECT x.schema FROM extension AS x))
				   ELSE format('GRANT %s ON %s %s TO %I;', string_agg(m.privilege, ', ' ORDER BY m.privilege), m.type, m.qualified, m.role) END
		FROM missing AS m
		-- In strict mode none of these is there, and so none is missing.
		WHERE NOT m.on_purpose OR EXISTS (
			SELECT FROM tables AS t
			WHERE t.name = 'content_progress' AND has_table_privilege('authenticated', t.oid, 'INSERT, UPDATE, DELETE')
				OR t.name = 'enrollments' AND has_any_column_privilege('authenticated', t.oid, 'INSERT'))
		GROUP BY m.type, m.name, m.qualified, m.role, m.on_purpose
		UNION ALL
		SELECT CASE o.type WHEN 'table' THEN 'error' ELSE 'warning' END,
			   CASE o.type WHEN 'table' THEN format('table %s', o.name) ELSE 'functions' END,
			   format('the owner of the tables, %I, has no %s%s', o.owner, string_agg(o.privilege, ', ' ORDER BY o.privilege),
				   CASE o.type WHEN 'function' THEN ' on ' || o.name END),
			   format('GRANT %s ON %s %s TO %I;', string_agg(o.privilege, ', ' ORDER BY o.privilege), upper(o.type), o.qualified, o.owner)
		FROM owed AS o
		GROUP BY o.type, o.name, o.qualified, o.owner
		UNION ALL
		SELECT 'error', format('table %s', t.name),
			   format('it belongs to %I and courses to %I: completion is claimed, and keys are checked, with the rights of one owner of all', r.rolname, o.rolname),
			   format('ALTER TABLE %s OWNER TO %I;', t.qualified, o.rolname)
		FROM tables AS t
		JOIN pg_roles AS r ON r.oid = t.relowner
		CROSS JOIN owner AS o
		WHERE t.relowner <> o.oid
		UNION ALL
		-- Of a foreign key of ours it is said above. Those of a cell fire for what is replicated.
		SELECT DISTINCT 'warning',
			   CASE d.contype WHEN 'f' THEN format('foreign key %I of %s', d.conname, d.conrelid::regclass)
				   ELSE format('trigger %I on %s', g.tgname, t.name) END,
			   format('it is deferred, so the functions that write %s fail (42501)', t.name),
			   CASE d.contype WHEN 'f' THEN format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE;', d.conrelid::regclass, d.conname)
				   ELSE format('DROP TRIGGER IF EXISTS %I ON %s; %s;', g.tgname, t.qualified,
							   replace(pg_get_triggerdef(g.oid), ' INITIALLY DEFERRED ', ' INITIALLY IMMEDIATE ')) END
		FROM tables AS t
		JOIN pg_trigger AS g ON g.tgrelid = t.oid AND g.tginitdeferred AND g.tgenabled IN ('O', 'A')
		JOIN pg_constraint AS d ON d.oid = g.tgconstraint
		WHERE d.contype = 't' OR d.conrelid NOT IN (SELECT o.oid FROM tables AS o)
		UNION ALL
		SELECT 'warning', 'owner of the tables',
			   format('%I is a superuser, as after a restore by one: what runs with the rights of the tables'' owner, such as a trigger on them, may do anything', o.rolname),
			   COALESCE(
				   (SELECT string_agg(format('ALTER TABLE %s OWNER TO %I;', t.qualified, heir.rolname), ' ' ORDER BY t.oid)
					FROM tables AS t
					WHERE heir.rolname IS NOT NULL),
				   'Choose a role that is no superuser and has USAGE on the schema, and give it each table: ALTER TABLE ... OWNER TO')
		FROM owner AS o
		CROSS JOIN extension AS x
		LEFT JOIN LATERAL (
			SELECT r.rolname
			FROM unnest(ARRAY[x.extowner, x.nspowner, x.datdba]) WITH ORDINALITY AS h(oid, place)
			JOIN pg_roles AS r ON r.oid = h.oid
			WHERE NOT r.rolsuper AND r.rolname <> 'pg_database_owner'
			ORDER BY h.place
			LIMIT 1) AS heir ON true
		WHERE o.rolsuper
		UNION ALL
		SELECT 'error', format('function %s', f.name),
			   format('it belongs to %I, who is no superuser and can put another in its place', r.rolname),
			   format('ALTER FUNCTION %s OWNER TO %I;', f.qualified, boot.rolname)
		FROM functions AS f
		JOIN pg_roles AS r ON r.oid = f.proowner
		JOIN pg_roles AS boot ON boot.oid = 10::oid
		WHERE NOT r.rolsuper
	)
	SELECT 2, f.severity, f.object, f.problem, f.remedy
	FROM finding AS f
	)) AS f
	-- The worst come first.
	ORDER BY array_position('{error,warning,notice}'::text[], f.severity), f.part,
		f.object COLLATE "C", f.problem COLLATE "C";
END;
COMMENT ON FUNCTION @extschema@.content_library_findings(text) IS
	'The part of content_library_check() that reads no rows. It compares definitions and rights with what CREATE EXTENSION makes.';

CREATE FUNCTION @extschema@.content_library_check(rows boolean DEFAULT true)
RETURNS TABLE (severity text, object text, problem text, remedy text)
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_check(boolean) IS
	'Finds what is wrong here, or would be lost in a dump. The worst comes first: severity (error: rows are open, locked or lost; warning: a restored database would differ, or something does not work; notice: content, speed, comments), object, problem, and a remedy, mostly SQL to run. No row when all is well. Reads content_progress once, whole, unless rows is false. Runs with the rights of the owner of the tables.';

-- Says at once what content_library_check() would say of a column. Its errors are
-- dropped, so that it can never make a command fail. For another table it only
-- reads which table the command has altered.
CREATE FUNCTION @extschema@.content_library_warn_of_columns() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.content_library_warn_of_columns() IS
	'Event trigger function: warns of a changed column. That is a column added to a table of the library, or altered.';

CREATE EVENT TRIGGER content_library_warn_of_columns ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE')
	EXECUTE FUNCTION @extschema@.content_library_warn_of_columns();


-- 12. Rights of functions ------------------------------------------------------

-- First nobody may call any function: default privileges may have granted that, and
-- PUBLIC may call every new function. All that may be called is granted below.
DO $$
DECLARE
	made regprocedure;
BEGIN
	FOR made IN
		SELECT d.objid
		FROM pg_extension AS e
		JOIN pg_depend AS d ON d.refclassid = e.tableoid AND d.refobjid = e.oid AND d.deptype = 'e'
		WHERE e.extname = 'content_library' AND d.classid = 'pg_proc'::regclass
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated, service_role', made);
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION
	@extschema@.record_progress(uuid, double precision, double precision, uuid, jsonb),
	@extschema@.record_progress_batch(jsonb, uuid, boolean),
	@extschema@.enroll(uuid, uuid),
	@extschema@.unenroll(uuid, uuid),
	@extschema@.reset_progress(uuid, uuid, boolean),
	@extschema@.completion_threshold(uuid),
	@extschema@.course_completion(uuid, uuid),
	@extschema@.course_outline(uuid, uuid),
	@extschema@.next_lesson(uuid, uuid),
	@extschema@.course_progress(uuid),
	@extschema@.continue_watching(integer, uuid),
	@extschema@.mux_playback_claims(uuid, interval, uuid, text)
	TO authenticated, service_role;

-- For the staff of a course: each asks that itself.
GRANT EXECUTE ON FUNCTION
	@extschema@.course_report(uuid, integer, uuid),
	@extschema@.course_summary(uuid),
	@extschema@.lesson_report(uuid),
	@extschema@.lesson_retention(uuid, integer),
	@extschema@.move_lesson(uuid, uuid, uuid),
	@extschema@.move_module(uuid, uuid, uuid),
	@extschema@.copy_course(uuid, text, text),
	@extschema@.recompute_completion(uuid),
	@extschema@.content_library_is_staff(uuid, text)
	TO authenticated, service_role;

-- What the strict policies call. The SQL edition has other policies, and not these.
GRANT EXECUTE ON FUNCTION
	@extschema@.content_library_sees_course(uuid),
	@extschema@.content_library_reads_lesson(uuid, boolean, boolean)
	TO authenticated, service_role;

GRANT EXECUTE ON FUNCTION
	@extschema@.issue_certificate(uuid, uuid, text, jsonb),
	@extschema@.revoke_certificate(text, text),
	@extschema@.certificate_credential(text, jsonb),
	@extschema@.mux_verify_signature(text, text, text[], interval, timestamptz),
	@extschema@.content_library_mux_policies(),
	@extschema@.content_library_mux_latest(text, text),
	@extschema@.mux_state(text, text),
	@extschema@.content_library_mux_video(uuid, text, text, text, integer),
	@extschema@.content_library_mux_read(jsonb),
	@extschema@.mux_apply_event(jsonb),
	@extschema@.mux_begin_upload(uuid, text)
	TO service_role;

-- The only function of anon.
GRANT EXECUTE ON FUNCTION @extschema@.verify_certificate(text)
	TO anon, authenticated, service_role;

GRANT EXECUTE ON FUNCTION @extschema@.content_library_check(boolean)
	TO service_role, @extowner@;

GRANT EXECUTE ON FUNCTION
	@extschema@.content_library_attach(),
	@extschema@.content_library_strict(boolean)
	TO @extowner@;

-- The owner of the tables may call what service_role may. Functions in C call some of
-- these as the owner.
GRANT EXECUTE ON FUNCTION
	@extschema@.record_progress(uuid, double precision, double precision, uuid, jsonb),
	@extschema@.record_progress_batch(jsonb, uuid, boolean),
	@extschema@.enroll(uuid, uuid),
	@extschema@.unenroll(uuid, uuid),
	@extschema@.reset_progress(uuid, uuid, boolean),
	@extschema@.completion_threshold(uuid),
	@extschema@.course_completion(uuid, uuid),
	@extschema@.course_outline(uuid, uuid),
	@extschema@.next_lesson(uuid, uuid),
	@extschema@.course_progress(uuid),
	@extschema@.continue_watching(integer, uuid),
	@extschema@.mux_playback_claims(uuid, interval, uuid, text),
	@extschema@.course_report(uuid, integer, uuid),
	@extschema@.course_summary(uuid),
	@extschema@.lesson_report(uuid),
	@extschema@.lesson_retention(uuid, integer),
	@extschema@.move_lesson(uuid, uuid, uuid),
	@extschema@.move_module(uuid, uuid, uuid),
	@extschema@.copy_course(uuid, text, text),
	@extschema@.recompute_completion(uuid),
	@extschema@.content_library_is_staff(uuid, text),
	@extschema@.content_library_sees_course(uuid),
	@extschema@.content_library_reads_lesson(uuid, boolean, boolean),
	@extschema@.verify_certificate(text),
	@extschema@.issue_certificate(uuid, uuid, text, jsonb),
	@extschema@.revoke_certificate(text, text),
	@extschema@.certificate_credential(text, jsonb),
	@extschema@.mux_verify_signature(text, text, text[], interval, timestamptz),
	@extschema@.content_library_mux_policies(),
	@extschema@.content_library_mux_latest(text, text),
	@extschema@.mux_state(text, text),
	@extschema@.content_library_mux_video(uuid, text, text, text, integer),
	@extschema@.content_library_mux_read(jsonb),
	@extschema@.mux_apply_event(jsonb),
	@extschema@.mux_begin_upload(uuid, text)
	TO @extowner@;


-- 13. What pg_dump keeps ------------------------------------------------------

SELECT pg_extension_config_dump('@extschema@.courses', '');
SELECT pg_extension_config_dump('@extschema@.course_prerequisites', '');
SELECT pg_extension_config_dump('@extschema@.course_staff', '');
SELECT pg_extension_config_dump('@extschema@.modules', '');
SELECT pg_extension_config_dump('@extschema@.lessons', '');
SELECT pg_extension_config_dump('@extschema@.enrollments', '');
SELECT pg_extension_config_dump('@extschema@.content_progress', '');
SELECT pg_extension_config_dump('@extschema@.certificates', '');
SELECT pg_extension_config_dump('@extschema@.mux_events', '');
SELECT pg_extension_config_dump('@extschema@.mux_bindings', '');


-- 14. Attach now, or when auth appears ---------------------------------------

DO $$
BEGIN
	PERFORM @extschema@.content_library_attach();
EXCEPTION
	WHEN undefined_object THEN
		CREATE EVENT TRIGGER content_library_attach ON ddl_command_end
			EXECUTE FUNCTION @extschema@.content_library_attach_when_ready();
		-- Also under session_replication_role = replica, as some restores run.
		ALTER EVENT TRIGGER content_library_attach ENABLE ALWAYS;
		-- The error says what is missing.
		RAISE WARNING '%, so its tables are locked', SQLERRM
			USING HINT = 'It attaches itself as soon as they exist; in a restore that is expected.';
	WHEN insufficient_privilege THEN
		RAISE EXCEPTION 'content_library cannot attach to auth: %', SQLERRM
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Whoever creates the extension needs USAGE on the schema auth and REFERENCES on auth.users.';
END
$$;
