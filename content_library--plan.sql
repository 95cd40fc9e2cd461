/* content_library--plan.sql: adopts the tables of the plan's migration: see docs/adoption.md. */

\echo Use "CREATE EXTENSION content_library VERSION 'plan'" to load this file. \quit

-- Contents
--   1. the plan's tables, as they should be
--   2. what differs is refused by name
--   3. the tables become the extension's
--   4. what the extension adds to them
-- The rest is made by content_library--plan--1.0.sql.


-- 1. The plan's tables, as they should be ------------------------------------

-- Names and operators below must be the server's own, and not those of another schema.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- An older snapshot would show owners and definitions that have changed since.
DO $$
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION 'tables are adopted only under READ COMMITTED'
			USING ERRCODE = 'invalid_transaction_state',
				  DETAIL = 'This transaction would see who owned them when it began.',
				  HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED, then try again.';
	END IF;
END
$$;

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

CREATE SCHEMA content_library_plan;

CREATE TABLE content_library_plan.courses (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	title			text NOT NULL,
	description		text NOT NULL DEFAULT '',
	slug			text NOT NULL UNIQUE,
	thumbnail_url	text,
	stage			text,
	topic			text,
	tier_required	text NOT NULL DEFAULT 'free'
					CHECK (tier_required IN ('free', 'pro', 'studio')),
	is_published	boolean NOT NULL DEFAULT false,
	sort_order		integer NOT NULL DEFAULT 0,
	created_at		timestamptz NOT NULL DEFAULT now(),
	updated_at		timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE content_library_plan.modules (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	course_id	uuid NOT NULL REFERENCES content_library_plan.courses (id) ON DELETE CASCADE,
	title		text NOT NULL,
	description	text NOT NULL DEFAULT '',
	sort_order	integer NOT NULL DEFAULT 0,
	created_at	timestamptz NOT NULL DEFAULT now(),
	updated_at	timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE content_library_plan.lessons (
	id					uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	module_id			uuid NOT NULL REFERENCES content_library_plan.modules (id) ON DELETE CASCADE,
	title				text NOT NULL,
	description			text NOT NULL DEFAULT '',
	sort_order			integer NOT NULL DEFAULT 0,
	duration_seconds	integer,
	mux_upload_id		text,
	mux_asset_id		text,
	mux_playback_id		text,
	mux_status			text NOT NULL DEFAULT 'pending'
						CHECK (mux_status IN ('pending', 'processing', 'ready', 'error')),
	is_preview			boolean NOT NULL DEFAULT false,
	created_at			timestamptz NOT NULL DEFAULT now(),
	updated_at			timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE content_library_plan.enrollments (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id		uuid NOT NULL,
	course_id	uuid NOT NULL REFERENCES content_library_plan.courses (id) ON DELETE CASCADE,
	enrolled_at	timestamptz NOT NULL DEFAULT now(),
	UNIQUE (user_id, course_id)
);
CREATE TABLE content_library_plan.content_progress (
	id				uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id			uuid NOT NULL,
	lesson_id		uuid NOT NULL REFERENCES content_library_plan.lessons (id) ON DELETE CASCADE,
	watched_pct		integer NOT NULL DEFAULT 0 CHECK (watched_pct BETWEEN 0 AND 100),
	completed		boolean NOT NULL DEFAULT false,
	last_watched	timestamptz NOT NULL DEFAULT now(),
	UNIQUE (user_id, lesson_id)
);

CREATE INDEX idx_courses_published ON content_library_plan.courses (is_published);
CREATE INDEX idx_courses_stage ON content_library_plan.courses (stage);
CREATE INDEX idx_courses_topic ON content_library_plan.courses (topic);
CREATE INDEX idx_modules_course_id ON content_library_plan.modules (course_id);
CREATE INDEX idx_lessons_module_id ON content_library_plan.lessons (module_id);
CREATE INDEX idx_lessons_mux_asset_id ON content_library_plan.lessons (mux_asset_id);
CREATE INDEX idx_enrollments_user_id ON content_library_plan.enrollments (user_id);
CREATE INDEX idx_content_progress_user_id ON content_library_plan.content_progress (user_id);


-- 2. What differs is refused by name -----------------------------------------

-- Nobody may change a table while it is compared and adopted. So the lock comes
-- first. Taking it runs no code of the tables' owner.
LOCK TABLE
	@extschema@.courses,
	@extschema@.modules,
	@extschema@.lessons,
	@extschema@.enrollments,
	@extschema@.content_progress
	IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
	differences text;
BEGIN
	WITH tables AS (
		SELECT c.oid, c.relname AS name, n.nspname AS schema, n.nspname = 'content_library_plan' AS planned,
			   c.relkind, c.relpersistence, c.relowner, c.relacl
		FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.oid = ANY (ARRAY['@extschema@'::regnamespace, 'content_library_plan'::regnamespace]::oid[])
			AND c.relname = ANY ('{courses,modules,lessons,enrollments,content_progress}')
	), described AS (
		-- Each thing on a table with its definition, and what to do if it should not be
		-- there. "planned" says on which of the two sides it is.
		SELECT t.planned, format('column %I.%I', t.name, a.attname) AS object,
			   concat_ws(' ', format_type(a.atttypid, a.atttypmod),
				   CASE WHEN a.attcollation <> y.typcollation
						THEN 'COLLATE ' || a.attcollation::regcollation::text END,
				   CASE WHEN a.attnotnull THEN 'NOT NULL' END,
				   'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
				   CASE WHEN a.attgenerated <> '' OR a.attidentity <> '' THEN 'GENERATED' END) AS definition,
			   'move its values to a table of your own and drop it' AS remedy
		FROM tables AS t
		JOIN pg_attribute AS a ON a.attrelid = t.oid
			AND a.attnum > 0::int2 AND NOT a.attisdropped
		JOIN pg_type AS y ON y.oid = a.atttypid
		LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid
			AND d.adnum = a.attnum
		UNION ALL
		SELECT t.planned, format('constraint %I on %I', k.conname, t.name),
			   -- The name of the schema is left out of the table that a key refers to, and
			   -- not of a function.
			   CASE WHEN k.contype = 'f'
					THEN replace(pg_get_constraintdef(k.oid), quote_ident(t.schema) || '.', '')
					ELSE pg_get_constraintdef(k.oid) END,
			   'drop it'
		FROM tables AS t
		JOIN pg_constraint AS k ON k.conrelid = t.oid
		WHERE k.contype = ANY ('{c,f,p,u,x}'::"char"[])
			-- The keys to auth.users are made again.
			AND NOT (k.contype = 'f'
					 AND k.conname = (t.name || '_user_id_fkey'))
		UNION ALL
		SELECT t.planned, format('index %I on %I', c.relname, t.name),
			   concat(
				   replace(pg_get_indexdef(c.oid), ' ON ' || quote_ident(t.schema) || '.', ' ON '),
				   CASE WHEN NOT i.indisvalid THEN ' (invalid)' END),
			   'drop it; you may make it again afterwards'
		FROM tables AS t
		JOIN pg_index AS i ON i.indrelid = t.oid
		JOIN pg_class AS c ON c.oid = i.indexrelid
		WHERE NOT EXISTS (SELECT FROM pg_constraint AS k
						  WHERE k.conindid = i.indexrelid
							AND k.conrelid = t.oid)
		UNION ALL
		SELECT t.planned, format('trigger %I on %I', g.tgname, t.name), pg_get_triggerdef(g.oid),
			   'drop it; content_library keeps updated_at itself'
		FROM tables AS t
		JOIN pg_trigger AS g ON g.tgrelid = t.oid AND NOT g.tgisinternal
		UNION ALL
		SELECT t.planned, format('rule %I on %I', r.rulename, t.name), pg_get_ruledef(r.oid), 'drop it'
		FROM tables AS t
		JOIN pg_rewrite AS r ON r.ev_class = t.oid
		UNION ALL
		SELECT t.planned, format('policy %I on %I', p.polname, t.name), '', 'drop it'
		FROM tables AS t
		JOIN pg_policy AS p ON p.polrelid = t.oid
		-- The plan's policies may say anything: they are made again.
		WHERE NOT EXISTS (
			SELECT FROM (VALUES
				('courses', 'Authenticated users can read published courses'), ('courses', 'Service role manages courses'),
				('modules', 'Authenticated users can read modules'), ('modules', 'Service role manages modules'),
				('lessons', 'Authenticated users can read lessons'), ('lessons', 'Service role manages lessons'),
				('enrollments', 'Users read own enrollments'), ('enrollments', 'Users create own enrollments'),
				('enrollments', 'Service role manages enrollments'),
				('content_progress', 'Users read own progress'), ('content_progress', 'Users upsert own progress'),
				('content_progress', 'Service role manages content_progress'),
				('courses', 'Staff can read their courses'),
				('courses', 'Editors change their courses'), ('courses', 'Editors delete their courses'),
				('modules', 'Editors add modules'), ('modules', 'Editors change their modules'), ('modules', 'Editors delete their modules'),
				('lessons', 'Editors add lessons'), ('lessons', 'Editors change their lessons'), ('lessons', 'Editors delete their lessons'),
				('modules', 'Strict: modules of visible courses'), ('lessons', 'Strict: lessons that may be watched')) AS v("table", policy)
			WHERE v."table" = t.name AND v.policy = p.polname)
		UNION ALL
		SELECT t.planned, format('table %I', t.name),
			   CASE WHEN t.relkind <> 'r' THEN 'of another kind'
					WHEN t.relpersistence <> 'p' THEN 'UNLOGGED'
					WHEN EXISTS (SELECT FROM pg_inherits AS i
								 WHERE t.oid = ANY (ARRAY[i.inhrelid, i.inhparent])) THEN 'INHERITS'
					ELSE 'an ordinary table' END, ''
		FROM tables AS t
		UNION ALL
		SELECT t.planned, format('the owner of %I', t.name), r.rolname::text,
			   format('ALTER TABLE %I.%I OWNER TO %s', t.schema, t.name, '@extowner@')
		FROM tables AS t
		JOIN pg_roles AS r ON r.oid = t.relowner
		WHERE NOT t.planned AND NOT pg_has_role('@extowner@'::regrole::oid, t.relowner, 'USAGE')
		UNION ALL
		-- The tables keep their owner, and one role must own all of them.
		SELECT t.planned, format('the owner of %I', t.name), r.rolname::text,
			   format('ALTER TABLE %I.%I OWNER TO %I, as of courses', t.schema, t.name, o.rolname)
		FROM tables AS t
		JOIN pg_roles AS r ON r.oid = t.relowner
		JOIN tables AS courses ON courses.name = 'courses' AND NOT courses.planned
		JOIN pg_roles AS o ON o.oid = courses.relowner
		WHERE NOT t.planned AND t.relowner <> courses.relowner
			AND pg_has_role('@extowner@'::regrole::oid, t.relowner, 'USAGE')
		UNION ALL
		-- The extension would note these rights as its own, and a dump would lose them.
		SELECT DISTINCT t.planned, format('the rights of %I on %I', r.rolname, t.name), '',
			   format('REVOKE ALL ON %I.%I FROM %I, and grant them again afterwards', t.schema, t.name, r.rolname)
		FROM tables AS t
		CROSS JOIN LATERAL (
			SELECT g.grantee FROM aclexplode(t.relacl) AS g
			UNION ALL
			SELECT g.grantee FROM pg_attribute AS a CROSS JOIN LATERAL aclexplode(a.attacl) AS g
			WHERE a.attrelid = t.oid
		) AS g
		JOIN pg_roles AS r ON r.oid = g.grantee
		WHERE NOT t.planned AND r.oid <> t.relowner
			AND r.rolname <> ALL ('{anon,authenticated,service_role}')
	)
	SELECT string_agg(format('%s: %s', object,
			   CASE
				   WHEN p.object IS NULL THEN concat(NULLIF(concat(f.definition, '; '), '; '), f.remedy)
				   WHEN f.object IS NULL THEN format('missing; make it: %s', p.definition)
				   ELSE format('%s; make it: %s', f.definition, p.definition) END), E'\n' ORDER BY object COLLATE "C")
	INTO differences
	FROM (SELECT * FROM described WHERE planned) AS p
	FULL JOIN (SELECT * FROM described WHERE NOT planned) AS f USING (object)
	WHERE p.definition IS DISTINCT FROM f.definition;

	IF differences IS NOT NULL THEN
		RAISE EXCEPTION 'content_library cannot adopt tables that are not the plan''s'
			USING ERRCODE = 'invalid_table_definition',
				  DETAIL = differences,
				  HINT = 'Nothing was changed. Change each as it says, then try again.';
	END IF;
END
$$;

DROP SCHEMA content_library_plan CASCADE;


-- 3. The tables become the extension's ---------------------------------------

ALTER EXTENSION content_library ADD TABLE @extschema@.courses;
ALTER EXTENSION content_library ADD TABLE @extschema@.modules;
ALTER EXTENSION content_library ADD TABLE @extschema@.lessons;
ALTER EXTENSION content_library ADD TABLE @extschema@.enrollments;
ALTER EXTENSION content_library ADD TABLE @extschema@.content_progress;


-- 4. What the extension adds to them -----------------------------------------

ALTER TABLE @extschema@.courses
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN completion_threshold integer CHECK (completion_threshold BETWEEN 1 AND 100),
	ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (jsonb_typeof(metadata) = 'object'),
	ADD COLUMN is_open boolean NOT NULL DEFAULT true,
	ADD COLUMN is_sequential boolean NOT NULL DEFAULT false,
	ADD COLUMN access_period interval CHECK (extract(epoch FROM access_period) > 0),
	ADD COLUMN progress_by text NOT NULL DEFAULT 'report'
		CHECK (progress_by IN ('report', 'watch', 'server')),
	ADD COLUMN certificate_valid_for interval CHECK (extract(epoch FROM certificate_valid_for) > 0);
ALTER TABLE @extschema@.modules
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (jsonb_typeof(metadata) = 'object'),
	ADD COLUMN unlock_at timestamptz,
	ADD COLUMN unlock_after interval CHECK (extract(epoch FROM unlock_after) >= 0);
ALTER TABLE @extschema@.lessons
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN completion_threshold integer CHECK (completion_threshold BETWEEN 1 AND 100),
	ADD COLUMN is_required boolean NOT NULL DEFAULT true,
	ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (jsonb_typeof(metadata) = 'object'),
	ADD COLUMN is_published boolean NOT NULL DEFAULT true,
	ADD COLUMN unlock_at timestamptz,
	ADD COLUMN unlock_after interval CHECK (extract(epoch FROM unlock_after) >= 0),
	ADD COLUMN progress_by text CHECK (progress_by IN ('report', 'watch', 'server'));
ALTER TABLE @extschema@.enrollments
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN completed_at timestamptz,
	ADD COLUMN expires_at timestamptz,
	ADD COLUMN granted boolean NOT NULL DEFAULT false;
ALTER TABLE @extschema@.content_progress
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN position_seconds integer CHECK (position_seconds >= 0),
	ADD COLUMN completed_at timestamptz,
	ADD COLUMN watched int4multirange NOT NULL DEFAULT '{}',
	ADD COLUMN started_at timestamptz,
	SET (fillfactor = 90);

CREATE INDEX idx_enrollments_course_id ON @extschema@.enrollments (course_id, enrolled_at, user_id);
CREATE INDEX idx_enrollments_completed_at ON @extschema@.enrollments (course_id, completed_at);
CREATE INDEX idx_enrollments_sample ON @extschema@.enrollments (course_id, uuid_hash(user_id), user_id);
CREATE INDEX idx_content_progress_lesson_id ON @extschema@.content_progress (lesson_id);

-- Nobody can read rows until the update makes the policies again.
ALTER TABLE @extschema@.courses ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.modules ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.lessons ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.enrollments ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.content_progress ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "Authenticated users can read published courses" ON @extschema@.courses;
DROP POLICY IF EXISTS "Service role manages courses" ON @extschema@.courses;
DROP POLICY IF EXISTS "Authenticated users can read modules" ON @extschema@.modules;
DROP POLICY IF EXISTS "Service role manages modules" ON @extschema@.modules;
DROP POLICY IF EXISTS "Authenticated users can read lessons" ON @extschema@.lessons;
DROP POLICY IF EXISTS "Service role manages lessons" ON @extschema@.lessons;
DROP POLICY IF EXISTS "Users read own enrollments" ON @extschema@.enrollments;
DROP POLICY IF EXISTS "Users create own enrollments" ON @extschema@.enrollments;
DROP POLICY IF EXISTS "Service role manages enrollments" ON @extschema@.enrollments;
DROP POLICY IF EXISTS "Users read own progress" ON @extschema@.content_progress;
DROP POLICY IF EXISTS "Users upsert own progress" ON @extschema@.content_progress;
DROP POLICY IF EXISTS "Service role manages content_progress" ON @extschema@.content_progress;
DROP POLICY IF EXISTS "Staff can read their courses" ON @extschema@.courses;
DROP POLICY IF EXISTS "Editors change their courses" ON @extschema@.courses;
DROP POLICY IF EXISTS "Editors delete their courses" ON @extschema@.courses;
DROP POLICY IF EXISTS "Editors add modules" ON @extschema@.modules;
DROP POLICY IF EXISTS "Editors change their modules" ON @extschema@.modules;
DROP POLICY IF EXISTS "Editors delete their modules" ON @extschema@.modules;
DROP POLICY IF EXISTS "Editors add lessons" ON @extschema@.lessons;
DROP POLICY IF EXISTS "Editors change their lessons" ON @extschema@.lessons;
DROP POLICY IF EXISTS "Editors delete their lessons" ON @extschema@.lessons;
DROP POLICY IF EXISTS "Strict: modules of visible courses" ON @extschema@.modules;
DROP POLICY IF EXISTS "Strict: lessons that may be watched" ON @extschema@.lessons;
