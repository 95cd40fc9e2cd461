/* direct_completion.c: counts the lessons of a course, and which a learner has completed, without SQL. */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "utils/array.h"

#include "direct_completion.h"
#include "direct_scan.h"

/*
 * It finds the modules of the course, their lessons, and the learner's rows about these, each
 * by an index.  It does so only where all tables are as we made them (direct_tables.c), and
 * modules and lessons also have an index on the column that names their parent.
 *
 * The learner's rows lie side by side in their index.  So one walk finds those of the course,
 * and passes those of other courses without reading them.  To look one up by its key costs as
 * much as to pass WALKED rows.  So where more of them lie between two lessons, the lessons
 * that are left are looked up.
 */
#define WALKED 25
/* Lessons are not spread evenly, so a walk goes on for that many before it is judged. */
#define FIRST_LESSONS 5

/* Adds the id of the row that was found.  One that is NULL refers to nothing. */
static void
add_id(ArrayBuildState *ids, const DirectScan *scan, int column)
{
	bool		isnull;
	Datum		id = direct_scan_value(scan, column, &isnull);

	if (!isnull)
		accumArrayResult(ids, id, false, UUIDOID, CurrentMemoryContext);
}

/* The modules of a course, as an array. */
static Datum
find_modules(const Relation *relations, Datum course_id)
{
	ArrayBuildState *ids = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	ScanKeyData key = direct_key(1, course_id);
	DirectScan	scan;

	direct_scan_open(&scan, direct_tables[MODULES], relations[MODULES], direct_tables[MODULES]->parent_index, 1);
	index_rescan(scan.desc, &key, 1, NULL, 0);
	while (direct_scan_next(&scan))
		add_id(ids, &scan, MODULE_ID);
	direct_scan_close(&scan);
	return makeArrayResult(ids, CurrentMemoryContext);
}

static int
compare_uuids(const void *a, const void *b)
{
	return memcmp(DatumGetUUIDP(*(const Datum *) a), DatumGetUUIDP(*(const Datum *) b), UUID_LEN);
}

/* The lessons of modules that count, in the order of an index; and how many these are (COUNTS_SQL). */
static ArrayBuildState *
find_lessons(const Relation *relations, Datum modules, int64 *required)
{
	ArrayBuildState *ids = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	ScanKeyData key = direct_key_any(1, modules);
	DirectScan	scan;

	*required = 0;
	direct_scan_open(&scan, direct_tables[LESSONS], relations[LESSONS], direct_tables[LESSONS]->parent_index, 1);
	index_rescan(scan.desc, &key, 1, NULL, 0);
	while (direct_scan_next(&scan))
	{
		if (!direct_scan_bool(&scan, LESSON_REQUIRED) || !direct_scan_bool(&scan, LESSON_PUBLISHED))
			continue;
		(*required)++;
		add_id(ids, &scan, LESSON_ID);
	}
	direct_scan_close(&scan);
	qsort(ids->dvalues, ids->nelems, sizeof(Datum), compare_uuids);
	return ids;
}

/* Whether the row of progress is completed; about watched_pct see PROGRESS_BY_KEY_SQL. */
static bool
is_completed(const DirectScan *scan)
{
	bool		isnull;
	Datum		pct = direct_scan_value(scan, PROGRESS_WATCHED_PCT, &isnull);

	return !isnull && DatumGetInt32(pct) >= 0 && direct_scan_bool(scan, PROGRESS_COMPLETED);
}

/* Whether a walk has come to a row of the next lesson.  It passes the lessons that have no row. */
static bool
is_at_lesson(const DirectScan *scan, const Datum *lessons, int count, int *passed)
{
	bool		isnull;
	Datum		lesson = index_getattr(scan->desc->xs_itup, 2, scan->desc->xs_itupdesc, &isnull);
	int			order = -1;

	while (!isnull && *passed < count && (order = compare_uuids(&lessons[*passed], &lesson)) < 0)
		(*passed)++;
	return order == 0;
}

/* Counts the completed ones of these lessons in a walk; returns how many of them it has passed. */
static int
walk(const Relation *relations, Datum user_id, const Datum *lessons, int count, int64 *completed)
{
	ScanKeyData key = direct_key(1, user_id);
	int			passed = 0;
	DirectScan	scan;

	direct_scan_open(&scan, direct_tables[PROGRESS], relations[PROGRESS], direct_progress.index, 1);
	/* The entry of the index is wanted, which has the lesson. */
	scan.desc->xs_want_itup = true;
	index_rescan(scan.desc, &key, 1, NULL, 0);
	for (int walked = 0; passed < count && walked < (passed + FIRST_LESSONS) * WALKED; walked++)
	{
		if (index_getnext_tid(scan.desc, ForwardScanDirection) == NULL)
			passed = count;
		else if (is_at_lesson(&scan, lessons, count, &passed) &&
				 index_fetch_heap(scan.desc, scan.slot))
		{
			*completed += is_completed(&scan);
			passed++;
		}
	}
	direct_scan_close(&scan);
	return passed;
}

/* Counts the completed ones of these lessons, an array, by looking up each. */
static int64
look_up(const Relation *relations, Datum user_id, Datum lessons)
{
	ScanKeyData keys[] = {direct_key(1, user_id), direct_key_any(2, lessons)};
	int64		completed = 0;
	DirectScan	scan;

	direct_scan_open(&scan, direct_tables[PROGRESS], relations[PROGRESS], direct_progress.index, 2);
	index_rescan(scan.desc, keys, 2, NULL, 0);
	while (direct_scan_next(&scan))
		completed += is_completed(&scan);
	direct_scan_close(&scan);
	return completed;
}

static void
count_lessons(const Relation *relations, Datum course_id, Datum user_id,
			  int64 *completed, int64 *required)
{
	Datum		modules = find_modules(relations, course_id);
	ArrayBuildState *lessons = find_lessons(relations, modules, required);
	int			passed;

	*completed = 0;
	passed = walk(relations, user_id, lessons->dvalues, lessons->nelems, completed);
	if (passed < lessons->nelems)
		*completed += look_up(relations, user_id,
							  uuid_array(lessons->dvalues + passed, lessons->nelems - passed));
}

/*
 * Counts what the query "completion" in course.c counts; false where SQL must do.  The caller
 * has seen the course by the same snapshot, so it is there.
 */
bool
direct_count_lessons(const Library *library, Datum course_id, Datum user_id,
					 int64 *completed, int64 *required)
{
	Relation	relations[SCANNED_TABLES];

	if (!direct_scan_tables(library, relations))
		return false;
	count_lessons(relations, course_id, user_id, completed, required);
	direct_tables_close(relations, SCANNED_TABLES);
	return true;
}
