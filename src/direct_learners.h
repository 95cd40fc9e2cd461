/* direct_learners.h: counts the learners of a course, and reads how far they are, without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_LEARNERS_H
#define CONTENT_LIBRARY_DIRECT_LEARNERS_H

#include "direct_progress.h"

typedef struct LearnerReader
{
	Relation	progress;
	LessonProgress *lessons;
	int			count;
	LessonProgress **required;	/* of these */
	int			required_count;
	MemoryContext context;		/* of one learner */
} LearnerReader;

/* As DONE_BY_LEARNER_SQL. */
typedef struct LearnerProgress
{
	int			completed;
	NullableDatum last_watched;
} LearnerProgress;

extern bool direct_count_learners(const Library *library, Datum course_id, int64 *learners, int64 *completed);
extern bool direct_learners_open(LearnerReader *reader, const Library *library,
								 const Datum *ids, const char *nulls);
extern LearnerProgress direct_learner_read(LearnerReader *reader, Datum user_id);
extern void direct_learners_close(LearnerReader *reader);

#endif							/* CONTENT_LIBRARY_DIRECT_LEARNERS_H */
