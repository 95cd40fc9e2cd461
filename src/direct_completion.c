/* direct_completion.c: counts the lessons of a course, and which a learner has completed, without SQL. */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "utils/array.h"

#include "direct_completion.h"
#include "direct_progress.h"
#include "direct_scan.h"

/*
 * It finds the modules of the course, their lessons, and the learner's rows about these, each
 * by an index.  It does so only where all tables are as we made them (direct_tables.c), and
 * modules and lessons also have an index on the column that names their parent.
 */

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

/* The lessons of modules that count, and how many these are (COUNTS_SQL). */
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
	return ids;
}

static int
count_completed(Relation progress, Datum user_id, const ArrayBuildState *ids)
{
	int			count = ids->nelems;
	LessonProgress *lessons = sorted_lessons(ids->dvalues, &count);
	int			completed = 0;

	direct_find_progress(progress, user_id, lessons, count);
	for (int i = 0; i < count; i++)
		completed += lessons[i].completed;
	return completed;
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
	ArrayBuildState *lessons;

	if (!direct_scan_tables(library, relations))
		return false;
	lessons = find_lessons(relations, find_modules(relations, course_id), required);
	*completed = count_completed(relations[PROGRESS], user_id, lessons);
	direct_tables_close(relations, SCANNED_TABLES);
	return true;
}
