/* completion.h: completes a course, once for each enrollment (R10). */
#ifndef CONTENT_LIBRARY_COMPLETION_H
#define CONTENT_LIBRARY_COMPLETION_H

#include "call.h"

extern const LibraryQuery lock_course;
extern const LibraryQuery lock_lessons;

extern int	claim_begin(const Call *call, Datum **lesson_ids, int lessons, Datum **course_ids);
extern bool claim_completion(const Call *call, Datum course_id);
extern void claim_new_enrollment(const Call *call, Datum course_id);
extern void lock_completion(Datum course_id, LOCKMODE mode);
extern void claim_completions(const Library *library, Datum course_id);
extern void reopen_begin(const Call *call, Datum course_id);
extern void reopen_completion(const Call *call, Datum course_id);

#endif							/* CONTENT_LIBRARY_COMPLETION_H */
