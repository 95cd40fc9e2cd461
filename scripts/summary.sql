-- summary.sql: prints the result of a replayed log: the courses with the completion
-- of their learners, where learners stop watching the video that was watched most,
-- the totals, and the rate. For psql -At.

SET ROLE service_role;

WITH learners AS (
	SELECT course_id, course_completion(course_id, user_id) AS percent
	FROM enrollments
),
bins (low, high) AS (
	VALUES (0, 0), (1, 24), (25, 49), (50, 74), (75, 99), (100, 100)
),
counts AS (
	SELECT c.id AS course_id, low, high, count(percent) AS learners
	FROM courses AS c
	CROSS JOIN bins
	LEFT JOIN learners AS l ON l.course_id = c.id AND percent BETWEEN low AND high
	GROUP BY c.id, low, high
),
bars AS (
	SELECT course_id,
		   sum(learners) AS learners,
		   string_agg(rtrim(format('  %8s %%  %7s  %s',
								   CASE WHEN low = high THEN low::text ELSE low || '-' || high END,
								   to_char(learners, 'FM999,999,990'),
								   repeat('#', ceil(50.0 * learners / widest)::integer))),
					  E'\n' ORDER BY low) AS lines
	FROM (SELECT *, max(learners) OVER (PARTITION BY course_id) AS widest FROM counts) AS scaled
	GROUP BY course_id
)
SELECT format(E'\n%s: %s lessons, %s learners\n  lessons completed, and how many learners so far\n%s',
			  c.title,
			  (SELECT count(*) FROM lessons AS l JOIN modules AS m ON m.id = l.module_id
			   WHERE m.course_id = c.id),
			  to_char(b.learners, 'FM999,999,990'), b.lines)
FROM courses AS c
JOIN bars AS b ON b.course_id = c.id
ORDER BY c.title;

WITH most AS (
	SELECT l.id, l.title, ceil(l.duration_seconds / 20.0)::integer AS step
	FROM content_progress AS p
	JOIN lessons AS l ON l.id = p.lesson_id
	CROSS JOIN unnest(p.watched) AS r
	GROUP BY l.id
	ORDER BY sum(upper(r) - lower(r)) DESC, l.title
	LIMIT 1
)
SELECT format(E'\n%s: watched more than any other\n  from minute, and how many learners have seen what follows\n%s', title,
			  string_agg(rtrim(format('  %10s  %7s  %s',
									  second / 60 || to_char(second % 60, '":"FM00'),
									  to_char(learners, 'FM999,999,990'),
									  repeat('#', ceil(50.0 * learners / greatest(widest, 1))::integer))),
						 E'\n' ORDER BY second))
FROM (SELECT title, second, learners, max(learners) OVER () AS widest
	  FROM most CROSS JOIN lesson_retention(most.id, most.step)) AS scaled
GROUP BY title;

RESET ROLE;

SELECT format(E'\nall courses of the log\n%s',
			  string_agg(format('  %-58s %9s', what, to_char(number, 'FM999,999,999,990')),
						 E'\n' ORDER BY place))
FROM demo.totals AS t
JOIN demo.replays AS r ON r.id = (SELECT max(id) FROM demo.replays)
CROSS JOIN LATERAL (
	VALUES (1, 'learners', learners),
		   (2, 'videos, each a lesson', videos),
		   (3, 'courses', courses),
		   (4, 'enrollments, one for each learner and course', enrollments),
		   (5, 'reports of progress that the players sent', t.reports),
		   (6, 'rows of progress kept, one for each learner and video', pairs),
		   (7, format('rows completed: %s %% watched, or more', threshold), completed),
		   (8, 'percent watched, summed over all rows', percents),
		   (9, 'seconds seen, each counted once for a learner', t.seconds),
		   (10, 'percent of the seconds seen, summed over all rows', seconds_percents)
) AS lines (place, what, number);

SELECT format(E'\n%s reports in %s s: %s a second, one after the other on one connection,\n'
			  'each in a transaction of its own',
			  to_char(reports, 'FM999,999,999,990'), round(seconds, 2),
			  to_char(reports / nullif(seconds, 0), 'FM999,999,999,990'))
FROM demo.replays
ORDER BY id DESC
LIMIT 1;
