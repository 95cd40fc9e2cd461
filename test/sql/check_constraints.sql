-- check_constraints: content_library_check() finds a constraint that was added,
-- dropped, altered, or switched off.
\x on
BEGIN;
ALTER TABLE lessons ADD CONSTRAINT short CHECK (length(title) < 100);
ALTER TABLE courses ADD CONSTRAINT one_topic UNIQUE (topic);
ALTER TABLE content_progress DROP CONSTRAINT content_progress_watched_pct_check;
ALTER TABLE content_progress ADD CONSTRAINT content_progress_watched_pct_check CHECK (watched_pct >= 0);
ALTER TABLE modules DROP CONSTRAINT modules_course_id_fkey;
ALTER TABLE enrollments DISABLE TRIGGER ALL;
SELECT severity, object, problem, regexp_replace(remedy, '_\d+"', '_N"', 'g') AS remedy FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
ROLLBACK;

-- NOT VALID, also of the keys to auth.users, which the attachment would make again.
BEGIN;
ALTER TABLE content_progress DROP CONSTRAINT content_progress_user_id_fkey,
	ADD CONSTRAINT content_progress_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE NOT VALID;
ALTER TABLE courses DROP CONSTRAINT courses_tier_required_check,
	ADD CONSTRAINT courses_tier_required_check CHECK (tier_required IN ('free', 'pro', 'studio')) NOT VALID;
ALTER TABLE courses ADD CONSTRAINT mine CHECK (title <> 'x') NOT VALID;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
-- The other side of a key, which is another table's.
ALTER TABLE auth.users DISABLE TRIGGER ALL;
SELECT severity, object, problem FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;

-- A table of one's own that refers to ours is no matter.
BEGIN;
CREATE TABLE mine (lesson_id uuid REFERENCES lessons);
SELECT * FROM test.findings();
ROLLBACK;
