/* batch_reports.h: reads the reports of a batch from JSON. */
#ifndef CONTENT_LIBRARY_BATCH_REPORTS_H
#define CONTENT_LIBRARY_BATCH_REPORTS_H

#include "utils/jsonb.h"

#include "recording.h"

/* Of one learner at once. */
#define MAX_REPORTS 1000
/* In a batch that names a user in each report. */
#define MAX_REPORTS_OF_ALL 10000

extern RecordedReport *read_reports(Jsonb *reports, TimestampTz now, int *size);
extern bool is_of_same_user(const RecordedReport *one, const RecordedReport *other);

#endif							/* CONTENT_LIBRARY_BATCH_REPORTS_H */
