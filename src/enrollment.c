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

/*
 * What enrolling asks of a published course: whether it is open, whether the caller's tier
 * suffices, and which courses the learner must complete first.
 */
static const LibraryQuery find_open_course = {
	"SELECT c.is_open, " TIER_SUFFICES_SQL ", c.tier_required, " CALLER_TIER_SQL ","
	"       " MISSING_PREREQUISITES_SQL("$2")
	"  FROM %1$s.courses AS c"
	" WHERE c.id = $1 AND c.is_published",
	2, {UUIDOID, UUIDOID}
};

/* DO NOTHING: another session may be enrolling the same learner. */
static const LibraryQuery insert_enrollment = {
	"INSERT INTO %1$s.enrollments AS e (course_id, user_id, expires_at)"
	" SELECT c.id, $2, " EXPIRES_AT_SQL
	"   FROM %1$s.courses AS c"
	"  WHERE c.id = $1"
	" ON CONFLICT (user_id, course_id) DO NOTHING",
	2, {UUIDOID, UUIDOID}
};

/* Grants access whatever the learner's tier, and renews it if it has ended. */
static const LibraryQuery grant_enrollment = {
	"INSERT INTO %1$s.enrollments AS e (course_id, user_id, expires_at, granted)"
	" SELECT c.id, $2, " EXPIRES_AT_SQL ", true"
	"   FROM %1$s.courses AS c"
	"  WHERE c.id = $1"
	" ON CONFLICT (user_id, course_id) DO UPDATE"
	"   SET granted = true,"
	"       expires_at = CASE WHEN e.expires_at <= now() THEN EXCLUDED.expires_at ELSE e.expires_at END"
	" WHERE NOT e.granted OR e.expires_at <= now()",
	2, {UUIDOID, UUIDOID}
};

/* The whole row that delete_enrollment may delete.  $3 is whether the service asks: see unenroll(). */
static const LibraryQuery lock_enrollment = {
	"SELECT e"
	"  FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $2"
	"   AND e.course_id = $1"
	"   AND ($3 OR e.expires_at IS NULL)"
	"   FOR UPDATE",
	3, {UUIDOID, UUIDOID, BOOLOID}
};

static const LibraryQuery delete_enrollment = {
	"DELETE FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $2"
	"   AND e.course_id = $1",
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
	"  WHERE p.user_id = $2 AND p.id = w.id",
	2, {UUIDOID, UUIDOID}
};

/* Refuses a learner whose tier is too low for the course. */
static void
require_tier(Datum course_id)
{
	bool		isnull;
	Datum		tier = result_nullable(0, 4, TEXTOID, &isnull);
	const char *tier_name = "free";

	if (result_bool(0, 2))
		return;
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
					   TextDatumGetCString(result_value(0, 3, TEXTOID))),
			 errhint("The tier is app_metadata.tier of the JWT, which the server sets.")));
}

/* Refuses a course that the learner may not enroll in. */
static void
require_open_course(Call *call, Datum *values)
{
	bool		none_missing;
	Datum		missing;

	require_course(call, values[0]);
	if (query_execute(&call->library, &find_open_course, values, NULL, false) == 0)
		missing_course(values[0]);
	if (!result_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("course \"%s\" is closed to new learners", uuid_text(values[0]))));
	require_tier(values[0]);
	missing = result_nullable(0, 5, TEXTOID, &none_missing);
	if (!none_missing)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("course \"%s\" requires other courses to be completed first", uuid_text(values[0])),
				 errdetail("These are not completed: %s.", TextDatumGetCString(missing))));
}

/* Runs a query that makes or changes the enrollment. */
static void
write_enrollment(const Call *call, const LibraryQuery *query, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;

	/* Only the foreign keys know whether the user exists, and the course still does. */
	PG_TRY();
	{
		query_execute(&call->library, query, values, NULL, false);
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, "", call->user_id, values[0]);
	}
	PG_END_TRY();
}

/*
 * The enrollment of call->user_id in a course, made if there is none.  The service may enroll
 * whom it likes; that counts as granted.
 */
static Datum
enrollment(Call *call, Datum course_id)
{
	Datum		values[] = {course_id, call->user_id};

	if (call->named)
		require_course(call, course_id);
	/* A learner who is enrolled stays so, even if the course has closed since. */
	else if (query_execute(&call->library, &find_enrollment, values, NULL, false) > 0)
		return result_value(0, 1, call_row_type(call));
	else
		require_open_course(call, values);

	/* Once more where another session has deleted the enrollment that stood in the way of ours. */
	for (int tries = 0; tries < 3; tries++)
	{
		write_enrollment(call, call->named ? &grant_enrollment : &insert_enrollment, values);
		/* Read again, because a trigger may have completed it. */
		if (query_execute(&call->library, &find_enrollment, values, NULL, false) > 0)
			return result_value(0, 1, call_row_type(call));
	}

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
	/* Before all other locks: see claim_begin(). */
	call_lock_user(&call);
	row = SPI_datumTransfer(enrollment(&call, course_id), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

/* Refuses an enrollment that is there still.  An unknown course has an error of its own. */
static void
refuse_to_unenroll(Call *call, Datum *values)
{
	if (query_execute(&call->library, &find_enrollment, values, NULL, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("user \"%s\" cannot leave course \"%s\", whose access ends by itself",
						uuid_text(call->user_id), uuid_text(values[0])),
				 errdetail("Enrolling again would begin a new access period."),
				 errhint("Call as service_role.")));
	require_course(call, values[0]);
}

PG_FUNCTION_INFO_V1(unenroll);

/*
 * Progress stays, so a learner who comes back finds everything as it was.  But the end of
 * access would be forgotten: only the service deletes an enrollment that has one.
 */
Datum
unenroll(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Datum		values[3];
	Datum		row = (Datum) 0;
	Call		call;

	PreventCommandIfReadOnly("unenroll()");

	call_begin_as_user(&call, fcinfo, 1);
	values[0] = course_id;
	values[1] = call.user_id;
	values[2] = BoolGetDatum(call.named);
	call_lock_user(&call);
	if (query_execute(&call.library, &lock_enrollment, values, NULL, false) > 0)
		row = SPI_datumTransfer(result_value(0, 1, call_row_type(&call)), false, -1);
	if (row != (Datum) 0 &&
		query_execute(&call.library, &delete_enrollment, values, NULL, false) == 0)
		row = (Datum) 0;
	if (row == (Datum) 0)
		refuse_to_unenroll(&call, values);
	fcinfo->isnull = row == (Datum) 0;
	call_end(&call);
	return row;
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
