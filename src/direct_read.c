/* direct_read.c: reads a row of progress and the threshold of its lesson by their keys, without SQL. */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "direct_read.h"

/* Closes the first of the tables.  Their locks stay until the transaction ends, as after SQL. */
static void
close_tables(const Relation *relations, int count)
{
	for (int i = 0; i < count; i++)
		table_close(relations[i], NoLock);
}

/* Opens all tables, before a snapshot is taken: false where SQL must do. */
static bool
open_tables(const Library *library, Relation *relations)
{
	for (int i = 0; i < DIRECT_TABLES; i++)
	{
		relations[i] = direct_table_open(direct_tables[i], library, AccessShareLock);
		if (relations[i] != NULL)
			continue;
		close_tables(relations, i);
		return false;
	}
	return true;
}

/* A copy of the row with a key; NULL if there is none that the active snapshot sees. */
static HeapTuple
fetch(int number, const Relation *relations, const Datum *key)
{
	const DirectTable *table = direct_tables[number];
	Relation	index = index_open(table->index, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relations[number], NULL);
	IndexScanDesc scan = begin_index_scan(relations[number], index, GetActiveSnapshot(), table->nkeys);
	ScanKeyData keys[2];
	HeapTuple	row = NULL;

	for (int i = 0; i < table->nkeys; i++)
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, F_UUID_EQ, key[i]);
	index_rescan(scan, keys, table->nkeys, NULL, 0);
	if (index_getnext_slot(scan, ForwardScanDirection, slot))
		row = ExecCopySlotHeapTuple(slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	return row;
}

/* A column of a row of that table, by its number in direct_tables.h. */
static Datum
value(int number, const Relation *relations, HeapTuple row, int column, bool *isnull)
{
	return heap_getattr(row, direct_tables[number]->numbers[column],
						RelationGetDescr(relations[number]), isnull);
}

/* The row that a column of another row refers to. */
static HeapTuple
follow(int to, const Relation *relations, int from, HeapTuple row, int column)
{
	bool		isnull;
	Datum		key = value(from, relations, row, column, &isnull);

	return isnull ? NULL : fetch(to, relations, &key);
}

static bool
takes_reports(const Relation *relations, HeapTuple course)
{
	bool		isnull;
	Datum		progress_by = value(COURSES, relations, course, COURSE_PROGRESS_BY, &isnull);

	return !isnull && strcmp(TextDatumGetCString(progress_by), "report") == 0;
}

/* PLAIN_THRESHOLD_SQL of a lesson; false for its NULL. */
static bool
read_threshold(const Relation *relations, Datum lesson_id, int32 *threshold)
{
	HeapTuple	lesson = fetch(LESSONS, relations, &lesson_id);
	HeapTuple	module;
	HeapTuple	course;
	Datum		own;
	bool		isnull = false;

	if (lesson != NULL)
		(void) value(LESSONS, relations, lesson, LESSON_PROGRESS_BY, &isnull);
	if (!isnull)
		return false;
	module = follow(MODULES, relations, LESSONS, lesson, LESSON_MODULE_ID);
	if (module == NULL)
		return false;
	course = follow(COURSES, relations, MODULES, module, MODULE_COURSE_ID);
	if (course == NULL || !takes_reports(relations, course))
		return false;
	own = value(LESSONS, relations, lesson, LESSON_THRESHOLD, &isnull);
	if (isnull)
		own = value(COURSES, relations, course, COURSE_THRESHOLD, &isnull);
	*threshold = isnull ? library_completion_threshold : DatumGetInt32(own);
	return true;
}

/* Reads the row; false where SQL has an error for it: see result_row_value(). */
static bool
read_progress(const Relation *relations, const Datum *key, DirectProgress *found)
{
	found->row = fetch(PROGRESS, relations, key);
	found->plain = false;
	if (found->row == NULL)
		return true;
	for (int i = 0; i < direct_progress.ncolumns; i++)
		found->values[i] = value(PROGRESS, relations, found->row, i, &found->nulls[i]);
	if (found->nulls[PROGRESS_WATCHED_PCT] || found->nulls[PROGRESS_COMPLETED] ||
		found->nulls[PROGRESS_LAST_WATCHED])
		return false;
	if (!DatumGetBool(found->values[PROGRESS_COMPLETED]))
		found->plain = read_threshold(relations, key[1], &found->threshold);
	return true;
}

/*
 * Reads what read_row in record_progress.c reads; false where SQL must do.  It sees what that
 * would see, by a snapshot taken as SPI takes it.  In SERIALIZABLE the server's index scan
 * takes the same predicate locks.
 */
bool
direct_read_progress(const Library *library, Datum user_id, Datum lesson_id, DirectProgress *found)
{
	Datum		key[] = {user_id, lesson_id};
	Relation	relations[DIRECT_TABLES];
	bool		done;

	if (!library_direct_paths || !open_tables(library, relations))
		return false;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	done = read_progress(relations, key, found);
	PopActiveSnapshot();
	close_tables(relations, DIRECT_TABLES);
	return done;
}
