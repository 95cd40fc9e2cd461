-- load.sql: makes courses, lessons, learners and enrollments from a learner log.
-- Reads from psql's standard input what scripts/xapi-reports writes. For
-- psql --single-transaction, so that a log that fails leaves nothing behind.

SET timezone = 'UTC';

CREATE SCHEMA demo;

-- One row for each line of the log. The ids are made from the names in the log.
CREATE TABLE demo.statements (
	line				integer PRIMARY KEY,
	sent_at				timestamptz NOT NULL,
	course				text NOT NULL,
	lesson				text NOT NULL,
	learner				text NOT NULL,
	watched_pct			integer,
	position_seconds	integer,
	length_seconds		numeric,
	played				jsonb,
	course_id			uuid GENERATED ALWAYS AS (md5(course)::uuid) STORED,
	lesson_id			uuid GENERATED ALWAYS AS (md5(md5(course) || lesson)::uuid) STORED,
	user_id				uuid GENERATED ALWAYS AS (md5(learner)::uuid) STORED
);

\copy demo.statements FROM pstdin WITH (ENCODING 'UTF8')

INSERT INTO auth.users (id)
SELECT DISTINCT user_id FROM demo.statements;

INSERT INTO courses (id, slug, title, is_published)
SELECT DISTINCT course_id, course_id::text, course, true FROM demo.statements;

-- The log knows no modules, so each course has one.
INSERT INTO modules (id, course_id, title)
SELECT id, id, 'Videos' FROM courses;

INSERT INTO lessons (id, module_id, title, sort_order, duration_seconds)
SELECT lesson_id, course_id, lesson,
	   row_number() OVER (PARTITION BY course_id ORDER BY lesson),
	   ceil(max(length_seconds))
FROM demo.statements
GROUP BY lesson_id, course_id, lesson;

INSERT INTO enrollments (user_id, course_id, enrolled_at)
SELECT user_id, course_id, min(sent_at)
FROM demo.statements
GROUP BY user_id, course_id;

-- What each run of replay.sql has done.
CREATE TABLE demo.replays (
	id			integer GENERATED ALWAYS AS IDENTITY,
	reports		integer NOT NULL,
	threshold	integer NOT NULL,
	seconds		numeric NOT NULL
);

CREATE VIEW demo.totals AS
SELECT (SELECT count(*) FROM auth.users) AS learners,
	   (SELECT count(*) FROM lessons) AS videos,
	   (SELECT count(*) FROM courses) AS courses,
	   (SELECT count(*) FROM enrollments) AS enrollments,
	   (SELECT count(*) FROM demo.statements WHERE watched_pct IS NOT NULL) AS reports,
	   count(*) AS pairs,
	   count(*) FILTER (WHERE completed) AS completed,
	   coalesce(sum(watched_pct), 0) AS percents,
	   count(*) FILTER (WHERE seconds > 0) AS seen,
	   coalesce(sum(seconds), 0) AS seconds,
	   coalesce(sum(100 * seconds / duration_seconds), 0) AS seconds_percents
FROM content_progress AS p
JOIN lessons AS l ON l.id = p.lesson_id
CROSS JOIN LATERAL (
	SELECT coalesce(sum(upper(r) - lower(r)), 0) AS seconds FROM unnest(watched) AS r
) AS s;
