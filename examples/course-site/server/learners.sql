-- learners.sql: forty learners of the first course, who have watched some of it in the last
-- weeks: each lesson fewer of them, and some not to its end; and where Ben is.

SELECT setseed(0.42); -- the same ones each time

INSERT INTO auth.users (id, email)
SELECT gen_random_uuid(), lower(first || '.' || last) || '@example.com'
FROM unnest('{Alma,Bruno,Clara,David,Elif,Femi,Greta,Hugo}'::text[]) AS first, unnest('{Ito,Jansen,Keller,Lopez,Moreau}'::text[]) AS last;

INSERT INTO profiles (user_id, name)
SELECT id, initcap(replace(split_part(email, '@', 1), '.', ' ')) FROM auth.users WHERE email LIKE '%.%@%';

INSERT INTO enrollments (user_id, course_id, enrolled_at)
SELECT u.id, c.id, now() - interval '2 days' - random() * interval '18 days'
FROM auth.users AS u, courses AS c WHERE email LIKE '%.%@%' AND slug = 'joints';

-- Each has begun some lessons. All but the last of these were watched whole, but for an
-- introduction that a third of them skip.
WITH learner AS (
	SELECT user_id, course_id, enrolled_at, floor(sqrt(random()) * 5.9) AS begun, random() AS part, random() < 0.3 AS skips FROM enrollments
), lesson AS (
	SELECT l.id, course_id, duration_seconds, row_number() OVER (PARTITION BY course_id ORDER BY m.sort_order, l.sort_order) AS number
	FROM lessons AS l JOIN modules AS m ON m.id = module_id WHERE l.is_published AND l.unlock_after IS NULL
), seen AS (
	SELECT user_id, id, duration_seconds, enrolled_at + number * interval '3 hours' AS at, CASE WHEN number < begun THEN duration_seconds ELSE ceil(duration_seconds * part)::integer END AS until,
		CASE WHEN skips AND number > 1 THEN '{[2,4)}' ELSE '{}' END::int4multirange AS skipped
	FROM learner JOIN lesson USING (course_id) WHERE number <= begun
), watched AS (
	SELECT *, int4multirange(int4range(0, until)) - skipped AS ranges FROM seen
), counted AS (
	SELECT *, (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(ranges) AS r) * 100 / duration_seconds AS percent FROM watched
)
INSERT INTO content_progress (user_id, lesson_id, watched, watched_pct, completed, completed_at, position_seconds, started_at, last_watched)
SELECT user_id, id, ranges, percent, percent >= 90, CASE WHEN percent >= 90 THEN at END, until, at - interval '1 minute', at FROM counted;

INSERT INTO enrollments (user_id, course_id)
SELECT u.id, c.id FROM auth.users AS u, courses AS c WHERE email = 'ben@example.com' AND slug IN ('joints', 'oil');

INSERT INTO content_progress (user_id, lesson_id, watched, watched_pct, completed, completed_at, position_seconds, started_at, last_watched)
SELECT u.id, l.id, int4multirange(int4range(0, seen)), seen * 5, seen = 20, CASE WHEN seen = 20 THEN at END, seen, at, at
FROM auth.users AS u, (SELECT now() - interval '1 day' AS at) AS t,
	(VALUES ('The first saw cut', 20), ('Marking with a knife', 12), ('Why wood moves', 8)) AS s(title, seen) JOIN lessons AS l USING (title)
WHERE email = 'ben@example.com';
