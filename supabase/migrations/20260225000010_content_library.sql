-- content_library: courses, modules, lessons, enrollments and progress with row-level security.
--
-- The SQL edition, for hosted Supabase, where no C extension can be installed:
-- the same tables, names, signatures, answers and errors as the extension
-- content_library 1.0, in the schema public. It may be run again, and over tables
-- that an app has made by the published schema (docs/adoption.md): no row is lost,
-- nothing is made twice.
--
-- Made by `make migration` of content_library--1.0.sql and supabase/plpgsql.sql:
-- change those. docs/sql-edition.md says what differs from the extension.

SET client_min_messages = warning;
-- Names and operators below are the server's, whatever stands in other schemas.
SET search_path TO pg_catalog, pg_temp;

-- What this run makes.
SET content_library_migration.made = '{
	public.courses,
	public.course_prerequisites,
	public.course_staff,
	public.modules,
	public.lessons,
	public.enrollments,
	public.content_progress,
	public.certificates,
	public.recorded_progress,
	public.content_library_settings,
	public.mux_events,
	public.mux_bindings,
	"public.content_library_set_updated_at()",
	"public.content_library_keep_certificate()",
	"public.content_library_on_change()",
	"public.content_library_is_staff(uuid, text)",
	"content_library.missing_course(uuid)",
	"content_library.missing_lesson(uuid, text)",
	"content_library.refuse_lesson(text, uuid, uuid, text, timestamptz)",
	"content_library.refuse_report(text, uuid, text)",
	"content_library.missing_user(uuid, text, text)",
	"content_library.missing_certificate(text)",
	"content_library.nobody()",
	"content_library.other_user(uuid)",
	"content_library.writes(text)",
	"content_library.acts_for_others()",
	"content_library.caller(uuid)",
	"content_library.sees_course(uuid)",
	"content_library.require_course(uuid)",
	"content_library.enter(uuid, text)",
	"content_library.require_owner()",
	"content_library.learner()",
	"content_library.is_staff(uuid, text)",
	"content_library.edits_lesson(uuid)",
	"content_library.require_staff(uuid, text, text, uuid)",
	"content_library.is_visible(uuid)",
	"content_library.visible(uuid)",
	"content_library.threshold(uuid)",
	"content_library.percentage(bigint, bigint)",
	"content_library.whole_number(double precision, text, integer)",
	"content_library.whole_percent(double precision)",
	"content_library.whole_position(double precision)",
	"content_library.json_number(jsonb, text)",
	"content_library.read_played(jsonb)",
	"content_library.read_report(jsonb, timestamptz)",
	"content_library.read_reports(jsonb, timestamptz)",
	"content_library.look(uuid, uuid, timestamptz, integer, boolean, boolean)",
	"content_library.seconds(int4multirange)",
	"content_library.allowed(timestamptz, timestamptz)",
	"content_library.credit(int4multirange, int4multirange, double precision)",
	"content_library.objection(text, integer, integer, int4multirange, boolean)",
	"content_library.weigh(public.content_progress, integer, int4multirange, timestamptz, timestamptz, integer, boolean, double precision)",
	"content_library.course_seconds(uuid, uuid, uuid[], int4multirange[], timestamptz)",
	"content_library.completes(public.content_progress, integer, integer)",
	"content_library.is_news(public.content_progress, boolean, integer, boolean, integer, timestamptz)",
	"content_library.insert_row(uuid, uuid, integer, integer, integer, timestamptz, int4multirange, timestamptz, text)",
	"content_library.update_row(uuid, uuid, boolean, integer, integer, integer, timestamptz, timestamptz, int4multirange, int4multirange, timestamptz)",
	"content_library.lock_user(uuid)",
	"content_library.lock_completion(uuid, boolean)",
	"content_library.lock_courses(uuid[])",
	"content_library.claim_begin(uuid, uuid[])",
	"content_library.complete(uuid, uuid, boolean)",
	"content_library.claim(uuid, uuid)",
	"content_library.claim_all(uuid)",
	"content_library.module_of(uuid, boolean)",
	"content_library.course_of(uuid, boolean)",
	"content_library.check_before(uuid, uuid, uuid, uuid)",
	"content_library.lock_video(boolean, text, text)",
	"content_library.watched_course_of(uuid)",
	"content_library.record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, boolean, uuid[], boolean[])",
	"content_library.bar_reports(uuid, uuid[], integer[], boolean)",
	"content_library.own_record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, uuid[])",
	"content_library.send(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean)",
	"content_library.begin_batch(uuid[], uuid[])",
	"content_library.send_all(uuid[], uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, boolean)",
	"content_library.enroll(uuid, uuid, boolean, boolean)",
	"content_library.own_enroll(uuid, boolean)",
	"content_library.unenroll(uuid, uuid, boolean, boolean)",
	"content_library.own_unenroll(uuid, boolean)",
	"content_library.reset_progress(uuid, uuid, boolean, boolean)",
	"content_library.own_reset_progress(uuid, boolean, boolean)",
	"content_library.completion_threshold(uuid)",
	"content_library.own_completion_threshold(uuid)",
	"content_library.course_completion(uuid, uuid)",
	"content_library.own_course_completion(uuid)",
	"content_library.course_outline(uuid, uuid, boolean, boolean)",
	"content_library.require_own_learner(uuid, uuid)",
	"content_library.own_course_outline(uuid, uuid)",
	"content_library.next_lesson(uuid, uuid, boolean)",
	"content_library.own_next_lesson(uuid)",
	"content_library.course_progress(uuid, boolean)",
	"content_library.own_course_progress()",
	"content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean)",
	"content_library.own_continue_watching(integer, timestamptz, uuid)",
	"content_library.mux_playback_claims(uuid, uuid, timestamptz, text, boolean)",
	"content_library.own_mux_playback_claims(uuid, timestamptz, text)",
	"content_library.course_report(uuid, integer, uuid)",
	"content_library.own_course_report(uuid, integer, uuid)",
	"content_library.course_summary(uuid)",
	"content_library.own_course_summary(uuid)",
	"content_library.lesson_report(uuid)",
	"content_library.own_lesson_report(uuid)",
	"content_library.lesson_retention(uuid, integer)",
	"content_library.own_lesson_retention(uuid, integer)",
	"content_library.own_course_of_lesson(uuid)",
	"content_library.own_course_of_module(uuid)",
	"content_library.lock_for_move(uuid, uuid)",
	"content_library.check_still_there(uuid, uuid, text, uuid)",
	"content_library.move_lesson(uuid, uuid, uuid, boolean)",
	"content_library.own_move_lesson(uuid, uuid, uuid)",
	"content_library.move_module(uuid, uuid, uuid, boolean)",
	"content_library.own_move_module(uuid, uuid, uuid)",
	"content_library.copy_course(uuid, text, text, uuid)",
	"content_library.own_copy_course(uuid, text, text)",
	"content_library.complete_lessons(uuid)",
	"content_library.recompute_completion(uuid)",
	"content_library.own_recompute_completion(uuid)",
	"content_library.issue_certificate(uuid, uuid, text, jsonb)",
	"content_library.revoke_certificate(text, text)",
	"content_library.verify_certificate(text)",
	"content_library.certificate_credential(text, jsonb)",
	"public.record_progress(uuid, double precision, double precision, uuid, jsonb)",
	"public.record_progress_batch(jsonb, uuid, boolean)",
	"public.enroll(uuid, uuid)",
	"public.unenroll(uuid, uuid)",
	"public.reset_progress(uuid, uuid, boolean)",
	"public.completion_threshold(uuid)",
	"public.course_completion(uuid, uuid)",
	"public.course_outline(uuid, uuid)",
	"public.next_lesson(uuid, uuid)",
	"public.course_progress(uuid)",
	"public.continue_watching(integer, uuid)",
	"public.course_report(uuid, integer, uuid)",
	"public.course_summary(uuid)",
	"public.lesson_report(uuid)",
	"public.lesson_retention(uuid, integer)",
	"public.move_lesson(uuid, uuid, uuid)",
	"public.move_module(uuid, uuid, uuid)",
	"public.copy_course(uuid, text, text)",
	"public.recompute_completion(uuid)",
	"public.issue_certificate(uuid, uuid, text, jsonb)",
	"public.revoke_certificate(text, text)",
	"public.certificate_credential(text, jsonb)",
	"public.verify_certificate(text)",
	"public.content_library_strict(boolean)",
	"public.mux_verify_signature(text, text, text[], interval, timestamptz)",
	"public.content_library_mux_policies()",
	"public.content_library_mux_latest(text, text)",
	"public.mux_state(text, text)",
	"public.content_library_mux_video(uuid, text, text, text, integer)",
	"public.content_library_mux_read(jsonb)",
	"public.mux_apply_event(jsonb)",
	"public.content_library_mux_bind()",
	"public.mux_begin_upload(uuid, text)",
	"public.mux_playback_claims(uuid, interval, uuid, text)"
}';

-- Whoever owns the doors acts with the rights of their owner, and whoever owns their
-- schema can replace them. And whoever owns a table or a type has its code run by
-- whoever uses it. So one role must own all of the library.
DO $$
DECLARE
	made CONSTANT text[] := current_setting('content_library_migration.made');
	other text;
BEGIN
	SELECT format('%s belongs to %I', o.name, pg_get_userbyid(o.owner)) INTO other
	FROM (SELECT 'the schema content_library', n.nspowner
		  FROM pg_namespace AS n
		  WHERE n.nspname = 'content_library'
		  UNION ALL
		  -- Tables and views have a type of the same name and owner.
		  SELECT format('public.%I', t.typname), t.typowner
		  FROM pg_type AS t
		  WHERE t.typnamespace = 'public'::regnamespace AND 'public.' || t.typname = ANY (made)
		  UNION ALL
		  SELECT format('the function %s', p.oid::regprocedure), p.proowner
		  FROM pg_proc AS p
		  WHERE p.pronamespace = to_regnamespace('content_library')
			OR p.oid IN (SELECT to_regprocedure(m) FROM unnest(made) AS m WHERE m LIKE 'public.%(%')
		 ) AS o(name, owner)
	WHERE pg_get_userbyid(o.owner) <> current_user
	ORDER BY 1
	LIMIT 1;
	IF other IS NOT NULL THEN
		RAISE EXCEPTION '%, and the role here is "%"', other, current_user
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'One role must own all of the library: run this as that role.';
	END IF;
END
$$;

-- The rights on what an earlier run has made stay as they are: what was taken away stays
-- away. content_library.made() says what that is. A run makes that function last.
DO $$
DECLARE
	kept text[] := '{}';
BEGIN
	IF to_regprocedure('content_library.made()') IS NOT NULL THEN
		kept := ARRAY(
			SELECT k.name
			FROM unnest(content_library.made()) AS m
			CROSS JOIN LATERAL (SELECT CASE WHEN m LIKE '%(%' THEN to_regprocedure(m)::text ELSE to_regclass(m)::text END) AS k(name)
			WHERE k.name IS NOT NULL);
	END IF;
	PERFORM set_config('content_library_migration.kept', kept::text, false);
END
$$;



-- 1. What must be there first ------------------------------------------------

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


-- 2. Tables ------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS public.courses (
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
ALTER TABLE public.courses
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN IF NOT EXISTS completion_threshold integer CHECK (completion_threshold BETWEEN 1 AND 100),
	ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (jsonb_typeof(metadata) = 'object'),
	ADD COLUMN IF NOT EXISTS is_open boolean NOT NULL DEFAULT true,
	ADD COLUMN IF NOT EXISTS is_sequential boolean NOT NULL DEFAULT false,
	ADD COLUMN IF NOT EXISTS access_period interval CHECK (extract(epoch FROM access_period) > 0),
	ADD COLUMN IF NOT EXISTS progress_by text NOT NULL DEFAULT 'report'
		CHECK (progress_by IN ('report', 'watch', 'server')),
	ADD COLUMN IF NOT EXISTS certificate_valid_for interval CHECK (extract(epoch FROM certificate_valid_for) > 0);
COMMENT ON TABLE public.courses IS 'A course: modules of lessons, seen by learners once it is published.';
COMMENT ON COLUMN public.courses.completion_threshold IS 'Percent of a lesson that must be watched to complete it; NULL inherits content_library_settings.completion_threshold.';
COMMENT ON COLUMN public.courses.metadata IS 'The application''s own attributes, a JSON object; a column added to this table would be lost in a dump, this is not.';
COMMENT ON COLUMN public.courses.is_open IS 'Whether learners may enroll; those who are enrolled go on either way.';
COMMENT ON COLUMN public.courses.is_sequential IS 'Whether a lesson opens only when every required lesson before it is completed.';
COMMENT ON COLUMN public.courses.access_period IS 'How long an enrollment that is made now gives access; NULL for good.';
COMMENT ON COLUMN public.courses.progress_by IS 'What moves watched_pct: report (the percentage that a player claims), watch (the seconds that were played, no faster than the clock) or server (service_role and the editors of the course).';
COMMENT ON COLUMN public.courses.certificate_valid_for IS 'How long after completing the course a certificate that is issued now is valid; NULL for good.';

CREATE TABLE IF NOT EXISTS public.course_prerequisites (
	course_id			uuid NOT NULL REFERENCES public.courses (id) ON DELETE CASCADE,
	required_course_id	uuid NOT NULL REFERENCES public.courses (id) ON DELETE CASCADE,
	PRIMARY KEY (course_id, required_course_id),
	CHECK (course_id <> required_course_id)
);
COMMENT ON TABLE public.course_prerequisites IS 'The courses that a learner must have completed to enroll in a course.';

CREATE TABLE IF NOT EXISTS public.course_staff (
	course_id	uuid NOT NULL REFERENCES public.courses (id) ON DELETE CASCADE,
	user_id		uuid NOT NULL,
	role		text NOT NULL CHECK (role IN ('viewer', 'editor')),
	created_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (user_id, course_id)
);
COMMENT ON TABLE public.course_staff IS 'The instructors of a course, who sign in as learners do.';
COMMENT ON COLUMN public.course_staff.role IS 'viewer: sees the reports, and the course as it is made; editor: changes it, too.';

CREATE TABLE IF NOT EXISTS public.modules (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	course_id	uuid NOT NULL REFERENCES public.courses (id) ON DELETE CASCADE,
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
ALTER TABLE public.modules
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (jsonb_typeof(metadata) = 'object'),
	ADD COLUMN IF NOT EXISTS unlock_at timestamptz,
	ADD COLUMN IF NOT EXISTS unlock_after interval CHECK (extract(epoch FROM unlock_after) >= 0);
COMMENT ON TABLE public.modules IS 'A module: a part of one course.';
COMMENT ON COLUMN public.modules.metadata IS 'The application''s own attributes, a JSON object.';
COMMENT ON COLUMN public.modules.unlock_at IS 'When the lessons of the module open; NULL for at once.';
COMMENT ON COLUMN public.modules.unlock_after IS 'How long after enrolling the lessons of the module open; NULL for at once.';

CREATE TABLE IF NOT EXISTS public.lessons (
	id						uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	module_id				uuid NOT NULL REFERENCES public.modules (id) ON DELETE CASCADE,
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
ALTER TABLE public.lessons
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN IF NOT EXISTS completion_threshold integer CHECK (completion_threshold BETWEEN 1 AND 100),
	ADD COLUMN IF NOT EXISTS is_required boolean NOT NULL DEFAULT true,
	ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (jsonb_typeof(metadata) = 'object'),
	ADD COLUMN IF NOT EXISTS is_published boolean NOT NULL DEFAULT true,
	ADD COLUMN IF NOT EXISTS unlock_at timestamptz,
	ADD COLUMN IF NOT EXISTS unlock_after interval CHECK (extract(epoch FROM unlock_after) >= 0),
	ADD COLUMN IF NOT EXISTS progress_by text CHECK (progress_by IN ('report', 'watch', 'server'));
COMMENT ON TABLE public.lessons IS 'A lesson. Most have one video.';
COMMENT ON COLUMN public.lessons.completion_threshold IS 'Percent that must be watched to complete the lesson; NULL inherits the course''s.';
COMMENT ON COLUMN public.lessons.is_required IS 'Whether the lesson counts towards the completion of its course.';
COMMENT ON COLUMN public.lessons.metadata IS 'The application''s own attributes, a JSON object.';
COMMENT ON COLUMN public.lessons.is_published IS 'Whether learners see the lesson; a draft counts for nothing.';
COMMENT ON COLUMN public.lessons.unlock_at IS 'When the lesson opens; NULL for at once.';
COMMENT ON COLUMN public.lessons.unlock_after IS 'How long after enrolling the lesson opens; NULL for at once.';
COMMENT ON COLUMN public.lessons.progress_by IS 'What moves watched_pct of the lesson: report, watch or server; NULL inherits the course''s.';

CREATE TABLE IF NOT EXISTS public.enrollments (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id			uuid NOT NULL,
	course_id		uuid NOT NULL REFERENCES public.courses (id) ON DELETE CASCADE,
	enrolled_at		timestamptz NOT NULL DEFAULT now(),
	completed_at	timestamptz,
	expires_at		timestamptz,
	granted			boolean NOT NULL DEFAULT false,
	UNIQUE (user_id, course_id)
);
ALTER TABLE public.enrollments
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN IF NOT EXISTS completed_at timestamptz,
	ADD COLUMN IF NOT EXISTS expires_at timestamptz,
	ADD COLUMN IF NOT EXISTS granted boolean NOT NULL DEFAULT false;
COMMENT ON TABLE public.enrollments IS 'A learner''s place in a course.';
COMMENT ON COLUMN public.enrollments.completed_at IS 'When the learner completed the last of the required lessons; lessons added later do not erase it.';
COMMENT ON COLUMN public.enrollments.expires_at IS 'When access ends; NULL for never. What the learner has done stays.';
COMMENT ON COLUMN public.enrollments.granted IS 'Whether the service has given access, whatever the learner''s tier.';

-- With some free space, the new version of a row stays on its page (a HOT update).
CREATE TABLE IF NOT EXISTS public.content_progress (
	id					uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id				uuid NOT NULL,
	lesson_id			uuid NOT NULL REFERENCES public.lessons (id) ON DELETE CASCADE,
	watched_pct			integer NOT NULL DEFAULT 0 CHECK (watched_pct BETWEEN 0 AND 100),
	completed			boolean NOT NULL DEFAULT false,
	last_watched		timestamptz NOT NULL DEFAULT now(),
	position_seconds	integer CHECK (position_seconds >= 0),
	completed_at		timestamptz,
	watched				int4multirange NOT NULL DEFAULT '{}',
	started_at			timestamptz,
	UNIQUE (user_id, lesson_id)
) WITH (fillfactor = 90);
ALTER TABLE public.content_progress
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN IF NOT EXISTS position_seconds integer CHECK (position_seconds >= 0),
	ADD COLUMN IF NOT EXISTS completed_at timestamptz,
	ADD COLUMN IF NOT EXISTS watched int4multirange NOT NULL DEFAULT '{}',
	ADD COLUMN IF NOT EXISTS started_at timestamptz,
	SET (fillfactor = 90);
COMMENT ON TABLE public.content_progress IS 'How far a learner has watched a lesson.';
COMMENT ON COLUMN public.content_progress.watched_pct IS 'The highest percentage reached, 0..100; record_progress never lowers it.';
COMMENT ON COLUMN public.content_progress.completed IS 'Whether watched_pct had reached the completion threshold at the time of a report.';
COMMENT ON COLUMN public.content_progress.last_watched IS 'The time of the latest report, at most content_library_settings.heartbeat_interval seconds behind.';
COMMENT ON COLUMN public.content_progress.position_seconds IS 'Where to resume, in seconds; unlike watched_pct it may go back.';
COMMENT ON COLUMN public.content_progress.completed_at IS 'The earliest time at which a report reached the threshold.';
COMMENT ON COLUMN public.content_progress.watched IS 'The seconds of the video that were played, as merged ranges: at most 255.';
COMMENT ON COLUMN public.content_progress.started_at IS 'The server''s clock at the first report; NULL in a row that was written directly, until its next report.';

-- A certificate says what was so when it was issued. So the names are copied, and it
-- outlives the course.
CREATE TABLE IF NOT EXISTS public.certificates (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	code			text COLLATE "C" NOT NULL UNIQUE
					CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$'),
	user_id			uuid NOT NULL,
	course_id		uuid REFERENCES public.courses (id) ON DELETE SET NULL,
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
COMMENT ON TABLE public.certificates IS 'A certificate that a learner has completed a course. Only issue_certificate() makes one, and only its revocation changes it.';
COMMENT ON COLUMN public.certificates.code IS 'What verify_certificate() asks for: 60 random bits in Crockford''s base32, XXXX-XXXX-XXXX.';
COMMENT ON COLUMN public.certificates.course_id IS 'The course; NULL once it is deleted.';
COMMENT ON COLUMN public.certificates.learner_name IS 'The learner''s name, as the server gave it.';
COMMENT ON COLUMN public.certificates.course_title IS 'The title that the course had when the certificate was issued.';
COMMENT ON COLUMN public.certificates.completed_at IS 'When the learner had completed the course, as the enrollment said.';
COMMENT ON COLUMN public.certificates.expires_at IS 'Until when it is valid: completed_at plus the course''s certificate_valid_for; NULL for good.';
COMMENT ON COLUMN public.certificates.revoked_at IS 'When it was revoked; NULL if it was not.';
COMMENT ON COLUMN public.certificates.revoked_reason IS 'Why it was revoked. The learner can read it, verify_certificate() does not show it.';
COMMENT ON COLUMN public.certificates.metadata IS 'The application''s own attributes, a JSON object that issue_certificate() is given.';

-- What record_progress returns. A column added to the table is not in it.
DO $$
BEGIN
	IF to_regtype('public.recorded_progress') IS NULL THEN
		CREATE TYPE public.recorded_progress AS (
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
	END IF;
END
$$;
COMMENT ON TYPE public.recorded_progress IS 'A row of content_progress, and whether this report has completed the course.';


-- 3. Indexes -----------------------------------------------------------------

CREATE INDEX IF NOT EXISTS idx_courses_published ON public.courses (is_published);
CREATE INDEX IF NOT EXISTS idx_courses_stage ON public.courses (stage);
CREATE INDEX IF NOT EXISTS idx_courses_topic ON public.courses (topic);
CREATE INDEX IF NOT EXISTS idx_modules_course_id ON public.modules (course_id);
CREATE INDEX IF NOT EXISTS idx_lessons_module_id ON public.lessons (module_id);
CREATE INDEX IF NOT EXISTS idx_lessons_mux_asset_id ON public.lessons (mux_asset_id);
CREATE INDEX IF NOT EXISTS idx_enrollments_user_id ON public.enrollments (user_id);
-- course_report() goes through a course page by page in this order.
CREATE INDEX IF NOT EXISTS idx_enrollments_course_id ON public.enrollments (course_id, enrolled_at, user_id);
-- course_summary() counts in the first, and takes a sample from the second: see
-- COURSE_SUMMARY_SQL in src/rules.h.
CREATE INDEX IF NOT EXISTS idx_enrollments_completed_at ON public.enrollments (course_id, completed_at);
CREATE INDEX IF NOT EXISTS idx_enrollments_sample ON public.enrollments (course_id, uuid_hash(user_id), user_id);
CREATE INDEX IF NOT EXISTS idx_course_prerequisites_required ON public.course_prerequisites (required_course_id);
CREATE INDEX IF NOT EXISTS idx_course_staff_course_id ON public.course_staff (course_id);
CREATE INDEX IF NOT EXISTS idx_content_progress_user_id ON public.content_progress (user_id);

-- Without this index, deleting a lesson and reporting on a course would read all
-- progress. It has no column that a report changes, because then no update could be HOT.
CREATE INDEX IF NOT EXISTS idx_content_progress_lesson_id ON public.content_progress (lesson_id);

CREATE INDEX IF NOT EXISTS idx_certificates_user_id ON public.certificates (user_id);
CREATE INDEX IF NOT EXISTS idx_certificates_course_id ON public.certificates (course_id);
-- One completion has one certificate, until that is revoked.
CREATE UNIQUE INDEX IF NOT EXISTS idx_certificates_completion ON public.certificates (user_id, course_id, completed_at)
	WHERE revoked_at IS NULL;


-- 4. updated_at --------------------------------------------------------------

CREATE OR REPLACE FUNCTION public.content_library_set_updated_at() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.updated_at := now();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.content_library_set_updated_at() IS
	'Trigger function: stamps updated_at of a changed row.';

-- Only on UPDATE: an INSERT trigger would change the times of restored rows.
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON public.courses
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION public.content_library_set_updated_at();
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON public.modules
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION public.content_library_set_updated_at();
CREATE OR REPLACE TRIGGER set_updated_at BEFORE UPDATE ON public.lessons
	FOR EACH ROW WHEN (OLD.* *<> NEW.*)
	EXECUTE FUNCTION public.content_library_set_updated_at();

-- A foreign key acts within a trigger of its own. So at a greater depth it is the key that
-- takes away a course that is deleted.
CREATE OR REPLACE FUNCTION public.content_library_keep_certificate() RETURNS trigger
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
COMMENT ON FUNCTION public.content_library_keep_certificate() IS
	'Trigger function: refuses any change of a certificate but its revocation.';

CREATE OR REPLACE TRIGGER keep_certificate BEFORE UPDATE ON public.certificates
	FOR EACH ROW EXECUTE FUNCTION public.content_library_keep_certificate();

-- The rules of access and completion hold also for what is written directly. After a
-- restore there is nothing to do; see needs_nothing() in src/table_changes.c.
CREATE OR REPLACE FUNCTION public.content_library_on_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SECURITY DEFINER
AS $$
DECLARE
	changed uuid[];
	course uuid;
BEGIN
	-- The learner's lock comes before that of the row, for which enroll() may wait. Not if the row is
	-- there, as ON CONFLICT allows, or comes with a date: then nothing is claimed.
	IF TG_WHEN = 'BEFORE' AND TG_NARGS > 0 THEN
		IF current_setting('row_security')::boolean AND NEW.completed_at IS NULL
			AND NOT EXISTS (SELECT FROM public.enrollments AS e WHERE e.user_id = NEW.user_id AND e.course_id = NEW.course_id)
		THEN
			PERFORM content_library.lock_user(NEW.user_id);
		END IF;
		RETURN NEW;
	END IF;
	-- A learner's own INSERT into enrollments: access begins now, and ends as the course says.
	IF TG_WHEN = 'BEFORE' THEN
		NEW.enrolled_at := now();
		NEW.expires_at := (SELECT now() + c.access_period FROM public.courses AS c WHERE c.id = NEW.course_id);
		RETURN NEW;
	END IF;

	-- The courses whose learners may be done now, because lessons or modules have gone or
	-- have changed. A course or module that is deleted itself is not found.
	IF TG_LEVEL = 'STATEMENT' THEN
		IF TG_TABLE_NAME = 'lessons' AND TG_OP = 'DELETE' THEN
			changed := ARRAY(
				SELECT m.course_id
				FROM old_rows AS l
				JOIN public.modules AS m ON m.id = l.module_id
				WHERE (l.is_required AND l.is_published));
		ELSIF TG_TABLE_NAME = 'lessons' THEN
			-- A lesson that counts in the same module before and after comes twice, and is left out. A
			-- join would be slow: its plan may be kept from a small change.
			changed := ARRAY(
				SELECT m.course_id
				FROM (SELECT b.module_id
					  FROM (SELECT l.id, l.module_id FROM old_rows AS l WHERE (l.is_required AND l.is_published)
							UNION ALL
							SELECT l.id, l.module_id FROM new_rows AS l WHERE (l.is_required AND l.is_published)) AS b
					  GROUP BY b.id, b.module_id
					  HAVING count(*) = 1) AS l
				JOIN public.modules AS m ON m.id = l.module_id);
		ELSIF TG_OP = 'DELETE' THEN
			changed := ARRAY(
				SELECT c.id
				FROM old_rows AS m
				JOIN public.courses AS c ON c.id = m.course_id);
		ELSE
			changed := ARRAY(
				SELECT c.id
				FROM (SELECT b.course_id
					  FROM (SELECT m.id, m.course_id FROM old_rows AS m
							UNION ALL
							SELECT m.id, m.course_id FROM new_rows AS m) AS b
					  GROUP BY b.id, b.course_id
					  HAVING count(*) = 1) AS m
				JOIN public.courses AS c ON c.id = m.course_id);
		END IF;
		changed := ARRAY(SELECT DISTINCT c.id FROM unnest(changed) AS c(id) ORDER BY c.id);
		-- All locks first: a report on a moving lesson locks one of the two courses, and must not come between.
		FOREACH course IN ARRAY changed LOOP
			PERFORM content_library.lock_completion(course, true);
		END LOOP;
		FOREACH course IN ARRAY changed LOOP
			PERFORM content_library.claim_all(course);
		END LOOP;
		RETURN NULL;
	END IF;

	-- A dump sets row_security to off for its restore: its rows are as they were.
	IF NOT current_setting('row_security')::boolean THEN
		RETURN NULL;
	ELSIF TG_TABLE_NAME = 'enrollments' THEN
		-- The learner may have done everything before. A date comes from an import.
		IF NEW.completed_at IS NULL THEN
			PERFORM content_library.lock_user(NEW.user_id);
			PERFORM content_library.lock_completion(NEW.course_id, false);
			PERFORM content_library.complete(NEW.user_id, NEW.course_id, true);
		END IF;
	ELSIF NEW.completed AND (TG_OP = 'INSERT' OR NOT OLD.completed
							 OR (OLD.user_id, OLD.lesson_id) <> (NEW.user_id, NEW.lesson_id)) THEN
		-- The application itself may have marked a lesson as completed, or given it to somebody else.
		FOREACH course IN ARRAY content_library.claim_begin(NEW.user_id, ARRAY[NEW.lesson_id]) LOOP
			PERFORM content_library.claim(NEW.user_id, course);
		END LOOP;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.content_library_on_change() IS
	'Trigger function: completes courses. It looks for learners who are done after a change. Before an enrollment is inserted it locks the learner, and gives an enrollment that a learner inserts the access period of the course.';

CREATE OR REPLACE TRIGGER claim_after_delete AFTER DELETE ON public.modules
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION public.content_library_on_change();
CREATE OR REPLACE TRIGGER claim_after_update AFTER UPDATE ON public.modules
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION public.content_library_on_change();
CREATE OR REPLACE TRIGGER claim_after_delete AFTER DELETE ON public.lessons
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION public.content_library_on_change();
CREATE OR REPLACE TRIGGER claim_after_update AFTER UPDATE ON public.lessons
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION public.content_library_on_change();
-- Who may write expires_at is trusted: the service, the owner, and a restore.
CREATE OR REPLACE TRIGGER begin_access BEFORE INSERT ON public.enrollments
	FOR EACH ROW WHEN (NOT has_column_privilege('public.enrollments'::regclass, 'expires_at', 'INSERT'))
	EXECUTE FUNCTION public.content_library_on_change();
-- enroll() locks the learner first, and then the row. An INSERT does the same, so that the two
-- cannot deadlock.
CREATE OR REPLACE TRIGGER lock_learner BEFORE INSERT ON public.enrollments
	FOR EACH ROW EXECUTE FUNCTION public.content_library_on_change('lock');
CREATE OR REPLACE TRIGGER claim_after_insert AFTER INSERT ON public.enrollments
	FOR EACH ROW EXECUTE FUNCTION public.content_library_on_change();
-- A row may change hands, as when two accounts become one.
CREATE OR REPLACE TRIGGER claim_after_update AFTER UPDATE OF user_id, course_id ON public.enrollments
	FOR EACH ROW EXECUTE FUNCTION public.content_library_on_change();
CREATE OR REPLACE TRIGGER claim_after_insert AFTER INSERT ON public.content_progress
	FOR EACH ROW EXECUTE FUNCTION public.content_library_on_change();
-- A report that completes nothing does not name the column, and so does not fire it.
CREATE OR REPLACE TRIGGER claim_after_update AFTER UPDATE OF completed, user_id, lesson_id ON public.content_progress
	FOR EACH ROW EXECUTE FUNCTION public.content_library_on_change();


-- 5. Rights ------------------------------------------------------------------

-- First nobody has any right: default privileges may have granted everything, and
-- row-level security does not stop TRUNCATE.
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.courses,public.course_prerequisites,public.course_staff,public.modules,public.lessons,public.enrollments,public.content_progress,public.certificates}' THEN
		REVOKE ALL ON TABLE
			public.courses,
			public.course_prerequisites,
			public.course_staff,
			public.modules,
			public.lessons,
			public.enrollments,
			public.content_progress,
			public.certificates
			FROM PUBLIC, anon, authenticated, service_role;
	END IF;
END
$$;

DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.courses,public.course_prerequisites,public.course_staff,public.modules,public.lessons,public.enrollments,public.content_progress}' THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE
			public.courses,
			public.course_prerequisites,
			public.course_staff,
			public.modules,
			public.lessons,
			public.enrollments,
			public.content_progress
			TO service_role;
	END IF;
END
$$;

DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.courses,public.course_prerequisites,public.course_staff,public.modules,public.lessons}' THEN
		GRANT SELECT ON TABLE
			public.courses,
			public.course_prerequisites,
			public.course_staff,
			public.modules,
			public.lessons
			TO authenticated;
	END IF;
END
$$;

-- Without completed_at: learners must not say themselves that they have completed a course.
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.enrollments}' THEN
		GRANT SELECT, INSERT (id, user_id, course_id, enrolled_at)
			ON TABLE public.enrollments TO authenticated;
	END IF;
END
$$;

DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.content_progress}' THEN
		GRANT SELECT, INSERT, UPDATE, DELETE
			ON TABLE public.content_progress TO authenticated;
	END IF;
END
$$;

-- issue_certificate() makes certificates, and only the owner of the tables deletes one.
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.certificates}' THEN
		GRANT SELECT, UPDATE ON TABLE public.certificates TO service_role;
	END IF;
END
$$;
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.certificates}' THEN
		GRANT SELECT ON TABLE public.certificates TO authenticated;
	END IF;
END
$$;


-- 6. Row-level security ------------------------------------------------------
CREATE OR REPLACE FUNCTION public.content_library_is_staff(course_id uuid, role text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF course_id IS NULL OR role IS NULL THEN
		RETURN NULL;
	END IF;
	IF role NOT IN ('viewer', 'editor') THEN
		RAISE EXCEPTION 'role "%" is neither viewer nor editor', left(role, 60)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN EXISTS (
		SELECT FROM public.course_staff AS s
		WHERE s.user_id = auth.uid() AND s.course_id = $1 AND (s.role = 'editor' OR $2 = 'viewer'));
END
$$;
COMMENT ON FUNCTION public.content_library_is_staff(uuid, text) IS
	'Whether the caller is staff of a course. With the role viewer every member of its staff is, with the role editor only its editors are. It answers only for the user signed in, by course_staff; false when nobody is signed in. Policies call it. Fails with 22023 for another role.';

ALTER TABLE public.courses ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Authenticated users can read published courses" ON public.courses;
CREATE POLICY "Authenticated users can read published courses"
	ON public.courses FOR SELECT TO authenticated
	USING (is_published = true);

-- CASE and not AND: the planner looks for an index for each side of an AND or OR, and finds
-- none for the function. The policies of a table are asked in the order of their names from
-- Z to A, so with CASE first it does not look at all.
DROP POLICY IF EXISTS "Staff can read their courses" ON public.courses;
CREATE POLICY "Staff can read their courses"
	ON public.courses FOR SELECT TO authenticated
	USING (CASE WHEN is_published THEN false ELSE public.content_library_is_staff(id, 'viewer') END);

-- Editors write through the tables once authenticated is granted that: see docs/recipes.md.
-- There is no policy for INSERT: a course that does not exist has no editor.
DROP POLICY IF EXISTS "Editors change their courses" ON public.courses;
CREATE POLICY "Editors change their courses"
	ON public.courses FOR UPDATE TO authenticated
	USING (public.content_library_is_staff(id, 'editor'))
	WITH CHECK (public.content_library_is_staff(id, 'editor'));

DROP POLICY IF EXISTS "Editors delete their courses" ON public.courses;
CREATE POLICY "Editors delete their courses"
	ON public.courses FOR DELETE TO authenticated
	USING (public.content_library_is_staff(id, 'editor'));

DROP POLICY IF EXISTS "Service role manages courses" ON public.courses;
CREATE POLICY "Service role manages courses"
	ON public.courses FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.course_prerequisites ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Authenticated users can read prerequisites of visible courses" ON public.course_prerequisites;
CREATE POLICY "Authenticated users can read prerequisites of visible courses"
	ON public.course_prerequisites FOR SELECT TO authenticated
	USING (EXISTS (SELECT FROM public.courses AS c WHERE c.id = course_id));

DROP POLICY IF EXISTS "Service role manages course_prerequisites" ON public.course_prerequisites;
CREATE POLICY "Service role manages course_prerequisites"
	ON public.course_prerequisites FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.course_staff ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Service role manages course_staff" ON public.course_staff;
CREATE POLICY "Service role manages course_staff"
	ON public.course_staff FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.modules ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Authenticated users can read modules" ON public.modules;
CREATE POLICY "Authenticated users can read modules"
	ON public.modules FOR SELECT TO authenticated
	USING (true);

DROP POLICY IF EXISTS "Editors add modules" ON public.modules;
CREATE POLICY "Editors add modules"
	ON public.modules FOR INSERT TO authenticated
	WITH CHECK (public.content_library_is_staff(course_id, 'editor'));

DROP POLICY IF EXISTS "Editors change their modules" ON public.modules;
CREATE POLICY "Editors change their modules"
	ON public.modules FOR UPDATE TO authenticated
	USING (public.content_library_is_staff(course_id, 'editor'))
	WITH CHECK (public.content_library_is_staff(course_id, 'editor'));

DROP POLICY IF EXISTS "Editors delete their modules" ON public.modules;
CREATE POLICY "Editors delete their modules"
	ON public.modules FOR DELETE TO authenticated
	USING (public.content_library_is_staff(course_id, 'editor'));

DROP POLICY IF EXISTS "Service role manages modules" ON public.modules;
CREATE POLICY "Service role manages modules"
	ON public.modules FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.lessons ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Authenticated users can read lessons" ON public.lessons;
CREATE POLICY "Authenticated users can read lessons"
	ON public.lessons FOR SELECT TO authenticated
	USING (true);

DROP POLICY IF EXISTS "Editors add lessons" ON public.lessons;
CREATE POLICY "Editors add lessons"
	ON public.lessons FOR INSERT TO authenticated
	WITH CHECK (EXISTS (SELECT FROM public.modules AS m
						WHERE m.id = module_id AND public.content_library_is_staff(m.course_id, 'editor')));

DROP POLICY IF EXISTS "Editors change their lessons" ON public.lessons;
CREATE POLICY "Editors change their lessons"
	ON public.lessons FOR UPDATE TO authenticated
	USING (EXISTS (SELECT FROM public.modules AS m
				   WHERE m.id = module_id AND public.content_library_is_staff(m.course_id, 'editor')))
	WITH CHECK (EXISTS (SELECT FROM public.modules AS m
						WHERE m.id = module_id AND public.content_library_is_staff(m.course_id, 'editor')));

DROP POLICY IF EXISTS "Editors delete their lessons" ON public.lessons;
CREATE POLICY "Editors delete their lessons"
	ON public.lessons FOR DELETE TO authenticated
	USING (EXISTS (SELECT FROM public.modules AS m
				   WHERE m.id = module_id AND public.content_library_is_staff(m.course_id, 'editor')));

DROP POLICY IF EXISTS "Service role manages lessons" ON public.lessons;
CREATE POLICY "Service role manages lessons"
	ON public.lessons FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.enrollments ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Service role manages enrollments" ON public.enrollments;
CREATE POLICY "Service role manages enrollments"
	ON public.enrollments FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.content_progress ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Service role manages content_progress" ON public.content_progress;
CREATE POLICY "Service role manages content_progress"
	ON public.content_progress FOR ALL TO service_role
	USING (true) WITH CHECK (true);

ALTER TABLE public.certificates ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Service role manages certificates" ON public.certificates;
CREATE POLICY "Service role manages certificates"
	ON public.certificates FOR ALL TO service_role
	USING (true) WITH CHECK (true);

-- In strict mode (content_library_strict) learners read directly only what they may watch,
-- whatever the locks (R12). Staff read all of their courses. It is on when they may not write progress directly;
-- the SELECT asks that once a query. The policies of enrollments and courses hold inside
-- these policies, too. So a learner finds only their own enrollments, and courses that
-- they see.

-- The policies of the extension call functions, which keep what they find out while a
-- query lasts. In PL/pgSQL they could not: each row of a list would ask all of it again.
-- A module has one course and a lesson one module, so these are values and not EXISTS: for
-- EXISTS the planner makes two plans in every query, also while the library is not strict.
-- What the caller is staff of comes last, and only if that is anything.
DROP POLICY IF EXISTS "Strict: modules of visible courses" ON public.modules;
CREATE POLICY "Strict: modules of visible courses"
	ON public.modules AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', 'public.content_progress'::regclass, 'INSERT'))
		OR (SELECT true FROM public.courses AS c WHERE c.id = course_id));

DROP POLICY IF EXISTS "Strict: lessons that may be watched" ON public.lessons;
CREATE POLICY "Strict: lessons that may be watched"
	ON public.lessons AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', 'public.content_progress'::regclass, 'INSERT'))
		OR (SELECT lessons.is_published
				AND (is_preview
					 OR (SELECT true FROM public.enrollments AS e
						 WHERE e.course_id = m.course_id
							AND (e.expires_at IS NULL OR e.expires_at > now())
							AND (e.granted
								 OR (SELECT c.tier_required = 'free'
										OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF((SELECT current_setting('request.jwt.claims', true)), '')::jsonb #>> '{app_metadata,tier}')), 1)
											>= array_position('{free,pro,studio}'::text[], c.tier_required)
									 FROM public.courses AS c WHERE c.id = e.course_id))
						 LIMIT 1))
				OR (SELECT EXISTS (SELECT FROM public.course_staff))
					AND public.content_library_is_staff(m.course_id, 'viewer')
			FROM public.modules AS m WHERE m.id = module_id));


-- 7. Settings, and what the functions share -----------------------------------


-- HMAC, which Mux signs with. Supabase has it in this schema. A plain server may have
-- neither, or pgcrypto in another schema, where mux_verify_signature() would not find it.
DO $$
BEGIN
	IF to_regnamespace('extensions') IS NULL THEN
		CREATE SCHEMA extensions;
		GRANT USAGE ON SCHEMA extensions TO service_role;
	END IF;
END
$$;
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA extensions;
DO $$
BEGIN
	IF to_regprocedure('extensions.hmac(bytea, bytea, text)') IS NULL THEN
		RAISE EXCEPTION 'pgcrypto is not in the schema extensions'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Move it there: ALTER EXTENSION pgcrypto SET SCHEMA extensions;';
	END IF;
END
$$;

-- The settings are a row that only the owner changes. A setting of the server would
-- be no protection: any role may SET a name that no library has defined.
CREATE TABLE IF NOT EXISTS public.content_library_settings (
	one						boolean PRIMARY KEY DEFAULT true CHECK (one),
	completion_threshold	integer NOT NULL DEFAULT 90 CHECK (completion_threshold BETWEEN 1 AND 100),
	heartbeat_interval		integer NOT NULL DEFAULT 15 CHECK (heartbeat_interval >= 0),
	max_playback_rate		double precision NOT NULL DEFAULT 2.5
							CHECK (max_playback_rate >= 0 AND max_playback_rate < 'Infinity'),
	watch_grace				integer NOT NULL DEFAULT 30 CHECK (watch_grace >= 0),
	mux_playback_policies	text[] NOT NULL DEFAULT '{public,signed}'
							CHECK (mux_playback_policies <@ '{public,signed,drm}' AND mux_playback_policies <> '{}')
);
COMMENT ON TABLE public.content_library_settings IS 'The settings of the library, one row, which its owner may UPDATE.';
COMMENT ON COLUMN public.content_library_settings.completion_threshold IS 'Percentage of a lesson that must be watched to complete it, where neither the lesson nor its course says otherwise.';
COMMENT ON COLUMN public.content_library_settings.heartbeat_interval IS 'Seconds within which a report that changes nothing else is not written; 0 writes every report.';
COMMENT ON COLUMN public.content_library_settings.max_playback_rate IS 'Seconds of a video that can be watched in one second of the clock, in lessons with progress_by watch; 0 for no bound.';
COMMENT ON COLUMN public.content_library_settings.watch_grace IS 'Seconds of a video that can be watched beyond what the clock allows, in lessons with progress_by watch.';
COMMENT ON COLUMN public.content_library_settings.mux_playback_policies IS 'Playback policies of Mux that a lesson may use, the preferred first.';
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.content_library_settings}' THEN
		REVOKE ALL ON TABLE public.content_library_settings FROM PUBLIC, anon, authenticated, service_role;
	END IF;
END
$$;
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.content_library_settings}' THEN
		GRANT SELECT ON TABLE public.content_library_settings TO authenticated, service_role;
	END IF;
END
$$;
ALTER TABLE public.content_library_settings ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS "Everybody reads the settings" ON public.content_library_settings;
CREATE POLICY "Everybody reads the settings"
	ON public.content_library_settings FOR SELECT TO authenticated, service_role
	USING (true);

CREATE SCHEMA IF NOT EXISTS content_library;
-- Whoever owns the doors acts with the rights of their owner, and whoever owns their
-- schema can replace them. And whoever owns a table or a type has its code run by
-- whoever uses it. So one role must own all of the library.
DO $$
DECLARE
	made CONSTANT text[] := current_setting('content_library_migration.made');
	other text;
BEGIN
	SELECT format('%s belongs to %I', o.name, pg_get_userbyid(o.owner)) INTO other
	FROM (SELECT 'the schema content_library', n.nspowner
		  FROM pg_namespace AS n
		  WHERE n.nspname = 'content_library'
		  UNION ALL
		  -- Tables and views have a type of the same name and owner.
		  SELECT format('public.%I', t.typname), t.typowner
		  FROM pg_type AS t
		  WHERE t.typnamespace = 'public'::regnamespace AND 'public.' || t.typname = ANY (made)
		  UNION ALL
		  SELECT format('the function %s', p.oid::regprocedure), p.proowner
		  FROM pg_proc AS p
		  WHERE p.pronamespace = to_regnamespace('content_library')
			OR p.oid IN (SELECT to_regprocedure(m) FROM unnest(made) AS m WHERE m LIKE 'public.%(%')
		 ) AS o(name, owner)
	WHERE pg_get_userbyid(o.owner) <> current_user
	ORDER BY 1
	LIMIT 1;
	IF other IS NOT NULL THEN
		RAISE EXCEPTION '%, and the role here is "%"', other, current_user
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'One role must own all of the library: run this as that role.';
	END IF;
END
$$;
COMMENT ON SCHEMA content_library IS 'What the functions of the library call. Keep it out of the schemas that PostgREST exposes.';
REVOKE ALL ON SCHEMA content_library FROM PUBLIC, anon, authenticated, service_role;

-- Errors that several functions have.

CREATE OR REPLACE FUNCTION content_library.missing_course(course_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'course "%" does not exist', course_id
		USING ERRCODE = 'foreign_key_violation',
			  DETAIL = 'For a learner, an unpublished course does not exist.';
END
$$;
COMMENT ON FUNCTION content_library.missing_course(uuid) IS
	'Fails with 23503: no such course.';

CREATE OR REPLACE FUNCTION content_library.missing_lesson(lesson_id uuid, prefix text DEFAULT '') RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION '%lesson "%" does not exist', prefix, lesson_id
		USING ERRCODE = 'foreign_key_violation',
			  DETAIL = 'No published course has such a lesson.';
END
$$;
COMMENT ON FUNCTION content_library.missing_lesson(uuid, text) IS
	'Fails with 23503: no such lesson. prefix names the report of a batch.';

CREATE OR REPLACE FUNCTION content_library.refuse_lesson(
	prefix text,
	user_id uuid,
	lesson_id uuid,
	reason text,
	unlocks_at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET datestyle = ISO
AS $$
BEGIN
	IF reason = 'not_enrolled' THEN
		RAISE EXCEPTION '%user "%" is not enrolled in the course of lesson "%"', prefix, user_id, lesson_id
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Enroll the user first; only a preview lesson can be watched without.';
	END IF;
	RAISE EXCEPTION '%lesson "%" is closed to user "%"', prefix, lesson_id, user_id
		USING ERRCODE = 'insufficient_privilege',
			  DETAIL = format('The reason is "%s"%s', reason, CASE reason
				WHEN 'expired' THEN ': the enrollment has ended.'
				WHEN 'tier' THEN ': the tier in the learner''s JWT is too low for the course.'
				WHEN 'date' THEN format(': it opens at %s.', unlocks_at)
				WHEN 'sequence' THEN ': an earlier lesson must be completed first.'
				ELSE '.' END);
END
$$;
COMMENT ON FUNCTION content_library.refuse_lesson(text, uuid, uuid, text, timestamptz) IS
	'Fails with 42501: a user may not watch a lesson, for a reason of REFUSAL_SQL. prefix names the report of a batch.';

CREATE OR REPLACE FUNCTION content_library.refuse_report(prefix text, lesson_id uuid, objection text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CASE objection
		WHEN 'server' THEN
			RAISE EXCEPTION '%the progress on lesson "%" is not reported by learners', prefix, lesson_id
				USING ERRCODE = 'insufficient_privilege',
					  DETAIL = 'Its progress_by is "server": the service and the editors of the course move it.';
		WHEN 'claim' THEN
			RAISE EXCEPTION '%the progress on lesson "%" is what was played, and no watched_pct', prefix, lesson_id
				USING ERRCODE = 'invalid_parameter_value',
					  DETAIL = 'Its progress_by is "watch".',
					  HINT = 'Send played, with all that the player has played.';
		WHEN 'not_ready' THEN
			RAISE EXCEPTION '%the video of lesson "%" is not ready yet', prefix, lesson_id
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  DETAIL = 'It has no duration_seconds.';
		WHEN 'no_duration' THEN
			RAISE EXCEPTION '%played is no percentage of lesson "%", which has no duration_seconds', prefix, lesson_id
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = 'Give watched_pct.';
	END CASE;
END
$$;
COMMENT ON FUNCTION content_library.refuse_report(text, uuid, text) IS
	'Fails with 42501, 22023 or 55000: a report that the progress of its lesson does not move by. prefix names the report of a batch.';

CREATE OR REPLACE FUNCTION content_library.missing_user(user_id uuid, key text, prefix text DEFAULT '') RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION '%user "%" does not exist', prefix, user_id
		USING ERRCODE = 'foreign_key_violation',
			  CONSTRAINT = key,
			  DETAIL = 'auth.users has no such id.';
END
$$;
COMMENT ON FUNCTION content_library.missing_user(uuid, text, text) IS
	'Fails with 23503: no such user. key is the foreign key that says so; prefix names the report of a batch.';

CREATE OR REPLACE FUNCTION content_library.missing_certificate(code text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'certificate "%" does not exist', left(code, 60) USING ERRCODE = 'foreign_key_violation';
END
$$;
COMMENT ON FUNCTION content_library.missing_certificate(text) IS
	'Fails with 23503: no such certificate.';

CREATE OR REPLACE FUNCTION content_library.nobody() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'nobody is signed in and no user_id is given'
		USING ERRCODE = 'invalid_authorization_specification',
			  HINT = 'Send the learner''s JWT, or pass user_id as service_role.';
END
$$;
COMMENT ON FUNCTION content_library.nobody() IS
	'Fails with 28000: nobody is signed in.';

CREATE OR REPLACE FUNCTION content_library.other_user(user_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'user_id "%" is not the user signed in', user_id
		USING ERRCODE = 'insufficient_privilege',
			  HINT = 'Leave user_id out, or call as service_role.';
END
$$;
COMMENT ON FUNCTION content_library.other_user(uuid) IS
	'Fails with 42501: a learner names another user.';

-- What the functions in public ask, as their caller.

CREATE OR REPLACE FUNCTION content_library.writes(command text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF current_setting('transaction_read_only')::boolean THEN
		RAISE EXCEPTION 'cannot execute %() in a read-only transaction', command
			USING ERRCODE = 'read_only_sql_transaction';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.writes(text) IS
	'Fails with 25006 in a read-only transaction.';

-- One service door stands for all.
CREATE OR REPLACE FUNCTION content_library.acts_for_others() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN has_function_privilege('content_library.course_progress(uuid, boolean)', 'EXECUTE');
END
$$;
COMMENT ON FUNCTION content_library.acts_for_others() IS
	'Whether the current role may act for any user. It may if it may call the service doors.';

-- Row-level security would only hide the rows of another user. An error is clearer
-- than an answer without rows.
CREATE OR REPLACE FUNCTION content_library.caller(named uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	for_others CONSTANT boolean := content_library.acts_for_others();
	learner uuid;
BEGIN
	IF for_others AND named IS NOT NULL THEN
		RETURN named;
	END IF;
	learner := auth.uid();
	IF named IS NULL AND learner IS NULL THEN
		PERFORM content_library.nobody();
	END IF;
	IF named IS NOT NULL AND named IS DISTINCT FROM learner THEN
		PERFORM content_library.other_user(named);
	END IF;
	RETURN CASE WHEN for_others THEN learner END;
END
$$;
COMMENT ON FUNCTION content_library.caller(uuid) IS
	'Which door to call, for the user_id that the caller names. It is the user to act for through a service door, or NULL for the door of the signed-in learner. Fails with 28000 and 42501.';

CREATE OR REPLACE FUNCTION content_library.sees_course(course_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM public.courses AS c WHERE c.id = $1);
END
$$;
COMMENT ON FUNCTION content_library.sees_course(uuid) IS
	'Whether the current role sees a course. Row-level security decides, so that policies of your own on courses hold in every function.';

CREATE OR REPLACE FUNCTION content_library.require_course(course_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT content_library.sees_course(course_id) THEN
		PERFORM content_library.missing_course(course_id);
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.require_course(uuid) IS
	'Fails with 23503 for a course that the caller does not see.';

CREATE OR REPLACE FUNCTION content_library.enter(course_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	for_others CONSTANT boolean := content_library.acts_for_others();
BEGIN
	IF NOT for_others THEN
		PERFORM content_library.require_staff(course_id, role);
	END IF;
	PERFORM content_library.require_course(course_id);
	RETURN for_others;
END
$$;
COMMENT ON FUNCTION content_library.enter(uuid, text) IS
	'Whether to call the service door, in a function for the staff of a course. Fails with 42501 for who is neither staff nor acts for others, 23503 for a course that the caller does not see.';

-- What the doors ask.

-- Row-level security does not bind the owner, unless it is forced on a table. Then
-- the owner would see no row, and answers would be wrong.
CREATE OR REPLACE FUNCTION content_library.require_owner() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF row_security_active('public.content_progress') OR row_security_active('public.enrollments')
		OR row_security_active('public.lessons') OR row_security_active('public.modules')
		OR row_security_active('public.courses') OR row_security_active('public.course_prerequisites')
		OR row_security_active('public.course_staff') OR row_security_active('public.certificates')
	THEN
		RAISE EXCEPTION 'row-level security binds "%", which owns the functions of content_library', current_user
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'It must own the tables: ALTER TABLE ... NO FORCE ROW LEVEL SECURITY, or give the role BYPASSRLS.';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.require_owner() IS
	'Fails with 55000 where row-level security binds the owner.';

CREATE OR REPLACE FUNCTION content_library.learner() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid := auth.uid();
BEGIN
	IF learner IS NULL THEN
		PERFORM content_library.nobody();
	END IF;
	RETURN learner;
END
$$;
COMMENT ON FUNCTION content_library.learner() IS
	'The user signed in. Fails with 28000 when nobody is.';

CREATE OR REPLACE FUNCTION content_library.is_staff(course_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (
		SELECT FROM public.course_staff AS s
		WHERE s.user_id = auth.uid() AND s.course_id = $1 AND (s.role = 'editor' OR $2 = 'viewer'));
END
$$;
COMMENT ON FUNCTION content_library.is_staff(uuid, text) IS
	'Whether the user signed in is staff of a course, a viewer or more, or an editor.';

CREATE OR REPLACE FUNCTION content_library.edits_lesson(lesson_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (
		SELECT FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		WHERE l.id = $1 AND content_library.is_staff(m.course_id, 'editor'));
END
$$;
COMMENT ON FUNCTION content_library.edits_lesson(uuid) IS
	'Whether the user signed in is an editor of the course of a lesson.';

-- It says the same of what does not exist: else anybody could find out which courses are
-- being made.
CREATE OR REPLACE FUNCTION content_library.require_staff(
	course_id uuid,
	role text,
	what text DEFAULT 'course',
	id uuid DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner CONSTANT uuid := content_library.learner();
BEGIN
	PERFORM content_library.require_owner();
	IF NOT content_library.is_staff(course_id, role) THEN
		RAISE EXCEPTION 'user "%" is not % of % "%"', learner, CASE role WHEN 'editor' THEN 'an editor' ELSE 'staff' END,
			what, COALESCE(id, course_id)
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'The answer is the same if there is none.',
				  HINT = concat('As service_role, add the user to course_staff', CASE role WHEN 'editor' THEN ' with the role "editor"' END, '.');
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.require_staff(uuid, text, text, uuid) IS
	'Fails with 42501 unless the user signed in is staff of a course. what and id say what the course was found by.';

CREATE OR REPLACE FUNCTION content_library.is_visible(course_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM public.courses AS c WHERE c.id = $1 AND (c.is_published OR content_library.is_staff($1, 'viewer')));
END
$$;
COMMENT ON FUNCTION content_library.is_visible(uuid) IS
	'Whether there is such a course, and it is published or the user signed in is of its staff.';

CREATE OR REPLACE FUNCTION content_library.visible(course_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT content_library.is_visible(course_id) THEN
		PERFORM content_library.missing_course(course_id);
	END IF;
	RETURN course_id;
END
$$;
COMMENT ON FUNCTION content_library.visible(uuid) IS
	'The course itself. Fails with 23503 unless it is published, or the user signed in is of its staff.';

CREATE OR REPLACE FUNCTION content_library.threshold(lesson_id uuid) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT COALESCE(l.completion_threshold, (SELECT c.completion_threshold
		   FROM public.courses AS c
		  WHERE c.id = (SELECT m.course_id
		                  FROM public.modules AS m
		                 WHERE m.id = l.module_id)), s.completion_threshold)
		FROM public.lessons AS l
		CROSS JOIN public.content_library_settings AS s
		WHERE l.id = $1);
END
$$;
COMMENT ON FUNCTION content_library.threshold(uuid) IS
	'The threshold of a lesson: its own, else its course''s, else the setting; NULL for an unknown lesson.';

-- The one definition of a course's percentage: never rounded up to 100.
CREATE OR REPLACE FUNCTION content_library.percentage(completed bigint, required bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT (100 * completed / NULLIF(required, 0))::int4;
END;
COMMENT ON FUNCTION content_library.percentage(bigint, bigint) IS
	'The percentage of a course that is completed: 0..100 of completed among required lessons, rounded down; NULL when none is required.';

-- A report of a player, and the row that it is about.

CREATE OR REPLACE FUNCTION content_library.whole_number(value double precision, name text, most integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Nothing is greater than NaN.
	IF floor(value) NOT BETWEEN 0 AND most THEN
		RAISE EXCEPTION '% % is outside the range 0..%', name, value, most
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN floor(value)::integer;
END
$$;
COMMENT ON FUNCTION content_library.whole_number(double precision, text, integer) IS
	'A player''s number, rounded down. Fails with 22023 for one out of range.';

CREATE OR REPLACE FUNCTION content_library.whole_percent(watched_pct double precision) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.whole_number(watched_pct, 'watched_pct', 100);
END
$$;
COMMENT ON FUNCTION content_library.whole_percent(double precision) IS
	'A percentage, rounded down: 99.9 percent is not all. Fails with 22023 for one out of range.';

CREATE OR REPLACE FUNCTION content_library.whole_position(position_seconds double precision) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.whole_number(position_seconds, 'position_seconds', 2147483647);
END
$$;
COMMENT ON FUNCTION content_library.whole_position(double precision) IS
	'A position, rounded down. Fails with 22023 for one out of range.';

CREATE OR REPLACE FUNCTION content_library.json_number(value jsonb, name text) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number numeric;
BEGIN
	IF jsonb_typeof(value) <> 'number' THEN
		RAISE EXCEPTION '% is not a number', name;
	END IF;
	number := value::numeric;
	-- Where double precision ends, a cast would be an error of its own.
	RETURN CASE
		WHEN abs(number) >= 1.797693134862315808e308 THEN sign(number)::double precision * 'Infinity'
		WHEN abs(number) < 1e-300 THEN 0
		ELSE number::double precision END;
END
$$;
COMMENT ON FUNCTION content_library.json_number(jsonb, text) IS
	'A number of a report.';

-- A second that was played in part counts as played, and a pair without length as none.
CREATE OR REPLACE FUNCTION content_library.read_played(played jsonb) RETURNS int4multirange
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wrong record;
BEGIN
	IF jsonb_typeof(played) <> 'array' THEN
		RAISE EXCEPTION 'played is not an array of ranges: %', left(played::text, 60)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'As in [[0, 12.5], [60, 75]].';
	END IF;
	SELECT e.value, e.number - 1 AS number INTO wrong
	FROM jsonb_array_elements(played) WITH ORDINALITY AS e(value, number)
	WHERE NOT CASE
		WHEN jsonb_typeof(e.value) <> 'array' OR jsonb_array_length(e.value) <> 2
			OR jsonb_typeof(e.value -> 0) <> 'number' OR jsonb_typeof(e.value -> 1) <> 'number'
		THEN false
		ELSE (e.value -> 0)::numeric BETWEEN 0 AND (e.value -> 1)::numeric END
	ORDER BY e.number
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'played[%] is not a range [start, end] in seconds: %', wrong.number, left(wrong.value::text, 60)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'As in [[0, 12.5], [60, 75]].';
	END IF;
	IF played IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN (
		SELECT COALESCE(range_agg(int4range(LEAST(floor(p.start), 2147483647)::integer, LEAST(ceil(p.stop), 2147483647)::integer)), '{}')
		FROM (SELECT (e.value -> 0)::numeric AS start, (e.value -> 1)::numeric AS stop
			  FROM jsonb_array_elements(played) AS e(value)) AS p
		WHERE p.start < p.stop);
END
$$;
COMMENT ON FUNCTION content_library.read_played(jsonb) IS
	'Reads what a player has played, [[start, end], ...] in seconds, as whole seconds. Fails with 22023 for anything else.';

-- Errors of a type's input function may come from here as well as our own.
CREATE OR REPLACE FUNCTION content_library.read_report(
	report jsonb,
	at timestamptz,
	OUT user_id uuid,
	OUT lesson_id uuid,
	OUT watched_pct integer,
	OUT played int4multirange,
	OUT position_seconds integer,
	OUT watched_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET datestyle = ISO
AS $$
#variable_conflict use_variable
DECLARE
	pair record;
	type text;
	word text;
	form CONSTANT text := '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?';
BEGIN
	IF jsonb_typeof(report) <> 'object' THEN
		RAISE EXCEPTION 'not an object';
	END IF;
	watched_at := at;
	FOR pair IN SELECT * FROM jsonb_each(report) LOOP
		type := jsonb_typeof(pair.value);
		-- No correct value is longer, and errors quote it.
		word := CASE WHEN type = 'string' THEN left(pair.value #>> '{}', 60) ELSE pair.value #>> '{}' END;
		IF pair.key NOT IN ('user_id', 'lesson_id', 'watched_pct', 'played', 'position_seconds', 'watched_at') THEN
			RAISE EXCEPTION 'unknown key "%"', left(pair.key, 60);
		ELSIF type = 'null' AND pair.key <> 'lesson_id' THEN
			CONTINUE;
		ELSIF pair.key IN ('user_id', 'lesson_id', 'watched_at') AND type <> 'string' THEN
			RAISE EXCEPTION '% is not a string', pair.key;
		END IF;

		CASE pair.key
			WHEN 'user_id' THEN
				user_id := word::uuid;
			WHEN 'lesson_id' THEN
				lesson_id := word::uuid;
			WHEN 'watched_pct' THEN
				watched_pct := content_library.whole_percent(content_library.json_number(pair.value, pair.key));
			WHEN 'played' THEN
				played := content_library.read_played(pair.value);
			WHEN 'position_seconds' THEN
				position_seconds := content_library.whole_position(content_library.json_number(pair.value, pair.key));
			WHEN 'watched_at' THEN
				-- The server would also read a time in "now", "2026-01-31 infinity" and
				-- "10:00 BC". Without a zone it would use its own, not the player's.
				IF word ~ (form || '$') THEN
					RAISE EXCEPTION 'watched_at "%" needs a zone, as in "2026-01-31T12:00:00Z"', word;
				ELSIF word !~ (form || '(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN
					RAISE EXCEPTION 'watched_at "%" is not a time like "2026-01-31T12:00:00Z"', word;
				END IF;
				watched_at := word::timestamptz;
		END CASE;
	END LOOP;

	IF lesson_id IS NULL OR watched_pct IS NULL AND played IS NULL THEN
		RAISE EXCEPTION '% is missing', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'watched_pct' END;
	END IF;
	-- A player's clock may be a little fast: that counts as now.
	IF watched_at > at + interval '1 minute' THEN
		RAISE EXCEPTION 'watched_at % is in the future', watched_at;
	END IF;
	watched_at := LEAST(watched_at, at);
END
$$;
COMMENT ON FUNCTION content_library.read_report(jsonb, timestamptz) IS
	'Reads one report of a batch that came at a time. Fails, with any SQLSTATE, for a malformed one.';

CREATE OR REPLACE FUNCTION content_library.read_reports(
	reports jsonb,
	at timestamptz,
	OUT user_ids uuid[],
	OUT lesson_ids uuid[],
	OUT pcts integer[],
	OUT plays int4multirange[],
	OUT positions integer[],
	OUT times timestamptz[])
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	report record;
	size integer;
	most integer;
	n integer;
	twice record;
BEGIN
	user_ids := ARRAY[]::uuid[];
	lesson_ids := ARRAY[]::uuid[];
	pcts := ARRAY[]::integer[];
	plays := ARRAY[]::int4multirange[];
	positions := ARRAY[]::integer[];
	times := ARRAY[]::timestamptz[];
	IF jsonb_typeof(reports) <> 'array' THEN
		RAISE EXCEPTION 'reports is not a JSON array' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	size := jsonb_array_length(reports);
	-- More where users are named, as the first report shows.
	most := CASE WHEN jsonb_typeof(reports -> 0) = 'object' AND reports -> 0 ->> 'user_id' IS NOT NULL THEN 10000 ELSE 1000 END;
	IF size > most THEN
		RAISE EXCEPTION 'reports has % elements; up to % are possible', size, most
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	BEGIN
		FOR i IN 1..size LOOP
			n := i;
			report := content_library.read_report(reports -> (i - 1), at);
			user_ids[i] := report.user_id;
			lesson_ids[i] := report.lesson_id;
			pcts[i] := report.watched_pct;
			plays[i] := report.played;
			positions[i] := report.position_seconds;
			times[i] := report.watched_at;
		END LOOP;
	EXCEPTION WHEN OTHERS THEN
		RAISE EXCEPTION 'reports[%]: %', n - 1, SQLERRM
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'A report is {"lesson_id": uuid, "watched_pct": 0..100, "played": [[start, end], ...], "position_seconds": number, "watched_at": time}; one of watched_pct and played is needed, and the last two may be left out. The service may add "user_id" to each.';
	END;
	n := array_position(user_ids, NULL);
	IF array_remove(user_ids, NULL) = '{}' THEN
		user_ids := NULL;
	ELSIF n IS NOT NULL THEN
		RAISE EXCEPTION 'reports[%]: user_id is missing', n - 1
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Name the user in every report, or in none.';
	END IF;

	SELECT r.lesson_id, r.number, r.before INTO twice
	FROM (SELECT l.user_id, l.lesson_id, l.number,
				 lag(l.number) OVER (PARTITION BY l.user_id, l.lesson_id ORDER BY l.number) AS before
		  FROM ROWS FROM (unnest(user_ids), unnest(lesson_ids)) WITH ORDINALITY AS l(user_id, lesson_id, number)) AS r
	WHERE r.before IS NOT NULL
	ORDER BY r.user_id, r.lesson_id, r.number
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'reports[%] and reports[%] are of the same lesson "%"', twice.before - 1, twice.number - 1, twice.lesson_id
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Send one report for each lesson, the latest with the highest watched_pct.';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.read_reports(jsonb, timestamptz) IS
	'Reads the reports of a batch that came at a time. Fails with 22023 for a malformed one.';

-- Most reports on a lesson that is completed cannot change anything, so the lesson is not
-- looked at.
CREATE OR REPLACE FUNCTION content_library.look(
	user_id uuid,
	lesson_id uuid,
	watched_at timestamptz,
	watched_pct integer,
	weigh boolean,
	any_tier boolean,
	OUT progress public.content_progress,
	OUT threshold integer,
	OUT course_id uuid,
	OUT refusal text,
	OUT unlocks_at timestamptz,
	OUT progress_by text,
	OUT duration integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	may_complete boolean;
BEGIN
	SELECT p.* INTO progress
	FROM public.content_progress AS p
	WHERE p.user_id = $1 AND p.lesson_id = $2;

	IF progress.id IS NULL THEN
		SELECT content_library.threshold(l.id), c.id,
			CASE WHEN l.is_preview THEN NULL
			     WHEN a.no_access IS NOT NULL THEN a.no_access
			     WHEN false OR e.completed_at IS NOT NULL THEN NULL
			     WHEN GREATEST(m.unlock_at, l.unlock_at,
			              e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) > now() THEN 'date'
			     WHEN c.is_sequential AND EXISTS (
			       SELECT FROM public.modules AS em
			         JOIN public.lessons AS el ON el.module_id = em.id
			        WHERE em.course_id = c.id AND (el.is_required AND el.is_published)
			          AND (em.sort_order, em.created_at, em.id, el.sort_order, el.created_at, el.id) < (m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id)
			          AND NOT EXISTS (
			            SELECT FROM public.content_progress AS ep
			             WHERE ep.user_id = $1 AND ep.lesson_id = el.id
			               AND ep.completed AND ep.watched_pct >= 0)) THEN 'sequence' END,
			GREATEST(m.unlock_at, l.unlock_at,
			         e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after),
			CASE WHEN COALESCE(l.progress_by, c.progress_by) = 'watch'
			      AND l.mux_upload_id IS NULL AND l.mux_asset_id IS NULL
			      AND l.duration_seconds > 0 IS NOT TRUE THEN 'report'
			     ELSE COALESCE(l.progress_by, c.progress_by) END, CASE WHEN l.duration_seconds > 0 THEN l.duration_seconds END
		INTO threshold, course_id, refusal, unlocks_at, progress_by, duration
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
		CROSS JOIN LATERAL (SELECT CASE WHEN e.id IS NULL THEN 'not_enrolled'
		     WHEN e.expires_at <= now() THEN 'expired'
		     WHEN NOT (e.granted OR any_tier OR (c.tier_required = 'free'
		      OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
		              #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1))) THEN 'tier' END AS no_access) AS a
		WHERE l.id = $2 AND l.is_published AND c.is_published;
		RETURN;
	END IF;

	may_complete := NOT progress.completed OR progress.completed_at > watched_at;
	IF may_complete OR weigh OR progress.watched_pct < $4 THEN
		SELECT CASE WHEN may_complete THEN COALESCE(l.completion_threshold, c.completion_threshold, s.completion_threshold) END,
			CASE WHEN COALESCE(l.progress_by, c.progress_by) = 'watch'
			      AND l.mux_upload_id IS NULL AND l.mux_asset_id IS NULL
			      AND l.duration_seconds > 0 IS NOT TRUE THEN 'report'
			     ELSE COALESCE(l.progress_by, c.progress_by) END, CASE WHEN l.duration_seconds > 0 THEN l.duration_seconds END
		INTO threshold, progress_by, duration
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		CROSS JOIN public.content_library_settings AS s
		WHERE l.id = $2;
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.look(uuid, uuid, timestamptz, integer, boolean, boolean) IS
	'What a report of a time and a percentage meets: the row of a learner and a lesson, if there is one; the threshold, NULL where the report cannot change the completion of the lesson; where there is no row, the course, NULL for a lesson that is unknown or not published, and why the lesson may not be begun, or NULL. If weigh is set, or the report may change something, also what moves the progress of the lesson, and how long its video is.';

-- R13: the seconds of a video that were played.

CREATE OR REPLACE FUNCTION content_library.seconds(ranges int4multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT COALESCE(sum(COALESCE(upper(r), 2147483647)::int8 - COALESCE(lower(r), -2147483648)), 0)::int8
	FROM unnest(ranges) AS r;
END;
COMMENT ON FUNCTION content_library.seconds(int4multirange) IS
	'How many seconds there are in ranges. An owner may have written some without an end.';

CREATE OR REPLACE FUNCTION content_library.allowed(since timestamptz, at timestamptz) RETURNS double precision
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT CASE WHEN s.max_playback_rate = 0 THEN 'Infinity'
			-- A higher rate could overflow.
			ELSE ceil(LEAST(s.max_playback_rate, 1e290) * GREATEST(extract(epoch FROM at) - extract(epoch FROM since), 0)) + s.watch_grace END
		FROM public.content_library_settings AS s);
END
$$;
COMMENT ON FUNCTION content_library.allowed(timestamptz, timestamptz) IS
	'How many seconds of videos can have been watched between two times.';

CREATE OR REPLACE FUNCTION content_library.credit(
	watched int4multirange,
	played int4multirange,
	most double precision)
RETURNS int4multirange
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fresh int4multirange := played - watched;
	room CONSTANT double precision := most - content_library.seconds(watched);
	credited int4multirange;
	size bigint;
BEGIN
	IF content_library.seconds(fresh) > room THEN
		fresh := (
			SELECT COALESCE(range_agg(int4range(lower(f.r), LEAST(upper(f.r), lower(f.r) + f.room)::integer)), '{}')
			FROM (SELECT r, room - COALESCE(sum(upper(r) - lower(r)) OVER (ORDER BY r ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS room
				  FROM unnest(fresh) AS r) AS f
			WHERE f.room > 0);
	END IF;
	credited := watched + fresh;
	-- Beyond 255 ranges the smallest gaps are closed, of equals the first. If the seconds
	-- in them exceed the bound, all that is new has to wait.
	size := (SELECT count(*) FROM unnest(credited));
	IF size > 255 THEN
		credited := credited + (
			SELECT range_agg(int4range(g.start, g.stop))
			FROM (SELECT r, lag(upper(r)) OVER (ORDER BY r) AS start, lower(r) AS stop
				  FROM unnest(credited) AS r
				  ORDER BY lower(r)::bigint - lag(upper(r)) OVER (ORDER BY r), r
				  LIMIT size - 255) AS g);
	END IF;
	RETURN CASE WHEN content_library.seconds(credited) <= most THEN credited ELSE watched END;
END
$$;
COMMENT ON FUNCTION content_library.credit(int4multirange, int4multirange, double precision) IS
	'The seconds watched with the played ones, of which the first are credited as long as there are no more than allowed in all.';

CREATE OR REPLACE FUNCTION content_library.objection(
	progress_by text,
	duration integer,
	watched_pct integer,
	played int4multirange,
	named boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT CASE
		WHEN progress_by = 'server' AND NOT named THEN 'server'
		WHEN progress_by = 'watch' AND watched_pct IS NOT NULL AND NOT named THEN 'claim'
		WHEN progress_by = 'watch' AND played IS NOT NULL AND duration IS NULL THEN 'not_ready'
		WHEN watched_pct IS NULL AND duration IS NULL THEN 'no_duration' END;
END;
COMMENT ON FUNCTION content_library.objection(text, integer, integer, int4multirange, boolean) IS
	'Why the progress of a lesson does not move by a report, or NULL. named is whether it comes from the service, which names the learner, or from an editor where learners report nothing.';

CREATE OR REPLACE FUNCTION content_library.weigh(
	progress public.content_progress,
	claimed_pct integer,
	played int4multirange,
	at timestamptz,
	now timestamptz,
	duration integer,
	by_clock boolean,
	most double precision,
	OUT watched int4multirange,
	OUT is_new boolean,
	OUT watched_pct integer,
	OUT dated_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	video CONSTANT int4multirange := int4multirange(int4range(0, duration));
	before CONSTANT int4multirange := COALESCE(progress.watched * '{[-2147483648,2147483647)}', '{}');
BEGIN
	IF by_clock THEN
		most := LEAST(most, content_library.allowed(COALESCE(progress.started_at, now), now));
	END IF;
	watched := content_library.credit(before, played * video, most);
	is_new := content_library.seconds(watched) > content_library.seconds(before)
		OR by_clock AND progress.id IS NOT NULL AND progress.started_at IS NULL;
	watched_pct := claimed_pct;
	IF claimed_pct IS NULL OR by_clock THEN
		watched_pct := (100 * content_library.seconds(watched * video) / duration)::integer;
		-- What adds nothing reaches no threshold again, and so gives the lesson no earlier date.
		IF NOT is_new AND watched_pct <= COALESCE(progress.watched_pct, 0) THEN
			watched_pct := 0;
		END IF;
		watched_pct := GREATEST(watched_pct, claimed_pct);
	END IF;
	-- A claim is dated when it was made. Seconds come together from several reports, so the
	-- latest of them dates the lesson.
	dated_at := at;
	IF claimed_pct IS NULL AND progress.last_watched <= now THEN
		dated_at := GREATEST(at, progress.last_watched);
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.weigh(public.content_progress, integer, int4multirange, timestamptz, timestamptz, integer, boolean, double precision) IS
	'What a report with played comes to that meets a row of progress: the seconds its row is to hold, and whether they are new; the percentage; and the time that dates the lesson, if it is completed. by_clock is whether the clock bounds the seconds; most bounds them, too.';

CREATE OR REPLACE FUNCTION content_library.course_seconds(
	user_id uuid,
	lesson_id uuid,
	lesson_ids uuid[],
	watched int4multirange[],
	now timestamptz)
RETURNS double precision
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT content_library.allowed(LEAST(min(p.started_at), now), now)
			- COALESCE(sum(content_library.seconds(COALESCE(r.watched, p.watched))) FILTER (WHERE l.id <> $2), 0)
		FROM public.lessons AS o
		JOIN public.modules AS om ON om.id = o.module_id
		JOIN public.modules AS m ON m.course_id = om.course_id
		JOIN public.lessons AS l ON l.module_id = m.id
		LEFT JOIN LATERAL (
		  SELECT p.* FROM public.content_progress AS p
		   WHERE p.user_id = $1
		     AND p.lesson_id = l.id
		     AND p.watched_pct >= 0 OFFSET 0) AS p ON true
		LEFT JOIN ROWS FROM (unnest($3), unnest($4)) AS r(lesson_id, watched) ON r.lesson_id = l.id
		WHERE o.id = $2);
END
$$;
COMMENT ON FUNCTION content_library.course_seconds(uuid, uuid, uuid[], int4multirange[], timestamptz) IS
	'How many seconds of a lesson a learner can have watched by the clock of its course. Of some lessons it is given what was watched.';

CREATE OR REPLACE FUNCTION content_library.completes(
	progress public.content_progress,
	threshold integer,
	watched_pct integer)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- The threshold may have been lowered since the stored percentage was reported.
	RETURN COALESCE(watched_pct >= threshold
		OR NOT progress.completed AND progress.watched_pct >= threshold, false);
END
$$;
COMMENT ON FUNCTION content_library.completes(public.content_progress, integer, integer) IS
	'Whether a lesson becomes completed by a report, or is dated earlier by it.';

CREATE OR REPLACE FUNCTION content_library.is_news(
	progress public.content_progress,
	completes boolean,
	watched_pct integer,
	is_new boolean,
	position_seconds integer,
	watched_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	beat integer := (SELECT s.heartbeat_interval FROM public.content_library_settings AS s);
BEGIN
	RETURN completes
		OR watched_pct > progress.watched_pct
		OR is_new
		OR progress.last_watched < watched_at - make_interval(secs => beat)
		-- No report of ours stores a time that lies in the future.
		OR progress.last_watched > watched_at AND progress.last_watched > clock_timestamp()
		OR position_seconds IS NOT NULL AND progress.position_seconds IS NULL
		OR progress.last_watched <= watched_at
			AND abs(position_seconds::bigint - progress.position_seconds) > beat;
END
$$;
COMMENT ON FUNCTION content_library.is_news(public.content_progress, boolean, integer, boolean, integer, timestamptz) IS
	'Whether a report changes enough of a row to be worth writing.';

-- The setting keeps the trigger on these rows quiet, as in a restore: record() claims when
-- all rows of a batch are written.
CREATE OR REPLACE FUNCTION content_library.insert_row(
	user_id uuid,
	lesson_id uuid,
	threshold integer,
	watched_pct integer,
	position_seconds integer,
	watched_at timestamptz,
	watched int4multirange,
	now timestamptz,
	prefix text)
RETURNS public.content_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	progress public.content_progress;
	missing text;
BEGIN
	-- DO NOTHING: another session may insert the same row. Then there is no row here. Nor is
	-- there if the lesson was deleted just now: the next attempt does not find it.
	BEGIN
		INSERT INTO public.content_progress AS p
			(user_id, lesson_id, watched_pct, last_watched, position_seconds, completed, completed_at, watched, started_at)
		VALUES ($1, $2, $4, $6, $5, $4 >= $3, CASE WHEN $4 >= $3 THEN $6 END,
			COALESCE($7, '{}'), $8)
		ON CONFLICT (user_id, lesson_id) DO NOTHING
		RETURNING p.* INTO progress;
	EXCEPTION WHEN foreign_key_violation THEN
		GET STACKED DIAGNOSTICS missing = CONSTRAINT_NAME;
		CASE missing
			WHEN 'content_progress_lesson_id_fkey' THEN NULL;
			WHEN 'content_progress_user_id_fkey' THEN PERFORM content_library.missing_user($1, missing, prefix);
			ELSE RAISE;
		END CASE;
	END;
	RETURN progress;
END
$$;
COMMENT ON FUNCTION content_library.insert_row(uuid, uuid, integer, integer, integer, timestamptz, int4multirange, timestamptz, text) IS
	'Makes the row of a report; NULLs if there is one by now, or its lesson is gone.';

CREATE OR REPLACE FUNCTION content_library.update_row(
	user_id uuid,
	lesson_id uuid,
	completes boolean,
	threshold integer,
	watched_pct integer,
	position_seconds integer,
	watched_at timestamptz,
	dated_at timestamptz,
	before int4multirange,
	watched int4multirange,
	now timestamptz)
RETURNS public.content_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	progress public.content_progress;
BEGIN
	-- An app that writes the table itself may have a fast clock. Its time must not make
	-- later reports look old. Any report is later than -infinity.
	UPDATE public.content_progress AS p
	SET last_watched = '-infinity'
	WHERE p.user_id = $1 AND p.lesson_id = $2
		AND p.last_watched > $7 AND p.last_watched > clock_timestamp();

	IF completes THEN
		UPDATE public.content_progress AS p
		SET watched_pct = GREATEST(p.watched_pct, $5),
		    last_watched = GREATEST(p.last_watched, $7),
		    position_seconds = CASE
		      WHEN $7 > p.last_watched THEN COALESCE($6, p.position_seconds)
		      WHEN $7 < p.last_watched THEN COALESCE(p.position_seconds, $6)
		      ELSE GREATEST(p.position_seconds, $6) END, started_at = COALESCE(p.started_at, $11), completed = p.completed OR GREATEST(p.watched_pct, $5) >= $4,
		        completed_at = CASE
		          WHEN p.completed AND p.completed_at IS NULL THEN NULL
		          WHEN $5 >= $4 THEN LEAST(p.completed_at, $8)
		          WHEN NOT p.completed AND p.watched_pct >= $4 THEN LEAST(p.completed_at, $8)
		          ELSE p.completed_at END
			, watched = COALESCE($10, p.watched)
		WHERE p.user_id = $1 AND p.lesson_id = $2 AND ($10 IS NULL OR p.watched = $9)
		RETURNING p.* INTO progress;
	ELSE
		-- Does not name the column completed, and so does not fire its trigger.
		UPDATE public.content_progress AS p
		SET watched_pct = GREATEST(p.watched_pct, $5),
		    last_watched = GREATEST(p.last_watched, $7),
		    position_seconds = CASE
		      WHEN $7 > p.last_watched THEN COALESCE($6, p.position_seconds)
		      WHEN $7 < p.last_watched THEN COALESCE(p.position_seconds, $6)
		      ELSE GREATEST(p.position_seconds, $6) END, started_at = COALESCE(p.started_at, $11)
			, watched = COALESCE($10, p.watched)
		WHERE p.user_id = $1 AND p.lesson_id = $2 AND ($10 IS NULL OR p.watched = $9)
		RETURNING p.* INTO progress;
	END IF;
	RETURN progress;
END
$$;
COMMENT ON FUNCTION content_library.update_row(uuid, uuid, boolean, integer, integer, integer, timestamptz, timestamptz, int4multirange, int4multirange, timestamptz) IS
	'Advances the row of a report. With seconds that were watched it must hold those before, from which the new ones were counted. NULLs if it does not, or is gone.';

-- The completion of a course is claimed once for each enrollment. All who report, reset
-- or delete take their locks in one order: the learner, courses, lessons, the completion
-- of courses, progress, enrollments.

CREATE OR REPLACE FUNCTION content_library.lock_user(user_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- The ids of those that are locked, or "all". The server forgets it when the transaction ends
	-- or rolls back to a savepoint, as it does the locks. Anybody may set it, so it only counts: a lock
	-- that is held is taken once more, which costs nothing.
	held CONSTANT text := COALESCE(current_setting('content_library_locks.users', true), '');
	taken CONSTANT integer := length(held) / 37;
	everybody CONSTANT bigint := hashtextextended('content_library users', 0);
BEGIN
	-- The server has room for a few thousand locks in all. So a transaction that has taken
	-- many takes one lock in place of all further ones. It waits for it only once it has most of
	-- them, because others wait for locks that it holds.
	IF held = 'all' OR taken >= 512 AND (pg_try_advisory_xact_lock(everybody) OR taken >= 2048) THEN
		PERFORM pg_advisory_xact_lock(everybody);
		PERFORM set_config('content_library_locks.users', 'all', true);
		RETURN;
	END IF;
	IF strpos(held, user_id::text) = 0 THEN
		PERFORM set_config('content_library_locks.users', concat(held, user_id, ' '), true);
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('content_library ' || user_id::text, 0));
	-- The weak lock conflicts only with that one. Nobody holds it while waiting for a first learner.
	PERFORM pg_advisory_xact_lock_shared(everybody);
END
$$;
COMMENT ON FUNCTION content_library.lock_user(uuid) IS
	'Lets only one batch, reset, completion or enrollment of a learner run at a time.';

CREATE OR REPLACE FUNCTION content_library.lock_completion(course_id uuid, for_all boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key CONSTANT bigint := hashtextextended('content_library completion ' || course_id::text, 0);
	-- As in lock_user(), of the courses that this transaction changes.
	held CONSTANT text := COALESCE(current_setting('content_library_locks.courses', true), '');
	taken CONSTANT integer := length(held) / 37;
	every_course CONSTANT bigint := hashtextextended('content_library completions', 0);
BEGIN
	IF held = 'all' OR for_all AND taken >= 512 AND (pg_try_advisory_xact_lock(every_course) OR taken >= 2048) THEN
		PERFORM pg_advisory_xact_lock(every_course);
		PERFORM set_config('content_library_locks.courses', 'all', true);
		RETURN;
	END IF;
	IF for_all AND strpos(held, course_id::text) = 0 THEN
		PERFORM set_config('content_library_locks.courses', concat(held, course_id, ' '), true);
	END IF;
	IF for_all THEN
		PERFORM pg_advisory_xact_lock(key);
	ELSE
		PERFORM pg_advisory_xact_lock_shared(key);
	END IF;
	PERFORM pg_advisory_xact_lock_shared(every_course);
END
$$;
COMMENT ON FUNCTION content_library.lock_completion(uuid, boolean) IS
	'Locks the completion of a course. Reports and enrollments share the lock. Who changes the course for all its learners is alone: so one of the two sees what the other has done.';

CREATE OR REPLACE FUNCTION content_library.lock_courses(lesson_ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	courses uuid[];
	locked uuid[];
	course uuid;
BEGIN
	-- While this waits for a lock, a lesson may be moved to another course. So it reads the courses
	-- until they stay the same.
	LOOP
		courses := ARRAY(
			SELECT c.id
			FROM public.lessons AS l
			JOIN public.modules AS m ON m.id = l.module_id
			JOIN public.courses AS c ON c.id = m.course_id
			WHERE l.id = ANY (lesson_ids)
			ORDER BY c.id FOR KEY SHARE OF c);
		courses := ARRAY(SELECT DISTINCT c.id FROM unnest(courses) AS c(id) ORDER BY c.id);
		IF courses = locked THEN
			RETURN courses;
		END IF;
		PERFORM FROM public.lessons AS l WHERE l.id = ANY (lesson_ids) ORDER BY l.id FOR KEY SHARE;
		FOREACH course IN ARRAY courses LOOP
			PERFORM content_library.lock_completion(course, false);
		END LOOP;
		locked := courses;
	END LOOP;
END
$$;
COMMENT ON FUNCTION content_library.lock_courses(uuid[]) IS
	'Locks lessons and the completion of their courses, which it returns.';

CREATE OR REPLACE FUNCTION content_library.claim_begin(user_id uuid, lesson_ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.lock_user(user_id);
	RETURN content_library.lock_courses(lesson_ids);
END
$$;
COMMENT ON FUNCTION content_library.claim_begin(uuid, uuid[]) IS
	'To be called before the progress of these lessons is written, if that may complete one of their courses, which it returns.';

CREATE OR REPLACE FUNCTION content_library.complete(user_id uuid, course_id uuid, send_event boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	event text;
BEGIN
	WITH completed AS (
		UPDATE public.enrollments AS e
		SET completed_at = (SELECT max(COALESCE(p.completed_at, p.last_watched))
		   FROM (SELECT rl.id
		     FROM public.modules AS rm
		     JOIN public.lessons AS rl ON rl.module_id = rm.id
		    WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published) OFFSET 0) AS r
		    LEFT JOIN LATERAL (
		      SELECT p.* FROM public.content_progress AS p
		       WHERE p.user_id = e.user_id
		         AND p.lesson_id = r.id
		         AND p.watched_pct >= 0 OFFSET 0) AS p ON true)
		WHERE e.user_id = $1 AND e.course_id = $2
			AND CASE WHEN NOT EXISTS (
			  SELECT FROM (SELECT rl.id
			    FROM public.modules AS rm
			    JOIN public.lessons AS rl ON rl.module_id = rm.id
			   WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published) OFFSET 0) AS r
			   LEFT JOIN LATERAL (
			     SELECT p.* FROM public.content_progress AS p
			      WHERE p.user_id = e.user_id
			        AND p.lesson_id = r.id
			        AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			  WHERE p.completed IS NOT TRUE)
			THEN EXISTS (SELECT rl.id
			  FROM public.modules AS rm
			  JOIN public.lessons AS rl ON rl.module_id = rm.id
			 WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published))
			ELSE false END
			AND (e.completed_at IS NULL OR e.completed_at > (SELECT max(COALESCE(p.completed_at, p.last_watched))
			   FROM (SELECT rl.id
			     FROM public.modules AS rm
			     JOIN public.lessons AS rl ON rl.module_id = rm.id
			    WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published) OFFSET 0) AS r
			    LEFT JOIN LATERAL (
			      SELECT p.* FROM public.content_progress AS p
			       WHERE p.user_id = e.user_id
			         AND p.lesson_id = r.id
			         AND p.watched_pct >= 0 OFFSET 0) AS p ON true))
		RETURNING e.course_id, e.user_id, e.completed_at)
	SELECT json_build_object(
	  'event', 'course_completed', 'course_id', e.course_id,
	  'user_id', e.user_id, 'completed_at', e.completed_at)::text INTO event
	FROM completed AS e;
	IF send_event AND event IS NOT NULL THEN
		PERFORM pg_notify('content_library', event);
	END IF;
	RETURN event IS NOT NULL;
END
$$;
COMMENT ON FUNCTION content_library.complete(uuid, uuid, boolean) IS
	'Completes an enrollment, if that is due; returns whether it was. One that is completed may be dated earlier, but never later.';

CREATE OR REPLACE FUNCTION content_library.claim(user_id uuid, course_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	open boolean;
BEGIN
	-- The learner is locked since claim_begin(), so whoever comes last sees the rows of all.
	-- Where there is nothing to do the enrollment is not locked, because that is a write, too.
	SELECT e.completed_at IS NULL INTO open
	FROM public.enrollments AS e
	WHERE e.user_id = $1 AND e.course_id = $2
		AND CASE WHEN NOT EXISTS (
		  SELECT FROM (SELECT rl.id
		    FROM public.modules AS rm
		    JOIN public.lessons AS rl ON rl.module_id = rm.id
		   WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published) OFFSET 0) AS r
		   LEFT JOIN LATERAL (
		     SELECT p.* FROM public.content_progress AS p
		      WHERE p.user_id = e.user_id
		        AND p.lesson_id = r.id
		        AND p.watched_pct >= 0 OFFSET 0) AS p ON true
		  WHERE p.completed IS NOT TRUE)
		THEN EXISTS (SELECT rl.id
		  FROM public.modules AS rm
		  JOIN public.lessons AS rl ON rl.module_id = rm.id
		 WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published))
		ELSE false END
		AND (e.completed_at IS NULL OR e.completed_at > (SELECT max(COALESCE(p.completed_at, p.last_watched))
		   FROM (SELECT rl.id
		     FROM public.modules AS rm
		     JOIN public.lessons AS rl ON rl.module_id = rm.id
		    WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published) OFFSET 0) AS r
		    LEFT JOIN LATERAL (
		      SELECT p.* FROM public.content_progress AS p
		       WHERE p.user_id = e.user_id
		         AND p.lesson_id = r.id
		         AND p.watched_pct >= 0 OFFSET 0) AS p ON true))
	FOR NO KEY UPDATE;
	-- While this waited for the lock, anything may have changed: so it is asked again.
	RETURN FOUND AND content_library.complete($1, $2, open) AND open;
END
$$;
COMMENT ON FUNCTION content_library.claim(uuid, uuid) IS
	'Completes a course for a learner and sends one event, if that is due; returns whether this call has completed it.';

CREATE OR REPLACE FUNCTION content_library.claim_all(course_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	required uuid[];
	rarest record;
	most bigint := bigint '64';
	ids uuid[];
	dates timestamptz[];
	event text;
BEGIN
	SELECT array_agg(r.id) INTO required
	FROM (SELECT $1 AS course_id) AS e
	CROSS JOIN LATERAL (
		SELECT rl.id
		  FROM public.modules AS rm
		  JOIN public.lessons AS rl ON rl.module_id = rm.id
		 WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published)) AS r;
	IF required IS NULL THEN
		RETURN;
	END IF;
	-- The lesson that the fewest learners have started: that is counted in an index. It counts
	-- further only as long as every lesson has more learners than that.
	LOOP
		SELECT r.id, n.learners INTO rarest
		FROM unnest(required) AS r(id)
		CROSS JOIN LATERAL (
			SELECT count(*) AS learners
			FROM (SELECT FROM public.content_progress AS p
				  WHERE p.lesson_id = r.id
				  LIMIT most) AS counted) AS n
		ORDER BY n.learners, r.id
		LIMIT 1;
		EXIT WHEN rarest.learners < most;
		most := most * 4;
	END LOOP;

	-- Only who has completed that lesson is looked at, and OFFSET 0 keeps the planner from
	-- reading all enrollments of the course.
	SELECT array_agg(due.id), array_agg(due.completed_at) INTO ids, dates
	FROM (
		SELECT e.id, (SELECT max(COALESCE(p.completed_at, p.last_watched))
		   FROM (SELECT id FROM unnest(required) AS r (id) OFFSET 0) AS r
		   LEFT JOIN LATERAL (
		     SELECT p.* FROM public.content_progress AS p
		      WHERE p.user_id = e.user_id
		        AND p.lesson_id = r.id
		        AND p.watched_pct >= 0 OFFSET 0) AS p ON true) AS completed_at
		FROM public.content_progress AS d
		CROSS JOIN LATERAL (
			SELECT e.* FROM public.enrollments AS e
			WHERE e.user_id = d.user_id AND e.course_id = $1 AND e.completed_at IS NULL OFFSET 0) AS e
		WHERE d.lesson_id = rarest.id AND d.completed
			AND CASE WHEN NOT EXISTS (
			  SELECT FROM (SELECT id FROM unnest(required) AS r (id) OFFSET 0) AS r
			  LEFT JOIN LATERAL (
			    SELECT p.* FROM public.content_progress AS p
			     WHERE p.user_id = e.user_id
			       AND p.lesson_id = r.id
			       AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			  WHERE p.completed IS NOT TRUE)
			THEN EXISTS (SELECT id FROM unnest(required) AS r (id))
			ELSE false END) AS due;
	-- In one order, so that two calls cannot deadlock.
	PERFORM FROM public.enrollments AS e WHERE e.id = ANY (ids) ORDER BY e.user_id FOR NO KEY UPDATE;
	FOR event IN
		WITH completed AS (
			UPDATE public.enrollments AS e
			SET completed_at = d.completed_at
			FROM ROWS FROM (unnest(ids), unnest(dates)) AS d(id, completed_at)
			WHERE e.id = d.id AND e.completed_at IS NULL
			RETURNING e.course_id, e.user_id, e.completed_at)
		SELECT json_build_object(
		  'event', 'course_completed', 'course_id', e.course_id,
		  'user_id', e.user_id, 'completed_at', e.completed_at)::text FROM completed AS e
	LOOP
		PERFORM pg_notify('content_library', event);
	END LOOP;
END
$$;
COMMENT ON FUNCTION content_library.claim_all(uuid) IS
	'The same for every enrollment of a course, when something has changed for all of them. The caller has locked the completion of the course after the change: so the reports that began before it are seen.';

-- Places in an order.

CREATE OR REPLACE FUNCTION content_library.module_of(lesson_id uuid, service boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	module_id uuid := (SELECT l.module_id FROM public.lessons AS l WHERE l.id = $1);
BEGIN
	IF module_id IS NULL AND service THEN
		PERFORM content_library.missing_lesson(lesson_id);
	ELSIF module_id IS NULL THEN
		PERFORM content_library.require_staff(NULL, 'editor', 'the course of lesson', lesson_id);
	END IF;
	RETURN module_id;
END
$$;
COMMENT ON FUNCTION content_library.module_of(uuid, boolean) IS
	'The module of a lesson. For an unknown one it fails with 23503, or for an editor with 42501.';

CREATE OR REPLACE FUNCTION content_library.course_of(module_id uuid, service boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	course_id uuid := (SELECT m.course_id FROM public.modules AS m WHERE m.id = $1);
BEGIN
	IF course_id IS NULL AND service THEN
		RAISE EXCEPTION 'module "%" does not exist', module_id
			USING ERRCODE = 'foreign_key_violation';
	ELSIF course_id IS NULL THEN
		PERFORM content_library.require_staff(NULL, 'editor', 'the course of module', module_id);
	END IF;
	RETURN course_id;
END
$$;
COMMENT ON FUNCTION content_library.course_of(uuid, boolean) IS
	'The course of a module. For an unknown one it fails with 23503, or for an editor with 42501.';

CREATE OR REPLACE FUNCTION content_library.check_before(moved uuid, before uuid, its_parent uuid, parent uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF before = moved THEN
		RAISE EXCEPTION '"%" cannot be moved before itself', before
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF its_parent IS DISTINCT FROM parent THEN
		RAISE EXCEPTION 'before "%" is not a place in "%"', before, parent
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Name a row that is there, or leave before out to move to the end.';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.check_before(uuid, uuid, uuid, uuid) IS
	'Fails with 22023 for a place that is none. That is a place before the moved row itself, or before a row of another parent.';

-- Keeps video events and bindings of the same upload, asset or lesson apart.

-- An event tries its locks without waiting. They exclude other events about the same
-- upload or asset, and bindings of these. A binding waits for its lock, which
-- excludes events.
--
-- The server has room for only some thousands of locks. So a transaction that needs
-- many of these takes one lock for all of them instead. All others take that one as
-- well, in shared mode.
CREATE OR REPLACE FUNCTION content_library.lock_video(for_event boolean, object text, id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	level CONSTANT text := current_setting('transaction_isolation');
	events CONSTANT bigint := hashtextextended('content_library mux events', 0);
	bindings CONSTANT bigint := hashtextextended('content_library mux bindings', 0);
	key CONSTANT bigint := hashtextextended(concat('content_library mux ', object, ' ', id), 0);
	is_new_lesson CONSTANT boolean := NOT for_event AND object = 'lesson';
	-- One character for each lock. The server forgets them when the transaction ends or
	-- rolls back to a savepoint.
	taken CONSTANT text := COALESCE(current_setting('content_library_sql.video_locks', true), '');
	many boolean;
BEGIN
	IF NOT is_new_lesson AND level <> ALL (ARRAY['read committed', 'read uncommitted']) THEN
		RAISE EXCEPTION 'the video of a lesson cannot change in a % transaction', level
			USING ERRCODE = 'invalid_transaction_state',
				  DETAIL = 'An event that was committed since the transaction began would be overlooked.',
				  HINT = 'Use READ COMMITTED.';
	END IF;
	IF id IS NULL THEN
		RETURN true;
	END IF;

	-- A transaction that makes many lessons does without locking them, because it would keep
	-- up all events: hardly any asset names a lesson that is just being made.
	many := length(taken) >= 256;
	IF many AND is_new_lesson THEN
		RETURN true;
	END IF;
	IF NOT many THEN
		PERFORM set_config('content_library_sql.video_locks', taken || '+', true);
	END IF;
	IF for_event AND many THEN
		RETURN pg_try_advisory_xact_lock(events) AND pg_try_advisory_xact_lock(bindings);
	ELSIF for_event THEN
		RETURN pg_try_advisory_xact_lock_shared(events) AND pg_try_advisory_xact_lock(key);
	ELSIF many THEN
		PERFORM pg_advisory_xact_lock(events);
	ELSE
		PERFORM pg_advisory_xact_lock_shared(bindings);
		PERFORM pg_advisory_xact_lock_shared(key);
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION content_library.lock_video(boolean, text, text) IS
	'Locks a video, for an event or for a binding. An event locks an upload, an asset or a lesson that the asset names, and never waits. The answer is false if somebody else holds the lock. A binding locks an upload, an asset or a new lesson, and waits. Fails with 25000 unless the transaction is READ COMMITTED, or it only makes a lesson.';

-- The doors. In each pair the service door comes first.

CREATE OR REPLACE FUNCTION content_library.watched_course_of(lesson_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_owner();
	RETURN (
		SELECT c.id
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		WHERE l.id = $1 AND (l.is_published AND c.is_published OR content_library.is_staff(c.id, 'viewer')));
END
$$;
COMMENT ON FUNCTION content_library.watched_course_of(uuid) IS
	'The course of a lesson, if both are published or the caller is staff of it. Whether the caller sees it is still to be looked up.';

-- Reading comes first because most reports change nothing. The row of a first report
-- comes before the refusal, and that error undoes it: only the foreign key knows whether
-- the user exists.
CREATE OR REPLACE FUNCTION content_library.record(
	user_id uuid,
	lesson_ids uuid[],
	pcts integer[],
	plays int4multirange[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	places integer[],
	skip_refused boolean,
	any_tier boolean,
	seen uuid[],
	barred boolean[],
	OUT rows public.recorded_progress[],
	OUT unseen uuid[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	size CONSTANT integer := cardinality(lesson_ids);
	batch CONSTANT boolean := places IS NOT NULL;
	prefix CONSTANT text := CASE WHEN batch THEN 'reports[%s]: ' ELSE '' END;
	-- A learner who calls this by hand must not give a time in the future, nor one before
	-- the transaction began, which would be more time to have watched in.
	clock CONSTANT timestamptz := LEAST(GREATEST(at, now()), clock_timestamp());
	-- The numbers of the reports in the order of their lessons, in which rows are locked.
	sorted CONSTANT integer[] := ARRAY(
		SELECT r.number::integer
		FROM unnest(lesson_ids) WITH ORDINALITY AS r(lesson_id, number)
		ORDER BY r.lesson_id, r.number);
	n integer;
	-- What each report meets, and its row becomes.
	met record;
	known boolean;
	progress public.content_progress[];
	thresholds integer[];
	durations integer[];
	by_clock boolean[];
	weight record;
	reached integer[];
	dates timestamptz[];
	fresh boolean[];
	-- What the rows of the reports hold, before and after what is held back.
	watched int4multirange[];
	held int4multirange[];
	most double precision;
	completes boolean[];
	news boolean[];
	skipped boolean[];
	unknown integer;
	refused integer;
	refusal record;
	objected integer;
	objection text;
	objection_to text;
	-- Those that complete their lessons, in this attempt or an earlier one.
	completing boolean[] := array_fill(false, ARRAY[size]);
	claimed record;
	-- Those that have completed a course.
	winners integer[] := ARRAY[]::integer[];
	other uuid;
BEGIN
	PERFORM content_library.require_owner();
	IF batch THEN
		PERFORM content_library.lock_user(user_id);
	END IF;
	FOR i IN 1..size LOOP
		times[i] := LEAST(times[i], clock);
	END LOOP;

	-- Tries again when a row was made or deleted between reading and writing.
	<<attempts>>
	FOR attempt IN 1..10 LOOP
		unknown := NULL;
		refused := NULL;
		objected := NULL;
		FOR i IN 1..size LOOP
			met := content_library.look(user_id, lesson_ids[i], times[i], pcts[i], plays[i] IS NOT NULL, any_tier);
			-- No lock holds for the staff of the course, unless the service names the learner.
			IF met.refusal IN ('date', 'sequence') AND NOT any_tier AND content_library.is_staff(met.course_id, 'viewer') THEN
				met.refusal := NULL;
			END IF;
			progress[i] := met.progress;
			thresholds[i] := met.threshold;
			durations[i] := met.duration;
			by_clock[i] := met.progress_by = 'watch';
			skipped[i] := COALESCE(barred[i], false);
			IF (progress[i]).id IS NULL AND NOT skipped[i] THEN
				known := COALESCE(met.course_id = ANY (seen), false);
				IF seen IS NULL THEN
					unseen := array_append(array_remove(unseen, met.course_id), met.course_id);
				ELSIF known AND met.refusal IS NULL THEN
					NULL;
				ELSIF skip_refused THEN
					skipped[i] := true;
				ELSIF NOT known THEN
					unknown := COALESCE(unknown, i);
				ELSIF refused IS NULL THEN
					refused := i;
					refusal := met;
				END IF;
			END IF;

			IF NOT skipped[i] AND met.refusal IS NULL AND (met.progress_by <> 'report' OR pcts[i] IS NULL) THEN
				objection_to := content_library.objection(met.progress_by, durations[i], pcts[i], plays[i],
					any_tier OR met.progress_by = 'server' AND content_library.edits_lesson(lesson_ids[i]));
				IF objection_to = 'server' AND skip_refused THEN
					skipped[i] := true;
				ELSIF objection_to IS NOT NULL AND objected IS NULL THEN
					objected := i;
					objection := objection_to;
				END IF;
			END IF;

			reached[i] := COALESCE(pcts[i], 0);
			dates[i] := times[i];
			fresh[i] := false;
			watched[i] := NULL;
			held[i] := (progress[i]).watched;
			-- Without a duration nobody knows where the video ends.
			IF plays[i] IS NOT NULL AND durations[i] IS NOT NULL AND NOT skipped[i] THEN
				weight := content_library.weigh(progress[i], pcts[i], plays[i], times[i], clock, durations[i], by_clock[i], 'Infinity');
				reached[i] := weight.watched_pct;
				dates[i] := weight.dated_at;
				fresh[i] := weight.is_new;
				watched[i] := weight.watched;
			END IF;
			completes[i] := NOT skipped[i] AND content_library.completes(progress[i], thresholds[i], reached[i]);
			completing[i] := completing[i] OR completes[i];
		END LOOP;
		IF unseen IS NOT NULL THEN
			RETURN;
		ELSIF unknown IS NOT NULL THEN
			PERFORM content_library.missing_lesson(lesson_ids[unknown], format(prefix, places[unknown]));
		ELSIF objected IS NOT NULL THEN
			PERFORM content_library.refuse_report(format(prefix, places[objected]), lesson_ids[objected], objection);
		END IF;

		-- What was watched is written by one transaction of the learner at a time.
		IF true = ANY (fresh) THEN
			PERFORM content_library.lock_user(user_id);
		END IF;
		-- The locks for completing courses come before anything is written.
		IF true = ANY (completing) THEN
			PERFORM content_library.claim_begin(user_id, lesson_ids);
		END IF;

		-- Holds back what would complete a lesson sooner than the clock of the course allows.
		FOREACH n IN ARRAY sorted LOOP
			IF completes[n] AND watched[n] IS NOT NULL AND by_clock[n] AND reached[n] >= thresholds[n]
				AND (progress[n]).completed IS NOT TRUE AND (pcts[n] >= thresholds[n]) IS NOT TRUE
			THEN
				most := content_library.course_seconds(user_id, lesson_ids[n], lesson_ids, held, clock);
				weight := content_library.weigh(progress[n], pcts[n], plays[n], times[n], clock, durations[n], true, most);
				reached[n] := weight.watched_pct;
				fresh[n] := weight.is_new;
				watched[n] := weight.watched;
				completes[n] := content_library.completes(progress[n], thresholds[n], reached[n]);
			END IF;
			held[n] := COALESCE(watched[n], held[n]);
			news[n] := (progress[n]).id IS NOT NULL AND NOT skipped[n]
				AND content_library.is_news(progress[n], completes[n], reached[n], fresh[n], positions[n], times[n]);
		END LOOP;

		FOREACH n IN ARRAY sorted LOOP
			IF (progress[n]).id IS NULL AND NOT skipped[n] THEN
				progress[n] := content_library.insert_row(user_id, lesson_ids[n], thresholds[n],
					reached[n], positions[n], times[n], watched[n], clock, format(prefix, places[n]));
				CONTINUE attempts WHEN (progress[n]).id IS NULL;
			END IF;
		END LOOP;
		IF refused IS NOT NULL THEN
			PERFORM content_library.refuse_lesson(format(prefix, places[refused]), user_id,
				lesson_ids[refused], refusal.refusal, refusal.unlocks_at);
		END IF;
		FOREACH n IN ARRAY sorted LOOP
			IF news[n] THEN
				progress[n] := content_library.update_row(user_id, lesson_ids[n], completes[n], thresholds[n],
					reached[n], positions[n], times[n], dates[n],
					(progress[n]).watched, CASE WHEN fresh[n] THEN watched[n] END, clock);
				CONTINUE attempts WHEN (progress[n]).id IS NULL;
			END IF;
		END LOOP;
		IF batch THEN
			SELECT p.lesson_id INTO other
			FROM unnest(progress) WITH ORDINALITY AS p
			WHERE p.lesson_id <> lesson_ids[p.ordinality]
			ORDER BY p.ordinality
			LIMIT 1;
			IF FOUND THEN
				RAISE EXCEPTION 'the progress on lesson "%" was not written as reported', other
					USING ERRCODE = 'object_not_in_prerequisite_state',
						  HINT = 'Look for a trigger of your own on content_progress that changes lesson_id.';
			END IF;
		END IF;

		-- Claims each course once. Of several reports the latest is the one that completed it.
		IF true = ANY (completing) THEN
			FOR claimed IN
				SELECT DISTINCT ON (c.id) c.id, r.number
				FROM unnest(lesson_ids, completing, times) WITH ORDINALITY AS r(lesson_id, completes, watched_at, number)
				JOIN public.lessons AS l ON l.id = r.lesson_id
				JOIN public.modules AS m ON m.id = l.module_id
				JOIN public.courses AS c ON c.id = m.course_id
				WHERE r.completes AND (progress[r.number::integer]).completed
				ORDER BY c.id, r.watched_at DESC, r.number DESC
			LOOP
				IF content_library.claim(user_id, claimed.id) THEN
					winners := winners || claimed.number::integer;
				END IF;
			END LOOP;
		END IF;

		rows := ARRAY(
			SELECT ROW(p.id, p.user_id, p.lesson_id, p.watched_pct, p.completed, p.last_watched,
					   p.position_seconds, p.completed_at, p.ordinality = ANY (winners))::public.recorded_progress
			FROM unnest(progress) WITH ORDINALITY AS p
			WHERE NOT skipped[p.ordinality]
			ORDER BY p.ordinality);
		RETURN;
	END LOOP;

	RAISE EXCEPTION 'the progress of user "%" can be neither read nor written', user_id
		USING ERRCODE = 'object_not_in_prerequisite_state',
			  HINT = 'Look for a trigger of your own on content_progress that takes rows back.';
END
$$;
COMMENT ON FUNCTION content_library.record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, boolean, uuid[], boolean[]) IS
	'Records reports of a learner. places are the numbers that errors name, NULL for a single report. Returns the rows in the order of the reports. A first report needs the courses that the caller sees: if they are not given, it writes nothing and returns the courses to look up. Fails with 23503 for a lesson that is unknown or not seen, 42501 for one that the learner may not watch. With skip_refused it leaves these out. any_tier asks no tier. The barred reports are left out, too.';

CREATE OR REPLACE FUNCTION content_library.bar_reports(
	learner uuid,
	lesson_ids uuid[],
	places integer[],
	skip_refused boolean)
RETURNS boolean[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	barred CONSTANT boolean[] := ARRAY(
		SELECT NOT EXISTS (
			SELECT FROM public.lessons AS l
			JOIN public.modules AS m ON m.id = l.module_id
			JOIN public.courses AS c ON c.id = m.course_id
			WHERE l.id = r.lesson_id AND (CASE WHEN COALESCE(l.progress_by, c.progress_by) = 'watch'
			      AND l.mux_upload_id IS NULL AND l.mux_asset_id IS NULL
			      AND l.duration_seconds > 0 IS NOT TRUE THEN 'report'
			     ELSE COALESCE(l.progress_by, c.progress_by) END = 'server'
			 AND EXISTS (SELECT FROM public.course_staff AS s
			              WHERE s.user_id = auth.uid() AND s.course_id = c.id AND s.role = 'editor')
			 AND EXISTS (SELECT FROM public.enrollments AS e
			              WHERE e.user_id = learner AND e.course_id = c.id)))
		FROM unnest(lesson_ids) WITH ORDINALITY AS r(lesson_id, number)
		ORDER BY r.number);
	first CONSTANT integer := array_position(barred, true);
BEGIN
	PERFORM content_library.require_owner();
	IF NOT false = ANY (barred) THEN
		PERFORM content_library.other_user(learner);
	ELSIF first IS NOT NULL AND NOT skip_refused THEN
		RAISE EXCEPTION '%the progress of user "%" on lesson "%" is not reported by editors',
			CASE WHEN places IS NOT NULL THEN format('reports[%s]: ', places[first]) END, learner, lesson_ids[first]
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'An editor reports for a learner who is enrolled in the course, on lessons whose progress_by is "server".';
	END IF;
	RETURN barred;
END
$$;
COMMENT ON FUNCTION content_library.bar_reports(uuid, uuid[], integer[], boolean) IS
	'Which reports are not for the user signed in to make, an editor who names a learner. Fails with 42501 if there is one, unless skip_refused, and if there is no other.';

-- Who may report on none of the lessons has named another user, no more.
CREATE OR REPLACE FUNCTION content_library.own_record(
	named uuid,
	lesson_ids uuid[],
	pcts integer[],
	plays int4multirange[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	places integer[],
	skip_refused boolean,
	seen uuid[],
	OUT rows public.recorded_progress[],
	OUT unseen uuid[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	by_editor CONSTANT boolean := named IS NOT NULL AND named IS DISTINCT FROM auth.uid();
	barred boolean[];
	answer record;
BEGIN
	IF by_editor THEN
		barred := content_library.bar_reports(named, lesson_ids, places, skip_refused);
	END IF;
	answer := content_library.record(CASE WHEN by_editor THEN named ELSE content_library.learner() END,
		lesson_ids, pcts, plays, positions, times, at, places, skip_refused, by_editor, seen, barred);
	rows := answer.rows;
	unseen := answer.unseen;
END
$$;
COMMENT ON FUNCTION content_library.own_record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, uuid[]) IS
	'content_library.record() of the user signed in, whose tier is asked; or, in lessons with progress_by server, of a learner whom an editor of the course names.';

-- As the caller.
CREATE OR REPLACE FUNCTION content_library.send(
	named uuid,
	lesson_ids uuid[],
	pcts integer[],
	plays int4multirange[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	places integer[],
	skip_refused boolean)
RETURNS public.recorded_progress[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	for_others CONSTANT boolean := named IS NOT NULL AND content_library.acts_for_others();
	answer record;
	seen uuid[];
BEGIN
	LOOP
		IF NOT for_others THEN
			answer := content_library.own_record(named, lesson_ids, pcts, plays, positions, times, at, places, skip_refused, seen);
		ELSE
			answer := content_library.record(named, lesson_ids, pcts, plays, positions, times, at, places, skip_refused, true, seen, NULL);
		END IF;
		IF answer.rows IS NOT NULL THEN
			RETURN answer.rows;
		END IF;
		seen := ARRAY(
			SELECT c.id
			FROM unnest(answer.unseen) AS c(id)
			WHERE content_library.sees_course(c.id));
	END LOOP;
END
$$;
COMMENT ON FUNCTION content_library.send(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean) IS
	'Sends reports through the caller''s door. Only for a first report it looks up which courses the caller sees.';

-- All locks but those of rows come before anything is written.
CREATE OR REPLACE FUNCTION content_library.begin_batch(user_ids uuid[], lesson_ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	users CONSTANT uuid[] := ARRAY(SELECT DISTINCT u.id FROM unnest(user_ids) AS u(id) ORDER BY u.id);
	named uuid;
BEGIN
	PERFORM content_library.require_owner();
	-- At once, if nobody can wait for a lock that this transaction has.
	IF cardinality(users) >= 512 AND COALESCE(current_setting('content_library_locks.users', true), '') = '' THEN
		PERFORM pg_advisory_xact_lock(hashtextextended('content_library users', 0));
		PERFORM set_config('content_library_locks.users', 'all', true);
	ELSE
		FOREACH named IN ARRAY users LOOP
			PERFORM content_library.lock_user(named);
		END LOOP;
	END IF;
	PERFORM content_library.lock_courses(lesson_ids);
END
$$;
COMMENT ON FUNCTION content_library.begin_batch(uuid[], uuid[]) IS
	'Takes the locks for reports of several users.';

-- As the caller.
CREATE OR REPLACE FUNCTION content_library.send_all(
	user_ids uuid[],
	lesson_ids uuid[],
	pcts integer[],
	plays int4multirange[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	skip_refused boolean)
RETURNS SETOF public.recorded_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	report record;
	rows public.recorded_progress[];
	missing text;
BEGIN
	IF content_library.acts_for_others() THEN
		PERFORM content_library.begin_batch(user_ids, lesson_ids);
	ELSE
		-- Learners may name only themselves.
		FOR report IN SELECT DISTINCT u.id FROM unnest(user_ids) AS u(id) LOOP
			PERFORM content_library.caller(report.id);
		END LOOP;
	END IF;
	FOR report IN
		SELECT r.user_id, array_agg(r.lesson_id) AS lesson_ids, array_agg(r.pct) AS pcts, array_agg(r.played) AS plays,
			array_agg(r.seconds) AS positions, array_agg(r.watched_at) AS times, array_agg(r.number::integer - 1) AS places
		FROM unnest(user_ids, lesson_ids, pcts, plays, positions, times)
			WITH ORDINALITY AS r(user_id, lesson_id, pct, played, seconds, watched_at, number)
		GROUP BY r.user_id
		ORDER BY r.user_id
	LOOP
		BEGIN
			rows := content_library.send(report.user_id, report.lesson_ids, report.pcts, report.plays, report.positions,
				report.times, at, report.places, skip_refused);
		EXCEPTION WHEN foreign_key_violation THEN
			GET STACKED DIAGNOSTICS missing = CONSTRAINT_NAME;
			IF missing <> 'content_progress_user_id_fkey' OR NOT skip_refused THEN
				RAISE;
			END IF;
			rows := NULL;
		END;
		RETURN QUERY SELECT * FROM unnest(rows);
	END LOOP;
END
$$;
COMMENT ON FUNCTION content_library.send_all(uuid[], uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, boolean) IS
	'Sends reports of several users, one user after the other, in the order of their ids. With skip_refused an unknown user is left out.';

CREATE OR REPLACE FUNCTION content_library.enroll(
	user_id uuid,
	course_id uuid,
	seen boolean,
	granting boolean DEFAULT true)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	course record;
	missing text;
	enrollment public.enrollments;
BEGIN
	PERFORM content_library.require_owner();
	-- Before all other locks: see claim_begin().
	PERFORM content_library.lock_user($1);
	IF NOT granting THEN
		-- A learner who is enrolled stays so, even if the course has closed since.
		SELECT e.* INTO enrollment FROM public.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2;
		IF FOUND THEN
			RETURN enrollment;
		END IF;

		SELECT c.is_open, (c.tier_required = 'free'
		 OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
		         #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1)) AS suffices,
			c.tier_required, (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
			        #>> '{app_metadata,tier}') AS tier,
			(SELECT string_agg(q.required_course_id::text, ', ' ORDER BY q.required_course_id)
			   FROM public.course_prerequisites AS q
			  WHERE q.course_id = c.id
			    AND NOT EXISTS (
			      SELECT FROM public.enrollments AS e
			       WHERE e.user_id = $1 AND e.course_id = q.required_course_id
			         AND e.completed_at IS NOT NULL)) AS missing
		INTO course
		FROM public.courses AS c
		WHERE c.id = $2 AND c.is_published AND seen;
		IF NOT FOUND THEN
			PERFORM content_library.missing_course($2);
		ELSIF NOT course.is_open THEN
			RAISE EXCEPTION 'course "%" is closed to new learners', $2
				USING ERRCODE = 'insufficient_privilege';
		ELSIF NOT course.suffices THEN
			RAISE EXCEPTION 'course "%" is not open to the tier "%"', $2, left(COALESCE(course.tier, 'free'), 60)
				USING ERRCODE = 'insufficient_privilege',
					  DETAIL = format('It requires the tier "%s".', course.tier_required),
					  HINT = 'The tier is app_metadata.tier of the JWT, which the server sets.';
		ELSIF course.missing IS NOT NULL THEN
			RAISE EXCEPTION 'course "%" requires other courses to be completed first', $2
				USING ERRCODE = 'insufficient_privilege',
					  DETAIL = format('These are not completed: %s.', course.missing);
		END IF;
	ELSIF seen IS NOT TRUE THEN
		PERFORM content_library.missing_course($2);
	END IF;

	-- Once more where another session has deleted the enrollment that stood in the way of ours.
	FOR tries IN 1 .. 3 LOOP
		-- Another session may be enrolling the same learner.
		BEGIN
			IF granting THEN
				INSERT INTO public.enrollments AS e (course_id, user_id, expires_at, granted)
				SELECT c.id, $1, now() + c.access_period, true
				FROM public.courses AS c
				WHERE c.id = $2
				ON CONFLICT (user_id, course_id) DO UPDATE
				SET granted = true,
					expires_at = CASE WHEN e.expires_at <= now() THEN EXCLUDED.expires_at ELSE e.expires_at END
				WHERE NOT e.granted OR e.expires_at <= now();
			ELSE
				INSERT INTO public.enrollments AS e (course_id, user_id, expires_at)
				SELECT c.id, $1, now() + c.access_period
				FROM public.courses AS c
				WHERE c.id = $2
				ON CONFLICT (user_id, course_id) DO NOTHING;
			END IF;
		EXCEPTION WHEN foreign_key_violation THEN
			GET STACKED DIAGNOSTICS missing = CONSTRAINT_NAME;
			CASE missing
				WHEN 'enrollments_user_id_fkey' THEN PERFORM content_library.missing_user($1, missing);
				WHEN 'enrollments_course_id_fkey' THEN PERFORM content_library.missing_course($2);
				ELSE RAISE;
			END CASE;
		END;
		-- Read again, because a trigger may have completed it.
		SELECT e.* INTO enrollment FROM public.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2;
		IF FOUND THEN
			RETURN enrollment;
		END IF;
	END LOOP;
	RAISE EXCEPTION 'the enrollment of user "%" in course "%" can be neither read nor made', $1, $2
		USING ERRCODE = 'object_not_in_prerequisite_state',
			  HINT = 'Look for a trigger of your own on enrollments that takes the row back.';
END
$$;
COMMENT ON FUNCTION content_library.enroll(uuid, uuid, boolean, boolean) IS
	'The enrollment of a user in a course. It is made if there is none. When granting, it enrolls anyone in any course, and renews an enrollment that has expired. Else it fails with 42501 for a course that is closed, of a higher tier or with missing prerequisites, 23503 for one that is not published. Fails with 23503 for a course that is not seen or an unknown user.';

CREATE OR REPLACE FUNCTION content_library.own_enroll(course_id uuid, seen boolean)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.enroll(content_library.learner(), course_id, seen, false);
END
$$;
COMMENT ON FUNCTION content_library.own_enroll(uuid, boolean) IS
	'content_library.enroll() of the user signed in, who grants nothing.';

-- The end of access would be forgotten: only the service deletes an enrollment that has one.
CREATE OR REPLACE FUNCTION content_library.unenroll(
	user_id uuid,
	course_id uuid,
	seen boolean,
	service boolean DEFAULT true)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	enrollment public.enrollments;
BEGIN
	PERFORM content_library.require_owner();
	PERFORM content_library.lock_user($1);
	DELETE FROM public.enrollments AS e
	WHERE e.user_id = $1 AND e.course_id = $2 AND (service OR e.expires_at IS NULL)
	RETURNING e.* INTO enrollment;
	IF FOUND THEN
		RETURN enrollment;
	ELSIF EXISTS (SELECT FROM public.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2) THEN
		RAISE EXCEPTION 'user "%" cannot leave course "%", whose access ends by itself', $1, $2
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'Enrolling again would begin a new access period.',
				  HINT = 'Call as service_role.';
	ELSIF seen IS NOT TRUE THEN
		PERFORM content_library.missing_course($2);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION content_library.unenroll(uuid, uuid, boolean, boolean) IS
	'Ends an enrollment, and returns it; NULL if there was none. Fails with 23503 if the course is not seen either.';

CREATE OR REPLACE FUNCTION content_library.own_unenroll(course_id uuid, seen boolean)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.unenroll(content_library.learner(), course_id,
		seen AND content_library.is_visible(course_id), false);
END
$$;
COMMENT ON FUNCTION content_library.own_unenroll(uuid, boolean) IS
	'content_library.unenroll() of the user signed in.';

CREATE OR REPLACE FUNCTION content_library.reset_progress(
	user_id uuid,
	course_id uuid,
	dry_run boolean,
	seen boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	count integer;
BEGIN
	PERFORM content_library.require_owner();
	IF NOT EXISTS (SELECT FROM public.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2) THEN
		IF seen IS NOT TRUE THEN
			PERFORM content_library.missing_course($2);
		END IF;
		RAISE EXCEPTION 'user "%" is not enrolled in course "%"', $1, $2
			USING ERRCODE = 'insufficient_privilege';
	END IF;

	IF dry_run THEN
		PERFORM FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		JOIN public.content_progress AS p ON p.user_id = $1 AND p.lesson_id = l.id
		WHERE m.course_id = $2;
		GET DIAGNOSTICS count = ROW_COUNT;
		RETURN count;
	END IF;

	-- These locks come before those on progress: see claim_begin().
	PERFORM content_library.lock_user($1);
	PERFORM FROM public.courses AS c WHERE c.id = $2 FOR KEY SHARE;
	PERFORM content_library.lock_completion($2, false);
	-- Locked in the order that batches and recomputations lock in.
	WITH watched AS (
		SELECT p.id
		FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		JOIN public.content_progress AS p ON p.user_id = $1 AND p.lesson_id = l.id
		WHERE m.course_id = $2
		ORDER BY p.lesson_id
		FOR UPDATE OF p)
	DELETE FROM public.content_progress AS p
	USING watched AS w
	WHERE p.user_id = $1 AND p.id = w.id;
	GET DIAGNOSTICS count = ROW_COUNT;

	-- A report may be completing the course just now: its enrollment comes first.
	PERFORM FROM public.enrollments AS e
	WHERE e.user_id = $1 AND e.course_id = $2 FOR NO KEY UPDATE;
	-- Not if all lessons are completed: then a later report has completed it again.
	UPDATE public.enrollments AS e
	SET completed_at = NULL
	WHERE e.user_id = $1 AND e.course_id = $2 AND e.completed_at IS NOT NULL
		AND NOT (CASE WHEN NOT EXISTS (
		  SELECT FROM (SELECT rl.id
		    FROM public.modules AS rm
		    JOIN public.lessons AS rl ON rl.module_id = rm.id
		   WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published) OFFSET 0) AS r
		   LEFT JOIN LATERAL (
		     SELECT p.* FROM public.content_progress AS p
		      WHERE p.user_id = e.user_id
		        AND p.lesson_id = r.id
		        AND p.watched_pct >= 0 OFFSET 0) AS p ON true
		  WHERE p.completed IS NOT TRUE)
		THEN EXISTS (SELECT rl.id
		  FROM public.modules AS rm
		  JOIN public.lessons AS rl ON rl.module_id = rm.id
		 WHERE rm.course_id = e.course_id AND (rl.is_required AND rl.is_published))
		ELSE false END);
	RETURN count;
END
$$;
COMMENT ON FUNCTION content_library.reset_progress(uuid, uuid, boolean, boolean) IS
	'Deletes the progress of a learner in a course. Forgets also its completion, and returns the number of rows. Fails with 42501 when not enrolled, or 23503 if the course is not seen either.';

CREATE OR REPLACE FUNCTION content_library.own_reset_progress(course_id uuid, dry_run boolean, seen boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.reset_progress(content_library.learner(), course_id, dry_run,
		seen AND content_library.is_visible(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_reset_progress(uuid, boolean, boolean) IS
	'content_library.reset_progress() of the user signed in.';

CREATE OR REPLACE FUNCTION content_library.completion_threshold(
	lesson_id uuid,
	OUT threshold integer,
	OUT course_id uuid)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	SELECT content_library.threshold(l.id), c.id INTO threshold, course_id
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	JOIN public.courses AS c ON c.id = m.course_id
	WHERE l.id = $1;
END
$$;
COMMENT ON FUNCTION content_library.completion_threshold(uuid) IS
	'The threshold and the course of a lesson. NULLs for an unknown one.';

CREATE OR REPLACE FUNCTION content_library.own_completion_threshold(
	lesson_id uuid,
	OUT threshold integer,
	OUT course_id uuid)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT t.threshold, t.course_id INTO threshold, course_id
	FROM content_library.completion_threshold($1) AS t
	WHERE content_library.is_visible(t.course_id);
END
$$;
COMMENT ON FUNCTION content_library.own_completion_threshold(uuid) IS
	'The threshold and the course of a lesson. NULLs unless the course is published, or the user signed in is of its staff.';

CREATE OR REPLACE FUNCTION content_library.course_completion(user_id uuid, course_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	completion integer;
BEGIN
	PERFORM content_library.require_owner();
	SELECT (SELECT content_library.percentage(count(*) FILTER (WHERE p.completed), count(*))
			FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			LEFT JOIN LATERAL (
			  SELECT p.* FROM public.content_progress AS p
			   WHERE p.user_id = $1
			     AND p.lesson_id = l.id
			     AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			WHERE m.course_id = c.id AND (l.is_required AND l.is_published))
	INTO completion
	FROM public.courses AS c
	WHERE c.id = $2;
	IF NOT FOUND THEN
		PERFORM content_library.missing_course($2);
	END IF;
	RETURN completion;
END
$$;
COMMENT ON FUNCTION content_library.course_completion(uuid, uuid) IS
	'The completion of a course by a learner, in percent. Fails with 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION content_library.own_course_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.course_completion(content_library.learner(), content_library.visible(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_course_completion(uuid) IS
	'content_library.course_completion() of the user signed in, in a course that the user may see.';

CREATE OR REPLACE FUNCTION content_library.course_outline(
	user_id uuid,
	course_id uuid,
	any_tier boolean,
	for_staff boolean DEFAULT false)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	course record;
	modules jsonb;
	required bigint;
	completed bigint;
BEGIN
	PERFORM content_library.require_owner();
	SELECT c.id, c.title, c.description, c.slug, c.thumbnail_url, c.stage, c.topic,
		   c.tier_required, c.metadata, e.completed_at, e.expires_at, e.id IS NOT NULL AS enrolled,
		   c.is_published, CASE WHEN e.id IS NULL THEN 'not_enrolled'
		        WHEN e.expires_at <= now() THEN 'expired'
		        WHEN NOT (e.granted OR any_tier OR (c.tier_required = 'free'
		         OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
		                 #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1))) THEN 'tier' END AS no_access
	INTO course
	FROM public.courses AS c
	LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
	WHERE c.id = $2;
	IF NOT FOUND THEN
		PERFORM content_library.missing_course($2);
	END IF;

	-- A playback id is shown only where the learner may watch. A lesson that is not
	-- published is in the document only for staff, to whom nothing is closed.
	SELECT jsonb_agg(jsonb_build_object(
			   'id', o.id, 'title', o.title, 'description', o.description, 'metadata', o.metadata,
			   'lessons', COALESCE(o.lessons, '[]')) ORDER BY o.sort_order, o.created_at, o.id),
		   sum(o.required)::bigint, sum(o.completed)::bigint
	INTO modules, required, completed
	FROM (
		SELECT r.module_id AS id, r.module_title AS title, r.module_description AS description,
			   r.module_metadata AS metadata, r.module_order AS sort_order, r.module_created AS created_at,
			   jsonb_agg(jsonb_build_object(
				   'id', r.id, 'title', r.title, 'description', r.description,
				   'duration_seconds', r.duration_seconds, 'metadata', r.metadata,
				   'is_required', r.is_required, 'is_preview', r.is_preview, 'mux_status', r.mux_status,
				   'mux_playback_id', CASE WHEN r.refusal IS NULL THEN r.mux_playback_id END,
				   'locked', CASE WHEN r.refusal IS NOT NULL THEN jsonb_build_object(
					   'reason', r.refusal,
					   'unlocks_at', CASE r.refusal WHEN 'date' THEN r.unlocks_at END) END,
				   'status', CASE WHEN r.watched_pct IS NULL THEN 'not_started'
								  WHEN r.completed THEN 'completed'
								  ELSE 'in_progress' END,
				   'watched_pct', COALESCE(r.watched_pct, 0),
				   'position_seconds', r.position_seconds,
				   'completed_at', r.completed_at)
				   || CASE WHEN for_staff THEN jsonb_build_object('is_published', r.is_published) ELSE '{}' END ORDER BY r.sort_order, r.created_at, r.id)
				   FILTER (WHERE r.id IS NOT NULL) AS lessons,
			   count(*) FILTER (WHERE (r.is_required AND r.is_published)) AS required,
			   count(*) FILTER (WHERE (r.is_required AND r.is_published) AND r.completed) AS completed
		FROM (
			SELECT m.id AS module_id, m.title AS module_title, m.description AS module_description,
				   m.metadata AS module_metadata, m.sort_order AS module_order, m.created_at AS module_created,
				   l.*, p.watched_pct, p.completed, p.completed_at, CASE WHEN p.position_seconds > l.duration_seconds THEN l.duration_seconds
				        ELSE p.position_seconds END AS position_seconds,
				   GREATEST(m.unlock_at, l.unlock_at,
				            e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) AS unlocks_at,
				   CASE WHEN NOT for_staff THEN
					   CASE WHEN l.is_preview THEN NULL
					        WHEN course.no_access IS NOT NULL THEN course.no_access
					        WHEN p.id IS NOT NULL OR e.completed_at IS NOT NULL THEN NULL
					        WHEN GREATEST(m.unlock_at, l.unlock_at,
					                 e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) > now() THEN 'date'
					        WHEN c.is_sequential AND COALESCE(bool_or((l.is_required AND l.is_published) AND p.completed IS NOT TRUE)
					          OVER (ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id
					                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) THEN 'sequence' END
				   END AS refusal
			FROM public.courses AS c
			LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
			JOIN public.modules AS m ON m.course_id = c.id
			LEFT JOIN LATERAL (
				SELECT l.id, l.title, l.description, l.duration_seconds, l.mux_playback_id, l.mux_status, l.is_preview,
					   l.is_required, l.is_published, l.metadata, l.sort_order, l.created_at, l.unlock_at, l.unlock_after
				FROM public.lessons AS l
				WHERE l.module_id = m.id AND (for_staff OR l.is_published)) AS l ON true
			LEFT JOIN LATERAL (
			  SELECT p.* FROM public.content_progress AS p
			   WHERE p.user_id = $1
			     AND p.lesson_id = l.id
			     AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			WHERE c.id = $2) AS r
		GROUP BY r.module_id, r.module_title, r.module_description, r.module_metadata, r.module_order, r.module_created) AS o;

	RETURN (to_jsonb(course) - 'no_access' - CASE WHEN for_staff THEN '' ELSE 'is_published' END || jsonb_build_object(
		'modules', COALESCE(modules, '[]'),
		'required_lessons', COALESCE(required, 0),
		'completed_lessons', COALESCE(completed, 0),
		'completion', content_library.percentage(completed, required)))::json;
END
$$;
COMMENT ON FUNCTION content_library.course_outline(uuid, uuid, boolean, boolean) IS
	'A course page for a learner, as one document. any_tier asks no tier. for_staff closes nothing and has drafts, marked as such. Fails with 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION content_library.require_own_learner(course_id uuid, named uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_owner();
	IF NOT content_library.is_staff(course_id, 'viewer')
		OR NOT EXISTS (SELECT FROM public.enrollments AS e WHERE e.user_id = named AND e.course_id = $1)
	THEN
		PERFORM content_library.other_user(named);
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.require_own_learner(uuid, uuid) IS
	'Fails with 42501 unless the user signed in is staff of a course, and the user who is named a learner of it.';

CREATE OR REPLACE FUNCTION content_library.own_course_outline(course_id uuid, named uuid)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner CONSTANT uuid := content_library.learner();
BEGIN
	IF named IS NULL THEN
		RETURN content_library.course_outline(learner, content_library.visible(course_id), false, content_library.is_staff(course_id, 'viewer'));
	ELSIF named <> learner THEN
		PERFORM content_library.require_own_learner(course_id, named);
	END IF;
	RETURN content_library.course_outline(named, content_library.visible(course_id), named <> learner);
END
$$;
COMMENT ON FUNCTION content_library.own_course_outline(uuid, uuid) IS
	'content_library.course_outline() of the user signed in, or of a learner whom staff names, of a course that the user may see.';

CREATE OR REPLACE FUNCTION content_library.next_lesson(user_id uuid, course_id uuid, any_tier boolean)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_owner();
	-- The lessons are put in order before those that may not be watched are left out.
	RETURN (
		SELECT r.id
		FROM (
			SELECT l.id, p.completed,
				row_number() OVER (ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id) AS place,
				CASE WHEN l.is_preview THEN NULL
				     WHEN a.no_access IS NOT NULL THEN a.no_access
				     WHEN p.id IS NOT NULL OR e.completed_at IS NOT NULL THEN NULL
				     WHEN GREATEST(m.unlock_at, l.unlock_at,
				              e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) > now() THEN 'date'
				     WHEN c.is_sequential AND COALESCE(bool_or((l.is_required AND l.is_published) AND p.completed IS NOT TRUE)
				       OVER (ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id
				             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) THEN 'sequence' END AS refusal
			FROM public.courses AS c
			LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
			JOIN public.modules AS m ON m.course_id = c.id
			JOIN public.lessons AS l ON l.module_id = m.id
			LEFT JOIN LATERAL (
			  SELECT p.* FROM public.content_progress AS p
			   WHERE p.user_id = $1
			     AND p.lesson_id = l.id
			     AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			CROSS JOIN LATERAL (SELECT CASE WHEN e.id IS NULL THEN 'not_enrolled'
			     WHEN e.expires_at <= now() THEN 'expired'
			     WHEN NOT (e.granted OR any_tier OR (c.tier_required = 'free'
			      OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
			              #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1))) THEN 'tier' END AS no_access) AS a
			WHERE c.id = $2 AND (l.is_required AND l.is_published)) AS r
		WHERE r.completed IS NOT TRUE AND r.refusal IS NULL
		ORDER BY r.place
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION content_library.next_lesson(uuid, uuid, boolean) IS
	'The next required lesson that a learner has to complete and may watch. NULL when there is none. any_tier asks no tier.';

CREATE OR REPLACE FUNCTION content_library.own_next_lesson(course_id uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.next_lesson(content_library.learner(), content_library.visible(course_id), false);
END
$$;
COMMENT ON FUNCTION content_library.own_next_lesson(uuid) IS
	'content_library.next_lesson() of the user signed in, in a published course.';

CREATE OR REPLACE FUNCTION content_library.course_progress(user_id uuid, any_tier boolean)
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
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	RETURN QUERY
	SELECT c.id, c.title, o.required::integer, o.completed::integer,
		content_library.percentage(o.completed, o.required),
		o.last_watched, o.next_lesson_id, e.enrolled_at, e.completed_at
	FROM public.enrollments AS e
	JOIN public.courses AS c ON c.id = e.course_id
	CROSS JOIN LATERAL (SELECT CASE WHEN e.id IS NULL THEN 'not_enrolled'
	     WHEN e.expires_at <= now() THEN 'expired'
	     WHEN NOT (e.granted OR any_tier OR (c.tier_required = 'free'
	      OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
	              #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1))) THEN 'tier' END AS no_access) AS a
	CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE r.counts) AS required,
			count(*) FILTER (WHERE r.counts AND r.completed) AS completed,
			max(r.last_watched) AS last_watched,
			(array_agg(r.id ORDER BY r.place) FILTER (WHERE r.counts AND r.completed IS NOT TRUE AND r.refusal IS NULL))[1]
				AS next_lesson_id
		FROM (
			SELECT l.id, (l.is_required AND l.is_published) AS counts, p.completed, p.last_watched,
				row_number() OVER (ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id) AS place,
				CASE WHEN l.is_preview THEN NULL
				     WHEN a.no_access IS NOT NULL THEN a.no_access
				     WHEN p.id IS NOT NULL OR e.completed_at IS NOT NULL THEN NULL
				     WHEN GREATEST(m.unlock_at, l.unlock_at,
				              e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) > now() THEN 'date'
				     WHEN c.is_sequential AND COALESCE(bool_or((l.is_required AND l.is_published) AND p.completed IS NOT TRUE)
				       OVER (ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id
				             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) THEN 'sequence' END AS refusal
			FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			LEFT JOIN LATERAL (
			  SELECT p.* FROM public.content_progress AS p
			   WHERE p.user_id = $1
			     AND p.lesson_id = l.id
			     AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			WHERE m.course_id = c.id) AS r) AS o
	WHERE e.user_id = $1
	ORDER BY e.enrolled_at, c.id;
END
$$;
COMMENT ON FUNCTION content_library.course_progress(uuid, boolean) IS
	'One row for each course that a learner is enrolled in. any_tier asks no tier.';

CREATE OR REPLACE FUNCTION content_library.own_course_progress()
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
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT p.* FROM content_library.course_progress(content_library.learner(), false) AS p
	WHERE content_library.is_visible(p.course_id);
END
$$;
COMMENT ON FUNCTION content_library.own_course_progress() IS
	'content_library.course_progress() of the user signed in, in courses that the user may see.';

CREATE OR REPLACE FUNCTION content_library.continue_watching(
	user_id uuid,
	max_rows integer,
	before timestamptz,
	after uuid,
	any_tier boolean,
	drafts boolean DEFAULT true)
RETURNS TABLE (
	course_id uuid,
	course_title text,
	lesson_id uuid,
	lesson_title text,
	watched_pct integer,
	position_seconds integer,
	duration_seconds integer,
	last_watched timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	-- Sorted first, so that titles are looked up only for the rows that are returned.
	RETURN QUERY
	SELECT l.course_id, l.course_title, p.lesson_id, l.title, p.watched_pct,
		l.position_seconds, l.duration_seconds, p.last_watched
	FROM (SELECT p.lesson_id, p.watched_pct, p.position_seconds, p.last_watched
		  FROM public.content_progress AS p
		  WHERE p.user_id = $1 AND NOT p.completed
			AND (before IS NULL OR p.last_watched < before OR p.last_watched = before AND p.lesson_id > after)
		  ORDER BY p.last_watched DESC, p.lesson_id OFFSET 0) AS p
	CROSS JOIN LATERAL (
		SELECT c.id AS course_id, c.title AS course_title, l.title, l.duration_seconds,
			CASE WHEN p.position_seconds > l.duration_seconds THEN l.duration_seconds
			     ELSE p.position_seconds END AS position_seconds
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
		CROSS JOIN LATERAL (SELECT CASE WHEN e.id IS NULL THEN 'not_enrolled'
		     WHEN e.expires_at <= now() THEN 'expired'
		     WHEN NOT (e.granted OR any_tier OR (c.tier_required = 'free'
		      OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
		              #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1))) THEN 'tier' END AS no_access) AS a
		WHERE l.id = p.lesson_id AND l.is_published AND (drafts OR content_library.is_visible(c.id))
			AND CASE WHEN l.is_preview THEN NULL
			     WHEN a.no_access IS NOT NULL THEN a.no_access
			     WHEN true OR e.completed_at IS NOT NULL THEN NULL
			     WHEN GREATEST(m.unlock_at, l.unlock_at,
			              e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) > now() THEN 'date'
			     WHEN c.is_sequential AND false THEN 'sequence' END IS NULL OFFSET 0) AS l
	ORDER BY p.last_watched DESC, p.lesson_id
	LIMIT $2;
END
$$;
COMMENT ON FUNCTION content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean) IS
	'The lessons that a learner has begun and not completed, and may watch. The last watched comes first. With a time and an id, only those after that one. any_tier asks no tier.';

CREATE OR REPLACE FUNCTION content_library.own_continue_watching(
	max_rows integer,
	before timestamptz,
	after uuid)
RETURNS TABLE (
	course_id uuid,
	course_title text,
	lesson_id uuid,
	lesson_title text,
	watched_pct integer,
	position_seconds integer,
	duration_seconds integer,
	last_watched timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT w.* FROM content_library.continue_watching(content_library.learner(), max_rows, before, after, false, false) AS w;
END
$$;
COMMENT ON FUNCTION content_library.own_continue_watching(integer, timestamptz, uuid) IS
	'content_library.continue_watching() of the user signed in, in courses that the user may see.';

CREATE OR REPLACE FUNCTION content_library.mux_playback_claims(
	user_id uuid,
	lesson_id uuid,
	until timestamptz,
	audience text,
	any_tier boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lesson record;
BEGIN
	PERFORM content_library.require_owner();
	SELECT l.mux_status, l.mux_playback_id, c.id AS course_id, l.is_published AND c.is_published AS is_published,
		CASE WHEN l.is_preview THEN NULL
		     WHEN a.no_access IS NOT NULL THEN a.no_access
		     WHEN p.id IS NOT NULL OR e.completed_at IS NOT NULL THEN NULL
		     WHEN GREATEST(m.unlock_at, l.unlock_at,
		              e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) > now() THEN 'date'
		     WHEN c.is_sequential AND EXISTS (
		       SELECT FROM public.modules AS em
		         JOIN public.lessons AS el ON el.module_id = em.id
		        WHERE em.course_id = c.id AND (el.is_required AND el.is_published)
		          AND (em.sort_order, em.created_at, em.id, el.sort_order, el.created_at, el.id) < (m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id)
		          AND NOT EXISTS (
		            SELECT FROM public.content_progress AS ep
		             WHERE ep.user_id = $1 AND ep.lesson_id = el.id
		               AND ep.completed AND ep.watched_pct >= 0)) THEN 'sequence' END AS refusal,
		GREATEST(m.unlock_at, l.unlock_at,
		         e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after) AS unlocks_at
	INTO lesson
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	JOIN public.courses AS c ON c.id = m.course_id
	LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
	LEFT JOIN LATERAL (
	  SELECT p.* FROM public.content_progress AS p
	   WHERE p.user_id = $1
	     AND p.lesson_id = l.id
	     AND p.watched_pct >= 0 OFFSET 0) AS p ON true
	CROSS JOIN LATERAL (SELECT CASE WHEN e.id IS NULL THEN 'not_enrolled'
	     WHEN e.expires_at <= now() THEN 'expired'
	     WHEN NOT (e.granted OR any_tier OR (c.tier_required = 'free'
	      OR COALESCE(array_position('{free,pro,studio}'::text[], (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb
	              #>> '{app_metadata,tier}')), 1) >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1))) THEN 'tier' END AS no_access) AS a
	WHERE l.id = $2;
	IF NOT FOUND THEN
		PERFORM content_library.missing_lesson($2);
	END IF;
	-- The staff of the course may watch all of it, drafts too.
	IF (NOT lesson.is_published OR lesson.refusal IS NOT NULL)
		AND (any_tier OR NOT content_library.is_staff(lesson.course_id, 'viewer'))
	THEN
		IF NOT lesson.is_published THEN
			PERFORM content_library.missing_lesson($2);
		ELSIF user_id IS NULL THEN
			PERFORM content_library.nobody();
		END IF;
		PERFORM content_library.refuse_lesson('', user_id, $2, lesson.refusal, lesson.unlocks_at);
	END IF;
	IF lesson.mux_status <> 'ready' OR lesson.mux_playback_id IS NULL THEN
		RAISE EXCEPTION 'lesson "%" has no video to play', $2
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('Its mux_status is "%s".', lesson.mux_status),
				  HINT = 'Ask again when Mux has said that its asset is ready.';
	END IF;
	RETURN jsonb_build_object('sub', lesson.mux_playback_id, 'aud', audience,
							  'exp', floor(extract(epoch FROM until))::bigint);
END
$$;
COMMENT ON FUNCTION content_library.mux_playback_claims(uuid, uuid, timestamptz, text, boolean) IS
	'The claims of a token that plays a lesson''s video. A learner may play it until a time; nobody (NULL) may play a preview, and the staff of the course all of it. any_tier asks no tier. Fails with 23503 for a lesson that is unknown or not published, 42501 for one that the learner may not watch, 28000 for one that nobody may, 55000 without a video.';

CREATE OR REPLACE FUNCTION content_library.own_mux_playback_claims(lesson_id uuid, until timestamptz, audience text)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.mux_playback_claims(content_library.learner(), lesson_id, until, audience, false);
END
$$;
COMMENT ON FUNCTION content_library.own_mux_playback_claims(uuid, timestamptz, text) IS
	'content_library.mux_playback_claims() of the user signed in.';

-- The functions for instructors. Their other doors ask for the role that they need.

CREATE OR REPLACE FUNCTION content_library.course_report(
	course_id uuid,
	max_rows integer,
	after uuid)
RETURNS TABLE (
	user_id uuid,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	enrolled_at timestamptz,
	completed_at timestamptz,
	last_watched timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	later_than timestamptz;
	ids uuid[];
	required_ids uuid[];
BEGIN
	PERFORM content_library.require_owner();
	IF $3 IS NOT NULL THEN
		SELECT e.enrolled_at INTO later_than FROM public.enrollments AS e WHERE e.course_id = $1 AND e.user_id = $3;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'after "%" is not enrolled in course "%"', $3, $1
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = 'Name the user_id in the last row of the page before.';
		END IF;
	END IF;

	-- All learners: their progress is read lesson by lesson.
	IF $2 IS NULL THEN
		RETURN QUERY
		WITH lessons AS MATERIALIZED (
			SELECT l.id, (l.is_required AND l.is_published) AS counts
			FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			WHERE m.course_id = $1
		), done AS (
			SELECT p.user_id,
				count(*) FILTER (WHERE p.completed AND l.counts) AS completed,
				max(p.last_watched) AS last_watched
			FROM lessons AS l
			CROSS JOIN LATERAL (
				SELECT p.user_id, p.completed, p.last_watched
				FROM public.content_progress AS p
				WHERE p.lesson_id = l.id OFFSET 0) AS p
			GROUP BY p.user_id
		)
		SELECT e.user_id, n.required::integer, COALESCE(d.completed, 0)::integer,
			content_library.percentage(COALESCE(d.completed, 0), n.required),
			e.enrolled_at, e.completed_at, d.last_watched
		FROM public.enrollments AS e
		CROSS JOIN (SELECT count(*) FILTER (WHERE counts) AS required FROM lessons) AS n
		LEFT JOIN done AS d ON d.user_id = e.user_id
		WHERE e.course_id = $1
			AND (later_than IS NULL OR (e.enrolled_at, e.user_id) > (later_than, $3))
		ORDER BY e.enrolled_at, e.user_id;
		RETURN;
	END IF;

	-- A page of a course that may have many more: learner by learner.
	SELECT i.ids, i.required_ids INTO ids, required_ids FROM (SELECT array_agg(l.id), array_agg(l.id) FILTER (WHERE (l.is_required AND l.is_published))
	  FROM public.modules AS m
	  JOIN public.lessons AS l ON l.module_id = m.id
	 WHERE m.course_id = $1) AS i (ids, required_ids);
	RETURN QUERY
	WITH learners AS MATERIALIZED (
		SELECT e.user_id, e.enrolled_at, e.completed_at
		FROM public.enrollments AS e
		WHERE e.course_id = $1
			AND (later_than IS NULL OR (e.enrolled_at, e.user_id) > (later_than, $3))
		ORDER BY e.enrolled_at, e.user_id
		LIMIT $2
	)
	SELECT e.user_id, n.required, d.completed::integer,
		content_library.percentage(d.completed, n.required),
		e.enrolled_at, e.completed_at, d.last_watched
	FROM learners AS e
	CROSS JOIN (SELECT COALESCE(cardinality(required_ids), 0) AS required) AS n
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE p.completed AND p.lesson_id = ANY (required_ids)) AS completed,
	        max(p.last_watched) AS last_watched
	   FROM public.content_progress AS p
	  WHERE p.user_id = e.user_id AND p.lesson_id = ANY (ids) AND p.watched_pct >= 0) AS d
	ORDER BY e.enrolled_at, e.user_id;
END
$$;
COMMENT ON FUNCTION content_library.course_report(uuid, integer, uuid) IS
	'How far each learner enrolled in a course has got, page by page. Fails with 22023 when after is not enrolled in the course.';

CREATE OR REPLACE FUNCTION content_library.own_course_report(
	course_id uuid,
	max_rows integer,
	after uuid)
RETURNS TABLE (
	user_id uuid,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	enrolled_at timestamptz,
	completed_at timestamptz,
	last_watched timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_staff($1, 'viewer');
	RETURN QUERY SELECT * FROM content_library.course_report($1, $2, $3);
END
$$;
COMMENT ON FUNCTION content_library.own_course_report(uuid, integer, uuid) IS
	'content_library.course_report() for the staff of the course.';

-- Counting by an index alone never reads more than the course, however large its share is.
CREATE OR REPLACE FUNCTION content_library.course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
	ids uuid[];
	required_ids uuid[];
BEGIN
	PERFORM content_library.require_owner();
	SELECT i.ids, i.required_ids INTO ids, required_ids FROM (SELECT array_agg(l.id), array_agg(l.id) FILTER (WHERE (l.is_required AND l.is_published))
	  FROM public.modules AS m
	  JOIN public.lessons AS l ON l.module_id = m.id
	 WHERE m.course_id = $1) AS i (ids, required_ids);
	RETURN QUERY SELECT n.learners::int4,
	       COALESCE(round(s.active_7_days::numeric * n.learners / NULLIF(s.learners, 0)), 0)::int4,
	       COALESCE(round(s.active_30_days::numeric * n.learners / NULLIF(s.learners, 0)), 0)::int4,
	       n.completed::int4, s.average_completion,
	       ARRAY(SELECT (SELECT count(*) FROM public.enrollments AS e
	                      WHERE e.course_id = $1
	                        AND e.completed_at > now() - (w.ago + 1) * interval '168 hours'
	                        AND e.completed_at <= CASE WHEN w.ago > 0 THEN now() - w.ago * interval '168 hours'
	                                                   ELSE 'infinity' END)::int4
	               FROM generate_series(0, 11) AS w (ago) ORDER BY w.ago DESC),
	       s.learners::int4
	  FROM (SELECT count(*) AS learners, count(e.completed_at) AS completed
	    FROM public.enrollments AS e
	   WHERE e.course_id = $1) AS n
	 CROSS JOIN (SELECT count(*) AS learners,
	        count(*) FILTER (WHERE d.last_watched > now() - interval '168 hours') AS active_7_days,
	        count(*) FILTER (WHERE d.last_watched > now() - interval '720 hours') AS active_30_days,
	        round(avg(content_library.percentage(d.completed, n.required)), 1) AS average_completion
	   FROM (SELECT e.user_id FROM public.enrollments AS e
	    WHERE e.course_id = $1
	    ORDER BY uuid_hash(e.user_id), e.user_id LIMIT 500) AS e
	  CROSS JOIN (SELECT cardinality(required_ids) AS required) AS n
	  CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE p.completed AND p.lesson_id = ANY (required_ids)) AS completed,
	          max(p.last_watched) AS last_watched
	     FROM public.content_progress AS p
	    WHERE p.user_id = e.user_id AND p.lesson_id = ANY (ids) AND p.watched_pct >= 0) AS d) AS s;
END
$$;
COMMENT ON FUNCTION content_library.course_summary(uuid) IS
	'A course in one row: how many learners there are, are active and have completed it.';

CREATE OR REPLACE FUNCTION content_library.own_course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_staff($1, 'viewer');
	RETURN QUERY SELECT * FROM content_library.course_summary($1);
END
$$;
COMMENT ON FUNCTION content_library.own_course_summary(uuid) IS
	'content_library.course_summary() for the staff of the course.';

CREATE OR REPLACE FUNCTION content_library.lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	ids uuid[];
BEGIN
	PERFORM content_library.require_owner();
	SELECT i.ids INTO ids FROM (SELECT array_agg(l.id), array_agg(l.id) FILTER (WHERE (l.is_required AND l.is_published))
	  FROM public.modules AS m
	  JOIN public.lessons AS l ON l.module_id = m.id
	 WHERE m.course_id = $1) AS i (ids, required_ids);
	RETURN QUERY SELECT l.id, m.id, l.title, l.is_required,
	       COALESCE(s.started, 0), COALESCE(s.completed, 0), s.average_pct
	  FROM public.modules AS m
	  JOIN public.lessons AS l ON l.module_id = m.id
	  LEFT JOIN (
	    SELECT p.lesson_id,
	           count(*)::int4 AS started,
	           count(*) FILTER (WHERE p.completed)::int4 AS completed,
	           round(avg(p.watched_pct), 1) AS average_pct
	      FROM public.content_progress AS p
	      JOIN public.enrollments AS e ON e.course_id = $1 AND e.user_id = p.user_id
	     WHERE p.lesson_id = ANY (ids)
	     GROUP BY p.lesson_id) AS s ON s.lesson_id = l.id
	 WHERE m.course_id = $1
	 ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id;
END
$$;
COMMENT ON FUNCTION content_library.lesson_report(uuid) IS
	'How many enrolled learners have begun and completed each lesson of a course.';

CREATE OR REPLACE FUNCTION content_library.own_lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_staff($1, 'viewer');
	RETURN QUERY SELECT * FROM content_library.lesson_report($1);
END
$$;
COMMENT ON FUNCTION content_library.own_lesson_report(uuid) IS
	'content_library.lesson_report() for the staff of the course.';

-- The steps that a learner has seen are ranges, too: so each learner counts once at a step.
-- A step's learners are those of the step before, and how many more or fewer there are.
CREATE OR REPLACE FUNCTION content_library.lesson_retention(lesson_id uuid, step_seconds integer)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	course uuid;
	duration integer;
BEGIN
	PERFORM content_library.require_owner();
	SELECT m.course_id, l.duration_seconds INTO course, duration
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	WHERE l.id = $1;
	IF NOT FOUND THEN
		PERFORM content_library.missing_lesson($1);
	END IF;
	duration := GREATEST(duration, 0);
	IF (duration - 1) / $2 >= 1000000 THEN
		RAISE EXCEPTION 'step_seconds % makes % steps of the lesson', $2, (duration - 1) / $2 + 1
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'At most 1000000 are counted.';
	END IF;
	RETURN QUERY
	WITH seen AS (
		SELECT s.steps
		FROM public.content_progress AS p
		JOIN public.enrollments AS e ON e.course_id = course AND e.user_id = p.user_id
		CROSS JOIN LATERAL (
			SELECT range_agg(int4range(lower(r) / $2, (upper(r) - 1) / $2 + 1)) AS steps
			FROM unnest(p.watched * int4multirange(int4range(0, duration))) AS r) AS s
		WHERE p.lesson_id = $1
	), changes AS (
		SELECT c.step, sum(c.change) AS change
		FROM seen
		CROSS JOIN unnest(seen.steps) AS r
		CROSS JOIN LATERAL (VALUES (lower(r), 1), (upper(r), -1)) AS c (step, change)
		GROUP BY c.step
	)
	SELECT n * $2, (sum(COALESCE(c.change, 0)) OVER (ORDER BY n))::integer
	FROM generate_series(0, (duration - 1) / $2) AS n
	LEFT JOIN changes AS c ON c.step = n
	WHERE duration > 0
	ORDER BY n;
END
$$;
COMMENT ON FUNCTION content_library.lesson_retention(uuid, integer) IS
	'How many enrolled learners have seen each part of a lesson.';

CREATE OR REPLACE FUNCTION content_library.own_lesson_retention(lesson_id uuid, step_seconds integer)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_staff(
		(SELECT m.course_id FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id WHERE l.id = $1),
		'viewer', 'the course of lesson', $1);
	RETURN QUERY SELECT * FROM content_library.lesson_retention($1, $2);
END
$$;
COMMENT ON FUNCTION content_library.own_lesson_retention(uuid, integer) IS
	'content_library.lesson_retention() for the staff of the course.';

CREATE OR REPLACE FUNCTION content_library.own_course_of_lesson(lesson_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	course_id uuid;
BEGIN
	SELECT m.course_id INTO course_id
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	WHERE l.id = $1;
	PERFORM content_library.require_staff(course_id, 'editor', 'the course of lesson', $1);
	RETURN course_id;
END
$$;
COMMENT ON FUNCTION content_library.own_course_of_lesson(uuid) IS
	'The course of a lesson, for its editors. Fails with 42501 for others, and for an unknown lesson.';

CREATE OR REPLACE FUNCTION content_library.own_course_of_module(module_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	course_id uuid;
BEGIN
	SELECT m.course_id INTO course_id FROM public.modules AS m WHERE m.id = $1;
	PERFORM content_library.require_staff(course_id, 'editor', 'the course of module', $1);
	RETURN course_id;
END
$$;
COMMENT ON FUNCTION content_library.own_course_of_module(uuid) IS
	'The course of a module, for its editors. Fails with 42501 for others, and for an unknown module.';

-- All moves within a course wait for its row. Rows are locked in the order of their ids, so
-- that two moves cannot deadlock.
CREATE OR REPLACE FUNCTION content_library.lock_for_move(left_course uuid, entered_course uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	level CONSTANT text := current_setting('transaction_isolation');
BEGIN
	IF level <> ALL (ARRAY['read committed', 'read uncommitted']) THEN
		RAISE EXCEPTION 'lessons and modules cannot be moved in a % transaction', level
			USING ERRCODE = 'invalid_transaction_state',
				  DETAIL = 'A move that was committed since the transaction began would be overlooked.',
				  HINT = 'Use READ COMMITTED.';
	END IF;
	PERFORM FROM public.courses AS c
	WHERE c.id IN (left_course, entered_course)
	ORDER BY c.id FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION content_library.lock_for_move(uuid, uuid) IS
	'Locks the courses that a row leaves and enters. Fails with 25000 unless the transaction is READ COMMITTED.';

-- It may have been moved while this waited for the lock. Its new course is not locked, and
-- may not be the caller's to change.
CREATE OR REPLACE FUNCTION content_library.check_still_there(course_id uuid, locked uuid, kind text, id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF course_id <> locked THEN
		RAISE EXCEPTION '% "%" has just been moved to another course', kind, id
			USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.check_still_there(uuid, uuid, text, uuid) IS
	'Fails with 40001 for a row that is not in the course that was locked.';

CREATE OR REPLACE FUNCTION content_library.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid,
	service boolean DEFAULT true)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	left_course uuid;
	entered_course uuid;
	left_module uuid;
	lesson public.lessons;
BEGIN
	PERFORM content_library.require_owner();
	IF service THEN
		left_course := content_library.course_of(content_library.module_of($1));
		entered_course := content_library.course_of($2);
	ELSE
		left_course := content_library.own_course_of_lesson($1);
		entered_course := content_library.own_course_of_module($2);
	END IF;
	PERFORM content_library.lock_for_move(left_course, entered_course);
	left_module := content_library.module_of($1, service);
	PERFORM content_library.check_still_there(content_library.course_of(left_module, service), left_course, 'lesson', $1);
	PERFORM content_library.check_still_there(content_library.course_of($2, service), entered_course, 'module', $2);
	IF before IS NOT NULL THEN
		PERFORM content_library.check_before($1, before,
			CASE WHEN before = $1 THEN NULL
				 -- To an editor, a row of another course is like none.
				 WHEN service THEN content_library.module_of(before)
				 ELSE (SELECT l.module_id FROM public.lessons AS l WHERE l.id = before) END, $2);
	END IF;

	WITH others AS (
	  SELECT o.id, row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id) AS place
	    FROM public.lessons AS o
	   WHERE o.module_id = $2 AND o.id <> $1),
	 placed AS (
	  SELECT o.id, o.place, 1 AS late FROM others AS o
	  UNION ALL
	  SELECT $1, (SELECT o.place FROM others AS o WHERE o.id = before), 0),
	 numbered AS (
	  SELECT p.id, row_number() OVER (ORDER BY p.place NULLS LAST, p.late)::int4 AS place
	    FROM placed AS p)
	 UPDATE public.lessons AS t
	    SET module_id = $2, sort_order = n.place
	   FROM numbered AS n
	  WHERE t.id = n.id
	    AND (t.id = $1 OR t.sort_order <> n.place);

	-- Closes the gap in the module that it has left.
	IF left_module <> $2 THEN
		UPDATE public.lessons AS t
		   SET sort_order = n.place
		  FROM (SELECT o.id,
		               row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id)::int4 AS place
		          FROM public.lessons AS o
		         WHERE o.module_id = left_module) AS n
		 WHERE t.id = n.id
		   AND t.sort_order <> n.place;
	END IF;

	SELECT l.* INTO lesson FROM public.lessons AS l WHERE l.id = $1;
	-- Somebody may have deleted it just now.
	IF NOT FOUND THEN
		PERFORM content_library.module_of($1, service);
	END IF;
	RETURN lesson;
END
$$;
COMMENT ON FUNCTION content_library.move_lesson(uuid, uuid, uuid, boolean) IS
	'Moves a lesson into a module. It comes before another lesson or to the end.';

CREATE OR REPLACE FUNCTION content_library.own_move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.move_lesson(lesson_id, module_id, before, false);
END
$$;
COMMENT ON FUNCTION content_library.own_move_lesson(uuid, uuid, uuid) IS
	'content_library.move_lesson() for the editors of both courses.';

CREATE OR REPLACE FUNCTION content_library.move_module(
	module_id uuid,
	before uuid,
	course_id uuid,
	service boolean DEFAULT true)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	left_course uuid;
	entered_course uuid;
	module public.modules;
BEGIN
	PERFORM content_library.require_owner();
	left_course := CASE WHEN service THEN content_library.course_of($1) ELSE content_library.own_course_of_module($1) END;
	entered_course := COALESCE($3, left_course);
	IF NOT service THEN
		PERFORM content_library.require_staff(entered_course, 'editor');
	END IF;
	PERFORM content_library.lock_for_move(left_course, entered_course);
	PERFORM content_library.check_still_there(content_library.course_of($1, service), left_course, 'module', $1);
	PERFORM FROM public.courses AS c WHERE c.id = entered_course;
	IF NOT FOUND THEN
		PERFORM content_library.missing_course(entered_course);
	END IF;
	IF before IS NOT NULL THEN
		PERFORM content_library.check_before($1, before,
			CASE WHEN before = $1 THEN NULL
				 WHEN service THEN content_library.course_of(before)
				 ELSE (SELECT m.course_id FROM public.modules AS m WHERE m.id = before) END, entered_course);
	END IF;

	WITH others AS (
	  SELECT o.id, row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id) AS place
	    FROM public.modules AS o
	   WHERE o.course_id = entered_course AND o.id <> $1),
	 placed AS (
	  SELECT o.id, o.place, 1 AS late FROM others AS o
	  UNION ALL
	  SELECT $1, (SELECT o.place FROM others AS o WHERE o.id = before), 0),
	 numbered AS (
	  SELECT p.id, row_number() OVER (ORDER BY p.place NULLS LAST, p.late)::int4 AS place
	    FROM placed AS p)
	 UPDATE public.modules AS t
	    SET course_id = entered_course, sort_order = n.place
	   FROM numbered AS n
	  WHERE t.id = n.id
	    AND (t.id = $1 OR t.sort_order <> n.place);

	-- Closes the gap in the course that it has left.
	IF left_course <> entered_course THEN
		UPDATE public.modules AS t
		   SET sort_order = n.place
		  FROM (SELECT o.id,
		               row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id)::int4 AS place
		          FROM public.modules AS o
		         WHERE o.course_id = left_course) AS n
		 WHERE t.id = n.id
		   AND t.sort_order <> n.place;
	END IF;

	SELECT m.* INTO module FROM public.modules AS m WHERE m.id = $1;
	IF NOT FOUND THEN
		PERFORM content_library.course_of($1, service);
	END IF;
	RETURN module;
END
$$;
COMMENT ON FUNCTION content_library.move_module(uuid, uuid, uuid, boolean) IS
	'Moves a module into a course, before another module or to the end.';

CREATE OR REPLACE FUNCTION content_library.own_move_module(
	module_id uuid,
	before uuid,
	course_id uuid)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN content_library.move_module(module_id, before, course_id, false);
END
$$;
COMMENT ON FUNCTION content_library.own_move_module(uuid, uuid, uuid) IS
	'content_library.move_module() for the editors of both courses.';

CREATE OR REPLACE FUNCTION content_library.copy_course(
	course_id uuid,
	slug text,
	title text,
	editor uuid DEFAULT NULL)
RETURNS public.courses
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	copy_id uuid;
	video record;
	course public.courses;
BEGIN
	PERFORM content_library.require_owner();
	-- It must not be deleted while it is copied.
	PERFORM FROM public.courses AS c WHERE c.id = $1 FOR KEY SHARE;
	IF NOT FOUND THEN
		PERFORM content_library.missing_course($1);
	END IF;

	-- One statement, so that the course is copied as it is at one moment. Nothing is
	-- copied if the slug is taken: then c is empty. New ids have the order of the old
	-- ones, because ids decide between rows of the same sort_order and created_at.
	WITH c AS (
		INSERT INTO public.courses AS n
			(title, description, slug, thumbnail_url, stage, topic, tier_required, is_published, sort_order,
			 completion_threshold, metadata, is_open, is_sequential, access_period, progress_by, certificate_valid_for)
		SELECT COALESCE($3, o.title), o.description, $2, o.thumbnail_url, o.stage, o.topic, o.tier_required, false, o.sort_order,
			o.completion_threshold, o.metadata, o.is_open, o.is_sequential, o.access_period, o.progress_by, o.certificate_valid_for
		FROM public.courses AS o
		WHERE o.id = $1
		ON CONFLICT (slug) DO NOTHING
		RETURNING n.id
	), prerequisites AS (
		INSERT INTO public.course_prerequisites (course_id, required_course_id)
		SELECT c.id, o.required_course_id
		FROM c
		JOIN public.course_prerequisites AS o ON o.course_id = $1
	), staff AS (
		-- Else the copy would be out of the editor's reach.
		INSERT INTO public.course_staff (course_id, user_id, role)
		SELECT c.id, editor, 'editor'
		FROM c
		WHERE editor IS NOT NULL
	), module_copies AS (
		SELECT o.id, n.copy
		FROM (SELECT x.id, row_number() OVER (ORDER BY x.id) AS place
			  FROM c JOIN public.modules AS x ON x.course_id = $1) AS o
		JOIN (SELECT r.copy, row_number() OVER (ORDER BY r.copy) AS place
			  FROM (SELECT gen_random_uuid() AS copy
					FROM c JOIN public.modules AS x ON x.course_id = $1) AS r) AS n
			ON n.place = o.place
	), lesson_copies AS (
		SELECT o.id, n.copy
		FROM (SELECT x.id, row_number() OVER (ORDER BY x.id) AS place
			  FROM module_copies AS k JOIN public.lessons AS x ON x.module_id = k.id) AS o
		JOIN (SELECT r.copy, row_number() OVER (ORDER BY r.copy) AS place
			  FROM (SELECT gen_random_uuid() AS copy
					FROM module_copies AS k JOIN public.lessons AS x ON x.module_id = k.id) AS r) AS n
			ON n.place = o.place
	), modules AS (
		INSERT INTO public.modules
			(id, course_id, title, description, sort_order, created_at, metadata, unlock_at, unlock_after)
		SELECT k.copy, c.id, o.title, o.description, o.sort_order, o.created_at, o.metadata, o.unlock_at, o.unlock_after
		FROM c
		CROSS JOIN module_copies AS k
		JOIN public.modules AS o ON o.id = k.id
	), lessons AS (
		INSERT INTO public.lessons
			(id, module_id, title, description, sort_order, duration_seconds, mux_upload_id, mux_asset_id, mux_playback_id,
			 mux_status, is_preview, created_at, completion_threshold, is_required, metadata, is_published, unlock_at, unlock_after,
			 progress_by)
		SELECT k.copy, m.copy, o.title, o.description, o.sort_order, o.duration_seconds, o.mux_upload_id, o.mux_asset_id, o.mux_playback_id,
			o.mux_status, o.is_preview, o.created_at, o.completion_threshold, o.is_required, o.metadata, o.is_published, o.unlock_at, o.unlock_after,
			o.progress_by
		FROM lesson_copies AS k
		JOIN public.lessons AS o ON o.id = k.id
		JOIN module_copies AS m ON m.id = o.module_id
	), bindings AS (
		INSERT INTO public.mux_bindings (lesson_id, number, upload_id, asset_id, playback_id, duration_seconds)
		SELECT k.copy, o.number, o.upload_id, o.asset_id, o.playback_id, o.duration_seconds
		FROM lesson_copies AS k
		JOIN public.mux_bindings AS o ON o.lesson_id = k.id
	)
	SELECT c.id INTO copy_id FROM c;
	IF copy_id IS NULL THEN
		RAISE EXCEPTION 'a course with the slug "%" exists already', left($2, 60)
			USING ERRCODE = 'unique_violation', HINT = 'Choose another slug.';
	END IF;

	-- An event of a video can have changed the lessons of the course, but not yet their
	-- copies. So the videos are read again, after they are locked.
	FOR video IN
		SELECT DISTINCT v.id, v.object
		FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		LEFT JOIN public.mux_bindings AS b ON b.lesson_id = l.id
		CROSS JOIN LATERAL (VALUES (l.mux_upload_id, 'upload'), (l.mux_asset_id, 'asset'),
								   (b.upload_id, 'upload'), (b.asset_id, 'asset')) AS v(id, object)
		WHERE m.course_id = copy_id AND v.id IS NOT NULL
	LOOP
		PERFORM content_library.lock_video(false, video.object, video.id);
	END LOOP;
	IF FOUND THEN
		UPDATE public.lessons AS t
		   SET mux_asset_id = s.mux_asset_id,
		       mux_playback_id = s.mux_playback_id,
		       mux_status = s.mux_status,
		       duration_seconds = s.duration_seconds
		  FROM (SELECT l.id, v.*
		          FROM public.modules AS m JOIN public.lessons AS l ON l.module_id = m.id
		         CROSS JOIN LATERAL public.content_library_mux_video(
		           l.id, l.mux_upload_id, l.mux_asset_id,
		           CASE WHEN l.mux_status = 'ready' THEN l.mux_playback_id END,
		           CASE WHEN l.mux_status = 'ready' THEN l.duration_seconds END) AS v
		         WHERE m.course_id = copy_id AND (v.is_known OR l.mux_status = 'ready')) AS s
		 WHERE t.id = s.id
		   AND (t.mux_asset_id, t.mux_playback_id, t.mux_status, t.duration_seconds)
		       IS DISTINCT FROM (s.mux_asset_id, s.mux_playback_id, s.mux_status, s.duration_seconds);
	END IF;

	SELECT c.* INTO course FROM public.courses AS c WHERE c.id = copy_id;
	RETURN course;
END
$$;
COMMENT ON FUNCTION content_library.copy_course(uuid, text, text, uuid) IS
	'Copies a course with its modules, lessons and prerequisites. Its staff is the editor, if one is given. Fails with 23505 for a slug that is taken.';

CREATE OR REPLACE FUNCTION content_library.own_copy_course(
	course_id uuid,
	slug text,
	title text)
RETURNS public.courses
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_staff(course_id, 'editor');
	RETURN content_library.copy_course(course_id, slug, title, content_library.learner());
END
$$;
COMMENT ON FUNCTION content_library.own_copy_course(uuid, text, text) IS
	'content_library.copy_course() for an editor of the course, who is the editor of the copy.';

-- The setting keeps the trigger on these rows quiet, as in a restore: the learners are
-- claimed for together.
CREATE OR REPLACE FUNCTION content_library.complete_lessons(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
	count integer;
BEGIN
	-- Rows are locked first, in the order in which batches lock them.
	WITH due AS (
		SELECT p.id
		FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		JOIN public.content_progress AS p ON p.lesson_id = l.id
		CROSS JOIN public.content_library_settings AS s
		WHERE m.course_id = $1 AND NOT p.completed
			AND p.watched_pct >= COALESCE(l.completion_threshold, (SELECT c.completion_threshold
			   FROM public.courses AS c
			  WHERE c.id = (SELECT m.course_id
			                  FROM public.modules AS m
			                 WHERE m.id = l.module_id)), s.completion_threshold)
		ORDER BY p.user_id, p.lesson_id
		FOR NO KEY UPDATE OF p
	)
	UPDATE public.content_progress AS p
	SET completed = true, completed_at = COALESCE(p.completed_at, at)
	FROM due AS d
	WHERE p.id = d.id AND NOT p.completed;
	GET DIAGNOSTICS count = ROW_COUNT;
	RETURN count;
END
$$;
COMMENT ON FUNCTION content_library.complete_lessons(uuid) IS
	'Completes the lessons of a course whose progress reaches their threshold; returns how many rows became completed.';

CREATE OR REPLACE FUNCTION content_library.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	count integer;
BEGIN
	PERFORM content_library.require_owner();
	-- This lock comes before those on progress.
	PERFORM content_library.lock_completion(course_id, true);
	count := content_library.complete_lessons(course_id);
	PERFORM content_library.claim_all(course_id);
	RETURN count;
END
$$;
COMMENT ON FUNCTION content_library.recompute_completion(uuid) IS
	'Applies the thresholds of a course to past progress. Returns how many rows became completed.';

CREATE OR REPLACE FUNCTION content_library.own_recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM content_library.require_staff(course_id, 'editor');
	RETURN content_library.recompute_completion(course_id);
END
$$;
COMMENT ON FUNCTION content_library.own_recompute_completion(uuid) IS
	'content_library.recompute_completion() for the editors of the course.';

-- One completion gets one certificate, however many ask at once: the lock keeps them apart,
-- and a report that would move the completion's date back, too.
CREATE OR REPLACE FUNCTION content_library.issue_certificate(
	course_id uuid,
	user_id uuid,
	learner_name text,
	metadata jsonb)
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	certificate public.certificates;
BEGIN
	PERFORM content_library.require_owner();
	PERFORM content_library.lock_user($2);
	INSERT INTO public.certificates
	       (code, user_id, course_id, learner_name, course_title, completed_at,
	        expires_at, metadata)
	 SELECT (SELECT overlay(overlay(translate(string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(r.bytes, n) & 31) + 1, 1), ''), 'oOiIlLabcdefghjkmnpqrstvwxyz-', '001111ABCDEFGHJKMNPQRSTVWXYZ')
	                 PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 5 FOR 0)
	    FROM (SELECT uuid_send(gen_random_uuid()) AS bytes OFFSET 0) AS r,
	         unnest('{0,1,2,3,4,5,10,11,12,13,14,15}'::int4[]) AS n), e.user_id, c.id, $3, c.title, e.completed_at,
	        e.completed_at + c.certificate_valid_for, $4
	   FROM public.enrollments AS e
	   JOIN public.courses AS c ON c.id = e.course_id
	  WHERE e.user_id = $2 AND e.course_id = $1
	    AND e.completed_at IS NOT NULL
	    AND NOT EXISTS (SELECT FROM public.certificates AS k WHERE k.user_id = e.user_id AND k.course_id = e.course_id
	     AND k.revoked_at IS NULL AND k.completed_at >= e.completed_at)
	 ON CONFLICT (user_id, course_id, completed_at) WHERE revoked_at IS NULL DO NOTHING;
	SELECT k.* INTO certificate  FROM public.enrollments AS e
	 JOIN public.certificates AS k ON k.user_id = e.user_id AND k.course_id = e.course_id
	  AND k.revoked_at IS NULL AND k.completed_at >= e.completed_at
	WHERE e.user_id = $2 AND e.course_id = $1
	ORDER BY k.completed_at LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'user "%" has not completed course "%"', $2, $1
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'A certificate can be issued once enrollments.completed_at is set.';
	END IF;
	RETURN certificate;
END
$$;
COMMENT ON FUNCTION content_library.issue_certificate(uuid, uuid, text, jsonb) IS
	'The certificate of a completion. It is made if there is none. Fails with 55000 when the user has not completed the course.';

CREATE OR REPLACE FUNCTION content_library.revoke_certificate(code text, reason text)
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	certificate public.certificates;
BEGIN
	PERFORM content_library.require_owner();
	UPDATE public.certificates AS k
	   SET revoked_at = now(), revoked_reason = $2
	 WHERE k.code = overlay(overlay(translate($1, 'oOiIlLabcdefghjkmnpqrstvwxyz-', '001111ABCDEFGHJKMNPQRSTVWXYZ')
	                 PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 5 FOR 0) AND k.revoked_at IS NULL;
	SELECT k.* INTO certificate FROM public.certificates AS k WHERE k.code = overlay(overlay(translate($1, 'oOiIlLabcdefghjkmnpqrstvwxyz-', '001111ABCDEFGHJKMNPQRSTVWXYZ')
	                PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 5 FOR 0);
	IF NOT FOUND THEN
		PERFORM content_library.missing_certificate($1);
	END IF;
	RETURN certificate;
END
$$;
COMMENT ON FUNCTION content_library.revoke_certificate(text, text) IS
	'Revokes a certificate, once. Fails with 23503 for a code that no certificate has.';

-- The only door of anon.
CREATE OR REPLACE FUNCTION content_library.verify_certificate(code text)
RETURNS TABLE (
	status text,
	learner_name text,
	course_title text,
	completed_at timestamptz,
	issued_at timestamptz,
	expires_at timestamptz,
	revoked_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	RETURN QUERY
	SELECT CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
	            WHEN k.expires_at <= now() THEN 'expired'
	            ELSE 'valid' END,
	       k.learner_name, k.course_title, k.completed_at, k.issued_at, k.expires_at, k.revoked_at
	  FROM public.certificates AS k
	 WHERE k.code = overlay(overlay(translate($1, 'oOiIlLabcdefghjkmnpqrstvwxyz-', '001111ABCDEFGHJKMNPQRSTVWXYZ')
	                 PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 5 FOR 0);
END
$$;
COMMENT ON FUNCTION content_library.verify_certificate(text) IS
	'What anybody may know of a certificate whose code they have.';

CREATE OR REPLACE FUNCTION content_library.certificate_credential(code text, issuer jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	answer record;
BEGIN
	PERFORM content_library.require_owner();
	SELECT k.revoked_at IS NULL AS holds, k.code,
		CASE WHEN (jsonb_typeof($2) = 'object'
		 AND jsonb_typeof($2 -> 'id') = 'string'
		 AND $2 ->> 'id' ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$'
		 AND (NOT $2 ? 'type'
		      OR jsonb_typeof($2 -> 'type') = 'array' AND $2 -> 'type' ? 'Profile'
		         AND NOT jsonb_path_exists($2, '$.type[*] ? (@.type() != "string")'))) THEN
			jsonb_build_object(
			  '@context', jsonb_build_array(
			    'https://www.w3.org/ns/credentials/v2',
			    'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json'),
			  'id', 'urn:uuid:' || k.id,
			  'type', jsonb_build_array('VerifiableCredential', 'OpenBadgeCredential'),
			  'name', k.course_title,
			  'issuer', jsonb_build_object('type', jsonb_build_array('Profile')) || $2,
			  'validFrom', to_char(k.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			  'credentialSubject', jsonb_build_object(
			    'type', jsonb_build_array('AchievementSubject'),
			    'identifier', jsonb_build_array(jsonb_build_object(
			      'type', 'IdentityObject', 'identityType', 'name',
			      'identityHash', k.learner_name, 'hashed', false)),
			    'licenseNumber', k.code,
			    'activityEndDate', to_char(k.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			    'achievement', jsonb_build_object(
			      'id', 'urn:uuid:' || COALESCE(k.course_id, k.id),
			      'type', jsonb_build_array('Achievement'),
			      'achievementType', 'CertificateOfCompletion',
			      'name', k.course_title,
			      'description', concat('Completion of the course "', k.course_title, '".'),
			      'criteria', jsonb_build_object('narrative', 'Every required lesson of the course was completed.'))))
			 || CASE WHEN k.expires_at < '10000-01-01 00:00:00Z'
			      THEN jsonb_build_object('validUntil', to_char(k.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
			      ELSE '{}' END
		END AS document
	INTO answer
	FROM public.certificates AS k
	WHERE k.code = overlay(overlay(translate($1, 'oOiIlLabcdefghjkmnpqrstvwxyz-', '001111ABCDEFGHJKMNPQRSTVWXYZ')
	                PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 5 FOR 0);
	IF NOT FOUND THEN
		PERFORM content_library.missing_certificate($1);
	ELSIF answer.document IS NULL THEN
		RAISE EXCEPTION 'issuer is not a Profile of Open Badges'
			USING ERRCODE = 'invalid_parameter_value',
				  DETAIL = 'It is a JSON object with an id, which is a URI; if it has a type, that is an array of texts with "Profile" in it.';
	ELSIF NOT answer.holds THEN
		RAISE EXCEPTION 'certificate "%" is revoked', answer.code
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	RETURN answer.document;
END
$$;
COMMENT ON FUNCTION content_library.certificate_credential(text, jsonb) IS
	'A certificate as an Open Badges credential. Fails with 23503 for a code that no certificate has, 22023 for an issuer that is no Profile, 55000 for a certificate that is revoked.';


-- From zero, as for all others.
DO $$
DECLARE
	made text;
BEGIN
	FOR made IN
		SELECT m FROM unnest(current_setting('content_library_migration.made')::text[]) AS m
		WHERE CASE WHEN m LIKE 'content\_library.%' THEN m::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) END
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated, service_role', made);
	END LOOP;
END
$$;
-- What the functions in public call as their caller, and the learners' doors.
DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'content_library.missing_course(uuid)',
		'content_library.missing_lesson(uuid, text)',
		'content_library.nobody()',
		'content_library.other_user(uuid)',
		'content_library.writes(text)',
		'content_library.acts_for_others()',
		'content_library.caller(uuid)',
		'content_library.sees_course(uuid)',
		'content_library.require_course(uuid)',
		'content_library.enter(uuid, text)',
		'content_library.require_staff(uuid, text, text, uuid)',
		'content_library.whole_number(double precision, text, integer)',
		'content_library.whole_percent(double precision)',
		'content_library.whole_position(double precision)',
		'content_library.json_number(jsonb, text)',
		'content_library.read_played(jsonb)',
		'content_library.read_report(jsonb, timestamptz)',
		'content_library.read_reports(jsonb, timestamptz)',
		'content_library.send(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean)',
		'content_library.send_all(uuid[], uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, boolean)',
		'content_library.watched_course_of(uuid)',
		'content_library.own_record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, uuid[])',
		'content_library.own_enroll(uuid, boolean)',
		'content_library.own_unenroll(uuid, boolean)',
		'content_library.own_reset_progress(uuid, boolean, boolean)',
		'content_library.own_completion_threshold(uuid)',
		'content_library.own_course_completion(uuid)',
		'content_library.require_own_learner(uuid, uuid)',
		'content_library.own_course_outline(uuid, uuid)',
		'content_library.own_next_lesson(uuid)',
		'content_library.own_course_progress()',
		'content_library.own_continue_watching(integer, timestamptz, uuid)',
		'content_library.own_mux_playback_claims(uuid, timestamptz, text)',
		'content_library.own_course_report(uuid, integer, uuid)',
		'content_library.own_course_summary(uuid)',
		'content_library.own_lesson_report(uuid)',
		'content_library.own_lesson_retention(uuid, integer)',
		'content_library.own_course_of_lesson(uuid)',
		'content_library.own_course_of_module(uuid)',
		'content_library.own_move_lesson(uuid, uuid, uuid)',
		'content_library.own_move_module(uuid, uuid, uuid)',
		'content_library.own_copy_course(uuid, text, text)',
		'content_library.own_recompute_completion(uuid)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO authenticated, service_role', made);
		END IF;
	END LOOP;
END
$$;
-- The service doors.
DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'content_library.record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, boolean, uuid[], boolean[])',
		'content_library.begin_batch(uuid[], uuid[])',
		'content_library.enroll(uuid, uuid, boolean, boolean)',
		'content_library.unenroll(uuid, uuid, boolean, boolean)',
		'content_library.reset_progress(uuid, uuid, boolean, boolean)',
		'content_library.completion_threshold(uuid)',
		'content_library.course_completion(uuid, uuid)',
		'content_library.course_outline(uuid, uuid, boolean, boolean)',
		'content_library.next_lesson(uuid, uuid, boolean)',
		'content_library.course_progress(uuid, boolean)',
		'content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean)',
		'content_library.mux_playback_claims(uuid, uuid, timestamptz, text, boolean)',
		'content_library.module_of(uuid, boolean)',
		'content_library.course_of(uuid, boolean)',
		'content_library.lock_video(boolean, text, text)',
		'content_library.course_report(uuid, integer, uuid)',
		'content_library.course_summary(uuid)',
		'content_library.lesson_report(uuid)',
		'content_library.lesson_retention(uuid, integer)',
		'content_library.move_lesson(uuid, uuid, uuid, boolean)',
		'content_library.move_module(uuid, uuid, uuid, boolean)',
		'content_library.copy_course(uuid, text, text, uuid)',
		'content_library.recompute_completion(uuid)',
		'content_library.missing_certificate(text)',
		'content_library.issue_certificate(uuid, uuid, text, jsonb)',
		'content_library.revoke_certificate(text, text)',
		'content_library.certificate_credential(text, jsonb)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', made);
		END IF;
	END LOOP;
END
$$;
DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'content_library.verify_certificate(text)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO anon, authenticated, service_role', made);
		END IF;
	END LOOP;
END
$$;
GRANT USAGE ON SCHEMA content_library TO anon, authenticated, service_role;

-- Each after the one before: deleting an account then locks rows in the order of a
-- report. The plan's own migration has them the other way round.
-- Validating a key plans a query on auth.users with our rights, and planning already
-- runs code that belongs to auth.users. If that code is another role's, it must not run
-- with our rights. The keys lock auth.users.
DO $$
DECLARE
	made boolean := false;
	trusted boolean;
	code text;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_constraint AS k
				   WHERE k.conrelid = 'public.content_progress'::regclass AND k.conname = 'content_progress_user_id_fkey' AND k.convalidated)
	THEN
		ALTER TABLE public.content_progress DROP CONSTRAINT IF EXISTS content_progress_user_id_fkey;
		ALTER TABLE public.content_progress ADD CONSTRAINT content_progress_user_id_fkey
			FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE NOT VALID;
		made := true;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_constraint AS k
				   WHERE k.conrelid = 'public.enrollments'::regclass AND k.conname = 'enrollments_user_id_fkey' AND k.convalidated
					AND k.oid > (SELECT p.oid FROM pg_constraint AS p
								 WHERE p.conrelid = 'public.content_progress'::regclass AND p.conname = 'content_progress_user_id_fkey'))
	THEN
		ALTER TABLE public.enrollments DROP CONSTRAINT IF EXISTS enrollments_user_id_fkey;
		ALTER TABLE public.enrollments ADD CONSTRAINT enrollments_user_id_fkey
			FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE NOT VALID;
		made := true;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_constraint AS k
				   WHERE k.conrelid = 'public.certificates'::regclass AND k.conname = 'certificates_user_id_fkey' AND k.convalidated
					AND k.oid > (SELECT p.oid FROM pg_constraint AS p
								 WHERE p.conrelid = 'public.enrollments'::regclass AND p.conname = 'enrollments_user_id_fkey'))
	THEN
		ALTER TABLE public.certificates DROP CONSTRAINT IF EXISTS certificates_user_id_fkey;
		ALTER TABLE public.certificates ADD CONSTRAINT certificates_user_id_fkey
			FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE NOT VALID;
		made := true;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_constraint AS k
				   WHERE k.conrelid = 'public.course_staff'::regclass AND k.conname = 'course_staff_user_id_fkey' AND k.convalidated
					AND k.oid > (SELECT p.oid FROM pg_constraint AS p
								 WHERE p.conrelid = 'public.certificates'::regclass AND p.conname = 'certificates_user_id_fkey'))
	THEN
		ALTER TABLE public.course_staff DROP CONSTRAINT IF EXISTS course_staff_user_id_fkey;
		ALTER TABLE public.course_staff ADD CONSTRAINT course_staff_user_id_fkey
			FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE NOT VALID;
		made := true;
	END IF;
	IF NOT made THEN
		RETURN;
	END IF;
	trusted := (SELECT pg_has_role(u.relowner, c.relowner, 'USAGE') FROM pg_class AS u, pg_class AS c
				WHERE u.oid = 'auth.users'::regclass AND c.oid = 'public.enrollments'::regclass);
	IF NOT trusted THEN
		code := (
			WITH part AS (
			 SELECT 'pg_class'::regclass AS classid, 'auth.users'::regclass AS objid
			 UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = 'auth.users'::regclass
			 UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = 'auth.users'::regclass
			 UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = 'auth.users'::regclass
			 UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxrelid = 'auth.users'::regclass
			 UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = 'auth.users'::regclass
			 UNION ALL SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE ev_class = 'auth.users'::regclass
			), code AS (
			 SELECT format('%s uses %s', pg_describe_object(p.classid, p.objid, 0),
			  pg_describe_object(d.refclassid, d.refobjid, 0)) AS said
			 FROM part AS p JOIN pg_depend AS d ON d.classid = p.classid AND d.objid = p.objid
			 WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
			  AND d.refobjid >= 16384
			 UNION SELECT 'auth.users is partitioned' FROM pg_class WHERE oid = 'auth.users'::regclass AND relkind <> 'r')
			SELECT string_agg(said, ', ' ORDER BY said COLLATE "C") FROM code);
		IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
			code := coalesce(code, 'what is newer than this transaction');
		END IF;
	END IF;
	IF code IS NULL THEN
		ALTER TABLE public.content_progress VALIDATE CONSTRAINT content_progress_user_id_fkey;
		ALTER TABLE public.enrollments VALIDATE CONSTRAINT enrollments_user_id_fkey;
		ALTER TABLE public.certificates VALIDATE CONSTRAINT certificates_user_id_fkey;
		ALTER TABLE public.course_staff VALIDATE CONSTRAINT course_staff_user_id_fkey;
	ELSE
		RAISE WARNING 'content_library does not validate its foreign keys to auth.users'
			USING DETAIL = format('It would run code of the owner of auth.users with the rights of the owner of the tables: %s.', code),
				  HINT = 'New rows are checked all the same. Have that removed and run this again.';
	END IF;
END
$$;

DROP POLICY IF EXISTS "Users read own enrollments" ON public.enrollments;
CREATE POLICY "Users read own enrollments"
	ON public.enrollments FOR SELECT TO authenticated
	USING ((SELECT auth.uid()) = user_id);

DROP POLICY IF EXISTS "Users create own enrollments" ON public.enrollments;
CREATE POLICY "Users create own enrollments"
	ON public.enrollments FOR INSERT TO authenticated
	WITH CHECK ((SELECT auth.uid()) = user_id);

DROP POLICY IF EXISTS "Staff read own rows" ON public.course_staff;
CREATE POLICY "Staff read own rows"
	ON public.course_staff FOR SELECT TO authenticated
	USING ((SELECT auth.uid()) = user_id);

DROP POLICY IF EXISTS "Users read own progress" ON public.content_progress;
CREATE POLICY "Users read own progress"
	ON public.content_progress FOR SELECT TO authenticated
	USING ((SELECT auth.uid()) = user_id);

DROP POLICY IF EXISTS "Users upsert own progress" ON public.content_progress;
CREATE POLICY "Users upsert own progress"
	ON public.content_progress FOR ALL TO authenticated
	USING ((SELECT auth.uid()) = user_id)
	WITH CHECK ((SELECT auth.uid()) = user_id);

DROP POLICY IF EXISTS "Users read own certificates" ON public.certificates;
CREATE POLICY "Users read own certificates"
	ON public.certificates FOR SELECT TO authenticated
	USING ((SELECT auth.uid()) = user_id);




-- 8. Functions for learners --------------------------------------------------

CREATE OR REPLACE FUNCTION public.record_progress(
	lesson_id uuid,
	watched_pct double precision DEFAULT NULL,
	position_seconds double precision DEFAULT NULL,
	user_id uuid DEFAULT NULL,
	played jsonb DEFAULT NULL)
RETURNS public.recorded_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
	pct integer;
	seconds int4multirange;
	place integer;
BEGIN
	IF lesson_id IS NULL OR watched_pct IS NULL AND played IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'watched_pct' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	pct := content_library.whole_percent(watched_pct);
	seconds := content_library.read_played(played);
	place := content_library.whole_position(position_seconds);
	PERFORM content_library.writes('record_progress');
	-- A batch of one.
	RETURN (content_library.send(user_id, ARRAY[lesson_id], ARRAY[pct], ARRAY[seconds], ARRAY[place], ARRAY[at], at, NULL, false))[1];
END
$$;
COMMENT ON FUNCTION public.record_progress(uuid, double precision, double precision, uuid, jsonb) IS
	'Records how far a learner has watched a lesson. The learner (user_id, by default the caller) has watched watched_pct percent (0..100) and stands at position_seconds. Both are rounded down. played has all that the player has played of the video, as [[start, end], ...] in seconds. At least one of watched_pct and played is needed. In a lesson with progress_by watch, only played counts: its seconds are credited no faster than content_library_settings.max_playback_rate and content_library_settings.watch_grace allow since the first report, so a player sends the whole of it each time. Else the percentage counts, and without one that of the seconds played. In a lesson with progress_by server only service_role and editors of the course report, and an editor may name a learner who is enrolled in it. Returns the row as it now stands, and course_completed: true in the one report that has completed the course. The percentage and completion never go back. A report that changes less than content_library_settings.heartbeat_interval is not written. A report that completes the course sets enrollments.completed_at, once, and sends NOTIFY content_library. Fails with 22023 for a value out of range or a watched_pct of a learner where played counts, 22004 without a lesson, or without watched_pct and played, 28000 when nobody is signed in, 42501 for another user''s id, for a learner in a lesson with progress_by server, or when the learner may not watch the lesson (the detail gives the reason: not enrolled, expired, tier, date or sequence), 23503 for an unknown lesson or user, 55000 when the video that is to be watched is not ready.';

CREATE OR REPLACE FUNCTION public.record_progress_batch(
	reports jsonb,
	user_id uuid DEFAULT NULL,
	skip_refused boolean DEFAULT false)
RETURNS SETOF public.recorded_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
	read record;
BEGIN
	IF reports IS NULL OR skip_refused IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN reports IS NULL THEN 'reports' ELSE 'skip_refused' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	read := content_library.read_reports(reports, at);
	IF read.user_ids IS NOT NULL AND user_id IS NOT NULL THEN
		RAISE EXCEPTION 'user_id is given for all reports and in each of them'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave one of the two out.';
	END IF;
	PERFORM content_library.writes('record_progress_batch');
	IF read.user_ids IS NULL THEN
		RETURN QUERY
		SELECT *
		FROM unnest(content_library.send(user_id, read.lesson_ids, read.pcts, read.plays, read.positions, read.times, at,
			ARRAY(SELECT generate_series(0, cardinality(read.lesson_ids) - 1)), skip_refused));
	ELSE
		RETURN QUERY
		SELECT a.*
		FROM content_library.send_all(read.user_ids, read.lesson_ids, read.pcts, read.plays, read.positions, read.times,
			at, skip_refused) AS a
		JOIN unnest(read.user_ids, read.lesson_ids) WITH ORDINALITY AS r(user_id, lesson_id, number)
			ON r.user_id = a.user_id AND r.lesson_id = a.lesson_id
		ORDER BY r.number;
	END IF;
END
$$;
COMMENT ON FUNCTION public.record_progress_batch(jsonb, uuid, boolean) IS
	'Records many reports, all or none. Takes a JSON array of up to 1000 objects {lesson_id, watched_pct, played, position_seconds, watched_at}, one for each lesson, of one learner (user_id, by default the caller); one of watched_pct and played, position_seconds and watched_at may be left out. The service may name any users, with a user_id in each report, and then send up to 10000. Each is recorded as record_progress would. Returns their rows, in the same order. With skip_refused, reports of unknown lessons, of lessons that the learner may not watch, and of unknown users that reports name, are left out; else they are errors. An error names its report as reports[n], counted from 0. Fails with 22023 for a malformed report, or for a watched_at without a zone or more than a minute in the future; else as record_progress does.';

CREATE OR REPLACE FUNCTION public.enroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid;
	seen boolean;
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('enroll');
	learner := content_library.caller(user_id);
	seen := content_library.sees_course(course_id);
	-- The service grants to whom it names.
	IF learner IS NULL OR user_id IS NULL THEN
		RETURN content_library.own_enroll(course_id, seen);
	END IF;
	RETURN content_library.enroll(learner, course_id, seen);
END
$$;
COMMENT ON FUNCTION public.enroll(uuid, uuid) IS
	'Enrolls a learner in a published course. The course must be open, also to the tier in the JWT''s app_metadata (free < pro < studio), and its prerequisites completed. service_role enrolls anyone in any course: the enrollment is then granted, and renewed if it had expired. The learner is user_id, by default the caller. Returns the enrollment, also when it was there already. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id, a closed course, one of a higher tier or with missing prerequisites, 23503 for an unknown or unpublished course or an unknown user.';

CREATE OR REPLACE FUNCTION public.unenroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid;
	seen boolean;
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('unenroll');
	learner := content_library.caller(user_id);
	seen := content_library.sees_course(course_id);
	IF learner IS NULL THEN
		RETURN content_library.own_unenroll(course_id, seen);
	END IF;
	RETURN content_library.unenroll(learner, course_id, seen, user_id IS NOT NULL);
END
$$;
COMMENT ON FUNCTION public.unenroll(uuid, uuid) IS
	'Ends an enrollment. The progress of the learner (user_id, by default the caller) stays, and enrolling again finds it. Returns the enrollment that was deleted; NULL if there was none. Only service_role ends one that has an end of access, because enrolling again would begin a new one. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id or an enrollment with an end of access, 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION public.reset_progress(
	course_id uuid,
	user_id uuid DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid;
	seen boolean;
BEGIN
	IF course_id IS NULL OR dry_run IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN course_id IS NULL THEN 'course_id' ELSE 'dry_run' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('reset_progress');
	learner := content_library.caller(user_id);
	seen := content_library.sees_course(course_id);
	IF learner IS NULL THEN
		RETURN content_library.own_reset_progress(course_id, dry_run, seen);
	END IF;
	RETURN content_library.reset_progress(learner, course_id, dry_run, seen);
END
$$;
COMMENT ON FUNCTION public.reset_progress(uuid, uuid, boolean) IS
	'Deletes the progress of a learner in a course. Forgets also that the learner (user_id, by default the caller) had completed the course. Returns the number of lessons whose progress was deleted, or with dry_run would be. Fails with 22004 for a NULL, 28000 when nobody is signed in, 42501 for another user''s id or when not enrolled, 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION public.completion_threshold(lesson_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lesson record;
BEGIN
	IF lesson_id IS NULL THEN
		RAISE EXCEPTION 'lesson_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF content_library.acts_for_others() THEN
		lesson := content_library.completion_threshold(lesson_id);
	ELSE
		lesson := content_library.own_completion_threshold(lesson_id);
	END IF;
	IF NOT content_library.sees_course(lesson.course_id) THEN
		RAISE EXCEPTION 'lesson "%" does not exist', lesson_id
			USING ERRCODE = 'foreign_key_violation',
				  DETAIL = 'For a learner, a lesson of an unpublished course does not exist.';
	END IF;
	RETURN lesson.threshold;
END
$$;
COMMENT ON FUNCTION public.completion_threshold(uuid) IS
	'The percentage of a lesson that completes it. It is 1..100: the lesson''s own, else its course''s, else content_library_settings.completion_threshold. Fails with 22004 for NULL, 23503 for a lesson that is unknown or not visible to the caller.';

CREATE OR REPLACE FUNCTION public.course_completion(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid;
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	learner := content_library.caller(user_id);
	PERFORM content_library.require_course(course_id);
	IF learner IS NULL THEN
		RETURN content_library.own_course_completion(course_id);
	END IF;
	RETURN content_library.course_completion(learner, course_id);
END
$$;
COMMENT ON FUNCTION public.course_completion(uuid, uuid) IS
	'How much of a course a learner has completed. It is the percentage (0..100) of the required lessons that the learner (user_id, by default the caller) has completed, rounded down; NULL for a course without required lessons. Fails with 22004 for a NULL course, 28000 when nobody is signed in, 42501 for another user''s id, 23503 for a course that is unknown or not visible to the caller.';

CREATE OR REPLACE FUNCTION public.course_outline(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	for_others CONSTANT boolean := content_library.acts_for_others();
	named CONSTANT boolean := user_id IS NOT NULL;
	learner uuid;
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF NOT (for_others AND named) THEN
		learner := auth.uid();
	END IF;
	IF for_others THEN
		PERFORM content_library.require_course(course_id);
		RETURN content_library.course_outline(COALESCE(user_id, learner), course_id, named,
			NOT named AND (learner IS NULL OR public.content_library_is_staff(course_id, 'viewer')));
	ELSIF learner IS NULL THEN
		-- Fails.
		PERFORM content_library.caller(user_id);
	ELSIF user_id <> learner THEN
		PERFORM content_library.require_own_learner(course_id, user_id);
	END IF;
	PERFORM content_library.require_course(course_id);
	RETURN content_library.own_course_outline(course_id, user_id);
END
$$;
COMMENT ON FUNCTION public.course_outline(uuid, uuid) IS
	'A course page with a learner''s progress, as JSON. It has the course, its modules and lessons in order. Each lesson has the learner''s status (not_started, in_progress, completed), watched_pct (percent) and position_seconds, and mux_playback_id only where the learner may watch. Elsewhere locked says why, as {reason, unlocks_at}: not_enrolled, expired, tier, date or sequence. The learner is user_id, by default the caller. The staff of the course may name its learners. Without user_id they see all of it: nothing is locked, drafts are there, and is_published is in course and lessons; so does service_role, without progress. Its form is docs/course_outline.schema.json. The type is json: cast it to jsonb where a function or operator takes only that. Fails as course_completion does.';

CREATE OR REPLACE FUNCTION public.next_lesson(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid;
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	learner := content_library.caller(user_id);
	PERFORM content_library.require_course(course_id);
	IF learner IS NULL THEN
		RETURN content_library.own_next_lesson(course_id);
	END IF;
	RETURN content_library.next_lesson(learner, course_id, user_id IS NOT NULL);
END
$$;
COMMENT ON FUNCTION public.next_lesson(uuid, uuid) IS
	'The next required lesson that a learner has to complete. The id of the first one in course order that the learner may watch; NULL when there is none. Fails as course_completion does.';

CREATE OR REPLACE FUNCTION public.course_progress(user_id uuid DEFAULT NULL)
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
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner CONSTANT uuid := content_library.caller($1);
BEGIN
	IF learner IS NULL THEN
		RETURN QUERY
		SELECT p.* FROM content_library.own_course_progress() AS p
		WHERE content_library.sees_course(p.course_id);
	ELSE
		RETURN QUERY
		SELECT p.* FROM content_library.course_progress(learner, $1 IS NOT NULL) AS p
		WHERE content_library.sees_course(p.course_id);
	END IF;
END
$$;
COMMENT ON FUNCTION public.course_progress(uuid) IS
	'The courses of a learner, with progress in each. One row for each course that the learner (user_id, by default the caller) is enrolled in, oldest enrollment first: how many required lessons there are and are completed, completion in percent (0..100, or NULL), when a lesson was last watched, the next lesson, and when the course was completed. Fails with 28000 when nobody is signed in, 42501 for another user''s id.';

CREATE OR REPLACE FUNCTION public.continue_watching(
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
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	learner uuid;
	begun refcursor;
	-- The row to continue after, how many rows are still wanted, and how many came.
	before timestamptz;
	after uuid;
	wanted integer := max_rows;
	asked integer;
	came integer;
BEGIN
	IF max_rows IS NULL THEN
		RAISE EXCEPTION 'max_rows must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF max_rows <= 0 THEN
		RAISE EXCEPTION 'max_rows % is not positive', max_rows USING ERRCODE = 'invalid_parameter_value';
	END IF;
	learner := content_library.caller(user_id);

	-- Repeats only if some lessons are of courses that the caller does not see.
	LOOP
		IF learner IS NULL THEN
			OPEN begun FOR SELECT * FROM content_library.own_continue_watching(wanted, before, after);
		ELSE
			OPEN begun FOR SELECT * FROM content_library.continue_watching(learner, wanted, before, after, user_id IS NOT NULL);
		END IF;
		asked := wanted;
		came := 0;
		LOOP
			FETCH begun INTO course_id, course_title, lesson_id, lesson_title, watched_pct, position_seconds, duration_seconds, last_watched;
			EXIT WHEN NOT FOUND;
			came := came + 1;
			before := last_watched;
			after := lesson_id;
			IF content_library.sees_course(course_id) THEN
				wanted := wanted - 1;
				RETURN NEXT;
			END IF;
		END LOOP;
		CLOSE begun;
		EXIT WHEN wanted = 0 OR came < asked;
	END LOOP;
END
$$;
COMMENT ON FUNCTION public.continue_watching(integer, uuid) IS
	'The lessons that a learner has begun and not completed. Only those that the learner (user_id, by default the caller) may watch; at most max_rows. The last watched lesson comes first. Each has the position to resume at, in seconds. Fails with 22023 when max_rows is not positive, 28000 when nobody is signed in, 42501 for another user''s id.';


-- 9. Functions for instructors and operators ---------------------------------

CREATE OR REPLACE FUNCTION public.course_report(
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
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF max_rows <= 0 THEN
		RAISE EXCEPTION 'max_rows % is not positive', max_rows USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF content_library.enter($1, 'viewer') THEN
		RETURN QUERY SELECT * FROM content_library.course_report($1, max_rows, after);
	ELSE
		RETURN QUERY SELECT * FROM content_library.own_course_report($1, max_rows, after);
	END IF;
END
$$;
COMMENT ON FUNCTION public.course_report(uuid, integer, uuid) IS
	'The learners of a course, with how far they are. One row for each enrolled learner, oldest enrollment first: required and completed lessons, completion in percent (0..100, or NULL), when the course was completed, and when the learner last watched a lesson of it. At most max_rows, by default all; the next page comes after the user_id of the last row. For the staff of the course, and for service_role. Fails with 22004 for a NULL course, 22023 when max_rows is not positive or after is not enrolled in the course, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION public.course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF content_library.enter($1, 'viewer') THEN
		RETURN QUERY SELECT * FROM content_library.course_summary($1);
	ELSE
		RETURN QUERY SELECT * FROM content_library.own_course_summary($1);
	END IF;
END
$$;
COMMENT ON FUNCTION public.course_summary(uuid) IS
	'A course in one row, for a dashboard. Counted: learners, how many are enrolled; completed, how many of them have completed the course; completions_by_week, how many did in each of the last 12 weeks of 168 hours, the oldest first, the last one ending now. Exact in a course of up to 500 learners, and beyond that estimated from 500 of them, the same each time: active_7_days and active_30_days, how many have watched a lesson of it in the last 168 and 720 hours; average_completion, the average percentage of course_report (0.0..100.0; NULL when there is no learner or no required lesson). sampled is the number of learners that these come from. An estimate of active learners is within 4.4 percent of learners in 19 of 20 courses. For the staff of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION public.lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF content_library.enter($1, 'viewer') THEN
		RETURN QUERY SELECT * FROM content_library.lesson_report($1);
	ELSE
		RETURN QUERY SELECT * FROM content_library.own_lesson_report($1);
	END IF;
END
$$;
COMMENT ON FUNCTION public.lesson_report(uuid) IS
	'The lessons of a course, with how many watch them. One row for each lesson, drafts too, in order: how many enrolled learners have started and completed it, and the average percent (0.0..100.0) that those who started have watched; NULL when nobody has. For the staff of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION public.lesson_retention(
	lesson_id uuid,
	step_seconds integer DEFAULT 5)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF lesson_id IS NULL OR step_seconds IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'step_seconds' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF step_seconds < 1 THEN
		RAISE EXCEPTION 'step_seconds % is not positive', step_seconds USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF content_library.acts_for_others() THEN
		RETURN QUERY SELECT * FROM content_library.lesson_retention($1, $2);
	ELSE
		RETURN QUERY SELECT * FROM content_library.own_lesson_retention($1, $2);
	END IF;
END
$$;
COMMENT ON FUNCTION public.lesson_retention(uuid, integer) IS
	'How many learners have seen each part of a lesson. One row for each step of step_seconds, from second 0 to the end of the video: how many enrolled learners have seen at least one second of it (content_progress.watched). No row while duration_seconds is NULL. For the staff of the course, and for service_role. Fails with 22004 for NULL, 22023 when step_seconds is not positive or makes more than 1,000,000 steps, 28000 when nobody is signed in, 42501 for a user who is not staff of the course, 23503 for an unknown lesson.';

CREATE OR REPLACE FUNCTION public.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	left_course uuid;
	entered_course uuid;
BEGIN
	IF lesson_id IS NULL OR module_id IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'module_id' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('move_lesson');
	IF content_library.acts_for_others() THEN
		PERFORM content_library.require_course(content_library.course_of(content_library.module_of(lesson_id)));
		PERFORM content_library.require_course(content_library.course_of(module_id));
		RETURN content_library.move_lesson(lesson_id, module_id, before);
	END IF;
	left_course := content_library.own_course_of_lesson(lesson_id);
	entered_course := content_library.own_course_of_module(module_id);
	PERFORM content_library.require_course(left_course);
	PERFORM content_library.require_course(entered_course);
	RETURN content_library.own_move_lesson(lesson_id, module_id, before);
END
$$;
COMMENT ON FUNCTION public.move_lesson(uuid, uuid, uuid) IS
	'Moves a lesson within its module or to another one. It comes before another lesson of that module or to the end, and sort_order is numbered from 1 in both modules. Returns the lesson. For the editors of both courses, and for service_role. Fails with 22004 for a NULL, 22023 when before is the lesson itself or in another module, 28000 when nobody is signed in, 42501 for a user who is not an editor of both courses, 23503 for an unknown lesson or module.';

CREATE OR REPLACE FUNCTION public.move_module(
	module_id uuid,
	before uuid DEFAULT NULL,
	course_id uuid DEFAULT NULL)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	for_others CONSTANT boolean := content_library.acts_for_others();
	left_course uuid;
BEGIN
	IF module_id IS NULL THEN
		RAISE EXCEPTION 'module_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('move_module');
	IF for_others THEN
		left_course := content_library.course_of(module_id);
	ELSE
		left_course := content_library.own_course_of_module(module_id);
		PERFORM content_library.require_staff(COALESCE(course_id, left_course), 'editor');
	END IF;
	PERFORM content_library.require_course(left_course);
	IF course_id IS NOT NULL THEN
		PERFORM content_library.require_course(course_id);
	END IF;
	IF for_others THEN
		RETURN content_library.move_module(module_id, before, course_id);
	END IF;
	RETURN content_library.own_move_module(module_id, before, course_id);
END
$$;
COMMENT ON FUNCTION public.move_module(uuid, uuid, uuid) IS
	'Moves a module within its course or to another one. The course is course_id, by default its own. It comes before another module of that course or to the end, and sort_order is numbered from 1 in both courses. Returns the module. For the editors of both courses, and for service_role. Fails with 22004 for a NULL module, 22023 when before is the module itself or in another course, 28000 when nobody is signed in, 42501 for a user who is not an editor of both courses, 23503 for an unknown module or course.';

CREATE OR REPLACE FUNCTION public.copy_course(
	course_id uuid,
	slug text,
	title text DEFAULT NULL)
RETURNS public.courses
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF course_id IS NULL OR slug IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN course_id IS NULL THEN 'course_id' ELSE 'slug' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF slug = '' THEN
		RAISE EXCEPTION 'slug is empty' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM content_library.writes('copy_course');
	IF content_library.enter(course_id, 'editor') THEN
		RETURN content_library.copy_course(course_id, slug, title);
	END IF;
	RETURN content_library.own_copy_course(course_id, slug, title);
END
$$;
COMMENT ON FUNCTION public.copy_course(uuid, text, text) IS
	'Copies a course with its modules and lessons. The copy has the slug, and the title if one is given. It is not published, and has the same videos, rules and prerequisites, but no learners. Its staff is the editor who has copied it. Returns the new course. For the editors of the course, and for service_role. Fails with 22004 for a NULL course or slug, 22023 for an empty slug, 28000 when nobody is signed in, 42501 for a user who is not an editor of the course, 23503 for an unknown course, 23505 for a slug that another course has, 25000 unless READ COMMITTED if a lesson is bound to an upload.';

CREATE OR REPLACE FUNCTION public.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('recompute_completion');
	IF content_library.enter(course_id, 'editor') THEN
		RETURN content_library.recompute_completion(course_id);
	END IF;
	RETURN content_library.own_recompute_completion(course_id);
END
$$;
COMMENT ON FUNCTION public.recompute_completion(uuid) IS
	'Applies changed thresholds of a course to past progress. Rows that reach the present threshold become completed, and enrollments with them; nothing completed is undone. Returns the number of progress rows that became completed. For the editors of the course, and for service_role. Fails with 22004 for NULL, 28000 when nobody is signed in, 42501 for a user who is not an editor of the course, 23503 for an unknown course.';

CREATE OR REPLACE FUNCTION public.issue_certificate(
	course_id uuid,
	user_id uuid,
	learner_name text,
	metadata jsonb DEFAULT '{}')
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text := CASE WHEN course_id IS NULL THEN 'course_id' WHEN user_id IS NULL THEN 'user_id'
						 WHEN learner_name IS NULL THEN 'learner_name' WHEN metadata IS NULL THEN 'metadata' END;
	fault text;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION '% must not be null', missing USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('issue_certificate');
	fault := CASE WHEN learner_name !~ '[^[:space:]]' THEN 'learner_name is empty'
	     WHEN length(learner_name) > 255 THEN 'learner_name is longer than 255 characters'
	     WHEN jsonb_typeof(metadata) <> 'object' THEN 'metadata is not a JSON object' END;
	IF fault IS NOT NULL THEN
		RAISE EXCEPTION '%', fault USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM content_library.require_course(course_id);
	RETURN content_library.issue_certificate(course_id, user_id, learner_name, metadata);
END
$$;
COMMENT ON FUNCTION public.issue_certificate(uuid, uuid, text, jsonb) IS
	'Certifies that a learner has completed a course. Only service_role may, because learner_name is printed as it is given: it must not come from what users write about themselves. Returns the certificate, which is the one that is there already for this completion, with the name of then; a revoked one does not count. A completion whose date has moved back keeps its certificate, a later one has another. It expires when the course''s certificate_valid_for has passed since completed_at. Fails with 22004 for a NULL, 22023 for a name that is empty or longer than 255 characters or for metadata that are no JSON object, 23503 for an unknown course, 55000 when the user has not completed the course.';

CREATE OR REPLACE FUNCTION public.revoke_certificate(
	code text,
	reason text)
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF code IS NULL OR reason IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN code IS NULL THEN 'code' ELSE 'reason' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF reason = '' THEN
		RAISE EXCEPTION 'reason is empty' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM content_library.writes('revoke_certificate');
	RETURN content_library.revoke_certificate(code, reason);
END
$$;
COMMENT ON FUNCTION public.revoke_certificate(text, text) IS
	'Revokes a certificate. It stays, and verify_certificate() says that it is revoked. One that was revoked before keeps its date and reason. Returns the certificate. After that issue_certificate() can issue another one, with a corrected name for example. Fails with 22004 for a NULL, 22023 for an empty reason, 23503 for a code that no certificate has.';

CREATE OR REPLACE FUNCTION public.certificate_credential(
	code text,
	issuer jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF code IS NULL OR issuer IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN code IS NULL THEN 'code' ELSE 'issuer' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN content_library.certificate_credential(code, issuer);
END
$$;
COMMENT ON FUNCTION public.certificate_credential(text, jsonb) IS
	'A certificate as an Open Badges 3.0 credential, not signed. issuer is the Profile of who issues it: a JSON object with an id, which is a URI, and whatever else a Profile may have. The application signs the answer with its own key. Fails with 22004 for a NULL, 22023 for an issuer that is no Profile, 23503 for a code that no certificate has, 55000 for a certificate that is revoked.';

-- Anybody may call this one. It shows what is printed on the certificate.
CREATE OR REPLACE FUNCTION public.verify_certificate(code text)
RETURNS TABLE (
	status text,
	learner_name text,
	course_title text,
	completed_at timestamptz,
	issued_at timestamptz,
	expires_at timestamptz,
	revoked_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF code IS NULL THEN
		RAISE EXCEPTION 'code must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN QUERY SELECT * FROM content_library.verify_certificate(code);
END
$$;
COMMENT ON FUNCTION public.verify_certificate(text) IS
	'What is certified under a code, for anybody. The status is valid, expired or revoked. Hyphens, and whether letters are small or capital, do not matter; O is read as 0, I and L as 1. No row for a code that no certificate has. Fails with 22004 for NULL.';

CREATE OR REPLACE FUNCTION public.content_library_strict(enabled boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
	unchanged text;
BEGIN
	PERFORM content_library.writes('content_library_strict');
	IF enabled IS NULL THEN
		RAISE EXCEPTION 'enabled must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = 'public.content_progress'::regclass;
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE EXCEPTION 'content_library_strict() needs the rights of the owner of the tables'
			USING ERRCODE = 'insufficient_privilege', HINT = format('Call it as %s.', owner::regrole);
	END IF;

	IF enabled THEN
		REVOKE INSERT, UPDATE, DELETE ON public.content_progress FROM authenticated;
		REVOKE INSERT ON public.enrollments FROM authenticated;
	ELSE
		GRANT INSERT, UPDATE, DELETE ON public.content_progress TO authenticated;
		GRANT INSERT (id, user_id, course_id, enrolled_at) ON public.enrollments TO authenticated;
	END IF;
	unchanged := CASE enabled
		WHEN has_any_column_privilege('authenticated', 'public.content_progress', 'INSERT, UPDATE')
			OR has_table_privilege('authenticated', 'public.content_progress', 'DELETE') THEN 'content_progress'
		WHEN has_any_column_privilege('authenticated', 'public.enrollments', 'INSERT') THEN 'enrollments'
	END;
	IF unchanged IS NOT NULL THEN
		RAISE EXCEPTION 'learners % write % directly', CASE WHEN enabled THEN 'can still' ELSE 'still cannot' END, unchanged
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'PUBLIC, or another role that "authenticated" is a member of, may have the right to.',
				  HINT = format('Look for who has granted what on %s.', unchanged);
	END IF;
END
$$;
COMMENT ON FUNCTION public.content_library_strict(boolean) IS
	'Has learners write through functions alone, or directly as well. Strict, they cannot write content_progress or insert into enrollments, and read the modules of courses that they see, previews, and the lessons of courses to which they have access. A lock by date or order hides no lesson. A dump keeps it. Fails with 42501 for whoever has not the rights of the owner of the tables, 22004 for NULL, 55000 when a grant to PUBLIC or to another role stands against it.';


-- 10. Mux: video events -----------------------------------------------------

-- Mux may send an event more than once, and in any order. So the facts of every
-- event are kept, and so are the videos that a lesson was bound to. A lesson's video
-- is a query over both. The answer does not depend on the order of events, nor on
-- when a video was bound between them. docs/mux.md has the rule.

-- The payload itself is not kept: it may hold the URL to which anybody can upload.
CREATE TABLE IF NOT EXISTS public.mux_events (
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
COMMENT ON TABLE public.mux_events IS 'What each Mux event said of an upload or an asset; the state of a video follows from these rows alone (mux_state).';
COMMENT ON COLUMN public.mux_events.object IS 'What the event is about: upload or asset.';
COMMENT ON COLUMN public.mux_events.event_at IS 'The event''s created_at; -infinity if it had none.';
COMMENT ON COLUMN public.mux_events.playback_ids IS 'Of a ready asset: [{id, policy}], in Mux''s order.';
COMMENT ON COLUMN public.mux_events.error IS 'Why it errored, as Mux says: type and message or messages.';
COMMENT ON COLUMN public.mux_events.lesson_id IS 'The uuid in the asset''s passthrough. A lesson with that id may have the asset as its video.';

CREATE INDEX IF NOT EXISTS idx_mux_events_upload_id ON public.mux_events (upload_id);
CREATE INDEX IF NOT EXISTS idx_mux_events_asset_id ON public.mux_events (asset_id);
CREATE INDEX IF NOT EXISTS idx_mux_events_lesson_id ON public.mux_events (lesson_id) WHERE lesson_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_lessons_mux_upload_id ON public.lessons (mux_upload_id);

-- A lesson that was never bound to another video has no rows: its own columns name the
-- video. So an INSERT of a lesson adds none, which a restore would then find twice.
CREATE TABLE IF NOT EXISTS public.mux_bindings (
	lesson_id			uuid NOT NULL REFERENCES public.lessons(id) ON DELETE CASCADE,
	number				integer NOT NULL,
	upload_id			text,
	asset_id			text,
	playback_id			text,
	duration_seconds	integer,
	PRIMARY KEY (lesson_id, number)
);
COMMENT ON TABLE public.mux_bindings IS 'The videos that a lesson was bound to, in their order, since it last had none. The last one that is ready is on the air.';
COMMENT ON COLUMN public.mux_bindings.asset_id IS 'The asset that the application named.';
COMMENT ON COLUMN public.mux_bindings.playback_id IS 'The playback id, if the lesson had a video already. It counts as long as no event tells of the video.';

CREATE INDEX IF NOT EXISTS idx_mux_bindings_upload_id ON public.mux_bindings (upload_id);
CREATE INDEX IF NOT EXISTS idx_mux_bindings_asset_id ON public.mux_bindings (asset_id);
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.mux_events,public.mux_bindings}' THEN
		REVOKE ALL ON TABLE
			public.mux_events,
			public.mux_bindings
			FROM PUBLIC, anon, authenticated, service_role;
	END IF;
END
$$;
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.mux_events}' THEN
		GRANT SELECT, INSERT, DELETE ON TABLE public.mux_events TO service_role;
	END IF;
END
$$;
DO $$
BEGIN
	IF NOT current_setting('content_library_migration.kept')::text[] @> '{public.mux_bindings}' THEN
		GRANT SELECT ON TABLE public.mux_bindings TO service_role;
	END IF;
END
$$;
-- No policy: only service_role sees rows, because it has BYPASSRLS.
ALTER TABLE public.mux_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_bindings ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION public.mux_verify_signature(
	body text,
	signature_header text,
	secrets text[],
	tolerance interval DEFAULT '5 minutes',
	checked_at timestamptz DEFAULT clock_timestamp())
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	keys text[];
	times text[];
	signatures text[];
	signed bytea;
	matches boolean;
	signed_at timestamptz;
	missing text := CASE WHEN body IS NULL THEN 'body' WHEN tolerance IS NULL THEN 'tolerance'
						 WHEN checked_at IS NULL THEN 'checked_at' END;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION '% must not be null', missing USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF tolerance < '0' THEN
		RAISE EXCEPTION 'tolerance % is negative', tolerance USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- NULL and empty secrets are none.
	keys := ARRAY(SELECT s FROM unnest(secrets) AS s WHERE s <> '');
	IF keys = '{}' THEN
		RETURN 'no_secret';
	END IF;
	IF COALESCE(signature_header, '') = '' THEN
		RETURN 'no_header';
	END IF;
	IF octet_length(signature_header) > 4096 THEN
		RETURN 'malformed_header';
	END IF;

	-- What stands after the first = of each item; nothing, where there is none.
	SELECT array_agg(i.value) FILTER (WHERE i.key = 't'), array_agg(i.value) FILTER (WHERE i.key = 'v1')
	INTO times, signatures
	FROM (SELECT split_part(item, '=', 1) AS key, substr(item, strpos(item || '=', '=') + 1) AS value
		  FROM unnest(string_to_array(signature_header, ',')) AS item) AS i;
	IF cardinality(times) IS DISTINCT FROM 1 OR times[1] !~ '^(0|[1-9][0-9]{0,11})$' THEN
		RETURN 'malformed_header';
	END IF;
	IF signatures IS NULL THEN
		RETURN 'no_v1_signature';
	END IF;

	-- Compares all secrets with all signatures, by their hashes. So the time that this
	-- takes tells nothing about the right signature.
	signed := convert_to(times[1] || '.' || body, 'UTF8');
	SELECT bool_or(sha256(convert_to(s, 'UTF8')) = sha256(convert_to(h.expected, 'UTF8'))) INTO matches
	FROM (SELECT encode(extensions.hmac(signed, convert_to(k, 'UTF8'), 'sha256'), 'hex') AS expected
		  FROM unnest(keys) AS k OFFSET 0) AS h
	CROSS JOIN unnest(signatures) AS s;
	IF NOT matches THEN
		RETURN 'signature_mismatch';
	END IF;

	signed_at := to_timestamp(times[1]::float8);
	-- Mux's own library looks at whole seconds.
	IF signed_at < date_trunc('second', checked_at) - tolerance THEN
		RETURN 'too_old';
	END IF;
	IF signed_at > date_trunc('second', checked_at) + tolerance THEN
		RETURN 'too_new';
	END IF;
	RETURN 'ok';
END
$$;
COMMENT ON FUNCTION public.mux_verify_signature(text, text, text[], interval, timestamptz) IS
	'Verifies the Mux-Signature header of a webhook. Compares it with the raw body and any of the endpoints'' secrets. Returns ok, or why not: no_secret, no_header, malformed_header, no_v1_signature, signature_mismatch, too_old, too_new. Pass the secrets as a bound parameter. Fails with 22004 for a NULL body, tolerance or checked_at, 22023 for a negative tolerance.';

CREATE OR REPLACE FUNCTION public.content_library_mux_policies() RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT s.mux_playback_policies FROM public.content_library_settings AS s);
END
$$;
COMMENT ON FUNCTION public.content_library_mux_policies() IS
	'The setting content_library_settings.mux_playback_policies, as an array.';

-- Which event says how an upload or an asset stands.
-- Of an upload: the highest of created < cancelled < asset_created < errored, then
-- the latest. Of an asset: deleted if it ever was; else an end (errored or ready)
-- rather than preparing, then the latest, then ready rather than errored. Between
-- equals the event id decides, so that the answer does not depend on their order.
CREATE OR REPLACE FUNCTION public.content_library_mux_latest(object text, id text)
RETURNS SETOF public.mux_events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT e.event_id, e.object, e.upload_id, e.asset_id, e.status, e.event_at,
		e.playback_ids, e.duration_seconds, e.error, e.lesson_id, e.received_at
	FROM (SELECT u.*, array_position(ARRAY['created', 'cancelled', 'asset_created', 'errored'], u.status) AS rank
		  FROM public.mux_events AS u
		  WHERE $1 = 'upload'
			AND u.object = 'upload'
			AND u.upload_id = $2
		  UNION ALL
		  SELECT a.*, CASE a.status WHEN 'preparing' THEN 1 WHEN 'deleted' THEN 3 ELSE 2 END
		  FROM public.mux_events AS a
		  WHERE $1 = 'asset'
			AND a.object = 'asset'
			AND a.asset_id = $2) AS e
	ORDER BY e.rank DESC, e.event_at DESC, e.status = 'ready' DESC, e.event_id DESC
	LIMIT 1;
END;
COMMENT ON FUNCTION public.content_library_mux_latest(text, text) IS
	'The event that says how an upload or asset stands. Of an upload it is the greatest by (created < cancelled < asset_created < errored, time, event id); of an asset deleted if it ever was, else the greatest by (terminal, time, errored < ready, event id).';

-- How one video stands.
CREATE OR REPLACE FUNCTION public.mux_state(
	upload_id text,
	asset_id text DEFAULT NULL)
RETURNS TABLE (
	mux_asset_id text,
	mux_playback_id text,
	mux_status text,
	duration_seconds integer,
	error jsonb)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
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
	FROM (SELECT CASE WHEN EXISTS (SELECT FROM public.mux_events AS e WHERE e.upload_id = $1)
				 THEN (SELECT e.asset_id
					   FROM public.mux_events AS e
					   WHERE e.upload_id = $1 AND e.asset_id IS NOT NULL
					   ORDER BY e.object = 'upload' DESC, e.event_at DESC, e.event_id DESC
					   LIMIT 1)
				 ELSE (SELECT e.asset_id
					   FROM public.mux_events AS e
					   WHERE e.asset_id = $2
					   LIMIT 1) END AS asset_id
		  -- OFFSET 0: it is looked up once, and not wherever it is used.
		  OFFSET 0) AS l
	LEFT JOIN LATERAL public.content_library_mux_latest('upload', $1) AS u ON true
	LEFT JOIN LATERAL public.content_library_mux_latest('asset', l.asset_id) AS a ON true
	LEFT JOIN LATERAL (
		SELECT w.id
		FROM ROWS FROM (jsonb_to_recordset(a.playback_ids) AS (id text, policy text))
			WITH ORDINALITY AS w(id, policy, place)
		WHERE w.policy = ANY (public.content_library_mux_policies())
		ORDER BY array_position(public.content_library_mux_policies(), w.policy), w.place
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
COMMENT ON FUNCTION public.mux_state(text, text) IS
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
CREATE OR REPLACE FUNCTION public.content_library_mux_video(
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
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH named AS (
		SELECT e.asset_id, min(e.event_at) AS since
		FROM public.mux_events AS e
		WHERE e.lesson_id = $1
			AND NOT EXISTS (
				SELECT FROM public.mux_events AS u
				WHERE u.asset_id = e.asset_id AND u.upload_id IS NOT NULL)
		GROUP BY e.asset_id
	), bound AS (
		SELECT b.number, b.upload_id, b.asset_id, b.playback_id, b.duration_seconds
		FROM public.mux_bindings AS b
		WHERE b.lesson_id = $1
		UNION ALL
		-- Without these names a restored function would not be printed as it was.
		SELECT 0 AS number, $2 AS upload_id, $3 AS asset_id, $4 AS playback_id, $5 AS duration_seconds
		WHERE NOT EXISTS (SELECT FROM public.mux_bindings AS b WHERE b.lesson_id = $1)
	), source AS (
		SELECT true AS is_own, b.number::bigint AS place, b.upload_id, r.asset_id, r.playback_id, b.duration_seconds
		FROM bound AS b
		CROSS JOIN LATERAL (
			SELECT CASE WHEN b.number > 0 OR NOT EXISTS (SELECT FROM named AS n WHERE n.asset_id = b.asset_id)
						THEN b.asset_id END AS asset_id,
				CASE WHEN NOT EXISTS (
						SELECT FROM named AS n
						JOIN public.mux_events AS e ON e.asset_id = n.asset_id
						WHERE e.playback_ids @> jsonb_build_array(jsonb_build_object('id', b.playback_id)))
					 THEN b.playback_id END AS playback_id
			OFFSET 0) AS r
		WHERE COALESCE(b.upload_id, r.asset_id, r.playback_id) IS NOT NULL
		UNION ALL
		SELECT false AS is_own, row_number() OVER (ORDER BY n.since, n.asset_id) AS place,
			NULL AS upload_id, n.asset_id, NULL AS playback_id, NULL AS duration_seconds
		FROM named AS n
		WHERE (SELECT e.lesson_id
			   FROM public.mux_events AS e
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
					SELECT FROM public.mux_events AS e
					CROSS JOIN LATERAL jsonb_to_recordset(e.playback_ids) AS p(policy text)
					WHERE e.asset_id = v.about
						AND e.object = 'asset'
						AND p.policy = ANY (public.content_library_mux_policies()))) AS decides
		FROM source AS s
		LEFT JOIN LATERAL public.mux_state(s.upload_id, s.asset_id) AS t ON true
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
COMMENT ON FUNCTION public.content_library_mux_video(uuid, text, text, text, integer) IS
	'The video columns of a lesson, as events and bindings so far say. The last four arguments are those of its row, the last two only while it is ready. is_known is false when nothing is known of the lesson''s latest video, and no other one is on the air.';

CREATE OR REPLACE FUNCTION public.content_library_mux_read(
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
COMMENT ON FUNCTION public.content_library_mux_read(jsonb) IS
	'The facts of a Mux event, as a row of mux_events. The column object is NULL for a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, naming what is wrong.';

CREATE OR REPLACE FUNCTION public.mux_apply_event(event jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
-- All are look-ups by key. Without these settings a plan made while the tables were
-- small would read whole tables later.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '100ms'
AS $$
DECLARE
	fact record;
	uploads text[];
	named uuid[];
	affected uuid[];
	bound integer;
	-- Mux does not wait longer for an answer, and sends the event again.
	until CONSTANT timestamptz := clock_timestamp() + interval '5 seconds';
	pause float8 := 0.001::float8;
BEGIN
	fact := public.content_library_mux_read(event);
	IF fact.object IS NULL THEN
		RETURN 'ignored';
	END IF;

	LOOP
		BEGIN
			IF NOT content_library.lock_video(true, 'asset', fact.asset_id)
				OR NOT content_library.lock_video(true, 'upload', fact.upload_id)
			THEN
				RAISE lock_not_available;
			END IF;
			INSERT INTO public.mux_events
				(event_id, object, upload_id, asset_id, status, event_at, playback_ids, duration_seconds, error, lesson_id)
			VALUES (fact.event_id, fact.object, fact.upload_id, fact.asset_id, fact.status, fact.event_at,
					fact.playback_ids, fact.duration_seconds, fact.error, fact.lesson_id)
			ON CONFLICT (event_id) DO NOTHING;
			IF NOT FOUND THEN
				RETURN 'duplicate';
			END IF;

			-- While the asset is locked, no other event can give it another upload or name in it
			-- another lesson. While its uploads are locked, nobody can bind one of them.
			uploads := CASE fact.object
				WHEN 'upload' THEN ARRAY[fact.upload_id]
				ELSE ARRAY(SELECT DISTINCT e.upload_id FROM public.mux_events AS e
						   WHERE e.asset_id = fact.asset_id AND e.upload_id IS NOT NULL) END;
			named := ARRAY(SELECT DISTINCT e.lesson_id FROM public.mux_events AS e
						   WHERE e.asset_id = fact.asset_id AND e.lesson_id IS NOT NULL);
			IF EXISTS (SELECT FROM unnest(uploads) AS u(id) WHERE NOT content_library.lock_video(true, 'upload', u.id))
				OR EXISTS (SELECT FROM unnest(named) AS n(id) WHERE NOT content_library.lock_video(true, 'lesson', n.id::text))
			THEN
				RAISE lock_not_available;
			END IF;

			affected := ARRAY(
				SELECT l.id FROM public.lessons AS l WHERE l.mux_upload_id = ANY (uploads)
				UNION
				SELECT l.id FROM public.lessons AS l WHERE l.mux_asset_id = fact.asset_id
				UNION
				SELECT b.lesson_id FROM public.mux_bindings AS b WHERE b.upload_id = ANY (uploads)
				UNION
				SELECT b.lesson_id FROM public.mux_bindings AS b WHERE b.asset_id = fact.asset_id
				UNION
				SELECT l.id FROM public.lessons AS l WHERE l.id = ANY (named));
			-- By id alone: a lesson may have been bound to something else by now, and must still
			-- be locked.
			PERFORM FROM public.lessons AS l
			WHERE l.id = ANY (affected)
			ORDER BY l.id FOR NO KEY UPDATE NOWAIT;
			GET DIAGNOSTICS bound = ROW_COUNT;

			UPDATE public.lessons AS t
			   SET mux_asset_id = s.mux_asset_id,
			       mux_playback_id = s.mux_playback_id,
			       mux_status = s.mux_status,
			       duration_seconds = s.duration_seconds
			  FROM (SELECT l.id, v.*
			          FROM public.lessons AS l
			         CROSS JOIN LATERAL public.content_library_mux_video(
			           l.id, l.mux_upload_id, l.mux_asset_id,
			           CASE WHEN l.mux_status = 'ready' THEN l.mux_playback_id END,
			           CASE WHEN l.mux_status = 'ready' THEN l.duration_seconds END) AS v
			         WHERE l.id = ANY (affected)) AS s
			 WHERE t.id = s.id
			   AND (t.mux_asset_id, t.mux_playback_id, t.mux_status, t.duration_seconds)
			       IS DISTINCT FROM (s.mux_asset_id, s.mux_playback_id, s.mux_status, s.duration_seconds);
			IF FOUND THEN
				RETURN 'applied';
			END IF;

			RETURN CASE
				WHEN NOT EXISTS (
					SELECT FROM public.content_library_mux_latest(fact.object,
						CASE fact.object WHEN 'upload' THEN fact.upload_id ELSE fact.asset_id END) AS e
					WHERE e.event_id = fact.event_id)
				THEN 'stale'
				WHEN bound = 0 THEN 'unmatched'
				ELSE 'noop' END;
		EXCEPTION WHEN lock_not_available THEN
			NULL;
		END;
		IF clock_timestamp() + make_interval(secs => pause) > until THEN
			RAISE EXCEPTION 'the video of % "%" has been held for five seconds', fact.object,
				left(CASE fact.object WHEN 'upload' THEN fact.upload_id ELSE fact.asset_id END, 60)
				USING ERRCODE = 'lock_not_available',
					  HINT = 'Apply the event again when Mux sends it again. If that does not help, look in pg_stat_activity for an open transaction that binds the video, applies an event of it, or has changed its lesson.';
		END IF;
		PERFORM pg_sleep(pause);
		pause := LEAST(2 * pause, 0.016);
	END LOOP;
END
$$;
COMMENT ON FUNCTION public.mux_apply_event(jsonb) IS
	'Applies a verified Mux event to its lessons. Events may come in any order and more than once. applied: a lesson has changed. noop: its lesson was so already. stale: more is known of its upload or asset already. unmatched: kept, but no lesson has its upload or asset now. duplicate: this event id has come before. ignored: a type of event that says nothing of a lesson. Fails with 22023 for a malformed event, 22004 for NULL, 25000 unless READ COMMITTED, 55P03 when somebody has held the same upload, asset or lesson for five seconds.';

CREATE OR REPLACE FUNCTION public.content_library_mux_bind() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SECURITY DEFINER
SET row_security = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	is_new CONSTANT boolean := TG_OP = 'INSERT';
	names_asset boolean;
	has_video boolean;
	video record;
BEGIN
	IF TG_RELID <> 'public.lessons'::regclass THEN
		RAISE EXCEPTION 'content_library_mux_bind() belongs to the triggers of lessons'
			USING ERRCODE = 'trigger_protocol_violated';
	END IF;

	-- mux_apply_event() writes the video that the lesson should have. That is no binding:
	-- the asset in it may be one that has named the lesson.
	IF NOT is_new AND NEW.mux_upload_id IS NOT DISTINCT FROM OLD.mux_upload_id THEN
		SELECT v.* INTO video
		FROM (SELECT OLD.*) AS l
		CROSS JOIN LATERAL public.content_library_mux_video(
		  l.id, l.mux_upload_id, l.mux_asset_id,
		  CASE WHEN l.mux_status = 'ready' THEN l.mux_playback_id END,
		  CASE WHEN l.mux_status = 'ready' THEN l.duration_seconds END) AS v;
		IF (NEW.mux_asset_id, NEW.mux_playback_id, NEW.mux_status, NEW.duration_seconds)
			IS NOT DISTINCT FROM (video.mux_asset_id, video.mux_playback_id, video.mux_status, video.duration_seconds)
		THEN
			RETURN NEW;
		END IF;
	END IF;

	names_asset := NEW.mux_asset_id IS NOT NULL AND (is_new OR NEW.mux_asset_id IS DISTINCT FROM OLD.mux_asset_id);
	IF NOT is_new OR NEW.mux_upload_id IS NOT NULL OR names_asset THEN
		PERFORM content_library.lock_video(false, 'upload', NEW.mux_upload_id);
		PERFORM content_library.lock_video(false, 'asset', CASE WHEN names_asset THEN NEW.mux_asset_id END);
	END IF;
	-- An asset may name a lesson that is not there yet.
	IF is_new THEN
		PERFORM content_library.lock_video(false, 'lesson', NEW.id::text);
	ELSIF NEW.mux_upload_id IS NULL AND NOT names_asset THEN
		-- A lesson that loses its upload, and is not given another asset, has no video any more.
		DELETE FROM public.mux_bindings AS b WHERE b.lesson_id = NEW.id;
		NEW.mux_asset_id := NULL;
		NEW.mux_playback_id := NULL;
		NEW.mux_status := 'pending';
		NEW.duration_seconds := NULL;
	ELSE
		-- Of the new columns only those count that the statement writes: the others tell of
		-- the video before.
		has_video := OLD.mux_status = 'ready' AND OLD.mux_playback_id IS NOT NULL;
		IF OLD.mux_upload_id IS NOT NULL OR OLD.mux_asset_id IS NOT NULL OR has_video THEN
			INSERT INTO public.mux_bindings (lesson_id, number, upload_id, asset_id, playback_id, duration_seconds)
			SELECT OLD.id, 1, OLD.mux_upload_id, OLD.mux_asset_id,
				CASE WHEN has_video THEN OLD.mux_playback_id END, CASE WHEN has_video THEN OLD.duration_seconds END
			WHERE NOT EXISTS (SELECT FROM public.mux_bindings AS b WHERE b.lesson_id = OLD.id);
		END IF;
		has_video := names_asset AND NEW.mux_status = 'ready' AND NEW.mux_playback_id IS DISTINCT FROM OLD.mux_playback_id;
		INSERT INTO public.mux_bindings (lesson_id, number, upload_id, asset_id, playback_id, duration_seconds)
		SELECT NEW.id, COALESCE(max(b.number), 0) + 1, NEW.mux_upload_id, CASE WHEN names_asset THEN NEW.mux_asset_id END,
			CASE WHEN has_video THEN NEW.mux_playback_id END,
			CASE WHEN has_video AND NEW.mux_playback_id IS NOT NULL THEN NEW.duration_seconds END
		FROM public.mux_bindings AS b
		WHERE b.lesson_id = NEW.id;
	END IF;

	SELECT v.* INTO video
	FROM (SELECT NEW.*) AS l
	CROSS JOIN LATERAL public.content_library_mux_video(
	  l.id, l.mux_upload_id, l.mux_asset_id,
	  CASE WHEN l.mux_status = 'ready' THEN l.mux_playback_id END,
	  CASE WHEN l.mux_status = 'ready' THEN l.duration_seconds END) AS v;
	-- If nothing is known, a new row stays as it is, and so does one that is given another
	-- video.
	IF video.is_known
		OR NOT is_new AND NOT (names_asset AND (NEW.mux_status, NEW.mux_playback_id) IS DISTINCT FROM (OLD.mux_status, OLD.mux_playback_id))
	THEN
		NEW.mux_asset_id := video.mux_asset_id;
		NEW.mux_playback_id := video.mux_playback_id;
		NEW.mux_status := video.mux_status;
		NEW.duration_seconds := video.duration_seconds;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.content_library_mux_bind() IS
	'Trigger function: binds a lesson to the upload or asset that it names, and gives it the video.';

-- Without an upload the lesson follows the asset that it names.
CREATE OR REPLACE TRIGGER bind_mux_upload BEFORE UPDATE ON public.lessons
	FOR EACH ROW WHEN (OLD.mux_upload_id IS DISTINCT FROM NEW.mux_upload_id
		OR NEW.mux_upload_id IS NULL AND OLD.mux_asset_id IS DISTINCT FROM NEW.mux_asset_id)
	EXECUTE FUNCTION public.content_library_mux_bind();
-- In a restore it changes nothing: there are no events yet.
CREATE OR REPLACE TRIGGER bind_new_mux_upload BEFORE INSERT ON public.lessons
	FOR EACH ROW WHEN (NEW.mux_playback_id IS NULL AND NEW.mux_status = 'pending')
	EXECUTE FUNCTION public.content_library_mux_bind();

CREATE OR REPLACE FUNCTION public.mux_begin_upload(lesson_id uuid, upload_id text)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lesson public.lessons;
BEGIN
	IF $1 IS NULL OR $2 IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN $1 IS NULL THEN 'lesson_id' ELSE 'upload_id' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF length($2) NOT BETWEEN 1 AND 255 THEN
		RAISE EXCEPTION 'upload_id is not a text of 1 to 255 characters'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- The trigger does the rest.
	UPDATE public.lessons AS l SET mux_upload_id = $2
	WHERE l.id = $1
	RETURNING l.* INTO lesson;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'lesson "%" does not exist', $1
			USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN lesson;
END
$$;
COMMENT ON FUNCTION public.mux_begin_upload(uuid, text) IS
	'Binds a Mux upload to a lesson. A video that is ready stays until that of the upload is; otherwise the lesson''s video is what is known of the upload, and pending if nothing is. Returns the lesson. UPDATE lessons SET mux_upload_id does the same. Fails with 22004 for a NULL, 22023 for an empty upload_id, 23503 for an unknown lesson, 25000 unless READ COMMITTED.';

CREATE OR REPLACE FUNCTION public.mux_playback_claims(
	lesson_id uuid,
	ttl interval DEFAULT '6 hours',
	user_id uuid DEFAULT NULL,
	audience text DEFAULT 'v')
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	until timestamptz;
	learner uuid;
	nobody boolean;
	missing text := CASE WHEN lesson_id IS NULL THEN 'lesson_id' WHEN ttl IS NULL THEN 'ttl'
						 WHEN audience IS NULL THEN 'audience' END;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION '% must not be null', missing USING ERRCODE = 'null_value_not_allowed';
	END IF;
	until := now() + ttl;
	IF until <= now() OR NOT isfinite(until) THEN
		RAISE EXCEPTION 'ttl % is not a time to live', ttl
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It must be positive and finite.';
	END IF;
	IF audience <> ALL (ARRAY['v', 't', 's', 'g']) THEN
		RAISE EXCEPTION 'audience "%" is unknown', left(audience, 60)
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is v for the video, t for a thumbnail, s for a storyboard or g for a gif.';
	END IF;
	-- The service may ask for nobody.
	nobody := user_id IS NULL AND content_library.acts_for_others() AND auth.uid() IS NULL;
	IF NOT nobody THEN
		learner := content_library.caller(user_id);
	END IF;
	IF NOT content_library.sees_course(content_library.watched_course_of(lesson_id)) THEN
		PERFORM content_library.missing_lesson(lesson_id);
	END IF;
	IF learner IS NULL AND NOT nobody THEN
		RETURN content_library.own_mux_playback_claims(lesson_id, until, audience);
	END IF;
	RETURN content_library.mux_playback_claims(learner, lesson_id, until, audience, user_id IS NOT NULL);
END
$$;
COMMENT ON FUNCTION public.mux_playback_claims(uuid, interval, uuid, text) IS
	'The claims of a token that plays a lesson''s video. {sub, aud, exp} let the learner play it for the time ttl; the application signs them with Mux''s private key. audience is v for the video, t for a thumbnail, s for a storyboard, g for a gif. The learner is user_id, by default the caller; service_role without a learner gets those of a preview lesson. The staff of the course get those of all its lessons, drafts too. Fails with 22004 for a NULL, 22023 when ttl is not positive or audience is unknown, 28000 when nobody is signed in, 42501 when the learner may not watch the lesson (the detail gives the reason) or user_id is somebody else, 23503 for an unknown lesson or unpublished course, 55000 when the video is not ready.';


-- 11. Rights of functions ------------------------------------------------------

-- First nobody may call any function: default privileges may have granted that, and
-- PUBLIC may call every new function. All that may be called is granted below.
DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'public.content_library_set_updated_at()',
		'public.content_library_keep_certificate()',
		'public.content_library_on_change()',
		'public.content_library_is_staff(uuid, text)',
		'public.record_progress(uuid, double precision, double precision, uuid, jsonb)',
		'public.record_progress_batch(jsonb, uuid, boolean)',
		'public.enroll(uuid, uuid)',
		'public.unenroll(uuid, uuid)',
		'public.reset_progress(uuid, uuid, boolean)',
		'public.completion_threshold(uuid)',
		'public.course_completion(uuid, uuid)',
		'public.course_outline(uuid, uuid)',
		'public.next_lesson(uuid, uuid)',
		'public.course_progress(uuid)',
		'public.continue_watching(integer, uuid)',
		'public.course_report(uuid, integer, uuid)',
		'public.course_summary(uuid)',
		'public.lesson_report(uuid)',
		'public.lesson_retention(uuid, integer)',
		'public.move_lesson(uuid, uuid, uuid)',
		'public.move_module(uuid, uuid, uuid)',
		'public.copy_course(uuid, text, text)',
		'public.recompute_completion(uuid)',
		'public.issue_certificate(uuid, uuid, text, jsonb)',
		'public.revoke_certificate(text, text)',
		'public.certificate_credential(text, jsonb)',
		'public.verify_certificate(text)',
		'public.content_library_strict(boolean)',
		'public.mux_verify_signature(text, text, text[], interval, timestamptz)',
		'public.content_library_mux_policies()',
		'public.content_library_mux_latest(text, text)',
		'public.mux_state(text, text)',
		'public.content_library_mux_video(uuid, text, text, text, integer)',
		'public.content_library_mux_read(jsonb)',
		'public.mux_apply_event(jsonb)',
		'public.content_library_mux_bind()',
		'public.mux_begin_upload(uuid, text)',
		'public.mux_playback_claims(uuid, interval, uuid, text)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated, service_role', made);
		END IF;
	END LOOP;
END
$$;

DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'public.record_progress(uuid, double precision, double precision, uuid, jsonb)',
		'public.record_progress_batch(jsonb, uuid, boolean)',
		'public.enroll(uuid, uuid)',
		'public.unenroll(uuid, uuid)',
		'public.reset_progress(uuid, uuid, boolean)',
		'public.completion_threshold(uuid)',
		'public.course_completion(uuid, uuid)',
		'public.course_outline(uuid, uuid)',
		'public.next_lesson(uuid, uuid)',
		'public.course_progress(uuid)',
		'public.continue_watching(integer, uuid)',
		'public.mux_playback_claims(uuid, interval, uuid, text)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO authenticated, service_role', made);
		END IF;
	END LOOP;
END
$$;

-- For the staff of a course: each asks that itself.
DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'public.course_report(uuid, integer, uuid)',
		'public.course_summary(uuid)',
		'public.lesson_report(uuid)',
		'public.lesson_retention(uuid, integer)',
		'public.move_lesson(uuid, uuid, uuid)',
		'public.move_module(uuid, uuid, uuid)',
		'public.copy_course(uuid, text, text)',
		'public.recompute_completion(uuid)',
		'public.content_library_is_staff(uuid, text)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO authenticated, service_role', made);
		END IF;
	END LOOP;
END
$$;

DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'public.issue_certificate(uuid, uuid, text, jsonb)',
		'public.revoke_certificate(text, text)',
		'public.certificate_credential(text, jsonb)',
		'public.mux_verify_signature(text, text, text[], interval, timestamptz)',
		'public.content_library_mux_policies()',
		'public.content_library_mux_latest(text, text)',
		'public.mux_state(text, text)',
		'public.content_library_mux_video(uuid, text, text, text, integer)',
		'public.content_library_mux_read(jsonb)',
		'public.mux_apply_event(jsonb)',
		'public.mux_begin_upload(uuid, text)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', made);
		END IF;
	END LOOP;
END
$$;

-- The only function of anon.
DO $$
DECLARE
	made text;
BEGIN
	FOREACH made IN ARRAY ARRAY[
		'public.verify_certificate(text)']
	LOOP
		IF made::regprocedure::text <> ALL (current_setting('content_library_migration.kept')::text[]) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO anon, authenticated, service_role', made);
		END IF;
	END LOOP;
END
$$;


INSERT INTO public.content_library_settings DEFAULT VALUES ON CONFLICT DO NOTHING;

-- What an earlier version has made, and this one has not: functions with other arguments,
-- for example. If something of yours depends on one of them, an error names it.
DO $$
DECLARE
	made CONSTANT text[] := ARRAY(
		SELECT m::regprocedure::text FROM unnest(current_setting('content_library_migration.made')::text[]) AS m
		WHERE m LIKE '%(%');
	gone CONSTANT text := (
		SELECT string_agg(k, ', ') FROM unnest(current_setting('content_library_migration.kept')::text[]) AS k
		WHERE k LIKE '%(%' AND k <> ALL (made));
BEGIN
	IF gone IS NOT NULL THEN
		EXECUTE 'DROP FUNCTION ' || gone;
	END IF;
	EXECUTE format(
		'CREATE OR REPLACE FUNCTION content_library.made() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS %L',
		format('SELECT %L::text[]', current_setting('content_library_migration.made')));
END
$$;
COMMENT ON FUNCTION content_library.made() IS
	'What the migration has made: the next run leaves the rights on it as they are, and drops what it no longer makes.';
REVOKE ALL ON FUNCTION content_library.made() FROM PUBLIC, anon, authenticated, service_role;

RESET content_library_migration.kept;
RESET content_library_migration.made;
RESET search_path;
RESET client_min_messages;
