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
	const char *table;
	const char *granted;
	const char *revoked;		/* of the whole table, and so of each column */
	AclMode		mode;
}			direct_writes[] = {
	{"content_progress", "INSERT, UPDATE, DELETE", "INSERT, UPDATE, DELETE", ACL_INSERT | ACL_UPDATE | ACL_DELETE},
	{"enrollments", "INSERT (id, user_id, course_id, enrolled_at)", "INSERT", ACL_INSERT},
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
								   enabled ? "REVOKE" : "GRANT",
								   enabled ? direct_writes[i].revoked : direct_writes[i].granted,
								   quote_identifier(library->schema_name), direct_writes[i].table,
								   enabled ? "FROM" : "TO");
		int			code = SPI_execute(sql, false, 0);

		if (code != SPI_OK_UTILITY)
			elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	}
}

/* Whether learners can write directly, as the policies ask it. */
bool
may_write_progress(const Library *library)
{
	return pg_class_aclcheck(library_relation(library, "content_progress"),
							 get_role_oid("authenticated", false), ACL_INSERT) == ACLCHECK_OK;
}

/* Whether learners can write a table, or a column of it, also by a grant to PUBLIC or to another role. */
static bool
may_write(Oid relation, AclMode mode)
{
	Oid			learners = get_role_oid("authenticated", false);

	return pg_class_aclcheck(relation, learners, mode) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relation, learners, mode, ACLMASK_ANY) == ACLCHECK_OK;
}

static void
require_effect(const Library *library, bool enabled)
{
	for (int i = 0; i < lengthof(direct_writes); i++)
		if (may_write(library_relation(library, direct_writes[i].table), direct_writes[i].mode) == enabled)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("learners %s write %s directly", enabled ? "can still" : "still cannot",
							direct_writes[i].table),
					 errdetail("PUBLIC, or another role that \"authenticated\" is a member of, may have the right to."),
					 errhint("content_library_check() says who has what.")));
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
	require_effect(&library, enabled);
	PG_RETURN_VOID();
}
