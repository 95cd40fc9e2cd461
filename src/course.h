/* course.h: how lessons, modules and courses are joined, and who may watch. */
#ifndef CONTENT_LIBRARY_COURSE_H
#define CONTENT_LIBRARY_COURSE_H

#include "call.h"

/* The module m and the course c of lesson l. */
#define COURSE_OF_LESSON_SQL \
	"  JOIN %1$s.modules AS m ON m.id = l.module_id" \
	"  JOIN %1$s.courses AS c ON c.id = m.course_id"

/*
 * Whether user $1 may watch lesson l of course c (R8).  Whether c is published is asked
 * elsewhere.
 */
#define MAY_WATCH_SQL \
	" (l.is_preview OR EXISTS (" \
	"   SELECT FROM %1$s.enrollments AS e" \
	"    WHERE e.user_id = $1" \
	"      AND e.course_id = c.id))"

/*
 * The progress p of a learner on a lesson, looked up by its key.  OFFSET 0 keeps the
 * planner from reading all that a learner has ever watched.  watched_pct >= 0 is always
 * true.  It keeps the planner from the index on lesson_id, which has no such column: there
 * it would read all learners of the lesson.
 */
#define PROGRESS_BY_KEY_SQL(user_id, lesson_id) \
	"  LEFT JOIN LATERAL (" \
	"    SELECT p.* FROM %1$s.content_progress AS p" \
	"     WHERE p.user_id = " user_id \
	"       AND p.lesson_id = " lesson_id \
	"       AND p.watched_pct >= 0 OFFSET 0) AS p ON true"

/* The order of the lessons in a course.  Ids decide between equals, so it is always the same. */
#define COURSE_ORDER_SQL \
	" ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id"

/*
 * The one definition of a course's percentage (R4).  It is both C and SQL: a division of
 * integers rounds down in both.  In SQL it is NULL if no lesson is required (R5).
 */
#define PERCENTAGE(completed, required) (100 * (completed) / (required))
#define PERCENTAGE_SQL(completed, required) \
	CppAsString2(PERCENTAGE(completed, NULLIF(required, 0))) "::int4"

extern bool sees_course(Call *call, Datum course_id);
extern void see_courses(Call *call, Datum *course_ids, int count, bool *seen);
extern void require_course(Call *call, Datum course_id);
extern Datum course_percentage(int64 completed, int64 required, bool *isnull);

#endif							/* CONTENT_LIBRARY_COURSE_H */
