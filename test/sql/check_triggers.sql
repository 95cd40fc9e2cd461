-- check_triggers: content_library_check() finds a trigger that was added, dropped
-- or switched off, a rule, and what is deferred, which stops the functions.
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

\set VERBOSITY sqlstate
BEGIN;
CALL test.make_course('deferred', 1);
CALL test.make_learner('deferred-ann', 'deferred');
CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE CONSTRAINT TRIGGER mine AFTER INSERT OR UPDATE ON content_progress DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mine();
CREATE TABLE seats (enrollment_id uuid CONSTRAINT seat REFERENCES enrollments DEFERRABLE INITIALLY DEFERRED);
CALL test.sign_in('deferred-ann');
SAVEPOINT here;
SELECT watched_pct FROM record_progress(test.id('deferred/1'), 10);
ROLLBACK TO here;
SELECT count(*) FROM unenroll(test.id('deferred'));
ROLLBACK TO here;
SELECT * FROM test.findings();
CALL test.mend();
SELECT watched_pct FROM record_progress(test.id('deferred/1'), 10);
SELECT count(*) FROM unenroll(test.id('deferred'));
SELECT object FROM test.findings() WHERE problem LIKE '%deferred%';
ROLLBACK;
