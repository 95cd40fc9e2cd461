/* direct_reports.h: reads and writes the rows of reports without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_REPORTS_H
#define CONTENT_LIBRARY_DIRECT_REPORTS_H

#include "recording.h"

extern bool direct_read_rows(Recording *recording);
extern bool direct_read_watched_rows(Recording *recording);
extern bool direct_load_lessons(Recording *recording);
extern bool direct_insert(const Recording *recording, RecordedReport *report);
extern bool direct_advance(const Recording *recording, RecordedReport *report);

#endif							/* CONTENT_LIBRARY_DIRECT_REPORTS_H */
