-- rights: what each role may do to each table, tried out.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
\getenv srcdir PG_ABS_SRCDIR
\set matrix :srcdir '/rights_matrix.sql'
\set ECHO none
\i :matrix
\set ECHO all
CALL test.make_rows();

-- "ok N" is the number of rows met; anything else is the SQLSTATE.
SELECT * FROM test.matrix();

-- A learner signs up, but does not sign their own certificate.
CREATE TEMP TABLE learner_attempts (place serial, command text);
INSERT INTO learner_attempts (command) VALUES
	('INSERT INTO enrollments (id, user_id, course_id, enrolled_at)
		VALUES (gen_random_uuid(), auth.uid(), test.id(''rights-new''), now())'),
	('INSERT INTO enrollments (user_id, course_id, completed_at)
		VALUES (auth.uid(), test.id(''rights-new''), now())'),
	('INSERT INTO enrollments (user_id, course_id, completed_at)
		VALUES (auth.uid(), test.id(''rights-new''), NULL)'),
	('INSERT INTO enrollments (user_id, course_id) VALUES (auth.uid(), test.id(''rights''))
		ON CONFLICT (user_id, course_id) DO UPDATE SET completed_at = now()'),
	('UPDATE enrollments SET completed_at = now() WHERE user_id = auth.uid()'),
	-- The application's own upsert works, on one's own rows.
	('INSERT INTO content_progress (user_id, lesson_id, watched_pct)
		VALUES (auth.uid(), test.id(''rights/1''), 50)
		ON CONFLICT (user_id, lesson_id) DO UPDATE SET watched_pct = excluded.watched_pct'),
	('INSERT INTO content_progress (user_id, lesson_id, watched_pct)
		VALUES (test.id(''rights-bob''), test.id(''rights-draft/1''), 50)
		ON CONFLICT (user_id, lesson_id) DO UPDATE SET watched_pct = excluded.watched_pct'),
	('UPDATE content_progress SET user_id = test.id(''rights-bob'') WHERE user_id = auth.uid()');
SELECT test.attempt('authenticated', 'rights-ann', command) AS result, command
FROM learner_attempts ORDER BY place;

-- service_role's policies do without BYPASSRLS.
CREATE TEMP TABLE usual_matrix AS SELECT * FROM test.matrix();
ALTER ROLE service_role NOBYPASSRLS;
SELECT m::text FROM test.matrix() AS m EXCEPT SELECT m::text FROM usual_matrix AS m;
ROLLBACK;
