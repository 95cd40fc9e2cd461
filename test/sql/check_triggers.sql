-- check_triggers: content_library_check() finds a trigger that was added, dropped
-- or switched off, and a rule.
\x on
BEGIN;
CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER mine BEFORE INSERT ON lessons FOR EACH ROW EXECUTE FUNCTION mine();
CREATE RULE mine AS ON DELETE TO enrollments DO INSTEAD NOTHING;
DROP TRIGGER set_updated_at ON courses;
ALTER TABLE modules DISABLE TRIGGER set_updated_at;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
ROLLBACK;
