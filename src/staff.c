/* staff.c: who is staff of a course (R7), as our functions and the policies ask it. */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "auth.h"
#include "course.h"
#include "result.h"
#include "signed_in.h"
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

/* In the order that uuids have as bytes. */
static const LibraryQuery own_courses = {
	"SELECT s.course_id, s.role = 'editor' FROM %1$s.course_staff AS s"
	" WHERE s.user_id = $1 ORDER BY s.course_id",
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

/* What the caller is staff of, and what that answer depends on. */
typedef struct OwnCourses
{
	bool		by_settings;	/* auth.uid() reads nothing but these two settings */
	char	   *subject;
	char	   *claims;
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	CommandId	curcid;
	SubTransactionId subxact;	/* what was written in it may be rolled back */
	int			count;
	OwnCourse	courses[FLEXIBLE_ARRAY_MEMBER];
} OwnCourses;

/*
 * Whether what was read still holds.  In a query it does.  But PL/pgSQL keeps the state of an
 * expression for a whole transaction.  Two snapshots with the same limits and as many
 * transactions in progress are the same, because none can begin below xmax.
 */
static bool
holds(const OwnCourses *own)
{
	Snapshot	now = GetActiveSnapshot();

	return own->by_settings && own->curcid == now->curcid &&
		own->subxact == GetCurrentSubTransactionId() &&
		own->xmin == now->xmin && own->xmax == now->xmax &&
		own->xcnt == now->xcnt && own->subxcnt == now->subxcnt &&
		same_text(own->subject, GetConfigOption(SUBJECT_SETTING, true, false)) &&
		same_text(own->claims, GetConfigOption(CLAIMS_SETTING, true, false));
}

static char *
keep_setting(MemoryContext context, const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

/* Without their courses, for so many of them. */
static OwnCourses *
make_own_courses(MemoryContext context, bool by_settings, int count)
{
	Snapshot	now = GetActiveSnapshot();
	OwnCourses *own = MemoryContextAllocZero(context, offsetof(OwnCourses, courses) + count * sizeof(OwnCourse));

	own->by_settings = by_settings;
	own->subject = keep_setting(context, SUBJECT_SETTING);
	own->claims = keep_setting(context, CLAIMS_SETTING);
	own->xmin = now->xmin;
	own->xmax = now->xmax;
	own->xcnt = now->xcnt;
	own->subxcnt = now->subxcnt;
	own->curcid = now->curcid;
	own->subxact = GetCurrentSubTransactionId();
	own->count = count;
	return own;
}

static void
forget(OwnCourses *own)
{
	if (own->subject != NULL)
		pfree(own->subject);
	if (own->claims != NULL)
		pfree(own->claims);
	pfree(own);
}

/* Until auth is there, nobody is signed in: the policies must hide rows, and not fail. */
static OwnCourses *
read_own_courses(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	OwnCourses *own;
	bool		by_settings = false;
	Call		call;

	if (!auth_has_uid() || !call_begin_if_signed_in(&call, fcinfo, &by_settings))
		return make_own_courses(context, by_settings, 0);
	own = make_own_courses(context, by_settings,
						   (int) query_execute(&call.library, &own_courses, &call.signed_in, NULL, true));
	for (int i = 0; i < own->count; i++)
	{
		own->courses[i].id = *DatumGetUUIDP(result_value(i, 1, UUIDOID));
		own->courses[i].is_editor = result_bool(i, 2);
	}
	call_end(&call);
	return own;
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

static StaffRole
role_arg(FunctionCallInfo fcinfo, int number)
{
	text	   *role = PG_GETARG_TEXT_PP(number);
	const char *name = VARDATA_ANY(role);
	int			len = VARSIZE_ANY_EXHDR(role);

	if (len == 6 && memcmp(name, "viewer", 6) == 0)
		return STAFF_VIEWER;
	if (len == 6 && memcmp(name, "editor", 6) == 0)
		return STAFF_EDITOR;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("role \"%s\" is neither viewer nor editor", quotable(name, len))));
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
	if (own != NULL && !holds(own))
	{
		fcinfo->flinfo->fn_extra = NULL;
		forget(own);
		own = NULL;
	}
	if (own == NULL)
		fcinfo->flinfo->fn_extra = own = read_own_courses(fcinfo);
	found = bsearch(PG_GETARG_UUID_P(0), own->courses, own->count, sizeof(OwnCourse), compare_ids);
	PG_RETURN_BOOL(found != NULL && (role == STAFF_VIEWER || found->is_editor));
}
