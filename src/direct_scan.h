/* direct_scan.h: scans of an index that fetch rows of a table without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_SCAN_H
#define CONTENT_LIBRARY_DIRECT_SCAN_H

#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"

#include "direct_tables.h"

typedef struct DirectScan
{
	const DirectTable *table;
	Relation	index;
	IndexScanDesc desc;
	TupleTableSlot *slot;		/* the row that was found */
} DirectScan;

/* The tables that these scans read: the first in direct_tables. */
#define SCANNED_TABLES (COURSES + 1)

extern bool direct_scan_tables(const Library *library, Relation *relations);
extern void direct_scan_open(DirectScan *scan, const DirectTable *table, Relation relation, Oid index, int nkeys);
extern bool direct_scan_next(DirectScan *scan);
extern void direct_scan_close(DirectScan *scan);
extern bool direct_scan_bool(const DirectScan *scan, int column);
extern ScanKeyData direct_key(int column, Datum uuid);
extern ScanKeyData direct_key_any(int column, Datum uuids);

/* A column of the row that was found, by its number in direct_tables.h. */
static inline Datum
direct_scan_value(const DirectScan *scan, int column, bool *isnull)
{
	return slot_getattr(scan->slot, scan->table->numbers[column], isnull);
}

#endif							/* CONTENT_LIBRARY_DIRECT_SCAN_H */
