/* strict_reading.c: what a learner may read of the tables in strict mode, as the policies ask it. */
#include "postgres.h"

#include "access/table.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "auth.h"
#include "course.h"
#include "direct_scan.h"
#include "result.h"

/*
 * The policies ask for each row of a list.  So what is found out about a course is kept while
 * the query lasts.  A query that is about a few courses has each looked up by its key; after so
 * many of them all are read at once.
 */
#define MOST_BY_KEY 3

/* With the caller's search_path, so all is qualified. */
static const LibraryQuery all_seen_courses = {
	"SELECT c.id FROM %1$s.courses AS c", 0, {InvalidOid}, .as_caller = true
};

/* R8, without the locks: whether learner $1 may watch a course, and is staff of it. */
#define ACCESS_SQL(course) \
	"SELECT c.id, e.id IS NOT NULL AND (" NO_ACCESS_SQL("false") ") IS NULL, s.course_id IS NOT NULL" \
	"  FROM %1$s.courses AS c" \
	ENROLLMENT_SQL("$1") \
	"  LEFT JOIN %1$s.course_staff AS s ON s.user_id = $1 AND s.course_id = c.id" \
	" WHERE " course

static const LibraryQuery access_to_course = {
	ACCESS_SQL("c.id = $2"), 2, {UUIDOID, UUIDOID}
};

static const LibraryQuery access_to_courses = {
	ACCESS_SQL("(e.id IS NOT NULL OR s.course_id IS NOT NULL)"), 1, {UUIDOID}
};

static const LibraryQuery course_of_module = {
	"SELECT m.course_id FROM %1$s.modules AS m WHERE m.id = $1", 1, {UUIDOID}
};

/* A course, as the caller may read it. */
typedef struct ReadCourse
{
	pg_uuid_t	id;				/* the hash key, so it must be first */
	bool		seen;
	bool		watched;		/* the caller may watch its lessons */
	bool		staff;
} ReadCourse;

typedef struct ReadModule
{
	pg_uuid_t	id;				/* likewise */
	ReadCourse *course;			/* NULL if the caller sees none */
} ReadModule;

typedef struct Reading
{
	HTAB	   *courses;
	HTAB	   *modules;
	bool		all;			/* whether there is none but these */
} Reading;

static HTAB *
make_table(MemoryContext context, Size entry)
{
	HASHCTL		ctl = {.keysize = UUID_LEN, .entrysize = entry, .hcxt = context};

	return hash_create("content_library reading", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* What is kept for this call, if it may be: see ends_with_query(). */
static Reading *
begin_reading(FunctionCallInfo fcinfo)
{
	Reading    *reading = fcinfo->flinfo->fn_extra;
	MemoryContext context = CurrentMemoryContext;
	bool		keep = ends_with_query(fcinfo);

	if (reading != NULL)
		return reading;
	if (keep)
		context = fcinfo->flinfo->fn_mcxt;
	reading = MemoryContextAllocZero(context, sizeof(Reading));
	reading->courses = make_table(context, sizeof(ReadCourse));
	reading->modules = make_table(context, sizeof(ReadModule));
	if (keep)
		fcinfo->flinfo->fn_extra = reading;
	return reading;
}

static ReadCourse *
enter_course(Reading *reading, Datum id)
{
	bool		known;
	ReadCourse *course = hash_search(reading->courses, DatumGetUUIDP(id), HASH_ENTER, &known);

	if (!known)
		course->seen = course->watched = course->staff = false;
	return course;
}

/* Reads one course, or all that the caller sees if it is 0. */
static void
read_seen(Reading *reading, Call *call, Datum course_id)
{
	uint64		rows;

	if (course_id != 0)
	{
		enter_course(reading, course_id)->seen = sees_course(call, course_id);
		return;
	}
	rows = call_query_as_caller(call, &all_seen_courses, NULL);
	for (uint64 i = 0; i < rows; i++)
		enter_course(reading, result_value(i, 1, UUIDOID))->seen = true;
	reading->all = true;
}

/* The same for what the user may watch, and is staff of. */
static void
read_access(Reading *reading, Call *call, Datum course_id)
{
	Datum		values[] = {call->signed_in, course_id};
	uint64		rows;

	if (call->signed_in == 0)
		return;
	rows = query_execute(&call->library, course_id != 0 ? &access_to_course : &access_to_courses,
						 values, NULL, true);
	for (uint64 i = 0; i < rows; i++)
	{
		ReadCourse *course = enter_course(reading, result_value(i, 1, UUIDOID));

		course->watched = result_bool(i, 2);
		course->staff = result_bool(i, 3);
	}
}

/* Until auth is there, nobody is signed in: the policies must hide rows, and not fail. */
static void
begin_call(Call *call, FunctionCallInfo fcinfo)
{
	if (auth_has_uid() && call_open_if_signed_in(call, fcinfo))
		become_owner(&call->boundary, &call->library);
	else
		call_begin(call, fcinfo);
}

/* A course that was read before; NULL if it still has to be. */
static ReadCourse *
known_course(Reading *reading, Datum course_id)
{
	return reading->all ? enter_course(reading, course_id)
		: hash_search(reading->courses, DatumGetUUIDP(course_id), HASH_FIND, NULL);
}

/* What to read next: this course, or 0 for all. */
static Datum
next_to_read(const Reading *reading, Datum course_id)
{
	return hash_get_num_entries(reading->courses) < MOST_BY_KEY ? course_id : (Datum) 0;
}

PG_FUNCTION_INFO_V1(content_library_sees_course);

Datum
content_library_sees_course(PG_FUNCTION_ARGS)
{
	Reading    *reading;
	ReadCourse *course;
	Call		call;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	reading = begin_reading(fcinfo);
	course = known_course(reading, PG_GETARG_DATUM(0));
	if (course == NULL)
	{
		call_begin(&call, fcinfo);
		read_seen(reading, &call, next_to_read(reading, PG_GETARG_DATUM(0)));
		call_end(&call);
		course = known_course(reading, PG_GETARG_DATUM(0));
	}
	PG_RETURN_BOOL(course->seen);
}

/* The course of a module, without a query; false where SQL must do. */
static bool
find_directly(const Library *library, Datum module_id, pg_uuid_t *course_id, bool *found)
{
	DirectTable *table = direct_tables[MODULES];
	Relation	relation = direct_table_open(table, library, AccessShareLock);
	ScanKeyData key = direct_key(1, module_id);
	bool		isnull = true;
	DirectScan	scan;

	if (relation == NULL)
		return false;
	direct_scan_open(&scan, table, relation, table->index, 1);
	index_rescan(scan.desc, &key, 1, NULL, 0);
	if (direct_scan_next(&scan))
	{
		Datum		value = direct_scan_value(&scan, MODULE_COURSE_ID, &isnull);

		if (!isnull)
			*course_id = *DatumGetUUIDP(value);
	}
	*found = !isnull;
	direct_scan_close(&scan);
	table_close(relation, NoLock);
	return true;
}

/* Whether there is a module, and its course. */
static bool
find_course(FunctionCallInfo fcinfo, Datum module_id, pg_uuid_t *course_id)
{
	Call		call;
	bool		found;

	library_find(&call.library, fcinfo->flinfo->fn_oid);
	if (find_directly(&call.library, module_id, course_id, &found))
		return found;
	call_begin(&call, fcinfo);
	found = query_execute(&call.library, &course_of_module, &module_id, NULL, true) > 0;
	if (found)
		*course_id = *DatumGetUUIDP(result_value(0, 1, UUIDOID));
	call_end(&call);
	return found;
}

/* Finds the course of a module, and reads it unless it was read before. */
static ReadCourse *
read_module(Reading *reading, FunctionCallInfo fcinfo, Datum module_id)
{
	pg_uuid_t	id;
	ReadCourse *course;
	Datum		next;
	Call		call;

	if (!find_course(fcinfo, module_id, &id))
		return NULL;
	course = known_course(reading, UUIDPGetDatum(&id));
	if (course != NULL)
		return course;
	next = next_to_read(reading, UUIDPGetDatum(&id));
	begin_call(&call, fcinfo);
	read_seen(reading, &call, next);
	read_access(reading, &call, next);
	call_end(&call);
	return known_course(reading, UUIDPGetDatum(&id));
}

PG_FUNCTION_INFO_V1(content_library_reads_lesson);

Datum
content_library_reads_lesson(PG_FUNCTION_ARGS)
{
	Reading    *reading;
	ReadModule *module;
	bool		known;
	bool		published = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	bool		preview = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	reading = begin_reading(fcinfo);
	module = hash_search(reading->modules, PG_GETARG_UUID_P(0), HASH_FIND, &known);
	if (!known)
	{
		ReadCourse *course = read_module(reading, fcinfo, PG_GETARG_DATUM(0));

		module = hash_search(reading->modules, PG_GETARG_UUID_P(0), HASH_ENTER, &known);
		module->course = course;
	}
	PG_RETURN_BOOL(module->course != NULL && module->course->seen &&
				   (module->course->staff || (published && (preview || module->course->watched))));
}
