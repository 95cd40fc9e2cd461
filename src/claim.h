/* claim.h: the completion of a course is claimed once (rule R10). */
#ifndef CONTENT_LIBRARY_CLAIM_H
#define CONTENT_LIBRARY_CLAIM_H

#include "datatype/timestamp.h"

#include "call.h"

extern bool completion_is_due(const Call *call, Datum lesson_id);
extern void claim_begin(const Call *call, Datum *lesson_ids, int lessons);
extern void claim_completion(const Call *call, Datum lesson_id, TimestampTz at);
extern void reopen_begin(const Call *call, Datum course_id);
extern void reopen_completion(const Call *call, Datum course_id);
extern void claim_completions(const Call *call, Datum course_id, TimestampTz at);

#endif							/* CONTENT_LIBRARY_CLAIM_H */
