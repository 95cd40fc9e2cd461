/* watching.c: what moves the progress of a lesson: a claim, the seconds played, or the service (R13). */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "completion.h"
#include "result.h"
#include "staff.h"
#include "watching.h"

/* What a learner has watched of a course. */
static const LibraryQuery watched_of_course = {
	"SELECT p.lesson_id, p.watched, p.started_at"
	"  FROM %1$s.modules AS m"
	"  JOIN %1$s.lessons AS l ON l.module_id = m.id"
	PROGRESS_BY_KEY_SQL("$1", "l.id")
	" WHERE m.course_id = $2 AND p.id IS NOT NULL",
	2, {UUIDOID, UUIDOID}
};

/* Nothing was watched. */
static const Ranges no_ranges = {0};

/* Sets what is known of a lesson's video. */
void
set_video(RecordedReport *report, const char *progress_by, int32 duration)
{
	report->progress_by = strcmp(progress_by, "watch") == 0 ? BY_WATCHING :
		strcmp(progress_by, "server") == 0 ? BY_SERVER : BY_REPORT;
	report->duration = duration;
}

/* Reads the two columns about the lesson's video. */
void
video_from_row(RecordedReport *report, uint64 row, int first)
{
	bool		isnull;
	Datum		duration = result_nullable(row, first + 1, INT4OID, &isnull);

	set_video(report, TextDatumGetCString(result_value(row, first, TEXTOID)),
			  isnull ? 0 : DatumGetInt32(duration));
}

static void
set_watched(Progress *progress, Datum watched, Datum started_at, bool not_started)
{
	progress->watched_value = watched;
	progress->watched = ranges_from_datum(watched);
	progress->started_at = DatumGetTimestampTz(started_at);
	progress->has_started = !not_started;
}

/* Reads WATCHED_COLUMNS_SQL, whose first column has the number first. */
void
watched_from_row(RecordedReport *report, uint64 row, int first)
{
	bool		isnull;
	Datum		started_at = result_nullable(row, first + 1, TIMESTAMPTZOID, &isnull);

	set_watched(&report->progress, result_value(row, first, INT4MULTIRANGEOID), started_at, isnull);
	video_from_row(report, row, first + 2);
}

/* The same but for the video, of a row that was read directly. */
void
watched_from_values(RecordedReport *report, const DirectProgress *found)
{
	set_watched(&report->progress, found->values[PROGRESS_WATCHED],
				found->values[PROGRESS_STARTED_AT], found->nulls[PROGRESS_STARTED_AT]);
}

/* Whether the caller moves progress freely: the service does, and an editor where learners do not. */
static bool
moves_freely(const Recording *recording, const RecordedReport *report)
{
	return recording->call->named ||
		(report->progress_by == BY_SERVER &&
		 is_staff_of_lesson(recording->call, report->report.lesson_id, STAFF_EDITOR));
}

/* Whether a report on a completed lesson changes no more than the position. */
static bool
is_harmless(const RecordedReport *report)
{
	return report->exists && report->progress.completed && report->progress.plain &&
		report->report.played == NULL;
}

/* Whether the seconds that are played are credited by the clock. */
static bool
is_clocked(const RecordedReport *report)
{
	return report->progress_by == BY_WATCHING && report->report.played != NULL;
}

/* The rules that a report can break. */
typedef enum Objection
{
	NONE,
	SERVER_ONLY,
	CLAIM,
	NOT_READY,
	NO_DURATION
} Objection;

static Objection
objection_to(const Recording *recording, const RecordedReport *report)
{
	bool		by_watching = report->progress_by == BY_WATCHING;

	if (report->progress_by == BY_SERVER && !moves_freely(recording, report))
		return SERVER_ONLY;
	if (by_watching && report->report.claims && !moves_freely(recording, report))
		return CLAIM;
	if (is_clocked(report) && report->duration == 0)
		return NOT_READY;
	if (!report->report.claims && report->duration == 0)
		return NO_DURATION;
	return NONE;
}

static void
object(const char *prefix, Datum lesson_id, Objection objection)
{
	char	   *lesson = uuid_text(lesson_id);

	switch (objection)
	{
		case SERVER_ONLY:
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("%sthe progress on lesson \"%s\" is not reported by learners", prefix, lesson),
					 errdetail("Its progress_by is \"server\": the service and the editors of the course move it.")));
			break;
		case CLAIM:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%sthe progress on lesson \"%s\" is what was played, and no watched_pct", prefix, lesson),
					 errdetail("Its progress_by is \"watch\"."),
					 errhint("Send played, with all that the player has played.")));
			break;
		case NOT_READY:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%sthe video of lesson \"%s\" is not ready yet", prefix, lesson),
					 errdetail("It has no duration_seconds.")));
			break;
		case NO_DURATION:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%splayed is no percentage of lesson \"%s\", which has no duration_seconds", prefix, lesson),
					 errhint("Give watched_pct.")));
			break;
		case NONE:
			break;
	}
}

/*
 * Refuses reports that break a rule, or leaves them out as the caller wishes.  A lesson that
 * may not be begun has an error of its own: see refuse() in recording.c.
 */
static void
object_to_reports(Recording *recording)
{
	const RecordedReport *refused = NULL;

	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];
		Objection	objection;

		if (report->skipped || report->refusal != NULL || is_harmless(report))
			continue;
		objection = objection_to(recording, report);
		if (objection == SERVER_ONLY && recording->skip_refused)
			report->skipped = true;
		else if (objection != NONE)
			refused = first_of(refused, report);
	}
	if (refused != NULL)
		object(prefix_of(recording, refused), refused->report.lesson_id, objection_to(recording, refused));
}

/*
 * How many seconds of videos can have been watched by now, if it began at this time.  The
 * owner may have written any time.
 */
static int64
clock_bound(const Recording *recording, TimestampTz since)
{
	double		elapsed = ((double) recording->now - (double) since) / USECS_PER_SEC;
	double		seconds = ceil(library_max_playback_rate * Max(elapsed, 0));

	if (library_max_playback_rate == 0 || seconds >= PG_INT32_MAX)
		return PG_INT64_MAX;
	return (int64) seconds + library_watch_grace;
}

static TimestampTz
started_at(const Recording *recording, const RecordedReport *report)
{
	return report->progress.has_started ? report->progress.started_at : recording->now;
}

static const Ranges *
watched_before(const RecordedReport *report)
{
	return report->progress.watched != NULL ? report->progress.watched : &no_ranges;
}

/* What percentage of the video is in what the row is to hold. */
static int32
percent_watched(const RecordedReport *report)
{
	int64		seconds = ranges_seconds(ranges_clip(report->report.watched, report->duration));

	return (int32) (seconds * 100 / report->duration);
}

/*
 * When a report completes its lesson, if it does.  A claim is dated when it was made.  Seconds
 * come together from several reports, so the latest of them dates the lesson.
 */
static TimestampTz
date_of(const Recording *recording, const RecordedReport *report)
{
	TimestampTz last = report->progress.last_watched;

	if (report->report.claims || !report->exists || last > recording->now)
		return report->report.watched_at;
	return Max(report->report.watched_at, last);
}

/* Finds out what a report with played comes to, if so many seconds may be watched in all. */
static void
credit(const Recording *recording, RecordedReport *report, int64 bound)
{
	Report	   *it = &report->report;
	const Ranges *before = watched_before(report);
	int32		percent = 0;

	it->watched = ranges_credit(before, ranges_clip(it->played, report->duration), bound);
	it->is_news = ranges_seconds(it->watched) > ranges_seconds(before) ||
		(is_clocked(report) && report->exists && !report->progress.has_started);
	it->dated_at = date_of(recording, report);
	if (!it->claims || is_clocked(report))
		percent = percent_watched(report);
	/* What adds nothing reaches no threshold again, and so gives the lesson no earlier date. */
	if (!it->is_news && percent <= report->progress.watched_pct)
		percent = 0;
	it->watched_pct = it->claims ? Max(it->claimed_pct, percent) : percent;
}

/*
 * Finds out what the reports come to: which percentage, and which seconds.  The clock of a
 * lesson bounds the seconds here; that of the course does so in hold_courses().
 */
void
weigh_reports(Recording *recording)
{
	object_to_reports(recording);
	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];
		Report	   *it = &report->report;

		it->watched_pct = it->claimed_pct;
		it->dated_at = it->watched_at;
		it->watched = watched_before(report);
		it->is_news = false;
		/* Without a duration nobody knows where the video ends. */
		if (it->played == NULL || report->skipped || report->duration == 0)
			continue;
		credit(recording, report,
			   is_clocked(report) ? clock_bound(recording, started_at(recording, report)) : PG_INT64_MAX);
	}
}

/* What a learner has watched of a course, apart from the lessons that are reported now. */
typedef struct Course
{
	Datum		id;
	int64		seconds;
	TimestampTz started_at;
} Course;

static Course
read_course(const Recording *recording, Datum id)
{
	Datum		values[] = {recording->call->user_id, id};
	Course		course = {.id = id, .started_at = recording->now};
	bool		not_started;

	query_execute_latest(&recording->call->library, &watched_of_course, values);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		started = result_nullable(row, 3, TIMESTAMPTZOID, &not_started);

		if (!not_started)
			course.started_at = Min(course.started_at, DatumGetTimestampTz(started));
		if (look_for_report(recording, result_value(row, 1, UUIDOID)) == NULL)
			course.seconds += ranges_seconds(ranges_from_datum(result_value(row, 2, INT4MULTIRANGEOID)));
	}
	return course;
}

/* Seconds of the other lessons of the course that are reported.  Those before it have their credit. */
static int64
seconds_beside(const Recording *recording, int number)
{
	int64		seconds = 0;

	for (int i = 0; i < recording->size; i++)
	{
		const RecordedReport *report = &recording->reports[i];

		if (i != number && report->course_id != (Datum) 0 &&
			same_uuid(report->course_id, recording->reports[number].course_id))
			seconds += ranges_seconds(i < number ? report->report.watched : watched_before(report));
	}
	return seconds;
}

/* Whether it is by the seconds played that a report completes its lesson. */
static bool
completes_by_clock(const RecordedReport *report)
{
	return is_clocked(report) && !report->skipped && report->course_id != (Datum) 0 &&
		!report->progress.completed && report->report.watched_pct >= report->progress.threshold &&
		!(report->report.claims && report->report.claimed_pct >= report->progress.threshold);
}

/*
 * Holds back what would complete a lesson sooner than the clock allows for the whole course.
 * The learner and the courses are locked, so two reports cannot spend the same time.
 */
void
hold_courses(Recording *recording)
{
	Course		course = {0};

	if (library_max_playback_rate == 0)
		return;
	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];
		int64		bound;

		if (!completes_by_clock(report))
			continue;
		if (course.id == (Datum) 0 || !same_uuid(course.id, report->course_id))
			course = read_course(recording, report->course_id);
		bound = clock_bound(recording, course.started_at);
		if (bound == PG_INT64_MAX)
			continue;
		credit(recording, report, Min(bound - course.seconds - seconds_beside(recording, i),
									  clock_bound(recording, started_at(recording, report))));
		/* What is held back completes nothing, and claims nothing. */
		report->completing = completes(report);
	}
}
