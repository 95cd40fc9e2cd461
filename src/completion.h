/* completion.h: completes a course, once for each enrollment (R10). */
#ifndef CONTENT_LIBRARY_COMPLETION_H
#define CONTENT_LIBRARY_COMPLETION_H

#include "datatype/timestamp.h"

#include "call.h"

extern bool completion_is_due(const Call *call, Datum lesson_id);
extern void claim_begin(const Call *call, Datum *lesson_ids, int lessons);
extern void claim_completion(const Call *call, Datum lesson_id, TimestampTz at);
extern void reopen_begin(const Call *call, Datum course_id);
extern void reopen_completion(const Call *call, Datum course_id);

#endif							/* CONTENT_LIBRARY_COMPLETION_H */
