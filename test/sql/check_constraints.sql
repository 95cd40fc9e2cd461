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
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
ROLLBACK;

-- A table of one's own that refers to ours is no matter.
BEGIN;
CREATE TABLE mine (lesson_id uuid REFERENCES lessons);
SELECT * FROM test.findings();
ROLLBACK;
