-- moves: move_lesson and move_module keep sort_order dense, from 1, and refuse
-- a place that is none.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('moves', 4);
CALL test.make_course('moves-other', 2);
INSERT INTO modules (id, course_id, title, sort_order, created_at)
VALUES (test.id('moves/n'), test.id('moves'), 'moves/n', 0, now() + interval '1 second'),
	   (test.id('moves/o'), test.id('moves'), 'moves/o', 0, now() + interval '2 seconds');
CREATE VIEW test.places AS
	SELECT m.title AS module, m.sort_order AS place,
		   string_agg(l.title || '=' || l.sort_order, ' ' ORDER BY l.sort_order, l.created_at, l.id) AS lessons
	FROM modules AS m
	JOIN courses AS c ON c.id = m.course_id
	LEFT JOIN lessons AS l ON l.module_id = m.id
	WHERE c.title LIKE 'moves%'
	GROUP BY m.id, c.title
	ORDER BY c.title, m.sort_order, m.created_at;
GRANT SELECT ON test.places TO service_role;
-- Gaps and ties to begin with.
UPDATE lessons SET sort_order = v.place, created_at = now() + v.age * interval '1 second'
FROM (VALUES ('moves/1', -5, 0), ('moves/2', 7, 1), ('moves/3', 7, 2), ('moves/4', 100, 0)) AS v(title, place, age)
WHERE lessons.title = v.title;

SET LOCAL ROLE service_role;
SELECT * FROM test.places;

-- Forward, backward, to the end, and where it is already.
SELECT title, sort_order FROM move_lesson(test.id('moves/4'), test.id('moves/m'), test.id('moves/2'));
SELECT lessons FROM test.places WHERE module = 'moves/m';
SELECT title, sort_order FROM move_lesson(test.id('moves/1'), test.id('moves/m'), test.id('moves/3'));
SELECT lessons FROM test.places WHERE module = 'moves/m';
SELECT title, sort_order FROM move_lesson(test.id('moves/4'), test.id('moves/m'));
SELECT lessons FROM test.places WHERE module = 'moves/m';
SELECT title, sort_order FROM move_lesson(test.id('moves/2'), test.id('moves/m'), test.id('moves/1'));
SELECT lessons FROM test.places WHERE module = 'moves/m';

-- To another module: into an empty one, before a lesson there, to its end; the
-- gap left behind closes.
SELECT title, sort_order, module_id = test.id('moves/n') AS there FROM move_lesson(test.id('moves/1'), test.id('moves/n'));
SELECT title, sort_order FROM move_lesson(test.id('moves/2'), test.id('moves/n'), test.id('moves/1'));
SELECT * FROM test.places;

-- To another course; progress goes along.
RESET ROLE;
CALL test.make_learner('moves-ann', 'moves', 'moves-other');
SET LOCAL ROLE service_role;
SELECT watched_pct FROM record_progress(test.id('moves/3'), 100, NULL, test.id('moves-ann'));
SELECT title, sort_order FROM move_lesson(test.id('moves/3'), test.id('moves-other/m'), test.id('moves-other/2'));
SELECT * FROM test.places;
SELECT course_completion(test.id('moves'), test.id('moves-ann')), course_completion(test.id('moves-other'), test.id('moves-ann'));

-- Modules: before another, to the end, where it is already; nothing else of them changes.
SELECT title, sort_order FROM move_module(test.id('moves/o'), test.id('moves/m'));
SELECT * FROM test.places;
SELECT title, sort_order FROM move_module(test.id('moves/o'));
SELECT title, sort_order FROM move_module(test.id('moves/o'));
SELECT * FROM test.places;

-- To another course: before a module there, to its end, and back; lessons and progress go along,
-- and both courses are numbered from 1.
SELECT title, sort_order, course_id = test.id('moves-other') AS there
FROM move_module(test.id('moves/m'), test.id('moves-other/m'), test.id('moves-other'));
SELECT * FROM test.places;
SELECT title, sort_order FROM move_module(test.id('moves/n'), course_id => test.id('moves-other'));
SELECT * FROM test.places;
SELECT course_completion(test.id('moves'), test.id('moves-ann')), course_completion(test.id('moves-other'), test.id('moves-ann'));
SELECT title, sort_order FROM move_module(test.id('moves/m'), NULL, test.id('moves'));
SELECT title, sort_order FROM move_module(test.id('moves/n'), test.id('moves/m'), test.id('moves'));
SELECT title, sort_order FROM move_module(test.id('moves/o'), NULL, test.id('moves'));
SELECT * FROM test.places;

-- Who is done with what is left completes the course.
SELECT completed, course_completed FROM record_progress(test.id('moves/1'), 100, NULL, test.id('moves-ann'));
SELECT completed, course_completed FROM record_progress(test.id('moves/2'), 100, NULL, test.id('moves-ann'));
SELECT title, sort_order FROM move_module(test.id('moves/m'), course_id => test.id('moves-other'));
SELECT c.title, e.completed_at = p.completed_at AS completed, course_completion(c.id, e.user_id)
FROM enrollments AS e
JOIN courses AS c ON c.id = e.course_id
JOIN content_progress AS p ON p.user_id = e.user_id AND p.lesson_id = test.id('moves/2')
WHERE e.user_id = test.id('moves-ann') ORDER BY c.title;
SELECT title, sort_order FROM move_module(test.id('moves/m'), test.id('moves/o'), test.id('moves'));

-- Bad places: 22023 before itself or in another parent, 23503 unknown, 22004 NULL.
CREATE TEMP TABLE places_before AS SELECT * FROM test.places;
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('moves/1'));
SELECT move_lesson(test.id('moves/1'), test.id('moves/m'), test.id('moves/1'));
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('moves/4'));
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('moves-other/1'));
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('moves/n'));
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('nothing'));
SELECT move_lesson(test.id('moves/1'), test.id('nothing'));
SELECT move_lesson(test.id('nothing'), test.id('moves/n'));
SELECT move_lesson(NULL, test.id('moves/n'));
SELECT move_lesson(test.id('moves/1'), NULL);
SELECT move_module(test.id('moves/n'), test.id('moves/n'));
SELECT move_module(test.id('moves/n'), test.id('moves-other/m'));
SELECT move_module(test.id('moves/n'), test.id('nothing'));
SELECT move_module(test.id('nothing'));
SELECT move_module(NULL);
SELECT move_module(test.id('moves/n'), test.id('moves/n'), test.id('moves'));
SELECT move_module(test.id('moves/n'), test.id('moves/n'), test.id('moves-other'));
SELECT move_module(test.id('moves/n'), test.id('moves/o'), test.id('moves-other'));
SELECT move_module(test.id('moves/n'), test.id('moves-other/m'), test.id('moves'));
SELECT move_module(test.id('moves/n'), test.id('nothing'), test.id('moves-other'));
SELECT move_module(test.id('moves/n'), NULL, test.id('nothing'));
SELECT move_module(test.id('nothing'), NULL, test.id('moves'));
(TABLE test.places EXCEPT ALL TABLE places_before) UNION ALL (TABLE places_before EXCEPT ALL TABLE test.places);

-- Words for the client.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('moves/1'));
SELECT move_lesson(test.id('moves/1'), test.id('moves/n'), test.id('moves/4'));
SELECT move_lesson(test.id('moves/1'), test.id('nothing'));
SELECT move_module(test.id('moves/n'), test.id('moves-other/m'));
SELECT move_module(test.id('moves/n'), NULL, test.id('nothing'));

-- Any moves at all: dense from 1 after each, nothing lost, and the moved one in its place.
RESET ROLE;
CALL test.make_course('moves-many', 12);
INSERT INTO modules (id, course_id, title)
SELECT test.id('moves-many/' || m), test.id('moves-many'), 'moves-many/' || m FROM unnest('{n,o}'::text[]) AS m;
SELECT setseed(0.5);
DO $$
DECLARE
	lesson uuid; module uuid; successor uuid; moved public.lessons;
	wrong integer := 0;
BEGIN
	FOR i IN 1..300 LOOP
		lesson := test.id('moves-many/' || (1 + floor(random() * 12)));
		module := test.id('moves-many/' || (ARRAY['m', 'n', 'o'])[1 + floor(random() * 3)::int]);
		successor := (SELECT id FROM lessons WHERE module_id = module AND id <> lesson AND random() < 0.7
					  ORDER BY random() LIMIT 1);
		moved := move_lesson(lesson, module, successor);
		wrong := wrong
			+ (SELECT count(*) FROM (
				SELECT sort_order, row_number() OVER (PARTITION BY module_id ORDER BY sort_order) AS dense
				FROM lessons WHERE title LIKE 'moves-many/%') AS l WHERE sort_order <> dense)
			+ (SELECT abs(12 - count(*)) FROM lessons WHERE title LIKE 'moves-many/%')
			+ (moved.module_id <> module)::int
			+ (moved.sort_order <> coalesce((SELECT sort_order - 1 FROM lessons WHERE id = successor),
											(SELECT count(*) FROM lessons WHERE module_id = module)))::int;
	END LOOP;
	RAISE NOTICE '300 moves, % faults', wrong;
END
$$;
ROLLBACK;
