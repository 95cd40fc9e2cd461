/* batch.c: record_progress_batch(), many reports of one learner at once. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "caller.h"
#include "claim.h"
#include "library.h"
#include "plans.h"
#include "threshold.h"

#define MAX_REPORTS 1000

/* The reports as columns, for unnest(). */
typedef struct Batch
{
	int			size;
	TimestampTz now;
	Datum		lesson_ids[MAX_REPORTS];
	Datum		watched_pcts[MAX_REPORTS];
	Datum		times[MAX_REPORTS];
	Datum		positions[MAX_REPORTS];
	bool		no_position[MAX_REPORTS];
} Batch;

#define REPORTS_SQL \
	" ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)," \
	"            pg_catalog.unnest($4), pg_catalog.unnest($5))" \
	"   WITH ORDINALITY AS r (lesson_id, watched_pct, watched_at, position_seconds, number)"

#define BATCH_ARGTYPES \
	7, {UUIDOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4OID, INTERVALOID}

/*
 * The row of a report, by its key.  OFFSET 0 keeps the planner from any other
 * way to it: not by all the learners of the lesson, nor all the rows of the
 * learner, of which there may be 100,000.
 */
#define PROGRESS_SQL \
	"SELECT p.* FROM %1$s.content_progress AS p" \
	" WHERE p.user_id OPERATOR(pg_catalog.=) $1" \
	"   AND p.lesson_id OPERATOR(pg_catalog.=) r.lesson_id OFFSET 0"

/* What is left to reach, only asked of rows that are not completed. */
#define BAR_SQL "CASE WHEN p.completed THEN 101 ELSE " THRESHOLD_SQL("$6") " END"

/* Whether a report r is news to the row p: see is_news() in progress.c. */
#define NEWS_SQL \
	"(r.watched_pct OPERATOR(pg_catalog.>) p.watched_pct" \
	" OR r.watched_at OPERATOR(pg_catalog.-) $7 OPERATOR(pg_catalog.>) p.last_watched" \
	" OR (r.watched_at OPERATOR(pg_catalog.>=) p.last_watched" \
	"     AND (p.position_seconds IS NULL AND r.position_seconds IS NOT NULL" \
	"          OR pg_catalog.make_interval(secs => pg_catalog.abs(" \
	"               r.position_seconds::pg_catalog.int8" \
	"               OPERATOR(pg_catalog.-) p.position_seconds))" \
	"             OPERATOR(pg_catalog.>) $7))" \
	" OR p.watched_pct OPERATOR(pg_catalog.>=) " BAR_SQL ")"

/* The first report, in their order, of a lesson that may not be begun. */
static const LibraryQuery refused = {
	"SELECT r.number, c.id IS NOT NULL"
	"  FROM " REPORTS_SQL
	"  LEFT JOIN (%1$s.lessons AS l"
	"             JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id"
	"             JOIN %1$s.courses AS c ON c.id OPERATOR(pg_catalog.=) m.course_id"
	"              AND c.is_published)"
	"    ON l.id OPERATOR(pg_catalog.=) r.lesson_id"
	" WHERE NOT EXISTS (" PROGRESS_SQL ")"
	"   AND (c.id IS NULL OR NOT (l.is_preview OR EXISTS ("
	"         SELECT FROM %1$s.enrollments AS e"
	"          WHERE e.user_id OPERATOR(pg_catalog.=) $1"
	"            AND e.course_id OPERATOR(pg_catalog.=) c.id)))"
	" ORDER BY r.number LIMIT 1",
	BATCH_ARGTYPES
};

/*
 * Both in the order of lessons, so that two batches never wait for each other:
 * first the rows that are not there, then the ones that are.
 */
static const LibraryQuery insert_rows = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at)"
	" SELECT $1, n.lesson_id, n.watched_pct, n.watched_at, n.position_seconds,"
	"        n.watched_pct OPERATOR(pg_catalog.>=) n.threshold,"
	"        CASE WHEN n.watched_pct OPERATOR(pg_catalog.>=) n.threshold THEN n.watched_at END"
	"   FROM (SELECT r.lesson_id, r.watched_pct, r.watched_at, r.position_seconds,"
	"                " THRESHOLD_SQL("$6") " AS threshold"
	"           FROM " REPORTS_SQL
	"           JOIN %1$s.lessons AS l ON l.id OPERATOR(pg_catalog.=) r.lesson_id"
	"          WHERE NOT EXISTS (" PROGRESS_SQL ")"
	"          ORDER BY r.lesson_id) AS n"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING",
	BATCH_ARGTYPES
};

/* Only what is news to the row: see is_news() and advance_row in progress.c. */
static const LibraryQuery advance_rows = {
	"WITH news AS ("
	"  SELECT p.id, r.watched_pct, r.watched_at, r.position_seconds, " BAR_SQL " AS threshold"
	"    FROM " REPORTS_SQL
	"    JOIN %1$s.content_progress AS p"
	"      ON p.user_id OPERATOR(pg_catalog.=) $1"
	"     AND p.lesson_id OPERATOR(pg_catalog.=) r.lesson_id"
	"    LEFT JOIN %1$s.lessons AS l ON l.id OPERATOR(pg_catalog.=) r.lesson_id"
	"   WHERE " NEWS_SQL
	"   ORDER BY p.lesson_id"
	"     FOR NO KEY UPDATE OF p)"
	" UPDATE %1$s.content_progress AS p"
	"   SET watched_pct = GREATEST(p.watched_pct, n.watched_pct),"
	"       completed = p.completed OR GREATEST(p.watched_pct, n.watched_pct) OPERATOR(pg_catalog.>=) n.threshold,"
	"       completed_at = CASE"
	"         WHEN p.completed THEN p.completed_at"
	"         WHEN GREATEST(p.watched_pct, n.watched_pct) OPERATOR(pg_catalog.>=) n.threshold"
	"         THEN COALESCE(p.completed_at, n.watched_at)"
	"         ELSE p.completed_at END,"
	"       last_watched = GREATEST(p.last_watched, n.watched_at),"
	"       position_seconds = CASE"
	"         WHEN n.watched_at OPERATOR(pg_catalog.>=) p.last_watched THEN COALESCE(n.position_seconds, p.position_seconds)"
	"         ELSE p.position_seconds END"
	"  FROM news AS n"
	" WHERE p.id OPERATOR(pg_catalog.=) n.id",
	BATCH_ARGTYPES
};

/* For each row that is there: whether its report is news, and whether the lesson is optional. */
static const LibraryQuery look_at_rows = {
	"SELECT " NEWS_SQL ", NOT l.is_required"
	"  FROM " REPORTS_SQL
	" CROSS JOIN LATERAL (" PROGRESS_SQL ") AS p"
	"  LEFT JOIN %1$s.lessons AS l ON l.id OPERATOR(pg_catalog.=) r.lesson_id",
	BATCH_ARGTYPES
};

static const LibraryQuery read_rows = {
	"SELECT p, p.completed"
	"  FROM " REPORTS_SQL
	" CROSS JOIN LATERAL (" PROGRESS_SQL ") AS p"
	" ORDER BY r.number",
	BATCH_ARGTYPES
};

/* For each course that may be completed now, one of its lessons; in the order of courses. */
static const LibraryQuery courses_to_claim = {
	"SELECT DISTINCT ON (m.course_id) l.id::pg_catalog.uuid"
	"  FROM " REPORTS_SQL
	"  JOIN %1$s.lessons AS l ON l.id OPERATOR(pg_catalog.=) r.lesson_id"
	"  JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id"
	" CROSS JOIN LATERAL (" PROGRESS_SQL ") AS p"
	" WHERE p.completed OR NOT l.is_required"
	" ORDER BY m.course_id, l.id",
	BATCH_ARGTYPES
};

static char *
json_string(const JsonbValue *value, const char *key)
{
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a string", key)));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static Datum
json_integer(const JsonbValue *value, const char *key)
{
	Numeric		number;
	Numeric		whole;

	if (value->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a number", key)));

	number = value->val.numeric;
	whole = DatumGetNumeric(DirectFunctionCall2(numeric_trunc, NumericGetDatum(number),
												Int32GetDatum(0)));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number),
										  NumericGetDatum(whole))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %s is not an integer", key, numeric_normalize(number))));
	return DirectFunctionCall1(numeric_int4, NumericGetDatum(number));
}

static void
read_pair(Batch *batch, int i, const char *key, const JsonbValue *value)
{
	if (strcmp(key, "lesson_id") == 0)
		batch->lesson_ids[i] = DirectFunctionCall1(uuid_in,
												   CStringGetDatum(json_string(value, key)));
	else if (strcmp(key, "watched_pct") == 0)
		batch->watched_pcts[i] = json_integer(value, key);
	else if (strcmp(key, "position_seconds") == 0)
	{
		batch->no_position[i] = value->type == jbvNull;
		if (!batch->no_position[i])
			batch->positions[i] = json_integer(value, key);
	}
	else if (strcmp(key, "watched_at") == 0)
	{
		if (value->type != jbvNull)
			batch->times[i] = DirectFunctionCall3(timestamptz_in,
												  CStringGetDatum(json_string(value, key)),
												  ObjectIdGetDatum(InvalidOid),
												  Int32GetDatum(-1));
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown key \"%s\"", key)));
}

static void
require_key(bool found, const char *key)
{
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is missing", key)));
}

static void
read_report(Batch *batch, int i, JsonbContainer *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *key = NULL;
	bool		has_lesson = false;
	bool		has_pct = false;

	batch->times[i] = TimestampTzGetDatum(batch->now);
	batch->positions[i] = Int32GetDatum(0);
	batch->no_position[i] = true;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
		{
			read_pair(batch, i, key, &value);
			has_lesson |= strcmp(key, "lesson_id") == 0;
			has_pct |= strcmp(key, "watched_pct") == 0;
		}
	}

	require_key(has_lesson, "lesson_id");
	require_key(has_pct, "watched_pct");
	check_watched_pct(DatumGetInt32(batch->watched_pcts[i]));
	check_position(DatumGetInt32(batch->positions[i]));
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(batch->times[i])))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("watched_at is not a finite time")));
	if (DatumGetTimestampTz(batch->times[i]) > batch->now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("watched_at %s is in the future",
						timestamptz_to_str(DatumGetTimestampTz(batch->times[i])))));
}

/* Whatever is wrong with an element, also what a type's input says of it. */
static void
rethrow_malformed(MemoryContext context, int i)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("reports[%d]: %s", i, error->message),
			 errhint("A report is {\"lesson_id\": uuid, \"watched_pct\": 0..100, \"position_seconds\": integer, \"watched_at\": time}; the last two may be left out.")));
}

static void
read_element(Batch *batch, int i, const JsonbValue *element)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("not an object")));
		read_report(batch, i, element->val.binary.data);
	}
	PG_CATCH();
	{
		rethrow_malformed(context, i);
	}
	PG_END_TRY();
}

static int
compare_lessons(const void *a, const void *b, void *batch)
{
	Datum	   *ids = ((Batch *) batch)->lesson_ids;

	return memcmp(DatumGetUUIDP(ids[*(const int *) a]),
				  DatumGetUUIDP(ids[*(const int *) b]), UUID_LEN);
}

/* One report a lesson: of two, nobody could say in which order they count. */
static void
refuse_duplicates(Batch *batch)
{
	int		   *order = palloc(batch->size * sizeof(int));

	for (int i = 0; i < batch->size; i++)
		order[i] = i;
	qsort_arg(order, batch->size, sizeof(int), compare_lessons, batch);
	for (int i = 1; i < batch->size; i++)
		if (compare_lessons(&order[i - 1], &order[i], batch) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reports[%d] and reports[%d] are of the same lesson \"%s\"",
							Min(order[i - 1], order[i]), Max(order[i - 1], order[i]),
							uuid_text(batch->lesson_ids[order[i]])),
					 errhint("Send one report for each lesson, the latest with the highest watched_pct.")));
}

static Batch *
read_batch(Jsonb *reports)
{
	Batch	   *batch = palloc(sizeof(Batch));

	if (!JB_ROOT_IS_ARRAY(reports) || JB_ROOT_IS_SCALAR(reports))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reports is not a JSON array")));
	batch->size = JB_ROOT_COUNT(reports);
	if (batch->size < 1 || batch->size > MAX_REPORTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reports has %d elements; 1 to %d are possible",
						batch->size, MAX_REPORTS)));

	batch->now = GetCurrentTimestamp();
	for (int i = 0; i < batch->size; i++)
		read_element(batch, i, getIthJsonbValueFromContainer(&reports->root, i));
	refuse_duplicates(batch);
	return batch;
}

static Datum
array_of(Datum *elements, bool *nulls, int size, Oid type, int len, bool byval, char align)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(elements, nulls, 1, &size, &lower,
											  type, len, byval, align));
}

/* The arguments that all the queries of a batch take. */
static void
batch_values(Batch *batch, Datum user_id, Datum *values)
{
	values[0] = user_id;
	values[1] = array_of(batch->lesson_ids, NULL, batch->size,
						 UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	values[2] = array_of(batch->watched_pcts, NULL, batch->size,
						 INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[3] = array_of(batch->times, NULL, batch->size,
						 TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[4] = array_of(batch->positions, batch->no_position, batch->size,
						 INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[5] = Int32GetDatum(library_completion_threshold);
	values[6] = DirectFunctionCall7(make_interval,
									Int32GetDatum(0), Int32GetDatum(0), Int32GetDatum(0),
									Int32GetDatum(0), Int32GetDatum(0), Int32GetDatum(0),
									Float8GetDatum((double) library_heartbeat_interval));
}

/*
 * The number of a report that begins a lesson without a right to (rule R8), or
 * -1; one whose lesson does not exist is refused at once.
 */
static int
refused_report(const Call *call, const Batch *batch, Datum *values)
{
	bool		isnull;
	HeapTuple	row;
	TupleDesc	desc;
	int			number;

	if (query_execute(&refused, call->schema, values, NULL, false) == 0)
		return -1;

	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	number = (int) DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull)) - 1;
	if (!DatumGetBool(SPI_getbinval(row, desc, 2, &isnull)))
		missing_lesson(batch->lesson_ids[number]);
	return number;
}

/* Makes the rows that are not there; returns how many. */
static uint64
insert_missing(const Call *call, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;
	uint64		inserted = 0;

	PG_TRY();
	{
		inserted = query_execute(&insert_rows, call->schema, values, NULL, false);
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, call->user_id, (Datum) 0);
	}
	PG_END_TRY();

	return inserted;
}

static void
claim_courses(const Call *call, const Batch *batch, Datum *values, bool written)
{
	uint64		courses = query_execute(&courses_to_claim, call->schema, values, NULL, false);
	SPITupleTable *lessons = SPI_tuptable;

	for (uint64 i = 0; i < courses; i++)
	{
		bool		isnull;
		Datum		lesson_id = SPI_getbinval(lessons->vals[i], lessons->tupdesc, 1, &isnull);

		claim_completion(call->schema, call->user_id, lesson_id, batch->now, written);
	}
}

/* Whether column number of any row of the last query is true. */
static bool
any_row(int number)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
										  number, &isnull);

		if (!isnull && DatumGetBool(value))
			return true;
	}
	return false;
}

/*
 * Writes what is new; returns whether a lesson is optional.  Looking comes
 * first because it tells what there is to do.  As for a single report, the
 * rows come before the verdict.
 */
static bool
write_news(const Call *call, const Batch *batch, Datum *values, bool *written)
{
	bool		all_there = query_execute(&look_at_rows, call->schema, values, NULL, false) == batch->size;
	bool		news = any_row(1);
	bool		optional = any_row(2);

	if (!all_there)
	{
		int			number = refused_report(call, batch, values);

		*written |= insert_missing(call, values) > 0;
		if (number >= 0)
			not_enrolled(call->user_id, batch->lesson_ids[number]);
	}
	if (news || !all_there)
		*written |= query_execute(&advance_rows, call->schema, values, NULL, false) > 0;
	return optional || !all_there;
}

/*
 * Records the reports; returns their rows, in the order of the reports, whether
 * anything was written, and whether a course may be completed now.
 */
static SPITupleTable *
record_batch(const Call *call, const Batch *batch, Datum *values, bool *written, bool *may_claim)
{
	*written = false;
	for (int attempts = 10; attempts > 0; attempts--)
	{
		bool		optional;

		CHECK_FOR_INTERRUPTS();
		optional = write_news(call, batch, values, written);

		/* Less when a row was deleted meanwhile. */
		if (query_execute(&read_rows, call->schema, values, NULL, false) < batch->size)
			continue;
		*may_claim = optional || any_row(2);
		return SPI_tuptable;
	}

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the progress of user \"%s\" can be neither read nor written",
					uuid_text(call->user_id)),
			 errhint("Look for a policy or trigger of your own on content_progress that hides rows.")));
}

/* Returns a row that SPI has read, a composite value, as a row of the result. */
static void
return_row(ReturnSetInfo *result, HeapTuple spi_row, TupleDesc desc)
{
	bool		isnull;
	HeapTupleHeader row = DatumGetHeapTupleHeader(SPI_getbinval(spi_row, desc, 1, &isnull));
	HeapTupleData tuple = {0};

	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	tuplestore_puttuple(result->setResult, &tuple);
}

PG_FUNCTION_INFO_V1(record_progress_batch);

Datum
record_progress_batch(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Batch	   *batch = read_batch(DatumGetJsonbP(required_arg(fcinfo, 0, "reports")));
	Datum		values[7];
	Call		call;
	SPITupleTable *rows;
	bool		written;
	bool		may_claim;

	PreventCommandIfReadOnly("record_progress_batch()");
	InitMaterializedSRF(fcinfo, 0);

	call_begin(&call, fcinfo, 1);
	call_lock_user(&call);
	batch_values(batch, call.user_id, values);
	rows = record_batch(&call, batch, values, &written, &may_claim);
	if (may_claim)
		claim_courses(&call, batch, values, written);
	for (int i = 0; i < batch->size; i++)
		return_row(result, rows->vals[i], rows->tupdesc);
	call_end(&call);

	return (Datum) 0;
}
