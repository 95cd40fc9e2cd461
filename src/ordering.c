/* ordering.c: move_lesson() and move_module(), which change the order of a course. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "course.h"
#include "result.h"
#include "staff.h"

/* The parents of rows.  Locks on the courses come later, so these may change. */
static const LibraryQuery lesson_module = {
	"SELECT l.module_id FROM %1$s.lessons AS l WHERE l.id = $1",
	1, {UUIDOID}
};

static const LibraryQuery module_course = {
	"SELECT m.course_id FROM %1$s.modules AS m WHERE m.id = $1",
	1, {UUIDOID}
};

/* Locked in the order of their ids, so that two moves cannot deadlock. */
static const LibraryQuery lock_courses = {
	"SELECT FROM %1$s.courses AS c"
	" WHERE c.id = $1 OR c.id = $2"
	" ORDER BY c.id FOR NO KEY UPDATE",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery course_exists = {
	"SELECT FROM %1$s.courses AS c WHERE c.id = $1",
	1, {UUIDOID}
};

/* Row $1 under parent $2, before row $3, or at the end. */
static const LibraryQuery place_lesson = {
	PLACE_SQL("lessons", "module_id", "$1", "$2", "$3"), 3, {UUIDOID, UUIDOID, UUIDOID}
};

static const LibraryQuery place_module = {
	PLACE_SQL("modules", "course_id", "$1", "$2", "$3"), 3, {UUIDOID, UUIDOID, UUIDOID}
};

static const LibraryQuery close_gap_of_lesson = {
	CLOSE_GAP_SQL("lessons", "module_id", "$1"), 1, {UUIDOID}
};

static const LibraryQuery close_gap_of_module = {
	CLOSE_GAP_SQL("modules", "course_id", "$1"), 1, {UUIDOID}
};

/* The rows as the functions return them. */
static const LibraryQuery lesson_row = {
	"SELECT l FROM %1$s.lessons AS l WHERE l.id = $1",
	1, {UUIDOID}
};

static const LibraryQuery module_row = {
	"SELECT m FROM %1$s.modules AS m WHERE m.id = $1",
	1, {UUIDOID}
};

#define OF_MODULE "the course of module"

static void
no_lesson(const Call *call, Datum lesson_id)
{
	if (!call->is_operator)
		refuse_staff(call, STAFF_EDITOR, OF_LESSON, lesson_id);
	missing_lesson("", lesson_id);
}

static void
no_module(const Call *call, Datum module_id)
{
	if (!call->is_operator)
		refuse_staff(call, STAFF_EDITOR, OF_MODULE, module_id);
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("module \"%s\" does not exist", uuid_text(module_id))));
}

/*
 * After the lock on the courses, all queries see the latest, also in REPEATABLE READ.  Another move
 * may have held this lock and ended.  The server sees no conflict in that, but its places count.
 */
typedef enum Moment
{
	BEFORE_LOCK,
	AFTER_LOCK
} Moment;

/* The parent of a row: the module of a lesson, the course of a module. */
static Datum
parent_of(const LibraryQuery *query, const Call *call, Datum id, Moment moment,
		  void (*missing) (const Call *call, Datum id))
{
	uint64		rows = moment == AFTER_LOCK ? query_execute_latest(&call->library, query, &id)
		: query_execute(&call->library, query, &id, NULL, false);

	if (rows == 0)
		missing(call, id);
	return result_value(0, 1, UUIDOID);
}

/*
 * Refuses to move a row before itself, or before a row of another parent.  To an editor, a
 * row of another course is like none.
 */
static void
check_before(FunctionCallInfo fcinfo, int number, const LibraryQuery *parent_query,
			 const Call *call, Datum parent, void (*missing) (const Call *call, Datum id))
{
	Datum		before;
	bool		found;

	if (PG_ARGISNULL(number))
		return;

	before = PG_GETARG_DATUM(number);
	if (same_uuid(before, PG_GETARG_DATUM(0)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be moved before itself", uuid_text(before))));
	found = query_execute_latest(&call->library, parent_query, &before) > 0;
	if (!found && call->is_operator)
		missing(call, before);
	if (!found || !same_uuid(result_value(0, 1, UUIDOID), parent))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("before \"%s\" is not a place in \"%s\"",
						uuid_text(before), uuid_text(parent)),
				 errhint("Name a row that is there, or leave before out to move to the end.")));
}

/*
 * Moves the row of argument 0 under a parent, before the row of another argument.  If there is none,
 * its own id is given, which no other row has: so it comes last.
 */
static void
place(FunctionCallInfo fcinfo, int before, const LibraryQuery *query,
	  const Call *call, Datum parent)
{
	Datum		moved = PG_GETARG_DATUM(0);
	Datum		values[] = {moved, parent, PG_ARGISNULL(before) ? moved : PG_GETARG_DATUM(before)};

	query_write_latest(&call->library, query, values);
}

/* The moved row as it now stands.  It outlives SPI.  Somebody may have deleted it just now. */
static Datum
row_of(const LibraryQuery *query, const Call *call, Datum id,
	   void (*missing) (const Call *call, Datum id))
{
	if (query_execute_latest(&call->library, query, &id) == 0)
		missing(call, id);
	return SPI_datumTransfer(result_value(0, 1, call_row_type(call)), false, -1);
}

/* The course of a lesson, by way of its module. */
static Datum
course_of_lesson(const Call *call, Datum lesson_id, Moment moment)
{
	Datum		module_id = parent_of(&lesson_module, call, lesson_id, moment, no_lesson);

	return parent_of(&module_course, call, module_id, moment, no_module);
}

/*
 * Locks the courses that a row leaves and enters, so that all moves within a course wait for
 * each other.
 */
static void
lock_both_courses(Call *call, Datum left, Datum entered)
{
	Datum		values[] = {left, entered};

	require_course(call, left);
	require_course(call, entered);
	query_execute_latest(&call->library, &lock_courses, values);
}

/*
 * Refuses to go on with a row that was moved to another course before the lock on its course
 * was taken: that course is not locked, and may not be the caller's to change.
 */
static void
check_still_there(Datum course_id, Datum locked, const char *kind, Datum id)
{
	if (!same_uuid(course_id, locked))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("%s \"%s\" has just been moved to another course", kind, uuid_text(id)),
				 errhint("Try again.")));
}

/*
 * Locks the courses that a lesson leaves and enters, after asking for the right to change
 * both; returns the module it leaves.
 */
static Datum
lock_lesson_courses(Call *call, Datum lesson_id, Datum module_id)
{
	Datum		left = course_of_lesson(call, lesson_id, BEFORE_LOCK);
	Datum		entered;

	require_staff_of(call, left, STAFF_EDITOR, OF_LESSON, lesson_id);
	entered = parent_of(&module_course, call, module_id, BEFORE_LOCK, no_module);
	require_staff_of(call, entered, STAFF_EDITOR, OF_MODULE, module_id);
	lock_both_courses(call, left, entered);
	check_still_there(course_of_lesson(call, lesson_id, AFTER_LOCK), left, "lesson", lesson_id);
	check_still_there(parent_of(&module_course, call, module_id, AFTER_LOCK, no_module), entered,
					  "module", module_id);
	return parent_of(&lesson_module, call, lesson_id, AFTER_LOCK, no_lesson);
}

PG_FUNCTION_INFO_V1(move_lesson);

/* Numbers are given in the module that the lesson enters, and in the one that it leaves. */
Datum
move_lesson(PG_FUNCTION_ARGS)
{
	Datum		lesson_id = required_arg(fcinfo, 0, "lesson_id");
	Datum		module_id = required_arg(fcinfo, 1, "module_id");
	Call		call;
	Datum		left;
	Datum		row;

	PreventCommandIfReadOnly("move_lesson()");

	call_begin_as_staff(&call, fcinfo);
	left = lock_lesson_courses(&call, lesson_id, module_id);
	check_before(fcinfo, 2, &lesson_module, &call, module_id, no_lesson);
	place(fcinfo, 2, &place_lesson, &call, module_id);
	if (!same_uuid(left, module_id))
		query_write_latest(&call.library, &close_gap_of_lesson, &left);
	row = row_of(&lesson_row, &call, lesson_id, no_lesson);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

PG_FUNCTION_INFO_V1(move_module);

/* Numbers are given in the course that the module enters, and in the one that it leaves. */
Datum
move_module(PG_FUNCTION_ARGS)
{
	Datum		module_id = required_arg(fcinfo, 0, "module_id");
	Call		call;
	Datum		left;
	Datum		entered;
	Datum		row;

	PreventCommandIfReadOnly("move_module()");

	call_begin_as_staff(&call, fcinfo);
	left = parent_of(&module_course, &call, module_id, BEFORE_LOCK, no_module);
	require_staff_of(&call, left, STAFF_EDITOR, OF_MODULE, module_id);
	entered = PG_ARGISNULL(2) ? left : PG_GETARG_DATUM(2);
	require_staff_of(&call, entered, STAFF_EDITOR, "course", entered);
	lock_both_courses(&call, left, entered);
	check_still_there(parent_of(&module_course, &call, module_id, AFTER_LOCK, no_module), left,
					  "module", module_id);
	if (query_execute_latest(&call.library, &course_exists, &entered) == 0)
		missing_course(entered);
	check_before(fcinfo, 1, &module_course, &call, entered, no_module);
	place(fcinfo, 1, &place_module, &call, entered);
	if (!same_uuid(left, entered))
		query_write_latest(&call.library, &close_gap_of_module, &left);
	row = row_of(&module_row, &call, module_id, no_module);
	call_end(&call);

	PG_RETURN_DATUM(row);
}
