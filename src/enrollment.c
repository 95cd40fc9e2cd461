/* enrollment.c: enroll() and reset_progress(), the beginning of a course and its undoing. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "caller.h"
#include "claim.h"
#include "course.h"
#include "library.h"
#include "plans.h"

static const LibraryQuery find_enrollment = {
	"SELECT e"
	"  FROM %1$s.enrollments AS e"
	" WHERE e.user_id OPERATOR(pg_catalog.=) $2"
	"   AND e.course_id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

/* free < pro < studio; what is missing or unknown counts as free. */
#define TIER_SQL(tier) \
	"COALESCE(pg_catalog.array_position('{free,pro,studio}'::pg_catalog.text[], " tier "), 1)"

/*
 * The server sets app_metadata; user_metadata, which users set themselves,
 * must not open a course.
 */
static const LibraryQuery find_open_course = {
	"SELECT c.tier_required, j.tier,"
	"       " TIER_SQL("j.tier") " OPERATOR(pg_catalog.>=) " TIER_SQL("c.tier_required")
	"  FROM %1$s.courses AS c"
	" CROSS JOIN (SELECT NULLIF(pg_catalog.current_setting('request.jwt.claims', true), '')"
	"                    ::pg_catalog.jsonb"
	"                    OPERATOR(pg_catalog.#>>) '{app_metadata,tier}' AS tier) AS j"
	" WHERE c.id OPERATOR(pg_catalog.=) $1 AND c.is_published",
	1, {UUIDOID}
};

static const LibraryQuery insert_enrollment = {
	"INSERT INTO %1$s.enrollments AS e (course_id, user_id)"
	" VALUES ($1, $2)"
	" ON CONFLICT (user_id, course_id) DO NOTHING"
	" RETURNING e",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery count_progress = {
	"SELECT FROM %1$s.modules AS m"
	"  JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id"
	"  JOIN %1$s.content_progress AS p"
	"    ON p.user_id OPERATOR(pg_catalog.=) $2"
	"   AND p.lesson_id OPERATOR(pg_catalog.=) l.id"
	" WHERE m.course_id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

/* Locked in the order that batches and recomputations lock in. */
static const LibraryQuery delete_progress = {
	"WITH watched AS ("
	"  SELECT p.id"
	"    FROM %1$s.modules AS m"
	"    JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id"
	"    JOIN %1$s.content_progress AS p"
	"      ON p.user_id OPERATOR(pg_catalog.=) $2"
	"     AND p.lesson_id OPERATOR(pg_catalog.=) l.id"
	"   WHERE m.course_id OPERATOR(pg_catalog.=) $1"
	"   ORDER BY p.lesson_id"
	"     FOR UPDATE OF p)"
	" DELETE FROM %1$s.content_progress AS p"
	"  USING watched AS w"
	"  WHERE p.id OPERATOR(pg_catalog.=) w.id",
	2, {UUIDOID, UUIDOID}
};

/* Refuses a course that is not published, or not open to the caller's tier. */
static void
require_open_course(const Call *call, Datum course_id)
{
	HeapTuple	row;
	TupleDesc	desc;
	bool		isnull;
	char	   *tier;

	if (query_execute(&find_open_course, call->schema, &course_id, NULL, false) == 0)
		missing_course(course_id);

	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	if (call->for_other || DatumGetBool(SPI_getbinval(row, desc, 3, &isnull)))
		return;

	tier = SPI_getvalue(row, desc, 2);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("course \"%s\" is not open to the tier \"%s\"",
					uuid_text(course_id), tier ? tier : "free"),
			 errdetail("It requires the tier \"%s\".", SPI_getvalue(row, desc, 1)),
			 errhint("The tier is app_metadata.tier of the JWT, which the server sets.")));
}

/* Makes the enrollment; the foreign key knows whether the user exists. */
static bool
try_enroll(const Call *call, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;
	bool		enrolled = false;

	PG_TRY();
	{
		enrolled = query_execute(&insert_enrollment, call->schema, values, NULL, false) > 0;
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, call->user_id, (Datum) 0);
	}
	PG_END_TRY();

	return enrolled;
}

/* The enrollment of call->user_id in a course, made if there is none. */
static Datum
enrollment(const Call *call, Datum course_id)
{
	Datum		values[] = {course_id, call->user_id};

	if (query_execute(&find_enrollment, call->schema, values, NULL, false) > 0)
		return query_value();

	require_open_course(call, course_id);
	if (try_enroll(call, values))
		return query_value();

	/* Another session has just made it. */
	if (query_execute(&find_enrollment, call->schema, values, NULL, false) > 0)
		return query_value();

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the enrollment of user \"%s\" in course \"%s\" can be neither read nor made",
					uuid_text(call->user_id), uuid_text(course_id)),
			 errhint("Look for a policy or trigger of your own on enrollments that hides the row.")));
}

PG_FUNCTION_INFO_V1(enroll);

Datum
enroll(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Call		call;
	Datum		row;

	PreventCommandIfReadOnly("enroll()");

	call_begin(&call, fcinfo, 1);
	row = SPI_datumTransfer(enrollment(&call, course_id), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

static void
require_enrollment(const Call *call, Datum *values)
{
	if (query_execute(&find_enrollment, call->schema, values, NULL, false) > 0)
		return;
	require_course(call->schema, values[0]);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("user \"%s\" is not enrolled in course \"%s\"",
					uuid_text(call->user_id), uuid_text(values[0]))));
}

PG_FUNCTION_INFO_V1(reset_progress);

Datum
reset_progress(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	bool		dry_run = DatumGetBool(required_arg(fcinfo, 2, "dry_run"));
	Datum		values[2];
	Call		call;
	uint64		rows;

	PreventCommandIfReadOnly("reset_progress()");

	call_begin(&call, fcinfo, 1);
	values[0] = course_id;
	values[1] = call.user_id;
	require_enrollment(&call, values);
	if (!dry_run)
		reopen_begin(&call, course_id);
	rows = query_execute(dry_run ? &count_progress : &delete_progress,
						 call.schema, values, NULL, false);
	if (!dry_run)
		reopen_completion(&call, course_id);
	call_end(&call);

	PG_RETURN_INT32((int32) rows);
}
