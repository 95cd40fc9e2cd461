-- certificate_credential: a certificate as an Open Badges credential (its form:
-- test/t/026_certificate_credential.pl), and issuers that are none.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('credential', 1);
CALL test.make_learner('credential-ann', 'credential');
INSERT INTO certificates (id, code, user_id, course_id, learner_name, course_title, completed_at, issued_at, expires_at)
VALUES (test.id('first'), '0000-0000-0001', test.id('credential-ann'), test.id('credential'), 'Ann "Ä" \', 'A "quoted" title', '2026-03-01 12:00:00.5+02', '2026-03-02 00:30:00+02', '2027-03-01 12:00:00+02'),
	   (test.id('second'), '0000-0000-0002', test.id('credential-ann'), NULL, 'Ann', 'Deleted', '2026-03-01', '2026-03-02', NULL),
	   (test.id('third'), '0000-0000-0003', test.id('credential-ann'), NULL, 'Ann', 'Deleted', '2026-03-02', '2026-03-02', 'infinity'),
	   (test.id('fourth'), '0000-0000-0004', test.id('credential-ann'), NULL, 'Ann', 'Deleted', '2026-03-02', '2026-03-02', '10000-01-01 00:00:00Z');
-- The zone and the form of dates of a session change nothing.
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'German';
SET LOCAL ROLE service_role;
SELECT jsonb_pretty(certificate_credential('0000-0000-0001', '{"id": "https://example.com/about", "name": "Example", "url": "https://example.com"}'));
-- Valid for good; a course that is deleted.
SELECT c -> 'validUntil' AS valid_until, c #>> '{credentialSubject,achievement,id}' = c ->> 'id' AS same_id, c -> 'issuer' AS issuer
FROM unnest(ARRAY['0000-0000-0002', '0000-0000-0003', '0000-0000-0004']) AS k(code), certificate_credential(code, '{"id": "did:web:example.com", "type": ["Profile", "Organization"]}') AS c;

-- What is no issuer.
CREATE FUNCTION pg_temp.try(issuer jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	RETURN certificate_credential('0000-0000-0001', issuer) ->> 'issuer';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT issuer, pg_temp.try(issuer::jsonb)
FROM unnest(ARRAY['null', '5', '"https://example.com"', '[]', '[{"id": "https://example.com"}]', '{}', '{"name": "Example"}', '{"id": null}', '{"id": 5}',
	'{"id": ""}', '{"id": "example"}', '{"id": "https://example.com/a b"}', '{"id": "https:"}', '{"id": "urn:uuid:1", "type": "Profile"}',
	'{"id": "urn:uuid:1", "type": []}', '{"id": "urn:uuid:1", "type": ["Organization"]}', '{"id": "urn:uuid:1", "type": ["Profile", 5]}',
	'{"id": "urn:uuid:1", "type": null}', '{"id": "urn:uuid:1", "type": ["Profile"]}']) AS issuer;

-- One that is revoked has none.
SELECT (revoke_certificate('0000-0000-0001', 'a test')).code;
SELECT certificate_credential('0000-0000-0001', '{"id": "https://example.com"}');
ROLLBACK;
