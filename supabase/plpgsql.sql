-- plpgsql.sql: what the SQL edition has in place of C: PL/pgSQL twins of the C functions, and what they share.
--
-- `make migration` puts each twin where content_library--1.0.sql has its C
-- function, and everything else in section 7. Every function gets a fixed
-- search_path there, so that operators and functions are the server's own.
--
-- The functions in public run as their caller and do little: they look up which
-- courses the caller sees, and call a door. A door is a SECURITY DEFINER function in
-- the schema content_library, which PostgREST does not expose. It works as the owner
-- of the tables, whatever the caller may read or write.
--   A learner's door, own_..., acts only for auth.uid(). Learners may call it by
-- hand, so it checks everything itself, with one exception. It cannot look up which
-- courses the caller sees: it believes its caller, and checks is_published itself.
--   A service door, of the same name without own_, has a user's id as an argument.
-- The right to execute it is the right to act for others.


-- HMAC, which Mux signs with. Supabase has it in this schema.
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA extensions;

-- The settings are a row that only the owner changes. A setting of the server would
-- be no protection: any role may SET a name that no library has defined.
CREATE TABLE public.content_library_settings (
	one						boolean PRIMARY KEY DEFAULT true CHECK (one),
	completion_threshold	integer NOT NULL DEFAULT 90 CHECK (completion_threshold BETWEEN 1 AND 100),
	heartbeat_interval		integer NOT NULL DEFAULT 15 CHECK (heartbeat_interval >= 0),
	mux_playback_policies	text[] NOT NULL DEFAULT '{public,signed}'
							CHECK (mux_playback_policies <@ '{public,signed,drm}' AND mux_playback_policies <> '{}')
);
COMMENT ON TABLE public.content_library_settings IS 'The settings of the library, one row, which its owner may UPDATE.';
COMMENT ON COLUMN public.content_library_settings.completion_threshold IS 'Percentage of a lesson that must be watched to complete it, where neither the lesson nor its course says otherwise.';
COMMENT ON COLUMN public.content_library_settings.heartbeat_interval IS 'Seconds within which a report that changes nothing else is not written; 0 writes every report.';
COMMENT ON COLUMN public.content_library_settings.mux_playback_policies IS 'Playback policies of Mux that a lesson may use, the preferred first.';
INSERT INTO public.content_library_settings DEFAULT VALUES ON CONFLICT DO NOTHING;
REVOKE ALL ON TABLE public.content_library_settings FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON TABLE public.content_library_settings TO authenticated, service_role;
ALTER TABLE public.content_library_settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Everybody reads the settings"
	ON public.content_library_settings FOR SELECT TO authenticated, service_role
	USING (true);

-- Whoever owns the doors acts with the rights of their owner, and whoever owns
-- their schema can replace them. So both belong to the owner of the tables.
CREATE SCHEMA IF NOT EXISTS content_library;
DO $$
DECLARE
	other text;
BEGIN
	SELECT format('%s belongs to %I', o.name, pg_get_userbyid(o.owner)) INTO other
	FROM (SELECT 'the schema content_library', n.nspowner
		  FROM pg_namespace AS n
		  WHERE n.nspname = 'content_library'
		  UNION ALL
		  SELECT format('the table %s', c.relname), c.relowner
		  FROM pg_class AS c
		  WHERE c.oid = ANY ('{public.courses,public.modules,public.lessons,public.enrollments,public.content_progress,public.content_library_settings}'::regclass[])
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

CREATE FUNCTION content_library.missing_lesson(lesson_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION 'lesson "%" does not exist', lesson_id
		USING ERRCODE = 'foreign_key_violation',
			  DETAIL = 'No published course has such a lesson.';
END
$$;
COMMENT ON FUNCTION content_library.missing_lesson(uuid) IS
	'Fails with 23503: no such lesson.';

CREATE FUNCTION content_library.not_enrolled(user_id uuid, lesson_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION 'user "%" is not enrolled in the course of lesson "%"', user_id, lesson_id
		USING ERRCODE = 'insufficient_privilege',
			  HINT = 'Enroll the user first; only a preview lesson can be watched without.';
END
$$;
COMMENT ON FUNCTION content_library.not_enrolled(uuid, uuid) IS
	'Fails with 42501: not enrolled in the course of a lesson.';

CREATE FUNCTION content_library.missing_user(user_id uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RAISE EXCEPTION 'user "%" does not exist', user_id
		USING ERRCODE = 'foreign_key_violation',
			  DETAIL = 'auth.users has no such id.';
END
$$;
COMMENT ON FUNCTION content_library.missing_user(uuid) IS
	'Fails with 23503: no such user.';

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
	RETURN has_function_privilege('content_library.course_progress(uuid)', 'EXECUTE');
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
		RAISE EXCEPTION 'user_id "%" is not the user signed in', named
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Leave user_id out, or call as service_role.';
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

-- What the doors ask.

-- Row-level security does not bind the owner, unless it is forced on a table. Then
-- the owner would see no row, and answers would be wrong.
CREATE FUNCTION content_library.require_owner() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	IF row_security_active('public.content_progress') OR row_security_active('public.enrollments')
		OR row_security_active('public.lessons') OR row_security_active('public.modules')
		OR row_security_active('public.courses')
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

CREATE FUNCTION content_library.is_published(course_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM public.courses AS c WHERE c.id = $1 AND c.is_published);
END
$$;
COMMENT ON FUNCTION content_library.is_published(uuid) IS
	'Whether there is such a course, and it is published.';

CREATE FUNCTION content_library.published(course_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	IF NOT content_library.is_published(course_id) THEN
		PERFORM content_library.missing_course(course_id);
	END IF;
	RETURN course_id;
END
$$;
COMMENT ON FUNCTION content_library.published(uuid) IS
	'The course itself. Fails with 23503 unless it is published.';

-- The one definition of a lesson's threshold.
CREATE FUNCTION content_library.threshold(lesson_id uuid) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN (
		SELECT COALESCE(l.completion_threshold,
			(SELECT COALESCE(c.completion_threshold, s.completion_threshold)
			 FROM public.courses AS c
			 CROSS JOIN public.content_library_settings AS s
			 WHERE c.id = (SELECT m.course_id FROM public.modules AS m WHERE m.id = l.module_id)))
		FROM public.lessons AS l
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

CREATE FUNCTION content_library.check_report(watched_pct integer, position_seconds integer) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	IF watched_pct NOT BETWEEN 0 AND 100 THEN
		RAISE EXCEPTION 'watched_pct % is outside the range 0..100', watched_pct
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF position_seconds < 0 THEN
		RAISE EXCEPTION 'position_seconds % is negative', position_seconds
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.check_report(integer, integer) IS
	'Fails with 22023 for a percentage or position out of range.';

-- Errors of a type's input function may come from here as well as our own.
CREATE FUNCTION content_library.read_report(
	report jsonb,
	at timestamptz,
	OUT lesson_id uuid,
	OUT watched_pct integer,
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
	number numeric;
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
		IF pair.key NOT IN ('lesson_id', 'watched_pct', 'position_seconds', 'watched_at') THEN
			RAISE EXCEPTION 'unknown key "%"', left(pair.key, 60);
		ELSIF type = 'null' AND pair.key IN ('position_seconds', 'watched_at') THEN
			CONTINUE;
		ELSIF pair.key IN ('lesson_id', 'watched_at') AND type <> 'string' THEN
			RAISE EXCEPTION '% is not a string', pair.key;
		ELSIF pair.key IN ('watched_pct', 'position_seconds') THEN
			IF type <> 'number' THEN
				RAISE EXCEPTION '% is not a number', pair.key;
			END IF;
			number := trim_scale(word::numeric);
			IF number <> trunc(number) THEN
				RAISE EXCEPTION '% % is not an integer', pair.key, left(number::text, 40);
			ELSIF number NOT BETWEEN -2147483648 AND 2147483647 THEN
				RAISE EXCEPTION '% % is out of range', pair.key, left(number::text, 40);
			END IF;
		END IF;

		CASE pair.key
			WHEN 'lesson_id' THEN
				lesson_id := word::uuid;
			WHEN 'watched_pct' THEN
				watched_pct := number::integer;
			WHEN 'position_seconds' THEN
				position_seconds := number::integer;
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

	IF lesson_id IS NULL OR watched_pct IS NULL THEN
		RAISE EXCEPTION '% is missing', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'watched_pct' END;
	END IF;
	PERFORM content_library.check_report(watched_pct, position_seconds);
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
	OUT lesson_ids uuid[],
	OUT pcts integer[],
	OUT positions integer[],
	OUT times timestamptz[])
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
	report record;
	size integer;
	n integer;
	twice record;
BEGIN
	IF jsonb_typeof(reports) <> 'array' THEN
		RAISE EXCEPTION 'reports is not a JSON array' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	size := jsonb_array_length(reports);
	IF size NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'reports has % elements; 1 to 1000 are possible', size
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	BEGIN
		FOR i IN 1..size LOOP
			n := i;
			report := content_library.read_report(reports -> (i - 1), at);
			lesson_ids[i] := report.lesson_id;
			pcts[i] := report.watched_pct;
			positions[i] := report.position_seconds;
			times[i] := report.watched_at;
		END LOOP;
	EXCEPTION WHEN OTHERS THEN
		RAISE EXCEPTION 'reports[%]: %', n - 1, SQLERRM
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'A report is {"lesson_id": uuid, "watched_pct": 0..100, "position_seconds": integer, "watched_at": time}; the last two may be left out.';
	END;

	SELECT r.lesson_id, r.number, r.before INTO twice
	FROM (SELECT l.lesson_id, l.number,
				 lag(l.number) OVER (PARTITION BY l.lesson_id ORDER BY l.number) AS before
		  FROM unnest(lesson_ids) WITH ORDINALITY AS l(lesson_id, number)) AS r
	WHERE r.before IS NOT NULL
	ORDER BY r.lesson_id, r.number
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

CREATE FUNCTION content_library.look(
	user_id uuid,
	lesson_id uuid,
	OUT progress public.content_progress,
	OUT threshold integer,
	OUT required boolean,
	OUT admitted boolean,
	OUT course_id uuid)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
#variable_conflict use_column
BEGIN
	SELECT p.* INTO progress
	FROM public.content_progress AS p
	WHERE p.user_id = $1 AND p.lesson_id = $2;

	IF progress.completed THEN
		threshold := 101;
		required := true;
		admitted := true;
	ELSIF progress.id IS NOT NULL THEN
		SELECT content_library.threshold(l.id), l.is_required INTO threshold, required
		FROM public.lessons AS l
		WHERE l.id = $2;
		threshold := COALESCE(threshold, 100);
		required := COALESCE(required, true);
		admitted := true;
	ELSE
		SELECT content_library.threshold(l.id), l.is_required,
			   l.is_preview OR EXISTS (
				   SELECT FROM public.enrollments AS e
				   WHERE e.user_id = $1 AND e.course_id = c.id),
			   c.id
		INTO threshold, required, admitted, course_id
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		WHERE l.id = $2 AND c.is_published;
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.look(uuid, uuid) IS
	'What a report meets: the row of a learner and a lesson, if there is one; the threshold that is left to reach, 101 if none is, NULL for a lesson that is unknown or not published; whether the lesson is required (true if completed). Where there is no row, also whether the lesson may be begun, and its course.';

CREATE FUNCTION content_library.is_news(
	progress public.content_progress,
	threshold integer,
	watched_pct integer,
	position_seconds integer,
	watched_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
	beat integer := (SELECT s.heartbeat_interval FROM public.content_library_settings AS s);
BEGIN
	RETURN watched_pct > progress.watched_pct
		-- The threshold has come down since.
		OR progress.watched_pct >= threshold
		OR progress.last_watched < watched_at - make_interval(secs => beat)
		-- It is in the future, so none of our reports wrote it.
		OR progress.last_watched > watched_at AND progress.last_watched > clock_timestamp()
		OR position_seconds IS NOT NULL AND progress.position_seconds IS NULL
		OR progress.last_watched <= watched_at
			AND abs(position_seconds::bigint - progress.position_seconds) > beat;
END
$$;
COMMENT ON FUNCTION content_library.is_news(public.content_progress, integer, integer, integer, timestamptz) IS
	'Whether a report changes enough of a row to be written.';

-- Of several reports with the same time the furthest position counts, in any order.
CREATE FUNCTION content_library.write(
	user_id uuid,
	lesson_id uuid,
	there boolean,
	threshold integer,
	watched_pct integer,
	position_seconds integer,
	watched_at timestamptz)
RETURNS public.content_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
#variable_conflict use_column
DECLARE
	progress public.content_progress;
	missing text;
BEGIN
	IF there THEN
		-- A time in the future, which an app has written, must not block later reports.
		UPDATE public.content_progress AS p
		SET last_watched = '-infinity'
		WHERE p.user_id = $1 AND p.lesson_id = $2
			AND p.last_watched > $7 AND p.last_watched > clock_timestamp();

		UPDATE public.content_progress AS p
		SET watched_pct = GREATEST(p.watched_pct, $5),
			completed = p.completed OR GREATEST(p.watched_pct, $5) >= $4,
			completed_at = CASE
				WHEN p.completed THEN p.completed_at
				WHEN GREATEST(p.watched_pct, $5) >= $4 THEN COALESCE(p.completed_at, $7)
				ELSE p.completed_at END,
			last_watched = GREATEST(p.last_watched, $7),
			position_seconds = CASE
				WHEN $7 > p.last_watched THEN COALESCE($6, p.position_seconds)
				WHEN $7 < p.last_watched THEN COALESCE(p.position_seconds, $6)
				ELSE GREATEST(p.position_seconds, $6) END
		WHERE p.user_id = $1 AND p.lesson_id = $2
		RETURNING p.* INTO progress;
		RETURN progress;
	END IF;

	BEGIN
		INSERT INTO public.content_progress AS p
			(user_id, lesson_id, watched_pct, last_watched, position_seconds, completed, completed_at)
		VALUES ($1, $2, $5, $7, $6, $5 >= $4, CASE WHEN $5 >= $4 THEN $7 END)
		ON CONFLICT (user_id, lesson_id) DO NOTHING
		RETURNING p.* INTO progress;
	EXCEPTION WHEN foreign_key_violation THEN
		GET STACKED DIAGNOSTICS missing = CONSTRAINT_NAME;
		CASE missing
			WHEN 'content_progress_lesson_id_fkey' THEN PERFORM content_library.missing_lesson($2);
			WHEN 'content_progress_user_id_fkey' THEN PERFORM content_library.missing_user($1);
			ELSE RAISE;
		END CASE;
	END;
	RETURN progress;
END
$$;
COMMENT ON FUNCTION content_library.write(uuid, uuid, boolean, integer, integer, integer, timestamptz) IS
	'Makes the row of a report, or advances it. All columns are NULL if another transaction made or deleted the row at the same time.';

-- The completion of a course is claimed once. Everything that reports, resets or
-- deletes locks in one order: learner, course, progress, enrollment.

CREATE FUNCTION content_library.all_completed(user_id uuid, course_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	-- OFFSET 0 makes the server read the lessons of the course first, and not all
	-- lessons. The condition on the percentage is always true: with it the row is
	-- found by its key.
	RETURN NOT EXISTS (
			SELECT FROM (
				SELECT l.id FROM public.modules AS m
				JOIN public.lessons AS l ON l.module_id = m.id
				WHERE m.course_id = $2 AND l.is_required OFFSET 0) AS r
			LEFT JOIN LATERAL (
				SELECT p.completed FROM public.content_progress AS p
				WHERE p.user_id = $1 AND p.lesson_id = r.id AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			WHERE p.completed IS NOT TRUE)
		AND EXISTS (
			SELECT FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			WHERE m.course_id = $2 AND l.is_required);
END
$$;
COMMENT ON FUNCTION content_library.all_completed(uuid, uuid) IS
	'Whether a learner has completed all required lessons of a course. False if none is required.';

CREATE FUNCTION content_library.complete(enrollments uuid[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	event text;
BEGIN
	FOR event IN
		UPDATE public.enrollments AS e
		SET completed_at = at
		WHERE e.id = ANY (enrollments) AND e.completed_at IS NULL
			AND content_library.all_completed(e.user_id, e.course_id)
		RETURNING json_build_object(
			'event', 'course_completed', 'course_id', e.course_id,
			'user_id', e.user_id, 'completed_at', e.completed_at)::text
	LOOP
		PERFORM pg_notify('content_library', event);
	END LOOP;
END
$$;
COMMENT ON FUNCTION content_library.complete(uuid[], timestamptz) IS
	'Completes those of the enrollments that are due. Sets completed_at, and sends an event for each. The caller has locked them.';

CREATE FUNCTION content_library.lock_first(user_id uuid, course_ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('content_library ' || $1::text, 0));
	PERFORM FROM public.courses AS c WHERE c.id = ANY ($2) ORDER BY c.id FOR KEY SHARE;
END
$$;
COMMENT ON FUNCTION content_library.lock_first(uuid, uuid[]) IS
	'Locks a learner and courses, before progress is written.';

CREATE FUNCTION content_library.claim(user_id uuid, course_id uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	enrollment uuid;
BEGIN
	SELECT e.id INTO enrollment
	FROM public.enrollments AS e
	WHERE e.user_id = $1 AND e.course_id = $2 AND e.completed_at IS NULL
	FOR NO KEY UPDATE;
	-- Looks only once the enrollment is locked, so that whoever comes last sees the rows of all.
	PERFORM content_library.complete(ARRAY[enrollment], at);
END
$$;
COMMENT ON FUNCTION content_library.claim(uuid, uuid, timestamptz) IS
	'Completes a course for a learner, if that is due.';

-- Places in an order.

CREATE FUNCTION content_library.module_of(lesson_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL SAFE SECURITY DEFINER
AS $$
DECLARE
	module_id uuid := (SELECT l.module_id FROM public.lessons AS l WHERE l.id = $1);
BEGIN
	IF module_id IS NULL THEN
		PERFORM content_library.missing_lesson(lesson_id);
	END IF;
	RETURN module_id;
END
$$;
COMMENT ON FUNCTION content_library.module_of(uuid) IS
	'The module of a lesson. Fails with 23503 for an unknown one.';

CREATE FUNCTION content_library.course_of(module_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL SAFE SECURITY DEFINER
AS $$
DECLARE
	course_id uuid := (SELECT m.course_id FROM public.modules AS m WHERE m.id = $1);
BEGIN
	IF course_id IS NULL THEN
		RAISE EXCEPTION 'module "%" does not exist', module_id
			USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN course_id;
END
$$;
COMMENT ON FUNCTION content_library.course_of(uuid) IS
	'The course of a module. Fails with 23503 for an unknown one.';

CREATE FUNCTION content_library.check_before(moved uuid, before uuid, its_parent uuid, parent uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	IF before = moved THEN
		RAISE EXCEPTION '"%" cannot be moved before itself', before
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF its_parent <> parent THEN
		RAISE EXCEPTION 'before "%" is not a place in "%"', before, parent
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Name a row that is there, or leave before out to move to the end.';
	END IF;
END
$$;
COMMENT ON FUNCTION content_library.check_before(uuid, uuid, uuid, uuid) IS
	'Fails with 22023 for a place that is none. That is a place before the moved row itself, or before a row of another parent.';

-- Keeps video events and bindings of the same upload or asset apart.

-- An event tries its locks without waiting. They exclude other events about the same
-- upload or asset, and bindings of the upload. A binding waits for its lock, which
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
	-- One character for each lock. The server forgets them when the transaction ends or
	-- rolls back to a savepoint.
	taken CONSTANT text := COALESCE(current_setting('content_library_sql.video_locks', true), '');
	many boolean;
BEGIN
	IF level <> ALL (ARRAY['read committed', 'read uncommitted']) THEN
		RAISE EXCEPTION 'the video of a lesson cannot change in a % transaction', level
			USING ERRCODE = 'invalid_transaction_state',
				  DETAIL = 'An event that was committed since the transaction began would be overlooked.',
				  HINT = 'Use READ COMMITTED.';
	END IF;
	IF id IS NULL THEN
		RETURN true;
	END IF;

	many := length(taken) >= 256;
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
	'Locks a video, for an event or for a binding. An event locks an upload or an asset and never waits. The answer is false if somebody else holds the lock. A binding locks an upload, and waits. Fails with 25000 unless the transaction is READ COMMITTED.';

-- The doors. In each pair the service door comes first.

CREATE FUNCTION content_library.published_course_of(lesson_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
AS $$
BEGIN
	PERFORM content_library.require_owner();
	RETURN (
		SELECT c.id
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		WHERE l.id = $1 AND c.is_published);
END
$$;
COMMENT ON FUNCTION content_library.published_course_of(uuid) IS
	'The course of a lesson, if it is published. Whether the caller sees it is still to be looked up.';

-- Reading comes first because most reports change nothing. The row of a first report
-- is written before it is known whether the learner is enrolled, because only the
-- foreign key knows whether the user exists. If the learner is not, the error undoes it.
CREATE FUNCTION content_library.record(
	user_id uuid,
	lesson_ids uuid[],
	pcts integer[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	batch boolean,
	seen uuid[],
	OUT rows public.content_progress[],
	OUT unseen uuid[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
#variable_conflict use_variable
DECLARE
	size CONSTANT integer := cardinality(lesson_ids);
	-- What each report meets, and what its row becomes.
	met record;
	thresholds integer[];
	theres boolean[];
	news boolean[];
	refused uuid;
	unknown uuid;
	progress public.content_progress;
	-- Their numbers in the order of their lessons, in which rows are locked.
	sorted integer[] := ARRAY[1];
	n integer;
	completes boolean;
	completing boolean;
	candidates uuid[];
	claims uuid[];
	course uuid;
BEGIN
	PERFORM content_library.require_owner();
	-- A learner who calls this by hand must not give a time in the future.
	at := LEAST(GREATEST(at, now()), clock_timestamp());
	IF batch THEN
		PERFORM content_library.lock_first(user_id, '{}');
	END IF;
	IF size > 1 THEN
		sorted := ARRAY(SELECT r.number FROM unnest(lesson_ids) WITH ORDINALITY AS r(lesson_id, number) ORDER BY r.lesson_id, r.number);
	END IF;

	-- Tries again when a row was made or deleted between reading and writing.
	<<attempts>>
	FOR attempt IN 1..10 LOOP
		completing := false;
		candidates := '{}';
		claims := '{}';
		refused := NULL;
		unknown := NULL;
		FOR i IN 1..size LOOP
			met := content_library.look(user_id, lesson_ids[i]);
			progress := met.progress;
			rows[i] := progress;
			thresholds[i] := met.threshold;
			theres[i] := progress.id IS NOT NULL;
			IF theres[i] THEN
				news[i] := content_library.is_news(progress, met.threshold, pcts[i], positions[i], LEAST(times[i], at));
			ELSIF seen IS NULL THEN
				unseen := array_append(array_remove(unseen, met.course_id), met.course_id);
			ELSIF met.course_id = ANY (seen) THEN
				IF NOT met.admitted THEN
					refused := COALESCE(refused, lesson_ids[i]);
				END IF;
			ELSE
				unknown := COALESCE(unknown, lesson_ids[i]);
			END IF;
			completes := COALESCE(GREATEST(pcts[i], progress.watched_pct) >= met.threshold, false);
			completing := completing OR completes;
			IF completes OR progress.completed IS TRUE OR NOT met.required THEN
				candidates := candidates || lesson_ids[i];
			END IF;
		END LOOP;
		IF unseen IS NOT NULL THEN
			rows := NULL;
			RETURN;
		ELSIF unknown IS NOT NULL THEN
			PERFORM content_library.missing_lesson(unknown);
		END IF;

		-- The courses that the reports may complete. What a completion needs is
		-- locked before anything is written.
		IF candidates <> '{}' THEN
			claims := ARRAY(
				SELECT c.course_id
				FROM (SELECT DISTINCT m.course_id
					  FROM public.lessons AS l
					  JOIN public.modules AS m ON m.id = l.module_id
					  WHERE l.id = ANY (candidates) OFFSET 0) AS c
				WHERE completing OR EXISTS (
					SELECT FROM public.enrollments AS e
					WHERE e.user_id = $1 AND e.course_id = c.course_id AND e.completed_at IS NULL
						AND content_library.all_completed(e.user_id, e.course_id))
				ORDER BY c.course_id);
		END IF;
		IF claims <> '{}' THEN
			PERFORM content_library.lock_first(user_id, claims);
		END IF;

		FOREACH n IN ARRAY sorted LOOP
			IF NOT theres[n] THEN
				rows[n] := content_library.write(user_id, lesson_ids[n], false, thresholds[n], pcts[n], positions[n], LEAST(times[n], at));
				CONTINUE attempts WHEN (rows[n]).id IS NULL;
			END IF;
		END LOOP;
		IF refused IS NOT NULL THEN
			PERFORM content_library.not_enrolled(user_id, refused);
		END IF;
		FOREACH n IN ARRAY sorted LOOP
			IF news[n] THEN
				rows[n] := content_library.write(user_id, lesson_ids[n], true, thresholds[n], pcts[n], positions[n], LEAST(times[n], at));
				CONTINUE attempts WHEN (rows[n]).id IS NULL;
			END IF;
		END LOOP;
		FOREACH course IN ARRAY claims LOOP
			PERFORM content_library.claim(user_id, course, at);
		END LOOP;
		RETURN;
	END LOOP;

	RAISE EXCEPTION 'the progress of user "%"% can be neither read nor written', user_id,
		CASE WHEN batch THEN '' ELSE format(' on lesson "%s"', lesson_ids[1]) END
		USING ERRCODE = 'object_not_in_prerequisite_state',
			  HINT = format('Look for a trigger of your own on content_progress that takes %s back.',
							CASE WHEN batch THEN 'rows' ELSE 'the row' END);
END
$$;
COMMENT ON FUNCTION content_library.record(uuid, uuid[], integer[], integer[], timestamptz[], timestamptz, boolean, uuid[]) IS
	'Records reports of a learner, in a batch or a single one. Returns the rows in the order of the reports. A first report needs the courses that the caller sees: if they are not given, it writes nothing and returns the courses to look up. Fails with 23503 for a lesson that is unknown or not seen, 42501 when not enrolled.';

CREATE FUNCTION content_library.own_record(
	lesson_ids uuid[],
	pcts integer[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	batch boolean,
	seen uuid[],
	OUT rows public.content_progress[],
	OUT unseen uuid[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
DECLARE
	answer CONSTANT record := content_library.record(content_library.learner(), lesson_ids, pcts, positions, times, at, batch, seen);
BEGIN
	rows := answer.rows;
	unseen := answer.unseen;
END
$$;
COMMENT ON FUNCTION content_library.own_record(uuid[], integer[], integer[], timestamptz[], timestamptz, boolean, uuid[]) IS
	'content_library.record() of the user signed in.';

-- As the caller.
CREATE FUNCTION content_library.send(
	named uuid,
	lesson_ids uuid[],
	pcts integer[],
	positions integer[],
	times timestamptz[],
	at timestamptz,
	batch boolean)
RETURNS public.content_progress[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	learner CONSTANT uuid := CASE WHEN named IS NOT NULL THEN content_library.caller(named) END;
	answer record;
	seen uuid[];
BEGIN
	LOOP
		IF learner IS NULL THEN
			answer := content_library.own_record(lesson_ids, pcts, positions, times, at, batch, seen);
		ELSE
			answer := content_library.record(learner, lesson_ids, pcts, positions, times, at, batch, seen);
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
COMMENT ON FUNCTION content_library.send(uuid, uuid[], integer[], integer[], timestamptz[], timestamptz, boolean) IS
	'Sends reports through the caller''s door. Only for a first report it looks up which courses the caller sees.';

CREATE FUNCTION content_library.enroll(
	user_id uuid,
	course_id uuid,
	seen boolean,
	ask_tier boolean DEFAULT false)
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
	SELECT e.* INTO enrollment FROM public.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2;
	IF FOUND THEN
		RETURN enrollment;
	END IF;

	-- free < pro < studio; what is missing or unknown counts as free. The server
	-- sets app_metadata; user_metadata, which users set themselves, must not
	-- open a course.
	SELECT c.tier_required, j.tier,
		   COALESCE(array_position('{free,pro,studio}'::text[], j.tier), 1)
		   >= COALESCE(array_position('{free,pro,studio}'::text[], c.tier_required), 1) AS open
	INTO course
	FROM public.courses AS c
	CROSS JOIN (SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb #>> '{app_metadata,tier}' AS tier) AS j
	WHERE c.id = $2 AND c.is_published AND seen;
	IF NOT FOUND THEN
		PERFORM content_library.missing_course($2);
	END IF;
	IF ask_tier AND NOT course.open THEN
		RAISE EXCEPTION 'course "%" is not open to the tier "%"', $2, left(COALESCE(course.tier, 'free'), 60)
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = format('It requires the tier "%s".', course.tier_required),
				  HINT = 'The tier is app_metadata.tier of the JWT, which the server sets.';
	END IF;

	BEGIN
		INSERT INTO public.enrollments AS e (course_id, user_id)
		VALUES ($2, $1)
		ON CONFLICT (user_id, course_id) DO NOTHING
		RETURNING e.* INTO enrollment;
	EXCEPTION WHEN foreign_key_violation THEN
		GET STACKED DIAGNOSTICS missing = CONSTRAINT_NAME;
		IF missing = 'enrollments_user_id_fkey' THEN
			PERFORM content_library.missing_user($1);
		END IF;
		RAISE;
	END;
	IF enrollment.id IS NULL THEN
		-- Another session has just made it.
		SELECT e.* INTO enrollment FROM public.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2;
	END IF;
	IF enrollment.id IS NULL THEN
		RAISE EXCEPTION 'the enrollment of user "%" in course "%" can be neither read nor made', $1, $2
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Look for a trigger of your own on enrollments that takes the row back.';
	END IF;
	RETURN enrollment;
END
$$;
COMMENT ON FUNCTION content_library.enroll(uuid, uuid, boolean, boolean) IS
	'The enrollment of a user in a course. It is made if there is none. Fails with 23503 for a course that is not published or not seen, or an unknown user, 42501 for too low a tier, where that is asked.';

CREATE FUNCTION content_library.own_enroll(course_id uuid, seen boolean)
RETURNS public.enrollments
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.enroll(content_library.learner(), course_id, seen, true);
END
$$;
COMMENT ON FUNCTION content_library.own_enroll(uuid, boolean) IS
	'content_library.enroll() of the user signed in, whose tier is asked.';

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

	PERFORM content_library.lock_first($1, ARRAY[$2]);
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
	WHERE p.id = w.id;
	GET DIAGNOSTICS count = ROW_COUNT;

	-- A report may be completing the course just now: its enrollment comes first.
	PERFORM FROM public.enrollments AS e
	WHERE e.user_id = $1 AND e.course_id = $2 FOR NO KEY UPDATE;
	UPDATE public.enrollments AS e
	SET completed_at = NULL
	WHERE e.user_id = $1 AND e.course_id = $2 AND e.completed_at IS NOT NULL
		AND NOT content_library.all_completed($1, $2);
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
		seen AND content_library.is_published(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_reset_progress(uuid, boolean, boolean) IS
	'content_library.reset_progress() of the user signed in.';

CREATE FUNCTION content_library.completion_threshold(
	lesson_id uuid,
	OUT threshold integer,
	OUT course_id uuid,
	OUT is_published boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	SELECT content_library.threshold(l.id), c.id, c.is_published INTO threshold, course_id, is_published
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	JOIN public.courses AS c ON c.id = m.course_id
	WHERE l.id = $1;
END
$$;
COMMENT ON FUNCTION content_library.completion_threshold(uuid) IS
	'The threshold and the course of a lesson. NULLs for an unknown one.';

CREATE FUNCTION content_library.own_completion_threshold(
	lesson_id uuid,
	OUT threshold integer,
	OUT course_id uuid)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
BEGIN
	SELECT t.threshold, t.course_id INTO threshold, course_id
	FROM content_library.completion_threshold($1) AS t
	WHERE t.is_published;
END
$$;
COMMENT ON FUNCTION content_library.own_completion_threshold(uuid) IS
	'The threshold and the course of a lesson. NULLs unless the course is published.';

CREATE FUNCTION content_library.course_completion(user_id uuid, course_id uuid)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	completion integer;
BEGIN
	PERFORM content_library.require_owner();
	-- The condition on the percentage is always true: with it each row is found by its
	-- key. So this reads neither all rows of the learner nor all rows of a lesson.
	SELECT (SELECT content_library.percentage(count(*) FILTER (WHERE p.completed), count(*))
			FROM public.modules AS m
			JOIN public.lessons AS l ON l.module_id = m.id
			LEFT JOIN LATERAL (
				SELECT p.* FROM public.content_progress AS p
				WHERE p.user_id = $1 AND p.lesson_id = l.id AND p.watched_pct >= 0 OFFSET 0) AS p ON true
			WHERE m.course_id = c.id AND l.is_required)
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
	RETURN content_library.course_completion(content_library.learner(), content_library.published(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_course_completion(uuid) IS
	'content_library.course_completion() of the user signed in, in a published course.';

CREATE FUNCTION content_library.course_outline(user_id uuid, course_id uuid)
RETURNS jsonb
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
		   c.tier_required, c.metadata, e.completed_at, e.id IS NOT NULL AS enrolled
	INTO course
	FROM public.courses AS c
	LEFT JOIN public.enrollments AS e ON e.user_id = $1 AND e.course_id = c.id
	WHERE c.id = $2;
	IF NOT FOUND THEN
		PERFORM content_library.missing_course($2);
	END IF;

	SELECT jsonb_agg(jsonb_build_object(
			   'id', m.id, 'title', m.title, 'description', m.description, 'metadata', m.metadata,
			   'lessons', COALESCE(o.lessons, '[]')) ORDER BY m.sort_order, m.created_at, m.id),
		   sum(o.required)::bigint, sum(o.completed)::bigint
	INTO modules, required, completed
	FROM public.modules AS m
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(jsonb_build_object(
				   'id', l.id, 'title', l.title, 'description', l.description,
				   'duration_seconds', l.duration_seconds, 'metadata', l.metadata,
				   'is_required', l.is_required, 'is_preview', l.is_preview, 'mux_status', l.mux_status,
				   'mux_playback_id', CASE WHEN l.is_preview OR course.enrolled THEN l.mux_playback_id END,
				   'status', CASE WHEN p.id IS NULL THEN 'not_started'
								  WHEN p.completed THEN 'completed'
								  ELSE 'in_progress' END,
				   'watched_pct', COALESCE(p.watched_pct, 0), 'position_seconds', p.position_seconds,
				   'completed_at', p.completed_at) ORDER BY l.sort_order, l.created_at, l.id) AS lessons,
			   count(*) FILTER (WHERE l.is_required) AS required,
			   count(*) FILTER (WHERE l.is_required AND p.completed) AS completed
		FROM public.lessons AS l
		LEFT JOIN LATERAL (
			SELECT p.* FROM public.content_progress AS p
			WHERE p.user_id = $1 AND p.lesson_id = l.id AND p.watched_pct >= 0 OFFSET 0) AS p ON true
		WHERE l.module_id = m.id) AS o
	WHERE m.course_id = $2;

	RETURN to_jsonb(course) || jsonb_build_object(
		'modules', COALESCE(modules, '[]'),
		'required_lessons', COALESCE(required, 0),
		'completed_lessons', COALESCE(completed, 0),
		'completion', content_library.percentage(completed, required));
END
$$;
COMMENT ON FUNCTION content_library.course_outline(uuid, uuid) IS
	'A course page for a learner, as one document. Fails with 23503 for an unknown course.';

CREATE FUNCTION content_library.own_course_outline(course_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.course_outline(content_library.learner(), content_library.published(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_course_outline(uuid) IS
	'content_library.course_outline() of the user signed in, of a published course.';

CREATE FUNCTION content_library.next_lesson(user_id uuid, course_id uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	PERFORM content_library.require_owner();
	RETURN (
		SELECT l.id
		FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		LEFT JOIN LATERAL (
			SELECT p.* FROM public.content_progress AS p
			WHERE p.user_id = $1 AND p.lesson_id = l.id AND p.watched_pct >= 0 OFFSET 0) AS p ON true
		WHERE m.course_id = $2 AND l.is_required AND p.completed IS NOT TRUE
		ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION content_library.next_lesson(uuid, uuid) IS
	'The next required lesson that a learner has to complete. NULL when none is left.';

CREATE FUNCTION content_library.own_next_lesson(course_id uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
BEGIN
	RETURN content_library.next_lesson(content_library.learner(), content_library.published(course_id));
END
$$;
COMMENT ON FUNCTION content_library.own_next_lesson(uuid) IS
	'content_library.next_lesson() of the user signed in, in a published course.';

CREATE FUNCTION content_library.course_progress(user_id uuid)
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
	SELECT c.id, c.title,
		count(l.id) FILTER (WHERE l.is_required)::integer,
		count(l.id) FILTER (WHERE l.is_required AND p.completed)::integer,
		content_library.percentage(
			count(l.id) FILTER (WHERE l.is_required AND p.completed),
			count(l.id) FILTER (WHERE l.is_required)),
		max(p.last_watched),
		(array_agg(l.id ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id)
			FILTER (WHERE l.is_required AND p.completed IS NOT TRUE))[1],
		e.enrolled_at, e.completed_at
	FROM public.enrollments AS e
	JOIN public.courses AS c ON c.id = e.course_id
	LEFT JOIN public.modules AS m ON m.course_id = c.id
	LEFT JOIN public.lessons AS l ON l.module_id = m.id
	LEFT JOIN public.content_progress AS p ON p.user_id = e.user_id AND p.lesson_id = l.id
	WHERE e.user_id = $1
	GROUP BY e.id, c.id
	ORDER BY e.enrolled_at, c.id;
END
$$;
COMMENT ON FUNCTION content_library.course_progress(uuid) IS
	'One row for each course that a learner is enrolled in.';

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
	SELECT p.* FROM content_library.course_progress(content_library.learner()) AS p
	WHERE content_library.is_published(p.course_id);
END
$$;
COMMENT ON FUNCTION content_library.own_course_progress() IS
	'content_library.course_progress() of the user signed in, in published courses.';

CREATE FUNCTION content_library.continue_watching(
	user_id uuid,
	max_rows integer,
	before timestamptz,
	after uuid,
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
	SELECT l.course_id, l.course_title, p.lesson_id, l.title, p.watched_pct, p.position_seconds, l.duration_seconds, p.last_watched
	FROM (SELECT p.lesson_id, p.watched_pct, p.position_seconds, p.last_watched
		  FROM public.content_progress AS p
		  WHERE p.user_id = $1 AND NOT p.completed
			AND (before IS NULL OR p.last_watched < before OR p.last_watched = before AND p.lesson_id > after)
		  ORDER BY p.last_watched DESC, p.lesson_id OFFSET 0) AS p
	CROSS JOIN LATERAL (
		SELECT c.id AS course_id, c.title AS course_title, l.title, l.duration_seconds
		FROM public.lessons AS l
		JOIN public.modules AS m ON m.id = l.module_id
		JOIN public.courses AS c ON c.id = m.course_id
		WHERE l.id = p.lesson_id AND (drafts OR c.is_published) OFFSET 0) AS l
	ORDER BY p.last_watched DESC, p.lesson_id
	LIMIT $2;
END
$$;
COMMENT ON FUNCTION content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean) IS
	'The lessons that a learner has begun and not completed. The last watched comes first. With a time and an id, only those after that one.';

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
	SELECT w.* FROM content_library.continue_watching(content_library.learner(), max_rows, before, after, false) AS w;
END
$$;
COMMENT ON FUNCTION content_library.own_continue_watching(integer, timestamptz, uuid) IS
	'content_library.continue_watching() of the user signed in, in published courses.';

CREATE FUNCTION content_library.own_mux_playback_claims(lesson_id uuid, until timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	learner CONSTANT uuid := content_library.learner();
	lesson record;
BEGIN
	PERFORM content_library.require_owner();
	SELECT l.mux_status, l.mux_playback_id,
		   l.is_preview OR EXISTS (
			   SELECT FROM public.enrollments AS e
			   WHERE e.user_id = learner AND e.course_id = c.id) AS admitted
	INTO lesson
	FROM public.lessons AS l
	JOIN public.modules AS m ON m.id = l.module_id
	JOIN public.courses AS c ON c.id = m.course_id
	WHERE l.id = $1 AND c.is_published;
	IF NOT FOUND THEN
		PERFORM content_library.missing_lesson($1);
	END IF;
	IF NOT lesson.admitted THEN
		PERFORM content_library.not_enrolled(learner, $1);
	END IF;
	IF lesson.mux_status <> 'ready' OR lesson.mux_playback_id IS NULL THEN
		RAISE EXCEPTION 'lesson "%" has no video to play', $1
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('Its mux_status is "%s".', lesson.mux_status),
				  HINT = 'Ask again when Mux has said that its asset is ready.';
	END IF;
	RETURN jsonb_build_object('sub', lesson.mux_playback_id, 'aud', 'v',
							  'exp', floor(extract(epoch FROM until))::bigint);
END
$$;
COMMENT ON FUNCTION content_library.own_mux_playback_claims(uuid, timestamptz) IS
	'The claims of a token that plays a lesson''s video. The signed-in user may play it until a time. Fails with 23503 for a lesson that is unknown or not published, 42501 when not enrolled, 55000 without a video.';

-- The functions for instructors have only a service door.

CREATE FUNCTION content_library.course_report(course_id uuid)
RETURNS TABLE (
	user_id uuid,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	enrolled_at timestamptz,
	completed_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	PERFORM content_library.require_owner();
	-- Counted in idx_content_progress_lesson_id alone.
	RETURN QUERY
	WITH required AS (
		SELECT l.id
		FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		WHERE m.course_id = $1 AND l.is_required
	), completed AS (
		SELECT p.user_id, count(*) AS lessons
		FROM required AS r
		JOIN public.content_progress AS p ON p.lesson_id = r.id
		WHERE p.completed
		GROUP BY p.user_id
	)
	SELECT e.user_id, n.required::integer, COALESCE(d.lessons, 0)::integer,
		content_library.percentage(COALESCE(d.lessons, 0), n.required),
		e.enrolled_at, e.completed_at
	FROM public.enrollments AS e
	CROSS JOIN (SELECT count(*) AS required FROM required) AS n
	LEFT JOIN completed AS d ON d.user_id = e.user_id
	WHERE e.course_id = $1
	ORDER BY e.enrolled_at, e.user_id;
END
$$;
COMMENT ON FUNCTION content_library.course_report(uuid) IS
	'How far each learner enrolled in a course has got.';

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
BEGIN
	PERFORM content_library.require_owner();
	RETURN QUERY
	SELECT l.id, m.id, l.title, l.is_required, s.started, s.completed, s.average_pct
	FROM public.modules AS m
	JOIN public.lessons AS l ON l.module_id = m.id
	CROSS JOIN LATERAL (
		SELECT count(*)::integer AS started,
			count(*) FILTER (WHERE p.completed)::integer AS completed,
			round(avg(p.watched_pct), 1) AS average_pct
		FROM public.content_progress AS p
		WHERE p.lesson_id = l.id) AS s
	WHERE m.course_id = $1
	ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id;
END
$$;
COMMENT ON FUNCTION content_library.lesson_report(uuid) IS
	'The lessons of a course, with how many watch them.';

CREATE FUNCTION content_library.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid DEFAULT NULL)
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
	-- All moves within a course wait for the course's row. Rows are locked in the order
	-- of their ids, so that two moves cannot deadlock.
	left_course := content_library.course_of(content_library.module_of($1));
	entered_course := content_library.course_of($2);
	PERFORM FROM public.courses AS c
	WHERE c.id IN (left_course, entered_course)
	ORDER BY c.id FOR NO KEY UPDATE;
	IF content_library.course_of(content_library.module_of($1)) <> left_course THEN
		RAISE EXCEPTION 'lesson "%" has just been moved to another course', $1
			USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
	END IF;
	left_module := content_library.module_of($1);
	IF before IS NOT NULL THEN
		PERFORM content_library.check_before($1, before,
			CASE WHEN before <> $1 THEN content_library.module_of(before) END, $2);
	END IF;

	-- Numbered from 1, with the lesson among them.
	WITH others AS (
		SELECT o.id, row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id) AS place
		FROM public.lessons AS o
		WHERE o.module_id = $2 AND o.id <> $1
	), placed AS (
		SELECT o.id, o.place, 1 AS late FROM others AS o
		UNION ALL
		SELECT $1, (SELECT o.place FROM others AS o WHERE o.id = before), 0
	), numbered AS (
		SELECT p.id, row_number() OVER (ORDER BY p.place NULLS LAST, p.late)::integer AS place
		FROM placed AS p
	)
	UPDATE public.lessons AS t
	SET module_id = $2, sort_order = n.place
	FROM numbered AS n
	WHERE t.id = n.id AND (t.id = $1 OR t.sort_order <> n.place);

	-- Closes the gap in the module that it has left.
	IF left_module <> $2 THEN
		UPDATE public.lessons AS t
		SET sort_order = n.place
		FROM (SELECT l.id, row_number() OVER (ORDER BY l.sort_order, l.created_at, l.id)::integer AS place
			  FROM public.lessons AS l
			  WHERE l.module_id = left_module) AS n
		WHERE t.id = n.id AND t.sort_order <> n.place;
	END IF;

	SELECT l.* INTO lesson FROM public.lessons AS l WHERE l.id = $1;
	RETURN lesson;
END
$$;
COMMENT ON FUNCTION content_library.move_lesson(uuid, uuid, uuid) IS
	'Moves a lesson into a module. It comes before another lesson or to the end.';

CREATE FUNCTION content_library.move_module(
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	course uuid;
	module public.modules;
BEGIN
	PERFORM content_library.require_owner();
	course := content_library.course_of($1);
	PERFORM FROM public.courses AS c WHERE c.id = course FOR NO KEY UPDATE;
	IF before IS NOT NULL THEN
		PERFORM content_library.check_before($1, before,
			CASE WHEN before <> $1 THEN content_library.course_of(before) END, course);
	END IF;

	WITH others AS (
		SELECT o.id, row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id) AS place
		FROM public.modules AS o
		WHERE o.course_id = course AND o.id <> $1
	), placed AS (
		SELECT o.id, o.place, 1 AS late FROM others AS o
		UNION ALL
		SELECT $1, (SELECT o.place FROM others AS o WHERE o.id = before), 0
	), numbered AS (
		SELECT p.id, row_number() OVER (ORDER BY p.place NULLS LAST, p.late)::integer AS place
		FROM placed AS p
	)
	UPDATE public.modules AS t
	SET course_id = course, sort_order = n.place
	FROM numbered AS n
	WHERE t.id = n.id AND (t.id = $1 OR t.sort_order <> n.place);

	SELECT m.* INTO module FROM public.modules AS m WHERE m.id = $1;
	RETURN module;
END
$$;
COMMENT ON FUNCTION content_library.move_module(uuid, uuid) IS
	'Moves a module within its course. It comes before another one or to the end.';

CREATE FUNCTION content_library.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
	count integer;
BEGIN
	PERFORM content_library.require_owner();
	-- Rows are locked in the order that batches of reports lock them in.
	WITH thresholds AS MATERIALIZED (
		SELECT l.id AS lesson_id, content_library.threshold(l.id) AS threshold
		FROM public.modules AS m
		JOIN public.lessons AS l ON l.module_id = m.id
		WHERE m.course_id = $1
	), due AS (
		SELECT p.id
		FROM thresholds AS t
		JOIN public.content_progress AS p ON p.lesson_id = t.lesson_id
		WHERE NOT p.completed AND p.watched_pct >= t.threshold
		ORDER BY p.user_id, p.lesson_id
		FOR NO KEY UPDATE OF p
	)
	UPDATE public.content_progress AS p
	SET completed = true, completed_at = COALESCE(p.completed_at, at)
	FROM due AS d
	WHERE p.id = d.id AND NOT p.completed;
	GET DIAGNOSTICS count = ROW_COUNT;

	PERFORM content_library.complete(ARRAY(
		SELECT e.id FROM public.enrollments AS e
		WHERE e.course_id = $1 AND e.completed_at IS NULL
		ORDER BY e.user_id FOR NO KEY UPDATE), at);
	RETURN count;
END
$$;
COMMENT ON FUNCTION content_library.recompute_completion(uuid) IS
	'Applies the thresholds of a course to past progress. Returns how many rows became completed.';


-- From zero, as for all others.
DO $$
DECLARE
	made regprocedure;
BEGIN
	FOR made IN
		SELECT p.oid FROM pg_proc AS p
		WHERE p.pronamespace = 'content_library'::regnamespace
			AND 'content_library.' || p.proname <> ALL (current_setting('content_library_migration.kept')::text[])
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated, service_role', made);
	END LOOP;
END
$$;
-- What the functions in public call as their caller, and the learners' doors.
GRANT EXECUTE ON FUNCTION
	content_library.missing_course(uuid),
	content_library.missing_lesson(uuid),
	content_library.nobody(),
	content_library.writes(text),
	content_library.acts_for_others(),
	content_library.caller(uuid),
	content_library.sees_course(uuid),
	content_library.require_course(uuid),
	content_library.check_report(integer, integer),
	content_library.read_report(jsonb, timestamptz),
	content_library.read_reports(jsonb, timestamptz),
	content_library.send(uuid, uuid[], integer[], integer[], timestamptz[], timestamptz, boolean),
	content_library.published_course_of(uuid),
	content_library.own_record(uuid[], integer[], integer[], timestamptz[], timestamptz, boolean, uuid[]),
	content_library.own_enroll(uuid, boolean),
	content_library.own_reset_progress(uuid, boolean, boolean),
	content_library.own_completion_threshold(uuid),
	content_library.own_course_completion(uuid),
	content_library.own_course_outline(uuid),
	content_library.own_next_lesson(uuid),
	content_library.own_course_progress(),
	content_library.own_continue_watching(integer, timestamptz, uuid),
	content_library.own_mux_playback_claims(uuid, timestamptz)
	TO authenticated, service_role;
-- The service doors.
GRANT EXECUTE ON FUNCTION
	content_library.record(uuid, uuid[], integer[], integer[], timestamptz[], timestamptz, boolean, uuid[]),
	content_library.enroll(uuid, uuid, boolean, boolean),
	content_library.reset_progress(uuid, uuid, boolean, boolean),
	content_library.completion_threshold(uuid),
	content_library.course_completion(uuid, uuid),
	content_library.course_outline(uuid, uuid),
	content_library.next_lesson(uuid, uuid),
	content_library.course_progress(uuid),
	content_library.continue_watching(uuid, integer, timestamptz, uuid, boolean),
	content_library.module_of(uuid),
	content_library.course_of(uuid),
	content_library.lock_video(boolean, text, text),
	content_library.course_report(uuid),
	content_library.lesson_report(uuid),
	content_library.move_lesson(uuid, uuid, uuid),
	content_library.move_module(uuid, uuid),
	content_library.recompute_completion(uuid)
	TO service_role;
GRANT USAGE ON SCHEMA content_library TO authenticated, service_role;


-- The twins, in the order of content_library--1.0.sql.

CREATE FUNCTION public.record_progress(
	lesson_id uuid,
	watched_pct integer,
	position_seconds integer DEFAULT NULL,
	user_id uuid DEFAULT NULL)
RETURNS public.content_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
BEGIN
	IF lesson_id IS NULL OR watched_pct IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'watched_pct' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.check_report(watched_pct, position_seconds);
	PERFORM content_library.writes('record_progress');
	-- A batch of one.
	RETURN (content_library.send(user_id, ARRAY[lesson_id], ARRAY[watched_pct], ARRAY[position_seconds], ARRAY[at], at, false))[1];
END
$$;

CREATE FUNCTION public.record_progress_batch(
	reports jsonb,
	user_id uuid DEFAULT NULL)
RETURNS SETOF public.content_progress
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100
AS $$
DECLARE
	at CONSTANT timestamptz := clock_timestamp();
	read record;
BEGIN
	IF reports IS NULL THEN
		RAISE EXCEPTION 'reports must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	read := content_library.read_reports(reports, at);
	PERFORM content_library.writes('record_progress_batch');
	RETURN QUERY
	SELECT * FROM unnest(content_library.send(user_id, read.lesson_ids, read.pcts, read.positions, read.times, at, true));
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
	-- The tier is asked of a signed-in user, and not of one whom the service names.
	IF learner IS NULL OR user_id IS NULL THEN
		RETURN content_library.own_enroll(course_id, seen);
	END IF;
	RETURN content_library.enroll(learner, course_id, seen);
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
RETURNS jsonb
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
		RETURN content_library.own_course_outline(course_id);
	END IF;
	RETURN content_library.course_outline(learner, course_id);
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
	RETURN content_library.next_lesson(learner, course_id);
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
		SELECT p.* FROM content_library.course_progress(learner) AS p
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
			OPEN begun FOR SELECT * FROM content_library.continue_watching(learner, wanted, before, after);
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

CREATE FUNCTION public.course_report(course_id uuid)
RETURNS TABLE (
	user_id uuid,
	required_lessons integer,
	completed_lessons integer,
	completion integer,
	enrolled_at timestamptz,
	completed_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000
AS $$
BEGIN
	IF $1 IS NULL THEN
		RAISE EXCEPTION 'course_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.require_course($1);
	RETURN QUERY SELECT * FROM content_library.course_report($1);
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
	PERFORM content_library.require_course($1);
	RETURN QUERY SELECT * FROM content_library.lesson_report($1);
END
$$;

CREATE FUNCTION public.move_lesson(
	lesson_id uuid,
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS public.lessons
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	IF lesson_id IS NULL OR module_id IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'module_id' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('move_lesson');
	PERFORM content_library.require_course(content_library.course_of(content_library.module_of(lesson_id)));
	PERFORM content_library.require_course(content_library.course_of(module_id));
	RETURN content_library.move_lesson(lesson_id, module_id, before);
END
$$;

CREATE FUNCTION public.move_module(
	module_id uuid,
	before uuid DEFAULT NULL)
RETURNS public.modules
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	IF module_id IS NULL THEN
		RAISE EXCEPTION 'module_id must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM content_library.writes('move_module');
	PERFORM content_library.require_course(content_library.course_of(module_id));
	RETURN content_library.move_module(module_id, before);
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
	PERFORM content_library.require_course(course_id);
	RETURN content_library.recompute_completion(course_id);
END
$$;

CREATE FUNCTION public.content_library_strict(enabled boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	owner oid;
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
		REVOKE INSERT (id, user_id, course_id, enrolled_at) ON public.enrollments FROM authenticated;
	ELSE
		GRANT INSERT, UPDATE, DELETE ON public.content_progress TO authenticated;
		GRANT INSERT (id, user_id, course_id, enrolled_at) ON public.enrollments TO authenticated;
	END IF;
	IF has_table_privilege('authenticated', 'public.content_progress', 'INSERT') = enabled THEN
		RAISE EXCEPTION 'learners % write content_progress directly', CASE WHEN enabled THEN 'can still' ELSE 'still cannot' END
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'PUBLIC, or another role that "authenticated" is a member of, may have the right to.',
				  HINT = 'Look for who has granted what on content_progress.';
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
			INSERT INTO public.mux_events (event_id, object, upload_id, asset_id, status, event_at, playback_ids, duration_seconds, error)
			VALUES (fact.event_id, fact.object, fact.upload_id, fact.asset_id, fact.status, fact.event_at,
					fact.playback_ids, fact.duration_seconds, fact.error)
			ON CONFLICT (event_id) DO NOTHING;
			IF NOT FOUND THEN
				RETURN 'duplicate';
			END IF;

			-- While the asset is locked, no other event can give it another upload. While
			-- its uploads are locked, nobody can bind one of them.
			uploads := CASE fact.object
				WHEN 'upload' THEN ARRAY[fact.upload_id]
				ELSE ARRAY(SELECT DISTINCT e.upload_id FROM public.mux_events AS e
						   WHERE e.asset_id = fact.asset_id AND e.upload_id IS NOT NULL) END;
			IF EXISTS (SELECT FROM unnest(uploads) AS u(id) WHERE NOT content_library.lock_video(true, 'upload', u.id)) THEN
				RAISE lock_not_available;
			END IF;

			PERFORM FROM public.lessons AS l
			WHERE l.mux_upload_id = ANY (uploads)
			ORDER BY l.id FOR NO KEY UPDATE NOWAIT;
			GET DIAGNOSTICS bound = ROW_COUNT;

			UPDATE public.lessons AS l
			SET mux_asset_id = s.mux_asset_id,
				mux_playback_id = s.mux_playback_id,
				mux_status = s.mux_status,
				duration_seconds = s.duration_seconds
			FROM unnest(uploads) AS u(id)
			CROSS JOIN LATERAL public.mux_state(u.id) AS s
			WHERE l.mux_upload_id = u.id
				AND (l.mux_asset_id, l.mux_playback_id, l.mux_status, l.duration_seconds)
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
					  HINT = 'Apply the event again when Mux sends it again. If that does not help, look in pg_stat_activity for an open transaction that binds the upload, applies an event of it, or has changed its lesson.';
		END IF;
		PERFORM pg_sleep(pause);
		pause := LEAST(2 * pause, 0.016);
	END LOOP;
END
$$;

CREATE FUNCTION public.content_library_mux_bind() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET row_security = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	state record;
BEGIN
	PERFORM content_library.lock_video(false, 'upload', NEW.mux_upload_id);

	SELECT * INTO state FROM public.mux_state(NEW.mux_upload_id);
	-- If nothing is known, a new row stays as it is, and so does one that is given
	-- another asset in the same command.
	IF NOT FOUND AND (TG_OP = 'INSERT'
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
	ttl interval DEFAULT '6 hours')
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
AS $$
DECLARE
	until timestamptz;
BEGIN
	IF lesson_id IS NULL OR ttl IS NULL THEN
		RAISE EXCEPTION '% must not be null', CASE WHEN lesson_id IS NULL THEN 'lesson_id' ELSE 'ttl' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	until := now() + ttl;
	IF until <= now() OR NOT isfinite(until) THEN
		RAISE EXCEPTION 'ttl % is not a time to live', ttl
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It must be positive and finite.';
	END IF;
	PERFORM content_library.caller(NULL);
	IF NOT content_library.sees_course(content_library.published_course_of(lesson_id)) THEN
		PERFORM content_library.missing_lesson(lesson_id);
	END IF;
	RETURN content_library.own_mux_playback_claims(lesson_id, until);
END
$$;
