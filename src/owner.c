/* owner.c: the one narrow place where this library acts as the owner of its tables. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "owner.h"

/* The role that owns the enrollments. */
static Oid
enrollments_owner(const char *schema)
{
	Oid			relation = get_relname_relid("enrollments", get_namespace_oid(schema, false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for the table enrollments");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * A learner may not write enrollments.completed_at, so it is written as the
 * owner of the table, as the server's own foreign keys do: in a
 * security-restricted operation, and with a search path that the learner does
 * not choose, for the owner's own triggers on enrollments run here.
 */
void
act_as_owner(Disguise *disguise, const char *schema)
{
	disguise->guc_level = NewGUCNestLevel();
	GetUserIdAndSecContext(&disguise->caller, &disguise->security);
	SetUserIdAndSecContext(enrollments_owner(schema),
						   disguise->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Only after success: an error makes the server do the same. */
void
act_as_caller(Disguise *disguise)
{
	AtEOXact_GUC(true, disguise->guc_level);
	SetUserIdAndSecContext(disguise->caller, disguise->security);
}
