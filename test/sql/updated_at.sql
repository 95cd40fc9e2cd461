-- updated_at: an UPDATE that changes a row stamps it; one that changes nothing
-- does not; an INSERT keeps the stamp it is given.

BEGIN;
CALL test.make_course('stamps', 1);

-- The defaults.
SELECT created_at = now() AS created, updated_at = now() AS updated FROM courses WHERE id = test.id('stamps')
UNION ALL
SELECT created_at = now(), updated_at = now() FROM modules WHERE id = test.id('stamps/m')
UNION ALL
SELECT created_at = now(), updated_at = now() FROM lessons WHERE id = test.id('stamps/1');

-- A stamp that is given, as in a restore, stays.
SET LOCAL ROLE service_role;
INSERT INTO courses (id, title, slug, updated_at) VALUES (test.id('old'), 'Old', 'old', '2001-01-01 UTC');
INSERT INTO modules (id, course_id, title, updated_at)
VALUES (test.id('old/m'), test.id('old'), 'Old', '2001-01-01 UTC');
INSERT INTO lessons (id, module_id, title, updated_at)
VALUES (test.id('old/1'), test.id('old/m'), 'Old', '2001-01-01 UTC');

CREATE TEMP VIEW stamps AS
SELECT 1 AS place, 'courses' AS "table", updated_at = now() AS now, updated_at = '2001-01-01 UTC' AS old
FROM courses WHERE id = test.id('old')
UNION ALL
SELECT 2, 'modules', updated_at = now(), updated_at = '2001-01-01 UTC' FROM modules WHERE id = test.id('old/m')
UNION ALL
SELECT 3, 'lessons', updated_at = now(), updated_at = '2001-01-01 UTC' FROM lessons WHERE id = test.id('old/1');
SELECT "table", now, old FROM stamps ORDER BY place;

-- Nothing changes.
UPDATE courses SET title = title, metadata = '{}' WHERE id = test.id('old');
UPDATE modules SET title = 'Old' WHERE id = test.id('old/m');
UPDATE lessons SET duration_seconds = NULL WHERE id = test.id('old/1');
SELECT "table", now, old FROM stamps ORDER BY place;

-- Something does: a value, a NULL, a key of the metadata.
UPDATE courses SET metadata = '{"level": 1}' WHERE id = test.id('old');
UPDATE modules SET title = 'New' WHERE id = test.id('old/m');
UPDATE lessons SET duration_seconds = 60 WHERE id = test.id('old/1');
SELECT "table", now, old FROM stamps ORDER BY place;

-- A stamp made up in an UPDATE does not stand.
UPDATE courses SET title = 'Newer', updated_at = '2001-01-01 UTC' WHERE id = test.id('old');
UPDATE modules SET updated_at = '2001-01-01 UTC' WHERE id = test.id('old/m');
SELECT "table", now, old FROM stamps ORDER BY place;

-- Progress does not touch a lesson's stamp.
RESET ROLE;
ALTER TABLE lessons DISABLE TRIGGER set_updated_at;
UPDATE lessons SET updated_at = '2001-01-01 UTC' WHERE id = test.id('stamps/1');
ALTER TABLE lessons ENABLE TRIGGER set_updated_at;
CALL test.make_learner('stamps-ann', 'stamps');
CALL test.sign_in('stamps-ann');
SET LOCAL ROLE authenticated;
SELECT completed FROM record_progress(test.id('stamps/1'), 100);
SELECT updated_at = '2001-01-01 UTC' AS old FROM lessons WHERE id = test.id('stamps/1');
ROLLBACK;
