-- certificate_codes: codes as people type them, and what is none; bad input of the
-- functions of certificates.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('codes', 1);
CALL test.make_learner('codes-ann', 'codes');
UPDATE enrollments SET completed_at = now() WHERE user_id = test.id('codes-ann');
INSERT INTO certificates (code, user_id, course_id, learner_name, course_title, completed_at)
VALUES ('01AB-CDEF-0110', test.id('codes-ann'), test.id('codes'), 'Ann', 'codes', now()),
	   ('WXYZ-VTS9-8765', test.id('codes-ann'), NULL, 'Ann', 'deleted', now());

SET LOCAL ROLE anon;
SELECT typed, v.course_title
FROM unnest(ARRAY[
	'01AB-CDEF-0110', '01ab-cdef-0110', '01ABCDEF0110', 'oiab-cdef-olio', 'OLAB-CDEF-OILO', '0-1-A-B-C-D-E-F-0-1-1-0', '--01ABCDEF0110--',
	'wxyz-vts9-8765', 'WXYZVTS98765',
	-- Unknown, too short, too long, of other letters, nothing.
	'01AB-CDEF-0111', '01AB-CDEF-011', '01AB-CDEF-01100', '01AB-CDEF', '01AB', '', '-', '--------------', 'U1AB-CDEF-0110', '01AB-CDEF-011u',
	'01AB CDEF 0110', ' 01AB-CDEF-0110', E'01AB-CDEF-0110\n', '01AB_CDEF_0110', '01AB-CDEF-0110%', '%', '____-____-____', 'Ｏ1AB-CDEF-0110', 'ı1AB-CDEF-0110',
	'''; DROP TABLE certificates; --', '.*']) WITH ORDINALITY AS t(typed, place)
LEFT JOIN LATERAL verify_certificate(typed) AS v ON true
ORDER BY place;
-- As long as one likes.
SELECT length(typed), (SELECT count(*) FROM verify_certificate(typed))
FROM (VALUES (repeat('A', 1000000)), (repeat('-', 1000000)), ('01AB-CDEF-0110' || repeat('-', 1000000)), (repeat('01AB-CDEF-0110', 70000))) AS v(typed);
SELECT * FROM verify_certificate(NULL);
RESET ROLE;

-- The others find it in the same way, and name what they do not find.
SET LOCAL ROLE service_role;
\set VERBOSITY terse
SELECT (revoke_certificate('oiabcdefolio', 'a test')).code;
SELECT revoke_certificate('01AB-CDEF-0111', 'a test');
SELECT revoke_certificate(repeat('é', 1000000), 'a test');
SELECT revoke_certificate('', 'a test');
SELECT revoke_certificate(NULL, 'a test');
SELECT revoke_certificate('WXYZ-VTS9-8765', NULL);
SELECT revoke_certificate('WXYZ-VTS9-8765', '');
SELECT certificate_credential(NULL, '{"id": "https://example.com"}');
SELECT certificate_credential('WXYZ-VTS9-8765', NULL);
SELECT certificate_credential('WXYZ-VTS9-876', '{"id": "https://example.com"}');
SELECT issue_certificate(NULL, test.id('codes-ann'), 'Ann');
SELECT issue_certificate(test.id('codes'), NULL, 'Ann');
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), NULL);
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), 'Ann', NULL);
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), '');
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), E' \t\n');
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), repeat('é', 256));
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), 'Ann', '[]');
SELECT issue_certificate(test.id('codes'), test.id('codes-ann'), 'Ann', 'null');
SELECT issue_certificate(test.id('no course'), test.id('codes-ann'), 'Ann');
-- The longest name, and one that a careless page would print as something else.
SELECT length((issue_certificate(test.id('codes'), test.id('codes-ann'), repeat('é', 255))).learner_name);
SELECT (revoke_certificate(code, 'a test')).revoked_reason FROM certificates WHERE length(learner_name) = 255;
SELECT (issue_certificate(test.id('codes'), test.id('codes-ann'), '<b>"Ann" O''Neil</b> %s \')).learner_name;
RESET ROLE;

-- A thousand codes: all are different, and every letter comes at every place.
\set VERBOSITY sqlstate
INSERT INTO auth.users (id) SELECT test.id('codes-' || n) FROM generate_series(1, 1000) AS n;
INSERT INTO enrollments (user_id, course_id, completed_at) SELECT test.id('codes-' || n), test.id('codes'), now() FROM generate_series(1, 1000) AS n;
SET LOCAL ROLE service_role;
SELECT count(DISTINCT (issue_certificate(test.id('codes'), test.id('codes-' || n), 'Learner ' || n)).code) FROM generate_series(1, 1000) AS n;
RESET ROLE;
SELECT place, count(DISTINCT letter) AS letters
FROM certificates CROSS JOIN regexp_split_to_table(code, '') WITH ORDINALITY AS l(letter, place)
WHERE learner_name LIKE 'Learner %'
GROUP BY place ORDER BY place;

-- A code of another form is refused, and so is a revocation without a reason.
UPDATE certificates SET code = lower(code) WHERE code = 'WXYZ-VTS9-8765';
INSERT INTO certificates (code, user_id, learner_name, course_title, completed_at)
VALUES ('wxyz-vts9-8764', test.id('codes-ann'), 'Ann', 'deleted', now());
INSERT INTO certificates (code, user_id, learner_name, course_title, completed_at)
VALUES ('WXYZ-VTS9-8765', test.id('codes-ann'), 'Ann', 'deleted', now());
INSERT INTO certificates (code, user_id, learner_name, course_title, completed_at, revoked_at)
VALUES ('WXYZ-VTS9-8764', test.id('codes-ann'), 'Ann', 'deleted', now(), now());
UPDATE courses SET certificate_valid_for = '0' WHERE id = test.id('codes');
UPDATE courses SET certificate_valid_for = '-1 day' WHERE id = test.id('codes');
ROLLBACK;
