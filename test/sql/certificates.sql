-- certificates: one for each completion, with the name of then; revoked once, changed
-- never; what is left of it when the course or the account is deleted.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('certificate', 2);
CALL test.make_course('certificate-short', 1);
CALL test.make_learner('certificate-ann', 'certificate', 'certificate-short');
CALL test.make_learner('certificate-bob', 'certificate');
UPDATE courses SET certificate_valid_for = '1 year' WHERE id = test.id('certificate-short');

SET LOCAL ROLE service_role;
-- Before the course is completed; by somebody who is not enrolled, and who is nobody.
SELECT issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann');
SELECT count(record_progress(test.id('certificate/1'), 100, NULL, test.id('certificate-ann')));
SELECT issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann');
SELECT issue_certificate(test.id('certificate-short'), test.id('certificate-bob'), 'Bob');
SELECT issue_certificate(test.id('certificate'), test.id('nobody'), 'Nobody');

-- Two at once, offline, in March; the other course on the last day of 2020.
SELECT count(*) FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('certificate/1'), 'watched_pct', 100, 'watched_at', '2021-03-01T10:00:00Z'),
	jsonb_build_object('lesson_id', test.id('certificate/2'), 'watched_pct', 100, 'watched_at', '2021-03-02T10:00:00Z'),
	jsonb_build_object('lesson_id', test.id('certificate-short/1'), 'watched_pct', 100, 'watched_at', '2020-12-31T10:00:00Z')),
	test.id('certificate-ann'));

-- It has the name that the server gives, the title and the date of the completion.
SELECT (c).learner_name, (c).course_title, (c).completed_at, (c).issued_at = now() AS issued_now, (c).expires_at,
	(c).revoked_at, (c).revoked_reason, (c).metadata, (c).user_id = test.id('certificate-ann') AS of_ann, (c).course_id = test.id('certificate') AS of_course
FROM (SELECT issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann Example', '{"hours": 12}') AS c) AS i;
SELECT code AS first_code FROM certificates WHERE course_id = test.id('certificate') \gset
SELECT :'first_code' ~ '^([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}$' AS well_formed;

-- Issued again: the same, with the name of then.
SELECT code = :'first_code' AS same, learner_name, metadata
FROM issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Somebody Else', '{}');
SELECT count(*) FROM certificates;

-- Valid for a year since the course was completed.
SELECT completed_at, expires_at FROM issue_certificate(test.id('certificate-short'), test.id('certificate-ann'), 'Ann');
SELECT code AS short_code FROM certificates WHERE course_id = test.id('certificate-short') \gset
SELECT status, learner_name, course_title, completed_at, issued_at = now() AS issued_now, expires_at, revoked_at FROM verify_certificate(:'short_code');
SELECT status, learner_name, course_title, completed_at, issued_at = now() AS issued_now, expires_at, revoked_at FROM verify_certificate(:'first_code');
RESET ROLE;

-- What is certified does not follow: another title, another period, a draft.
UPDATE courses SET title = 'Another', certificate_valid_for = '1 day', is_published = false WHERE id = test.id('certificate');
SELECT course_title, expires_at FROM verify_certificate(:'first_code');
UPDATE courses SET is_published = true, certificate_valid_for = NULL WHERE id = test.id('certificate');

-- A late report moves the date of the completion back: it is the same completion.
SET LOCAL ROLE service_role;
SELECT count(*) FROM record_progress_batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('certificate/2'), 'watched_pct', 100, 'watched_at', '2021-02-20T10:00:00Z')),
	test.id('certificate-ann'));
SELECT e.completed_at, i.completed_at AS certified, i.code = :'first_code' AS same
FROM enrollments AS e, issue_certificate(e.course_id, e.user_id, 'Ann') AS i
WHERE e.course_id = test.id('certificate') AND e.user_id = test.id('certificate-ann');

-- After a reset there is none to issue; a new completion is another certificate, and the first stays valid.
SELECT reset_progress(test.id('certificate'), test.id('certificate-ann'));
SELECT issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann');
SELECT count(record_progress(test.id('certificate/' || n), 100, NULL, test.id('certificate-ann'))) FROM generate_series(1, 2) AS n;
SELECT code <> :'first_code' AS another, course_title, completed_at > '2021-03-02' AS later
FROM issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann');
SELECT learner_name, course_title, (verify_certificate(code)).status FROM certificates
WHERE course_id = test.id('certificate') ORDER BY completed_at;

-- A wrong name: revoke it and issue another one. Revoked again, it stays as it was revoked first.
SELECT code AS second_code FROM issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann') \gset
SELECT learner_name, revoked_at = now() AS revoked_now, revoked_reason FROM revoke_certificate(:'second_code', 'the name is wrong');
SELECT revoked_at = now() AS revoked_now, revoked_reason FROM revoke_certificate(lower(:'second_code'), 'again');
SELECT status, learner_name, revoked_at = now() AS revoked_now FROM verify_certificate(:'second_code');
SELECT code <> :'second_code' AS another, learner_name FROM issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann Example-Smith');
SELECT revoked_at IS NOT NULL AS revoked, learner_name FROM certificates WHERE course_id = test.id('certificate') ORDER BY completed_at, revoked_at NULLS LAST;
-- Also one that has expired.
SELECT (verify_certificate(:'short_code')).status, (revoke_certificate(:'short_code', 'by mistake')).revoked_reason;
SELECT (verify_certificate(:'short_code')).status;
RESET ROLE;

-- Nobody changes a certificate, not even the owner of the tables.
CREATE FUNCTION test.change(what text, role text) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'UPDATE certificates SET ' || what;
	RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'ok' ELSE SQLSTATE END;
END
$$;
SELECT what, test.change(what, current_user) AS owner, test.change(what, 'service_role') AS service_role,
	test.change(what, 'authenticated') AS authenticated, test.change(what, 'anon') AS anon
FROM unnest(ARRAY['id = gen_random_uuid()', 'code = ''0000-0000-000'' || right(code, 1)', 'user_id = test.id(''certificate-bob'')', 'course_id = NULL',
	'learner_name = ''Bob''', 'course_title = ''Another''', 'completed_at = now()', 'issued_at = now() - interval ''1 day''',
	'expires_at = ''infinity''', 'revoked_at = NULL, revoked_reason = NULL', 'revoked_reason = ''another'' WHERE revoked_at IS NOT NULL', 'metadata = ''{}''',
	'learner_name = learner_name']) AS what;
-- But for the revocation of one that is valid.
SAVEPOINT revoked_directly;
SET LOCAL ROLE service_role;
UPDATE certificates SET revoked_at = now(), revoked_reason = 'all of them' WHERE revoked_at IS NULL;
UPDATE certificates SET revoked_at = NULL, revoked_reason = NULL WHERE code = :'first_code';
UPDATE certificates SET revoked_at = '2026-01-01' WHERE code = :'first_code';
ROLLBACK TO revoked_directly;
SET LOCAL ROLE service_role;
UPDATE certificates SET revoked_at = now() WHERE code = :'first_code';
DELETE FROM certificates;
INSERT INTO certificates (code, user_id, learner_name, course_title, completed_at)
VALUES ('0000-0000-0000', test.id('certificate-ann'), 'Ann', 'Fake', now());
RESET ROLE;

-- Its course is deleted: it is still valid. Its account is: it is gone.
SELECT count(*), count(course_id), count(DISTINCT (SELECT v.status FROM verify_certificate(code) AS v)) AS statuses FROM certificates;
DELETE FROM courses WHERE id = test.id('certificate');
SELECT count(*), count(course_id) FROM certificates;
SELECT status, learner_name, course_title FROM verify_certificate(:'first_code');
DELETE FROM auth.users WHERE id = test.id('certificate-ann');
SELECT count(*) FROM certificates;
SELECT * FROM verify_certificate(:'first_code');

-- Whatever path has completed the course: here its last open lesson is deleted.
CALL test.make_course('certificate', 2);
CALL test.make_learner('certificate-ann', 'certificate');
SET LOCAL ROLE service_role;
SELECT count(record_progress(test.id('certificate/1'), 100, NULL, test.id('certificate-ann')));
DELETE FROM lessons WHERE id = test.id('certificate/2');
SELECT learner_name, completed_at IS NOT NULL AS completed FROM issue_certificate(test.id('certificate'), test.id('certificate-ann'), 'Ann');
ROLLBACK;
