/* direct_read.h: reads a row of progress and the threshold of its lesson without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_READ_H
#define CONTENT_LIBRARY_DIRECT_READ_H

#include "access/htup.h"

#include "direct_tables.h"

/* What is read for a report. */
typedef struct DirectProgress
{
	HeapTuple	row;			/* NULL if there is none */
	Datum		values[DIRECT_MAX_COLUMNS];	/* in the order of PROGRESS_ID and so on */
	bool		nulls[DIRECT_MAX_COLUMNS];
	bool		plain;			/* see PLAIN_THRESHOLD_SQL */
	int32		threshold;		/* if it is plain */
} DirectProgress;

extern bool direct_read_progress(const Library *library, Datum user_id, Datum lesson_id,
								 DirectProgress *found);

#endif							/* CONTENT_LIBRARY_DIRECT_READ_H */
