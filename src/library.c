/* library.c: loading, settings, and what every function asks about its call. */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "library.h"

PG_MODULE_MAGIC;

int			library_completion_threshold = 90;
int			library_heartbeat_interval = 15;

void		_PG_init(void);

void
_PG_init(void)
{
	/* PGC_SUSET: a learner must not lower the bar. */
	DefineCustomIntVariable("content_library.completion_threshold",
							"Percentage of a lesson that must be watched to complete it.",
							"Applies where neither the lesson nor its course has a threshold of its own.",
							&library_completion_threshold,
							90, 1, 100,
							PGC_SUSET, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("content_library.heartbeat_interval",
							"Time within which a report that changes nothing else is not written.",
							"0 writes every report.",
							&library_heartbeat_interval,
							15, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	MarkGUCPrefixReserved("content_library");
}

/* The name of the schema that the called function, and so the extension, is in. */
char *
library_schema(FunctionCallInfo fcinfo)
{
	char	   *schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));

	if (schema == NULL)
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	return schema;
}

/* An argument that must not be NULL. */
Datum
required_arg(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return PG_GETARG_DATUM(number);
}

char *
uuid_text(Datum uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}
