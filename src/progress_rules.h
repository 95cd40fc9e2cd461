/* progress_rules.h: how a report changes its row of progress (rules R1, R2, R3, R9). */
#ifndef CONTENT_LIBRARY_PROGRESS_RULES_H
#define CONTENT_LIBRARY_PROGRESS_RULES_H

#include "datatype/timestamp.h"

#include "call.h"
#include "threshold.h"

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
	Datum		row;			/* the whole row, as content_progress */
	int32		watched_pct;
	TimestampTz last_watched;
	int32		position;
	bool		has_position;
	int32		threshold;		/* to be reached; 101, which no report has, if completed */
	bool		completed;		/* the lesson, and for good */
	bool		required;		/* the lesson; also true if completed */
} Progress;

/*
 * What progress_from_row() reads: the whole row, some columns of the row p, and the
 * threshold that is still to be reached.  That is NULL for a completed lesson and negative
 * for an optional one.  One look-up for both, made only for lessons that are not completed,
 * is cheaper than a join.
 */
#define PROGRESS_COLUMNS_SQL(row, lesson_id, setting) \
	" " row ", p.watched_pct, p.last_watched, p.position_seconds, p.completed," \
	" CASE WHEN NOT p.completed THEN" \
	"   (SELECT " THRESHOLD_SQL(setting) " * CASE WHEN l.is_required THEN 1 ELSE -1 END" \
	"      FROM %1$s.lessons AS l" \
	"     WHERE l.id = " lesson_id ") END"

/*
 * How a report advances the row p.  It compares with the row again, because another report
 * may have changed it since it was read.  Of two reports with the same time the furthest
 * position counts, so the order in which they come does not matter.
 */
#define ADVANCE_SQL(pct, at, position, bar) \
	" SET watched_pct = GREATEST(p.watched_pct, " pct ")," \
	"     completed = p.completed OR GREATEST(p.watched_pct, " pct ") >= " bar "," \
	"     completed_at = CASE" \
	"       WHEN p.completed THEN p.completed_at" \
	"       WHEN GREATEST(p.watched_pct, " pct ") >= " bar \
	"       THEN COALESCE(p.completed_at, " at ")" \
	"       ELSE p.completed_at END," \
	"     last_watched = GREATEST(p.last_watched, " at ")," \
	"     position_seconds = CASE" \
	"       WHEN " at " > p.last_watched THEN COALESCE(" position ", p.position_seconds)" \
	"       WHEN " at " < p.last_watched THEN COALESCE(p.position_seconds, " position ")" \
	"       ELSE GREATEST(p.position_seconds, " position ") END"

extern void progress_from_row(Progress *progress, const Call *call, uint64 row, int first);
extern void clear_future_timestamp(const Call *call, const Report *report, const Progress *progress);
extern bool needs_write(const Report *report, const Progress *progress);
extern bool completes_lesson(const Report *report, const Progress *progress);
extern bool keeps_course_incomplete(const Report *report, const Progress *progress);

#endif							/* CONTENT_LIBRARY_PROGRESS_RULES_H */
