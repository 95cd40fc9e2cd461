/* recording.h: the steps in which reports of a learner are recorded, one or many. */
#ifndef CONTENT_LIBRARY_RECORDING_H
#define CONTENT_LIBRARY_RECORDING_H

#include "progress_rules.h"

/* What moves the progress of a lesson (rule R13). */
typedef enum ProgressBy
{
	BY_REPORT,
	BY_WATCHING,
	BY_SERVER
} ProgressBy;

/* A report, and what is known of its row in content_progress. */
typedef struct RecordedReport
{
	Report		report;
	int			number;			/* its place in the caller's array */
	bool		exists;			/* whether its row does */
	bool		barred;			/* not for an editor to report: see call_begin_recording() */
	bool		skipped;		/* refused, and left out as the caller wishes */
	bool		completing;		/* completes its lesson, in this attempt or an earlier one */
	bool		course_completed;	/* by this report */
	Datum		id;				/* of the row, if it exists; only in a batch, or if it was read directly */
	Progress	progress;		/* the row, or what a new one must reach */

	/* Of the lesson.  If the row exists, they are read only where the seconds count. */
	ProgressBy	progress_by;
	int32		duration;		/* in seconds; 0 if it is not known */

	/* Of the lesson, if the row does not exist; the course also if it may be completed. */
	bool		known;			/* whether there is such a lesson for the caller */
	bool		loaded_directly;	/* whether that was found out without SQL */
	Datum		course_id;
	const char *refusal;		/* why it may not be begun (rule R8), or NULL */
	TimestampTz unlocks_at;		/* if that is "date" */
} RecordedReport;

/* Reports of one learner, sorted by lesson: rows are locked in that order. */
typedef struct Recording
{
	Call	   *call;
	RecordedReport *reports;
	int			size;
	bool		is_batch;		/* errors name the report */
	bool		skip_refused;
	bool		skip_users;		/* an unknown user, too, is left out */
	TimestampTz now;
	const struct RecordingQueries *queries;
} Recording;

/*
 * What new_lesson_from_row() reads of a lesson without a row of progress: its threshold, its
 * course, why it may not be begun, if so, when it opens, if that has a date, and its video.
 */
#define NEW_LESSON_SQL(setting, refusal) \
	" " THRESHOLD_OF_SQL("c.completion_threshold", setting) ", c.id, " refusal "," \
	" " PROGRESS_BY_SQL ", " DURATION_SQL

#define WHY_CLOSED_SQL(user_id, any_tier) \
	REFUSAL_SQL(NO_ACCESS_SQL(any_tier), "false", EARLIER_IS_OPEN_SQL(user_id)) "," \
	" " UNLOCKS_AT_SQL

#define NOT_CLOSED_SQL "NULL::text, NULL::timestamptz"

/*
 * How rows are read and written: by values for one report, by arrays for a batch.  Each does
 * this for the reports that need it.  read_watched also reads what was watched, and by which
 * rule the lesson's progress moves.  The last two return false if a row came or went since
 * it was read, or holds other seconds now.
 */
typedef struct RecordingQueries
{
	void		(*read_rows) (Recording *recording);
	void		(*read_watched) (Recording *recording);
	void		(*load_lessons) (Recording *recording);
	bool		(*insert_rows) (Recording *recording);
	bool		(*update_rows) (Recording *recording);
} RecordingQueries;

extern void call_begin_recording(Recording *recording, FunctionCallInfo fcinfo, int user_arg);
extern void forget_rows(Recording *recording);
extern void record_reports(Recording *recording);
extern void new_lesson_from_row(RecordedReport *report, uint64 row, int first);
extern Datum *reported_lessons(const Recording *recording);
extern RecordedReport *look_for_report(const Recording *recording, Datum lesson_id);
extern RecordedReport *find_report(const Recording *recording, Datum lesson_id);
extern const char *prefix_of(const Recording *recording, const RecordedReport *report);
extern const RecordedReport *first_of(const RecordedReport *one, const RecordedReport *other);
pg_noreturn extern void written_otherwise(Datum lesson_id);
extern int	compare_lessons(const void *a, const void *b);
extern Datum recorded_row(const Recording *recording, const RecordedReport *report);
extern void set_recorded_row(RecordedReport *report, Datum row);

/* Whether the row is to be inserted. */
static inline bool
is_missing(const RecordedReport *report)
{
	return !report->exists && !report->skipped;
}

/* Whether the row exists and the report changes it (rule R9). */
static inline bool
needs_update(const RecordedReport *report)
{
	return report->exists && !report->skipped && needs_write(&report->report, &report->progress);
}

/* Whether the report completes its lesson, or dates it earlier. */
static inline bool
completes(const RecordedReport *report)
{
	return !report->skipped && completes_lesson(&report->report, &report->progress);
}

#endif							/* CONTENT_LIBRARY_RECORDING_H */
