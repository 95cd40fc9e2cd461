/* claim.h: the completion of a course is claimed once (rule R10). */
#ifndef CONTENT_LIBRARY_CLAIM_H
#define CONTENT_LIBRARY_CLAIM_H

#include "datatype/timestamp.h"

extern void claim_completion(const char *schema, Datum user_id, Datum lesson_id,
							 TimestampTz at, bool lesson_just_completed);
extern void reopen_completion(const char *schema, Datum user_id, Datum course_id);
extern void claim_completions(const char *schema, Datum course_id, TimestampTz at);

#endif							/* CONTENT_LIBRARY_CLAIM_H */
