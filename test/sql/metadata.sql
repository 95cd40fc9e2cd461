-- metadata: the application's own attributes are a JSON object, on courses,
-- modules and lessons; the other added columns keep their bounds, too.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('metadata', 1);
SET LOCAL ROLE service_role;
SELECT metadata FROM courses WHERE id = test.id('metadata')
UNION ALL
SELECT metadata FROM modules WHERE id = test.id('metadata/m')
UNION ALL
SELECT metadata FROM lessons WHERE id = test.id('metadata/1');

-- An object, with anything in it.
UPDATE courses SET metadata = '{"level": 2, "tags": ["a", null]}' WHERE id = test.id('metadata') RETURNING metadata;
UPDATE modules SET metadata = metadata || '{"colour": "red"}' WHERE id = test.id('metadata/m') RETURNING metadata;
UPDATE lessons SET metadata = '{}' WHERE id = test.id('metadata/1') RETURNING metadata;

-- Nothing else.
UPDATE courses SET metadata = '[]' WHERE id = test.id('metadata');
UPDATE courses SET metadata = '"text"' WHERE id = test.id('metadata');
UPDATE courses SET metadata = '1' WHERE id = test.id('metadata');
UPDATE courses SET metadata = 'true' WHERE id = test.id('metadata');
UPDATE courses SET metadata = 'null' WHERE id = test.id('metadata');
UPDATE courses SET metadata = NULL WHERE id = test.id('metadata');
UPDATE modules SET metadata = '[]' WHERE id = test.id('metadata/m');
UPDATE modules SET metadata = NULL WHERE id = test.id('metadata/m');
UPDATE lessons SET metadata = '[]' WHERE id = test.id('metadata/1');
UPDATE lessons SET metadata = NULL WHERE id = test.id('metadata/1');
INSERT INTO courses (title, slug, metadata) VALUES ('Array', 'array', '[]');

-- Bounds of the others.
UPDATE courses SET completion_threshold = 0 WHERE id = test.id('metadata');
UPDATE courses SET completion_threshold = 101 WHERE id = test.id('metadata');
UPDATE lessons SET completion_threshold = 0 WHERE id = test.id('metadata/1');
UPDATE lessons SET completion_threshold = 101 WHERE id = test.id('metadata/1');
UPDATE lessons SET is_required = NULL WHERE id = test.id('metadata/1');
RESET ROLE;
CALL test.make_learner('metadata-ann', 'metadata');
INSERT INTO content_progress (user_id, lesson_id, position_seconds)
VALUES (test.id('metadata-ann'), test.id('metadata/1'), -1);
INSERT INTO content_progress (user_id, lesson_id, watched_pct)
VALUES (test.id('metadata-ann'), test.id('metadata/1'), 101);
ROLLBACK;
