/* direct_reports.c: reads and writes the rows of reports without SQL, where that is the same. */
#include "postgres.h"

#include "utils/timestamp.h"

#include "direct_insert.h"
#include "direct_reports.h"
#include "direct_write.h"
#include "watching.h"

/*
 * What returns false here has left all to SQL: see the queries in record_progress.c and
 * record_batch.c, which are of the same rows.
 */
typedef bool (*ReadReport) (DirectReader *reader, const Call *call, RecordedReport *report);

/* Sets what was read of a row; false where SQL must do. */
static bool
set_row(const Call *call, RecordedReport *report, DirectProgress *found)
{
	report->exists = true;
	report->id = found->values[PROGRESS_ID];
	return progress_from_values(&report->progress, &report->report, call, found);
}

static bool
read_plain(DirectReader *reader, const Call *call, RecordedReport *report)
{
	DirectProgress *found = palloc(sizeof(DirectProgress));

	if (!direct_read_progress(reader, call->user_id, report->report.lesson_id, found))
		return false;
	return found->row == NULL || set_row(call, report, found);
}

static bool
read_watched(DirectReader *reader, const Call *call, RecordedReport *report)
{
	DirectProgress *found = palloc(sizeof(DirectProgress));
	DirectLesson lesson;

	if (!direct_read_watched(reader, call->user_id, report->report.lesson_id, found, &lesson))
		return false;
	if (found->row == NULL)
		return true;
	if (!set_row(call, report, found))
		return false;
	watched_from_values(report, found);
	set_video(report, lesson.progress_by, lesson.duration);
	return true;
}

/* Of a lesson without a row, what new_lesson_from_row() reads. */
static bool
load_lesson(DirectReader *reader, const Call *call, RecordedReport *report)
{
	DirectLesson lesson;

	if (!is_missing(report))
		return true;
	if (!direct_read_open_lesson(reader, call->user_id, report->report.lesson_id, &lesson))
		return false;
	report->known = report->loaded_directly = true;
	report->progress.threshold = lesson.threshold;
	report->course_id = lesson.course_id;
	set_video(report, lesson.progress_by, lesson.duration);
	return true;
}

/* Reads for all reports, as one query would, of the first so many tables. */
static bool
read_all(Recording *recording, ReadReport read, int tables)
{
	DirectReader reader;
	bool		done = true;

	if (!direct_read_begin(&reader, &recording->call->library, tables))
		return false;
	for (int i = 0; i < recording->size && done; i++)
		done = read(&reader, recording->call, &recording->reports[i]);
	direct_read_end(&reader);
	return done;
}

/* If SQL must do it, what was read so far is forgotten. */
static bool
read_rows(Recording *recording, ReadReport read)
{
	if (read_all(recording, read, COURSES + 1))
		return true;
	forget_rows(recording);
	return false;
}

bool
direct_read_rows(Recording *recording)
{
	return read_rows(recording, read_plain);
}

bool
direct_read_watched_rows(Recording *recording)
{
	return read_rows(recording, read_watched);
}

/* Finds what the missing rows must reach, if nothing closes any of their lessons. */
bool
direct_load_lessons(Recording *recording)
{
	if (read_all(recording, load_lesson, REPORT_TABLES))
		return true;
	for (int i = 0; i < recording->size; i++)
		recording->reports[i].known = recording->reports[i].loaded_directly = false;
	return false;
}

/* Inserts the row of a lesson that was loaded directly; false where SQL must do. */
bool
direct_insert(const Recording *recording, RecordedReport *report)
{
	const Report *it = &report->report;
	bool		completed = it->watched_pct >= report->progress.threshold;
	DirectProgress *row;

	if (!report->loaded_directly)
		return false;
	row = palloc(sizeof(DirectProgress));
	*row = (DirectProgress) {
		.values = {
			[PROGRESS_USER_ID] = recording->call->user_id,
			[PROGRESS_LESSON_ID] = it->lesson_id,
			[PROGRESS_WATCHED_PCT] = Int32GetDatum(it->watched_pct),
			[PROGRESS_COMPLETED] = BoolGetDatum(completed),
			[PROGRESS_LAST_WATCHED] = TimestampTzGetDatum(it->watched_at),
			[PROGRESS_POSITION_SECONDS] = Int32GetDatum(it->position),
			[PROGRESS_COMPLETED_AT] = TimestampTzGetDatum(it->watched_at),
			[PROGRESS_STARTED_AT] = TimestampTzGetDatum(recording->now),
			[PROGRESS_WATCHED] = ranges_to_datum(it->watched)
		},
		.nulls = {
			[PROGRESS_POSITION_SECONDS] = !it->has_position, [PROGRESS_COMPLETED_AT] = !completed
		}
	};
	if (!direct_insert_progress(&recording->call->library, row))
		return false;
	report->progress.direct = row;
	return true;
}

/* Advances a row; false where SQL must do. */
bool
direct_advance(const Recording *recording, RecordedReport *report)
{
	Progress   *progress = &report->progress;
	Advance		advanced;

	if (progress->direct == NULL || completes(report) || is_in_future(&report->report, progress))
		return false;
	advanced = advance_values(progress, &report->report, recording->now);
	return direct_write_progress(&recording->call->library, progress->direct, &advanced);
}
