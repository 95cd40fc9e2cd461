-- batch_malformed: a malformed batch is refused whole, with 22023 and the place
-- of the bad element; one bad report takes the good ones with it.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

BEGIN;
CALL test.make_course('malformed', 1002);
CALL test.make_course('malformed-closed', 1);
CALL test.make_course('malformed-draft', 1);
UPDATE courses SET is_published = false WHERE slug = 'malformed-draft';
CALL test.make_learner('malformed-ann', 'malformed', 'malformed-draft');
CALL test.make_learner('malformed-bob', 'malformed');
CALL test.sign_in('malformed-ann');

-- What becomes of a batch: its SQLSTATE and message, or the number of rows.
CREATE FUNCTION test.batch(reports jsonb, learner text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
	RETURN 'rows: ' || (SELECT count(*) FROM record_progress_batch(reports, test.id(learner)));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- A good report, then one changed by CHANGE.
CREATE FUNCTION test.second(change jsonb) RETURNS text
LANGUAGE sql
AS $$
	SELECT test.batch(jsonb_build_array(
		jsonb_build_object('lesson_id', test.id('malformed/1'), 'watched_pct', 50),
		jsonb_build_object('lesson_id', test.id('malformed/2'), 'watched_pct', 50) || change))
$$;
SET LOCAL ROLE authenticated;

-- Not an array of 1 to 1000.
SELECT reports, test.batch(reports::jsonb)
FROM unnest(ARRAY['{}', '[]', 'null', '"text"', '5', 'true',
	format('{"lesson_id": "%s", "watched_pct": 50}', test.id('malformed/1'))]) WITH ORDINALITY AS r(reports, place)
ORDER BY place;
SELECT test.batch(NULL) AS no_reports;
SELECT n, test.batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('malformed/' || i), 'watched_pct', 50))
					  FROM generate_series(1, n) AS i))
FROM unnest(ARRAY[1001, 10000]) AS n;
-- No user is named by null.
SELECT n, test.batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('malformed/' || i), 'watched_pct', 50, 'user_id', NULL))
					  FROM generate_series(1, n) AS i))
FROM unnest(ARRAY[1001, 10000]) AS n;

-- Elements that are no objects, or lack a key.
SELECT element, test.batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('malformed/1'), 'watched_pct', 50), element))
FROM unnest(ARRAY['5', '"text"', 'null', '[]', '[{}]', '{}', '{"watched_pct": 50}',
	'{"lesson_id": "00000000-0000-0000-0000-000000000000"}']::jsonb[]) WITH ORDINALITY AS e(element, place)
ORDER BY place;

-- Values of the wrong type or out of range.
SELECT change, test.second(change::jsonb)
FROM unnest(ARRAY[
	'{"lesson_id": "no uuid"}', '{"lesson_id": 5}', '{"lesson_id": null}', '{"lesson_id": ""}',
	'{"watched_pct": "50"}', '{"watched_pct": null}', '{"watched_pct": true}', '{"watched_pct": [50]}',
	'{"watched_pct": {"of": 50}}', '{"watched_pct": 50.5}', '{"watched_pct": 101}', '{"watched_pct": -1}',
	'{"watched_pct": 2147483648}', '{"watched_pct": 1e30}',
	'{"position_seconds": "5"}', '{"position_seconds": -1}', '{"position_seconds": 1.5}', '{"position_seconds": 2147483648}',
	'{"position_seconds": false}', '{"position_seconds": {}}',
	'{"watched_at": "no time"}', '{"watched_at": 1767225600}', '{"watched_at": ""}', '{"watched_at": "2026-02-30T00:00:00Z"}',
	'{"watched_at": "infinity"}', '{"watched_at": "now"}', '{"watched_at": []}',
	'{"watched_at": "2020-01-01 -infinity"}', '{"watched_at": "2020-01-01 infinity"}', '{"watched_at": "2020-01-01 epoch"}',
	'{"watched_at": "2020-01-01 allballs"}', '{"watched_at": "2020-01-01 10:00 BC"}', '{"watched_at": "2020-01-01T10:00:00Z BC"}',
	'{"watched_at": "4713-01-01T00:00:00Z BC"}', '{"watched_at": "294276-12-31T23:59:59Z"}', '{"watched_at": "0000-01-01T00:00:00Z"}',
	'{"watched_at": "2020-01-01"}', '{"watched_at": "2020-01-01T10:00:00"}', '{"watched_at": "2020-01-01 10:00:00.5"}',
	'{"watched_at": "2020-01-01T10:00:00 Europe/Rome"}', '{"watched_at": "2020-01-01T10:00:00 PST"}', '{"watched_at": "2020-01-01T10:00:00+99"}',
	'{"watched_at": "2020-01-01T10:00:00.1234567890Z"}', '{"watched_at": "2020-01-01T10:00:00Z\n"}', '{"watched_at": "2020-01-01T25:00:00Z"}',
	'{"watched_at": "٢٠٢٠-01-01T10:00:00Z"}',
	'{"user_id": "00000000-0000-0000-0000-000000000000"}', '{"completed": true}', '{"Watched_pct": 50}', '{"": 1}'
]) WITH ORDINALITY AS c(change, place)
ORDER BY place;

-- In the future by more than a minute.
SELECT left(test.second(jsonb_build_object('watched_at', clock_timestamp() + interval '62 seconds')), 28) AS a_minute,
	   left(test.second('{"watched_at": "9999-12-31T00:00:00Z"}'), 28) AS far;

-- No error is as long as what it quotes.
SELECT what, length(answer), left(answer, 60)
FROM unnest(ARRAY['lesson_id', 'watched_at', 'position_seconds', 'key']) AS what,
	 test.second(jsonb_build_object(CASE what WHEN 'key' THEN repeat('ü', 1000000) ELSE what END,
									CASE what WHEN 'position_seconds' THEN to_jsonb(10::numeric ^ 100000) ELSE to_jsonb(repeat('2', 1000000)) END)) AS answer;

-- Nor does any video run at the beginning of time.
SELECT left(test.second('{"watched_at": "-infinity"}'), 5) AS never;

-- Two reports of one lesson, wherever they stand and however it is spelled.
SELECT test.batch(jsonb_build_array(
	jsonb_build_object('lesson_id', test.id('malformed/1'), 'watched_pct', 50),
	jsonb_build_object('lesson_id', test.id('malformed/2'), 'watched_pct', 50),
	jsonb_build_object('lesson_id', upper(test.id('malformed/1')::text), 'watched_pct', 60)));

-- The second report may not begin its lesson: not enrolled, unpublished, unknown.
SELECT lesson, left(test.second(jsonb_build_object('lesson_id', test.id(lesson))), 5)
FROM unnest(ARRAY['malformed-closed/1', 'malformed-draft/1', 'nothing']) AS lesson;

-- Another's; nobody's; an account that is gone.
SELECT left(test.batch('[]', 'malformed-bob'), 5) AS malformed_first,
	   left(test.batch(jsonb_build_array(jsonb_build_object('lesson_id', test.id('malformed/1'), 'watched_pct', 5)), 'malformed-bob'), 5) AS another;
CALL test.sign_in();
SELECT left(test.batch(jsonb_build_array(jsonb_build_object('lesson_id', test.id('malformed/1'), 'watched_pct', 5))), 5) AS nobody;
CALL test.sign_in('nobody');
SELECT left(test.batch(jsonb_build_array(jsonb_build_object('lesson_id', test.id('malformed/1'), 'watched_pct', 5))), 5) AS gone;

-- Nothing of all that was written.
RESET ROLE;
SELECT count(*) FROM content_progress AS p JOIN lessons AS l ON l.id = p.lesson_id WHERE l.title LIKE 'malformed%';

-- What is unusual and good: 1000 reports; null for what may be left out; 50.0.
CALL test.sign_in('malformed-ann');
SET LOCAL ROLE authenticated;
SELECT test.batch((SELECT jsonb_agg(jsonb_build_object('lesson_id', test.id('malformed/' || i), 'watched_pct', 50))
				   FROM generate_series(1, 1000) AS i)) AS thousand,
	   test.second('{"position_seconds": null, "watched_at": null}') AS nulls,
	   test.second('{"watched_pct": 50.0}') AS decimals,
	   test.second('{"watched_pct": 100, "position_seconds": 2147483647}') AS limits;
-- Times in their forms, long ago; a clock that is fast by less than a minute counts as now.
SELECT at, test.second(jsonb_build_object('watched_at', at))
FROM unnest(ARRAY['0001-01-01T00:00:00Z', '0001-01-01T00:00:00+15', '2020-01-01 10:00Z', '2020-01-01T10:00:00.123456789-0730',
	'2020-01-01T24:00:00+05:30']) WITH ORDINALITY AS t(at, place)
ORDER BY place;
SELECT last_watched BETWEEN now() AND clock_timestamp() AS now
FROM record_progress_batch(jsonb_build_array(jsonb_build_object(
	'lesson_id', test.id('malformed/1001'), 'watched_pct', 1, 'watched_at', clock_timestamp() + interval '58 seconds')));

-- The hint.
SELECT record_progress_batch('[{"lesson": 5}]');
ROLLBACK;
