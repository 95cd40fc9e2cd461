/* course_reports.c: course_report(), course_summary() and lesson_report(), for an instructor's pages. */
#include "postgres.h"

#include "executor/tstoreReceiver.h"
#include "funcapi.h"

#include "utils/timestamp.h"

#include "course.h"
#include "direct_learners.h"
#include "result.h"
#include "staff.h"

/* The lessons of course $1, and whether each counts for the percentage. */
#define LESSONS_SQL \
	" WITH lessons AS MATERIALIZED (" \
	"   SELECT l.id, " COUNTS_SQL("l") " AS counts" \
	"   FROM %1$s.modules AS m" \
	"   JOIN %1$s.lessons AS l ON l.module_id = m.id" \
	"   WHERE m.course_id = $1" \
	" )"

/* What the report says of enrollment e, whose learner has completed d.completed of n.required lessons. */
#define LEARNER_SQL \
	" SELECT e.user_id," \
	"   n.required::int4," \
	"   COALESCE(d.completed, 0)::int4," \
	"   " PERCENTAGE_SQL(COALESCE(d.completed, 0), n.required) "," \
	"   e.enrolled_at, e.completed_at, d.last_watched"

/* The enrollments of the course that come after the time $2 and the learner $3; all if they are NULL. */
#define LATER_SQL \
	" WHERE e.course_id = $1" \
	"   AND ($2 IS NULL OR (e.enrolled_at, e.user_id) > ($2, $3))" \
	" ORDER BY e.enrolled_at, e.user_id"

/*
 * All learners.  Their progress is read lesson by lesson, and so found by the index on
 * lessons: OFFSET 0 keeps the planner from reading the whole table.
 */
static const LibraryQuery all_learners = {
	LESSONS_SQL
	", done AS ("
	"   SELECT p.user_id,"
	"     count(*) FILTER (WHERE p.completed AND l.counts) AS completed,"
	"     max(p.last_watched) AS last_watched"
	"   FROM lessons AS l"
	"   CROSS JOIN LATERAL ("
	"     SELECT p.user_id, p.completed, p.last_watched"
	"     FROM %1$s.content_progress AS p"
	"     WHERE p.lesson_id = l.id OFFSET 0) AS p"
	"   GROUP BY p.user_id"
	" )"
	LEARNER_SQL
	" FROM %1$s.enrollments AS e"
	" CROSS JOIN (SELECT count(*) FILTER (WHERE counts) AS required FROM lessons) AS n"
	" LEFT JOIN done AS d ON d.user_id = e.user_id"
	LATER_SQL,
	3, {UUIDOID, TIMESTAMPTZOID, UUIDOID}, .sizes_differ = true
};

/*
 * The lessons of a course, and those that count.  Other queries get them as constants: so the
 * planner knows how many they are, and how much progress they have.
 */
static const LibraryQuery lesson_ids = {
	LESSON_IDS_SQL("$1"), 1, {UUIDOID}
};

/* The learners of a page: $4 of a course that may have many more. */
#define PAGE_SQL \
	" SELECT e.user_id, e.enrolled_at, e.completed_at" \
	"   FROM %1$s.enrollments AS e" \
	LATER_SQL \
	"   LIMIT $4"

static const LibraryQuery page_alone = {
	PAGE_SQL, 4, {UUIDOID, TIMESTAMPTZOID, UUIDOID, INT4OID}, .sizes_differ = true
};

/* The same with their progress, where direct_learners.c cannot read it. */
static const LibraryQuery page_of_learners = {
	" WITH learners AS MATERIALIZED (" PAGE_SQL ")"
	LEARNER_SQL
	" FROM learners AS e"
	" CROSS JOIN (SELECT COALESCE(cardinality($6), 0) AS required) AS n"
	" CROSS JOIN LATERAL " DONE_BY_LEARNER_SQL("$5", "$6") " AS d"
	" ORDER BY e.enrolled_at, e.user_id",
	6, {UUIDOID, TIMESTAMPTZOID, UUIDOID, INT4OID, UUIDARRAYOID, UUIDARRAYOID}, .sizes_differ = true
};

static const LibraryQuery summary = {
	COURSE_SUMMARY_SQL("$1", "$2", "$3", PERCENTAGE_SQL(d.completed, n.required)),
	3, {UUIDOID, UUIDARRAYOID, UUIDARRAYOID}, .sizes_differ = true
};

static const LibraryQuery learners_of_summary = {
	SUMMARY_LEARNERS_SQL("$1"), 1, {UUIDOID}, .sizes_differ = true
};

/*
 * Of $2 learners, $3 have completed the course.  $4 were looked at, of whom $5 and $6 were active;
 * $8 of them have $7 percent together.
 */
static const LibraryQuery summary_of_sample = {
	COURSE_SUMMARY_OF_SQL("$1",
		"SELECT $2 AS learners, $3 AS completed",
		"SELECT $4 AS learners, $5 AS active_7_days, $6 AS active_30_days,"
		"       round($7::numeric / NULLIF($8, 0), 1) AS average_completion"),
	8, {UUIDOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}, .sizes_differ = true
};

/* Where a learner stands in the report. */
static const LibraryQuery place_of_learner = {
	"SELECT e.enrolled_at FROM %1$s.enrollments AS e WHERE e.course_id = $1 AND e.user_id = $2",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery lessons_of_course = {
	LESSON_REPORT_SQL("$1", "$2"),
	2, {UUIDOID, UUIDARRAYOID}, .sizes_differ = true
};

/*
 * Begins a report on a course.  Without JIT: the planner overestimates the lateral look-ups,
 * and compiling would cost more than the query.
 */
static void
begin_report(Call *call, FunctionCallInfo fcinfo, Datum course_id)
{
	call_begin_as_staff(call, fcinfo);
	require_staff(call, course_id, STAFF_VIEWER);
	set_until_caller("jit", "off");
}

/* Returns the rows of a query. */
static void
return_rows(FunctionCallInfo fcinfo, const Call *call, const LibraryQuery *query,
			const Datum *values, const char *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DestReceiver *receiver = CreateTuplestoreDestReceiver();

	InitMaterializedSRF(fcinfo, 0);
	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory,
									false, result->setDesc,
									"the tables of content_library were altered: see content_library_check()");
	query_send(&call->library, query, values, nulls, receiver);
}

/* Reads lesson_ids into two values, which are NULL if there are none. */
static void
find_lesson_ids(const Call *call, Datum course_id, Datum *values, char *nulls)
{
	bool		isnull;

	query_execute(&call->library, &lesson_ids, &course_id, NULL, true);
	for (int i = 0; i < 2; i++)
	{
		values[i] = result_nullable(0, i + 1, UUIDARRAYOID, &isnull);
		nulls[i] = isnull ? 'n' : ' ';
	}
}

/* The number of rows of a page; all rows if it is NULL. */
static Datum
max_rows_arg(FunctionCallInfo fcinfo)
{
	if (!PG_ARGISNULL(1) && PG_GETARG_INT32(1) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows %d is not positive", PG_GETARG_INT32(1))));
	return PG_GETARG_DATUM(1);
}

/* When the learner has enrolled after whom the page begins. */
static Datum
enrolled_at(const Call *call, Datum course_id, Datum user_id)
{
	Datum		values[] = {course_id, user_id};

	if (query_execute(&call->library, &place_of_learner, values, NULL, true) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("after \"%s\" is not enrolled in course \"%s\"",
						uuid_text(user_id), uuid_text(course_id)),
				 errhint("Name the user_id in the last row of the page before.")));
	return result_value(0, 1, TIMESTAMPTZOID);
}

/* A page that is read without SQL, but for who is on it. */
typedef struct ReportPage
{
	LearnerReader reader;
	ReturnSetInfo *result;
} ReportPage;

static void
add_to_page(void *to, const ResultRow *row)
{
	ReportPage *page = to;
	LearnerProgress learner = direct_learner_read(&page->reader, result_row_value(row, 0));
	bool		nulls[] = {false, false, false, false, row->nulls[1], row->nulls[2], learner.last_watched.isnull};
	Datum		values[] = {
		row->values[0], Int32GetDatum(page->reader.required_count), Int32GetDatum(learner.completed),
		course_percentage(learner.completed, page->reader.required_count, &nulls[3]),
		row->values[1], row->values[2], learner.last_watched.value
	};

	tuplestore_putvalues(page->result->setResult, page->result->setDesc, values, nulls);
}

/* As page_of_learners; false where SQL must do. */
static bool
return_page(FunctionCallInfo fcinfo, const Call *call, const Datum *values, const char *nulls)
{
	static const Oid types[] = {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	ReportPage	page = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	ResultReceiver receiver = result_receiver(lengthof(types), types, add_to_page, &page);

	if (!direct_learners_open(&page.reader, &call->library, values + 4, nulls + 4))
		return false;
	InitMaterializedSRF(fcinfo, 0);
	query_send(&call->library, &page_alone, values, nulls, &receiver.dest);
	direct_learners_close(&page.reader);
	return true;
}

PG_FUNCTION_INFO_V1(course_report);

Datum
course_report(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Datum		after = PG_GETARG_DATUM(2);
	Datum		values[6] = {course_id, 0, after, max_rows_arg(fcinfo)};
	char		nulls[] = {' ', 'n', 'n', ' ', ' ', ' '};
	Call		call;

	begin_report(&call, fcinfo, course_id);
	if (!PG_ARGISNULL(2))
	{
		values[1] = enrolled_at(&call, course_id, after);
		nulls[1] = nulls[2] = ' ';
	}
	if (PG_ARGISNULL(1))
		return_rows(fcinfo, &call, &all_learners, values, nulls);
	else
	{
		find_lesson_ids(&call, course_id, values + 4, nulls + 4);
		if (!return_page(fcinfo, &call, values, nulls))
			return_rows(fcinfo, &call, &page_of_learners, values, nulls);
	}
	call_end(&call);
	return (Datum) 0;
}

/* What a summary says of the learners whom it looks at. */
typedef struct Sample
{
	LearnerReader reader;
	int64		learners;
	int64		active_7_days;
	int64		active_30_days;
	int64		percentages;	/* their sum */
	int64		with_percentage;
} Sample;

static bool
is_active(const LearnerProgress *learner, int hours)
{
	return !learner->last_watched.isnull &&
		DatumGetTimestampTz(learner->last_watched.value) > GetCurrentTransactionStartTimestamp() - hours * USECS_PER_HOUR;
}

static void
add_to_sample(void *to, const ResultRow *row)
{
	Sample	   *sample = to;
	LearnerProgress learner = direct_learner_read(&sample->reader, result_row_value(row, 0));
	bool		isnull;
	Datum		percentage = course_percentage(learner.completed, sample->reader.required_count, &isnull);

	sample->learners++;
	sample->active_7_days += is_active(&learner, 168);
	sample->active_30_days += is_active(&learner, 720);
	if (isnull)
		return;
	sample->percentages += DatumGetInt32(percentage);
	sample->with_percentage++;
}

/* As "summary"; false where SQL must do. */
static bool
return_summary(FunctionCallInfo fcinfo, const Call *call, const Datum *values, const char *nulls)
{
	static const Oid types[] = {UUIDOID};
	Sample		sample = {0};
	ResultReceiver receiver = result_receiver(lengthof(types), types, add_to_sample, &sample);
	int64		learners;
	int64		completed;

	if (!direct_learners_open(&sample.reader, &call->library, values + 1, nulls + 1))
		return false;
	if (!direct_count_learners(&call->library, values[0], &learners, &completed))
	{
		direct_learners_close(&sample.reader);
		return false;
	}
	query_send(&call->library, &learners_of_summary, values, NULL, &receiver.dest);
	direct_learners_close(&sample.reader);
	return_rows(fcinfo, call, &summary_of_sample, (Datum[]) {
		values[0], Int64GetDatum(learners), Int64GetDatum(completed),
		Int64GetDatum(sample.learners), Int64GetDatum(sample.active_7_days), Int64GetDatum(sample.active_30_days),
		Int64GetDatum(sample.percentages), Int64GetDatum(sample.with_percentage)
	}, NULL);
	return true;
}

PG_FUNCTION_INFO_V1(course_summary);

/* Counting by an index alone never reads more than the course, however large its share is. */
Datum
course_summary(PG_FUNCTION_ARGS)
{
	Datum		values[3] = {required_arg(fcinfo, 0, "course_id")};
	char		nulls[] = {' ', ' ', ' '};
	Call		call;

	begin_report(&call, fcinfo, values[0]);
	find_lesson_ids(&call, values[0], values + 1, nulls + 1);
	set_until_caller("enable_seqscan", "off");
	set_until_caller("enable_bitmapscan", "off");
	if (!return_summary(fcinfo, &call, values, nulls))
		return_rows(fcinfo, &call, &summary, values, nulls);
	call_end(&call);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(lesson_report);

Datum
lesson_report(PG_FUNCTION_ARGS)
{
	Datum		values[3] = {required_arg(fcinfo, 0, "course_id")};
	char		nulls[] = {' ', ' ', ' '};
	Call		call;

	begin_report(&call, fcinfo, values[0]);
	find_lesson_ids(&call, values[0], values + 1, nulls + 1);
	return_rows(fcinfo, &call, &lessons_of_course, values, nulls);
	call_end(&call);
	return (Datum) 0;
}
