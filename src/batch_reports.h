/* batch_reports.h: reads the reports of a batch from JSON. */
#ifndef CONTENT_LIBRARY_BATCH_REPORTS_H
#define CONTENT_LIBRARY_BATCH_REPORTS_H

#include "utils/jsonb.h"

#include "recording.h"

/* Arrays of this size are on the stack. */
#define MAX_REPORTS 1000

extern RecordedReport *read_reports(Jsonb *reports, TimestampTz now, int *size);

#endif							/* CONTENT_LIBRARY_BATCH_REPORTS_H */
