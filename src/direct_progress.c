/* direct_progress.c: finds how far a learner is in given lessons, without SQL. */
#include "postgres.h"

#include "access/tableam.h"
#include "lib/qunique.h"
#include "utils/uuid.h"

#include "direct_progress.h"
#include "direct_scan.h"

/*
 * The learner's rows lie side by side in their index.  So one walk finds those of the lessons,
 * and passes those of other lessons without reading them.  To look one up by its key costs as
 * much as to pass WALKED rows.  So where more of them lie between two lessons, the lessons
 * that are left are looked up.
 */
#define WALKED 25
/* Lessons are not spread evenly, so a walk goes on for that many before it is judged. */
#define FIRST_LESSONS 5

/* The table, if it is as we made it; NULL where SQL must do. */
Relation
direct_progress_open(const Library *library)
{
	return direct_table_open(&direct_progress, library, AccessShareLock);
}

void
direct_progress_close(Relation relation)
{
	direct_tables_close(&relation, 1);
}

static int
compare_ids(Datum a, Datum b)
{
	return memcmp(DatumGetUUIDP(a), DatumGetUUIDP(b), UUID_LEN);
}

static int
compare_elements(const void *a, const void *b)
{
	return compare_ids(*(const Datum *) a, *(const Datum *) b);
}

static int
compare_lessons(const void *a, const void *b)
{
	return compare_ids(((const LessonProgress *) a)->lesson_id, ((const LessonProgress *) b)->lesson_id);
}

/* The lessons that have these ids, sorted by them, and each once; count is how many these are then. */
LessonProgress *
sorted_lessons(Datum *ids, int *count)
{
	LessonProgress *lessons;

	qsort(ids, *count, sizeof(Datum), compare_elements);
	*count = (int) qunique(ids, *count, sizeof(Datum), compare_elements);
	lessons = palloc(*count * sizeof(LessonProgress));
	for (int i = 0; i < *count; i++)
		lessons[i].lesson_id = ids[i];
	return lessons;
}

/* The lesson among these, which are sorted; NULL if it is not there. */
LessonProgress *
progress_of_lesson(LessonProgress *lessons, int count, Datum lesson_id)
{
	LessonProgress wanted = {lesson_id};

	return bsearch(&wanted, lessons, count, sizeof(LessonProgress), compare_lessons);
}

/*
 * Takes the row that was found; about watched_pct see PROGRESS_BY_KEY_SQL.  The last column comes
 * first: so all are taken from the row at once.
 */
static void
take_row(LessonProgress *lesson, const DirectScan *scan)
{
	LessonProgress found = {lesson->lesson_id, true};
	bool		isnull;
	Datum		pct;

	found.completed_at.value = direct_scan_value(scan, PROGRESS_COMPLETED_AT, &found.completed_at.isnull);
	found.position_seconds.value = direct_scan_value(scan, PROGRESS_POSITION_SECONDS, &found.position_seconds.isnull);
	found.last_watched.value = direct_scan_value(scan, PROGRESS_LAST_WATCHED, &found.last_watched.isnull);
	found.completed = direct_scan_bool(scan, PROGRESS_COMPLETED);
	pct = direct_scan_value(scan, PROGRESS_WATCHED_PCT, &isnull);
	found.watched_pct = DatumGetInt32(pct);
	if (!isnull && found.watched_pct >= 0)
		*lesson = found;
}

/* Whether a walk has come to a row of the next lesson.  It passes the lessons that have no row. */
static bool
is_at_lesson(const DirectScan *scan, const LessonProgress *lessons, int count, int *passed)
{
	bool		isnull;
	Datum		lesson = index_getattr(scan->desc->xs_itup, 2, scan->desc->xs_itupdesc, &isnull);
	int			order = -1;

	while (!isnull && *passed < count && (order = compare_ids(lessons[*passed].lesson_id, lesson)) < 0)
		(*passed)++;
	return order == 0;
}

/* Takes the rows of these lessons in a walk; returns how many of the lessons it has passed. */
static int
walk(Relation relation, Datum user_id, LessonProgress *lessons, int count)
{
	ScanKeyData key = direct_key(1, user_id);
	int			passed = 0;
	DirectScan	scan;

	direct_scan_open(&scan, &direct_progress, relation, direct_progress.index, 1);
	/* The entry of the index is wanted, which has the lesson. */
	scan.desc->xs_want_itup = true;
	index_rescan(scan.desc, &key, 1, NULL, 0);
	for (int walked = 0; passed < count && walked < (passed + FIRST_LESSONS) * WALKED; walked++)
	{
		if (index_getnext_tid(scan.desc, ForwardScanDirection) == NULL)
			passed = count;
		else if (is_at_lesson(&scan, lessons, count, &passed) && index_fetch_heap(scan.desc, scan.slot))
			take_row(&lessons[passed++], &scan);
	}
	direct_scan_close(&scan);
	return passed;
}

/* Takes the rows of these lessons by looking up each. */
static void
look_up(Relation relation, Datum user_id, LessonProgress *lessons, int count)
{
	Datum	   *ids = palloc(count * sizeof(Datum));
	ScanKeyData keys[2];
	DirectScan	scan;

	for (int i = 0; i < count; i++)
		ids[i] = lessons[i].lesson_id;
	keys[0] = direct_key(1, user_id);
	keys[1] = direct_key_any(2, uuid_array(ids, count));
	direct_scan_open(&scan, &direct_progress, relation, direct_progress.index, 2);
	index_rescan(scan.desc, keys, 2, NULL, 0);
	while (direct_scan_next(&scan))
	{
		bool		isnull;
		Datum		id = direct_scan_value(&scan, PROGRESS_LESSON_ID, &isnull);
		LessonProgress *lesson = isnull ? NULL : progress_of_lesson(lessons, count, id);

		if (lesson != NULL)
			take_row(lesson, &scan);
	}
	direct_scan_close(&scan);
}

/* Finds the learner's rows about these lessons, which are sorted. */
void
direct_find_progress(Relation relation, Datum user_id, LessonProgress *lessons, int count)
{
	int			passed;

	for (int i = 0; i < count; i++)
		lessons[i] = (LessonProgress) {lessons[i].lesson_id};
	passed = walk(relation, user_id, lessons, count);
	if (passed < count)
		look_up(relation, user_id, lessons + passed, count - passed);
}
