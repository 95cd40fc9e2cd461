-- front.sql: makes a database the front of the cells: the functions of content_library, each of
-- which asks the cell of its learner, or all cells. docs/scale-out.md says when.
--
--   psql -f scale-out/front.sql -d DATABASE
--
-- Run it as superuser, in a database without the extension that has the schema public. Run
-- twice it does the same as once.

\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path TO pg_catalog, public, pg_temp;
\ir cell_of.sql

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'content_library') THEN
		RAISE EXCEPTION 'this database has content_library itself' USING HINT = 'The front is a database of its own.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_foreign_server WHERE srvname = 'content_library_cells') THEN
		RAISE EXCEPTION 'there is no server "content_library_cells"' USING HINT = 'docs/scale-out.md shows how to create it.';
	END IF;
	IF to_regtype('public.recorded_progress') IS NULL THEN
		CREATE TYPE public.recorded_progress AS (id uuid, user_id uuid, lesson_id uuid, watched_pct integer, completed boolean,
			last_watched timestamptz, position_seconds integer, completed_at timestamptz, course_completed boolean);
		CREATE TYPE public.enrollments AS (id uuid, user_id uuid, course_id uuid, enrolled_at timestamptz,
			completed_at timestamptz, expires_at timestamptz, granted boolean);
		CREATE TYPE public.certificates AS (id uuid, code text, user_id uuid, course_id uuid, learner_name text, course_title text,
			completed_at timestamptz, issued_at timestamptz, expires_at timestamptz, revoked_at timestamptz, revoked_reason text,
			metadata jsonb);
	END IF;
END
$$;


-- 1. How a call reaches the cells ------------------------------------------------

-- These say whose claims a call has. So only the owner of the front may call them.
CREATE OR REPLACE FUNCTION content_library_cells.on_cell(
	place integer, caller text, claims text, subject text, function text, args text[],
	OUT cell integer, OUT answer jsonb, OUT error text[])
RETURNS SETOF record
LANGUAGE plproxy
AS $$
	CLUSTER 'content_library_cells';
	RUN ON place;
	SELECT * FROM content_library_cells.call($2, $3, $4, $5, $6);
$$;
CREATE OR REPLACE FUNCTION content_library_cells.on_all_cells(
	caller text, claims text, subject text, function text, args text[],
	OUT cell integer, OUT answer jsonb, OUT error text[])
RETURNS SETOF record
LANGUAGE plproxy
AS $$
	CLUSTER 'content_library_cells';
	RUN ON ALL;
	SELECT * FROM content_library_cells.call($1, $2, $3, $4, $5);
$$;
CREATE OR REPLACE FUNCTION content_library_cells.enrolled_at(place integer, course_id uuid, user_id uuid) RETURNS timestamptz
LANGUAGE plproxy
AS $$
	CLUSTER 'content_library_cells';
	RUN ON place;
	SELECT content_library_cells.enrolled_at($2, $3);
$$;

-- Raises the error of a cell as if it had come from here.
CREATE OR REPLACE FUNCTION content_library_cells.fail(error text[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	CASE
		WHEN error[3] = '' AND error[4] = '' THEN RAISE USING ERRCODE = error[1], MESSAGE = error[2];
		WHEN error[3] = '' THEN RAISE USING ERRCODE = error[1], MESSAGE = error[2], HINT = error[4];
		WHEN error[4] = '' THEN RAISE USING ERRCODE = error[1], MESSAGE = error[2], DETAIL = error[3];
		ELSE RAISE USING ERRCODE = error[1], MESSAGE = error[2], DETAIL = error[3], HINT = error[4];
	END CASE;
END
$$;

-- Sends a call to the cell at a place, or to all cells if it is NULL.
CREATE OR REPLACE FUNCTION content_library_cells.send(
	caller text, place integer, function text, args text[], OUT cell integer, OUT answer jsonb)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
AS $$
DECLARE
	claims CONSTANT text := current_setting('request.jwt.claims', true);
	subject CONSTANT text := current_setting('request.jwt.claim.sub', true);
	after_at timestamptz;
	said record;
BEGIN
	-- Where a page of the report begins in the cells that do not have the learner in "after". If
	-- no cell has, one says so.
	IF function = 'course_report' AND args[3] IS NOT NULL THEN
		place := content_library_cells.cell_of(args[3]::uuid, 256);
		after_at := content_library_cells.enrolled_at(place, args[1]::uuid, args[3]::uuid);
		IF after_at IS NOT NULL THEN
			place := NULL;
			args := args || after_at::text;
		END IF;
	END IF;
	FOR said IN
		SELECT * FROM content_library_cells.on_cell(place, caller, claims, subject, function, args) WHERE place IS NOT NULL
		UNION ALL
		SELECT * FROM content_library_cells.on_all_cells(caller, claims, subject, function, args) WHERE place IS NULL
	LOOP
		IF said.error IS NOT NULL THEN
			PERFORM content_library_cells.fail(said.error);
		END IF;
		cell := said.cell;
		answer := said.answer;
		RETURN NEXT;
	END LOOP;
END
$$;

-- Each is for one role alone, so the cell learns as which role it is called.
CREATE OR REPLACE FUNCTION content_library_cells.as_anon(
	place integer, function text, args text[], OUT cell integer, OUT answer jsonb)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM content_library_cells.send('anon', $1, $2, $3) $$;
CREATE OR REPLACE FUNCTION content_library_cells.as_authenticated(
	place integer, function text, args text[], OUT cell integer, OUT answer jsonb)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM content_library_cells.send('authenticated', $1, $2, $3) $$;
CREATE OR REPLACE FUNCTION content_library_cells.as_service_role(
	place integer, function text, args text[], OUT cell integer, OUT answer jsonb)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM content_library_cells.send('service_role', $1, $2, $3) $$;

CREATE OR REPLACE FUNCTION content_library_cells.ask(
	place integer, function text, VARIADIC args text[], OUT cell integer, OUT answer jsonb)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF pg_has_role('service_role', 'USAGE') THEN
		RETURN QUERY SELECT * FROM content_library_cells.as_service_role(place, function, args);
	ELSIF pg_has_role('authenticated', 'USAGE') THEN
		RETURN QUERY SELECT * FROM content_library_cells.as_authenticated(place, function, args);
	ELSE
		RETURN QUERY SELECT * FROM content_library_cells.as_anon(place, function, args);
	END IF;
END
$$;

-- Of the learner of a call: who is named, else who is signed in. Any cell can say that nobody is.
-- PL/Proxy takes from it as many of the low bits as there are cells.
CREATE OR REPLACE FUNCTION content_library_cells.place_of(user_id uuid) RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(content_library_cells.cell_of(coalesce(user_id,
		nullif(current_setting('request.jwt.claim.sub', true), '')::uuid,
		(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid), 256), 0)
$$;

-- The cells of the users whom the reports of a batch name; NULL if one report names none, so that
-- one cell can refuse the whole.
CREATE OR REPLACE FUNCTION content_library_cells.places_of(batch jsonb) RETURNS integer[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cells integer;
	places integer[];
BEGIN
	SELECT count(*) INTO cells
	FROM pg_foreign_server AS s, pg_options_to_table(s.srvoptions) AS o
	WHERE s.srvname = 'content_library_cells' AND o.option_name ~ '^p[0-9]+$';
	places := ARRAY(
		SELECT content_library_cells.cell_of((r.report ->> 'user_id')::uuid, cells)
		FROM jsonb_array_elements(batch) WITH ORDINALITY AS r(report, number)
		ORDER BY r.number);
	RETURN CASE WHEN array_position(places, NULL) IS NULL THEN places END;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;
END
$$;

-- The rows of a batch, in the order of its reports. Where the service names the user in each,
-- every cell gets the reports of its own learners. An error does not stop the other cells; of
-- several it raises that of the first report.
CREATE OR REPLACE FUNCTION content_library_cells.record_batch(
	batch jsonb, learner uuid, skip_refused boolean)
RETURNS SETOF jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	places CONSTANT integer[] := content_library_cells.places_of(batch);
	part record;
	answers jsonb[] := '{}';
	state text;
	message text;
	details text;
	advice text;
	found text[];
	number bigint;
	first_error text[];
	first_number bigint;
BEGIN
	-- 10,000 reports are possible, and one cell says so.
	IF places IS NULL OR cardinality(places) NOT BETWEEN 1 AND 10000 OR learner IS NOT NULL
		OR NOT pg_has_role('service_role', 'USAGE') THEN
		RETURN QUERY
		SELECT a.answer
		FROM content_library_cells.ask(content_library_cells.place_of(learner), 'record_progress_batch',
			batch::text, learner::text, skip_refused::text) AS a;
		RETURN;
	END IF;

	FOR part IN
		SELECT p.place, jsonb_agg(p.report ORDER BY p.number) AS reports,
			array_agg(p.number - 1 ORDER BY p.number) AS numbers
		FROM ROWS FROM (unnest(places), jsonb_array_elements(batch)) WITH ORDINALITY AS p(place, report, number)
		GROUP BY p.place
	LOOP
		BEGIN
			answers := answers || ARRAY(
				SELECT a.answer
				FROM content_library_cells.ask(part.place, 'record_progress_batch',
					part.reports::text, NULL, skip_refused::text) AS a);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
				details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
			-- The cell has numbered its own part.
			found := regexp_match(message, '^reports\[(\d+)\](?: and reports\[(\d+)\])?(.*)$');
			number := coalesce(part.numbers[found[1]::integer + 1], -1);
			IF found IS NOT NULL THEN
				message := format('reports[%s]', number)
					|| coalesce(' and reports[' || part.numbers[found[2]::integer + 1] || ']', '') || found[3];
			END IF;
			IF first_error IS NULL OR number < first_number THEN
				first_error := ARRAY[state, message, details, advice];
				first_number := number;
			END IF;
		END;
	END LOOP;
	IF first_error IS NOT NULL THEN
		PERFORM content_library_cells.fail(first_error);
	END IF;
	RETURN QUERY
	SELECT a.answer
	FROM unnest(answers) AS a(answer)
	JOIN jsonb_array_elements(batch) WITH ORDINALITY AS r(report, number)
		ON (r.report ->> 'user_id')::uuid = (a.answer ->> 'user_id')::uuid
		AND (r.report ->> 'lesson_id')::uuid = (a.answer ->> 'lesson_id')::uuid
	ORDER BY r.number;
END
$$;

-- Of a certificate. Any cell can say that there is none.
CREATE OR REPLACE FUNCTION content_library_cells.place_of_certificate(code text) RETURNS integer
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce((SELECT a.cell FROM content_library_cells.ask(NULL, 'verify_certificate', code) AS a LIMIT 1), 0) $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA content_library_cells FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA content_library_cells TO anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION content_library_cells.as_anon(integer, text, text[]) TO anon;
GRANT EXECUTE ON FUNCTION content_library_cells.as_authenticated(integer, text, text[]) TO authenticated;
GRANT EXECUTE ON FUNCTION content_library_cells.as_service_role(integer, text, text[]) TO service_role;
GRANT EXECUTE ON FUNCTION
	content_library_cells.ask(integer, text, text[]),
	content_library_cells.cell_of(uuid, integer),
	content_library_cells.fail(text[]),
	content_library_cells.place_of(uuid),
	content_library_cells.place_of_certificate(text),
	content_library_cells.places_of(jsonb),
	content_library_cells.record_batch(jsonb, uuid, boolean)
	TO anon, authenticated, service_role;


-- 2. Functions that the cell of one learner answers --------------------------------

CREATE OR REPLACE FUNCTION public.record_progress(
	lesson_id uuid, watched_pct double precision DEFAULT NULL, position_seconds double precision DEFAULT NULL,
	user_id uuid DEFAULT NULL, played jsonb DEFAULT NULL)
RETURNS public.recorded_progress
LANGUAGE sql
AS $$
	SELECT jsonb_populate_record(NULL::public.recorded_progress, a.answer)
	FROM content_library_cells.ask(content_library_cells.place_of(user_id), 'record_progress',
		lesson_id::text, watched_pct::text, position_seconds::text, user_id::text, played::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.record_progress_batch(
	reports jsonb, user_id uuid DEFAULT NULL, skip_refused boolean DEFAULT false)
RETURNS SETOF public.recorded_progress
LANGUAGE sql ROWS 100
AS $$
	SELECT jsonb_populate_record(NULL::public.recorded_progress, a.answer)
	FROM content_library_cells.record_batch(reports, user_id, skip_refused) AS a(answer)
$$;

CREATE OR REPLACE FUNCTION public.enroll(course_id uuid, user_id uuid DEFAULT NULL)
RETURNS public.enrollments
LANGUAGE sql
AS $$
	SELECT jsonb_populate_record(NULL::public.enrollments, a.answer)
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'enroll', course_id::text, user_id::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.unenroll(course_id uuid, user_id uuid DEFAULT NULL)
RETURNS public.enrollments
LANGUAGE sql
AS $$
	SELECT jsonb_populate_record(NULL::public.enrollments, a.answer)
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'unenroll', course_id::text, user_id::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.reset_progress(
	course_id uuid, user_id uuid DEFAULT NULL, dry_run boolean DEFAULT false)
RETURNS integer
LANGUAGE sql
AS $$
	SELECT a.answer::integer
	FROM content_library_cells.ask(content_library_cells.place_of(user_id), 'reset_progress',
		course_id::text, user_id::text, dry_run::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.course_completion(course_id uuid, user_id uuid DEFAULT NULL)
RETURNS integer
LANGUAGE sql STABLE
AS $$
	SELECT a.answer::integer
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'course_completion', course_id::text, user_id::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.course_outline(course_id uuid, user_id uuid DEFAULT NULL)
RETURNS json
LANGUAGE sql STABLE
AS $$
	SELECT a.answer::json
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'course_outline', course_id::text, user_id::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.next_lesson(course_id uuid, user_id uuid DEFAULT NULL)
RETURNS uuid
LANGUAGE sql STABLE
AS $$
	SELECT (a.answer #>> '{}')::uuid
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'next_lesson', course_id::text, user_id::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.course_progress(user_id uuid DEFAULT NULL)
RETURNS TABLE (course_id uuid, title text, required_lessons integer, completed_lessons integer, completion integer,
	last_watched timestamptz, next_lesson_id uuid, enrolled_at timestamptz, completed_at timestamptz)
LANGUAGE sql STABLE ROWS 20
AS $$
	SELECT r.*
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'course_progress', user_id::text) AS a,
		jsonb_to_record(a.answer) AS r(course_id uuid, title text, required_lessons integer, completed_lessons integer,
			completion integer, last_watched timestamptz, next_lesson_id uuid, enrolled_at timestamptz, completed_at timestamptz)
$$;

CREATE OR REPLACE FUNCTION public.continue_watching(
	max_rows integer DEFAULT 10, user_id uuid DEFAULT NULL)
RETURNS TABLE (course_id uuid, course_title text, lesson_id uuid, lesson_title text, watched_pct integer,
	position_seconds integer, duration_seconds integer, last_watched timestamptz)
LANGUAGE sql STABLE ROWS 10
AS $$
	SELECT r.*
	FROM content_library_cells.ask(content_library_cells.place_of(user_id),
		'continue_watching', max_rows::text, user_id::text) AS a,
		jsonb_to_record(a.answer) AS r(course_id uuid, course_title text, lesson_id uuid, lesson_title text,
			watched_pct integer, position_seconds integer, duration_seconds integer, last_watched timestamptz)
$$;

CREATE OR REPLACE FUNCTION public.mux_playback_claims(
	lesson_id uuid, ttl interval DEFAULT '6 hours', user_id uuid DEFAULT NULL, audience text DEFAULT 'v')
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
	SELECT a.answer
	FROM content_library_cells.ask(content_library_cells.place_of(user_id), 'mux_playback_claims',
		lesson_id::text, ttl::text, user_id::text, audience) AS a
$$;

CREATE OR REPLACE FUNCTION public.issue_certificate(
	course_id uuid, user_id uuid, learner_name text, metadata jsonb DEFAULT '{}')
RETURNS public.certificates
LANGUAGE sql
AS $$
	SELECT jsonb_populate_record(NULL::public.certificates, a.answer)
	FROM content_library_cells.ask(content_library_cells.place_of(user_id), 'issue_certificate',
		course_id::text, user_id::text, learner_name, metadata::text) AS a
$$;


-- 3. Functions that any cell answers, or the one that has the certificate -----------

CREATE OR REPLACE FUNCTION public.completion_threshold(lesson_id uuid)
RETURNS integer
LANGUAGE sql STABLE
AS $$
	SELECT a.answer::integer
	FROM content_library_cells.ask(content_library_cells.place_of(NULL),
		'completion_threshold', lesson_id::text) AS a
$$;

CREATE OR REPLACE FUNCTION public.verify_certificate(code text)
RETURNS TABLE (status text, learner_name text, course_title text, completed_at timestamptz, issued_at timestamptz,
	expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE ROWS 1
AS $$
	SELECT r.*
	FROM content_library_cells.ask(NULL, 'verify_certificate', code) AS a,
		jsonb_to_record(a.answer) AS r(status text, learner_name text, course_title text, completed_at timestamptz,
			issued_at timestamptz, expires_at timestamptz, revoked_at timestamptz)
$$;

CREATE OR REPLACE FUNCTION public.revoke_certificate(code text, reason text)
RETURNS public.certificates
LANGUAGE sql
AS $$
	SELECT jsonb_populate_record(NULL::public.certificates, a.answer)
	FROM content_library_cells.ask(content_library_cells.place_of_certificate(code),
		'revoke_certificate', code, reason) AS a
$$;

CREATE OR REPLACE FUNCTION public.certificate_credential(code text, issuer jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
	SELECT a.answer
	FROM content_library_cells.ask(content_library_cells.place_of_certificate(code),
		'certificate_credential', code, issuer::text) AS a
$$;


-- 4. Functions that all cells answer together ----------------------------------------

CREATE OR REPLACE FUNCTION public.course_report(
	course_id uuid, max_rows integer DEFAULT NULL, after uuid DEFAULT NULL)
RETURNS TABLE (user_id uuid, required_lessons integer, completed_lessons integer, completion integer,
	enrolled_at timestamptz, completed_at timestamptz, last_watched timestamptz)
LANGUAGE sql STABLE ROWS 1000
AS $$
	SELECT r.*
	FROM content_library_cells.ask(NULL, 'course_report', course_id::text, max_rows::text, after::text) AS a,
		jsonb_to_record(a.answer) AS r(user_id uuid, required_lessons integer, completed_lessons integer, completion integer,
			enrolled_at timestamptz, completed_at timestamptz, last_watched timestamptz)
	ORDER BY r.enrolled_at, r.user_id
	LIMIT max_rows
$$;

-- Each cell has a sample of its own learners. So its averages count as often as it has learners.
CREATE OR REPLACE FUNCTION public.course_summary(course_id uuid)
RETURNS TABLE (learners integer, active_7_days integer, active_30_days integer, completed integer, average_completion numeric,
	completions_by_week integer[], sampled integer)
LANGUAGE sql STABLE ROWS 1
AS $$
	WITH cells AS (
		SELECT r.*
		FROM content_library_cells.ask(NULL, 'course_summary', course_id::text) AS a,
			jsonb_to_record(a.answer) AS r(learners integer, active_7_days integer, active_30_days integer, completed integer,
				average_completion numeric, completions_by_week integer[], sampled integer)
	)
	SELECT sum(c.learners)::integer, sum(c.active_7_days)::integer, sum(c.active_30_days)::integer, sum(c.completed)::integer,
		round(sum(c.average_completion * c.learners) / nullif(sum(c.learners), 0), 1),
		(SELECT array_agg(w.completed ORDER BY w.place)
		 FROM (SELECT u.place, sum(u.completed)::integer AS completed
			   FROM cells AS d, unnest(d.completions_by_week) WITH ORDINALITY AS u(completed, place)
			   GROUP BY u.place) AS w),
		sum(c.sampled)::integer
	FROM cells AS c
$$;

-- The first cell gives the order of the lessons. A cell's average counts as often as learners have started
-- there, so the last digit may be one off.
CREATE OR REPLACE FUNCTION public.lesson_report(course_id uuid)
RETURNS TABLE (lesson_id uuid, module_id uuid, title text, is_required boolean, started integer, completed integer, average_pct numeric)
LANGUAGE sql STABLE ROWS 100
AS $$
	SELECT r.lesson_id, min(r.module_id::text)::uuid, min(r.title), bool_or(r.is_required), sum(r.started)::integer, sum(r.completed)::integer,
		round(sum(r.average_pct * r.started) / nullif(sum(r.started), 0), 1)
	FROM content_library_cells.ask(NULL, 'lesson_report', course_id::text) WITH ORDINALITY AS a(cell, answer, place),
		jsonb_to_record(a.answer) AS r(lesson_id uuid, module_id uuid, title text, is_required boolean, started integer,
			completed integer, average_pct numeric)
	GROUP BY r.lesson_id
	ORDER BY min(a.place)
$$;

CREATE OR REPLACE FUNCTION public.lesson_retention(lesson_id uuid, step_seconds integer DEFAULT 5)
RETURNS TABLE (second integer, learners integer)
LANGUAGE sql STABLE ROWS 1000
AS $$
	SELECT r.second, sum(r.learners)::integer
	FROM content_library_cells.ask(NULL, 'lesson_retention', lesson_id::text, step_seconds::text) AS a,
		jsonb_to_record(a.answer) AS r(second integer, learners integer)
	GROUP BY r.second
	ORDER BY r.second
$$;

-- Each cell commits by itself. After an error, call it again.
CREATE OR REPLACE FUNCTION public.recompute_completion(course_id uuid)
RETURNS integer
LANGUAGE sql
AS $$
	SELECT sum(a.answer::integer)::integer
	FROM content_library_cells.ask(NULL, 'recompute_completion', course_id::text) AS a
$$;


-- 5. Rights: as in the library --------------------------------------------------------

REVOKE ALL ON FUNCTION
	public.issue_certificate(uuid, uuid, text, jsonb),
	public.revoke_certificate(text, text),
	public.certificate_credential(text, jsonb),
	public.verify_certificate(text),
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
	public.mux_playback_claims(uuid, interval, uuid, text),
	public.course_report(uuid, integer, uuid),
	public.course_summary(uuid),
	public.lesson_report(uuid),
	public.lesson_retention(uuid, integer),
	public.recompute_completion(uuid)
	FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION
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
	public.mux_playback_claims(uuid, interval, uuid, text),
	public.course_report(uuid, integer, uuid),
	public.course_summary(uuid),
	public.lesson_report(uuid),
	public.lesson_retention(uuid, integer),
	public.recompute_completion(uuid)
	TO authenticated, service_role;
GRANT EXECUTE ON FUNCTION
	public.issue_certificate(uuid, uuid, text, jsonb),
	public.revoke_certificate(text, text),
	public.certificate_credential(text, jsonb)
	TO service_role;
GRANT EXECUTE ON FUNCTION public.verify_certificate(text) TO anon, authenticated, service_role;
COMMIT;
