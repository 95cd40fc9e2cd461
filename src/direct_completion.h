/* direct_completion.h: counts the lessons of a course, and which a learner has completed, without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_COMPLETION_H
#define CONTENT_LIBRARY_DIRECT_COMPLETION_H

#include "content_library.h"

extern bool direct_count_lessons(const Library *library, Datum course_id, Datum user_id,
								 int64 *completed, int64 *required);

#endif							/* CONTENT_LIBRARY_DIRECT_COMPLETION_H */
