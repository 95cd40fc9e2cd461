-- signed_in_user: R7. Where auth.uid() is Supabase's, a call reads the subject
-- without it, and must find what it answers, whatever the claims are. Where it
-- is not, or may not be called, the function itself is asked.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY sqlstate

BEGIN;
CALL test.make_course('signed', 1);
CALL test.make_learner('signed-ann', 'signed');

-- What auth.uid() answers, and whose enrollment a call finds: an id or a SQLSTATE.
CREATE FUNCTION test.outside() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN coalesce(auth.uid()::text, '28000');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION test.inside() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM course_progress();
	RETURN (SELECT user_id FROM enroll(test.id('signed')));
EXCEPTION
	-- There is no such user; the message says which.
	WHEN foreign_key_violation THEN
		RETURN substring(SQLERRM FROM '"(.*)"');
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END $$;
CREATE FUNCTION test.claims(claims text, subject text DEFAULT '') RETURNS TABLE (outside text, agree boolean) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('request.jwt.claims', claims, true), set_config('request.jwt.claim.sub', subject, true);
	RETURN QUERY SELECT o, o = test.inside() FROM test.outside() AS o;
END $$;

SET LOCAL ROLE authenticated;
SELECT v.what, c.* FROM (VALUES
	('nothing', '', ''),
	('a subject', '{"sub": "00000000-0000-4000-8000-000000000001"}', ''),
	('the older setting is first', '{"sub": "00000000-0000-4000-8000-000000000001"}', '00000000-0000-4000-8000-000000000002'),
	('the last of two', '{"sub": "00000000-0000-4000-8000-000000000001", "sub": "00000000-0000-4000-8000-000000000003"}', ''),
	('null after one', '{"sub": "00000000-0000-4000-8000-000000000001", "sub": null}', ''),
	('none', '{"role": "authenticated"}', ''),
	('null', '{"sub": null}', ''),
	('further in', '{"app_metadata": {"sub": "00000000-0000-4000-8000-000000000001"}}', ''),
	('further in, and outside', '{"a": {"sub": "x"}, "sub": "00000000-0000-4000-8000-000000000001", "b": [{"sub": "y"}]}', ''),
	('escaped', '{"\u0073ub": "00000000-0000-4000-8000-00000000000\u0034"}', ''),
	('upper case', '{"sub": "ABCDEF00-0000-4000-8000-000000000001"}', ''),
	('braces', '{"sub": "{00000000-0000-4000-8000-000000000001}"}', ''),
	('empty', '{"sub": ""}', ''),
	('no uuid', '{"sub": "nobody"}', ''),
	('a number', '{"sub": 5}', ''),
	('an object', '{"sub": {"id": 1}}', ''),
	('an array', '["sub"]', ''),
	('a string', '"sub"', ''),
	('a space', ' ', ''),
	('no JSON', '{"sub"', ''),
	('no JSON behind it', '{"sub": "00000000-0000-4000-8000-000000000001"} x', '')) AS v(what, claims, subject)
CROSS JOIN LATERAL test.claims(v.claims, v.subject) AS c;

-- Pieces of claims put together at random.
RESET ROLE;
SELECT setseed(0.5);
CREATE TEMP TABLE pieces AS
SELECT '{' || string_agg(p.piece, ', ') || '}' AS claims
FROM generate_series(1, 500) AS n(n)
CROSS JOIN LATERAL (
	SELECT g.i, (ARRAY['"sub": "00000000-0000-4000-8000-00000000000' || ceil(random() * 9) || '"', '"sub": null', '"sub": 7', '"sub": ""',
		'"role": "authenticated"', '"a": [1, {"sub": "x"}]', '"s\u0075b": "00000000-0000-4000-8000-00000000000a"', '"SUB": "y"',
		'"user_metadata": {"name": "Ann \"\\ \u00e9", "sub": "z"}', '"exp": 1.5e9', '"b": {}', 'x'])[ceil(random() * 12)] AS piece
	FROM generate_series(1, 1 + n.n % 4) AS g(i)) AS p
GROUP BY n.n;
GRANT SELECT ON pieces TO authenticated;
SET LOCAL ROLE authenticated;
SELECT count(*) AS claims, count(DISTINCT c.outside) > 8 AS many, count(*) FILTER (WHERE NOT c.agree) AS differ
FROM pieces CROSS JOIN LATERAL test.claims(claims) AS c;

-- Claims in which characters are changed, put in or left out at random. Most are no JSON.
RESET ROLE;
CREATE TEMP TABLE changed AS
SELECT overlay(claims PLACING CASE WHEN random() < 0.7 THEN substr(E'{}[],:"\\\t01.-enull \001', ceil(random() * 22)::int, 1) ELSE '' END
	FROM ceil(random() * length(claims))::int FOR floor(random() * 2)::int) AS claims
FROM (VALUES ('{"sub": "00000000-0000-4000-8000-000000000001", "exp": 10.25, "a": [true, -0.5, {}]}')) AS v(claims), generate_series(1, 1500);
GRANT SELECT ON changed TO authenticated;
SET LOCAL ROLE authenticated;
SELECT count(DISTINCT claims) > 500 AS many, count(*) FILTER (WHERE c.outside = '22P02') BETWEEN 500 AND 1300 AS no_json,
	count(*) FILTER (WHERE NOT c.agree) AS differ
FROM changed CROSS JOIN LATERAL test.claims(claims) AS c;
-- Forms that are nearly those of JSON, and the limits of what is read without the server's functions.
SELECT v.what, c.* FROM (VALUES
	('an exponent', '"x": 1e5'), ('a leading zero', '"x": 01'), ('minus alone', '"x": -'), ('minus zero', '"x": -0'), ('no digits behind the point', '"x": 1.'),
	('two points', '"x": 1.2.3'), ('a word', '"x": trueish'), ('half a word', '"x": nul'), ('a comma too many', '"x": [1,]'), ('a comma at the end', '"x": 1,'),
	('no comma', '"x": 1 "y": 2'), ('the wrong end', '"x": [1}'), ('a name without quotes', 'x: 1'), ('a name alone', '"x"'), ('an escape', '"x": "\u00e9"'),
	('a wrong escape', '"x": "\q"'), ('a line in a string', E'"x": "\n"'), ('other spaces', E'\t"x"\r:\n1'),
	('33 deep', '"x": ' || repeat('[', 33) || repeat(']', 33)), ('8,000 characters', '"x": "' || repeat('x', 8000) || '"'),
	('9,000 characters', '"x": "' || repeat('x', 9000) || '"')) AS v(what, piece)
CROSS JOIN LATERAL test.claims('{"sub": "00000000-0000-4000-8000-000000000001", ' || v.piece || '}') AS c;

-- Another body, a setting of its own, another owner's rights: the function is asked.
RESET ROLE;
CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
	SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
		(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'SUB'))::uuid
$$;
SELECT * FROM test.claims('{"SUB": "00000000-0000-4000-8000-000000000001", "sub": "00000000-0000-4000-8000-000000000002"}');
CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN test.id('signed-ann'); END $$;
SELECT outside = test.id('signed-ann')::text AS ann, agree FROM test.claims('{"sub": "00000000-0000-4000-8000-000000000002"}');

-- Who may not call it is told so, as by a policy.
REVOKE EXECUTE ON FUNCTION auth.uid() FROM PUBLIC;
SET LOCAL ROLE authenticated;
SELECT * FROM test.claims('{"sub": "00000000-0000-4000-8000-000000000002"}');
ROLLBACK;
