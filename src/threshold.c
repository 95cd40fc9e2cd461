/* threshold.c: completion_threshold(), the bar of a lesson. */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "course.h"
#include "library.h"
#include "plans.h"
#include "threshold.h"

/* No row: the caller sees no such lesson, or not its course. */
static const LibraryQuery lesson_threshold = {
	"SELECT " THRESHOLD_SQL("$2")
	"  FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	" WHERE l.id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, INT4OID}
};

PG_FUNCTION_INFO_V1(completion_threshold);

Datum
completion_threshold(PG_FUNCTION_ARGS)
{
	Datum		lesson_id = required_arg(fcinfo, 0, "lesson_id");
	char	   *schema = library_schema(fcinfo);
	Datum		values[] = {lesson_id, Int32GetDatum(library_completion_threshold)};
	Datum		threshold;

	SPI_connect();
	if (query_execute(&lesson_threshold, schema, values, NULL, true) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("lesson \"%s\" does not exist", uuid_text(lesson_id)),
				 errdetail("For a learner, a lesson of an unpublished course does not exist.")));
	threshold = query_value();
	SPI_finish();

	PG_RETURN_DATUM(threshold);
}
