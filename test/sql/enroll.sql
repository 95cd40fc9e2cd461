-- enroll: idempotent; published courses only; open to the tier that the server
-- has set in the JWT, to nobody's own claim.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('enroll-free', 1);
CALL test.make_course('enroll-pro', 1);
CALL test.make_course('enroll-studio', 1);
CALL test.make_course('enroll-draft', 1);
UPDATE courses SET tier_required = substr(slug, 8) WHERE slug IN ('enroll-pro', 'enroll-studio');
UPDATE courses SET is_published = false WHERE slug = 'enroll-draft';
CALL test.make_learner('enroll-ann');
CALL test.make_learner('enroll-bob');

-- Twice is once: the same row comes back.
CALL test.sign_in('enroll-ann');
SET LOCAL ROLE authenticated;
SELECT user_id = test.id('enroll-ann') AS ann, course_id = test.id('enroll-free') AS course,
	   enrolled_at = now() AS now, completed_at
FROM enroll(test.id('enroll-free'));
SELECT id AS first_id, ctid AS first_ctid FROM enrollments \gset
SELECT id = :'first_id' AS same FROM enroll(test.id('enroll-free'));
SELECT id = :'first_id' AS same FROM enroll(test.id('enroll-free'), test.id('enroll-ann'));
SELECT count(*), max(ctid) = :'first_ctid' AS not_rewritten FROM enrollments;

-- What becomes of an enrollment in each course with claims like these; undone.
RESET ROLE;
CREATE FUNCTION test.enroll_with(course text, claims jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM set_config('request.jwt.claims', (claims || jsonb_build_object('sub', test.id('enroll-bob')))::text, true);
	SET LOCAL ROLE authenticated;
	PERFORM public.enroll(test.id(course));
	RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'enrolled' ELSE SQLSTATE END;
END
$$;
SELECT claims,
	   test.enroll_with('enroll-free', claims) AS free,
	   test.enroll_with('enroll-pro', claims) AS pro,
	   test.enroll_with('enroll-studio', claims) AS studio
FROM unnest(ARRAY[
	'{}',
	'{"app_metadata": {}}',
	'{"app_metadata": null}',
	'{"app_metadata": "studio"}',
	'{"app_metadata": {"tier": null}}',
	'{"app_metadata": {"tier": "free"}}',
	'{"app_metadata": {"tier": "pro"}}',
	'{"app_metadata": {"tier": "studio"}}',
	'{"app_metadata": {"tier": "STUDIO"}}',
	'{"app_metadata": {"tier": "platinum"}}',
	'{"app_metadata": {"tier": ["studio"]}}',
	'{"app_metadata": {"tier": 3}}',
	'{"user_metadata": {"tier": "studio"}}',
	'{"app_metadata": {"tier": "free"}, "user_metadata": {"tier": "studio"}}',
	'{"tier": "studio"}'
]::jsonb[]) WITH ORDINALITY AS c(claims, place)
ORDER BY place;

-- An enrollment that is there already stays one, whatever the tier is now.
INSERT INTO enrollments (user_id, course_id) VALUES (test.id('enroll-bob'), test.id('enroll-pro'));
SELECT test.enroll_with('enroll-pro', '{}');

-- Unpublished, unknown, NULL, another's, nobody's.
CALL test.sign_in('enroll-ann');
SET LOCAL ROLE authenticated;
SELECT enroll(test.id('enroll-draft'));
SELECT enroll(test.id('nothing'));
SELECT enroll(NULL);
SELECT enroll(test.id('enroll-free'), test.id('enroll-bob'));
CALL test.sign_in();
SELECT enroll(test.id('enroll-free'));

-- An account that is gone.
CALL test.sign_in('nobody');
SELECT enroll(test.id('enroll-free'));

-- service_role enrolls anyone, whatever the tier, also in what is not published.
CALL test.sign_in();
SET LOCAL ROLE service_role;
SELECT user_id = test.id('enroll-ann') AS ann FROM enroll(test.id('enroll-studio'), test.id('enroll-ann'));
SELECT enroll(test.id('enroll-free'));
SELECT granted FROM enroll(test.id('enroll-draft'), test.id('enroll-ann'));
SELECT enroll(test.id('nothing'), test.id('enroll-ann'));
SELECT enroll(test.id('enroll-free'), test.id('nobody'));

-- Words for the client.
\set VERBOSITY default
\set SHOW_CONTEXT never
CALL test.sign_in('enroll-ann');
SET LOCAL ROLE authenticated;
SELECT enroll(test.id('enroll-pro'));
CALL test.sign_in('enroll-bob');
SELECT enroll(test.id('enroll-draft'));

-- Of all that these are left.
RESET ROLE;
SELECT c.slug, u.email
FROM enrollments AS e
JOIN courses AS c ON c.id = e.course_id
JOIN auth.users AS u ON u.id = e.user_id
WHERE c.slug LIKE 'enroll-%'
ORDER BY 1, 2;
ROLLBACK;
