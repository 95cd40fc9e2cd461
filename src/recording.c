/* recording.c: the steps in which reports of a learner are recorded, one or many. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "completion.h"
#include "course.h"
#include "recording.h"
#include "result.h"
#include "staff.h"
#include "watching.h"

/* Of these lessons those that an editor reports on for a learner, by their numbers from 1. */
static const LibraryQuery lessons_of_editor = {
	"SELECT r.number"
	"  FROM unnest($3) WITH ORDINALITY AS r (lesson_id, number)"
	"  JOIN %1$s.lessons AS l ON l.id = r.lesson_id"
	COURSE_OF_LESSON_SQL
	" WHERE " FOR_EDITOR_SQL("$1", "$2"),
	3, {UUIDOID, UUIDOID, UUIDARRAYOID}
};

/* The lessons of the reports, in their order. */
Datum *
reported_lessons(const Recording *recording)
{
	Datum	   *lessons = palloc(recording->size * sizeof(Datum));

	for (int i = 0; i < recording->size; i++)
		lessons[i] = recording->reports[i].report.lesson_id;
	return lessons;
}

/* Bars what an editor may not report for the learner who is named; returns how many are left. */
static int
bar_reports(Recording *recording)
{
	Datum		values[] = {
		recording->call->signed_in, recording->call->user_id,
		uuid_array(reported_lessons(recording), recording->size)
	};

	for (int i = 0; i < recording->size; i++)
		recording->reports[i].barred = true;
	query_execute(&recording->call->library, &lessons_of_editor, values, NULL, true);
	for (uint64 row = 0; row < SPI_processed; row++)
		recording->reports[DatumGetInt64(result_value(row, 1, INT8OID)) - 1].barred = false;
	return (int) SPI_processed;
}

/* Refuses the first report that is not for an editor to make (rule R13). */
static void
refuse_barred(const Recording *recording)
{
	const RecordedReport *barred = NULL;

	for (int i = 0; i < recording->size; i++)
		if (recording->reports[i].barred)
			barred = first_of(barred, &recording->reports[i]);
	if (barred != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%sthe progress of user \"%s\" on lesson \"%s\" is not reported by editors",
						prefix_of(recording, barred), uuid_text(recording->call->user_id),
						uuid_text(barred->report.lesson_id)),
				 errdetail("An editor reports for a learner who is enrolled in the course, on lessons whose progress_by is \"server\".")));
}

/*
 * Begins a call that reports.  The service names any learner.  An editor names a learner of
 * the course, for lessons that learners do not report on themselves (rule R13).  Who may
 * report on none of the lessons has named another user, no more.
 */
void
call_begin_recording(Recording *recording, FunctionCallInfo fcinfo, int user_arg)
{
	Call	   *call = recording->call;

	call_begin_as_user_or_staff(call, fcinfo, user_arg);
	if (call->user_id == (Datum) 0)
		refuse_nobody();
	if (!names_learner(call))
		return;
	if (bar_reports(recording) == 0)
		refuse_other_user(call->user_id);
	if (!recording->skip_refused)
		refuse_barred(recording);
	call->named = true;
}

/* Reads NEW_LESSON_SQL, whose first column has the number first. */
void
new_lesson_from_row(RecordedReport *report, uint64 row, int first)
{
	bool		isnull;
	Datum		value;

	/* There is no row yet, so all else of it is zero. */
	report->known = true;
	report->progress.threshold = result_int32(row, first);
	report->course_id = result_value(row, first + 1, UUIDOID);
	value = result_nullable(row, first + 2, TEXTOID, &isnull);
	report->refusal = isnull ? NULL : TextDatumGetCString(value);
	value = result_nullable(row, first + 3, TIMESTAMPTZOID, &isnull);
	report->unlocks_at = isnull ? 0 : DatumGetTimestampTz(value);
	video_from_row(report, row, first + 4);
}

/* The same order as the server has for uuid. */
int
compare_lessons(const void *a, const void *b)
{
	return memcmp(DatumGetUUIDP(((const RecordedReport *) a)->report.lesson_id),
				  DatumGetUUIDP(((const RecordedReport *) b)->report.lesson_id), UUID_LEN);
}

/* A trigger of the tables' owner has written another row than it should. */
void
written_otherwise(Datum lesson_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the progress on lesson \"%s\" was not written as reported",
					uuid_text(lesson_id)),
			 errhint("Look for a trigger of your own on content_progress that changes lesson_id.")));
}

/* The report of a lesson, or NULL.  They are sorted by lesson. */
RecordedReport *
look_for_report(const Recording *recording, Datum lesson_id)
{
	RecordedReport key = {.report.lesson_id = lesson_id};

	return bsearch(&key, recording->reports, recording->size,
				   sizeof(RecordedReport), compare_lessons);
}

/* The report of a lesson that a query has written. */
RecordedReport *
find_report(const Recording *recording, Datum lesson_id)
{
	RecordedReport *found = look_for_report(recording, lesson_id);

	if (found == NULL)
		written_otherwise(lesson_id);
	return found;
}

/* A row of a query, with true in its last column, where the query has written false. */
static Datum
with_course_completed(Datum datum)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(datum);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	int			column = desc->natts;
	Datum		value = BoolGetDatum(true);
	bool		isnull = false;
	Datum		result;

	result = heap_copy_tuple_as_datum(heap_modify_tuple_by_cols(&tuple, desc, 1, &column, &value, &isnull), desc);
	ReleaseTupleDesc(desc);
	return result;
}

/* The row that answers a report, with whether it has completed the course. */
Datum
recorded_row(const Recording *recording, const RecordedReport *report)
{
	const Progress *progress = &report->progress;

	if (progress->direct != NULL)
		return recorded_values(recording->call, progress->direct, report->course_completed);
	/* Each attempt has either read it or written it. */
	if (progress->row == (Datum) 0)
		written_otherwise(report->report.lesson_id);
	return report->course_completed ? with_course_completed(progress->row) : progress->row;
}

/* Remembers the row that a query has written for a report. */
void
set_recorded_row(RecordedReport *report, Datum row)
{
	report->progress.direct = NULL;
	report->progress.row = row;
}

/* Names a report of a batch in an error. */
const char *
prefix_of(const Recording *recording, const RecordedReport *report)
{
	return recording->is_batch ? psprintf("reports[%d]: ", report->number) : "";
}

/* Of two reports the one that comes first in the caller's array.  Errors name that one. */
const RecordedReport *
first_of(const RecordedReport *one, const RecordedReport *other)
{
	return one == NULL || other->number < one->number ? other : one;
}

/* Marks the lessons as unknown whose courses the caller does not see. */
static void
hide_unseen(Recording *recording)
{
	Datum	   *courses = palloc(recording->size * sizeof(Datum));
	RecordedReport **reports = palloc(recording->size * sizeof(RecordedReport *));
	bool	   *seen = palloc(recording->size * sizeof(bool));
	int			size = 0;

	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];

		if (!is_missing(report) || !report->known)
			continue;
		courses[size] = report->course_id;
		reports[size++] = report;
	}
	if (size == 1)
		seen[0] = sees_course(recording->call, courses[0]);
	else if (size > 1)
		see_courses(recording->call, courses, size, seen);
	for (int i = 0; i < size; i++)
		reports[i]->known = seen[i];
}

/*
 * No lock holds for the staff of a course (rule R12), but for learners whom they name.  Who is
 * not refused is not asked.
 */
static void
let_staff_pass(Recording *recording)
{
	if (recording->call->named)
		return;
	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];

		if (is_missing(report) && report->known && report->refusal != NULL &&
			(strcmp(report->refusal, "date") == 0 || strcmp(report->refusal, "sequence") == 0) &&
			is_staff(recording->call, report->course_id, STAFF_VIEWER))
			report->refusal = NULL;
	}
}

/*
 * Finds out what the missing rows must reach, and which of these lessons may not be begun.
 * An unknown lesson is an error at once.
 */
static void
load_missing(Recording *recording)
{
	const RecordedReport *unknown = NULL;

	for (int i = 0; i < recording->size; i++)
		recording->reports[i].known = recording->reports[i].loaded_directly = false;
	recording->queries->load_lessons(recording);
	hide_unseen(recording);
	let_staff_pass(recording);
	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];

		if (!is_missing(report))
			continue;
		if (recording->skip_refused && (!report->known || report->refusal != NULL))
			report->skipped = true;
		else if (!report->known)
			unknown = first_of(unknown, report);
	}
	if (unknown != NULL)
		missing_lesson(prefix_of(recording, unknown), unknown->report.lesson_id);
}

/* Refuses the first report of a lesson that may not be begun (rule R8). */
static void
refuse(const Recording *recording)
{
	const RecordedReport *refused = NULL;

	for (int i = 0; i < recording->size; i++)
		if (is_missing(&recording->reports[i]) && recording->reports[i].refusal != NULL)
			refused = first_of(refused, &recording->reports[i]);
	if (refused != NULL)
		refuse_lesson(prefix_of(recording, refused), recording->call->user_id,
					  refused->report.lesson_id, refused->refusal, refused->unlocks_at);
}

/* Counts the reports for which a question is answered with yes. */
static int
count(const Recording *recording, bool (*wanted) (const RecordedReport *report))
{
	int			result = 0;

	for (int i = 0; i < recording->size; i++)
		result += wanted(&recording->reports[i]);
	return result;
}

/* The lessons of the reports with their courses, in the order of the courses. */
typedef struct Claims
{
	int			size;
	Datum	   *lesson_ids;
	Datum	   *course_ids;
} Claims;

static bool
is_completing(const RecordedReport *report)
{
	return report->completing;
}

/*
 * Takes the locks for completing courses.  This comes before anything is written, and is for
 * all reports, also those that complete nothing: see claim_begin().
 */
static Claims
begin_claims(Recording *recording)
{
	Claims		claims = {0};

	for (int i = 0; i < recording->size; i++)
		recording->reports[i].completing |= completes(&recording->reports[i]);
	/* Most calls end here: no lesson is completed by them. */
	if (count(recording, is_completing) == 0)
		return claims;
	claims.lesson_ids = reported_lessons(recording);
	claims.size = claim_begin(recording->call, &claims.lesson_ids, recording->size, &claims.course_ids);
	for (int i = 0; i < claims.size; i++)
		find_report(recording, claims.lesson_ids[i])->course_id = claims.course_ids[i];
	return claims;
}

static bool
is_last_of_course(const Claims *claims, int i)
{
	return i + 1 == claims->size ||
		!same_uuid(claims->course_ids[i], claims->course_ids[i + 1]);
}

/* Whether a report is later than another one, or has its time and comes later in the array. */
static bool
is_later(const RecordedReport *one, const RecordedReport *other)
{
	if (one->report.watched_at != other->report.watched_at)
		return one->report.watched_at > other->report.watched_at;
	return one->number > other->number;
}

/* Claims each course once.  Of several reports the latest is the one that completed it. */
static void
claim(Recording *recording, const Claims *claims)
{
	RecordedReport *latest = NULL;

	for (int i = 0; i < claims->size; i++)
	{
		RecordedReport *report = find_report(recording, claims->lesson_ids[i]);

		if (report->completing && (latest == NULL || is_later(report, latest)))
			latest = report;
		if (latest == NULL || !is_last_of_course(claims, i))
			continue;
		latest->course_completed = claim_completion(recording->call, claims->course_ids[i]);
		latest = NULL;
	}
}

static bool
is_played(const RecordedReport *report)
{
	return report->report.played != NULL;
}

/* Whether the row exists, and more must be known of it and its lesson (rule R13). */
static bool
is_to_be_weighed(const RecordedReport *report)
{
	return report->exists && !report->progress.plain;
}

static bool
is_watched(const RecordedReport *report)
{
	return report->report.is_news;
}

/* Forgets what was read of the rows, which may have gone meanwhile. */
void
forget_rows(Recording *recording)
{
	for (int i = 0; i < recording->size; i++)
	{
		recording->reports[i].exists = false;
		memset(&recording->reports[i].progress, 0, sizeof(Progress));
	}
}

/* Reads the rows.  What was watched, and by which rule it counts, most reports need not know. */
static void
read_rows(Recording *recording)
{
	bool		watched = count(recording, is_played) > 0;

	/* An earlier attempt may have found them otherwise. */
	forget_rows(recording);
	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];

		report->skipped = report->barred;
		report->progress_by = BY_REPORT;
		report->duration = 0;
		report->refusal = NULL;
		report->course_id = (Datum) 0;
	}
	if (!watched)
		recording->queries->read_rows(recording);
	if (watched || count(recording, is_to_be_weighed) > 0)
	{
		forget_rows(recording);
		recording->queries->read_watched(recording);
	}
}

/*
 * Records the reports; false if a row came or went between reading and writing.
 *
 * It reads first, because most reports change nothing.  If there is no row, it inserts one,
 * and only then refuses a learner who may not watch; that error undoes the row.  In this
 * order an unknown user gets the better error, which only the foreign key can give.  If
 * there is a row, the learner was admitted before.
 */
static bool
try_record(Recording *recording)
{
	const RecordingQueries *queries = recording->queries;
	Claims		claims;

	read_rows(recording);
	if (count(recording, is_missing) > 0)
		load_missing(recording);
	weigh_reports(recording);
	/* What was watched is written by one transaction of the learner at a time. */
	if (count(recording, is_watched) > 0)
		call_lock_user(recording->call);
	claims = begin_claims(recording);
	hold_courses(recording);

	/* The rows come before the refusal: see above. */
	if (count(recording, is_missing) > 0 && !queries->insert_rows(recording))
		return false;
	refuse(recording);
	if (count(recording, needs_update) > 0 && !queries->update_rows(recording))
		return false;
	claim(recording, &claims);
	return true;
}

/*
 * Records reports.  It tries again while other sessions insert or delete the same rows, but
 * not forever.
 */
void
record_reports(Recording *recording)
{
	int			attempts = 10;

	while (!try_record(recording))
	{
		CHECK_FOR_INTERRUPTS();
		if (--attempts == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the progress of user \"%s\" can be neither read nor written",
							uuid_text(recording->call->user_id)),
					 errhint("Look for a trigger of your own on content_progress that takes rows back.")));
	}
}
