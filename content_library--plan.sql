/* content_library--plan.sql: takes in the tables of a database that ran the plan's migration: see docs/adoption.md. */

\echo Use "CREATE EXTENSION content_library VERSION 'plan'" to load this file. \quit

-- Contents
--   1. the plan's tables, as they should be
--   2. what differs is refused by name
--   3. the tables become the extension's
--   4. what the extension adds to them
-- The rest is made by content_library--plan--1.0.sql.


-- 1. The plan's tables, as they should be ------------------------------------

-- This script runs as superuser and names the schema. Whoever owns it must not
-- rename it meanwhile and put another in its place.
LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE;
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e
				   WHERE e.extname OPERATOR(pg_catalog.=) 'content_library'
					 AND e.extnamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace::pg_catalog.oid)
	THEN
		RAISE EXCEPTION 'the schema of content_library is being renamed' USING ERRCODE = 'object_in_use', HINT = 'Try again.';
	END IF;
END
$$;

CREATE SCHEMA content_library_plan;

CREATE TABLE content_library_plan.courses (
	id				uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
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
	created_at		timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at		timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE TABLE content_library_plan.modules (
	id			uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	course_id	uuid NOT NULL REFERENCES content_library_plan.courses (id) ON DELETE CASCADE,
	title		text NOT NULL,
	description	text NOT NULL DEFAULT '',
	sort_order	integer NOT NULL DEFAULT 0,
	created_at	timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at	timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE TABLE content_library_plan.lessons (
	id					uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
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
	created_at			timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at			timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE TABLE content_library_plan.enrollments (
	id			uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	user_id		uuid NOT NULL,
	course_id	uuid NOT NULL REFERENCES content_library_plan.courses (id) ON DELETE CASCADE,
	enrolled_at	timestamptz NOT NULL DEFAULT pg_catalog.now(),
	UNIQUE (user_id, course_id)
);
CREATE TABLE content_library_plan.content_progress (
	id				uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	user_id			uuid NOT NULL,
	lesson_id		uuid NOT NULL REFERENCES content_library_plan.lessons (id) ON DELETE CASCADE,
	watched_pct		integer NOT NULL DEFAULT 0 CHECK (watched_pct BETWEEN 0 AND 100),
	completed		boolean NOT NULL DEFAULT false,
	last_watched	timestamptz NOT NULL DEFAULT pg_catalog.now(),
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

-- Nobody changes a table while it is looked at and taken in. This comes before
-- all else that is done to them, and runs nothing that their owner has written.
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
		SELECT c.oid, c.relname AS name, n.nspname AS schema, n.nspname OPERATOR(pg_catalog.=) 'content_library_plan' AS planned,
			   c.relkind, c.relpersistence, c.relowner, c.relacl
		FROM pg_catalog.pg_class AS c
		JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE n.oid OPERATOR(pg_catalog.=) ANY (ARRAY['@extschema@'::pg_catalog.regnamespace, 'content_library_plan'::pg_catalog.regnamespace]::pg_catalog.oid[])
			AND c.relname OPERATOR(pg_catalog.=) ANY ('{courses,modules,lessons,enrollments,content_progress}')
	), described AS (
		-- Each with what makes it so, where that can be said: as planned, or without it.
		SELECT t.planned, pg_catalog.format('column %I.%I', t.name, a.attname) AS object,
			   pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod),
				   CASE WHEN a.attcollation OPERATOR(pg_catalog.<>) y.typcollation
						THEN 'COLLATE ' OPERATOR(pg_catalog.||) a.attcollation::pg_catalog.regcollation::pg_catalog.text END,
				   CASE WHEN a.attnotnull THEN 'NOT NULL' END,
				   'DEFAULT ' OPERATOR(pg_catalog.||) pg_catalog.pg_get_expr(d.adbin, d.adrelid),
				   CASE WHEN a.attgenerated OPERATOR(pg_catalog.<>) '' OR a.attidentity OPERATOR(pg_catalog.<>) '' THEN 'GENERATED' END) AS definition,
			   'move its values to a table of your own and drop it' AS remedy
		FROM tables AS t
		JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) t.oid
			AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
		JOIN pg_catalog.pg_type AS y ON y.oid OPERATOR(pg_catalog.=) a.atttypid
		LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid
			AND d.adnum OPERATOR(pg_catalog.=) a.attnum
		UNION ALL
		SELECT t.planned, pg_catalog.format('constraint %I on %I', k.conname, t.name),
			   pg_catalog.replace(pg_catalog.pg_get_constraintdef(k.oid), pg_catalog.quote_ident(t.schema) OPERATOR(pg_catalog.||) '.', ''),
			   'drop it'
		FROM tables AS t
		JOIN pg_catalog.pg_constraint AS k ON k.conrelid OPERATOR(pg_catalog.=) t.oid
		WHERE k.contype OPERATOR(pg_catalog.=) ANY ('{c,f,p,u,x}'::pg_catalog."char"[])
			-- Those to auth.users are made anew.
			AND NOT (k.contype OPERATOR(pg_catalog.=) 'f'
					 AND t.name IN ('enrollments', 'content_progress')
					 AND k.conname OPERATOR(pg_catalog.=) (t.name OPERATOR(pg_catalog.||) '_user_id_fkey'))
		UNION ALL
		SELECT t.planned, pg_catalog.format('index %I on %I', c.relname, t.name),
			   pg_catalog.concat(
				   pg_catalog.replace(pg_catalog.pg_get_indexdef(c.oid), ' ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(t.schema) OPERATOR(pg_catalog.||) '.', ' '),
				   CASE WHEN NOT i.indisvalid THEN ' (invalid)' END),
			   'drop it; you may make it again afterwards'
		FROM tables AS t
		JOIN pg_catalog.pg_index AS i ON i.indrelid OPERATOR(pg_catalog.=) t.oid
		JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
						  WHERE k.conindid OPERATOR(pg_catalog.=) i.indexrelid
							AND k.conrelid OPERATOR(pg_catalog.=) t.oid)
		UNION ALL
		SELECT t.planned, pg_catalog.format('trigger %I on %I', g.tgname, t.name), pg_catalog.pg_get_triggerdef(g.oid),
			   'drop it; content_library keeps updated_at itself'
		FROM tables AS t
		JOIN pg_catalog.pg_trigger AS g ON g.tgrelid OPERATOR(pg_catalog.=) t.oid AND NOT g.tgisinternal
		UNION ALL
		SELECT t.planned, pg_catalog.format('rule %I on %I', r.rulename, t.name), pg_catalog.pg_get_ruledef(r.oid), 'drop it'
		FROM tables AS t
		JOIN pg_catalog.pg_rewrite AS r ON r.ev_class OPERATOR(pg_catalog.=) t.oid
		UNION ALL
		SELECT t.planned, pg_catalog.format('policy %I on %I', p.polname, t.name), '', 'drop it'
		FROM tables AS t
		JOIN pg_catalog.pg_policy AS p ON p.polrelid OPERATOR(pg_catalog.=) t.oid
		-- The plan's are made anew, whatever they say now.
		WHERE NOT EXISTS (
			SELECT FROM (VALUES
				('courses', 'Authenticated users can read published courses'), ('courses', 'Service role manages courses'),
				('modules', 'Authenticated users can read modules'), ('modules', 'Service role manages modules'),
				('lessons', 'Authenticated users can read lessons'), ('lessons', 'Service role manages lessons'),
				('enrollments', 'Users read own enrollments'), ('enrollments', 'Users create own enrollments'),
				('enrollments', 'Service role manages enrollments'),
				('content_progress', 'Users read own progress'), ('content_progress', 'Users upsert own progress'),
				('content_progress', 'Service role manages content_progress')) AS v("table", policy)
			WHERE v."table" OPERATOR(pg_catalog.=) t.name AND v.policy OPERATOR(pg_catalog.=) p.polname)
		UNION ALL
		SELECT t.planned, pg_catalog.format('table %I', t.name),
			   CASE WHEN t.relkind OPERATOR(pg_catalog.<>) 'r' THEN 'of another kind'
					WHEN t.relpersistence OPERATOR(pg_catalog.<>) 'p' THEN 'UNLOGGED'
					WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits AS i
								 WHERE t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[i.inhrelid, i.inhparent])) THEN 'INHERITS'
					ELSE 'an ordinary table' END, ''
		FROM tables AS t
		UNION ALL
		SELECT t.planned, pg_catalog.format('the owner of %I', t.name), r.rolname::pg_catalog.text,
			   pg_catalog.format('ALTER TABLE %I.%I OWNER TO %s', t.schema, t.name, '@extowner@')
		FROM tables AS t
		JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) t.relowner
		WHERE NOT t.planned AND NOT pg_catalog.pg_has_role('@extowner@'::pg_catalog.regrole::pg_catalog.oid, t.relowner, 'USAGE')
		UNION ALL
		-- In a dump they would pass for grants that the extension makes.
		SELECT DISTINCT t.planned, pg_catalog.format('the rights of %I on %I', r.rolname, t.name), '',
			   pg_catalog.format('REVOKE ALL ON %I.%I FROM %I, and grant them again afterwards', t.schema, t.name, r.rolname)
		FROM tables AS t
		CROSS JOIN LATERAL (
			SELECT g.grantee FROM pg_catalog.aclexplode(t.relacl) AS g
			UNION ALL
			SELECT g.grantee FROM pg_catalog.pg_attribute AS a CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) AS g
			WHERE a.attrelid OPERATOR(pg_catalog.=) t.oid
		) AS g
		JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) g.grantee
		WHERE NOT t.planned AND r.oid OPERATOR(pg_catalog.<>) t.relowner
			AND r.rolname OPERATOR(pg_catalog.<>) ALL ('{anon,authenticated,service_role}')
	)
	SELECT pg_catalog.string_agg(pg_catalog.format('%s: %s', object,
			   CASE
				   WHEN p.object IS NULL THEN pg_catalog.concat(NULLIF(pg_catalog.concat(f.definition, '; '), '; '), f.remedy)
				   WHEN f.object IS NULL THEN pg_catalog.format('missing; make it: %s', p.definition)
				   ELSE pg_catalog.format('%s; make it: %s', f.definition, p.definition) END), E'\n' ORDER BY object COLLATE "C")
	INTO differences
	FROM (SELECT * FROM described WHERE planned) AS p
	FULL JOIN (SELECT * FROM described WHERE NOT planned) AS f USING (object)
	WHERE p.definition IS DISTINCT FROM f.definition;

	IF differences IS NOT NULL THEN
		RAISE EXCEPTION 'content_library cannot take in tables that are not the plan''s'
			USING ERRCODE = 'invalid_table_definition',
				  DETAIL = differences,
				  HINT = 'Nothing was changed. Mend each as it says, then try again.';
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
		CHECK (pg_catalog.jsonb_typeof(metadata) OPERATOR(pg_catalog.=) 'object');
ALTER TABLE @extschema@.modules
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (pg_catalog.jsonb_typeof(metadata) OPERATOR(pg_catalog.=) 'object');
ALTER TABLE @extschema@.lessons
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN completion_threshold integer CHECK (completion_threshold BETWEEN 1 AND 100),
	ADD COLUMN is_required boolean NOT NULL DEFAULT true,
	ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'
		CHECK (pg_catalog.jsonb_typeof(metadata) OPERATOR(pg_catalog.=) 'object');
ALTER TABLE @extschema@.enrollments
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN completed_at timestamptz;
ALTER TABLE @extschema@.content_progress
	NO FORCE ROW LEVEL SECURITY,
	ADD COLUMN position_seconds integer CHECK (position_seconds OPERATOR(pg_catalog.>=) 0),
	ADD COLUMN completed_at timestamptz,
	SET (fillfactor = 90);

CREATE INDEX idx_enrollments_course_id ON @extschema@.enrollments (course_id);
CREATE INDEX idx_content_progress_lesson_id ON @extschema@.content_progress (lesson_id, completed)
	INCLUDE (user_id);

-- Locked until the update makes the policies anew.
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
