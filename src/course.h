/* course.h: which courses a caller sees, the order of lessons in a course, and its percentage. */
#ifndef CONTENT_LIBRARY_COURSE_H
#define CONTENT_LIBRARY_COURSE_H

#include "call.h"
#include "rules.h"

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
/* The number of columns in LESSON_PLACE_SQL, and of those of the module among them. */
#define PLACE_COLUMNS 6
#define MODULE_PLACE_COLUMNS 3

extern int	compare_places(const Datum *a, const Datum *b, int columns);
extern Datum course_percentage(int64 completed, int64 required, bool *isnull);

#endif							/* CONTENT_LIBRARY_COURSE_H */
