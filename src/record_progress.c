/* record_progress.c: record_progress(), what a player calls every few seconds. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "course.h"
#include "direct_reports.h"
#include "recording.h"
#include "result.h"
#include "watching.h"

/* Most reports find their row and change nothing, so they run little more than this. */
static const LibraryQuery read_row = {
	"SELECT" PROGRESS_COLUMNS_SQL(PLAIN_THRESHOLD_SQL("$2", "$3"))
	"  FROM %1$s.content_progress AS p"
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2",
	3, {UUIDOID, UUIDOID, INT4OID}
};

/* The same where more must be known. */
static const LibraryQuery read_watched_row = {
	"SELECT" PROGRESS_COLUMNS_SQL(THRESHOLD_OF_SQL("c.completion_threshold", "$3")) "," WATCHED_COLUMNS_SQL
	"  FROM %1$s.content_progress AS p"
	"  JOIN %1$s.lessons AS l ON l.id = p.lesson_id"
	COURSE_OF_LESSON_SQL
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2",
	3, {UUIDOID, UUIDOID, INT4OID}
};

/* No row if it was deleted since it was read. */
static const LibraryQuery advance_row = {
	"UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("$3", "$4", "$5") START_SQL("$4")
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2"
	" RETURNING" RECORDED_SQL,
	5, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID}
};

static const LibraryQuery complete_row = {
	"UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("$3", "$4", "$5") START_SQL("$4") COMPLETE_SQL("$3", "$4", "$6")
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2"
	" RETURNING" RECORDED_SQL,
	6, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID}
};

/*
 * The same with what was watched.  No row also if it holds other seconds than those that were
 * read: the new ones were counted from these.  What completes the row is kept apart, because
 * a trigger looks at it.
 */
#define WATCH_SQL(complete) \
	"UPDATE %1$s.content_progress AS p" \
	ADVANCE_SQL("$3", "$4", "$5") START_SQL("$4") complete \
	", watched = $7" \
	" WHERE p.user_id = $1" \
	"   AND p.lesson_id = $2" \
	"   AND p.watched = $8" \
	" RETURNING" RECORDED_SQL
#define WATCH_ARGTYPES \
	9, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID, \
		INT4MULTIRANGEOID, INT4MULTIRANGEOID, TIMESTAMPTZOID}

static const LibraryQuery watch_row = {WATCH_SQL(""), WATCH_ARGTYPES};

static const LibraryQuery complete_watched_row = {
	WATCH_SQL(COMPLETE_SQL("$3", "$9", "$6")), WATCH_ARGTYPES
};

/*
 * Most lessons are closed by nothing to who is enrolled.  That costs less to ask than why
 * a lesson is closed (rules R8, R12), so it is asked first.
 */
#define NOTHING_CLOSES_SQL \
	"(l.is_preview" \
	" OR e.id IS NOT NULL AND e.expires_at IS NULL AND (e.granted OR c.tier_required = 'free')" \
	"    AND m.unlock_at IS NULL AND m.unlock_after IS NULL" \
	"    AND l.unlock_at IS NULL AND l.unlock_after IS NULL" \
	"    AND NOT c.is_sequential)"

#define NEW_LESSON_FROM_SQL \
	"  FROM %1$s.lessons AS l" \
	COURSE_OF_LESSON_SQL \
	ENROLLMENT_SQL("$1") \
	" WHERE l.id = $2 AND l.is_published AND c.is_published"

/* No row if something may close the lesson, or if there is none: load_lesson tells. */
static const LibraryQuery load_open_lesson = {
	"SELECT" NEW_LESSON_SQL("$3", NOT_CLOSED_SQL)
	NEW_LESSON_FROM_SQL " AND " NOTHING_CLOSES_SQL,
	3, {UUIDOID, UUIDOID, INT4OID}
};

static const LibraryQuery load_lesson = {
	"SELECT" NEW_LESSON_SQL("$3", WHY_CLOSED_SQL("$1", "$4"))
	NEW_LESSON_FROM_SQL,
	4, {UUIDOID, UUIDOID, INT4OID, BOOLOID}
};

/* DO NOTHING: another session may insert the same row.  Then there is no row here. */
static const LibraryQuery insert_row = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at, watched, started_at)"
	" VALUES ($1, $2, $3, $4, $5,"
	"         $3 >= $6,"
	"         CASE WHEN $3 >= $6 THEN $4 END,"
	"         $7, $4)"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING" RECORDED_SQL,
	7, {UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4MULTIRANGEOID}
};

static void
read_one(Recording *recording, const LibraryQuery *query)
{
	RecordedReport *one = recording->reports;
	Datum		values[] = {
		recording->call->user_id, one->report.lesson_id,
		Int32GetDatum(library_completion_threshold)
	};

	one->exists = query_execute(&recording->call->library, query, values, NULL, false) > 0;
	if (one->exists)
		progress_from_row(&one->progress, &one->report, recording->call, 0, 1);
}

static void
read_rows(Recording *recording)
{
	if (!direct_read_rows(recording))
		read_one(recording, &read_row);
}

static void
read_watched(Recording *recording)
{
	if (direct_read_watched_rows(recording))
		return;
	read_one(recording, &read_watched_row);
	if (recording->reports->exists)
		watched_from_row(recording->reports, 0, 3);
}

static void
load_lessons(Recording *recording)
{
	RecordedReport *one = recording->reports;
	Datum		values[] = {
		recording->call->user_id, one->report.lesson_id,
		Int32GetDatum(library_completion_threshold),
		BoolGetDatum(recording->call->named)
	};

	if (direct_load_lessons(recording))
		return;
	if (query_execute(&recording->call->library, &load_open_lesson, values, NULL, false) > 0 ||
		query_execute(&recording->call->library, &load_lesson, values, NULL, false) > 0)
		new_lesson_from_row(one, 0, 1);
}

/* Runs a query that writes the row; false if it has written none. */
static bool
write_row(Recording *recording, const LibraryQuery *query)
{
	RecordedReport *one = recording->reports;
	const Report *report = &one->report;
	Datum		values[] = {
		recording->call->user_id, report->lesson_id,
		Int32GetDatum(report->watched_pct),
		TimestampTzGetDatum(report->watched_at),
		Int32GetDatum(report->position),
		Int32GetDatum(one->progress.threshold),
		query->nargs > 6 ? ranges_to_datum(report->watched) : (Datum) 0,
		one->progress.watched_value,
		TimestampTzGetDatum(report->dated_at)
	};
	char		nulls[] = {' ', ' ', ' ', ' ', report->has_position ? ' ' : 'n', ' ', ' ', ' ', ' '};

	if (query_execute(&recording->call->library, query, values, nulls, false) == 0)
		return false;
	set_recorded_row(one, result_value(0, 1, call_row_type(recording->call)));
	return true;
}

/*
 * Only the foreign keys know whether user and lesson exist now, so their errors are put into
 * our words.
 */
static bool
insert_rows(Recording *recording)
{
	MemoryContext context = CurrentMemoryContext;
	bool		inserted = false;

	PG_TRY();
	{
		inserted = direct_insert(recording, recording->reports) || write_row(recording, &insert_row);
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, "", recording->call->user_id,
							recording->reports[0].report.lesson_id);
	}
	PG_END_TRY();

	return inserted;
}

static bool
update_rows(Recording *recording)
{
	RecordedReport *one = recording->reports;

	if (direct_advance(recording, one))
		return true;
	clear_future_timestamp(recording->call, &one->report, &one->progress);
	if (one->report.is_news)
		return write_row(recording, completes(one) ? &complete_watched_row : &watch_row);
	return write_row(recording, completes(one) ? &complete_row : &advance_row);
}

/* Reads and checks the arguments, before anything is asked of the database. */
static Report
report_from_args(FunctionCallInfo fcinfo)
{
	Report		report = {0};

	report.lesson_id = required_arg(fcinfo, 0, "lesson_id");
	report.claims = !PG_ARGISNULL(1) || PG_ARGISNULL(4);
	if (report.claims)
		report.claimed_pct = whole_percent(DatumGetFloat8(required_arg(fcinfo, 1, "watched_pct")));
	if (!PG_ARGISNULL(4))
		report.played = ranges_from_json(&PG_GETARG_JSONB_P(4)->root);
	report.has_position = !PG_ARGISNULL(2);
	if (report.has_position)
		report.position = whole_position(PG_GETARG_FLOAT8(2));
	/* Not now(), which would be the beginning of the transaction. */
	report.watched_at = GetCurrentTimestamp();
	return report;
}

PG_FUNCTION_INFO_V1(record_progress);

/* A player calls this every few seconds, so the usual call must be cheap. */
Datum
record_progress(PG_FUNCTION_ARGS)
{
	static const RecordingQueries queries = {read_rows, read_watched, load_lessons, insert_rows, update_rows};
	RecordedReport one = {.report = report_from_args(fcinfo)};
	Call		call;
	Recording	recording = {
		.call = &call, .reports = &one, .size = 1, .now = one.report.watched_at, .queries = &queries
	};
	Datum		row;

	PreventCommandIfReadOnly("record_progress()");

	call_begin_recording(&recording, fcinfo, 3);
	record_reports(&recording);
	/* The row must outlive SPI, which frees its memory in call_end(). */
	row = SPI_datumTransfer(recorded_row(&recording, &one), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}
