/* caller.c: whose rows a call is about (rule R7). */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "library.h"
#include "plans.h"

static const LibraryQuery auth_uid = {
	"SELECT auth.uid()", 0, {InvalidOid}
};

/* The signed-in user; isnull when nobody is. */
static Datum
signed_in_user(const char *schema, bool *isnull)
{
	Datum		uid;

	query_execute(&auth_uid, schema, NULL, NULL, true);
	uid = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	return *isnull ? uid : datumCopy(uid, false, UUID_LEN);
}

/*
 * Whether the current role may name a user other than the one signed in: the
 * service role, or a role that row-level security does not bind.
 */
static bool
acts_for_others(const char *schema)
{
	Oid			service_role = get_role_oid("service_role", true);
	Oid			progress;

	if (OidIsValid(service_role) && has_privs_of_role(GetUserId(), service_role))
		return true;

	progress = RangeVarGetRelid(makeRangeVar(pstrdup(schema), "content_progress", -1),
								NoLock, false);
	return check_enable_rls(progress, InvalidOid, true) != RLS_ENABLED;
}

/*
 * The user whose rows a call is about: the argument, or else the one signed
 * in.  Row-level security would merely hide another user's rows; a clear error
 * serves better than an answer made of nothing.
 */
Datum
caller_user(FunctionCallInfo fcinfo, int number, const char *schema)
{
	bool		named = !PG_ARGISNULL(number);
	bool		nobody;
	Datum		uid;

	if (named && acts_for_others(schema))
		return PG_GETARG_DATUM(number);

	uid = signed_in_user(schema, &nobody);

	if (!named && nobody)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("nobody is signed in and no user_id is given"),
				 errhint("Send the learner's JWT, or pass user_id as service_role.")));

	if (named && (nobody || !datumIsEqual(uid, PG_GETARG_DATUM(number), false, UUID_LEN)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("user_id \"%s\" is not the user signed in",
						uuid_text(PG_GETARG_DATUM(number))),
				 errhint("Leave user_id out, or call as service_role.")));

	return uid;
}
