/* direct_learners.c: counts the learners of a course, and reads how far they are, without SQL. */
#include "postgres.h"

#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "direct_learners.h"
#include "direct_scan.h"

/*
 * Whether the snapshot sees a row that the index has found.  Of a page that all see, the index
 * tells that alone, as in the server's own scans of an index alone.
 */
static bool
is_visible(DirectScan *scan, ItemPointer tid, Buffer *map)
{
	Relation	relation = scan->desc->heapRelation;
	BlockNumber block = ItemPointerGetBlockNumber(tid);

	if (!VM_ALL_VISIBLE(relation, block, map))
		return index_fetch_heap(scan->desc, scan->slot);
	PredicateLockPage(relation, block, scan->desc->xs_snapshot);
	return true;
}

/* Counts the enrollments in a course, and those that are completed. */
static void
count_enrollments(Relation relation, Datum course_id, int64 *learners, int64 *completed)
{
	const DirectTable *table = direct_tables[ENROLLMENTS];
	ScanKeyData key = direct_key(1, course_id);
	Buffer		map = InvalidBuffer;
	ItemPointer tid;
	DirectScan	scan;

	*learners = *completed = 0;
	direct_scan_open(&scan, table, relation, table->parent_index, 1);
	/* The entry of the index is wanted, which has completed_at. */
	scan.desc->xs_want_itup = true;
	index_rescan(scan.desc, &key, 1, NULL, 0);
	while ((tid = index_getnext_tid(scan.desc, ForwardScanDirection)) != NULL)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (!is_visible(&scan, tid, &map))
			continue;
		(void) index_getattr(scan.desc->xs_itup, 2, scan.desc->xs_itupdesc, &isnull);
		(*learners)++;
		*completed += !isnull;
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
	direct_scan_close(&scan);
}

/* As SUMMARY_COUNTS_SQL; false where SQL must do. */
bool
direct_count_learners(const Library *library, Datum course_id, int64 *learners, int64 *completed)
{
	DirectTable *table = direct_tables[ENROLLMENTS];
	Relation	relation = direct_table_open(table, library, AccessShareLock);
	bool		done;

	if (relation == NULL)
		return false;
	done = direct_table_has_parent(table);
	if (done)
		count_enrollments(relation, course_id, learners, completed);
	direct_tables_close(&relation, 1);
	return done;
}

/* The uuids of an array; none if it is NULL. */
static int
get_ids(Datum array, bool isnull, Datum **ids)
{
	int			count = 0;

	if (!isnull)
		deconstruct_array(DatumGetArrayTypeP(array), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, ids, NULL, &count);
	return count;
}

/*
 * Opens a reader for the lessons of a course; false where SQL must do.  ids are two arrays, as
 * LESSON_IDS_SQL has them.
 */
bool
direct_learners_open(LearnerReader *reader, const Library *library, const Datum *ids, const char *nulls)
{
	Datum	   *all = NULL;
	Datum	   *required = NULL;

	reader->progress = direct_progress_open(library);
	if (reader->progress == NULL)
		return false;
	reader->count = get_ids(ids[0], nulls[0] == 'n', &all);
	reader->lessons = sorted_lessons(all, &reader->count);
	reader->required_count = get_ids(ids[1], nulls[1] == 'n', &required);
	reader->required = palloc(reader->required_count * sizeof(LessonProgress *));
	for (int i = 0; i < reader->required_count; i++)
		reader->required[i] = progress_of_lesson(reader->lessons, reader->count, required[i]);
	reader->context = AllocSetContextCreate(CurrentMemoryContext, "content_library learner", ALLOCSET_DEFAULT_SIZES);
	return true;
}

/* The later one of two times; NULL is earlier than any. */
static NullableDatum
later(NullableDatum a, NullableDatum b)
{
	if (a.isnull || b.isnull)
		return a.isnull ? b : a;
	return DatumGetTimestampTz(a.value) < DatumGetTimestampTz(b.value) ? b : a;
}

LearnerProgress
direct_learner_read(LearnerReader *reader, Datum user_id)
{
	LearnerProgress learner = {.last_watched.isnull = true};
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	direct_find_progress(reader->progress, user_id, reader->lessons, reader->count);
	for (int i = 0; i < reader->count; i++)
		if (reader->lessons[i].started)
			learner.last_watched = later(learner.last_watched, reader->lessons[i].last_watched);
	for (int i = 0; i < reader->required_count; i++)
		learner.completed += reader->required[i]->completed;
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->context);
	return learner;
}

void
direct_learners_close(LearnerReader *reader)
{
	MemoryContextDelete(reader->context);
	direct_progress_close(reader->progress);
}
