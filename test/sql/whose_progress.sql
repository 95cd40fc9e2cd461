-- whose_progress: R7. user_id left out means auth.uid(); row-level security
-- binds the caller; service_role must name the user.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('whose', 2);
CALL test.make_learner('whose-ann', 'whose');
CALL test.make_learner('whose-bob', 'whose');

-- Each learner writes and reads their own, named or not.
CALL test.sign_in('whose-ann');
SET LOCAL ROLE authenticated;
SELECT user_id = test.id('whose-ann') AS ann, watched_pct FROM record_progress(test.id('whose/1'), 100);
SELECT user_id = test.id('whose-ann') AS ann, watched_pct
FROM record_progress(test.id('whose/2'), 10, NULL, test.id('whose-ann'));
CALL test.sign_in('whose-bob');
SELECT user_id = test.id('whose-bob') AS bob, watched_pct FROM record_progress(test.id('whose/1'), 20);
SELECT course_completion(test.id('whose')) AS bob, course_completion(test.id('whose'), test.id('whose-bob')) AS bob;
CALL test.sign_in('whose-ann');
SELECT course_completion(test.id('whose')) AS ann;
SELECT count(*) FROM content_progress;

-- Another's id is refused, whether or not there is such a user.
SELECT record_progress(test.id('whose/1'), 99, NULL, test.id('whose-bob'));
SELECT record_progress(test.id('whose/1'), 99, NULL, test.id('nobody'));
SELECT course_completion(test.id('whose'), test.id('whose-bob'));

-- The older spelling of the claim counts the same.
CALL test.sign_in();
SELECT set_config('request.jwt.claim.sub', test.id('whose-bob')::text, true) IS NOT NULL AS set;
SELECT user_id = test.id('whose-bob') AS bob, watched_pct FROM record_progress(test.id('whose/1'), 21);
SELECT set_config('request.jwt.claim.sub', '', true);

-- Nobody signed in: no claims, or claims without a sub. A name does not help.
SELECT record_progress(test.id('whose/1'), 99);
SELECT course_completion(test.id('whose'));
SELECT record_progress(test.id('whose/1'), 99, NULL, test.id('whose-ann'));
SELECT course_completion(test.id('whose'), test.id('whose-ann'));
SELECT set_config('request.jwt.claims', '{"role": "authenticated"}', true);
SELECT record_progress(test.id('whose/1'), 99);

-- service_role names the user, and any user.
SELECT set_config('request.jwt.claims', '{"role": "service_role"}', true);
SET LOCAL ROLE service_role;
SELECT record_progress(test.id('whose/1'), 99);
SELECT course_completion(test.id('whose'));
SELECT user_id = test.id('whose-bob') AS bob, watched_pct
FROM record_progress(test.id('whose/1'), 50, NULL, test.id('whose-bob'));
SELECT course_completion(test.id('whose'), test.id('whose-ann')) AS ann,
	   course_completion(test.id('whose'), test.id('whose-bob')) AS bob;

-- Also without BYPASSRLS, and as a member of service_role.
RESET ROLE;
ALTER ROLE service_role NOBYPASSRLS;
CREATE ROLE regress_admin IN ROLE service_role;
SET LOCAL ROLE regress_admin;
SELECT user_id = test.id('whose-bob') AS bob, watched_pct
FROM record_progress(test.id('whose/1'), 60, NULL, test.id('whose-bob'));
SELECT course_completion(test.id('whose'), test.id('whose-ann')) AS ann;

-- Nothing about a user is kept: one connection, learner after learner.
SET LOCAL ROLE authenticated;
CALL test.sign_in('whose-ann');
SELECT watched_pct FROM record_progress(test.id('whose/2'), 0);
CALL test.sign_in('whose-bob');
SELECT watched_pct FROM record_progress(test.id('whose/2'), 0);
CALL test.sign_in('whose-ann');
SELECT watched_pct FROM record_progress(test.id('whose/2'), 0);

-- Nor are the claims touched, neither by a call that succeeds nor by one that fails.
SELECT current_setting('request.jwt.claim.sub', true) AS sub,
	   current_setting('request.jwt.claims', true)::json ->> 'sub' = test.id('whose-ann')::text AS ann;
SELECT record_progress(test.id('nothing'), 0);
SELECT current_setting('request.jwt.claim.sub', true) AS sub, auth.uid() = test.id('whose-ann') AS ann;
SELECT course_completion(test.id('whose')) IS NOT NULL AS done,
	   current_setting('request.jwt.claim.sub', true) AS sub, auth.uid() = test.id('whose-ann') AS ann;

-- A subject is what auth.uid() takes for it: the last of two, none that is further in, nor null.
SELECT set_config('request.jwt.claims', format('{"user_metadata": {"sub": "nobody"}, "sub": "%s", "sub": "%s"}',
	test.id('whose-bob'), test.id('whose-ann')), true) IS NOT NULL AS set;
SELECT auth.uid() = test.id('whose-ann') AS outside, user_id = test.id('whose-ann') AS inside
FROM record_progress(test.id('whose/1'), 0);
SELECT set_config('request.jwt.claims', '{"sub": null}', true) IS NOT NULL AS set;
SELECT record_progress(test.id('whose/1'), 99);

-- An auth.uid() that knows users by another name than their id does so inside, too.
RESET ROLE;
CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
	SELECT test.id(coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
							nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))
$$;
SET LOCAL ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "whose-ann"}', true) IS NOT NULL AS set;
SELECT user_id = test.id('whose-ann') AS ann, watched_pct FROM record_progress(test.id('whose/1'), 0);

-- Nor is it overruled: one that reads another claim than sub, where the older
-- setting is empty, stands for policies and functions alike.
RESET ROLE;
CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
	SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
					nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'learner')::uuid
$$;
SET LOCAL ROLE authenticated;
SELECT set_config('request.jwt.claims', json_build_object('sub', test.id('whose-bob'), 'learner', test.id('whose-ann'))::text, true) IS NOT NULL AS set;
SELECT auth.uid() = test.id('whose-ann') AS ann, user_id = test.id('whose-ann') AS ann_again FROM record_progress(test.id('whose/1'), 0);
SELECT user_id = test.id('whose-ann') AS ann FROM enroll(test.id('whose'));
SELECT record_progress(test.id('whose/1'), 99, NULL, test.id('whose-bob'));
SELECT set_config('request.jwt.claims', json_build_object('sub', test.id('whose-bob'))::text, true) IS NOT NULL AS set;
SELECT record_progress(test.id('whose/1'), 99);

-- In the end nobody wrote anybody else's.
RESET ROLE;
SELECT user_id = test.id('whose-ann') AS ann, lesson_id = test.id('whose/1') AS first_lesson, watched_pct
FROM content_progress
WHERE user_id IN (test.id('whose-ann'), test.id('whose-bob'))
ORDER BY 1, 2;
ROLLBACK;
