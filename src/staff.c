/* staff.c: who is staff of a course (R7), as our functions and the policies ask it. */
#include "postgres.h"

#include "access/table.h"
#include "utils/builtins.h"

#include "auth.h"
#include "course.h"
#include "direct_scan.h"
#include "result.h"
#include "staff.h"

static const LibraryQuery role_in_course = {
	"SELECT s.role = 'editor' FROM %1$s.course_staff AS s WHERE s.user_id = $1 AND s.course_id = $2",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery role_by_lesson = {
	"SELECT s.role = 'editor'"
	"  FROM %1$s.lessons AS l"
	"  JOIN %1$s.modules AS m ON m.id = l.module_id"
	"  JOIN %1$s.course_staff AS s ON s.user_id = $1 AND s.course_id = m.course_id"
	" WHERE l.id = $2",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery own_courses = {
	"SELECT s.course_id, s.role = 'editor' FROM %1$s.course_staff AS s WHERE s.user_id = $1",
	1, {UUIDOID}
};

/*
 * Whether the user who has signed in has a role, as a query finds it.  Nobody else is staff,
 * so that no function needs another question.  The result of the last query stays.
 */
static bool
has_role(const Call *call, const LibraryQuery *query, Datum id, StaffRole role)
{
	SPITupleTable *last_table = SPI_tuptable;
	uint64		last_processed = SPI_processed;
	Datum		values[] = {call->signed_in, id};
	bool		found = false;

	if (call->signed_in != 0 &&
		query_execute(&call->library, query, values, NULL, true) > 0)
		found = role == STAFF_VIEWER || result_bool(0, 1);
	SPI_tuptable = last_table;
	SPI_processed = last_processed;
	return found;
}

bool
is_staff(const Call *call, Datum course_id, StaffRole role)
{
	return has_role(call, &role_in_course, course_id, role);
}

bool
is_staff_of_lesson(const Call *call, Datum lesson_id, StaffRole role)
{
	return has_role(call, &role_by_lesson, lesson_id, role);
}

/*
 * Refuses a user who is not staff.  It says the same of what does not exist: else anybody
 * could find out which courses are being made.
 */
void
refuse_staff(const Call *call, StaffRole role, const char *what, Datum id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("user \"%s\" is not %s of %s \"%s\"", uuid_text(call->signed_in),
					role == STAFF_EDITOR ? "an editor" : "staff", what, uuid_text(id)),
			 errdetail("The answer is the same if there is none."),
			 role == STAFF_EDITOR
			 ? errhint("As service_role, add the user to course_staff with the role \"editor\".")
			 : errhint("As service_role, add the user to course_staff.")));
}

/* what and id say in an error what the course was found by. */
void
require_staff_of(const Call *call, Datum course_id, StaffRole role, const char *what, Datum id)
{
	if (!call->is_operator && !is_staff(call, course_id, role))
		refuse_staff(call, role, what, id);
}

/* For a function that names a course: its staff and operators go on, if they see it. */
void
require_staff(Call *call, Datum course_id, StaffRole role)
{
	require_staff_of(call, course_id, role, "course", course_id);
	require_course(call, course_id);
}

/* A course of the caller's own. */
typedef struct OwnCourse
{
	pg_uuid_t	id;				/* first, because they are sorted by it */
	bool		is_editor;
} OwnCourse;

/* What the caller is staff of. */
typedef struct OwnCourses
{
	int			count;
	int			room;
	OwnCourse  *courses;
} OwnCourses;

static void
add(OwnCourses *own, Datum id, bool is_editor)
{
	if (own->count == own->room)
	{
		own->room *= 2;
		own->courses = repalloc(own->courses, own->room * sizeof(OwnCourse));
	}
	own->courses[own->count].id = *DatumGetUUIDP(id);
	own->courses[own->count++].is_editor = is_editor;
}

/* Adds the row that was found. */
static void
add_row(OwnCourses *own, const DirectScan *scan)
{
	bool		no_course;
	bool		no_role;
	Datum		course_id = direct_scan_value(scan, STAFF_COURSE_ID, &no_course);
	Datum		role = direct_scan_value(scan, STAFF_ROLE, &no_role);

	if (!no_course)
		add(own, course_id, !no_role && strcmp(TextDatumGetCString(role), "editor") == 0);
}

/* Reads the rows of a user without a query; false where SQL must do. */
static bool
read_directly(OwnCourses *own, const Call *call)
{
	DirectTable *table = direct_tables[STAFF];
	Relation	relation = direct_table_open(table, &call->library, AccessShareLock);
	ScanKeyData key = direct_key(1, call->signed_in);
	DirectScan	scan;

	if (relation == NULL)
		return false;
	direct_scan_open(&scan, table, relation, table->index, 1);
	index_rescan(scan.desc, &key, 1, NULL, 0);
	while (direct_scan_next(&scan))
		add_row(own, &scan);
	direct_scan_close(&scan);
	table_close(relation, NoLock);
	return true;
}

static void
read_by_query(OwnCourses *own, Call *call)
{
	uint64		rows;

	become_owner(&call->boundary, &call->library);
	rows = query_execute(&call->library, &own_courses, &call->signed_in, NULL, true);
	for (uint64 i = 0; i < rows; i++)
		add(own, result_value(i, 1, UUIDOID), result_bool(i, 2));
	become_caller(&call->boundary);
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

/* Until auth is there, nobody is signed in: the policies must hide rows, and not fail. */
static OwnCourses *
read_own_courses(FunctionCallInfo fcinfo, MemoryContext context)
{
	OwnCourses *own = MemoryContextAllocZero(context, sizeof(OwnCourses));
	Call		call;

	own->room = 8;
	own->courses = MemoryContextAlloc(context, own->room * sizeof(OwnCourse));
	if (!auth_has_uid() || !call_open_if_signed_in(&call, fcinfo))
		return own;
	if (!read_directly(own, &call))
		read_by_query(own, &call);
	SPI_finish();
	qsort(own->courses, own->count, sizeof(OwnCourse), compare_ids);
	return own;
}

static StaffRole
role_arg(FunctionCallInfo fcinfo, int number)
{
	text	   *role = PG_GETARG_TEXT_PP(number);

	if (text_is(role, "viewer"))
		return STAFF_VIEWER;
	if (text_is(role, "editor"))
		return STAFF_EDITOR;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("role \"%s\" is neither viewer nor editor",
					quotable(VARDATA_ANY(role), VARSIZE_ANY_EXHDR(role)))));
}

PG_FUNCTION_INFO_V1(content_library_is_staff);

/*
 * The policies ask it for each row that nothing else lets through.  So it reads the caller's
 * rows once for a query.  A sub-query would be started with every query, also where no row
 * needs it.
 */
Datum
content_library_is_staff(PG_FUNCTION_ARGS)
{
	OwnCourses *own = fcinfo->flinfo->fn_extra;
	OwnCourse  *found;
	StaffRole	role;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	role = role_arg(fcinfo, 1);
	if (own == NULL && ends_with_query(fcinfo))
		fcinfo->flinfo->fn_extra = own = read_own_courses(fcinfo, fcinfo->flinfo->fn_mcxt);
	else if (own == NULL)
		own = read_own_courses(fcinfo, CurrentMemoryContext);
	if (own->count == 0)
		PG_RETURN_BOOL(false);
	found = bsearch(PG_GETARG_UUID_P(0), own->courses, own->count, sizeof(OwnCourse), compare_ids);
	PG_RETURN_BOOL(found != NULL && (role == STAFF_VIEWER || found->is_editor));
}
