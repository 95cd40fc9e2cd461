/* progress_rules.h: whether and how a report changes its row of progress (rules R1, R2, R3, R9). */
#ifndef CONTENT_LIBRARY_PROGRESS_RULES_H
#define CONTENT_LIBRARY_PROGRESS_RULES_H

#include "datatype/timestamp.h"

#include "advance.h"
#include "call.h"
#include "direct_read.h"
#include "played.h"
#include "rules.h"

/* What a player reports. */
typedef struct Report
{
	Datum		user_id;		/* in a batch that names a user in each report; else 0 */
	Datum		lesson_id;
	bool		claims;			/* whether it has a percentage */
	int32		claimed_pct;	/* if it has */
	const Ranges *played;		/* NULL if it has none */
	int32		position;		/* in seconds, if has_position */
	bool		has_position;
	TimestampTz watched_at;

	/* What it comes to: see weigh_reports(). */
	int32		watched_pct;
	TimestampTz dated_at;		/* if it completes the lesson */
	const Ranges *watched;		/* what its row is to hold */
	bool		is_news;		/* for watched, or because the row has no started_at */
} Report;

/* A stored row, and what decides whether a report changes it. */
typedef struct Progress
{
	Datum		row;			/* as the called function returns it; 0 if it is in direct */
	int32		watched_pct;
	TimestampTz last_watched;
	int32		position;
	bool		has_position;
	bool		completed;
	int32		threshold;		/* of the lesson, if the report may complete or date it */
	bool		plain;			/* nothing more must be known */
	DirectProgress *direct;		/* if it was last read or written without SQL, else NULL */

	/* Read only where the seconds count. */
	Datum		watched_value;	/* as it is stored */
	const Ranges *watched;
	TimestampTz started_at;		/* if has_started */
	bool		has_started;
} Progress;

/* A row of progress p as record_progress() returns it. */
#define RECORDED_SQL \
	" ROW(p.id, p.user_id, p.lesson_id, p.watched_pct, p.completed, p.last_watched," \
	"     p.position_seconds, p.completed_at, false)::%1$s.recorded_progress"

/* What progress_from_row() reads of the row p, with the lesson's threshold. */
#define PROGRESS_COLUMNS_SQL(threshold) RECORDED_SQL ", " threshold

/*
 * The threshold where a report is plain: the lesson is not completed, and its course alone says
 * that it takes reports (rule R13).  Else NULL, and then more is read.  Almost all reports are
 * plain, and each operator more in this costs them as much as reading a column ten times.  A
 * look-up is cheaper than a join.
 */
#define PLAIN_THRESHOLD_SQL(lesson_id, setting) \
	"CASE WHEN NOT p.completed THEN" \
	"   (SELECT (SELECT " THRESHOLD_OF_SQL("c.completion_threshold", setting) \
	"              FROM %1$s.courses AS c" \
	"             WHERE c.id = (SELECT m.course_id" \
	"                             FROM %1$s.modules AS m" \
	"                            WHERE m.id = l.module_id)" \
	"               AND c.progress_by = 'report')" \
	"      FROM %1$s.lessons AS l" \
	"     WHERE l.id = " lesson_id " AND l.progress_by IS NULL) END"

/* What watched_from_row() reads besides, of the row p and its lesson. */
#define WATCHED_COLUMNS_SQL \
	" p.watched, p.started_at, " PROGRESS_BY_SQL ", " DURATION_SQL

extern void progress_from_row(Progress *progress, const Report *report, const Call *call,
							  uint64 row, int first);
extern bool progress_from_values(Progress *progress, const Report *report, const Call *call,
								 DirectProgress *found);
extern Advance advance_values(const Progress *progress, const Report *report, TimestampTz now);
extern Datum recorded_values(const Call *call, const DirectProgress *from, bool course_completed);
extern void clear_future_timestamp(const Call *call, const Report *report, const Progress *progress);
extern bool is_in_future(const Report *report, const Progress *progress);
extern bool needs_write(const Report *report, const Progress *progress);
extern bool completes_lesson(const Report *report, const Progress *progress);

#endif							/* CONTENT_LIBRARY_PROGRESS_RULES_H */
