/* threshold.c: completion_threshold(), how much of a lesson completes it. */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "course.h"
#include "content_library.h"
#include "result.h"
#include "rules.h"

/* No row if the lesson does not exist. */
static const LibraryQuery lesson_threshold = {
	"SELECT " THRESHOLD_SQL("$2") ", c.id"
	"  FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	" WHERE l.id = $1",
	2, {UUIDOID, INT4OID}
};

PG_FUNCTION_INFO_V1(completion_threshold);

/* Not about a user: the threshold is the same for all who see the course. */
Datum
completion_threshold(PG_FUNCTION_ARGS)
{
	Datum		lesson_id = required_arg(fcinfo, 0, "lesson_id");
	Datum		values[] = {lesson_id, Int32GetDatum(library_completion_threshold)};
	bool		seen = false;
	int32		threshold = 0;
	Call		call;

	call_begin(&call, fcinfo);
	if (query_execute(&call.library, &lesson_threshold, values, NULL, true) > 0)
	{
		Datum		course_id = result_value(0, 2, UUIDOID);

		threshold = result_int32(0, 1);
		seen = sees_course(&call, course_id);
	}
	/* A course that the caller does not see is as good as none. */
	if (!seen)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("lesson \"%s\" does not exist", uuid_text(lesson_id)),
				 errdetail("For a learner, a lesson of an unpublished course does not exist.")));
	call_end(&call);

	PG_RETURN_INT32(threshold);
}
