-- rights_matrix: rows of two learners, and test.matrix(), what each role may do to them.

-- Ann's rows are in the published course "rights"; Bob's, and all of the draft,
-- are another's.
CREATE PROCEDURE test.make_rows()
LANGUAGE sql
AS $$
	CALL test.make_course('rights', 2);
	CALL test.make_course('rights-new', 1);
	CALL test.make_course('rights-draft', 2);
	CALL test.make_learner('rights-ann', 'rights');
	CALL test.make_learner('rights-bob', 'rights-draft');
	UPDATE public.courses SET is_published = false WHERE id = test.id('rights-draft');
	INSERT INTO public.content_progress (user_id, lesson_id)
	VALUES (test.id('rights-ann'), test.id('rights/1')),
		   (test.id('rights-bob'), test.id('rights-draft/1'));
	INSERT INTO public.certificates (code, user_id, learner_name, course_title, completed_at)
	VALUES ('0000-0000-0001', test.id('rights-ann'), 'Ann', 'A course', now()),
		   ('0000-0000-0002', test.id('rights-bob'), 'Bob', 'A course', now());
$$;

CREATE FUNCTION test.matrix()
RETURNS TABLE (role text, rows_of text, "table" text,
			   "SELECT" text, "INSERT" text, "UPDATE" text, "DELETE" text, "TRUNCATE" text)
LANGUAGE sql
AS $$
	SELECT w.role, w.rows_of, t.name,
		   test.attempt(w.role, w.sub, format('SELECT * FROM %s WHERE %s', t.name, t.mine)),
		   test.attempt(w.role, w.sub, format('INSERT INTO %s %s', t.name, t.new)),
		   test.attempt(w.role, w.sub, format('UPDATE %s SET id = id WHERE %s', t.name, t.mine)),
		   test.attempt(w.role, w.sub, format('DELETE FROM %s WHERE %s', t.name, t.mine)),
		   test.attempt(w.role, w.sub, format('TRUNCATE %s', t.name))
	FROM (VALUES
		(1, 'anon', 'another', NULL, 'rights', 'rights-ann'),
		(2, 'authenticated', 'self', 'rights-ann', 'rights', 'rights-ann'),
		(3, 'authenticated', 'another', 'rights-ann', 'rights-draft', 'rights-bob'),
		(4, 'authenticated', '(no claims)', NULL, 'rights', 'rights-ann'),
		(5, 'service_role', 'another', NULL, 'rights-draft', 'rights-bob')
	) AS w(place, role, rows_of, sub, course, learner)
	CROSS JOIN LATERAL (VALUES
		(1, 'courses', format('id = test.id(%L)', w.course),
			'(title, slug) VALUES (''New'', ''new'')'),
		(2, 'modules', format('id = test.id(%L)', w.course || '/m'),
			format('(course_id, title) VALUES (test.id(%L), ''New'')', w.course)),
		(3, 'lessons', format('id = test.id(%L)', w.course || '/1'),
			format('(module_id, title) VALUES (test.id(%L), ''New'')', w.course || '/m')),
		(4, 'enrollments', format('user_id = test.id(%L)', w.learner),
			format('(user_id, course_id) VALUES (test.id(%L), test.id(''rights-new''))', w.learner)),
		(5, 'content_progress', format('user_id = test.id(%L)', w.learner),
			format('(user_id, lesson_id) VALUES (test.id(%L), test.id(%L))', w.learner, w.course || '/2')),
		(6, 'certificates', format('user_id = test.id(%L)', w.learner),
			format('(code, user_id, learner_name, course_title, completed_at) VALUES (''0000-0000-0003'', test.id(%L), ''New'', ''New'', now())', w.learner))
	) AS t(place, name, mine, new)
	ORDER BY w.place, t.place
$$;
