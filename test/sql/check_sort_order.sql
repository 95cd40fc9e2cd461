-- check_sort_order: content_library_check() finds modules or lessons that share a
-- place in their order; its remedy numbers them as they are shown.
\x on
BEGIN;
CALL test.make_course('crowded', 4);
SELECT * FROM test.findings();
UPDATE lessons SET sort_order = 2 WHERE module_id = test.id('crowded/m') AND sort_order IN (3, 4);
INSERT INTO modules (id, course_id, title, created_at) VALUES
	(test.id('crowded/n'), test.id('crowded'), 'crowded/n', '2021-01-01'),
	(test.id('crowded/o'), test.id('crowded'), 'crowded/o', '2020-01-01');
SELECT * FROM test.findings();
CREATE TEMP TABLE before AS
SELECT jsonb_path_query_array(course_outline(test.id('crowded'), test.id('nobody'))::jsonb, '$.modules[*].lessons[*].title') AS lessons,
	   jsonb_path_query_array(course_outline(test.id('crowded'), test.id('nobody'))::jsonb, '$.modules[*].title') AS modules;
CALL test.mend();
SELECT * FROM test.findings();
SELECT jsonb_path_query_array(course_outline(test.id('crowded'), test.id('nobody'))::jsonb, '$.modules[*].lessons[*].title') = lessons AS lessons_in_order,
	   jsonb_path_query_array(course_outline(test.id('crowded'), test.id('nobody'))::jsonb, '$.modules[*].title') = modules AS modules_in_order
FROM before;
ROLLBACK;
