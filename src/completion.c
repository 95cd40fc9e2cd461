/* completion.c: course_completion(), the percentage of a course (rules R4 to R6). */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "caller.h"
#include "library.h"
#include "plans.h"

/* No row: no such course.  The lessons counted are the ones there are now. */
static const LibraryQuery course_counts = {
	"SELECT pg_catalog.count(l.id),"
	"       pg_catalog.count(l.id) FILTER (WHERE p.completed)"
	"  FROM %1$s.courses AS c"
	"  LEFT JOIN (%1$s.modules AS m"
	"             JOIN %1$s.lessons AS l"
	"               ON l.module_id OPERATOR(pg_catalog.=) m.id AND l.is_required)"
	"    ON m.course_id OPERATOR(pg_catalog.=) c.id"
	"  LEFT JOIN %1$s.content_progress AS p"
	"    ON p.user_id OPERATOR(pg_catalog.=) $2"
	"   AND p.lesson_id OPERATOR(pg_catalog.=) l.id"
	" WHERE c.id OPERATOR(pg_catalog.=) $1"
	" GROUP BY c.id",
	2, {UUIDOID, UUIDOID}
};

static int64
count_column(int number)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, number, &isnull));
}

PG_FUNCTION_INFO_V1(course_completion);

Datum
course_completion(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Call		call;
	Datum		values[2];
	int64		required;
	int64		completed;

	call_begin(&call, fcinfo, 1);
	values[0] = course_id;
	values[1] = call.user_id;
	if (query_execute(&course_counts, call.schema, values, NULL, true) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("course \"%s\" does not exist", uuid_text(course_id)),
				 errdetail("For a learner, an unpublished course does not exist.")));
	required = count_column(1);
	completed = count_column(2);
	call_end(&call);

	if (required == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) (100 * completed / required));
}
