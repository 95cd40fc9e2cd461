/* lists.c: what comes as rows: a learner's courses, what to continue, the reports on a course. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "caller.h"
#include "course.h"
#include "library.h"
#include "plans.h"

static const LibraryQuery courses_of_learner = {
	" SELECT c.id, c.title, e.enrolled_at, e.completed_at"
	" FROM %1$s.enrollments AS e"
	" JOIN %1$s.courses AS c ON c.id OPERATOR(pg_catalog.=) e.course_id"
	" WHERE e.user_id OPERATOR(pg_catalog.=) $1"
	" ORDER BY e.enrolled_at, c.id",
	1, {UUIDOID}
};

/*
 * In no order: of a thousand lessons a few are the first, and none is shown.
 * OFFSET 0 has the learner's progress read at once, for most of it is wanted,
 * and not lesson by lesson.
 */
static const LibraryQuery lessons_of_learner = {
	" SELECT e.course_id, m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id,"
	"   l.is_required, p.completed, p.last_watched"
	" FROM %1$s.enrollments AS e"
	" JOIN %1$s.modules AS m ON m.course_id OPERATOR(pg_catalog.=) e.course_id"
	" JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id"
	" LEFT JOIN ("
	"   SELECT p.lesson_id, p.completed, p.last_watched"
	"   FROM %1$s.content_progress AS p"
	"   WHERE p.user_id OPERATOR(pg_catalog.=) $1 OFFSET 0) AS p"
	"   ON p.lesson_id OPERATOR(pg_catalog.=) l.id"
	" WHERE e.user_id OPERATOR(pg_catalog.=) $1",
	1, {UUIDOID}
};

/* Sorted first: only what is returned is looked up, whatever a learner has begun. */
static const LibraryQuery begun_lessons = {
	" SELECT l.course_id, l.course_title, p.lesson_id, l.title, p.watched_pct, p.position_seconds, l.duration_seconds, p.last_watched"
	" FROM (SELECT p.lesson_id, p.watched_pct, p.position_seconds, p.last_watched"
	"         FROM %1$s.content_progress AS p"
	"        WHERE p.user_id OPERATOR(pg_catalog.=) $1"
	"          AND NOT p.completed"
	"        ORDER BY p.last_watched DESC, p.lesson_id OFFSET 0) AS p"
	" CROSS JOIN LATERAL ("
	"   SELECT c.id AS course_id, c.title AS course_title, l.title, l.duration_seconds"
	"   FROM %1$s.lessons AS l"
	"   JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id"
	"   JOIN %1$s.courses AS c ON c.id OPERATOR(pg_catalog.=) m.course_id"
	"   WHERE l.id OPERATOR(pg_catalog.=) p.lesson_id OFFSET 0) AS l"
	" ORDER BY p.last_watched DESC, p.lesson_id"
	" LIMIT $2",
	2, {UUIDOID, INT4OID}
};

/* Counted in idx_content_progress_lesson_id alone. */
static const LibraryQuery learners_of_course = {
	" WITH required AS ("
	"   SELECT l.id"
	"   FROM %1$s.modules AS m"
	"   JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id"
	"   WHERE m.course_id OPERATOR(pg_catalog.=) $1"
	"     AND l.is_required"
	" ),"
	" completed AS ("
	"   SELECT p.user_id, pg_catalog.count(*) AS lessons"
	"   FROM required AS r"
	"   JOIN %1$s.content_progress AS p ON p.lesson_id OPERATOR(pg_catalog.=) r.id"
	"   WHERE p.completed"
	"   GROUP BY p.user_id"
	" )"
	" SELECT e.user_id,"
	"   n.required::pg_catalog.int4,"
	"   COALESCE(d.lessons, 0)::pg_catalog.int4,"
	"   %1$s.content_library_percentage(COALESCE(d.lessons, 0), n.required),"
	"   e.enrolled_at, e.completed_at"
	" FROM %1$s.enrollments AS e"
	" CROSS JOIN (SELECT pg_catalog.count(*) AS required FROM required) AS n"
	" LEFT JOIN completed AS d ON d.user_id OPERATOR(pg_catalog.=) e.user_id"
	" WHERE e.course_id OPERATOR(pg_catalog.=) $1"
	" ORDER BY e.enrolled_at, e.user_id",
	1, {UUIDOID}
};

static const LibraryQuery lessons_of_course = {
	" SELECT l.id, m.id, l.title, l.is_required, s.started, s.completed, s.average_pct"
	" FROM %1$s.modules AS m"
	" JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id"
	" CROSS JOIN LATERAL ("
	"   SELECT pg_catalog.count(*)::pg_catalog.int4 AS started,"
	"     pg_catalog.count(*) FILTER (WHERE p.completed)::pg_catalog.int4 AS completed,"
	"     pg_catalog.round(pg_catalog.avg(p.watched_pct), 1) AS average_pct"
	"   FROM %1$s.content_progress AS p"
	"   WHERE p.lesson_id OPERATOR(pg_catalog.=) l.id) AS s"
	" WHERE m.course_id OPERATOR(pg_catalog.=) $1"
	COURSE_ORDER_SQL,
	1, {UUIDOID}
};

/*
 * Returns the rows of a query.  Compiled it would take longer: one look-up
 * seems dear, and hides many cheap ones.
 */
static void
return_rows(FunctionCallInfo fcinfo, const LibraryQuery *query, const char *schema,
			const Datum *values, bool once)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DestReceiver *receiver = CreateTuplestoreDestReceiver();
	int			guc_level = NewGUCNestLevel();

	InitMaterializedSRF(fcinfo, 0);
	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory,
									false, NULL, NULL);
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	query_send(query, schema, values, once, receiver);
	AtEOXact_GUC(true, guc_level);
}

/* Where a lesson stands in its course: the columns of COURSE_ORDER_SQL. */
#define ORDER_COLUMNS 6

/* How far a learner has got in a course. */
typedef struct Tally
{
	pg_uuid_t	course_id;		/* must be first */
	int32		required;
	int32		completed;
	bool		begun;
	TimestampTz last_watched;	/* if begun */
	Datum	   *next;			/* ORDER_COLUMNS of the next lesson, or NULL */
} Tally;

/* Compares two lessons' places in COURSE_ORDER_SQL. */
static int
compare_places(const Datum *a, const Datum *b)
{
	static const PGFunction compare[ORDER_COLUMNS] = {
		btint4cmp, timestamp_cmp, uuid_cmp, btint4cmp, timestamp_cmp, uuid_cmp
	};
	int			result = 0;

	for (int i = 0; i < ORDER_COLUMNS && result == 0; i++)
		result = DatumGetInt32(DirectFunctionCall2(compare[i], a[i], b[i]));
	return result;
}

/* Adds a row of lessons_of_learner, whose columns after the first are given. */
static void
tally_lesson(Tally *tally, const Datum *values, const bool *nulls)
{
	const Datum *state = values + ORDER_COLUMNS;
	bool		begun = !nulls[ORDER_COLUMNS + 1];
	bool		completed = begun && DatumGetBool(state[1]);

	if (begun && (!tally->begun || DatumGetTimestampTz(state[2]) > tally->last_watched))
		tally->last_watched = DatumGetTimestampTz(state[2]);
	tally->begun |= begun;
	if (!DatumGetBool(state[0]))
		return;
	tally->required++;
	tally->completed += completed;
	if (completed || (tally->next != NULL && compare_places(values, tally->next) >= 0))
		return;
	if (tally->next == NULL)
		tally->next = palloc(ORDER_COLUMNS * sizeof(Datum));
	memcpy(tally->next, values, ORDER_COLUMNS * sizeof(Datum));
}

/* The tallies of a learner's courses, those with lessons. */
static HTAB *
tally_courses(const Call *call)
{
	HASHCTL		ctl = {.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(Tally), .hcxt = CurrentMemoryContext};
	HTAB	   *tallies = hash_create("courses of a learner", 32, &ctl,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	Datum	   *values;
	bool	   *nulls;

	query_execute(&lessons_of_learner, call->schema, (Datum *) &call->user_id, NULL, true);
	values = palloc(SPI_tuptable->tupdesc->natts * sizeof(Datum));
	nulls = palloc(SPI_tuptable->tupdesc->natts * sizeof(bool));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Tally	   *tally;
		bool		found;

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tally = hash_search(tallies, DatumGetPointer(values[0]), HASH_ENTER, &found);
		if (!found)
			memset((char *) tally + sizeof(pg_uuid_t), 0, sizeof(Tally) - sizeof(pg_uuid_t));
		tally_lesson(tally, values + 1, nulls + 1);
	}
	return tallies;
}

/* Returns a row of course_progress. */
static void
return_tally(ReturnSetInfo *result, const char *schema, const Tally *tally,
			 const Datum *course, const bool *isnull)
{
	Datum		values[] = {
		course[0], course[1],
		Int32GetDatum(tally->required), Int32GetDatum(tally->completed), 0,
		TimestampTzGetDatum(tally->last_watched),
		tally->next != NULL ? tally->next[ORDER_COLUMNS - 1] : (Datum) 0,
		course[2], course[3]
	};
	bool		nulls[] = {
		false, false, false, false, false,
		!tally->begun, tally->next == NULL, isnull[2], isnull[3]
	};

	values[4] = course_percentage(schema, tally->completed, tally->required, &nulls[4]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(course_progress);

Datum
course_progress(PG_FUNCTION_ARGS)
{
	static const Tally no_lessons;
	Call		call;
	HTAB	   *tallies;
	SPITupleTable *courses;
	uint64		count;

	call_begin(&call, fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	tallies = tally_courses(&call);
	count = query_execute(&courses_of_learner, call.schema, &call.user_id, NULL, true);
	courses = SPI_tuptable;
	for (uint64 i = 0; i < count; i++)
	{
		Datum		values[4];
		bool		nulls[4];
		const Tally *tally;

		heap_deform_tuple(courses->vals[i], courses->tupdesc, values, nulls);
		tally = hash_search(tallies, DatumGetPointer(values[0]), HASH_FIND, NULL);
		return_tally((ReturnSetInfo *) fcinfo->resultinfo, call.schema,
					 tally != NULL ? tally : &no_lessons, values, nulls);
	}
	call_end(&call);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(continue_watching);

Datum
continue_watching(PG_FUNCTION_ARGS)
{
	Datum		max_rows = required_arg(fcinfo, 0, "max_rows");
	Datum		values[2];
	Call		call;

	if (DatumGetInt32(max_rows) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows %d is not positive", DatumGetInt32(max_rows))));

	call_begin(&call, fcinfo, 1);
	values[0] = call.user_id;
	values[1] = max_rows;
	return_rows(fcinfo, &begun_lessons, call.schema, values, false);
	call_end(&call);
	return (Datum) 0;
}

/*
 * Returns the rows of a query about a course, argument 0, that the caller sees;
 * planned for this course, since they differ in size.
 */
static Datum
report(FunctionCallInfo fcinfo, const LibraryQuery *query)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	char	   *schema = library_schema(fcinfo);

	SPI_connect();
	require_course(schema, course_id);
	return_rows(fcinfo, query, schema, &course_id, true);
	SPI_finish();
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(course_report);

Datum
course_report(PG_FUNCTION_ARGS)
{
	return report(fcinfo, &learners_of_course);
}

PG_FUNCTION_INFO_V1(lesson_report);

Datum
lesson_report(PG_FUNCTION_ARGS)
{
	return report(fcinfo, &lessons_of_course);
}
