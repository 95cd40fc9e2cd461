-- plpgsql.sql: what the SQL edition has in place of C: PL/pgSQL twins of the C functions, and what they share.
--
-- `make migration` puts each twin where content_library--1.0.sql has its C
-- function, each policy where that has one of the same name, and everything else in
-- section 7. Every function gets a fixed search_path there, so that operators and
-- functions are the server's own.
--
-- The functions in public run as their caller and do little: they look up which
-- courses the caller sees, and call a door. A door is a SECURITY DEFINER function in
-- the schema content_library, which PostgREST does not expose. It works as the owner
-- of the tables, whatever the caller may read or write.
--   A learner's door, own_..., acts only for auth.uid(). Learners may call it by
-- hand, so it checks everything itself, with one exception. It cannot look up which
-- courses the caller sees: it believes its caller, and checks itself that the course is
-- published, or the user is of its staff.
--   A service door, of the same name without own_, has a user's id as an argument.
-- The right to execute it is the right to act for others.
--
-- A rule that the C functions have too is pasted from src/rules.h, as in C:
-- @NAME("argument", ...)@.


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
CREATE TABLE public.content_library_settings (
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
INSERT INTO public.content_library_settings DEFAULT VALUES ON CONFLICT DO NOTHING;
REVOKE ALL ON TABLE public.content_library_settings FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON TABLE public.content_library_settings TO authenticated, service_role;
ALTER TABLE public.content_library_settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Everybody reads the settings"
	ON public.content_library_settings FOR SELECT TO authenticated, service_role
	USING (true);

CREATE SCHEMA content_library;
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

CREATE FUNCTION content_library.missing_course(course_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION 'course "%" does not exist', course_id
		USING ERRCODE = 'foreign_key_violation',
			  DETAIL = 'For a learner, an unpublished course does not exist.';
END
$$;
COMMENT ON FUNCTION content_library.missing_course(uuid) IS
	'Fails with 23503: no such course.';

CREATE FUNCTION content_library.missing_lesson(lesson_id uuid, prefix text DEFAULT '') RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION '%lesson "%" does not exist', prefix, lesson_id
		USING ERRCODE = 'foreign_key_violation',
			  DETAIL = 'No published course has such a lesson.';
END
$$;
COMMENT ON FUNCTION content_library.missing_lesson(uuid, text) IS
	'Fails with 23503: no such lesson. prefix names the report of a batch.';

CREATE FUNCTION content_library.refuse_lesson(
	prefix text,
	user_id uuid,
	lesson_id uuid,
	reason text,
	unlocks_at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.refuse_report(prefix text, lesson_id uuid, objection text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.missing_user(user_id uuid, key text, prefix text DEFAULT '') RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.missing_certificate(code text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION 'certificate "%" does not exist', left(code, 60) USING ERRCODE = 'foreign_key_violation';
END
$$;
COMMENT ON FUNCTION content_library.missing_certificate(text) IS
	'Fails with 23503: no such certificate.';

CREATE FUNCTION content_library.nobody() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION 'nobody is signed in and no user_id is given'
		USING ERRCODE = 'invalid_authorization_specification',
			  HINT = 'Send the learner''s JWT, or pass user_id as service_role.';
END
$$;
COMMENT ON FUNCTION content_library.nobody() IS
	'Fails with 28000: nobody is signed in.';

CREATE FUNCTION content_library.other_user(user_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.writes(command text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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
CREATE FUNCTION content_library.acts_for_others() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN has_function_privilege('content_library.course_progress(uuid, boolean)', 'EXECUTE');
END
$$;
COMMENT ON FUNCTION content_library.acts_for_others() IS
	'Whether the current role may act for any user. It may if it may call the service doors.';

-- Row-level security would only hide the rows of another user. An error is clearer
-- than an answer without rows.
CREATE FUNCTION content_library.caller(named uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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

CREATE FUNCTION content_library.sees_course(course_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM public.courses AS c WHERE c.id = $1);
END
$$;
COMMENT ON FUNCTION content_library.sees_course(uuid) IS
	'Whether the current role sees a course. Row-level security decides, so that policies of your own on courses hold in every function.';

CREATE FUNCTION content_library.require_course(course_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	IF NOT content_library.sees_course(course_id) THEN
		PERFORM content_library.missing_course(course_id);
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.require_course(uuid) IS
	'Fails with 23503 for a course that the caller does not see.';

CREATE FUNCTION content_library.enter(course_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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
CREATE FUNCTION content_library.require_owner() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.learner() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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

CREATE FUNCTION content_library.is_staff(course_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
AS $$
BEGIN
	RETURN EXISTS (
		SELECT FROM public.course_staff AS s
		WHERE s.user_id = auth.uid() AND s.course_id = $1 AND (s.role = 'editor' OR $2 = 'viewer'));
END
$$;
COMMENT ON FUNCTION content_library.is_staff(uuid, text) IS
	'Whether the user signed in is staff of a course, a viewer or more, or an editor.';

CREATE FUNCTION content_library.edits_lesson(lesson_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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
CREATE FUNCTION content_library.require_staff(
	course_id uuid,
	role text,
	what text DEFAULT 'course',
	id uuid DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
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

CREATE FUNCTION content_library.is_visible(course_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM public.courses AS c WHERE c.id = $1 AND (c.is_published OR content_library.is_staff($1, 'viewer')));
END
$$;
COMMENT ON FUNCTION content_library.is_visible(uuid) IS
	'Whether there is such a course, and it is published or the user signed in is of its staff.';

CREATE FUNCTION content_library.visible(course_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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

CREATE FUNCTION content_library.threshold(lesson_id uuid) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN (
		SELECT @THRESHOLD_SQL("s.completion_threshold")@
		FROM public.lessons AS l
		CROSS JOIN public.content_library_settings AS s
		WHERE l.id = $1);
END
$$;
COMMENT ON FUNCTION content_library.threshold(uuid) IS
	'The threshold of a lesson: its own, else its course''s, else the setting; NULL for an unknown lesson.';

-- The one definition of a course's percentage: never rounded up to 100.
CREATE FUNCTION content_library.percentage(completed bigint, required bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT (100 * completed / NULLIF(required, 0))::int4;
END;
COMMENT ON FUNCTION content_library.percentage(bigint, bigint) IS
	'The percentage of a course that is completed: 0..100 of completed among required lessons, rounded down; NULL when none is required.';

-- A report of a player, and the row that it is about.

CREATE FUNCTION content_library.whole_number(value double precision, name text, most integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.whole_percent(watched_pct double precision) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN content_library.whole_number(watched_pct, 'watched_pct', 100);
END
$$;
COMMENT ON FUNCTION content_library.whole_percent(double precision) IS
	'A percentage, rounded down: 99.9 percent is not all. Fails with 22023 for one out of range.';

CREATE FUNCTION content_library.whole_position(position_seconds double precision) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN content_library.whole_number(position_seconds, 'position_seconds', 2147483647);
END
$$;
COMMENT ON FUNCTION content_library.whole_position(double precision) IS
	'A position, rounded down. Fails with 22023 for one out of range.';

CREATE FUNCTION content_library.json_number(value jsonb, name text) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
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
CREATE FUNCTION content_library.read_played(played jsonb) RETURNS int4multirange
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
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
CREATE FUNCTION content_library.read_report(
	report jsonb,
	at timestamptz,
	OUT user_id uuid,
	OUT lesson_id uuid,
	OUT watched_pct integer,
	OUT played int4multirange,
	OUT position_seconds integer,
	OUT watched_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.read_reports(
	reports jsonb,
	at timestamptz,
	OUT user_ids uuid[],
	OUT lesson_ids uuid[],
	OUT pcts integer[],
	OUT plays int4multirange[],
	OUT positions integer[],
	OUT times timestamptz[])
LANGUAGE plpgsql STABLE PARALLEL SAFE
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
CREATE FUNCTION content_library.look(
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
			@REFUSAL_SQL("a.no_access", "false", EARLIER_IS_OPEN_SQL("$1"))@,
			@UNLOCKS_AT_SQL@,
			@PROGRESS_BY_SQL@, @DURATION_SQL@
		INTO threshold, course_id, refusal, unlocks_at, progress_by, duration
		FROM public.lessons AS l
		@COURSE_OF_LESSON_SQL@
		@ENROLLMENT_SQL("$1")@
		CROSS JOIN LATERAL (SELECT @NO_ACCESS_SQL("any_tier")@ AS no_access) AS a
		WHERE l.id = $2 AND l.is_published AND c.is_published;
		RETURN;
	END IF;

	may_complete := NOT progress.completed OR progress.completed_at > watched_at;
	IF may_complete OR weigh OR progress.watched_pct < $4 THEN
		SELECT CASE WHEN may_complete THEN @THRESHOLD_OF_SQL("c.completion_threshold", "s.completion_threshold")@ END,
			@PROGRESS_BY_SQL@, @DURATION_SQL@
		INTO threshold, progress_by, duration
		FROM public.lessons AS l
		@COURSE_OF_LESSON_SQL@
		CROSS JOIN public.content_library_settings AS s
		WHERE l.id = $2;
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.look(uuid, uuid, timestamptz, integer, boolean, boolean) IS
	'What a report of a time and a percentage meets: the row of a learner and a lesson, if there is one; the threshold, NULL where the report cannot change the completion of the lesson; where there is no row, the course, NULL for a lesson that is unknown or not published, and why the lesson may not be begun, or NULL. If weigh is set, or the report may change something, also what moves the progress of the lesson, and how long its video is.';

-- R13: the seconds of a video that were played.

CREATE FUNCTION content_library.seconds(ranges int4multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT COALESCE(sum(COALESCE(upper(r), 2147483647)::int8 - COALESCE(lower(r), -2147483648)), 0)::int8
	FROM unnest(ranges) AS r;
END;
COMMENT ON FUNCTION content_library.seconds(int4multirange) IS
	'How many seconds there are in ranges. An owner may have written some without an end.';

CREATE FUNCTION content_library.allowed(since timestamptz, at timestamptz) RETURNS double precision
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.credit(
	watched int4multirange,
	played int4multirange,
	most double precision)
RETURNS int4multirange
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.objection(
	progress_by text,
	duration integer,
	watched_pct integer,
	played int4multirange,
	named boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN progress_by = 'server' AND NOT named THEN 'server'
		WHEN progress_by = 'watch' AND watched_pct IS NOT NULL AND NOT named THEN 'claim'
		WHEN progress_by = 'watch' AND played IS NOT NULL AND duration IS NULL THEN 'not_ready'
		WHEN watched_pct IS NULL AND duration IS NULL THEN 'no_duration' END;
END;
COMMENT ON FUNCTION content_library.objection(text, integer, integer, int4multirange, boolean) IS
	'Why the progress of a lesson does not move by a report, or NULL. named is whether it comes from the service, which names the learner, or from an editor where learners report nothing.';

CREATE FUNCTION content_library.weigh(
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

CREATE FUNCTION content_library.course_seconds(
	user_id uuid,
	lesson_id uuid,
	lesson_ids uuid[],
	watched int4multirange[],
	now timestamptz)
RETURNS double precision
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	RETURN (
		SELECT content_library.allowed(LEAST(min(p.started_at), now), now)
			- COALESCE(sum(content_library.seconds(COALESCE(r.watched, p.watched))) FILTER (WHERE l.id <> $2), 0)
		FROM public.lessons AS o
		JOIN public.modules AS om ON om.id = o.module_id
		JOIN public.modules AS m ON m.course_id = om.course_id
		JOIN public.lessons AS l ON l.module_id = m.id
		@PROGRESS_BY_KEY_SQL("$1", "l.id")@
		LEFT JOIN ROWS FROM (unnest($3), unnest($4)) AS r(lesson_id, watched) ON r.lesson_id = l.id
		WHERE o.id = $2);
END
$$;
COMMENT ON FUNCTION content_library.course_seconds(uuid, uuid, uuid[], int4multirange[], timestamptz) IS
	'How many seconds of a lesson a learner can have watched by the clock of its course. Of some lessons it is given what was watched.';

CREATE FUNCTION content_library.completes(
	progress public.content_progress,
	threshold integer,
	watched_pct integer)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
	-- The threshold may have been lowered since the stored percentage was reported.
	RETURN COALESCE(watched_pct >= threshold
		OR NOT progress.completed AND progress.watched_pct >= threshold, false);
END
$$;
COMMENT ON FUNCTION content_library.completes(public.content_progress, integer, integer) IS
	'Whether a lesson becomes completed by a report, or is dated earlier by it.';

CREATE FUNCTION content_library.is_news(
	progress public.content_progress,
	completes boolean,
	watched_pct integer,
	is_new boolean,
	position_seconds integer,
	watched_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
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
CREATE FUNCTION content_library.insert_row(
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

CREATE FUNCTION content_library.update_row(
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
		@ADVANCE_SQL("$5", "$7", "$6") START_SQL("$11") COMPLETE_SQL("$5", "$8", "$4")@
			, watched = COALESCE($10, p.watched)
		WHERE p.user_id = $1 AND p.lesson_id = $2 AND ($10 IS NULL OR p.watched = $9)
		RETURNING p.* INTO progress;
	ELSE
		-- Does not name the column completed, and so does not fire its trigger.
		UPDATE public.content_progress AS p
		@ADVANCE_SQL("$5", "$7", "$6") START_SQL("$11")@
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

CREATE FUNCTION content_library.lock_user(user_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION content_library.lock_completion(course_id uuid, for_all boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION content_library.lock_courses(lesson_ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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
			@COURSE_OF_LESSON_SQL@
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

CREATE FUNCTION content_library.claim_begin(user_id uuid, lesson_ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	PERFORM content_library.lock_user(user_id);
	RETURN content_library.lock_courses(lesson_ids);
END
$$;
COMMENT ON FUNCTION content_library.claim_begin(uuid, uuid[]) IS
	'To be called before the progress of these lessons is written, if that may complete one of their courses, which it returns.';

CREATE FUNCTION content_library.complete(user_id uuid, course_id uuid, send_event boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	event text;
BEGIN
	WITH completed AS (
		UPDATE public.enrollments AS e
		SET completed_at = @COMPLETED_AT_SQL@
		WHERE e.user_id = $1 AND e.course_id = $2
			AND @ALL_COMPLETED_SQL@
			AND (e.completed_at IS NULL OR e.completed_at > @COMPLETED_AT_SQL@)
		RETURNING e.course_id, e.user_id, e.completed_at)
	SELECT @COMPLETED_EVENT_SQL@ INTO event
	FROM completed AS e;
	IF send_event AND event IS NOT NULL THEN
		PERFORM pg_notify('content_library', event);
	END IF;
	RETURN event IS NOT NULL;
END
$$;
COMMENT ON FUNCTION content_library.complete(uuid, uuid, boolean) IS
	'Completes an enrollment, if that is due; returns whether it was. One that is completed may be dated earlier, but never later.';

CREATE FUNCTION content_library.claim(user_id uuid, course_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	open boolean;
BEGIN
	-- The learner is locked since claim_begin(), so whoever comes last sees the rows of all.
	-- Where there is nothing to do the enrollment is not locked, because that is a write, too.
	SELECT e.completed_at IS NULL INTO open
	FROM public.enrollments AS e
	WHERE e.user_id = $1 AND e.course_id = $2
		AND @ALL_COMPLETED_SQL@
		AND (e.completed_at IS NULL OR e.completed_at > @COMPLETED_AT_SQL@)
	FOR NO KEY UPDATE;
	-- While this waited for the lock, anything may have changed: so it is asked again.
	RETURN FOUND AND content_library.complete($1, $2, open) AND open;
END
$$;
COMMENT ON FUNCTION content_library.claim(uuid, uuid) IS
	'Completes a course for a learner and sends one event, if that is due; returns whether this call has completed it.';

CREATE FUNCTION content_library.claim_all(course_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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
		@REQUIRED_LESSONS_SQL@) AS r;
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
		SELECT e.id, @COMPLETED_AT_OF_SQL("SELECT id FROM unnest(required) AS r (id)")@ AS completed_at
		FROM public.content_progress AS d
		CROSS JOIN LATERAL (
			SELECT e.* FROM public.enrollments AS e
			WHERE e.user_id = d.user_id AND e.course_id = $1 AND e.completed_at IS NULL OFFSET 0) AS e
		WHERE d.lesson_id = rarest.id AND d.completed
			AND @ALL_COMPLETED_OF_SQL("SELECT id FROM unnest(required) AS r (id)")@) AS due;
	-- In one order, so that two calls cannot deadlock.
	PERFORM FROM public.enrollments AS e WHERE e.id = ANY (ids) ORDER BY e.user_id FOR NO KEY UPDATE;
	FOR event IN
		WITH completed AS (
			UPDATE public.enrollments AS e
			SET completed_at = d.completed_at
			FROM ROWS FROM (unnest(ids), unnest(dates)) AS d(id, completed_at)
			WHERE e.id = d.id AND e.completed_at IS NULL
			RETURNING e.course_id, e.user_id, e.completed_at)
		SELECT @COMPLETED_EVENT_SQL@ FROM completed AS e
	LOOP
		PERFORM pg_notify('content_library', event);
	END LOOP;
END
$$;
COMMENT ON FUNCTION content_library.claim_all(uuid) IS
	'The same for every enrollment of a course, when something has changed for all of them. The caller has locked the completion of the course after the change: so the reports that began before it are seen.';

-- Places in an order.

CREATE FUNCTION content_library.module_of(lesson_id uuid, service boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
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

CREATE FUNCTION content_library.course_of(module_id uuid, service boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
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

CREATE FUNCTION content_library.check_before(moved uuid, before uuid, its_parent uuid, parent uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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
CREATE FUNCTION content_library.lock_video(for_event boolean, object text, id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION content_library.watched_course_of(lesson_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	PERFORM content_library.require_owner();
	RETURN (
		SELECT c.id
		FROM public.lessons AS l
		@COURSE_OF_LESSON_SQL@
		WHERE l.id = $1 AND (l.is_published AND c.is_published OR content_library.is_staff(c.id, 'viewer')));
END
$$;
COMMENT ON FUNCTION content_library.watched_course_of(uuid) IS
	'The course of a lesson, if both are published or the caller is staff of it. Whether the caller sees it is still to be looked up.';

-- Reading comes first because most reports change nothing. The row of a first report
-- comes before the refusal, and that error undoes it: only the foreign key knows whether
-- the user exists.
CREATE FUNCTION content_library.record(
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
				@COURSE_OF_LESSON_SQL@
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

CREATE FUNCTION content_library.bar_reports(
	learner uuid,
	lesson_ids uuid[],
	places integer[],
	skip_refused boolean)
RETURNS boolean[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
AS $$
DECLARE
	barred CONSTANT boolean[] := ARRAY(
		SELECT NOT EXISTS (
			SELECT FROM public.lessons AS l
			@COURSE_OF_LESSON_SQL@
			WHERE l.id = r.lesson_id AND @FOR_EDITOR_SQL("auth.uid()", "learner")@)
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
CREATE FUNCTION content_library.own_record(
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
CREATE FUNCTION content_library.send(
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
CREATE FUNCTION content_library.begin_batch(user_ids uuid[], lesson_ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
CREATE FUNCTION content_library.send_all(
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

CREATE FUNCTION content_library.enroll(
	user_id uuid,
	course_id uuid,
	seen boolean,
	granting boolean DEFAULT true)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

		SELECT c.is_open, @TIER_SUFFICES_SQL@ AS suffices,
			c.tier_required, @CALLER_TIER_SQL@ AS tier,
			@MISSING_PREREQUISITES_SQL("$1")@ AS missing
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
				SELECT c.id, $1, @EXPIRES_AT_SQL@, true
				FROM public.courses AS c
				WHERE c.id = $2
				ON CONFLICT (user_id, course_id) DO UPDATE
				SET granted = true,
					expires_at = CASE WHEN e.expires_at <= now() THEN EXCLUDED.expires_at ELSE e.expires_at END
				WHERE NOT e.granted OR e.expires_at <= now();
			ELSE
				INSERT INTO public.enrollments AS e (course_id, user_id, expires_at)
				SELECT c.id, $1, @EXPIRES_AT_SQL@
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

CREATE FUNCTION content_library.own_enroll(course_id uuid, seen boolean)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.enroll(content_library.learner(), course_id, seen, false);
END
$$;
COMMENT ON FUNCTION content_library.own_enroll(uuid, boolean) IS
	'content_library.enroll() of the user signed in, who grants nothing.';

-- The end of access would be forgotten: only the service deletes an enrollment that has one.
CREATE FUNCTION content_library.unenroll(
	user_id uuid,
	course_id uuid,
	seen boolean,
	service boolean DEFAULT true)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

CREATE FUNCTION content_library.own_unenroll(course_id uuid, seen boolean)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.unenroll(content_library.learner(), course_id,
		seen AND content_library.is_visible(course_id), false);
END
$$;
COMMENT ON FUNCTION content_library.own_unenroll(uuid, boolean) IS
	'content_library.unenroll() of the user signed in.';

CREATE FUNCTION content_library.reset_progress(
	user_id uuid,
	course_id uuid,
	dry_run boolean,
	seen boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
		AND NOT (@ALL_COMPLETED_SQL@);
	RETURN count;
END
$$;
COMMENT ON FUNCTION content_library.reset_progress(uuid, uuid, boolean, boolean) IS
	'Deletes the progress of a learner in a course. Forgets also its completion, and returns the number of rows. Fails with 42501 when not enrolled, or 23503 if the course is not seen either.';

CREATE FUNCTION content_library.own_reset_progress(course_id uuid, dry_run boolean, seen boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.reset_progress(content_library.learner(), course_id, dry_run,
		seen AND content_library.is_visible(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_reset_progress(uuid, boolean, boolean) IS
	'content_library.reset_progress() of the user signed in.';

CREATE FUNCTION content_library.completion_threshold(
	lesson_id uuid,
	OUT threshold integer,
	OUT course_id uuid)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	SELECT content_library.threshold(l.id), c.id INTO threshold, course_id
	FROM public.lessons AS l
	@COURSE_OF_LESSON_SQL@
	WHERE l.id = $1;
END
$$;
COMMENT ON FUNCTION content_library.completion_threshold(uuid) IS
	'The threshold and the course of a lesson. NULLs for an unknown one.';

CREATE FUNCTION content_library.own_completion_threshold(
	lesson_id uuid,
	OUT threshold integer,
	OUT course_id uuid)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
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

CREATE FUNCTION content_library.course_completion(user_id uuid, course_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	completion integer;
BEGIN
	PERFORM content_library.require_owner();
	SELECT (SELECT content_library.percentage(count(*) FILTER (WHERE p.completed), count(*))
			FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			@PROGRESS_BY_KEY_SQL("$1", "l.id")@
			WHERE m.course_id = c.id AND @COUNTS_SQL("l")@)
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

CREATE FUNCTION content_library.own_course_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.course_completion(content_library.learner(), content_library.visible(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_course_completion(uuid) IS
	'content_library.course_completion() of the user signed in, in a course that the user may see.';

CREATE FUNCTION content_library.course_outline(
	user_id uuid,
	course_id uuid,
	any_tier boolean,
	for_staff boolean DEFAULT false)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
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
		   c.is_published, @NO_ACCESS_SQL("any_tier")@ AS no_access
	INTO course
	FROM public.courses AS c
	@ENROLLMENT_SQL("$1")@
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
			   count(*) FILTER (WHERE @COUNTS_SQL("r")@) AS required,
			   count(*) FILTER (WHERE @COUNTS_SQL("r")@ AND r.completed) AS completed
		FROM (
			SELECT m.id AS module_id, m.title AS module_title, m.description AS module_description,
				   m.metadata AS module_metadata, m.sort_order AS module_order, m.created_at AS module_created,
				   l.*, p.watched_pct, p.completed, p.completed_at, @POSITION_SQL@ AS position_seconds,
				   @UNLOCKS_AT_SQL@ AS unlocks_at,
				   CASE WHEN NOT for_staff THEN
					   @REFUSAL_SQL("course.no_access", "p.id IS NOT NULL", EARLIER_IN_LIST_SQL)@
				   END AS refusal
			FROM public.courses AS c
			@ENROLLMENT_SQL("$1")@
			JOIN public.modules AS m ON m.course_id = c.id
			LEFT JOIN LATERAL (
				SELECT l.id, l.title, l.description, l.duration_seconds, l.mux_playback_id, l.mux_status, l.is_preview,
					   l.is_required, l.is_published, l.metadata, l.sort_order, l.created_at, l.unlock_at, l.unlock_after
				FROM public.lessons AS l
				WHERE l.module_id = m.id AND (for_staff OR l.is_published)) AS l ON true
			@PROGRESS_BY_KEY_SQL("$1", "l.id")@
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

CREATE FUNCTION content_library.require_own_learner(course_id uuid, named uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
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

CREATE FUNCTION content_library.own_course_outline(course_id uuid, named uuid)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
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

CREATE FUNCTION content_library.next_lesson(user_id uuid, course_id uuid, any_tier boolean)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	PERFORM content_library.require_owner();
	-- The lessons are put in order before those that may not be watched are left out.
	RETURN (
		SELECT r.id
		FROM (
			SELECT l.id, p.completed,
				row_number() OVER (ORDER BY @LESSON_PLACE_SQL("m", "l")@) AS place,
				@REFUSAL_SQL("a.no_access", "p.id IS NOT NULL", EARLIER_IN_LIST_SQL)@ AS refusal
			FROM public.courses AS c
			@ENROLLMENT_SQL("$1")@
			JOIN public.modules AS m ON m.course_id = c.id
			JOIN public.lessons AS l ON l.module_id = m.id
			@PROGRESS_BY_KEY_SQL("$1", "l.id")@
			CROSS JOIN LATERAL (SELECT @NO_ACCESS_SQL("any_tier")@ AS no_access) AS a
			WHERE c.id = $2 AND @COUNTS_SQL("l")@) AS r
		WHERE r.completed IS NOT TRUE AND r.refusal IS NULL
		ORDER BY r.place
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION content_library.next_lesson(uuid, uuid, boolean) IS
	'The next required lesson that a learner has to complete and may watch. NULL when there is none. any_tier asks no tier.';

CREATE FUNCTION content_library.own_next_lesson(course_id uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.next_lesson(content_library.learner(), content_library.visible(course_id), false);
END
$$;
COMMENT ON FUNCTION content_library.own_next_lesson(uuid) IS
	'content_library.next_lesson() of the user signed in, in a published course.';

CREATE FUNCTION content_library.course_progress(user_id uuid, any_tier boolean)
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
	CROSS JOIN LATERAL (SELECT @NO_ACCESS_SQL("any_tier")@ AS no_access) AS a
	CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE r.counts) AS required,
			count(*) FILTER (WHERE r.counts AND r.completed) AS completed,
			max(r.last_watched) AS last_watched,
			(array_agg(r.id ORDER BY r.place) FILTER (WHERE r.counts AND r.completed IS NOT TRUE AND r.refusal IS NULL))[1]
				AS next_lesson_id
		FROM (
			SELECT l.id, @COUNTS_SQL("l")@ AS counts, p.completed, p.last_watched,
				row_number() OVER (ORDER BY @LESSON_PLACE_SQL("m", "l")@) AS place,
				@REFUSAL_SQL("a.no_access", "p.id IS NOT NULL", EARLIER_IN_LIST_SQL)@ AS refusal
			FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			@PROGRESS_BY_KEY_SQL("$1", "l.id")@
			WHERE m.course_id = c.id) AS r) AS o
	WHERE e.user_id = $1
	ORDER BY e.enrolled_at, c.id;
END
$$;
COMMENT ON FUNCTION content_library.course_progress(uuid, boolean) IS
	'One row for each course that a learner is enrolled in. any_tier asks no tier.';

CREATE FUNCTION content_library.own_course_progress()
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
AS $$
BEGIN
	RETURN QUERY
	SELECT p.* FROM content_library.course_progress(content_library.learner(), false) AS p
	WHERE content_library.is_visible(p.course_id);
END
$$;
COMMENT ON FUNCTION content_library.own_course_progress() IS
	'content_library.course_progress() of the user signed in, in courses that the user may see.';

CREATE FUNCTION content_library.continue_watching(
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
			@POSITION_SQL@ AS position_seconds
		FROM public.lessons AS l
		@COURSE_OF_LESSON_SQL@
		@ENROLLMENT_SQL("$1")@
		CROSS JOIN LATERAL (SELECT @NO_ACCESS_SQL("any_tier")@ AS no_access) AS a
		WHERE l.id = p.lesson_id AND l.is_published AND (drafts OR content_library.is_visible(c.id))
			AND @REFUSAL_SQL("a.no_access", "true", "false")@ IS NULL OFFSET 0) AS l
	ORDER BY p.last_watched DESC, p.lesson_id
	LIMIT $2;
END
$$;
COMMENT ON FUNCTION content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean) IS
	'The lessons that a learner has begun and not completed, and may watch. The last watched comes first. With a time and an id, only those after that one. any_tier asks no tier.';

CREATE FUNCTION content_library.own_continue_watching(
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
AS $$
BEGIN
	RETURN QUERY
	SELECT w.* FROM content_library.continue_watching(content_library.learner(), max_rows, before, after, false, false) AS w;
END
$$;
COMMENT ON FUNCTION content_library.own_continue_watching(integer, timestamptz, uuid) IS
	'content_library.continue_watching() of the user signed in, in courses that the user may see.';

CREATE FUNCTION content_library.mux_playback_claims(
	user_id uuid,
	lesson_id uuid,
	until timestamptz,
	audience text,
	any_tier boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
DECLARE
	lesson record;
BEGIN
	PERFORM content_library.require_owner();
	SELECT l.mux_status, l.mux_playback_id, c.id AS course_id, l.is_published AND c.is_published AS is_published,
		@REFUSAL_SQL("a.no_access", "p.id IS NOT NULL", EARLIER_IS_OPEN_SQL("$1"))@ AS refusal,
		@UNLOCKS_AT_SQL@ AS unlocks_at
	INTO lesson
	FROM public.lessons AS l
	@COURSE_OF_LESSON_SQL@
	@ENROLLMENT_SQL("$1")@
	@PROGRESS_BY_KEY_SQL("$1", "l.id")@
	CROSS JOIN LATERAL (SELECT @NO_ACCESS_SQL("any_tier")@ AS no_access) AS a
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

CREATE FUNCTION content_library.own_mux_playback_claims(lesson_id uuid, until timestamptz, audience text)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.mux_playback_claims(content_library.learner(), lesson_id, until, audience, false);
END
$$;
COMMENT ON FUNCTION content_library.own_mux_playback_claims(uuid, timestamptz, text) IS
	'content_library.mux_playback_claims() of the user signed in.';

-- The functions for instructors. Their other doors ask for the role that they need.

CREATE FUNCTION content_library.course_report(
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
			SELECT l.id, @COUNTS_SQL("l")@ AS counts
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
	SELECT i.ids, i.required_ids INTO ids, required_ids FROM (@LESSON_IDS_SQL("$1")@) AS i (ids, required_ids);
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
	CROSS JOIN LATERAL @DONE_BY_LEARNER_SQL("ids", "required_ids")@ AS d
	ORDER BY e.enrolled_at, e.user_id;
END
$$;
COMMENT ON FUNCTION content_library.course_report(uuid, integer, uuid) IS
	'How far each learner enrolled in a course has got, page by page. Fails with 22023 when after is not enrolled in the course.';

CREATE FUNCTION content_library.own_course_report(
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
AS $$
BEGIN
	PERFORM content_library.require_staff($1, 'viewer');
	RETURN QUERY SELECT * FROM content_library.course_report($1, $2, $3);
END
$$;
COMMENT ON FUNCTION content_library.own_course_report(uuid, integer, uuid) IS
	'content_library.course_report() for the staff of the course.';

-- Counting by an index alone never reads more than the course, however large its share is.
CREATE FUNCTION content_library.course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 SECURITY DEFINER
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
	SELECT i.ids, i.required_ids INTO ids, required_ids FROM (@LESSON_IDS_SQL("$1")@) AS i (ids, required_ids);
	RETURN QUERY @COURSE_SUMMARY_SQL("$1", "ids", "required_ids", "content_library.percentage(d.completed, n.required)")@;
END
$$;
COMMENT ON FUNCTION content_library.course_summary(uuid) IS
	'A course in one row: how many learners there are, are active and have completed it.';

CREATE FUNCTION content_library.own_course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 SECURITY DEFINER
AS $$
BEGIN
	PERFORM content_library.require_staff($1, 'viewer');
	RETURN QUERY SELECT * FROM content_library.course_summary($1);
END
$$;
COMMENT ON FUNCTION content_library.own_course_summary(uuid) IS
	'content_library.course_summary() for the staff of the course.';

CREATE FUNCTION content_library.lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	ids uuid[];
BEGIN
	PERFORM content_library.require_owner();
	SELECT i.ids INTO ids FROM (@LESSON_IDS_SQL("$1")@) AS i (ids, required_ids);
	RETURN QUERY @LESSON_REPORT_SQL("$1", "ids")@;
END
$$;
COMMENT ON FUNCTION content_library.lesson_report(uuid) IS
	'How many enrolled learners have begun and completed each lesson of a course.';

CREATE FUNCTION content_library.own_lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
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
CREATE FUNCTION content_library.lesson_retention(lesson_id uuid, step_seconds integer)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
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

CREATE FUNCTION content_library.own_lesson_retention(lesson_id uuid, step_seconds integer)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
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

CREATE FUNCTION content_library.own_course_of_lesson(lesson_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

CREATE FUNCTION content_library.own_course_of_module(module_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
CREATE FUNCTION content_library.lock_for_move(left_course uuid, entered_course uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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
CREATE FUNCTION content_library.check_still_there(course_id uuid, locked uuid, kind text, id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION content_library.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid,
	service boolean DEFAULT true)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

	@PLACE_SQL("lessons", "module_id", "$1", "$2", "before")@;

	-- Closes the gap in the module that it has left.
	IF left_module <> $2 THEN
		@CLOSE_GAP_SQL("lessons", "module_id", "left_module")@;
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

CREATE FUNCTION content_library.own_move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.move_lesson(lesson_id, module_id, before, false);
END
$$;
COMMENT ON FUNCTION content_library.own_move_lesson(uuid, uuid, uuid) IS
	'content_library.move_lesson() for the editors of both courses.';

CREATE FUNCTION content_library.move_module(
	module_id uuid,
	before uuid,
	course_id uuid,
	service boolean DEFAULT true)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

	@PLACE_SQL("modules", "course_id", "$1", "entered_course", "before")@;

	-- Closes the gap in the course that it has left.
	IF left_course <> entered_course THEN
		@CLOSE_GAP_SQL("modules", "course_id", "left_course")@;
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

CREATE FUNCTION content_library.own_move_module(
	module_id uuid,
	before uuid,
	course_id uuid)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.move_module(module_id, before, course_id, false);
END
$$;
COMMENT ON FUNCTION content_library.own_move_module(uuid, uuid, uuid) IS
	'content_library.move_module() for the editors of both courses.';

CREATE FUNCTION content_library.copy_course(
	course_id uuid,
	slug text,
	title text,
	editor uuid DEFAULT NULL)
RETURNS public.courses
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
		@WRITE_VIDEOS_SQL("%1$s.modules AS m JOIN %1$s.lessons AS l ON l.module_id = m.id", "m.course_id = copy_id AND (v.is_known OR l.mux_status = 'ready')")@;
	END IF;

	SELECT c.* INTO course FROM public.courses AS c WHERE c.id = copy_id;
	RETURN course;
END
$$;
COMMENT ON FUNCTION content_library.copy_course(uuid, text, text, uuid) IS
	'Copies a course with its modules, lessons and prerequisites. Its staff is the editor, if one is given. Fails with 23505 for a slug that is taken.';

CREATE FUNCTION content_library.own_copy_course(
	course_id uuid,
	slug text,
	title text)
RETURNS public.courses
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
CREATE FUNCTION content_library.complete_lessons(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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
			AND p.watched_pct >= @THRESHOLD_SQL("s.completion_threshold")@
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

CREATE FUNCTION content_library.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

CREATE FUNCTION content_library.own_recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
CREATE FUNCTION content_library.issue_certificate(
	course_id uuid,
	user_id uuid,
	learner_name text,
	metadata jsonb)
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	certificate public.certificates;
BEGIN
	PERFORM content_library.require_owner();
	PERFORM content_library.lock_user($2);
	@ISSUE_CERTIFICATE_SQL("$1", "$2", "$3", "$4")@;
	SELECT k.* INTO certificate @ISSUED_CERTIFICATE_SQL("$1", "$2")@;
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

CREATE FUNCTION content_library.revoke_certificate(code text, reason text)
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	certificate public.certificates;
BEGIN
	PERFORM content_library.require_owner();
	@REVOKE_CERTIFICATE_SQL("$1", "$2")@;
	SELECT k.* INTO certificate FROM public.certificates AS k WHERE k.code = @CERTIFICATE_CODE_SQL("$1")@;
	IF NOT FOUND THEN
		PERFORM content_library.missing_certificate($1);
	END IF;
	RETURN certificate;
END
$$;
COMMENT ON FUNCTION content_library.revoke_certificate(text, text) IS
	'Revokes a certificate, once. Fails with 23503 for a code that no certificate has.';

-- The only door of anon.
CREATE FUNCTION content_library.verify_certificate(code text)
RETURNS TABLE (
	status text,
	learner_name text,
	course_title text,
	completed_at timestamptz,
	issued_at timestamptz,
	expires_at timestamptz,
	revoked_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	RETURN QUERY
	@VERIFY_CERTIFICATE_SQL("$1")@;
END
$$;
COMMENT ON FUNCTION content_library.verify_certificate(text) IS
	'What anybody may know of a certificate whose code they have.';

CREATE FUNCTION content_library.certificate_credential(code text, issuer jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	answer record;
BEGIN
	PERFORM content_library.require_owner();
	SELECT k.revoked_at IS NULL AS holds, k.code,
		CASE WHEN @IS_ISSUER_SQL("$2")@ THEN
			@CREDENTIAL_SQL("$2")@
		END AS document
	INTO answer
	FROM public.certificates AS k
	WHERE k.code = @CERTIFICATE_CODE_SQL("$1")@;
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
GRANT EXECUTE ON FUNCTION
	content_library.missing_course(uuid),
	content_library.missing_lesson(uuid, text),
	content_library.nobody(),
	content_library.other_user(uuid),
	content_library.writes(text),
	content_library.acts_for_others(),
	content_library.caller(uuid),
	content_library.sees_course(uuid),
	content_library.require_course(uuid),
	content_library.enter(uuid, text),
	content_library.require_staff(uuid, text, text, uuid),
	content_library.whole_number(double precision, text, integer),
	content_library.whole_percent(double precision),
	content_library.whole_position(double precision),
	content_library.json_number(jsonb, text),
	content_library.read_played(jsonb),
	content_library.read_report(jsonb, timestamptz),
	content_library.read_reports(jsonb, timestamptz),
	content_library.send(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean),
	content_library.send_all(uuid[], uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, boolean),
	content_library.watched_course_of(uuid),
	content_library.own_record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, uuid[]),
	content_library.own_enroll(uuid, boolean),
	content_library.own_unenroll(uuid, boolean),
	content_library.own_reset_progress(uuid, boolean, boolean),
	content_library.own_completion_threshold(uuid),
	content_library.own_course_completion(uuid),
	content_library.require_own_learner(uuid, uuid),
	content_library.own_course_outline(uuid, uuid),
	content_library.own_next_lesson(uuid),
	content_library.own_course_progress(),
	content_library.own_continue_watching(integer, timestamptz, uuid),
	content_library.own_mux_playback_claims(uuid, timestamptz, text),
	content_library.own_course_report(uuid, integer, uuid),
	content_library.own_course_summary(uuid),
	content_library.own_lesson_report(uuid),
	content_library.own_lesson_retention(uuid, integer),
	content_library.own_course_of_lesson(uuid),
	content_library.own_course_of_module(uuid),
	content_library.own_move_lesson(uuid, uuid, uuid),
	content_library.own_move_module(uuid, uuid, uuid),
	content_library.own_copy_course(uuid, text, text),
	content_library.own_recompute_completion(uuid)
	TO authenticated, service_role;
-- The service doors.
GRANT EXECUTE ON FUNCTION
	content_library.record(uuid, uuid[], integer[], int4multirange[], integer[], timestamptz[], timestamptz, integer[], boolean, boolean, uuid[], boolean[]),
	content_library.begin_batch(uuid[], uuid[]),
	content_library.enroll(uuid, uuid, boolean, boolean),
	content_library.unenroll(uuid, uuid, boolean, boolean),
	content_library.reset_progress(uuid, uuid, boolean, boolean),
	content_library.completion_threshold(uuid),
	content_library.course_completion(uuid, uuid),
	content_library.course_outline(uuid, uuid, boolean, boolean),
	content_library.next_lesson(uuid, uuid, boolean),
	content_library.course_progress(uuid, boolean),
	content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean, boolean),
	content_library.mux_playback_claims(uuid, uuid, timestamptz, text, boolean),
	content_library.module_of(uuid, boolean),
	content_library.course_of(uuid, boolean),
	content_library.lock_video(boolean, text, text),
	content_library.course_report(uuid, integer, uuid),
	content_library.course_summary(uuid),
	content_library.lesson_report(uuid),
	content_library.lesson_retention(uuid, integer),
	content_library.move_lesson(uuid, uuid, uuid, boolean),
	content_library.move_module(uuid, uuid, uuid, boolean),
	content_library.copy_course(uuid, text, text, uuid),
	content_library.recompute_completion(uuid),
	content_library.missing_certificate(text),
	content_library.issue_certificate(uuid, uuid, text, jsonb),
	content_library.revoke_certificate(text, text),
	content_library.certificate_credential(text, jsonb)
	TO service_role;
GRANT EXECUTE ON FUNCTION content_library.verify_certificate(text) TO anon, authenticated, service_role;
GRANT USAGE ON SCHEMA content_library TO anon, authenticated, service_role;


-- The twins, in the order of content_library--1.0.sql.

-- As the caller, who reads nobody's rows of course_staff but their own.
CREATE FUNCTION public.content_library_is_staff(course_id uuid, role text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100
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
CREATE POLICY "Strict: modules of visible courses"
	ON public.modules AS RESTRICTIVE FOR SELECT TO authenticated
	USING ((SELECT has_table_privilege('authenticated', 'public.content_progress'::regclass, 'INSERT'))
		OR (SELECT true FROM public.courses AS c WHERE c.id = course_id));

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

CREATE FUNCTION public.content_library_on_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE
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
		NEW.expires_at := (SELECT @EXPIRES_AT_SQL@ FROM public.courses AS c WHERE c.id = NEW.course_id);
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
				WHERE @COUNTS_SQL("l")@);
		ELSIF TG_TABLE_NAME = 'lessons' THEN
			-- A lesson that counts in the same module before and after comes twice, and is left out. A
			-- join would be slow: its plan may be kept from a small change.
			changed := ARRAY(
				SELECT m.course_id
				FROM (SELECT b.module_id
					  FROM (SELECT l.id, l.module_id FROM old_rows AS l WHERE @COUNTS_SQL("l")@
							UNION ALL
							SELECT l.id, l.module_id FROM new_rows AS l WHERE @COUNTS_SQL("l")@) AS b
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

CREATE FUNCTION public.record_progress(
	lesson_id uuid,
	watched_pct double precision DEFAULT NULL,
	position_seconds double precision DEFAULT NULL,
	user_id uuid DEFAULT NULL,
	played jsonb DEFAULT NULL)
RETURNS public.recorded_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.record_progress_batch(
	reports jsonb,
	user_id uuid DEFAULT NULL,
	skip_refused boolean DEFAULT false)
RETURNS SETOF public.recorded_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
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

CREATE FUNCTION public.enroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.unenroll(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.reset_progress(
	course_id uuid,
	user_id uuid DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.completion_threshold(lesson_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION public.course_completion(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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

CREATE FUNCTION public.course_outline(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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

CREATE FUNCTION public.next_lesson(
	course_id uuid,
	user_id uuid DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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

CREATE FUNCTION public.course_progress(user_id uuid DEFAULT NULL)
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

CREATE FUNCTION public.continue_watching(
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

CREATE FUNCTION public.course_report(
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

CREATE FUNCTION public.course_summary(course_id uuid)
RETURNS TABLE (
	learners integer,
	active_7_days integer,
	active_30_days integer,
	completed integer,
	average_completion numeric,
	completions_by_week integer[],
	sampled integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
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

CREATE FUNCTION public.lesson_report(course_id uuid)
RETURNS TABLE (
	lesson_id uuid,
	module_id uuid,
	title text,
	is_required boolean,
	started integer,
	completed integer,
	average_pct numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100
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

CREATE FUNCTION public.lesson_retention(
	lesson_id uuid,
	step_seconds integer DEFAULT 5)
RETURNS TABLE (
	second integer,
	learners integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000
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

CREATE FUNCTION public.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.move_module(
	module_id uuid,
	before uuid DEFAULT NULL,
	course_id uuid DEFAULT NULL)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.copy_course(
	course_id uuid,
	slug text,
	title text DEFAULT NULL)
RETURNS public.courses
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.issue_certificate(
	course_id uuid,
	user_id uuid,
	learner_name text,
	metadata jsonb DEFAULT '{}')
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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
	fault := @CERTIFICATE_FAULT_SQL("learner_name", "metadata")@;
	IF fault IS NOT NULL THEN
		RAISE EXCEPTION '%', fault USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM content_library.require_course(course_id);
	RETURN content_library.issue_certificate(course_id, user_id, learner_name, metadata);
END
$$;

CREATE FUNCTION public.revoke_certificate(
	code text,
	reason text)
RETURNS public.certificates
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.certificate_credential(
	code text,
	issuer jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
AS $$
BEGIN
	IF code IS NULL OR issuer IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN code IS NULL THEN 'code' ELSE 'issuer' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN content_library.certificate_credential(code, issuer);
END
$$;

CREATE FUNCTION public.verify_certificate(code text)
RETURNS TABLE (
	status text,
	learner_name text,
	course_title text,
	completed_at timestamptz,
	issued_at timestamptz,
	expires_at timestamptz,
	revoked_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
AS $$
BEGIN
	IF code IS NULL THEN
		RAISE EXCEPTION 'code must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN QUERY SELECT * FROM content_library.verify_certificate(code);
END
$$;

CREATE FUNCTION public.content_library_strict(enabled boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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


CREATE FUNCTION public.mux_verify_signature(
	body text,
	signature_header text,
	secrets text[],
	tolerance interval DEFAULT '5 minutes',
	checked_at timestamptz DEFAULT clock_timestamp())
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
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

CREATE FUNCTION public.content_library_mux_policies() RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN (SELECT s.mux_playback_policies FROM public.content_library_settings AS s);
END
$$;

-- A transaction that holds what an event needs may itself wait for what the event
-- holds. So an event never waits for it: it releases all its locks and tries again.
-- Locks that the server takes by itself it waits for only 100 ms. So an event is never
-- part of a deadlock.
CREATE FUNCTION public.mux_apply_event(event jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

			@WRITE_VIDEOS_SQL("%1$s.lessons AS l", "l.id = ANY (affected)")@;
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

-- It reads events and writes bindings with the rights of their owner, so whoever may
-- update the columns binds.
CREATE FUNCTION public.content_library_mux_bind() RETURNS trigger
LANGUAGE plpgsql VOLATILE
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
		CROSS JOIN LATERAL @VIDEO_OF_SQL@ AS v;
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
	CROSS JOIN LATERAL @VIDEO_OF_SQL@ AS v;
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

CREATE FUNCTION public.mux_begin_upload(lesson_id uuid, upload_id text)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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

CREATE FUNCTION public.mux_playback_claims(
	lesson_id uuid,
	ttl interval DEFAULT '6 hours',
	user_id uuid DEFAULT NULL,
	audience text DEFAULT 'v')
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
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
