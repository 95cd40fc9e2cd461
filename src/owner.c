/* owner.c: the one narrow place where this library acts as the owner of its tables. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "owner.h"

/* The role that owns the enrollments. */
static Oid
enrollments_owner(Oid namespace)
{
	Oid			relation = get_relname_relid("enrollments", namespace);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table enrollments does not exist")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The role that may rename a schema; of public that is the owner of the database. */
static Oid
schema_owner(Oid namespace)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(namespace));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", namespace);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (owner != ROLE_PG_DATABASE_OWNER)
		return owner;

	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
	owner = ((Form_pg_database) GETSTRUCT(tuple))->datdba;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Our queries find the tables by the name of their schema.  Whoever owns that
 * could put another in its place, and so have its views read with the rights
 * of the tables' owner: where those are more than its own, no schema is renamed
 * until we are done.
 */
static bool
hold_names(const char *schema, Oid namespace, Oid owner)
{
	const char *name;

	if (has_privs_of_role(schema_owner(namespace), owner))
		return false;
	LockRelationOid(NamespaceRelationId, ShareLock);
	name = get_namespace_name(namespace);
	if (name == NULL || strcmp(name, schema) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the schema \"%s\" has just been renamed", schema),
				 errhint("Try again.")));
	return true;
}

/*
 * A learner may not write enrollments.completed_at, so it is written as the
 * owner of the table, as the server's own foreign keys do: in a
 * security-restricted operation, and with a search path that the learner does
 * not choose, for the owner's own triggers on enrollments run here.  The
 * function is the one of ours that was called.
 */
void
act_as_owner(Disguise *disguise, const char *schema, Oid function)
{
	Oid			namespace = get_func_namespace(function);
	Oid			owner = enrollments_owner(namespace);

	disguise->names_held = hold_names(schema, namespace, owner);
	disguise->guc_level = NewGUCNestLevel();
	GetUserIdAndSecContext(&disguise->caller, &disguise->security);
	SetUserIdAndSecContext(owner,
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
	if (disguise->names_held)
		UnlockRelationOid(NamespaceRelationId, ShareLock);
}
