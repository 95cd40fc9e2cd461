-- deletions: R11. Deleting a lesson, a module, a course or an account removes
-- exactly the rows below it.

BEGIN;
CALL test.make_course('deletions', 3);
CALL test.make_course('deletions-kept', 2);
INSERT INTO modules (id, course_id, title) VALUES (test.id('deletions/m2'), test.id('deletions'), 'deletions/m2');
UPDATE lessons SET module_id = test.id('deletions/m2') WHERE id = test.id('deletions/3');
CALL test.make_learner('deletions-ann', 'deletions', 'deletions-kept');
CALL test.make_learner('deletions-bob', 'deletions', 'deletions-kept');
INSERT INTO content_progress (user_id, lesson_id)
SELECT u.id, l.id
FROM auth.users AS u, lessons AS l
WHERE u.email LIKE 'deletions-%' AND l.title LIKE 'deletions%';

-- What is left, by name.
CREATE FUNCTION test.remaining(OUT courses text, OUT modules text, OUT lessons text,
							   OUT enrollments text, OUT progress text)
LANGUAGE sql SECURITY DEFINER
SET search_path = public
AS $$
	SELECT
		(SELECT string_agg(title, ' ' ORDER BY title COLLATE "C") FROM courses WHERE title LIKE 'deletions%'),
		(SELECT string_agg(title, ' ' ORDER BY title COLLATE "C") FROM modules WHERE title LIKE 'deletions%'),
		(SELECT string_agg(title, ' ' ORDER BY title COLLATE "C") FROM lessons WHERE title LIKE 'deletions%'),
		(SELECT string_agg(split_part(u.email, '@', 1) || ' in ' || c.title, ', '
						   ORDER BY u.email COLLATE "C", c.title COLLATE "C")
		 FROM enrollments AS e JOIN courses AS c ON c.id = e.course_id JOIN auth.users AS u ON u.id = e.user_id
		 WHERE c.title LIKE 'deletions%'),
		(SELECT string_agg(split_part(u.email, '@', 1) || ' on ' || l.title, ', '
						   ORDER BY u.email COLLATE "C", l.title COLLATE "C")
		 FROM content_progress AS p JOIN lessons AS l ON l.id = p.lesson_id JOIN auth.users AS u ON u.id = p.user_id
		 WHERE l.title LIKE 'deletions%')
$$;
\x on
SELECT * FROM test.remaining();

-- A lesson.
SET LOCAL ROLE service_role;
DELETE FROM lessons WHERE id = test.id('deletions/1');
SELECT * FROM test.remaining();

-- A module.
DELETE FROM modules WHERE id = test.id('deletions/m2');
SELECT * FROM test.remaining();

-- An account, as Supabase deletes it: a role without rights to our tables,
-- with a search_path of its own and no claims.
CALL test.sign_in();
SET LOCAL ROLE supabase_auth_admin;
SET LOCAL search_path = auth;
DELETE FROM users WHERE id = test.id('deletions-bob');
SELECT * FROM test.remaining();
RESET search_path;

-- A course.
SET LOCAL ROLE service_role;
DELETE FROM courses WHERE id = test.id('deletions');
SELECT * FROM test.remaining();
\x off

-- Accounts are not deleted by any of this.
RESET ROLE;
SELECT email FROM auth.users WHERE email LIKE 'deletions-%';
ROLLBACK;
