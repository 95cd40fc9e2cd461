/* course.h: how the functions about a course read its lessons, and in which order. */
#ifndef CONTENT_LIBRARY_COURSE_H
#define CONTENT_LIBRARY_COURSE_H

#include "fmgr.h"

/*
 * The progress p of learner $2 on lesson l, by its key: OFFSET 0 keeps the
 * planner from reading all that a learner has ever watched.
 */
#define LEARNERS_PROGRESS_SQL \
	"  LEFT JOIN LATERAL (" \
	"    SELECT p.* FROM %1$s.content_progress AS p" \
	"     WHERE p.user_id OPERATOR(pg_catalog.=) $2" \
	"       AND p.lesson_id OPERATOR(pg_catalog.=) l.id OFFSET 0) AS p ON true"

#define COURSE_ORDER_SQL \
	" ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id"

extern void require_course(const char *schema, Datum course_id);

#endif							/* CONTENT_LIBRARY_COURSE_H */
