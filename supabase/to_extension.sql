-- to_extension: makes an install of the SQL edition one of the extension, with every row: see docs/sql-edition.md.
--
-- Made by `make migration`. As the owner of the tables: psql -f supabase/to_extension.sql

\set ON_ERROR_STOP on
BEGIN;
-- Names and operators below are the server's, whatever stands in other schemas.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Until this ends, the owner of the schema must not give its name to another schema. Only
-- a superuser can lock it, and only a superuser would then run another role's code.
DO $$
BEGIN
	IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		PERFORM FROM pg_namespace WHERE nspname = 'public' FOR KEY SHARE;
	END IF;
END
$$;

-- What was taken away stays away, and what was granted stays granted: remembered here,
-- and taken away and granted again below.
CREATE TEMP TABLE content_library_rights ON COMMIT DROP AS
WITH g(kind, object, privilege, col, grantee) AS (VALUES
	('TABLE', 'courses', 'SELECT', NULL, 'service_role'),
	('TABLE', 'courses', 'INSERT', NULL, 'service_role'),
	('TABLE', 'courses', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'courses', 'DELETE', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'SELECT', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'INSERT', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'course_prerequisites', 'DELETE', NULL, 'service_role'),
	('TABLE', 'course_staff', 'SELECT', NULL, 'service_role'),
	('TABLE', 'course_staff', 'INSERT', NULL, 'service_role'),
	('TABLE', 'course_staff', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'course_staff', 'DELETE', NULL, 'service_role'),
	('TABLE', 'modules', 'SELECT', NULL, 'service_role'),
	('TABLE', 'modules', 'INSERT', NULL, 'service_role'),
	('TABLE', 'modules', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'modules', 'DELETE', NULL, 'service_role'),
	('TABLE', 'lessons', 'SELECT', NULL, 'service_role'),
	('TABLE', 'lessons', 'INSERT', NULL, 'service_role'),
	('TABLE', 'lessons', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'lessons', 'DELETE', NULL, 'service_role'),
	('TABLE', 'enrollments', 'SELECT', NULL, 'service_role'),
	('TABLE', 'enrollments', 'INSERT', NULL, 'service_role'),
	('TABLE', 'enrollments', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'enrollments', 'DELETE', NULL, 'service_role'),
	('TABLE', 'content_progress', 'SELECT', NULL, 'service_role'),
	('TABLE', 'content_progress', 'INSERT', NULL, 'service_role'),
	('TABLE', 'content_progress', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'content_progress', 'DELETE', NULL, 'service_role'),
	('TABLE', 'courses', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'course_prerequisites', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'course_staff', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'modules', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'lessons', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'enrollments', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'id', 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'user_id', 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'course_id', 'authenticated'),
	('TABLE', 'enrollments', 'INSERT', 'enrolled_at', 'authenticated'),
	('TABLE', 'content_progress', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'content_progress', 'INSERT', NULL, 'authenticated'),
	('TABLE', 'content_progress', 'UPDATE', NULL, 'authenticated'),
	('TABLE', 'content_progress', 'DELETE', NULL, 'authenticated'),
	('TABLE', 'certificates', 'SELECT', NULL, 'service_role'),
	('TABLE', 'certificates', 'UPDATE', NULL, 'service_role'),
	('TABLE', 'certificates', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'mux_events', 'SELECT', NULL, 'service_role'),
	('TABLE', 'mux_events', 'INSERT', NULL, 'service_role'),
	('TABLE', 'mux_events', 'DELETE', NULL, 'service_role'),
	('TABLE', 'mux_bindings', 'SELECT', NULL, 'service_role'),
	('FUNCTION', 'record_progress(uuid, double precision, double precision, uuid, jsonb)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'record_progress_batch(jsonb, uuid, boolean)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'enroll(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'unenroll(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'reset_progress(uuid, uuid, boolean)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'completion_threshold(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_completion(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_outline(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'next_lesson(uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_progress(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'continue_watching(integer, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'mux_playback_claims(uuid, interval, uuid, text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'record_progress(uuid, double precision, double precision, uuid, jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'record_progress_batch(jsonb, uuid, boolean)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'enroll(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'unenroll(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'reset_progress(uuid, uuid, boolean)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'completion_threshold(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_completion(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_outline(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'next_lesson(uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_progress(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'continue_watching(integer, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_playback_claims(uuid, interval, uuid, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_report(uuid, integer, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_summary(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'lesson_report(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'lesson_retention(uuid, integer)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'move_lesson(uuid, uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'move_module(uuid, uuid, uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'copy_course(uuid, text, text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'recompute_completion(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'content_library_is_staff(uuid, text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'course_report(uuid, integer, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'course_summary(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'lesson_report(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'lesson_retention(uuid, integer)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'move_lesson(uuid, uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'move_module(uuid, uuid, uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'copy_course(uuid, text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'recompute_completion(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_is_staff(uuid, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_sees_course(uuid)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'content_library_reads_lesson(uuid, boolean, boolean)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'content_library_sees_course(uuid)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_reads_lesson(uuid, boolean, boolean)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'issue_certificate(uuid, uuid, text, jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'revoke_certificate(text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'certificate_credential(text, jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_verify_signature(text, text, text[], interval, timestamptz)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_policies()', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_latest(text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_state(text, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_video(uuid, text, text, text, integer)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_mux_read(jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_apply_event(jsonb)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'mux_begin_upload(uuid, text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'verify_certificate(text)', 'EXECUTE', NULL, 'anon'),
	('FUNCTION', 'verify_certificate(text)', 'EXECUTE', NULL, 'authenticated'),
	('FUNCTION', 'verify_certificate(text)', 'EXECUTE', NULL, 'service_role'),
	('FUNCTION', 'content_library_check(boolean)', 'EXECUTE', NULL, 'service_role'),
	('TABLE', 'content_library_settings', 'SELECT', NULL, 'authenticated'),
	('TABLE', 'content_library_settings', 'SELECT', NULL, 'service_role')
), standard AS (
	SELECT g.*, CASE g.kind WHEN 'TABLE' THEN to_regclass('public.' || g.object)::oid ELSE to_regprocedure('public.' || g.object)::oid END AS oid
	FROM g
), taken AS (
	SELECT g.kind, 'public.' || g.object AS object, format('%s ON %s %s', string_agg(concat(g.privilege, ' (' || g.col || ')'), ', '), g.kind, 'public.' || g.object) AS rights, g.grantee
	FROM g
	WHERE NOT CASE
		WHEN g.kind = 'FUNCTION' THEN has_function_privilege(g.grantee, to_regprocedure('public.' || g.object), g.privilege)
		WHEN g.col IS NULL THEN has_table_privilege(g.grantee, to_regclass('public.' || g.object), g.privilege)
		ELSE has_column_privilege(g.grantee, to_regclass('public.' || g.object), g.col, g.privilege)
	END
	GROUP BY g.kind, g.object, g.grantee
), objects(kind, name, oid, owner, col, acl) AS (
	SELECT 'TABLE', c.oid::regclass::text, c.oid, c.relowner, NULL, c.relacl
	FROM pg_class AS c
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('certificates', 'content_library_settings', 'content_progress', 'course_prerequisites', 'course_staff', 'courses', 'enrollments', 'lessons', 'modules', 'mux_bindings', 'mux_events')
	UNION ALL
	SELECT 'TABLE', c.oid::regclass::text, c.oid, c.relowner, a.attname::text, a.attacl
	FROM pg_class AS c
	JOIN pg_attribute AS a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('certificates', 'content_library_settings', 'content_progress', 'course_prerequisites', 'course_staff', 'courses', 'enrollments', 'lessons', 'modules', 'mux_bindings', 'mux_events')
	UNION ALL
	SELECT 'FUNCTION', p.oid::regprocedure::text, p.oid, p.proowner, NULL, coalesce(p.proacl, acldefault('f', p.proowner))
	FROM pg_proc AS p
	WHERE p.pronamespace = to_regnamespace('content_library')
		OR p.oid IN (SELECT to_regprocedure(f) FROM unnest(ARRAY[
			'public.certificate_credential(text, jsonb)',
			'public.completion_threshold(uuid)',
			'public.content_library_attach()',
			'public.content_library_attach_when_ready()',
			'public.content_library_check(boolean)',
			'public.content_library_findings(text)',
			'public.content_library_is_staff(uuid, text)',
			'public.content_library_keep_certificate()',
			'public.content_library_mux_bind()',
			'public.content_library_mux_latest(text, text)',
			'public.content_library_mux_policies()',
			'public.content_library_mux_read(jsonb)',
			'public.content_library_mux_video(uuid, text, text, text, integer)',
			'public.content_library_on_change()',
			'public.content_library_reads_lesson(uuid, boolean, boolean)',
			'public.content_library_sees_course(uuid)',
			'public.content_library_set_updated_at()',
			'public.content_library_strict(boolean)',
			'public.content_library_warn_of_columns()',
			'public.continue_watching(integer, uuid)',
			'public.copy_course(uuid, text, text)',
			'public.course_completion(uuid, uuid)',
			'public.course_outline(uuid, uuid)',
			'public.course_progress(uuid)',
			'public.course_report(uuid, integer, uuid)',
			'public.course_summary(uuid)',
			'public.enroll(uuid, uuid)',
			'public.issue_certificate(uuid, uuid, text, jsonb)',
			'public.lesson_report(uuid)',
			'public.lesson_retention(uuid, integer)',
			'public.move_lesson(uuid, uuid, uuid)',
			'public.move_module(uuid, uuid, uuid)',
			'public.mux_apply_event(jsonb)',
			'public.mux_begin_upload(uuid, text)',
			'public.mux_playback_claims(uuid, interval, uuid, text)',
			'public.mux_state(text, text)',
			'public.mux_verify_signature(text, text, text[], interval, timestamptz)',
			'public.next_lesson(uuid, uuid)',
			'public.recompute_completion(uuid)',
			'public.record_progress(uuid, double precision, double precision, uuid, jsonb)',
			'public.record_progress_batch(jsonb, uuid, boolean)',
			'public.reset_progress(uuid, uuid, boolean)',
			'public.revoke_certificate(text, text)',
			'public.unenroll(uuid, uuid)',
			'public.verify_certificate(text)']) AS f)
), added AS (
	SELECT o.kind, o.name AS object, o.owner, a.grantor, a.is_grantable,
		   format('%s ON %s %s', string_agg(concat(a.privilege_type, ' (' || quote_ident(o.col) || ')'), ', '), o.kind, o.name) AS rights,
		   CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
	FROM objects AS o
	CROSS JOIN LATERAL aclexplode(o.acl) AS a
	WHERE a.grantee NOT IN (o.owner, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'public.courses'::regclass))
		AND (o.owner <> a.grantor OR a.is_grantable OR NOT EXISTS (
			SELECT FROM standard AS s
			WHERE s.kind = o.kind AND s.oid = o.oid AND s.col IS NOT DISTINCT FROM o.col
				AND s.privilege = a.privilege_type AND s.grantee = a.grantee::regrole::text))
		-- The doors have rights that the other edition does not need.
		AND NOT (o.name LIKE 'content\_library.%' AND a.grantee::regrole::text IN ('anon', 'authenticated', 'service_role'))
	GROUP BY o.kind, o.name, o.owner, a.grantor, a.is_grantable, a.grantee
)
SELECT t.kind, t.object, t.rights, t.grantee, true AS taken, NULL::oid AS other_grantor,
	   format('GRANT %s TO %I', t.rights, t.grantee) AS set_aside, format('REVOKE %s FROM %I', t.rights, t.grantee) AS put_back
FROM taken AS t
UNION ALL
SELECT a.kind, a.object, a.rights, a.grantee, false, NULLIF(a.grantor, a.owner),
	   format('REVOKE %s FROM %s', a.rights, a.grantee), format('GRANT %s TO %s%s', a.rights, a.grantee, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
FROM added AS a;
DO $$
DECLARE
	entry record;
BEGIN
	-- A grant can be made again only as the owner.
	FOR entry IN SELECT * FROM pg_temp.content_library_rights WHERE other_grantor IS NOT NULL LOOP
		RAISE EXCEPTION '%, who is not the owner, has granted % to %', entry.other_grantor::regrole, entry.rights, entry.grantee
			USING ERRCODE = 'invalid_grantor',
				  HINT = format('Nothing was changed. Have that taken away, by %s: %s; then run this again, and grant it again.', entry.other_grantor::regrole, entry.set_aside);
	END LOOP;
END
$$;

-- Else the extension would say that it grants what was taken away, and would take what was
-- granted to others for its own.
DO $$
DECLARE
	entry record;
BEGIN
	FOR entry IN
		SELECT * FROM pg_temp.content_library_rights
		WHERE kind = 'TABLE' AND (taken OR grantee NOT IN ('PUBLIC', 'anon', 'authenticated', 'service_role'))
		ORDER BY taken
	LOOP
		EXECUTE entry.set_aside;
	END LOOP;
END
$$;

-- A superuser may run this, and to read a table can run code of its owner: a cast, a view,
-- the predicate of an index. So the table is read only if it is as the migration makes it,
-- and nobody can change it meanwhile.
LOCK TABLE public.content_library_settings IN ACCESS EXCLUSIVE MODE;
CREATE TEMP TABLE content_library_settings (
	one						boolean PRIMARY KEY DEFAULT true CHECK (one),
	completion_threshold	integer NOT NULL DEFAULT 90 CHECK (completion_threshold BETWEEN 1 AND 100),
	heartbeat_interval		integer NOT NULL DEFAULT 15 CHECK (heartbeat_interval >= 0),
	max_playback_rate		double precision NOT NULL DEFAULT 2.5
							CHECK (max_playback_rate >= 0 AND max_playback_rate < 'Infinity'),
	watch_grace				integer NOT NULL DEFAULT 30 CHECK (watch_grace >= 0),
	mux_playback_policies	text[] NOT NULL DEFAULT '{public,signed}'
							CHECK (mux_playback_policies <@ '{public,signed,drm}' AND mux_playback_policies <> '{}')
) ON COMMIT DROP;
DO $$
DECLARE
	differences text;
BEGIN
	WITH tables AS (
		SELECT c.*, t.relowner AS library_owner
		FROM pg_class AS c, pg_class AS t
		WHERE c.oid IN ('public.content_library_settings'::regclass, 'pg_temp.content_library_settings'::regclass)
			AND t.oid = 'public.courses'::regclass
	), described AS (
		SELECT t.oid AS relation, 'the relation' AS object, concat(t.relkind, t.relforcerowsecurity) AS definition
		FROM tables AS t
		UNION ALL
		SELECT t.oid, 'the owner', CASE WHEN t.relnamespace = 'public'::regnamespace THEN t.relowner ELSE t.library_owner END::text
		FROM tables AS t
		UNION ALL
		SELECT t.oid, format('column %I', a.attname), concat(format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated)
		FROM tables AS t
		JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT t.oid, format('constraint %I', k.conname), pg_get_constraintdef(k.oid)
		FROM tables AS t
		JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype IN ('c', 'p')
		UNION ALL
		SELECT t.oid, format('index %I', c.relname), ''
		FROM tables AS t
		JOIN pg_index AS i ON i.indrelid = t.oid
		JOIN pg_class AS c ON c.oid = i.indexrelid
		UNION ALL
		SELECT t.oid, format('statistics %I', s.stxname), ''
		FROM tables AS t
		JOIN pg_statistic_ext AS s ON s.stxrelid = t.oid
		UNION ALL
		SELECT t.oid, format('the child %s', i.inhrelid::regclass), ''
		FROM tables AS t
		JOIN pg_inherits AS i ON i.inhparent = t.oid
	)
	SELECT string_agg(DISTINCT d.object, ', ') INTO differences
	FROM (SELECT object FROM described GROUP BY object, definition HAVING count(DISTINCT relation) = 1) AS d;

	IF differences IS NOT NULL THEN
		RAISE EXCEPTION 'public.content_library_settings is not as the SQL edition makes it'
			USING ERRCODE = 'invalid_table_definition',
				  DETAIL = format('What differs: %s.', differences),
				  HINT = 'Nothing was changed. Change that back, or drop the table and run the migration again, which makes it with the usual settings.';
	END IF;
END
$$;


-- The settings are the server's from now on, and a superuser's.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT format('ALTER DATABASE %I SET content_library.%I = %L', current_database(), v.name, v.value)
		FROM ONLY public.content_library_settings AS s
		CROSS JOIN LATERAL (VALUES
			('completion_threshold', s.completion_threshold::text, '90'),
			('heartbeat_interval', s.heartbeat_interval::text, '15'),
			('max_playback_rate', s.max_playback_rate::text, '2.5'),
			('watch_grace', s.watch_grace::text, '30'),
			('mux_playback_policies', array_to_string(s.mux_playback_policies, ','), 'public,signed')
		) AS v(name, value, usual)
		WHERE v.value <> v.usual
	LOOP
		BEGIN
			EXECUTE command;
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE WARNING 'a setting is not taken over' USING HINT = 'As a superuser: ' || command;
		END;
	END LOOP;
END
$$;
DROP TABLE public.content_library_settings;

-- What the extension makes of its own. Whatever of yours depends on one of
-- these is named by an error, and nothing is changed.
DROP POLICY "Staff can read their courses" ON public.courses;
DROP POLICY "Editors change their courses" ON public.courses;
DROP POLICY "Editors delete their courses" ON public.courses;
DROP POLICY "Editors add modules" ON public.modules;
DROP POLICY "Editors change their modules" ON public.modules;
DROP POLICY "Editors delete their modules" ON public.modules;
DROP POLICY "Editors add lessons" ON public.lessons;
DROP POLICY "Editors change their lessons" ON public.lessons;
DROP POLICY "Editors delete their lessons" ON public.lessons;
DROP POLICY "Strict: modules of visible courses" ON public.modules;
DROP POLICY "Strict: lessons that may be watched" ON public.lessons;
DROP TRIGGER set_updated_at ON public.courses;
DROP TRIGGER set_updated_at ON public.modules;
DROP TRIGGER set_updated_at ON public.lessons;
DROP TRIGGER keep_certificate ON public.certificates;
DROP TRIGGER claim_after_delete ON public.modules;
DROP TRIGGER claim_after_update ON public.modules;
DROP TRIGGER claim_after_delete ON public.lessons;
DROP TRIGGER claim_after_update ON public.lessons;
DROP TRIGGER begin_access ON public.enrollments;
DROP TRIGGER lock_learner ON public.enrollments;
DROP TRIGGER claim_after_insert ON public.enrollments;
DROP TRIGGER claim_after_update ON public.enrollments;
DROP TRIGGER claim_after_insert ON public.content_progress;
DROP TRIGGER claim_after_update ON public.content_progress;
DROP TRIGGER bind_mux_upload ON public.lessons;
DROP TRIGGER bind_new_mux_upload ON public.lessons;
DROP FUNCTION
	public.content_library_set_updated_at(),
	public.content_library_keep_certificate(),
	public.content_library_on_change(),
	public.content_library_is_staff(uuid, text),
	content_library.missing_course(uuid),
	content_library.missing_lesson(uuid, text),
	content_library.refuse_lesson(text, uuid, uuid, text, timestamptz),
	content_library.refuse_report(text, uuid, text),
	content_library.missing_user(uuid, text, text),
	content_library.missing_certificate(text),
	content_library.nobody(),
	content_library.other_user(uuid),
	content_library.writes(text),
	content_library.acts_for_others(),
	content_library.caller(uuid),
	content_library.sees_course(uuid),
	content_library.require_course(uuid),
	content_library.enter(uuid, text),
	content_library.require_owner(),
	content_library.learner(),
	content_library.is_staff(uuid, text),
	content_library.edits_lesson(uuid),
	content_library.require_staff(uuid, text, text, uuid),
	content_library.is_visible(uuid),
	content_library.visible(uuid),
	content_library.threshold(uuid),
	content_library.percentage(bigint, bigint),
	content_library.whole_number(double precision, text, integer),
	content_library.whole_percent(double precision),
	content_library.whole_position(double precision),
	content_library.json_number(jsonb, text),
	content_library.read_played(jsonb),
	content_library.read_report(jsonb, timestamptz),
	content_library.read_reports(jsonb, timestamptz),
	content_library.look(uuid, uuid, timestamptz, integer, boolean, boolean),
	content_library.seconds(int4multirange),
	content_library.allowed(timestamptz, timestamptz),
	content_library.credit(int4multirange, int4multirange, double precision),
	content_library.objection(text, integer, integer, int4multirange, boolean),
	content_library.weigh(public.content_progress, integer, int4multirange, timestamptz, timestamptz, integer, boolean, double precision),
	content_library.course_seconds(uuid, uuid, uuid[], int4multirange[], timestamptz),
	content_library.completes(public.content_progress, integer, integer),
	content_library.is_news(public.content_progress, boolean, integer, boolean, integer, timestamptz),
	content_library.insert_row(uuid, uuid, integer, integer, integer, timestamptz, int4multirange, timestamptz, text),
	content_library.update_row(uuid, uuid, boolean, integer, integer, integer, timestamptz, timestamptz, int4multirange, int4multirange, timestamptz),
	content_library.lock_user(uuid),
	content_library.lock_completion(uuid, boolean),
	content_library.lock_courses(uuid[]),
	content_library.claim_begin(uuid, uuid[]),
	content_library.complete(uuid, uuid, boolean),
	content_library.claim(uuid, uuid),
	content_library.claim_all(uuid),
	content_library.module_of(uuid, boolean),
	content_library.course_of(uuid, boolean),
	content_library.check_before(uuid, uuid, uuid, uuid),
	content_library.lock_video(boolean, text, text),
	content_library.watched_course_of(uuid),
	content_library.record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, boolean, uuid[], boolean[]),
	content_library.bar_reports(uuid, uuid[], integer[], boolean),
	content_library.own_record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, uuid[]),
	content_library.send(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean),
	content_library.begin_batch(uuid[], uuid[]),
	content_library.send_all(uuid[], uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, boolean),
	content_library.enroll(uuid, uuid, boolean, boolean),
	content_library.own_enroll(uuid, boolean),
	content_library.unenroll(uuid, uuid, boolean, boolean),
	content_library.own_unenroll(uuid, boolean),
	content_library.reset_progress(uuid, uuid, boolean, boolean),
	content_library.own_reset_progress(uuid, boolean, boolean),
	content_library.completion_threshold(uuid),
	content_library.own_completion_threshold(uuid),
	content_library.course_completion(uuid, uuid),
	content_library.own_course_completion(uuid),
	content_library.course_outline(uuid, uuid, boolean, boolean),
	content_library.require_own_learner(uuid, uuid),
	content_library.own_course_outline(uuid, uuid),
	content_library.next_lesson(uuid, uuid, boolean),
	content_library.own_next_lesson(uuid),
	content_library.course_progress(uuid, boolean),
	content_library.own_course_progress(),
	content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean),
	content_library.own_continue_watching(integer, timestamptz, uuid),
	content_library.mux_playback_claims(uuid, uuid, timestamptz, text, boolean),
	content_library.own_mux_playback_claims(uuid, timestamptz, text),
	content_library.course_report(uuid, integer, uuid),
	content_library.own_course_report(uuid, integer, uuid),
	content_library.course_summary(uuid),
	content_library.own_course_summary(uuid),
	content_library.lesson_report(uuid),
	content_library.own_lesson_report(uuid),
	content_library.lesson_retention(uuid, integer),
	content_library.own_lesson_retention(uuid, integer),
	content_library.own_course_of_lesson(uuid),
	content_library.own_course_of_module(uuid),
	content_library.lock_for_move(uuid, uuid),
	content_library.check_still_there(uuid, uuid, text, uuid),
	content_library.move_lesson(uuid, uuid, uuid, boolean),
	content_library.own_move_lesson(uuid, uuid, uuid),
	content_library.move_module(uuid, uuid, uuid, boolean),
	content_library.own_move_module(uuid, uuid, uuid),
	content_library.copy_course(uuid, text, text, uuid),
	content_library.own_copy_course(uuid, text, text),
	content_library.complete_lessons(uuid),
	content_library.recompute_completion(uuid),
	content_library.own_recompute_completion(uuid),
	content_library.issue_certificate(uuid, uuid, text, jsonb),
	content_library.revoke_certificate(text, text),
	content_library.verify_certificate(text),
	content_library.certificate_credential(text, jsonb),
	public.record_progress(uuid, double precision, double precision, uuid, jsonb),
	public.record_progress_batch(jsonb, uuid, boolean),
	public.enroll(uuid, uuid),
	public.unenroll(uuid, uuid),
	public.reset_progress(uuid, uuid, boolean),
	public.completion_threshold(uuid),
	public.course_completion(uuid, uuid),
	public.course_outline(uuid, uuid),
	public.next_lesson(uuid, uuid),
	public.course_progress(uuid),
	public.continue_watching(integer, uuid),
	public.course_report(uuid, integer, uuid),
	public.course_summary(uuid),
	public.lesson_report(uuid),
	public.lesson_retention(uuid, integer),
	public.move_lesson(uuid, uuid, uuid),
	public.move_module(uuid, uuid, uuid),
	public.copy_course(uuid, text, text),
	public.recompute_completion(uuid),
	public.issue_certificate(uuid, uuid, text, jsonb),
	public.revoke_certificate(text, text),
	public.certificate_credential(text, jsonb),
	public.verify_certificate(text),
	public.content_library_strict(boolean),
	public.mux_verify_signature(text, text, text[], interval, timestamptz),
	public.content_library_mux_policies(),
	public.content_library_mux_latest(text, text),
	public.mux_state(text, text),
	public.content_library_mux_video(uuid, text, text, text, integer),
	public.content_library_mux_read(jsonb),
	public.mux_apply_event(jsonb),
	public.content_library_mux_bind(),
	public.mux_begin_upload(uuid, text),
	public.mux_playback_claims(uuid, interval, uuid, text),
	content_library.made();
DROP TYPE public.recorded_progress;
DROP SCHEMA content_library;

CREATE EXTENSION content_library SCHEMA public VERSION 'sql';
ALTER EXTENSION content_library UPDATE TO '1.0';

DO $$
DECLARE
	entry record;
	owner oid;
BEGIN
	-- To take away a right on a table takes it from its columns, too: so that comes first.
	FOR entry IN SELECT * FROM pg_temp.content_library_rights ORDER BY taken DESC LOOP
		owner := CASE entry.kind
			WHEN 'TABLE' THEN (SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass(entry.object))
			ELSE (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = to_regprocedure(entry.object)) END;
		IF owner IS NULL AND NOT entry.taken THEN
			RAISE EXCEPTION '% cannot stay granted to %', entry.rights, entry.grantee
				USING ERRCODE = 'undefined_object',
					  DETAIL = format('The other edition has no %s of that name.', lower(entry.kind)),
					  HINT = format('Nothing was changed. Take it away, then run this again: %s;', entry.set_aside);
		ELSIF NOT pg_has_role(owner, 'USAGE') THEN
			RAISE WARNING 'what was %: % to %', CASE WHEN entry.taken THEN 'taken away is granted again' ELSE 'granted is taken away' END, entry.rights, entry.grantee
				USING HINT = format('As a superuser: %s;', entry.put_back);
		ELSIF owner IS NOT NULL THEN
			EXECUTE entry.put_back;
		END IF;
	END LOOP;
END
$$;

SELECT * FROM public.content_library_check();
COMMIT;
