-- check_columns: a column that is added to a table of the library is answered
-- with a warning, at once, and found by content_library_check(); so is one that
-- is altered.
\x on
BEGIN;
ALTER TABLE courses ADD COLUMN "Price, net" numeric;
ALTER TABLE content_progress ADD notes text, ADD rating integer;
ALTER TABLE lessons ALTER duration_seconds SET DEFAULT 0;
SELECT * FROM test.findings();
ALTER TABLE lessons ALTER duration_seconds DROP DEFAULT;
CALL test.mend();
SELECT * FROM test.findings();

-- The type, NOT NULL, a default, another name.
ALTER TABLE modules ALTER description DROP NOT NULL, ALTER title TYPE varchar(200);
ALTER TABLE modules RENAME COLUMN updated_at TO changed_at;
SELECT * FROM test.findings();
ROLLBACK;

-- A column that the check itself reads.
BEGIN;
ALTER TABLE lessons RENAME COLUMN sort_order TO place;
SELECT severity, object FROM test.findings();
ROLLBACK;

-- No warning for other tables, other schemas, or what adds no column.
BEGIN;
CREATE TABLE public.mine (lesson_id uuid REFERENCES lessons);
ALTER TABLE public.mine ADD title text;
CREATE SCHEMA another;
CREATE TABLE another.courses (id uuid);
ALTER TABLE another.courses ADD title text;
ALTER TABLE courses ALTER title SET STATISTICS 500;
SELECT content_library_attach();
ROLLBACK;

-- Whoever may alter the table is warned, and not stopped, also without a right to the check.
BEGIN;
CREATE ROLE regress_owner;
GRANT CREATE ON SCHEMA public TO regress_owner;
ALTER TABLE courses OWNER TO regress_owner;
SET LOCAL ROLE regress_owner;
ALTER TABLE courses ADD extra text;
SELECT attname FROM pg_attribute WHERE attrelid = 'courses'::regclass AND attname = 'extra';
ROLLBACK;
