/* guards.c: what the SQL functions ask first, for an error where they would answer nothing. */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "caller.h"
#include "library.h"
#include "plans.h"

static const LibraryQuery visible_course = {
	"SELECT FROM %1$s.courses AS c WHERE c.id OPERATOR(pg_catalog.=) $1",
	1, {UUIDOID}
};

/* The user whose rows a call is about: the argument, or the one signed in. */
PG_FUNCTION_INFO_V1(content_library_user);

Datum
content_library_user(PG_FUNCTION_ARGS)
{
	Call		call;
	Datum		user_id;

	call_begin(&call, fcinfo, 0);
	user_id = SPI_datumTransfer(call.user_id, false, UUID_LEN);
	call_end(&call);
	return user_id;
}

/* The argument, if it is a course that the caller sees. */
PG_FUNCTION_INFO_V1(content_library_course);

Datum
content_library_course(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	char	   *schema = library_schema(fcinfo);

	SPI_connect();
	if (query_execute(&visible_course, schema, &course_id, NULL, true) == 0)
		missing_course(course_id);
	SPI_finish();
	return course_id;
}

/* The argument, if it is a number of rows that one can ask for. */
PG_FUNCTION_INFO_V1(content_library_max_rows);

Datum
content_library_max_rows(PG_FUNCTION_ARGS)
{
	int32		max_rows = DatumGetInt32(required_arg(fcinfo, 0, "max_rows"));

	if (max_rows <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows %d is not positive", max_rows)));
	PG_RETURN_INT64(max_rows);
}
