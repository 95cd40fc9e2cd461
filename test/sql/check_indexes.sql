-- check_indexes: content_library_check() finds an index that was added, dropped
-- or made otherwise.
\x on
BEGIN;
CREATE INDEX mine ON lessons (title);
DROP INDEX idx_content_progress_lesson_id;
DROP INDEX idx_courses_stage;
CREATE INDEX idx_courses_stage ON courses (stage, topic);
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
ROLLBACK;
