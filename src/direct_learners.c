/* direct_learners.c: reads how far the learners of a course are, for a report, without SQL. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "direct_learners.h"

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
