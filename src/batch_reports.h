/* batch_reports.h: the reports of a batch, as its JSON says them. */
#ifndef CONTENT_LIBRARY_BATCH_REPORTS_H
#define CONTENT_LIBRARY_BATCH_REPORTS_H

#include "utils/jsonb.h"

#include "progress_rules.h"

/* Arrays of this size are on the stack. */
#define MAX_REPORTS 1000

/* A report, and what is known of its row in content_progress. */
typedef struct BatchedReport
{
	Report		report;
	int			number;			/* its place in the caller's array */
	bool		exists;			/* whether the row does */
	Datum		id;				/* of the row, if it exists */
	Datum		course_id;		/* of the lesson, if it does not */
	Progress	progress;		/* the row, or what a new one must reach */
} BatchedReport;

/* The reports, sorted by lesson: their rows are locked in that order. */
typedef struct Batch
{
	TimestampTz now;			/* one time for the whole batch */
	int			size;
	BatchedReport elements[MAX_REPORTS];
} Batch;

extern Batch *read_batch(Jsonb *reports);
extern int	compare_lessons(const void *a, const void *b);

#endif							/* CONTENT_LIBRARY_BATCH_REPORTS_H */
