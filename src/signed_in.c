/* signed_in.c: the signed-in user, as auth.uid() says. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "claims.h"
#include "plans.h"
#include "result.h"
#include "signed_in.h"

static const LibraryQuery auth_uid = {
	"SELECT auth.uid()::pg_catalog.uuid", 0, {InvalidOid}, .as_caller = true
};

/* The body of Supabase's auth.uid(), without white space. */
static const char *const supabase_body =
"selectcoalesce("
"nullif(current_setting('request.jwt.claim.sub',true),''),"
"(nullif(current_setting('request.jwt.claims',true),'')::jsonb->>'sub')"
")::uuid";

/* Whether a text is the body, but for white space outside of quotes. */
static bool
is_supabase_body(const char *text)
{
	const char *expected = supabase_body;
	bool		quoted = false;

	for (; *text != '\0'; text++)
	{
		if (!quoted && scanner_isspace(*text))
			continue;
		quoted ^= *text == '\'';
		if ((quoted ? (unsigned char) *text : pg_ascii_tolower((unsigned char) *text)) !=
			(unsigned char) *expected++)
			return false;
	}
	return *expected == '\0';
}

static bool
has_supabase_text(HeapTuple function)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(function);
	bool		no_settings;
	bool		isnull;
	Datum		body;

	(void) SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proconfig, &no_settings);
	body = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_prosrc, &isnull);
	return form->prolang == SQLlanguageId && !form->prosecdef && no_settings && !isnull &&
		form->prorettype == UUIDOID && !form->proretset &&
		is_supabase_body(TextDatumGetCString(body));
}

/*
 * Whether auth.uid() is Supabase's own, and the caller may call it.  Its text is read once for
 * each version of its row in pg_proc, by which the server's languages know a function, too:
 * whoever owns auth may have replaced it.
 */
static bool
is_supabase_function(HeapTuple function)
{
	static Oid	known = InvalidOid;
	static TransactionId xmin;
	static ItemPointerData tid;
	static bool result;
	Oid			oid = ((Form_pg_proc) GETSTRUCT(function))->oid;

	if (known != oid || xmin != HeapTupleHeaderGetRawXmin(function->t_data) ||
		!ItemPointerEquals(&tid, &function->t_self))
	{
		known = InvalidOid;
		result = has_supabase_text(function);
		xmin = HeapTupleHeaderGetRawXmin(function->t_data);
		tid = function->t_self;
		known = oid;
	}
	return result &&
		object_aclcheck(ProcedureRelationId, oid, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
}

static bool
is_supabase(Oid schema)
{
	oidvector  *no_args = buildoidvector(NULL, 0);
	HeapTuple	function = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum("uid"),
										   PointerGetDatum(no_args), ObjectIdGetDatum(schema));
	bool		result;

	if (!HeapTupleIsValid(function))
		return false;
	result = is_supabase_function(function);
	ReleaseSysCache(function);
	return result;
}

static const char *
setting(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* The subject of these claims, as the server's own function finds it; NULL if there is none. */
static const char *
any_subject(const char *claims)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		found;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(claims);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = CStringGetTextDatum("sub");
	fcinfo->args[1].isnull = false;
	found = json_object_field_text(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(found);
}

/*
 * What Supabase's auth.uid() answers.  It makes jsonb of all claims to find the subject, and
 * that would be half of what a heartbeat takes.
 */
static Datum
supabase_user(bool *isnull)
{
	const char *subject = setting("request.jwt.claim.sub");
	const char *claims = setting("request.jwt.claims");

	if (subject == NULL && claims != NULL)
	{
		subject = plain_subject(claims);
		if (subject == NULL)
			subject = any_subject(claims);
	}
	*isnull = subject == NULL;
	return *isnull ? (Datum) 0 : DirectFunctionCall1(uuid_in, CStringGetDatum(subject));
}

/* What any other auth.uid() answers. */
static Datum
other_user(const Library *library, bool *isnull)
{
	Datum		uid;

	*isnull = true;
	if (query_execute(library, &auth_uid, NULL, NULL, true) == 0)
		return (Datum) 0;
	uid = result_nullable(0, 1, UUIDOID, isnull);
	return *isnull ? uid : datumCopy(uid, false, UUID_LEN);
}

/*
 * The signed-in user; isnull when nobody is.  Asked as the caller, inside SPI;
 * nothing overrules the answer.
 */
Datum
signed_in_user(const Library *library, bool *isnull)
{
	Oid			schema = LookupExplicitNamespace("auth", true);

	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nobody can be signed in: the schema \"auth\" does not exist"),
				 errhint("content_library attaches itself once auth.users and auth.uid() exist.")));
	return is_supabase(schema) ? supabase_user(isnull) : other_user(library, isnull);
}
