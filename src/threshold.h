/* threshold.h: the one definition of a lesson's completion threshold, in SQL. */
#ifndef CONTENT_LIBRARY_THRESHOLD_H
#define CONTENT_LIBRARY_THRESHOLD_H

/*
 * The threshold of lesson l: its own, else its course's, else the setting.
 * Whoever cannot see the course (it was unpublished) is held to 100.  Look-ups
 * rather than joins: they start faster.
 */
#define THRESHOLD_SQL(setting) \
	"CAST(COALESCE(l.completion_threshold," \
	"         (SELECT COALESCE(c.completion_threshold, " setting ")" \
	"            FROM %1$s.courses AS c" \
	"           WHERE c.id OPERATOR(pg_catalog.=)" \
	"                 (SELECT m.course_id" \
	"                    FROM %1$s.modules AS m" \
	"                   WHERE m.id OPERATOR(pg_catalog.=) l.module_id))," \
	"         100) AS pg_catalog.int4)"

#endif							/* CONTENT_LIBRARY_THRESHOLD_H */
