-- check_attachment: content_library_check() finds what is missing of the
-- attachment to auth: auth itself, a foreign key, a policy.
\x on
BEGIN;
ALTER TABLE enrollments DROP CONSTRAINT enrollments_user_id_fkey;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_fkey,
	ADD CONSTRAINT content_progress_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE SET NULL;
DROP POLICY "Users read own progress" ON content_progress;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();

-- auth goes.
SET LOCAL client_min_messages = warning;
DROP SCHEMA auth CASCADE;
SELECT * FROM test.findings();
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY);
SELECT * FROM test.findings();
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';
SELECT count(*) FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;
