/* direct_scan.c: scans of an index that fetch rows of a table without SQL. */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "direct_scan.h"

/* Opens the tables, if modules and lessons can be found by their parents: false where SQL must do. */
bool
direct_scan_tables(const Library *library, Relation *relations)
{
	if (!direct_tables_open(library, relations, SCANNED_TABLES))
		return false;
	if (direct_table_has_parent(direct_tables[MODULES]) && direct_table_has_parent(direct_tables[LESSONS]))
		return true;
	direct_tables_close(relations, SCANNED_TABLES);
	return false;
}

/*
 * Opens a scan; index_rescan() gives it its keys.  It sees what a query that only reads would
 * see, by the snapshot of the caller's statement.
 */
void
direct_scan_open(DirectScan *scan, const DirectTable *table, Relation relation, Oid index, int nkeys)
{
	scan->table = table;
	scan->index = index_open(index, AccessShareLock);
	scan->slot = table_slot_create(relation, NULL);
	scan->desc = begin_index_scan(relation, scan->index, GetActiveSnapshot(), nkeys);
}

bool
direct_scan_next(DirectScan *scan)
{
	CHECK_FOR_INTERRUPTS();
	return index_getnext_slot(scan->desc, ForwardScanDirection, scan->slot);
}

void
direct_scan_close(DirectScan *scan)
{
	index_endscan(scan->desc);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, NoLock);
}

/* Whether a column of the row that was found is true, and not NULL. */
bool
direct_scan_bool(const DirectScan *scan, int column)
{
	bool		isnull;
	Datum		value = direct_scan_value(scan, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/* A key of a scan: the column of the index with that number is this uuid. */
ScanKeyData
direct_key(int column, Datum uuid)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_UUID_EQ, uuid);
	return key;
}

/* The same for any uuid of an array. */
ScanKeyData
direct_key_any(int column, Datum uuids)
{
	ScanKeyData key;

	ScanKeyEntryInitialize(&key, SK_SEARCHARRAY, column, BTEqualStrategyNumber,
						   UUIDOID, InvalidOid, F_UUID_EQ, uuids);
	return key;
}
