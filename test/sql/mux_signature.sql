-- mux_signature: mux_verify_signature says ok, or why not, in this order: secret,
-- header, its form, the signature, its age. Other vectors: test/t/030_mux_signatures.pl.

BEGIN;
-- HMAC-SHA256 by its definition (RFC 2104), to sign with.
CREATE FUNCTION test.hmac(message text, key text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	k bytea := convert_to(key, 'UTF8');
	inner_pad bytea := '';
	outer_pad bytea := '';
BEGIN
	IF length(k) > 64 THEN
		k := sha256(k);
	END IF;
	FOR i IN 0..63 LOOP
		inner_pad := inner_pad || set_byte('\x00', 0, CASE WHEN i < length(k) THEN get_byte(k, i) ELSE 0 END # 54);
		outer_pad := outer_pad || set_byte('\x00', 0, CASE WHEN i < length(k) THEN get_byte(k, i) ELSE 0 END # 92);
	END LOOP;
	RETURN encode(sha256(outer_pad || sha256(inner_pad || convert_to(message, 'UTF8'))), 'hex');
END
$$;
-- RFC 4231, test case 2.
SELECT test.hmac('what do ya want for nothing?', 'Jefe');

-- As Mux would sign at T; %s is the right signature.
CREATE FUNCTION test.verify(header text, body text DEFAULT '{"a": "ä"}', secrets text[] DEFAULT '{old, new}', t text DEFAULT '1000000',
	now numeric DEFAULT 1000000, tolerance interval DEFAULT '5 minutes') RETURNS text
LANGUAGE sql AS $$
	SELECT public.mux_verify_signature('{"a": "ä"}', replace(header, '%s', test.hmac(t || '.' || body, 'new')), secrets, tolerance,
									   to_timestamp(now::float8))
$$;

SELECT header, test.verify(header) FROM unnest(ARRAY[
	't=1000000,v1=%s', 'v1=%s,t=1000000', 't=1000000,v0=x,v1=0,v1=%s', 't=1000000,v1=%s,v1=0', 't=1000000,v1=%s,', ',,t=1000000,v1=%s,x,=,y=z=1',
	't=1000000,v1=0%s', 't=1000000,v1=%s0', 't=1000000,v1=%s=', 't=1000000,v1==%s', 't=1000000,v1= %s', 't=1000000,v1=', 't=1000000,v1',
	't=1000000, v1=%s', 't=1000000,V1=%s', 't=1000000', 't=1000000,', 't=1000000;v1=%s',
	'', ' ', ',', '=', 'v1=%s', 'T=1000000,v1=%s', ' t=1000000,v1=%s', 't,v1=%s', 't=,v1=%s', 't=01000000,v1=%s', 't=+1000000,v1=%s', 't=-1,v1=%s',
	't=1000000.0,v1=%s', 't=1e6,v1=%s', 't=1000000 ,v1=%s', 't=1000000,t=1000000,v1=%s', 't=1000000,v1=%s,t=1', 't=1000000000000,v1=%s', NULL
]) WITH ORDINALITY AS h(header, n) ORDER BY n;
SELECT test.verify('t=1000000,v1=' || upper(test.hmac('1000000.{"a": "ä"}', 'new'))) AS upper_case;

-- Secrets: any may match; NULL and empty ones are none.
SELECT secrets, test.verify('t=1000000,v1=%s', secrets => secrets::text[]) FROM unnest(ARRAY[
	'{new}', '{new,old}', '{NULL,"",new}', '{{old},{new}}', '{old}', '{New}', '{"new "}', '{}', '{NULL}', '{""}', '{NULL,""}', NULL
]) WITH ORDINALITY AS s(secrets, n) ORDER BY n;
SELECT test.verify('', secrets => '{}') AS secret_first, test.verify('t=x') AS form_first,
	   test.verify('t=1000000,v1=0', now => 2000000) AS signature_first;

-- The body is the bytes that came.
SELECT test.verify('t=1000000,v1=%s', body => '{"a":"ä"}') AS reformatted, test.verify('t=1000001,v1=%s', now => 1000001) AS other_time;

-- Age: to the tolerance, in whole seconds, both ways.
SELECT now - 1000000 AS age, test.verify('t=1000000,v1=%s', now => now) FROM unnest(ARRAY[
	1000000, 1000300, 1000300.9, 1000301, 9000000, 999700, 999699.9, 999699, 0, -5000000.5]) WITH ORDINALITY AS a(now, n) ORDER BY n;
SELECT test.verify('t=1000000,v1=%s', now => 1086400, tolerance => '1 day'), test.verify('t=1000000,v1=%s', tolerance => '0'),
	   test.verify('t=0,v1=%s', t => '0', now => 0), test.verify('t=999999999999,v1=%s', t => '999999999999');
SELECT mux_verify_signature('', 't=1000000,v1=' || test.hmac('1000000.', 'new'), '{new}') AS by_the_clock,
	   mux_verify_signature('', format('t=%s,v1=%s', t, test.hmac(t || '.', 'new')), '{new}') AS now
FROM CAST(extract(epoch FROM clock_timestamp())::bigint AS text) AS t;
SELECT mux_verify_signature('', 't=1000000,v1=' || test.hmac('1000000.', 'new'), '{new}', checked_at => at) FROM unnest('{-infinity, infinity}'::timestamptz[]) AS at;

-- Sizes: a header to 4 KiB, a body of 5 MB, a key longer than a block.
SELECT test.verify('t=1000000,v1=%s,' || repeat('x', 4096 - 78 - n)) FROM unnest('{2, 1, 0, -1}'::int[]) AS n;
SELECT test.verify('t=1000000,v1=%s,' || repeat('v1,', 100000 / 3)) AS header_of_100_kb;
SELECT mux_verify_signature(body, 't=1000000,v1=' || test.hmac('1000000.' || body, key), ARRAY[key], checked_at => to_timestamp(1000000))
FROM CAST(repeat('body ', 1000000) AS text) AS body, CAST(repeat('clé', 50) AS text) AS key;

\set ON_ERROR_ROLLBACK on
\set VERBOSITY default
\set SHOW_CONTEXT always
SELECT mux_verify_signature(NULL, 't=1,v1=0', '{whsec_hidden}');
SELECT mux_verify_signature('', 't=1,v1=0', '{whsec_hidden}', NULL);
SELECT mux_verify_signature('', 't=1,v1=0', '{whsec_hidden}', '-1 second');
SELECT mux_verify_signature('', 't=1,v1=0', '{whsec_hidden}', checked_at => NULL);
ROLLBACK;
