/* threshold.h: the one definition in SQL of a lesson's completion threshold. */
#ifndef CONTENT_LIBRARY_THRESHOLD_H
#define CONTENT_LIBRARY_THRESHOLD_H

/*
 * The threshold of lesson l (rule R3): its own, else its course's, else the setting.  These
 * are look-ups and not joins, because they start faster.
 */
#define THRESHOLD_SQL(setting) \
	"COALESCE(l.completion_threshold," \
	"         (SELECT COALESCE(c.completion_threshold, " setting ")" \
	"            FROM %1$s.courses AS c" \
	"           WHERE c.id = (SELECT m.course_id" \
	"                           FROM %1$s.modules AS m" \
	"                          WHERE m.id = l.module_id)))"

#endif							/* CONTENT_LIBRARY_THRESHOLD_H */
