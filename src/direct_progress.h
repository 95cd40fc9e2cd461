/* direct_progress.h: finds how far a learner is in given lessons, without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_PROGRESS_H
#define CONTENT_LIBRARY_DIRECT_PROGRESS_H

#include "utils/relcache.h"

#include "content_library.h"

typedef struct LessonProgress
{
	Datum		lesson_id;
	bool		started;		/* the rest is zero if it is not */
	bool		completed;
	int32		watched_pct;
	NullableDatum last_watched;
	NullableDatum position_seconds;
	NullableDatum completed_at;
} LessonProgress;

extern Relation direct_progress_open(const Library *library);
extern void direct_progress_close(Relation relation);
extern void direct_find_progress(Relation relation, Datum user_id, LessonProgress *lessons, int count);
extern LessonProgress *sorted_lessons(Datum *ids, int *count);
extern LessonProgress *progress_of_lesson(LessonProgress *lessons, int count, Datum lesson_id);

#endif							/* CONTENT_LIBRARY_DIRECT_PROGRESS_H */
