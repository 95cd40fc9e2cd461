/* progress_rules.c: how a report changes its row of progress (rules R1, R2, R3, R9). */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "progress_rules.h"
#include "result.h"

/* Any report is later than -infinity, so the next one sets the time. */
static const LibraryQuery clear_future = {
	"UPDATE %1$s.content_progress AS p"
	"   SET last_watched = '-infinity'"
	" WHERE p.user_id = $1"
	"   AND p.lesson_id = $2"
	"   AND p.last_watched > clock_timestamp()",
	2, {UUIDOID, UUIDOID}
};

/* No report reaches it, because the report cannot change the completion of the lesson. */
#define NO_THRESHOLD PG_INT32_MAX

/* The columns of the type recorded_progress. */
static const Oid recorded_types[] = {
	UUIDOID, UUIDOID, UUIDOID, INT4OID, BOOLOID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, BOOLOID
};

/*
 * Sets what decides whether a report changes a row.  A completed lesson is completed whatever
 * a report says, unless it claims more, or dates the lesson earlier.
 */
static void
set_progress(Progress *progress, const Report *report, const ResultRow *it, bool plain, int32 threshold)
{
	bool		may_date = !it->nulls[PROGRESS_COMPLETED_AT] &&
		DatumGetTimestampTz(it->values[PROGRESS_COMPLETED_AT]) > report->watched_at;

	progress->watched_pct = DatumGetInt32(result_row_value(it, PROGRESS_WATCHED_PCT));
	progress->completed = DatumGetBool(result_row_value(it, PROGRESS_COMPLETED));
	progress->last_watched = DatumGetTimestampTz(result_row_value(it, PROGRESS_LAST_WATCHED));
	progress->has_position = !it->nulls[PROGRESS_POSITION_SECONDS];
	progress->position = progress->has_position ? DatumGetInt32(it->values[PROGRESS_POSITION_SECONDS]) : 0;
	progress->plain = progress->completed ? !may_date && report->claimed_pct <= progress->watched_pct : plain;
	progress->threshold = plain && (!progress->completed || may_date) ? threshold : NO_THRESHOLD;
}

/* Reads PROGRESS_COLUMNS_SQL, whose first column has the number first. */
void
progress_from_row(Progress *progress, const Report *report, const Call *call, uint64 row, int first)
{
	ResultRow	it;
	bool		isnull;
	int32		threshold;

	/* What was read by SQL is written by SQL. */
	progress->direct = NULL;
	progress->row = result_value(row, first, call_row_type(call));
	threshold = DatumGetInt32(result_nullable(row, first + 1, INT4OID, &isnull));
	it = result_record(progress->row, lengthof(recorded_types), recorded_types);
	set_progress(progress, report, &it, !isnull, threshold);
	result_record_end(&it);
}

/* Whether the type recorded_progress has the columns that we gave it. */
static bool
is_our_type(const Call *call)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(call_row_type(call), -1);
	bool		same = desc->natts == lengthof(recorded_types);

	for (int i = 0; same && i < desc->natts; i++)
		same = TupleDescAttr(desc, i)->atttypid == recorded_types[i];
	ReleaseTupleDesc(desc);
	return same;
}

/* The same of a row that was read directly; false where SQL must do. */
bool
progress_from_values(Progress *progress, const Report *report, const Call *call, DirectProgress *found)
{
	ResultRow	it = {.values = found->values, .nulls = found->nulls};

	if (!is_our_type(call))
		return false;
	progress->direct = found;
	set_progress(progress, report, &it, found->plain, found->threshold);
	return true;
}

/* A row of the type recorded_progress, of one that was read or written directly. */
Datum
recorded_values(const Call *call, const DirectProgress *from, bool course_completed)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(call_row_type(call), -1);
	int			last = lengthof(recorded_types) - 1;
	Datum		values[lengthof(recorded_types)];
	bool		nulls[lengthof(recorded_types)];
	Datum		row;

	memcpy(values, from->values, last * sizeof(Datum));
	memcpy(nulls, from->nulls, last * sizeof(bool));
	values[last] = BoolGetDatum(course_completed);
	nulls[last] = false;
	row = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	ReleaseTupleDesc(desc);
	return row;
}

/* What a row that was read directly is to hold after the report. */
Advance
advance_values(const Progress *progress, const Report *report, TimestampTz now)
{
	const DirectProgress *read = progress->direct;
	Advance		before = {
		.watched_pct = progress->watched_pct, .last_watched = progress->last_watched,
		.position = progress->position, .has_position = progress->has_position,
		.started_at = DatumGetTimestampTz(read->values[PROGRESS_STARTED_AT]),
		.has_started = !read->nulls[PROGRESS_STARTED_AT],
		.watched = report->is_news ? ranges_to_datum(report->watched) : (Datum) 0
	};

	return advance(before, report->watched_pct, report->watched_at, report->has_position,
				   report->position, now);
}

/* Whether the stored time lies in the future.  No report of ours stores such a time. */
bool
is_in_future(const Report *report, const Progress *progress)
{
	return progress->last_watched > report->watched_at &&
		progress->last_watched > GetCurrentTimestamp();
}

/*
 * Whether the lesson becomes completed by this report, or is dated earlier by it (rules R2,
 * R3).  The threshold may have been lowered since the stored percentage was reported.
 */
bool
completes_lesson(const Report *report, const Progress *progress)
{
	return report->watched_pct >= progress->threshold ||
		(!progress->completed && progress->watched_pct >= progress->threshold);
}

/*
 * Whether a report changes enough of a row to be written (rule R9).  A player reports every
 * few seconds, and each write costs a new version of the row.
 */
bool
needs_write(const Report *report, const Progress *progress)
{
	int64		interval = library_heartbeat_interval;

	if (report->watched_pct > progress->watched_pct || report->is_news)
		return true;
	if (completes_lesson(report, progress))
		return true;
	if (progress->last_watched < report->watched_at - interval * USECS_PER_SEC)
		return true;
	if (is_in_future(report, progress))
		return true;			/* see clear_future_timestamp() */

	/* From here on only the position can be new. */
	if (!report->has_position)
		return false;
	if (!progress->has_position)
		return true;
	/* A jump is written at once.  An older report does not move the position. */
	return progress->last_watched <= report->watched_at &&
		llabs((int64) report->position - progress->position) > interval;
}

/*
 * To be called before a row is advanced.  An app that writes the table itself may have a
 * fast clock.  Its time must not make later reports look old.
 */
void
clear_future_timestamp(const Call *call, const Report *report, const Progress *progress)
{
	Datum		values[] = {call->user_id, report->lesson_id};

	if (is_in_future(report, progress))
		query_execute(&call->library, &clear_future, values, NULL, false);
}
