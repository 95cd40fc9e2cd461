/* threshold.h: the one definition of a lesson's completion threshold, in SQL. */
#ifndef CONTENT_LIBRARY_THRESHOLD_H
#define CONTENT_LIBRARY_THRESHOLD_H

/*
 * The threshold of lesson l (rule R3): its own, else its course's, else the
 * setting.  Look-ups rather than joins: they start faster.
 */
#define THRESHOLD_SQL(setting) \
	"COALESCE(l.completion_threshold," \
	"         (SELECT COALESCE(c.completion_threshold, " setting ")" \
	"            FROM %1$s.courses AS c" \
	"           WHERE c.id = (SELECT m.course_id" \
	"                           FROM %1$s.modules AS m" \
	"                          WHERE m.id = l.module_id)))"

#endif							/* CONTENT_LIBRARY_THRESHOLD_H */
