/* batch.c: record_progress_batch(), many reports of one learner at once. */
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
#include "caller.h"
#include "claim.h"
#include "course.h"
#include "library.h"
#include "plans.h"

#define REPORT_ARGTYPES \
	6, {UUIDOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID}

/* The reports; key is the lesson of a row to make, or the id of one to change. */
#define REPORTS_SQL(key) \
	" ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)," \
	"            pg_catalog.unnest($5), pg_catalog.unnest($6))" \
	"   WITH ORDINALITY AS r (" key ", watched_pct, watched_at, position_seconds, threshold, number)"

/*
 * The row of each lesson, by its key.  OFFSET 0 keeps the planner from any
 * other way to it: not by all the learners of the lesson, nor all the rows of
 * the learner, of which there may be 100,000.
 */
static const LibraryQuery read_rows = {
	"SELECT r.number, p.id::pg_catalog.uuid," PROGRESS_COLUMNS_SQL("r.lesson_id", "$3")
	"  FROM pg_catalog.unnest($2) WITH ORDINALITY AS r (lesson_id, number)"
	" CROSS JOIN LATERAL ("
	"   SELECT p.* FROM %1$s.content_progress AS p"
	"    WHERE p.user_id OPERATOR(pg_catalog.=) $1"
	"      AND p.lesson_id OPERATOR(pg_catalog.=) r.lesson_id OFFSET 0) AS p",
	3, {UUIDOID, UUIDARRAYOID, INT4OID}
};

/* What the rows of these lessons would have to reach, and whether they may be begun (rule R8). */
static const LibraryQuery admit_rows = {
	"SELECT r.number, " THRESHOLD_SQL("$3") ","
	MAY_WATCH_SQL ","
	"       l.is_required"
	"  FROM pg_catalog.unnest($2) WITH ORDINALITY AS r (lesson_id, number)"
	"  JOIN %1$s.lessons AS l ON l.id OPERATOR(pg_catalog.=) r.lesson_id"
	COURSE_OF_LESSON_SQL
	" WHERE c.is_published",
	3, {UUIDOID, UUIDARRAYOID, INT4OID}
};

static const LibraryQuery insert_rows = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at)"
	" SELECT $1, r.lesson_id, r.watched_pct, r.watched_at, r.position_seconds,"
	"        r.watched_pct OPERATOR(pg_catalog.>=) r.threshold,"
	"        CASE WHEN r.watched_pct OPERATOR(pg_catalog.>=) r.threshold THEN r.watched_at END"
	"   FROM " REPORTS_SQL("lesson_id")
	"  ORDER BY r.number"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING p, p.lesson_id::pg_catalog.uuid",
	REPORT_ARGTYPES
};

/* Locked first: an UPDATE alone would lock the rows in an order of its own. */
static const LibraryQuery advance_rows = {
	"WITH news AS ("
	"  SELECT r.*"
	"    FROM " REPORTS_SQL("id")
	"    JOIN %1$s.content_progress AS p ON p.id OPERATOR(pg_catalog.=) r.id"
	"   WHERE p.user_id OPERATOR(pg_catalog.=) $1"
	"   ORDER BY r.number"
	"     FOR NO KEY UPDATE OF p)"
	" UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("n.watched_pct", "n.watched_at", "n.position_seconds", "n.threshold")
	"  FROM news AS n"
	" WHERE p.id OPERATOR(pg_catalog.=) n.id"
	" RETURNING p, p.lesson_id::pg_catalog.uuid",
	REPORT_ARGTYPES
};

/* Of each course of these lessons one of them; in the order of courses. */
static const LibraryQuery one_lesson_a_course = {
	"SELECT DISTINCT ON (m.course_id) l.id::pg_catalog.uuid"
	"  FROM %1$s.lessons AS l"
	"  JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id"
	" WHERE l.id OPERATOR(pg_catalog.=) ANY ($1)"
	" ORDER BY m.course_id, l.id",
	1, {UUIDARRAYOID}
};

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

/* Which elements a query is about. */
typedef struct Choice
{
	int			size;
	BatchedReport *elements[MAX_REPORTS];
} Choice;

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

static bool
has_news(const BatchedReport *element)
{
	return element->exists && is_news(&element->report, &element->progress);
}

static bool
completes(const BatchedReport *element)
{
	return completes_lesson(&element->report, &element->progress);
}

static bool
holds_nothing_back(const BatchedReport *element)
{
	return !holds_course_back(&element->report, &element->progress);
}

static Datum
lessons_of(const Choice *choice)
{
	Datum		ids[MAX_REPORTS];

	for (int i = 0; i < choice->size; i++)
		ids[i] = choice->elements[i]->report.lesson_id;
	return uuid_array(ids, choice->size);
}

/* Runs a query that looks at lessons; each row begins with the number of one. */
static void
look_at(const Call *call, const LibraryQuery *query, const Choice *choice)
{
	Datum		values[] = {
		call->user_id, lessons_of(choice),
		Int32GetDatum(library_completion_threshold)
	};

	query_execute(query, call->schema, values, NULL, false);
}

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

/* The element that a row of look_at() is about. */
static BatchedReport *
element_of(const Choice *choice, uint64 row)
{
	bool		isnull;

	return choice->elements[DatumGetInt64(column(row, 1, &isnull)) - 1];
}

static void
read_progress(const Call *call, Batch *batch)
{
	Choice	   *choice = choose(batch, any);
	bool		isnull;

	for (int i = 0; i < batch->size; i++)
		batch->elements[i].exists = false;
	look_at(call, &read_rows, choice);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		BatchedReport *element = element_of(choice, row);

		element->exists = true;
		element->id = column(row, 2, &isnull);
		progress_from_row(&element->progress, SPI_tuptable->vals[row],
						  SPI_tuptable->tupdesc, 3);
	}
}

/* The one of two elements that comes first in the caller's array. */
static BatchedReport *
first_of(BatchedReport *one, BatchedReport *other)
{
	return one == NULL || other->number < one->number ? other : one;
}

/*
 * Finds out what the missing rows have to reach; returns the first that the
 * learner may not begin (rule R8), or NULL.
 */
static BatchedReport *
first_refused(const Call *call, const Choice *missing)
{
	BatchedReport *unknown = NULL;
	BatchedReport *refused = NULL;
	bool		isnull;

	for (int i = 0; i < missing->size; i++)
		memset(&missing->elements[i]->progress, 0, sizeof(Progress));
	look_at(call, &admit_rows, missing);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		BatchedReport *element = element_of(missing, row);

		element->progress.threshold = DatumGetInt32(column(row, 2, &isnull));
		element->progress.required = DatumGetBool(column(row, 4, &isnull));
		if (!DatumGetBool(column(row, 3, &isnull)))
			refused = first_of(refused, element);
	}
	for (int i = 0; i < missing->size; i++)
		if (missing->elements[i]->progress.threshold == 0)
			unknown = first_of(unknown, missing->elements[i]);
	if (unknown != NULL)
		missing_lesson(unknown->report.lesson_id);
	return refused;
}

static BatchedReport *
find_lesson(Batch *batch, Datum lesson_id)
{
	BatchedReport key = {.report.lesson_id = lesson_id};

	return bsearch(&key, batch->elements, batch->size, sizeof(BatchedReport), compare_lessons);
}

/*
 * Runs insert_rows or advance_rows, which find their rows by keys; whether each
 * report has found its own.
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
	bool		isnull;
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

	query_execute(query, call->schema, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		find_lesson(batch, column(row, 2, &isnull))->progress.row = column(row, 1, &isnull);
	return SPI_processed == size;
}

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

static bool
advance_known(const Call *call, Batch *batch, const Choice *news)
{
	Datum		ids[MAX_REPORTS];

	for (int i = 0; i < news->size; i++)
	{
		forget_future(call, &news->elements[i]->report, &news->elements[i]->progress);
		ids[i] = news->elements[i]->id;
	}
	return write_rows(call, &advance_rows, batch, news, uuid_array(ids, news->size));
}

/*
 * Finds a lesson of each course that the batch may complete: see claims() in
 * progress.c.  Returns how many there are.
 */
static int
courses_to_claim(const Call *call, Batch *batch, Datum *lesson_ids)
{
	Choice	   *candidates = choose(batch, holds_nothing_back);
	bool		completing = choose(batch, completes)->size > 0;
	Datum		lessons;
	SPITupleTable *courses;
	uint64		size;
	int			found = 0;
	bool		isnull;

	if (candidates->size == 0)
		return 0;
	lessons = lessons_of(candidates);
	size = query_execute(&one_lesson_a_course, call->schema, &lessons, NULL, false);
	courses = SPI_tuptable;
	for (uint64 row = 0; row < size; row++)
	{
		Datum		lesson_id = SPI_getbinval(courses->vals[row], courses->tupdesc, 1, &isnull);

		if (completing || completion_is_due(call, lesson_id))
			lesson_ids[found++] = lesson_id;
	}
	return found;
}

/* The same as try_record() in progress.c, for all the reports together. */
static bool
try_record(const Call *call, Batch *batch)
{
	Choice	   *missing;
	Choice	   *news;
	BatchedReport *refused = NULL;
	Datum		claims[MAX_REPORTS];
	int			courses;

	read_progress(call, batch);
	missing = choose(batch, is_missing);
	news = choose(batch, has_news);
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

static void
record_batch(const Call *call, Batch *batch)
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
					 errhint("Look for a policy or trigger of your own on content_progress that hides rows.")));
	}
}

/* Returns the rows in the order of the caller's array. */
static void
return_rows(ReturnSetInfo *result, const Batch *batch)
{
	Datum		rows[MAX_REPORTS];

	for (int i = 0; i < batch->size; i++)
		rows[batch->elements[i].number] = batch->elements[i].progress.row;
	for (int i = 0; i < batch->size; i++)
	{
		HeapTupleHeader row = DatumGetHeapTupleHeader(rows[i]);
		HeapTupleData tuple = {0};

		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		tuple.t_data = row;
		tuplestore_puttuple(result->setResult, &tuple);
	}
}

PG_FUNCTION_INFO_V1(record_progress_batch);

Datum
record_progress_batch(PG_FUNCTION_ARGS)
{
	Batch	   *batch = read_batch(DatumGetJsonbP(required_arg(fcinfo, 0, "reports")));
	Call		call;

	PreventCommandIfReadOnly("record_progress_batch()");
	InitMaterializedSRF(fcinfo, 0);

	call_begin(&call, fcinfo, 1);
	call_lock_user(&call);
	record_batch(&call, batch);
	return_rows((ReturnSetInfo *) fcinfo->resultinfo, batch);
	call_end(&call);

	return (Datum) 0;
}
