/* threshold.h: the one definition of a lesson's completion threshold, in SQL. */
#ifndef CONTENT_LIBRARY_THRESHOLD_H
#define CONTENT_LIBRARY_THRESHOLD_H

/* A lesson with its course, as far as the caller may see both. */
#define LESSON_SQL \
	"%1$s.lessons AS l" \
	"  JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id" \
	"  JOIN %1$s.courses AS c ON c.id OPERATOR(pg_catalog.=) m.course_id"

/* The lesson's own threshold, else its course's, else the setting. */
#define THRESHOLD_SQL(setting) \
	"COALESCE(l.completion_threshold, c.completion_threshold, " setting ")"

#endif							/* CONTENT_LIBRARY_THRESHOLD_H */
