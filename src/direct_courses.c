/* direct_courses.c: reads the lessons of a learner's courses, with the learner's progress, without SQL. */
#include "postgres.h"

#include "access/xact.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "direct_courses.h"
#include "direct_scan.h"

/*
 * A query joins all lessons of the catalogue with the learner's courses, or starts many
 * look-ups.  Here all rows of the learner's progress are read at once, because most of them
 * are needed, and then the lessons of each course by the indexes on their parents.  It has
 * the conditions of direct_completion.c.
 */
typedef struct Reader
{
	HTAB	   *progress;
	DirectScan	modules;
	DirectScan	lessons;
	const LearnerCourse *course;
	Datum		place[PLACE_COLUMNS];
	LessonReceiver receive;
	void	   *to;
} Reader;

typedef struct Progress
{
	pg_uuid_t	lesson_id;		/* the hash key, so it must be first */
	bool		completed;
	TimestampTz last_watched;
} Progress;

/* Each of these functions answers false where it finds a NULL that SQL has an error for. */
static bool
add_progress(HTAB *to, const DirectScan *scan)
{
	bool		nulls[3];
	Datum		lesson_id = direct_scan_value(scan, PROGRESS_LESSON_ID, &nulls[0]);
	Datum		completed = direct_scan_value(scan, PROGRESS_COMPLETED, &nulls[1]);
	Datum		last_watched = direct_scan_value(scan, PROGRESS_LAST_WATCHED, &nulls[2]);
	Progress   *progress;

	if (nulls[0] || nulls[1] || nulls[2])
		return false;
	progress = hash_search(to, DatumGetPointer(lesson_id), HASH_ENTER, NULL);
	progress->completed = DatumGetBool(completed);
	progress->last_watched = DatumGetTimestampTz(last_watched);
	return true;
}

static bool
read_progress(Reader *reader, const Relation *relations, Datum user_id)
{
	HASHCTL		ctl = {.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(Progress), .hcxt = CurrentMemoryContext};
	ScanKeyData key = direct_key(1, user_id);
	bool		done = true;
	DirectScan	scan;

	reader->progress = hash_create("progress of a learner", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	direct_scan_open(&scan, direct_tables[PROGRESS], relations[PROGRESS], direct_progress.index, 1);
	index_rescan(scan.desc, &key, 1, NULL, 0);
	while (done && direct_scan_next(&scan))
		done = add_progress(reader->progress, &scan);
	direct_scan_close(&scan);
	return done;
}

/* Reads where a module or lesson stands, to keep. */
static bool
read_place(const DirectScan *scan, int sort_order, int created_at, int id, Datum *place)
{
	bool		nulls[3];
	Datum		at = direct_scan_value(scan, created_at, &nulls[1]);
	Datum		uuid = direct_scan_value(scan, id, &nulls[2]);

	place[0] = direct_scan_value(scan, sort_order, &nulls[0]);
	if (nulls[0] || nulls[1] || nulls[2])
		return false;
	place[1] = TimestampTzGetDatum(DatumGetTimestampTz(at));
	place[2] = datumCopy(uuid, false, UUID_LEN);
	return true;
}

/* Whether a module or lesson opens later: see UNLOCKS_AT_SQL. */
static bool
opens_later(const DirectScan *scan, int unlock_at, int unlock_after, TimestampTz enrolled_at)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	bool		isnull;
	Datum		value = direct_scan_value(scan, unlock_at, &isnull);

	if (!isnull && DatumGetTimestampTz(value) > now)
		return true;
	value = direct_scan_value(scan, unlock_after, &isnull);
	if (isnull)
		return false;
	value = DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(enrolled_at), value);
	return DatumGetTimestampTz(value) > now;
}

/* Whether the lesson may be watched, or has to wait: see REFUSAL_SQL. */
static void
judge_lesson(const Reader *reader, LearnerLesson *lesson)
{
	const LearnerCourse *course = reader->course;

	lesson->waits = false;
	if (direct_scan_bool(&reader->lessons, LESSON_PREVIEW))
		lesson->is_open = true;
	else if (course->is_closed)
		lesson->is_open = false;
	else if (lesson->begun || course->is_completed)
		lesson->is_open = true;
	else if (opens_later(&reader->modules, MODULE_UNLOCK_AT, MODULE_UNLOCK_AFTER, course->enrolled_at) ||
			 opens_later(&reader->lessons, LESSON_UNLOCK_AT, LESSON_UNLOCK_AFTER, course->enrolled_at))
		lesson->is_open = false;
	else
	{
		lesson->waits = course->is_sequential;
		lesson->is_open = !lesson->waits;
	}
}

static bool
read_lesson(Reader *reader)
{
	LearnerLesson lesson = {.place = reader->place};
	const Progress *progress;
	bool		nulls[2];
	bool		is_required = DatumGetBool(direct_scan_value(&reader->lessons, LESSON_REQUIRED, &nulls[0]));
	bool		is_published = DatumGetBool(direct_scan_value(&reader->lessons, LESSON_PUBLISHED, &nulls[1]));

	if (nulls[0] || nulls[1] ||
		!read_place(&reader->lessons, LESSON_SORT_ORDER, LESSON_CREATED_AT, LESSON_ID, reader->place + 3))
		return false;
	progress = hash_search(reader->progress, DatumGetPointer(reader->place[PLACE_COLUMNS - 1]), HASH_FIND, NULL);
	lesson.counts = is_required && is_published;
	lesson.begun = progress != NULL;
	lesson.completed = lesson.begun && progress->completed;
	lesson.last_watched = lesson.begun ? progress->last_watched : 0;
	if (!lesson.completed)
		judge_lesson(reader, &lesson);
	reader->receive(reader->to, reader->course->id, &lesson);
	return true;
}

/* The lessons of the module that was found. */
static bool
read_module(Reader *reader)
{
	ScanKeyData key;

	if (!read_place(&reader->modules, MODULE_SORT_ORDER, MODULE_CREATED_AT, MODULE_ID, reader->place))
		return false;
	key = direct_key(1, reader->place[2]);
	index_rescan(reader->lessons.desc, &key, 1, NULL, 0);
	while (direct_scan_next(&reader->lessons))
		if (!read_lesson(reader))
			return false;
	return true;
}

static bool
read_course(Reader *reader, const LearnerCourse *course)
{
	ScanKeyData key = direct_key(1, course->id);

	reader->course = course;
	index_rescan(reader->modules.desc, &key, 1, NULL, 0);
	while (direct_scan_next(&reader->modules))
		if (!read_module(reader))
			return false;
	return true;
}

static bool
read_courses(Reader *reader, const Relation *relations, const LearnerCourse *courses, int count)
{
	bool		done = true;

	direct_scan_open(&reader->modules, direct_tables[MODULES], relations[MODULES], direct_tables[MODULES]->parent_index, 1);
	direct_scan_open(&reader->lessons, direct_tables[LESSONS], relations[LESSONS], direct_tables[LESSONS]->parent_index, 1);
	for (int i = 0; i < count && done; i++)
		done = read_course(reader, &courses[i]);
	direct_scan_close(&reader->lessons);
	direct_scan_close(&reader->modules);
	return done;
}

/*
 * Reads what the query lessons_of_learner in dashboard.c reads; false where SQL must do.
 * Then some lessons may have been received.
 */
bool
direct_read_courses(const Library *library, Datum user_id, const LearnerCourse *courses,
					int count, LessonReceiver receive, void *to)
{
	Reader		reader = {.receive = receive, .to = to};
	Relation	relations[SCANNED_TABLES];
	bool		done;

	if (!direct_scan_tables(library, relations))
		return false;
	done = read_progress(&reader, relations, user_id) &&
		read_courses(&reader, relations, courses, count);
	direct_tables_close(relations, SCANNED_TABLES);
	return done;
}
