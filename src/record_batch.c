/* record_batch.c: record_progress_batch(), many reports of one learner at once. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "batch_reports.h"
#include "completion.h"
#include "course.h"
#include "result.h"

/* The user, the keys, and then of each report: percent, time, position, threshold. */
#define REPORT_ARGTYPES \
	6, {UUIDOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID}

/* The reports as rows.  key is the lesson of a row to insert, or the id of a row to update. */
#define REPORTS_SQL(key) \
	" ROWS FROM (unnest($2), unnest($3), unnest($4)," \
	"            unnest($5), unnest($6))" \
	"   WITH ORDINALITY AS r (" key ", watched_pct, watched_at, position_seconds, threshold, number)"

/*
 * Looks up the row of each lesson by its key.  OFFSET 0 keeps the planner from other ways,
 * which would read all learners of the lesson or all rows of the learner.
 */
static const LibraryQuery read_rows = {
	"SELECT r.number, p.id," PROGRESS_COLUMNS_SQL("p.whole", "r.lesson_id", "$3")
	"  FROM unnest($2) WITH ORDINALITY AS r (lesson_id, number)"
	" CROSS JOIN LATERAL ("
	"   SELECT p AS whole, p.* FROM %1$s.content_progress AS p"
	"    WHERE p.user_id = $1"
	"      AND p.lesson_id = r.lesson_id OFFSET 0) AS p",
	3, {UUIDOID, UUIDARRAYOID, INT4OID}
};

/*
 * The threshold of each of these lessons, and whether the learner may watch it (rule R8).
 * No row for a lesson that does not exist or is not published.
 */
static const LibraryQuery admit_rows = {
	"SELECT r.number, " THRESHOLD_SQL("$3") ","
	MAY_WATCH_SQL ","
	"       l.is_required, c.id"
	"  FROM unnest($2) WITH ORDINALITY AS r (lesson_id, number)"
	"  JOIN %1$s.lessons AS l ON l.id = r.lesson_id"
	COURSE_OF_LESSON_SQL
	" WHERE c.is_published",
	3, {UUIDOID, UUIDARRAYOID, INT4OID}
};

/* In the order of the lessons, which is that of all batches, so that two cannot deadlock. */
static const LibraryQuery insert_rows = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at)"
	" SELECT $1, r.lesson_id, r.watched_pct, r.watched_at, r.position_seconds,"
	"        r.watched_pct >= r.threshold,"
	"        CASE WHEN r.watched_pct >= r.threshold THEN r.watched_at END"
	"   FROM " REPORTS_SQL("lesson_id")
	"  ORDER BY r.number"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING p, p.lesson_id",
	REPORT_ARGTYPES
};

/*
 * news locks the rows first, in the same order.  An UPDATE alone would lock them in an
 * order of its own.
 */
static const LibraryQuery advance_rows = {
	"WITH news AS ("
	"  SELECT r.*"
	"    FROM " REPORTS_SQL("id")
	"    JOIN %1$s.content_progress AS p ON p.id = r.id"
	"   WHERE p.user_id = $1"
	"   ORDER BY r.number"
	"     FOR NO KEY UPDATE OF p)"
	" UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("n.watched_pct", "n.watched_at", "n.position_seconds", "n.threshold")
	"  FROM news AS n"
	" WHERE p.id = n.id"
	" RETURNING p, p.lesson_id",
	REPORT_ARGTYPES
};

/* One of these lessons for each of their courses, in the order of the courses. */
static const LibraryQuery one_lesson_a_course = {
	"SELECT DISTINCT ON (m.course_id) l.id"
	"  FROM %1$s.lessons AS l"
	"  JOIN %1$s.modules AS m ON m.id = l.module_id"
	" WHERE l.id = ANY ($1)"
	" ORDER BY m.course_id, l.id",
	1, {UUIDARRAYOID}
};

/* An array of one dimension that may hold NULLs. */
static Datum
array_of(Datum *elements, bool *nulls, int size, Oid type, int len, bool byval, char align)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(elements, nulls, 1, &size, &lower,
											  type, len, byval, align));
}

static Datum
uuid_array(Datum *uuids, int size)
{
	return array_of(uuids, NULL, size, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

/* A trigger of the tables' owner has written another row than it should. */
pg_noreturn static void
changed_by_trigger(Datum lesson_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the progress on lesson \"%s\" was not written as reported",
					uuid_text(lesson_id)),
			 errhint("Look for a trigger of your own on content_progress that changes lesson_id.")));
}

/* The elements of a batch that a query is about. */
typedef struct Choice
{
	int			size;
	BatchedReport *elements[MAX_REPORTS];
} Choice;

/* The elements for which a question is answered with yes. */
static Choice *
choose(Batch *batch, bool (*wanted) (const BatchedReport *element))
{
	Choice	   *choice = palloc(sizeof(Choice));

	choice->size = 0;
	for (int i = 0; i < batch->size; i++)
		if (wanted(&batch->elements[i]))
			choice->elements[choice->size++] = &batch->elements[i];
	return choice;
}

static bool
any(const BatchedReport *element)
{
	return true;
}

static bool
is_missing(const BatchedReport *element)
{
	return !element->exists;
}

/* Whether the row exists and the report changes it (rule R9). */
static bool
needs_update(const BatchedReport *element)
{
	return element->exists && needs_write(&element->report, &element->progress);
}

/* Whether the report completes its lesson. */
static bool
completes(const BatchedReport *element)
{
	return completes_lesson(&element->report, &element->progress);
}

/* Whether nothing that is known of this lesson keeps its course incomplete. */
static bool
may_complete_course(const BatchedReport *element)
{
	return !keeps_course_incomplete(&element->report, &element->progress);
}

/* The lessons of a choice as an array, in the same order. */
static Datum
lessons_of(const Choice *choice)
{
	Datum		ids[MAX_REPORTS];

	for (int i = 0; i < choice->size; i++)
		ids[i] = choice->elements[i]->report.lesson_id;
	return uuid_array(ids, choice->size);
}

/* Runs a query about the lessons of a choice.  Each row begins with a number from 1: which one. */
static void
query_lessons(const Call *call, const LibraryQuery *query, const Choice *choice)
{
	Datum		values[] = {
		call->user_id, lessons_of(choice),
		Int32GetDatum(library_completion_threshold)
	};

	query_execute(&call->library, query, values, NULL, false);
}

/* The element that a row of query_lessons() is about. */
static BatchedReport *
element_of(const Choice *choice, uint64 row)
{
	return choice->elements[DatumGetInt64(result_value(row, 1, INT8OID)) - 1];
}

/* Finds out which rows exist, and reads them.  A second attempt reads them again. */
static void
read_progress(const Call *call, Batch *batch)
{
	Choice	   *choice = choose(batch, any);

	/* Rows of an earlier attempt may be gone. */
	for (int i = 0; i < batch->size; i++)
		batch->elements[i].exists = false;
	query_lessons(call, &read_rows, choice);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		BatchedReport *element = element_of(choice, row);

		element->exists = true;
		element->id = result_value(row, 2, UUIDOID);
		progress_from_row(&element->progress, call, row, 3);
	}
}

/* Which of two elements comes first in the caller's array.  Errors name that one. */
static BatchedReport *
first_of(BatchedReport *one, BatchedReport *other)
{
	return one == NULL || other->number < one->number ? other : one;
}

/*
 * Refuses the first lesson that does not exist, or whose course the caller does not see.  A
 * threshold of 0 marks these.
 */
static void
refuse_unknown(Call *call, const Choice *known, const Choice *missing)
{
	BatchedReport *unknown = NULL;
	Datum		courses[MAX_REPORTS];
	bool		seen[MAX_REPORTS];

	for (int i = 0; i < known->size; i++)
		courses[i] = known->elements[i]->course_id;
	see_courses(call, courses, known->size, seen);
	for (int i = 0; i < known->size; i++)
		if (!seen[i])
			known->elements[i]->progress.threshold = 0;
	for (int i = 0; i < missing->size; i++)
		if (missing->elements[i]->progress.threshold == 0)
			unknown = first_of(unknown, missing->elements[i]);
	if (unknown != NULL)
		missing_lesson(unknown->report.lesson_id);
}

/*
 * Finds out what the missing rows must reach.  Returns the first one that the learner may
 * not watch (rule R8), or NULL.
 */
static BatchedReport *
first_refused(Call *call, const Choice *missing)
{
	Choice	   *known = palloc(sizeof(Choice));
	BatchedReport *refused = NULL;

	known->size = 0;
	for (int i = 0; i < missing->size; i++)
		memset(&missing->elements[i]->progress, 0, sizeof(Progress));
	query_lessons(call, &admit_rows, missing);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		BatchedReport *element = element_of(missing, row);

		element->progress.threshold = result_int32(row, 2);
		element->progress.required = result_bool(row, 4);
		element->course_id = result_value(row, 5, UUIDOID);
		known->elements[known->size++] = element;
		if (!result_bool(row, 3))
			refused = first_of(refused, element);
	}
	refuse_unknown(call, known, missing);
	return refused;
}

/* The element of a lesson.  The batch is sorted by lesson. */
static BatchedReport *
find_lesson(Batch *batch, Datum lesson_id)
{
	BatchedReport key = {.report.lesson_id = lesson_id};
	BatchedReport *found = bsearch(&key, batch->elements, batch->size,
								   sizeof(BatchedReport), compare_lessons);

	if (found == NULL)
		changed_by_trigger(lesson_id);
	return found;
}

/*
 * Runs insert_rows or advance_rows with these keys.  False if a row was not written,
 * because it came or went since it was read.
 */
static bool
write_rows(const Call *call, const LibraryQuery *query, Batch *batch,
		   const Choice *choice, Datum keys)
{
	Datum		pcts[MAX_REPORTS];
	Datum		times[MAX_REPORTS];
	Datum		positions[MAX_REPORTS];
	bool		no_position[MAX_REPORTS];
	Datum		thresholds[MAX_REPORTS];
	Datum		values[6];
	int			size = choice->size;

	for (int i = 0; i < size; i++)
	{
		const BatchedReport *element = choice->elements[i];

		pcts[i] = Int32GetDatum(element->report.watched_pct);
		times[i] = TimestampTzGetDatum(element->report.watched_at);
		positions[i] = Int32GetDatum(element->report.position);
		no_position[i] = !element->report.has_position;
		thresholds[i] = Int32GetDatum(element->progress.threshold);
	}
	values[0] = call->user_id;
	values[1] = keys;
	values[2] = array_of(pcts, NULL, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[3] = array_of(times, NULL, size, TIMESTAMPTZOID, sizeof(TimestampTz),
						 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[4] = array_of(positions, no_position, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[5] = array_of(thresholds, NULL, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);

	query_execute(&call->library, query, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		find_lesson(batch, result_value(row, 2, UUIDOID))->progress.row =
			result_value(row, 1, call_row_type(call));
	return SPI_processed == size;
}

/* Inserts the missing rows; false if one exists by now. */
static bool
insert_missing(const Call *call, Batch *batch, const Choice *missing)
{
	MemoryContext context = CurrentMemoryContext;
	bool		inserted = false;

	PG_TRY();
	{
		inserted = write_rows(call, &insert_rows, batch, missing, lessons_of(missing));
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, call->user_id, (Datum) 0);
	}
	PG_END_TRY();

	return inserted;
}

/* Updates the rows that the reports change; false if one is gone. */
static bool
advance_known(const Call *call, Batch *batch, const Choice *news)
{
	Datum		ids[MAX_REPORTS];

	for (int i = 0; i < news->size; i++)
	{
		clear_future_timestamp(call, &news->elements[i]->report, &news->elements[i]->progress);
		ids[i] = news->elements[i]->id;
	}
	return write_rows(call, &advance_rows, batch, news, uuid_array(ids, news->size));
}

/*
 * Finds one lesson of each course that the batch may complete: see claims() in
 * record_progress.c.  Returns how many there are.
 */
static int
courses_to_claim(const Call *call, Batch *batch, Datum *lesson_ids)
{
	Choice	   *candidates = choose(batch, may_complete_course);
	bool		completing = choose(batch, completes)->size > 0;
	Datum		lessons;
	int			size;
	int			found = 0;

	if (candidates->size == 0)
		return 0;
	/* One lesson stands for its course, so that each course is asked about once. */
	lessons = lessons_of(candidates);
	size = (int) query_execute(&call->library, &one_lesson_a_course, &lessons, NULL, false);
	for (int i = 0; i < size; i++)
		lesson_ids[i] = result_value(i, 1, UUIDOID);
	for (int i = 0; i < size; i++)
		/* One completed lesson claims all these courses: one claim too many does no harm. */
		if (completing || completion_is_due(call, lesson_ids[i]))
			lesson_ids[found++] = lesson_ids[i];
	return found;
}

/*
 * Does what try_record() in record_progress.c does, for all reports at once.  The order of
 * its steps is the same, and for the same reasons.
 */
static bool
try_record(Call *call, Batch *batch)
{
	Choice	   *missing;
	Choice	   *news;
	BatchedReport *refused = NULL;
	Datum		claims[MAX_REPORTS];
	int			courses;

	read_progress(call, batch);
	missing = choose(batch, is_missing);
	news = choose(batch, needs_update);
	if (missing->size > 0)
		refused = first_refused(call, missing);
	courses = courses_to_claim(call, batch, claims);
	if (courses > 0)
		claim_begin(call, claims, courses);

	if (missing->size > 0 && !insert_missing(call, batch, missing))
		return false;
	if (refused != NULL)
		not_enrolled(call->user_id, refused->report.lesson_id);
	if (news->size > 0 && !advance_known(call, batch, news))
		return false;
	for (int i = 0; i < courses; i++)
		claim_completion(call, claims[i], batch->now);
	return true;
}

/* Tries again while other sessions insert or delete the same rows, but not forever. */
static void
record_batch(Call *call, Batch *batch)
{
	int			attempts = 10;

	while (!try_record(call, batch))
	{
		CHECK_FOR_INTERRUPTS();
		if (--attempts == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the progress of user \"%s\" can be neither read nor written",
							uuid_text(call->user_id)),
					 errhint("Look for a trigger of your own on content_progress that takes rows back.")));
	}
}

/* Returns the rows in the order of the caller's array, and not in that of the lessons. */
static void
return_rows(ReturnSetInfo *result, const Batch *batch)
{
	Datum		rows[MAX_REPORTS];
	Datum		lessons[MAX_REPORTS];

	for (int i = 0; i < batch->size; i++)
	{
		rows[batch->elements[i].number] = batch->elements[i].progress.row;
		lessons[batch->elements[i].number] = batch->elements[i].report.lesson_id;
	}
	for (int i = 0; i < batch->size; i++)
	{
		HeapTupleHeader row;
		HeapTupleData tuple = {0};

		/* Each attempt has either read the row or written it. */
		if (rows[i] == (Datum) 0)
			changed_by_trigger(lessons[i]);
		row = DatumGetHeapTupleHeader(rows[i]);
		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		tuple.t_data = row;
		tuplestore_puttuple(result->setResult, &tuple);
	}
}

PG_FUNCTION_INFO_V1(record_progress_batch);

/* All reports are checked before anything is written, and all are written or none. */
Datum
record_progress_batch(PG_FUNCTION_ARGS)
{
	Batch	   *batch = read_batch(DatumGetJsonbP(required_arg(fcinfo, 0, "reports")));
	Call		call;

	PreventCommandIfReadOnly("record_progress_batch()");
	InitMaterializedSRF(fcinfo, 0);

	call_begin_as_user(&call, fcinfo, 1);
	/* Before all other locks: see claim_begin(). */
	call_lock_user(&call);
	record_batch(&call, batch);
	return_rows((ReturnSetInfo *) fcinfo->resultinfo, batch);
	call_end(&call);

	return (Datum) 0;
}
