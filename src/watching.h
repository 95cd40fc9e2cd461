/* watching.h: what moves the progress of a lesson (R13). */
#ifndef CONTENT_LIBRARY_WATCHING_H
#define CONTENT_LIBRARY_WATCHING_H

#include "recording.h"

extern void watched_from_row(RecordedReport *report, uint64 row, int first);
extern void watched_from_values(RecordedReport *report, const DirectProgress *found);
extern void video_from_row(RecordedReport *report, uint64 row, int first);
extern void set_video(RecordedReport *report, const char *progress_by, int32 duration);
extern void weigh_reports(Recording *recording);
extern void hold_courses(Recording *recording);

#endif							/* CONTENT_LIBRARY_WATCHING_H */
