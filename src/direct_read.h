/* direct_read.h: reads a row of progress, and what is to be known of its lesson, without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_READ_H
#define CONTENT_LIBRARY_DIRECT_READ_H

#include "access/genam.h"
#include "access/htup.h"

#include "direct_tables.h"

/* Lessons of so many modules find their course at once. */
#define DIRECT_KEPT_MODULES 64

/* Tables that are open for reading, and the row that was read last of each. */
typedef struct DirectReader
{
	Relation	relations[DIRECT_TABLES];
	IndexScanDesc scans[DIRECT_TABLES];	/* NULL until there is something to look up */
	HeapTuple	rows[DIRECT_TABLES];
	struct
	{
		HeapTuple	module;
		HeapTuple	course;
	}			kept[DIRECT_KEPT_MODULES];
	int			kept_count;
	int			tables;			/* how many are open */
} DirectReader;

/* What is read of a row of progress. */
typedef struct DirectProgress
{
	HeapTuple	row;			/* NULL if there is none */
	Datum		values[DIRECT_MAX_COLUMNS];	/* in the order of PROGRESS_ID and so on */
	bool		nulls[DIRECT_MAX_COLUMNS];
	bool		plain;			/* see PLAIN_THRESHOLD_SQL */
	int32		threshold;		/* if it is plain, or more was asked */
} DirectProgress;

/* What is read of a lesson, if more is to be known. */
typedef struct DirectLesson
{
	int32		threshold;
	const char *progress_by;	/* PROGRESS_BY_SQL */
	int32		duration;		/* DURATION_SQL; 0 for its NULL */
	Datum		course_id;
} DirectLesson;

extern bool direct_read_begin(DirectReader *reader, const Library *library, int tables);
extern bool direct_read_progress(DirectReader *reader, Datum user_id, Datum lesson_id,
								 DirectProgress *found);
extern bool direct_read_watched(DirectReader *reader, Datum user_id, Datum lesson_id,
								DirectProgress *found, DirectLesson *lesson);
extern bool direct_read_open_lesson(DirectReader *reader, Datum user_id, Datum lesson_id,
									DirectLesson *lesson);
extern void direct_read_end(DirectReader *reader);

#endif							/* CONTENT_LIBRARY_DIRECT_READ_H */
