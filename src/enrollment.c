/* enrollment.c: enroll() begins a course for a learner, reset_progress() begins it again. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "completion.h"
#include "course.h"
#include "result.h"

/* The enrollment as a whole row, as enroll() returns it. */
static const LibraryQuery find_enrollment = {
	"SELECT e"
	"  FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $2"
	"   AND e.course_id = $1",
	2, {UUIDOID, UUIDOID}
};

/* The rank of a tier: free < pro < studio.  A missing or unknown tier counts as free. */
#define TIER_SQL(tier) \
	"COALESCE(array_position('{free,pro,studio}'::text[], " tier "), 1)"

/*
 * A published course, and whether it is open to the caller's tier.  The tier comes from
 * app_metadata, which only the server sets.  Users set user_metadata themselves, so it must
 * not open a course.
 */
static const LibraryQuery find_open_course = {
	"SELECT c.tier_required, j.tier,"
	"       " TIER_SQL("j.tier") " >= " TIER_SQL("c.tier_required")
	"  FROM %1$s.courses AS c"
	" CROSS JOIN (SELECT NULLIF(current_setting('request.jwt.claims', true), '')"
	"                    ::jsonb"
	"                    #>> '{app_metadata,tier}' AS tier) AS j"
	" WHERE c.id = $1 AND c.is_published",
	1, {UUIDOID}
};

/* DO NOTHING: another session may be enrolling the same learner. */
static const LibraryQuery insert_enrollment = {
	"INSERT INTO %1$s.enrollments AS e (course_id, user_id)"
	" VALUES ($1, $2)"
	" ON CONFLICT (user_id, course_id) DO NOTHING"
	" RETURNING e",
	2, {UUIDOID, UUIDOID}
};

/* The rows that delete_progress would delete, for dry_run. */
static const LibraryQuery count_progress = {
	"SELECT FROM %1$s.modules AS m"
	"  JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"  JOIN %1$s.content_progress AS p"
	"    ON p.user_id = $2"
	"   AND p.lesson_id = l.id"
	" WHERE m.course_id = $1",
	2, {UUIDOID, UUIDOID}
};

/* watched locks the rows first, in the order in which batches and recomputations lock them. */
static const LibraryQuery delete_progress = {
	"WITH watched AS ("
	"  SELECT p.id"
	"    FROM %1$s.modules AS m"
	"    JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"    JOIN %1$s.content_progress AS p"
	"      ON p.user_id = $2"
	"     AND p.lesson_id = l.id"
	"   WHERE m.course_id = $1"
	"   ORDER BY p.lesson_id"
	"     FOR UPDATE OF p)"
	" DELETE FROM %1$s.content_progress AS p"
	"  USING watched AS w"
	"  WHERE p.id = w.id",
	2, {UUIDOID, UUIDOID}
};

/* Refuses a course that is not published, or not open to the caller's tier. */
static void
require_open_course(Call *call, Datum course_id)
{
	bool		isnull;
	Datum		tier;
	const char *tier_name = "free";

	require_course(call, course_id);
	if (query_execute(&call->library, &find_open_course, &course_id, NULL, false) == 0)
		missing_course(course_id);
	/* A caller who acts for others may enroll them in any tier. */
	if (call->named || result_bool(0, 3))
		return;

	tier = result_nullable(0, 2, TEXTOID, &isnull);
	if (!isnull)
	{
		tier_name = TextDatumGetCString(tier);
		tier_name = quotable(tier_name, strlen(tier_name));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("course \"%s\" is not open to the tier \"%s\"",
					uuid_text(course_id), tier_name),
			 errdetail("It requires the tier \"%s\".",
					   TextDatumGetCString(result_value(0, 1, TEXTOID))),
			 errhint("The tier is app_metadata.tier of the JWT, which the server sets.")));
}

/*
 * Makes the enrollment; false if there is one by now.  Only the foreign key knows whether
 * the user exists, so its error is put into our words.
 */
static bool
try_enroll(const Call *call, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;
	bool		enrolled = false;

	PG_TRY();
	{
		enrolled = query_execute(&call->library, &insert_enrollment, values, NULL, false) > 0;
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
enrollment(Call *call, Datum course_id)
{
	Datum		values[] = {course_id, call->user_id};

	/* A learner who is enrolled stays so, even if the course has closed since. */
	if (query_execute(&call->library, &find_enrollment, values, NULL, false) > 0)
		return result_value(0, 1, call_row_type(call));

	require_open_course(call, course_id);
	if (try_enroll(call, values))
		return result_value(0, 1, call_row_type(call));

	/* Another session has just made it. */
	if (query_execute(&call->library, &find_enrollment, values, NULL, false) > 0)
		return result_value(0, 1, call_row_type(call));

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the enrollment of user \"%s\" in course \"%s\" can be neither read nor made",
					uuid_text(call->user_id), uuid_text(course_id)),
			 errhint("Look for a trigger of your own on enrollments that takes the row back.")));
}

PG_FUNCTION_INFO_V1(enroll);

Datum
enroll(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Call		call;
	Datum		row;

	PreventCommandIfReadOnly("enroll()");

	call_begin_as_user(&call, fcinfo, 1);
	row = SPI_datumTransfer(enrollment(&call, course_id), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

/* Refuses a learner who is not enrolled.  An unknown course has an error of its own. */
static void
require_enrollment(Call *call, Datum *values)
{
	if (query_execute(&call->library, &find_enrollment, values, NULL, false) > 0)
		return;
	require_course(call, values[0]);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("user \"%s\" is not enrolled in course \"%s\"",
					uuid_text(call->user_id), uuid_text(values[0]))));
}

PG_FUNCTION_INFO_V1(reset_progress);

/* The locks are taken in the order of claim_begin(), so it cannot deadlock with reports. */
Datum
reset_progress(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	bool		dry_run = DatumGetBool(required_arg(fcinfo, 2, "dry_run"));
	Datum		values[2];
	Call		call;
	uint64		rows;

	PreventCommandIfReadOnly("reset_progress()");

	call_begin_as_user(&call, fcinfo, 1);
	values[0] = course_id;
	values[1] = call.user_id;
	require_enrollment(&call, values);
	/* These locks come before those on progress: see claim_begin(). */
	if (!dry_run)
		reopen_begin(&call, course_id);
	rows = query_execute(&call.library, dry_run ? &count_progress : &delete_progress, values, NULL, false);
	if (!dry_run)
		reopen_completion(&call, course_id);
	call_end(&call);

	PG_RETURN_INT32((int32) rows);
}
