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
get_ids(NullableDatum array, Datum **ids)
{
	int			count = 0;

	if (!array.isnull)
		deconstruct_array(DatumGetArrayTypeP(array.value), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, ids, NULL, &count);
	return count;
}

/* Opens a reader for the lessons of a course, of which some count; false where SQL must do. */
bool
direct_learners_open(LearnerReader *reader, const Library *library, NullableDatum lesson_ids,
					 NullableDatum required_ids)
{
	Datum	   *ids = NULL;
	Datum	   *required = NULL;

	reader->progress = direct_progress_open(library);
	if (reader->progress == NULL)
		return false;
	reader->count = get_ids(lesson_ids, &ids);
	reader->lessons = sorted_lessons(ids, &reader->count);
	reader->required = get_ids(required_ids, &required);
	for (int i = 0; i < reader->required; i++)
		progress_of_lesson(reader->lessons, reader->count, required[i])->counts = true;
	reader->context = AllocSetContextCreate(CurrentMemoryContext, "content_library learner", ALLOCSET_DEFAULT_SIZES);
	return true;
}

static void
add_lesson(LearnerProgress *learner, const LessonProgress *lesson)
{
	if (!lesson->begun)
		return;
	learner->completed += lesson->counts && lesson->completed;
	if (lesson->last_watched.isnull)
		return;
	if (learner->last_watched.isnull ||
		DatumGetTimestampTz(lesson->last_watched.value) > DatumGetTimestampTz(learner->last_watched.value))
		learner->last_watched = lesson->last_watched;
}

LearnerProgress
direct_learner_read(LearnerReader *reader, Datum user_id)
{
	LearnerProgress learner = {.last_watched.isnull = true};
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	for (int i = 0; i < reader->count; i++)
		reader->lessons[i].begun = false;
	direct_find_progress(reader->progress, user_id, reader->lessons, reader->count);
	for (int i = 0; i < reader->count; i++)
		add_lesson(&learner, &reader->lessons[i]);
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
