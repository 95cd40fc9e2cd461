/* direct_read.c: reads a row of progress, and what is to be known of its lesson, by keys and without SQL. */
#include "postgres.h"

#include "access/heapam.h"
#include "access/xact.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "content_library.h"
#include "direct_read.h"

/*
 * Begins to read as a query would, in the first so many tables: false where SQL must do.  The
 * tables are locked before the snapshot is taken, which is taken as SPI takes it.  In
 * SERIALIZABLE the server's index scan takes the same predicate locks.
 */
bool
direct_read_begin(DirectReader *reader, const Library *library, int tables)
{
	memset(reader, 0, sizeof(*reader));
	if (!direct_tables_open(library, reader->relations, tables))
		return false;
	reader->tables = tables;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	return true;
}

void
direct_read_end(DirectReader *reader)
{
	for (int i = 0; i < reader->tables; i++)
	{
		IndexScanDesc scan = reader->scans[i];
		Relation	index;

		if (scan == NULL)
			continue;
		index = scan->indexRelation;
		index_endscan(scan);
		index_close(index, NoLock);
	}
	PopActiveSnapshot();
	direct_tables_close(reader->relations, reader->tables);
}

static void
begin_scan(DirectReader *reader, int table)
{
	const DirectTable *it = direct_tables[table];

	reader->scans[table] = begin_index_scan(reader->relations[table],
											index_open(it->index, AccessShareLock),
											GetActiveSnapshot(), it->nkeys);
}

/*
 * A copy of the version of a row that the snapshot sees, of those that an index entry leads to;
 * NULL if it sees none.
 *
 * The server prunes a page when it is read, as soon as less than a tenth of it is free.  Most
 * heartbeats would do that for the version before.  So this does it only when there is no room
 * left for the row and one more: then the next version still finds room on the page.
 */
static HeapTuple
copy_visible(IndexScanDesc scan, ItemPointer tid)
{
	Relation	relation = scan->heapRelation;
	Buffer		buffer = ReadBuffer(relation, ItemPointerGetBlockNumber(tid));
	HeapTupleData found;
	HeapTuple	copy = NULL;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (heap_hot_search_buffer(tid, relation, buffer, scan->xs_snapshot, &found, NULL, true))
		copy = heap_copytuple(&found);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (copy == NULL || PageGetHeapFreeSpace(BufferGetPage(buffer)) < 2 * MAXALIGN(copy->t_len))
		heap_page_prune_opt(relation, buffer);
	ReleaseBuffer(buffer);
	return copy;
}

/* Reads the row of a table with a key; false if there is none. */
static bool
fetch(DirectReader *reader, int table, const Datum *key)
{
	int			nkeys = direct_tables[table]->nkeys;
	ScanKeyData keys[2];
	HeapTuple	row = NULL;
	ItemPointer tid;

	if (reader->scans[table] == NULL)
		begin_scan(reader, table);
	for (int i = 0; i < nkeys; i++)
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, F_UUID_EQ, key[i]);
	index_rescan(reader->scans[table], keys, nkeys, NULL, 0);
	while (row == NULL &&
		   (tid = index_getnext_tid(reader->scans[table], ForwardScanDirection)) != NULL)
	{
		pgstat_count_heap_fetch(reader->scans[table]->indexRelation);
		row = copy_visible(reader->scans[table], tid);
	}
	reader->rows[table] = row;
	return row != NULL;
}

/* A column of the row that was read last of a table, by its number in direct_tables.h. */
static Datum
value(const DirectReader *reader, int table, int column, bool *isnull)
{
	return heap_getattr(reader->rows[table], direct_tables[table]->numbers[column],
						RelationGetDescr(reader->relations[table]), isnull);
}

static bool
is_null(const DirectReader *reader, int table, int column)
{
	bool		isnull;

	(void) value(reader, table, column, &isnull);
	return isnull;
}

/* Whether a boolean column is not NULL and has this value. */
static bool
is_bool(const DirectReader *reader, int table, int column, bool wanted)
{
	bool		isnull;
	Datum		found = value(reader, table, column, &isnull);

	return !isnull && DatumGetBool(found) == wanted;
}

/* Whether a text column is not NULL and has this value. */
static bool
is_text(const DirectReader *reader, int table, int column, const char *wanted)
{
	bool		isnull;
	Datum		found = value(reader, table, column, &isnull);

	return !isnull && strcmp(TextDatumGetCString(found), wanted) == 0;
}

/* Reads the row that a column of another row refers to. */
static bool
follow(DirectReader *reader, int from, int column, int to)
{
	bool		isnull;
	Datum		key = value(reader, from, column, &isnull);

	return !isnull && fetch(reader, to, &key);
}

/* Finds what was read of a module before. */
static bool
find_kept(DirectReader *reader, Datum module_id)
{
	for (int i = 0; i < reader->kept_count; i++)
	{
		bool		isnull;

		reader->rows[MODULES] = reader->kept[i].module;
		reader->rows[COURSES] = reader->kept[i].course;
		if (same_uuid(value(reader, MODULES, MODULE_ID, &isnull), module_id))
			return true;
	}
	return false;
}

/* Reads the module and the course of the lesson that was read; false if one is not there. */
static bool
read_course(DirectReader *reader)
{
	bool		isnull;
	Datum		module_id = value(reader, LESSONS, LESSON_MODULE_ID, &isnull);

	if (isnull)
		return false;
	if (find_kept(reader, module_id))
		return true;
	if (!fetch(reader, MODULES, &module_id) || !follow(reader, MODULES, MODULE_COURSE_ID, COURSES))
		return false;
	if (reader->kept_count < DIRECT_KEPT_MODULES)
	{
		reader->kept[reader->kept_count].module = reader->rows[MODULES];
		reader->kept[reader->kept_count++].course = reader->rows[COURSES];
	}
	return true;
}

/* THRESHOLD_OF_SQL, of what was read. */
static int32
threshold(const DirectReader *reader)
{
	bool		isnull;
	Datum		own = value(reader, LESSONS, LESSON_THRESHOLD, &isnull);

	if (isnull)
		own = value(reader, COURSES, COURSE_THRESHOLD, &isnull);
	return isnull ? library_completion_threshold : DatumGetInt32(own);
}

/* PLAIN_THRESHOLD_SQL of a lesson; false for its NULL. */
static bool
read_plain_threshold(DirectReader *reader, Datum lesson_id, int32 *result)
{
	if (!fetch(reader, LESSONS, &lesson_id) || !is_null(reader, LESSONS, LESSON_PROGRESS_BY) ||
		!read_course(reader) || !is_text(reader, COURSES, COURSE_PROGRESS_BY, "report"))
		return false;
	*result = threshold(reader);
	return true;
}

/* PROGRESS_BY_SQL, of what was read; NULL for its NULL. */
static const char *
progress_by(const DirectReader *reader, int32 duration)
{
	bool		isnull;
	Datum		by = value(reader, LESSONS, LESSON_PROGRESS_BY, &isnull);
	const char *name;

	if (isnull)
		by = value(reader, COURSES, COURSE_PROGRESS_BY, &isnull);
	if (isnull)
		return NULL;
	name = TextDatumGetCString(by);
	if (strcmp(name, "watch") == 0 && duration == 0 &&
		is_null(reader, LESSONS, LESSON_MUX_UPLOAD) && is_null(reader, LESSONS, LESSON_MUX_ASSET))
		return "report";
	return name;
}

/* Reads a lesson, its module and its course; false where SQL must do. */
static bool
read_lesson(DirectReader *reader, Datum lesson_id, DirectLesson *lesson)
{
	bool		isnull;
	Datum		duration;

	if (!fetch(reader, LESSONS, &lesson_id) || !read_course(reader))
		return false;
	duration = value(reader, LESSONS, LESSON_DURATION, &isnull);
	lesson->duration = isnull ? 0 : Max(DatumGetInt32(duration), 0);
	lesson->threshold = threshold(reader);
	lesson->progress_by = progress_by(reader, lesson->duration);
	lesson->course_id = value(reader, COURSES, COURSE_ID, &isnull);
	return lesson->progress_by != NULL;
}

/* Reads a row of progress; false where SQL has an error for it: see result_row_value(). */
static bool
read_row(DirectReader *reader, Datum user_id, Datum lesson_id, DirectProgress *found)
{
	Datum		key[] = {user_id, lesson_id};

	found->row = fetch(reader, PROGRESS, key) ? reader->rows[PROGRESS] : NULL;
	found->plain = false;
	if (found->row == NULL)
		return true;
	for (int i = 0; i < direct_progress.ncolumns; i++)
		found->values[i] = value(reader, PROGRESS, i, &found->nulls[i]);
	return !found->nulls[PROGRESS_ID] && !found->nulls[PROGRESS_WATCHED_PCT] && !found->nulls[PROGRESS_COMPLETED] &&
		!found->nulls[PROGRESS_LAST_WATCHED];
}

/* Reads what PROGRESS_COLUMNS_SQL has with PLAIN_THRESHOLD_SQL; false where SQL must do. */
bool
direct_read_progress(DirectReader *reader, Datum user_id, Datum lesson_id, DirectProgress *found)
{
	if (!read_row(reader, user_id, lesson_id, found))
		return false;
	if (found->row != NULL && !DatumGetBool(found->values[PROGRESS_COMPLETED]))
		found->plain = read_plain_threshold(reader, lesson_id, &found->threshold);
	return true;
}

/* Reads what WATCHED_COLUMNS_SQL has besides; false where SQL must do. */
bool
direct_read_watched(DirectReader *reader, Datum user_id, Datum lesson_id,
					DirectProgress *found, DirectLesson *lesson)
{
	if (!read_row(reader, user_id, lesson_id, found))
		return false;
	if (found->row == NULL)
		return true;
	if (found->nulls[PROGRESS_WATCHED] || !read_lesson(reader, lesson_id, lesson))
		return false;
	found->plain = true;
	found->threshold = lesson->threshold;
	return true;
}

/*
 * NOTHING_CLOSES_SQL, of the lesson that was read: whether lesson and course are published, and
 * nothing closes the lesson to the learner.
 */
static bool
is_open(DirectReader *reader, Datum user_id, Datum course_id)
{
	Datum		key[] = {user_id, course_id};

	if (!is_bool(reader, LESSONS, LESSON_PUBLISHED, true) ||
		!is_bool(reader, COURSES, COURSE_PUBLISHED, true))
		return false;
	if (is_bool(reader, LESSONS, LESSON_PREVIEW, true))
		return true;
	return fetch(reader, ENROLLMENTS, key) && is_null(reader, ENROLLMENTS, ENROLLMENT_EXPIRES_AT) &&
		(is_bool(reader, ENROLLMENTS, ENROLLMENT_GRANTED, true) ||
		 is_text(reader, COURSES, COURSE_TIER, "free")) &&
		is_null(reader, MODULES, MODULE_UNLOCK_AT) && is_null(reader, MODULES, MODULE_UNLOCK_AFTER) &&
		is_null(reader, LESSONS, LESSON_UNLOCK_AT) && is_null(reader, LESSONS, LESSON_UNLOCK_AFTER) &&
		is_bool(reader, COURSES, COURSE_SEQUENTIAL, false);
}

/* Reads a lesson that nothing closes to a learner; false where SQL must do, which says why. */
bool
direct_read_open_lesson(DirectReader *reader, Datum user_id, Datum lesson_id, DirectLesson *lesson)
{
	return read_lesson(reader, lesson_id, lesson) && is_open(reader, user_id, lesson->course_id);
}
