/* progress.c: record_progress(), what a player calls every few seconds. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "caller.h"
#include "claim.h"
#include "library.h"
#include "plans.h"
#include "threshold.h"

/* One report of a player. */
typedef struct Report
{
	Datum		user_id;
	Datum		lesson_id;
	int32		watched_pct;
	int32		position;
	bool		has_position;
	TimestampTz watched_at;
} Report;

/* A stored row, and what decides whether a report changes it. */
typedef struct Progress
{
	Datum		row;			/* the whole row, as content_progress */
	int32		watched_pct;
	TimestampTz last_watched;
	int32		position;
	bool		has_position;
	int32		threshold;		/* what is left to reach; 101: nothing */
	bool		completed;
	bool		just_completed; /* by this report */
	bool		required;		/* whether the lesson is */
} Progress;

static const LibraryQuery read_row = {
	"SELECT p, p.watched_pct, p.last_watched, p.position_seconds,"
	"       CASE WHEN p.completed THEN 101 ELSE " THRESHOLD_SQL("$3") " END,"
	"       p.completed, COALESCE(l.is_required, true)"
	"  FROM %1$s.content_progress AS p"
	"  LEFT JOIN %1$s.lessons AS l ON l.id OPERATOR(pg_catalog.=) $2"
	" WHERE p.user_id OPERATOR(pg_catalog.=) $1"
	"   AND p.lesson_id OPERATOR(pg_catalog.=) $2",
	3, {UUIDOID, UUIDOID, INT4OID}
};

/* Each column looks at the row as it stands once it is locked. */
static const LibraryQuery advance_row = {
	"UPDATE %1$s.content_progress AS p"
	"   SET watched_pct = GREATEST(p.watched_pct, $3),"
	"       completed = p.completed OR GREATEST(p.watched_pct, $3) OPERATOR(pg_catalog.>=) $6,"
	"       completed_at = CASE"
	"         WHEN p.completed THEN p.completed_at"
	"         WHEN GREATEST(p.watched_pct, $3) OPERATOR(pg_catalog.>=) $6"
	"         THEN COALESCE(p.completed_at, $4)"
	"         ELSE p.completed_at END,"
	"       last_watched = GREATEST(p.last_watched, $4),"
	"       position_seconds = CASE"
	"         WHEN $4 OPERATOR(pg_catalog.>=) p.last_watched THEN COALESCE($5, p.position_seconds)"
	"         ELSE p.position_seconds END"
	" WHERE p.user_id OPERATOR(pg_catalog.=) $1"
	"   AND p.lesson_id OPERATOR(pg_catalog.=) $2"
	" RETURNING p, p.completed",
	6, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID}
};

/* No row: the lesson does not exist, or is not published. */
static const LibraryQuery admit = {
	"SELECT " THRESHOLD_SQL("$3") ","
	"       l.is_preview OR EXISTS ("
	"         SELECT FROM %1$s.enrollments AS e"
	"          WHERE e.user_id OPERATOR(pg_catalog.=) $1"
	"            AND e.course_id OPERATOR(pg_catalog.=) c.id),"
	"       l.is_required"
	"  FROM %1$s.lessons AS l"
	"  JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id"
	"  JOIN %1$s.courses AS c ON c.id OPERATOR(pg_catalog.=) m.course_id"
	" WHERE l.id OPERATOR(pg_catalog.=) $2 AND c.is_published",
	3, {UUIDOID, UUIDOID, INT4OID}
};

static const LibraryQuery insert_row = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at)"
	" VALUES ($1, $2, $3, $4, $5,"
	"         $3 OPERATOR(pg_catalog.>=) $6,"
	"         CASE WHEN $3 OPERATOR(pg_catalog.>=) $6 THEN $4 END)"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING p, p.completed",
	6, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID}
};

static Datum
column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

static Datum
not_null_column(int number)
{
	bool		isnull;

	return column(number, &isnull);
}

static bool
read_progress(const Report *report, const char *schema, Progress *progress)
{
	Datum		values[] = {
		report->user_id, report->lesson_id,
		Int32GetDatum(library_completion_threshold)
	};
	bool		no_position;

	if (query_execute(&read_row, schema, values, NULL, false) == 0)
		return false;

	progress->row = not_null_column(1);
	progress->watched_pct = DatumGetInt32(not_null_column(2));
	progress->last_watched = DatumGetTimestampTz(not_null_column(3));
	progress->position = DatumGetInt32(column(4, &no_position));
	progress->has_position = !no_position;
	progress->threshold = DatumGetInt32(not_null_column(5));
	progress->completed = DatumGetBool(not_null_column(6));
	progress->just_completed = false;
	progress->required = DatumGetBool(not_null_column(7));
	return true;
}

/* Whether a report changes enough of a row to be worth writing (rule R9). */
static bool
is_news(const Report *report, const Progress *progress)
{
	int64		interval = library_heartbeat_interval;

	if (report->watched_pct > progress->watched_pct)
		return true;
	if (progress->watched_pct >= progress->threshold)
		return true;			/* the threshold has come down since */
	if (progress->last_watched < report->watched_at - interval * USECS_PER_SEC)
		return true;
	if (!report->has_position || report->watched_at < progress->last_watched)
		return false;
	return !progress->has_position ||
		llabs((int64) report->position - progress->position) > interval;
}

/* Runs insert_row or advance_row; false when there was no row to write. */
static bool
write_progress(const LibraryQuery *query, const Report *report,
			   const char *schema, Progress *progress)
{
	Datum		values[] = {
		report->user_id, report->lesson_id,
		Int32GetDatum(report->watched_pct),
		TimestampTzGetDatum(report->watched_at),
		Int32GetDatum(report->position),
		Int32GetDatum(progress->threshold)
	};
	char		nulls[] = {' ', ' ', ' ', ' ', report->has_position ? ' ' : 'n', ' '};

	if (query_execute(query, schema, values, nulls, false) == 0)
		return false;
	progress->row = not_null_column(1);
	progress->just_completed = DatumGetBool(not_null_column(2)) && !progress->completed;
	progress->completed = DatumGetBool(not_null_column(2));
	return true;
}

static bool
try_insert(const Report *report, const char *schema, Progress *progress)
{
	MemoryContext context = CurrentMemoryContext;
	bool		inserted = false;

	PG_TRY();
	{
		inserted = write_progress(&insert_row, report, schema, progress);
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, report->user_id, report->lesson_id);
	}
	PG_END_TRY();

	return inserted;
}

/*
 * Makes the row of a first report, for a learner who may watch (rule R8);
 * false when another session made it meanwhile.  The row comes before the
 * verdict, and an error takes it back: only the foreign key knows whether the
 * user exists, and a row that is there already needs no verdict.
 */
static bool
begin_progress(const Report *report, const char *schema, Progress *progress)
{
	Datum		values[] = {
		report->user_id, report->lesson_id,
		Int32GetDatum(library_completion_threshold)
	};
	bool		admitted;

	if (query_execute(&admit, schema, values, NULL, false) == 0)
		missing_lesson(report->lesson_id);
	progress->threshold = DatumGetInt32(not_null_column(1));
	progress->completed = false;
	progress->required = DatumGetBool(not_null_column(3));
	admitted = DatumGetBool(not_null_column(2));

	if (!try_insert(report, schema, progress))
		return false;
	if (!admitted)
		not_enrolled(report->user_id, report->lesson_id);
	return true;
}

/*
 * Reading comes first because most reports change nothing.  False when the row
 * came or went between reading and writing.
 */
static bool
try_record(const Report *report, const char *schema, Progress *progress)
{
	if (!read_progress(report, schema, progress))
		return begin_progress(report, schema, progress);
	if (!is_news(report, progress))
		return true;
	return write_progress(&advance_row, report, schema, progress);
}

/* Records a report; returns the row as it now stands. */
static Datum
record(const Report *report, const char *schema)
{
	Progress	progress = {0};
	int			attempts = 10;

	while (!try_record(report, schema, &progress))
	{
		CHECK_FOR_INTERRUPTS();
		if (--attempts == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the progress of user \"%s\" on lesson \"%s\" can be neither read nor written",
							uuid_text(report->user_id), uuid_text(report->lesson_id)),
					 errhint("Look for a policy or trigger of your own on content_progress that hides the row.")));
	}

	/* A course is not completed while this lesson keeps it from that. */
	if (progress.completed || !progress.required)
		claim_completion(schema, report->user_id, report->lesson_id,
						 report->watched_at, progress.just_completed);
	return progress.row;
}

static Report
report_from_args(FunctionCallInfo fcinfo)
{
	Report		report = {0};

	report.lesson_id = required_arg(fcinfo, 0, "lesson_id");
	report.watched_pct = DatumGetInt32(required_arg(fcinfo, 1, "watched_pct"));
	report.has_position = !PG_ARGISNULL(2);
	if (report.has_position)
		report.position = PG_GETARG_INT32(2);
	report.watched_at = GetCurrentTimestamp();

	check_watched_pct(report.watched_pct);
	check_position(report.position);
	return report;
}

PG_FUNCTION_INFO_V1(record_progress);

Datum
record_progress(PG_FUNCTION_ARGS)
{
	Report		report = report_from_args(fcinfo);
	Call		call;
	Datum		row;

	PreventCommandIfReadOnly("record_progress()");

	call_begin(&call, fcinfo, 3);
	report.user_id = call.user_id;
	row = SPI_datumTransfer(record(&report, call.schema), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}
