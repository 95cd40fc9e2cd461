/* course.c: course_completion(), next_lesson(), which courses a caller sees, and the order of lessons. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "course.h"
#include "direct_completion.h"
#include "result.h"

/* The lessons l of course c that count, with the progress p of learner $2 on each. */
#define COUNTED_LESSONS_SQL \
	" %1$s.modules AS m" \
	"  JOIN %1$s.lessons AS l ON l.module_id = m.id" \
	PROGRESS_BY_KEY_SQL("$2", "l.id") \
	" WHERE m.course_id = c.id AND " COUNTS_SQL("l")

/* No row if the course does not exist; NULL if it has no required lessons. */
static const LibraryQuery completion = {
	"SELECT (SELECT " PERCENTAGE_SQL(count(*) FILTER (WHERE p.completed), count(*))
	"          FROM " COUNTED_LESSONS_SQL ")"
	"  FROM %1$s.courses AS c"
	" WHERE c.id = $1",
	2, {UUIDOID, UUIDOID}
};

/*
 * No row if the course does not exist; NULL if no lesson is left that may be watched.  The
 * lessons are put in order before those that may not be watched are left out.
 */
static const LibraryQuery next_unfinished = {
	"SELECT (SELECT r.id"
	"          FROM (SELECT l.id, p.completed,"
	"                       row_number() OVER (ORDER BY " LESSON_PLACE_SQL("m", "l") ") AS place,"
	"                       " REFUSAL_SQL(NO_ACCESS_SQL("$3"), "p.id IS NOT NULL", EARLIER_IN_LIST_SQL) " AS refusal"
	"                  FROM " COUNTED_LESSONS_SQL ") AS r"
	"         WHERE r.completed IS NOT TRUE AND r.refusal IS NULL"
	"         ORDER BY r.place LIMIT 1)"
	"  FROM %1$s.courses AS c"
	ENROLLMENT_SQL("$2")
	" WHERE c.id = $1",
	3, {UUIDOID, UUIDOID, BOOLOID}
};

/*
 * Whether the caller sees a course.  Names and operators are qualified, because it runs with
 * the caller's search_path.
 */
static const LibraryQuery seen_course = {
	"SELECT FROM %1$s.courses AS c WHERE c.id OPERATOR(pg_catalog.=) $1",
	1, {UUIDOID}, .as_caller = true
};

/*
 * Which of these courses the caller sees, by their numbers from 1.  All names are
 * qualified, because it runs with the caller's search_path.
 */
static const LibraryQuery seen_courses = {
	"SELECT r.number"
	"  FROM %1$s.courses AS c"
	"  JOIN pg_catalog.unnest($1) WITH ORDINALITY AS r (id, number)"
	"    ON r.id OPERATOR(pg_catalog.=) c.id",
	1, {UUIDARRAYOID}, .as_caller = true
};

/* Compares the places of two lessons in their course, or the first so many columns, as the server would. */
int
compare_places(const Datum *a, const Datum *b, int columns)
{
	static const PGFunction compare[PLACE_COLUMNS] = {
		btint4cmp, timestamp_cmp, uuid_cmp, btint4cmp, timestamp_cmp, uuid_cmp
	};
	int			result = 0;

	for (int i = 0; i < columns && result == 0; i++)
		result = DatumGetInt32(DirectFunctionCall2(compare[i], a[i], b[i]));
	return result;
}

/* A course's percentage from counts; NULL if nothing is required (R5). */
Datum
course_percentage(int64 completed, int64 required, bool *isnull)
{
	*isnull = required == 0;
	return *isnull ? (Datum) 0 : Int32GetDatum((int32) PERCENTAGE(completed, required));
}

/*
 * Whether the caller sees a course.  Row-level security decides, so that a platform's own
 * policies on courses hold in every function.  The result of the last query stays.
 */
bool
sees_course(Call *call, Datum course_id)
{
	SPITupleTable *last_table = SPI_tuptable;
	uint64		last_processed = SPI_processed;
	bool		seen = call_query_as_caller(call, &seen_course, &course_id) > 0;

	SPI_tuptable = last_table;
	SPI_processed = last_processed;
	return seen;
}

/* The same for many courses in one query. */
void
see_courses(Call *call, Datum *course_ids, int count, bool *seen)
{
	Datum		ids = uuid_array(course_ids, count);
	SPITupleTable *last_table = SPI_tuptable;
	uint64		last_processed = SPI_processed;
	uint64		rows;

	memset(seen, 0, count * sizeof(bool));
	rows = call_query_as_caller(call, &seen_courses, &ids);
	for (uint64 row = 0; row < rows; row++)
		seen[DatumGetInt64(result_value(row, 1, INT8OID)) - 1] = true;
	SPI_tuptable = last_table;
	SPI_processed = last_processed;
}

/* Refuses a course that the caller does not see. */
void
require_course(Call *call, Datum course_id)
{
	if (!sees_course(call, course_id))
		missing_course(course_id);
}

/* The values of a question about a course and a learner. */
enum
{
	COURSE, LEARNER, NAMED, VALUES
};

/* Begins a call that asks such a question, of a course that the caller sees. */
static void
begin_question(Call *call, FunctionCallInfo fcinfo, Datum *values)
{
	values[COURSE] = required_arg(fcinfo, 0, "course_id");
	call_begin_as_user(call, fcinfo, 1);
	values[LEARNER] = call->user_id;
	values[NAMED] = BoolGetDatum(call->named);
	require_course(call, values[COURSE]);
}

/* Answers it by a query. */
static Datum
ask(Call *call, FunctionCallInfo fcinfo, const LibraryQuery *query, Datum *values, Oid type)
{
	Datum		result;

	if (query_execute(&call->library, query, values, NULL, true) == 0)
		missing_course(values[COURSE]);
	result = result_nullable(0, 1, type, &fcinfo->isnull);
	if (!fcinfo->isnull)
		result = SPI_datumTransfer(result, get_typbyval(type), get_typlen(type));
	return result;
}

PG_FUNCTION_INFO_V1(course_completion);

Datum
course_completion(PG_FUNCTION_ARGS)
{
	Datum		values[VALUES];
	Datum		result;
	int64		completed;
	int64		required;
	Call		call;

	begin_question(&call, fcinfo, values);
	if (direct_count_lessons(&call.library, values[COURSE], values[LEARNER], &completed, &required))
		result = course_percentage(completed, required, &fcinfo->isnull);
	else
		result = ask(&call, fcinfo, &completion, values, INT4OID);
	call_end(&call);
	return result;
}

PG_FUNCTION_INFO_V1(next_lesson);

Datum
next_lesson(PG_FUNCTION_ARGS)
{
	Datum		values[VALUES];
	Datum		result;
	Call		call;

	begin_question(&call, fcinfo, values);
	result = ask(&call, fcinfo, &next_unfinished, values, UUIDOID);
	call_end(&call);
	return result;
}
