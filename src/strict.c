/* strict.c: content_library_strict(): whether learners write only through functions. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "call.h"

/*
 * What learners may write directly.  Strict mode is only the lack of these grants, which a
 * dump keeps.  The policies "Strict: ..." ask whether they are there.
 */
static const struct
{
	const char *privileges;
	const char *table;
}			direct_writes[] = {
	{"INSERT, UPDATE, DELETE", "content_progress"},
	{"INSERT (id, user_id, course_id, enrolled_at)", "enrollments"},
};

/*
 * By name, because the server has no other way.  Somebody can put another table under the
 * name, but gains nothing: it runs as our tables' owner, who has no right to grant on it.
 */
static void
grant_or_revoke(const Library *library, bool enabled)
{
	for (int i = 0; i < lengthof(direct_writes); i++)
	{
		char	   *sql = psprintf("%s %s ON %s.%s %s authenticated",
								   enabled ? "REVOKE" : "GRANT", direct_writes[i].privileges,
								   quote_identifier(library->schema_name), direct_writes[i].table,
								   enabled ? "FROM" : "TO");
		int			code = SPI_execute(sql, false, 0);

		if (code != SPI_OK_UTILITY)
			elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	}
}

/* Whether learners can write directly, also by a grant to PUBLIC or to another role. */
bool
may_write_progress(const Library *library)
{
	return pg_class_aclcheck(library_relation(library, "content_progress"),
							 get_role_oid("authenticated", false), ACL_INSERT) == ACLCHECK_OK;
}

PG_FUNCTION_INFO_V1(content_library_strict);

/* The grants are everything: there is no setting that could say something else. */
Datum
content_library_strict(PG_FUNCTION_ARGS)
{
	bool		enabled = DatumGetBool(required_arg(fcinfo, 0, "enabled"));
	Library		library;
	Boundary	boundary;

	PreventCommandIfReadOnly("content_library_strict()");
	library_find(&library, fcinfo->flinfo->fn_oid);
	require_owner(&library, "content_library_strict()");

	/* As the owner, and not with the rights of a superuser who may call it: see above. */
	SPI_connect();
	become_owner(&boundary, &library);
	pin_search_path();
	grant_or_revoke(&library, enabled);
	become_caller(&boundary);
	SPI_finish();

	/* Makes the new grants visible to the question whether they had any effect. */
	CommandCounterIncrement();
	if (may_write_progress(&library) == enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("learners %s write content_progress directly", enabled ? "can still" : "still cannot"),
				 errdetail("PUBLIC, or another role that \"authenticated\" is a member of, may have the right to."),
				 errhint("content_library_check() says who has what.")));
	PG_RETURN_VOID();
}
