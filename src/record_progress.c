/* record_progress.c: record_progress(), what a player calls every few seconds. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "completion.h"
#include "course.h"
#include "progress_rules.h"
#include "result.h"

/* Most reports find their row and change nothing, so they run little more than this. */
static const LibraryQuery read_row = {
	"SELECT" PROGRESS_COLUMNS_SQL("p", "$2", "$3")
	"  FROM %1$s.content_progress AS p"
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2",
	3, {UUIDOID, UUIDOID, INT4OID}
};

/* No row if it was deleted since it was read. */
static const LibraryQuery advance_row = {
	"UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("$3", "$4", "$5", "$6")
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2"
	" RETURNING p",
	6, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID}
};

/*
 * The threshold, and whether the learner may watch the lesson.  No row if the lesson does
 * not exist or is not published.
 */
static const LibraryQuery admit = {
	"SELECT " THRESHOLD_SQL("$3") ","
	MAY_WATCH_SQL ","
	"       l.is_required, c.id"
	"  FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	" WHERE l.id = $2 AND c.is_published",
	3, {UUIDOID, UUIDOID, INT4OID}
};

/* DO NOTHING: another session may insert the same row.  Then there is no row here. */
static const LibraryQuery insert_row = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at)"
	" VALUES ($1, $2, $3, $4, $5,"
	"         $3 >= $6,"
	"         CASE WHEN $3 >= $6 THEN $4 END)"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING p",
	6, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID}
};

/* Reads the row of a report; false if there is none. */
static bool
read_progress(const Call *call, const Report *report, Progress *progress)
{
	Datum		values[] = {
		call->user_id, report->lesson_id,
		Int32GetDatum(library_completion_threshold)
	};

	if (query_execute(&call->library, &read_row, values, NULL, false) == 0)
		return false;
	progress_from_row(progress, call, 0, 1);
	return true;
}

/* Runs insert_row or advance_row; false if it has written no row. */
static bool
write_progress(const Call *call, const LibraryQuery *query, const Report *report,
			   Progress *progress)
{
	Datum		values[] = {
		call->user_id, report->lesson_id,
		Int32GetDatum(report->watched_pct),
		TimestampTzGetDatum(report->watched_at),
		Int32GetDatum(report->position),
		Int32GetDatum(progress->threshold)
	};
	char		nulls[] = {' ', ' ', ' ', ' ', report->has_position ? ' ' : 'n', ' '};

	if (query_execute(&call->library, query, values, nulls, false) == 0)
		return false;
	progress->row = result_value(0, 1, call_row_type(call));
	return true;
}

/*
 * Inserts the row.  Only the foreign keys know whether user and lesson exist now, so their
 * errors are put into our words.
 */
static bool
try_insert(const Call *call, const Report *report, Progress *progress)
{
	MemoryContext context = CurrentMemoryContext;
	bool		inserted = false;

	PG_TRY();
	{
		inserted = write_progress(call, &insert_row, report, progress);
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, call->user_id, report->lesson_id);
	}
	PG_END_TRY();

	return inserted;
}

/* Updates the row; false if it was deleted since it was read. */
static bool
advance(const Call *call, const Report *report, Progress *progress)
{
	clear_future_timestamp(call, report, progress);
	return write_progress(call, &advance_row, report, progress);
}

/* Finds out what a new row must reach.  Returns whether the learner may watch (rule R8). */
static bool
load_new_lesson(Call *call, const Report *report, Progress *progress)
{
	Datum		values[] = {
		call->user_id, report->lesson_id,
		Int32GetDatum(library_completion_threshold)
	};
	Datum		course_id;
	bool		may_watch;

	if (query_execute(&call->library, &admit, values, NULL, false) == 0)
		missing_lesson(report->lesson_id);
	/* There is no row yet, so all else is zero. */
	memset(progress, 0, sizeof(*progress));
	progress->threshold = result_int32(0, 1);
	may_watch = result_bool(0, 2);
	progress->required = result_bool(0, 3);
	course_id = result_value(0, 4, UUIDOID);
	if (!sees_course(call, course_id))
		missing_lesson(report->lesson_id);
	return may_watch;
}

/*
 * Whether a report may complete the course.  This is asked before anything is written,
 * because the locks that completing needs must be taken before the row's: see
 * claim_begin().
 */
static bool
claims(const Call *call, const Report *report, const Progress *progress)
{
	Datum		lesson_id = report->lesson_id;

	/* Most reports end here: their own lesson is still incomplete. */
	if (keeps_course_incomplete(report, progress))
		return false;
	if (!completes_lesson(report, progress) && !completion_is_due(call, lesson_id))
		return false;
	claim_begin(call, &lesson_id, 1);
	return true;
}

/*
 * Records a report; false if the row came or went between reading and writing.
 *
 * It reads first, because most reports change nothing.  If there is no row, it inserts one,
 * and only then refuses a learner who is not enrolled; that error undoes the row.  In this
 * order an unknown user gets the better error, which only the foreign key can give.  If
 * there is a row, the learner was admitted before.
 */
static bool
try_record(Call *call, const Report *report, Progress *progress)
{
	bool		there = read_progress(call, report, progress);
	bool		admitted = there || load_new_lesson(call, report, progress);
	bool		claim = claims(call, report, progress);

	/* The row comes before the refusal: see above. */
	if (!there && !try_insert(call, report, progress))
		return false;
	if (!admitted)
		not_enrolled(call->user_id, report->lesson_id);
	if (there && needs_write(report, progress) && !advance(call, report, progress))
		return false;
	if (claim)
		claim_completion(call, report->lesson_id, report->watched_at);
	return true;
}

/*
 * Records a report; returns the row as it now stands.  It tries again while other sessions
 * insert or delete the row, but not forever.
 */
static Datum
record(Call *call, const Report *report)
{
	Progress	progress;
	int			attempts = 10;

	while (!try_record(call, report, &progress))
	{
		CHECK_FOR_INTERRUPTS();
		if (--attempts == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the progress of user \"%s\" on lesson \"%s\" can be neither read nor written",
							uuid_text(call->user_id), uuid_text(report->lesson_id)),
					 errhint("Look for a trigger of your own on content_progress that takes the row back.")));
	}
	return progress.row;
}

/* Reads and checks the arguments, before anything is asked of the database. */
static Report
report_from_args(FunctionCallInfo fcinfo)
{
	Report		report = {0};

	report.lesson_id = required_arg(fcinfo, 0, "lesson_id");
	report.watched_pct = DatumGetInt32(required_arg(fcinfo, 1, "watched_pct"));
	report.has_position = !PG_ARGISNULL(2);
	if (report.has_position)
		report.position = PG_GETARG_INT32(2);
	/* Not now(), which would be the beginning of the transaction. */
	report.watched_at = GetCurrentTimestamp();

	check_watched_pct(report.watched_pct);
	check_position(report.position);
	return report;
}

PG_FUNCTION_INFO_V1(record_progress);

/* A player calls this every few seconds, so the usual call must be cheap. */
Datum
record_progress(PG_FUNCTION_ARGS)
{
	Report		report = report_from_args(fcinfo);
	Call		call;
	Datum		row;

	PreventCommandIfReadOnly("record_progress()");

	call_begin_as_user(&call, fcinfo, 3);
	/* The row must outlive SPI, which frees its memory in call_end(). */
	row = SPI_datumTransfer(record(&call, &report), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}
