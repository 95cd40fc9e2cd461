/* progress_rules.h: whether and how a report changes its row of progress (rules R1, R2, R3, R9). */
#ifndef CONTENT_LIBRARY_PROGRESS_RULES_H
#define CONTENT_LIBRARY_PROGRESS_RULES_H

#include "datatype/timestamp.h"

#include "call.h"
#include "rules.h"

/* What a player reports. */
typedef struct Report
{
	Datum		lesson_id;
	int32		watched_pct;
	int32		position;		/* in seconds, if has_position */
	bool		has_position;
	TimestampTz watched_at;
} Report;

/* A stored row, and what decides whether a report changes it. */
typedef struct Progress
{
	Datum		row;			/* as the called function returns it */
	int32		watched_pct;
	TimestampTz last_watched;
	int32		position;
	bool		has_position;
	bool		completed;
	int32		threshold;		/* of the lesson, if the report may complete or date it */
} Progress;

/* A row of progress p as record_progress() returns it. */
#define RECORDED_SQL \
	" ROW(p.id, p.user_id, p.lesson_id, p.watched_pct, p.completed, p.last_watched," \
	"     p.position_seconds, p.completed_at, false)::%1$s.recorded_progress"

/*
 * What progress_from_row() reads of the row p, for a report of the time at.  A look-up of the
 * threshold, only where the report may complete the lesson or date it earlier, is cheaper
 * than a join.
 */
#define PROGRESS_COLUMNS_SQL(lesson_id, at, setting) \
	RECORDED_SQL ", p.watched_pct, p.last_watched, p.position_seconds, p.completed," \
	" CASE WHEN NOT p.completed OR p.completed_at > " at " THEN" \
	"   (SELECT " THRESHOLD_SQL(setting) \
	"      FROM %1$s.lessons AS l" \
	"     WHERE l.id = " lesson_id ") END"

extern void progress_from_row(Progress *progress, const Call *call, uint64 row, int first);
extern void clear_future_timestamp(const Call *call, const Report *report, const Progress *progress);
extern bool needs_write(const Report *report, const Progress *progress);
extern bool completes_lesson(const Report *report, const Progress *progress);

#endif							/* CONTENT_LIBRARY_PROGRESS_RULES_H */
