/* record_batch.c: record_progress_batch(), many reports of one learner at once. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "batch_reports.h"
#include "course.h"
#include "result.h"
#include "watching.h"

/*
 * Looks up the row of each lesson by its key.  OFFSET 0 keeps the planner from other ways,
 * which would read all learners of the lesson or all rows of the learner.
 */
#define BATCH_ROWS_SQL \
	"  FROM unnest($2) WITH ORDINALITY AS r (lesson_id, number)" \
	" CROSS JOIN LATERAL (" \
	"   SELECT p.* FROM %1$s.content_progress AS p" \
	"    WHERE p.user_id = $1" \
	"      AND p.lesson_id = r.lesson_id OFFSET 0) AS p"
#define BATCH_ROWS_ARGTYPES \
	3, {UUIDOID, UUIDARRAYOID, INT4OID}

static const LibraryQuery read_batch_rows = {
	"SELECT r.number, p.id,"
	PROGRESS_COLUMNS_SQL(PLAIN_THRESHOLD_SQL("r.lesson_id", "$3"))
	BATCH_ROWS_SQL,
	BATCH_ROWS_ARGTYPES
};

/* The same where more must be known. */
static const LibraryQuery read_watched_batch_rows = {
	"SELECT r.number, p.id,"
	PROGRESS_COLUMNS_SQL(THRESHOLD_OF_SQL("c.completion_threshold", "$3")) "," WATCHED_COLUMNS_SQL
	BATCH_ROWS_SQL
	"  JOIN %1$s.lessons AS l ON l.id = p.lesson_id"
	COURSE_OF_LESSON_SQL,
	BATCH_ROWS_ARGTYPES
};

static const LibraryQuery load_batch_lessons = {
	"SELECT r.number," NEW_LESSON_SQL("$3", WHY_CLOSED_SQL("$1", "$4"))
	"  FROM unnest($2) WITH ORDINALITY AS r (lesson_id, number)"
	"  JOIN %1$s.lessons AS l ON l.id = r.lesson_id"
	COURSE_OF_LESSON_SQL
	ENROLLMENT_SQL("$1")
	" WHERE l.is_published AND c.is_published",
	4, {UUIDOID, UUIDARRAYOID, INT4OID, BOOLOID}
};

/*
 * The user, the keys, and then of each report: percent, time, position, threshold, what was
 * watched, and when the lesson would be completed; and the time by the server's clock.
 */
#define REPORT_ARGTYPES \
	9, {UUIDOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID, \
		INT4MULTIRANGEARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID}

/* The reports as rows.  key is the lesson of a row to insert, or the id of a row to update. */
#define REPORTS_SQL(key) \
	" ROWS FROM (unnest($2), unnest($3), unnest($4)," \
	"            unnest($5), unnest($6), unnest($7), unnest($8))" \
	"   WITH ORDINALITY AS r (" key ", watched_pct, watched_at, position_seconds, threshold," \
	"                         watched, dated_at, number)"

/* In the order of the lessons, which is that of all batches, so that two cannot deadlock. */
static const LibraryQuery insert_batch_rows = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at, watched, started_at)"
	" SELECT $1, r.lesson_id, r.watched_pct, r.watched_at, r.position_seconds,"
	"        r.watched_pct >= r.threshold,"
	"        CASE WHEN r.watched_pct >= r.threshold THEN r.watched_at END,"
	"        COALESCE(r.watched, '{}'), $9"
	"   FROM " REPORTS_SQL("lesson_id")
	"  ORDER BY r.number"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING" RECORDED_SQL ", p.lesson_id",
	REPORT_ARGTYPES
};

/*
 * news locks the rows first, in the same order.  An UPDATE alone would lock them in an
 * order of its own.
 */
static const LibraryQuery update_batch_rows = {
	"WITH news AS ("
	"  SELECT r.*"
	"    FROM " REPORTS_SQL("id")
	"    JOIN %1$s.content_progress AS p ON p.id = r.id"
	"   WHERE p.user_id = $1"
	"   ORDER BY r.number"
	"     FOR NO KEY UPDATE OF p)"
	" UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("n.watched_pct", "n.watched_at", "n.position_seconds") START_SQL("$9")
	COMPLETE_SQL("n.watched_pct", "n.dated_at", "n.threshold")
	", watched = COALESCE(n.watched, p.watched)"
	"  FROM news AS n"
	" WHERE p.id = n.id"
	" RETURNING" RECORDED_SQL ", p.lesson_id",
	REPORT_ARGTYPES
};

/* The reports of a batch that a query is about. */
typedef struct Choice
{
	int			size;
	RecordedReport *reports[MAX_REPORTS];
} Choice;

/* The reports for which a question is answered with yes. */
static Choice *
choose(Recording *recording, bool (*wanted) (const RecordedReport *report))
{
	Choice	   *choice = palloc(sizeof(Choice));

	choice->size = 0;
	for (int i = 0; i < recording->size; i++)
		if (wanted(&recording->reports[i]))
			choice->reports[choice->size++] = &recording->reports[i];
	return choice;
}

static bool
any(const RecordedReport *report)
{
	return true;
}

/* An array of one dimension that may hold NULLs. */
static Datum
array_of(Datum *elements, bool *nulls, int size, Oid type, int len, bool byval, char align)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(elements, nulls, 1, &size, &lower,
											  type, len, byval, align));
}

/* The times of a choice, or those at which the lessons would be completed. */
static Datum
times_of(const Choice *choice, bool dates)
{
	Datum		times[MAX_REPORTS];

	for (int i = 0; i < choice->size; i++)
		times[i] = TimestampTzGetDatum(dates ? choice->reports[i]->report.dated_at
									   : choice->reports[i]->report.watched_at);
	return array_of(times, NULL, choice->size, TIMESTAMPTZOID, sizeof(TimestampTz),
					FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* The lessons of a choice, or the ids of their rows. */
static Datum
keys_of(const Choice *choice, bool ids)
{
	Datum		keys[MAX_REPORTS];

	for (int i = 0; i < choice->size; i++)
		keys[i] = ids ? choice->reports[i]->id : choice->reports[i]->report.lesson_id;
	return array_of(keys, NULL, choice->size, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

/* What the rows of a choice are to hold; NULL where it stays as it is. */
static Datum
watched_of(const Choice *choice)
{
	Datum		watched[MAX_REPORTS];
	bool		same[MAX_REPORTS];

	for (int i = 0; i < choice->size; i++)
	{
		same[i] = !choice->reports[i]->report.is_news;
		watched[i] = same[i] ? (Datum) 0 : ranges_to_datum(choice->reports[i]->report.watched);
	}
	return array_of(watched, same, choice->size, INT4MULTIRANGEOID, -1, false, TYPALIGN_INT);
}

/* The report that a row of the last query is about: it begins with a number from 1. */
static RecordedReport *
report_of(const Choice *choice, uint64 row)
{
	return choice->reports[DatumGetInt64(result_value(row, 1, INT8OID)) - 1];
}

static void
read_all(Recording *recording, const LibraryQuery *query)
{
	Choice	   *all = choose(recording, any);
	Datum		values[] = {
		recording->call->user_id, keys_of(all, false),
		Int32GetDatum(library_completion_threshold)
	};

	query_execute(&recording->call->library, query, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		RecordedReport *report = report_of(all, row);

		report->exists = true;
		report->id = result_value(row, 2, UUIDOID);
		progress_from_row(&report->progress, &report->report, recording->call, row, 3);
		if (query == &read_watched_batch_rows)
			watched_from_row(report, row, 5);
	}
}

static void
read_rows(Recording *recording)
{
	read_all(recording, &read_batch_rows);
}

static void
read_watched(Recording *recording)
{
	read_all(recording, &read_watched_batch_rows);
}

static void
load_lessons(Recording *recording)
{
	Choice	   *missing = choose(recording, is_missing);
	Datum		values[] = {
		recording->call->user_id, keys_of(missing, false),
		Int32GetDatum(library_completion_threshold),
		BoolGetDatum(recording->call->named)
	};

	query_execute(&recording->call->library, &load_batch_lessons, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		new_lesson_from_row(report_of(missing, row), row, 2);
}

/* Runs a query that writes the rows of a choice; false if a row was not written. */
static bool
write_rows(Recording *recording, const LibraryQuery *query, const Choice *choice, Datum keys)
{
	Datum		pcts[MAX_REPORTS];
	Datum		positions[MAX_REPORTS];
	bool		no_position[MAX_REPORTS];
	Datum		thresholds[MAX_REPORTS];
	Datum		values[9];
	int			size = choice->size;

	for (int i = 0; i < size; i++)
	{
		const RecordedReport *report = choice->reports[i];

		pcts[i] = Int32GetDatum(report->report.watched_pct);
		positions[i] = Int32GetDatum(report->report.position);
		no_position[i] = !report->report.has_position;
		thresholds[i] = Int32GetDatum(report->progress.threshold);
	}
	values[0] = recording->call->user_id;
	values[1] = keys;
	values[2] = array_of(pcts, NULL, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[3] = times_of(choice, false);
	values[4] = array_of(positions, no_position, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[5] = array_of(thresholds, NULL, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[6] = watched_of(choice);
	values[7] = times_of(choice, true);
	values[8] = TimestampTzGetDatum(recording->now);

	query_execute(&recording->call->library, query, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		find_report(recording, result_value(row, 2, UUIDOID))->progress.row =
			result_value(row, 1, call_row_type(recording->call));
	return SPI_processed == size;
}

static bool
insert_rows(Recording *recording)
{
	Choice	   *missing = choose(recording, is_missing);
	MemoryContext context = CurrentMemoryContext;
	bool		inserted = false;

	PG_TRY();
	{
		inserted = write_rows(recording, &insert_batch_rows, missing, keys_of(missing, false));
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, recording->call->user_id, (Datum) 0);
	}
	PG_END_TRY();

	return inserted;
}

static bool
update_rows(Recording *recording)
{
	Choice	   *news = choose(recording, needs_update);

	for (int i = 0; i < news->size; i++)
		clear_future_timestamp(recording->call, &news->reports[i]->report, &news->reports[i]->progress);
	return write_rows(recording, &update_batch_rows, news, keys_of(news, true));
}

static void
return_row(ReturnSetInfo *result, const RecordedReport *report)
{
	HeapTupleHeader row;
	HeapTupleData tuple = {0};

	/* Each attempt has either read the row or written it. */
	if (report->progress.row == (Datum) 0)
		written_otherwise(report->report.lesson_id);
	row = DatumGetHeapTupleHeader(recorded_row(report));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	tuplestore_puttuple(result->setResult, &tuple);
}

/* Returns the rows in the order of the caller's array, and not in that of the lessons. */
static void
return_rows(ReturnSetInfo *result, const Recording *recording)
{
	const RecordedReport *reports[MAX_REPORTS];

	for (int i = 0; i < recording->size; i++)
		reports[recording->reports[i].number] = &recording->reports[i];
	for (int i = 0; i < recording->size; i++)
		if (!reports[i]->skipped)
			return_row(result, reports[i]);
}

PG_FUNCTION_INFO_V1(record_progress_batch);

/* All reports are checked before anything is written, and all are written or none. */
Datum
record_progress_batch(PG_FUNCTION_ARGS)
{
	static const RecordingQueries queries = {read_rows, read_watched, load_lessons, insert_rows, update_rows};
	Jsonb	   *reports = DatumGetJsonbP(required_arg(fcinfo, 0, "reports"));
	Call		call;
	/* One time for the whole batch. */
	Recording	recording = {
		.call = &call, .is_batch = true, .now = GetCurrentTimestamp(), .queries = &queries
	};

	recording.skip_refused = DatumGetBool(required_arg(fcinfo, 2, "skip_refused"));
	recording.reports = read_reports(reports, recording.now, &recording.size);
	PreventCommandIfReadOnly("record_progress_batch()");
	InitMaterializedSRF(fcinfo, 0);

	call_begin_recording(&recording, fcinfo, 1);
	/* Before all other locks: see claim_begin(). */
	call_lock_user(&call);
	if (recording.size > 0)
		record_reports(&recording);
	return_rows((ReturnSetInfo *) fcinfo->resultinfo, &recording);
	call_end(&call);

	return (Datum) 0;
}
