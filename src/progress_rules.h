/* progress_rules.h: how a report changes the row of progress it is about (rules R1, R2, R3, R9). */
#ifndef CONTENT_LIBRARY_PROGRESS_RULES_H
#define CONTENT_LIBRARY_PROGRESS_RULES_H

#include "datatype/timestamp.h"

#include "call.h"
#include "threshold.h"

typedef struct Report
{
	Datum		lesson_id;
	int32		watched_pct;
	int32		position;
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
	int32		threshold;		/* what is left to reach; 101: nothing */
	bool		completed;
	bool		required;		/* whether the lesson is; true if completed */
} Progress;

/*
 * What progress_from_row() reads of the row p, and the row as a whole.  The last column is the bar that
 * is left to reach, negative for an optional lesson: one look-up for both, made
 * only where it is needed, costs less than a join.
 */
#define PROGRESS_COLUMNS_SQL(row, lesson_id, setting) \
	" " row ", p.watched_pct, p.last_watched, p.position_seconds, p.completed," \
	" CASE WHEN NOT p.completed THEN" \
	"   (SELECT " THRESHOLD_SQL(setting) " * CASE WHEN l.is_required THEN 1 ELSE -1 END" \
	"      FROM %1$s.lessons AS l" \
	"     WHERE l.id = " lesson_id ") END"

/*
 * How a report advances the row p, which may have changed since it was read.
 * Of reports of one moment the furthest position counts, in whatever order
 * they come.
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
