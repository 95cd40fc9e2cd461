/* auth.c: what the library needs of the schema auth, and whose code auth.users may run. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "auth.h"

/* Whether a foreign key may refer to this column alone. */
static bool
is_key(Oid relation, AttrNumber column)
{
	Relation	indexes = table_open(IndexRelationId, AccessShareLock);
	bool		found = false;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(indexes, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

		/* What the server asks for: unique at once, valid, this column only, and all rows. */
		found = index->indisunique && index->indimmediate && index->indisvalid &&
			index->indnkeyatts == 1 && index->indkey.values[0] == column &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	}
	systable_endscan(scan);
	table_close(indexes, AccessShareLock);
	return found;
}

/*
 * The table auth.users, or InvalidOid if it lacks what a foreign key needs.  This and the
 * next function ask the server's caches, which know the present names in every isolation
 * level.  A query would see the names of when its transaction began.
 */
Oid
auth_users(void)
{
	Oid			namespace = get_namespace_oid("auth", true);
	Oid			users = InvalidOid;
	AttrNumber	id = InvalidAttrNumber;

	if (OidIsValid(namespace))
		users = get_relname_relid("users", namespace);
	if (OidIsValid(users))
		id = get_attnum(users, "id");
	if (id > 0 && get_atttype(users, id) == UUIDOID && is_key(users, id))
		return users;
	return InvalidOid;
}

/* Whether auth.uid() is a function that returns one uuid. */
bool
auth_has_uid(void)
{
	Oid			namespace = get_namespace_oid("auth", true);
	HeapTuple	tuple;
	Form_pg_proc uid;
	bool		found;

	if (!OidIsValid(namespace))
		return false;
	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum("uid"),
							PointerGetDatum(buildoidvector(NULL, 0)),
							ObjectIdGetDatum(namespace));
	if (!HeapTupleIsValid(tuple))
		return false;
	uid = (Form_pg_proc) GETSTRUCT(tuple);
	found = uid->prokind == PROKIND_FUNCTION && uid->prorettype == UUIDOID && !uid->proretset;
	ReleaseSysCache(tuple);
	return found;
}

/* What is missing of auth, in words; NULL when nothing is. */
char *
auth_missing(void)
{
	bool		users = OidIsValid(auth_users());
	bool		uid = auth_has_uid();

	if (users && uid)
		return NULL;
	return psprintf("%s%s%s",
					users ? "" : "the table auth.users with a primary key id of type uuid",
					users || uid ? "" : " and ",
					uid ? "" : "the function auth.uid() returning uuid");
}

/*
 * What code a query on auth.users may run that is not the server's own: in words, NULL when
 * there is none.  Planning a query is enough to run it.  The caller has locked the table,
 * so that nothing can be added, and has set search_path.
 *
 * In the query, part is the table with its indexes, keys, defaults and so on, and code is
 * what these depend on.  An OID from FirstNormalObjectId on is not the server's own.  The
 * snapshot is of now, because the transaction's may be older than the lock.
 * supabase/generate reads the query from here.
 */
char *
auth_code(Oid users)
{
	static const char *const query =
		"WITH part AS ("
		" SELECT 'pg_class'::regclass AS classid, $1 AS objid"
		" UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = $1"
		" UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = $1"
		" UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = $1"
		" UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxrelid = $1"
		" UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = $1"
		" UNION ALL SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE ev_class = $1"
		"), code AS ("
		" SELECT format('%s uses %s', pg_describe_object(p.classid, p.objid, 0),"
		"  pg_describe_object(d.refclassid, d.refobjid, 0)) AS said"
		" FROM part AS p JOIN pg_depend AS d ON d.classid = p.classid AND d.objid = p.objid"
		" WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)"
		"  AND d.refobjid >= $2"
		" UNION SELECT 'auth.users is partitioned' FROM pg_class WHERE oid = $1 AND relkind <> 'r')"
		"SELECT string_agg(said, ', ' ORDER BY said COLLATE \"C\") FROM code";
	Oid			types[] = {OIDOID, OIDOID};
	Datum		values[] = {ObjectIdGetDatum(users), ObjectIdGetDatum(FirstNormalObjectId)};
	MemoryContext context = CurrentMemoryContext;
	SPIPlanPtr	plan;
	char	   *found;

	SPI_connect();
	plan = SPI_prepare(query, 2, types);
	if (plan == NULL ||
		SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot,
							 true, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "cannot look up the code of auth.users");
	found = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (found != NULL)
		found = MemoryContextStrdup(context, found);
	SPI_finish();
	return found;
}
