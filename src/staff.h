/* staff.h: who is staff of a course. */
#ifndef CONTENT_LIBRARY_STAFF_H
#define CONTENT_LIBRARY_STAFF_H

#include "call.h"

/* The roles of course_staff.role.  Each may do what the one before it may. */
typedef enum StaffRole
{
	STAFF_VIEWER,
	STAFF_EDITOR
} StaffRole;

/* How a refusal says that a course was found by a lesson. */
#define OF_LESSON "the course of lesson"

extern bool is_staff(const Call *call, Datum course_id, StaffRole role);
extern bool is_staff_of_lesson(const Call *call, Datum lesson_id, StaffRole role);
extern void require_staff(Call *call, Datum course_id, StaffRole role);
extern void require_staff_of(const Call *call, Datum course_id, StaffRole role, const char *what, Datum id);
pg_noreturn extern void refuse_staff(const Call *call, StaffRole role, const char *what, Datum id);

#endif							/* CONTENT_LIBRARY_STAFF_H */
