/* course.c: what is asked of a course: its completion, the next lesson, whether it is there. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "caller.h"
#include "course.h"
#include "library.h"
#include "plans.h"

/* The lessons l of course $1 with the learner's progress p, as there are now. */
#define COURSE_LESSONS_SQL \
	" %1$s.modules AS m" \
	"  JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id" \
	PROGRESS_BY_KEY_SQL("$2", "l.id") \
	" WHERE m.course_id OPERATOR(pg_catalog.=) c.id"

/* No row, in each of them: the caller sees no such course. */

static const LibraryQuery completion = {
	"SELECT (SELECT %1$s.content_library_percentage("
	"                 pg_catalog.count(*) FILTER (WHERE p.completed), pg_catalog.count(*))"
	"          FROM " COURSE_LESSONS_SQL " AND l.is_required)"
	"  FROM %1$s.courses AS c"
	" WHERE c.id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery next_unfinished = {
	"SELECT (SELECT l.id::pg_catalog.uuid"
	"          FROM " COURSE_LESSONS_SQL
	"           AND l.is_required AND p.completed IS NOT TRUE"
	COURSE_ORDER_SQL " LIMIT 1)"
	"  FROM %1$s.courses AS c"
	" WHERE c.id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery visible_course = {
	"SELECT FROM %1$s.courses AS c WHERE c.id OPERATOR(pg_catalog.=) $1",
	1, {UUIDOID}
};

static const LibraryQuery percentage = {
	"SELECT %1$s.content_library_percentage($1, $2)",
	2, {INT8OID, INT8OID}
};

/* The percentage of completed among required lessons, by its one definition; inside SPI. */
Datum
course_percentage(const char *schema, int64 completed, int64 required, bool *isnull)
{
	Datum		counts[] = {Int64GetDatum(completed), Int64GetDatum(required)};

	query_execute(&percentage, schema, counts, NULL, true);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* Refuses a course that the caller does not see; inside SPI. */
void
require_course(const char *schema, Datum course_id)
{
	if (query_execute(&visible_course, schema, &course_id, NULL, true) == 0)
		missing_course(course_id);
}

/* Answers a question about course and learner, the first two arguments, by a query. */
static Datum
answer(FunctionCallInfo fcinfo, const LibraryQuery *query, bool byval, int len)
{
	Datum		values[2];
	Datum		result;
	Call		call;

	values[0] = required_arg(fcinfo, 0, "course_id");
	call_begin(&call, fcinfo, 1);
	values[1] = call.user_id;
	if (query_execute(query, call.schema, values, NULL, true) == 0)
		missing_course(values[0]);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &fcinfo->isnull);
	if (!fcinfo->isnull)
		result = SPI_datumTransfer(result, byval, len);
	call_end(&call);
	return result;
}

PG_FUNCTION_INFO_V1(course_completion);

Datum
course_completion(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, &completion, true, sizeof(int32));
}

PG_FUNCTION_INFO_V1(next_lesson);

Datum
next_lesson(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, &next_unfinished, false, UUID_LEN);
}
