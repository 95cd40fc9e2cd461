/* batch_reports.h: the reports of a batch, as its JSON says them. */
#ifndef CONTENT_LIBRARY_BATCH_REPORTS_H
#define CONTENT_LIBRARY_BATCH_REPORTS_H

#include "utils/jsonb.h"

#include "progress_rules.h"

#define MAX_REPORTS 1000

typedef struct BatchedReport
{
	Report		report;
	int			number;			/* its place in the caller's array */
	bool		exists;			/* whether its row does */
	Datum		id;				/* of that row */
	Datum		course_id;		/* looked up where there is none */
	Progress	progress;
} BatchedReport;

/* The reports in the order of their lessons, in which rows are locked. */
typedef struct Batch
{
	TimestampTz now;
	int			size;
	BatchedReport elements[MAX_REPORTS];
} Batch;

extern Batch *read_batch(Jsonb *reports);
extern int	compare_lessons(const void *a, const void *b);

#endif							/* CONTENT_LIBRARY_BATCH_REPORTS_H */
