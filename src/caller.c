/* caller.c: begins and ends a call, and finds out whose rows it is about (rule R7). */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/rls.h"

#include "caller.h"
#include "library.h"
#include "plans.h"

static const LibraryQuery auth_uid = {
	"SELECT auth.uid()::pg_catalog.uuid", 0, {InvalidOid}
};

/* The claim sub of a JWT's claims, NULL if there is none. */
static char *
subject_of(const char *claims)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		subject;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(claims);
	fcinfo->args[1].value = CStringGetTextDatum("sub");
	subject = json_object_field_text(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(subject);
}

/*
 * The policies ask auth.uid() up to five times in one statement, and it makes
 * jsonb of all the claims each time.  It looks first in the setting that had
 * the subject alone in older versions of PostgREST; so until call_end() that
 * has it again.
 */
static void
set_subject(void)
{
	const char *setting = "request.jwt.claim.sub";
	const char *claims = GetConfigOption("request.jwt.claims", true, false);
	const char *subject = GetConfigOption(setting, true, false);

	if ((subject != NULL && subject[0] != '\0') || claims == NULL || claims[0] == '\0')
		return;
	subject = subject_of(claims);
	if (subject != NULL)
		(void) set_config_option(setting, subject, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* The signed-in user; isnull when nobody is.  Nothing here relies on what auth.uid() returns. */
static Datum
signed_in_user(const char *schema, bool *isnull)
{
	Datum		uid;

	if (!OidIsValid(get_namespace_oid("auth", true)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nobody can be signed in: the schema \"auth\" does not exist"),
				 errhint("content_library attaches itself once auth.users and auth.uid() exist.")));

	if (query_execute(&auth_uid, schema, NULL, NULL, true) == 0)
	{
		*isnull = true;
		return (Datum) 0;
	}
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
	RangeVar   *progress;

	if (OidIsValid(service_role) && has_privs_of_role(GetUserId(), service_role))
		return true;

	progress = makeRangeVar(pstrdup(schema), "content_progress", -1);
	return check_enable_rls(RangeVarGetRelid(progress, NoLock, false),
							InvalidOid, true) != RLS_ENABLED;
}

/*
 * The user whose rows a call is about: the argument, or else the one signed
 * in.  Row-level security would merely hide another user's rows; a clear error
 * serves better than an answer made of nothing.
 */
static Datum
resolve_user(const char *schema, const NullableDatum *named, bool *for_other)
{
	bool		nobody;
	Datum		uid;

	*for_other = !named->isnull && acts_for_others(schema);
	if (*for_other)
		return named->value;

	set_subject();
	uid = signed_in_user(schema, &nobody);

	if (named->isnull && nobody)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("nobody is signed in and no user_id is given"),
				 errhint("Send the learner's JWT, or pass user_id as service_role.")));

	if (!named->isnull &&
		(nobody || !datumIsEqual(uid, named->value, false, UUID_LEN)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("user_id \"%s\" is not the user signed in",
						uuid_text(named->value)),
				 errhint("Leave user_id out, or call as service_role.")));

	return uid;
}

/*
 * Opens SPI; the argument numbered user_arg is the user_id that a call may
 * name, NO_USER_ARG where it may not.
 */
void
call_begin(Call *call, FunctionCallInfo fcinfo, int user_arg)
{
	static const NullableDatum none = {.isnull = true};
	const NullableDatum *named = user_arg == NO_USER_ARG ? &none : &fcinfo->args[user_arg];

	call->function = fcinfo->flinfo->fn_oid;
	call->schema = library_schema(fcinfo);
	call->guc_level = NewGUCNestLevel();
	SPI_connect();
	call->user_id = resolve_user(call->schema, named, &call->for_other);
}

/*
 * One batch, reset or completion of a learner at a time: a reset takes away
 * rows whose locks would have kept two batches in one order.
 */
void
call_lock_user(const Call *call)
{
	library_lock(hash_bytes_extended(DatumGetUUIDP(call->user_id)->data, UUID_LEN, 0),
				 ExclusiveLock);
}

/* Only after success: an error makes the server do the same. */
void
call_end(Call *call)
{
	SPI_finish();
	AtEOXact_GUC(true, call->guc_level);
}
