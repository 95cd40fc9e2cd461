/* record_batch.c: record_progress_batch(), many reports at once, of one learner or of many. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "batch_reports.h"
#include "completion.h"
#include "course.h"
#include "direct_reports.h"
#include "result.h"
#include "watching.h"

/*
 * Looks up the row of each lesson by its key.  OFFSET 0 keeps the planner from other ways,
 * which would read all learners of the lesson or all rows of the learner.
 */
#define BATCH_ROWS_SQL \
	"  FROM unnest($2) WITH ORDINALITY AS r (lesson_id, number)" \
	" CROSS JOIN LATERAL (" \
	"   SELECT p.* FROM %1$s.content_progress AS p" \
	"    WHERE p.user_id = $1" \
	"      AND p.lesson_id = r.lesson_id OFFSET 0) AS p"
#define BATCH_ROWS_ARGTYPES \
	3, {UUIDOID, UUIDARRAYOID, INT4OID}

static const LibraryQuery read_batch_rows = {
	"SELECT r.number, p.id,"
	PROGRESS_COLUMNS_SQL(PLAIN_THRESHOLD_SQL("r.lesson_id", "$3"))
	BATCH_ROWS_SQL,
	BATCH_ROWS_ARGTYPES
};

/* The same where more must be known. */
static const LibraryQuery read_watched_batch_rows = {
	"SELECT r.number, p.id,"
	PROGRESS_COLUMNS_SQL(THRESHOLD_OF_SQL("c.completion_threshold", "$3")) "," WATCHED_COLUMNS_SQL
	BATCH_ROWS_SQL
	"  JOIN %1$s.lessons AS l ON l.id = p.lesson_id"
	COURSE_OF_LESSON_SQL,
	BATCH_ROWS_ARGTYPES
};

static const LibraryQuery load_batch_lessons = {
	"SELECT r.number," NEW_LESSON_SQL("$3", WHY_CLOSED_SQL("$1", "$4"))
	"  FROM unnest($2) WITH ORDINALITY AS r (lesson_id, number)"
	"  JOIN %1$s.lessons AS l ON l.id = r.lesson_id"
	COURSE_OF_LESSON_SQL
	ENROLLMENT_SQL("$1")
	" WHERE l.is_published AND c.is_published",
	4, {UUIDOID, UUIDARRAYOID, INT4OID, BOOLOID}
};

/*
 * The user, the keys, and then of each report: percent, time, position, threshold, what was
 * watched, and when the lesson would be completed; and the time by the server's clock.
 */
#define REPORT_ARGTYPES \
	9, {UUIDOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID, \
		INT4MULTIRANGEARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID}

/* The reports as rows.  key is the lesson of a row to insert, or the id of a row to update. */
#define REPORTS_SQL(key) \
	" ROWS FROM (unnest($2), unnest($3), unnest($4)," \
	"            unnest($5), unnest($6), unnest($7), unnest($8))" \
	"   WITH ORDINALITY AS r (" key ", watched_pct, watched_at, position_seconds, threshold," \
	"                         watched, dated_at, number)"

/* In the order of the lessons, which is that of all batches, so that two cannot deadlock. */
static const LibraryQuery insert_batch_rows = {
	"INSERT INTO %1$s.content_progress AS p"
	"       (user_id, lesson_id, watched_pct, last_watched, position_seconds,"
	"        completed, completed_at, watched, started_at)"
	" SELECT $1, r.lesson_id, r.watched_pct, r.watched_at, r.position_seconds,"
	"        r.watched_pct >= r.threshold,"
	"        CASE WHEN r.watched_pct >= r.threshold THEN r.watched_at END,"
	"        COALESCE(r.watched, '{}'), $9"
	"   FROM " REPORTS_SQL("lesson_id")
	"  ORDER BY r.number"
	" ON CONFLICT (user_id, lesson_id) DO NOTHING"
	" RETURNING" RECORDED_SQL ", p.lesson_id",
	REPORT_ARGTYPES
};

/*
 * news locks the rows first, in the same order.  An UPDATE alone would lock them in an
 * order of its own.
 */
static const LibraryQuery update_batch_rows = {
	"WITH news AS ("
	"  SELECT r.*"
	"    FROM " REPORTS_SQL("id")
	"    JOIN %1$s.content_progress AS p ON p.id = r.id"
	"   WHERE p.user_id = $1"
	"   ORDER BY r.number"
	"     FOR NO KEY UPDATE OF p)"
	" UPDATE %1$s.content_progress AS p"
	ADVANCE_SQL("n.watched_pct", "n.watched_at", "n.position_seconds") START_SQL("$9")
	COMPLETE_SQL("n.watched_pct", "n.dated_at", "n.threshold")
	", watched = COALESCE(n.watched, p.watched)"
	"  FROM news AS n"
	" WHERE p.user_id = $1 AND p.id = n.id"
	" RETURNING" RECORDED_SQL ", p.lesson_id",
	REPORT_ARGTYPES
};

static const LibraryQuery is_enrolled = {
	"SELECT FROM %1$s.enrollments AS e WHERE e.user_id = $1 LIMIT 1",
	1, {UUIDOID}
};

/* The reports of a batch that a query is about. */
typedef struct Choice
{
	int			size;
	RecordedReport **reports;
} Choice;

/* The reports for which a question is answered with yes. */
static Choice *
choose(Recording *recording, bool (*wanted) (const RecordedReport *report))
{
	Choice	   *choice = palloc(sizeof(Choice));

	choice->size = 0;
	choice->reports = palloc(recording->size * sizeof(RecordedReport *));
	for (int i = 0; i < recording->size; i++)
		if (wanted(&recording->reports[i]))
			choice->reports[choice->size++] = &recording->reports[i];
	return choice;
}

static bool
any(const RecordedReport *report)
{
	return true;
}

/* What is left of a choice without the first so many. */
static Choice *
without_first(const Choice *choice, int count)
{
	Choice	   *rest = palloc(sizeof(Choice));

	rest->size = choice->size - count;
	rest->reports = choice->reports + count;
	return rest;
}

/* An array of one dimension that may hold NULLs. */
static Datum
array_of(Datum *elements, bool *nulls, int size, Oid type, int len, bool byval, char align)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(elements, nulls, 1, &size, &lower,
											  type, len, byval, align));
}

/* The times of a choice, or those at which the lessons would be completed. */
static Datum
times_of(const Choice *choice, bool dates)
{
	Datum	   *times = palloc(choice->size * sizeof(Datum));

	for (int i = 0; i < choice->size; i++)
		times[i] = TimestampTzGetDatum(dates ? choice->reports[i]->report.dated_at
									   : choice->reports[i]->report.watched_at);
	return array_of(times, NULL, choice->size, TIMESTAMPTZOID, sizeof(TimestampTz),
					FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* The lessons of a choice, or the ids of their rows. */
static Datum
keys_of(const Choice *choice, bool ids)
{
	Datum	   *keys = palloc(choice->size * sizeof(Datum));

	for (int i = 0; i < choice->size; i++)
		keys[i] = ids ? choice->reports[i]->id : choice->reports[i]->report.lesson_id;
	return uuid_array(keys, choice->size);
}

/* What the rows of a choice are to hold; NULL where it stays as it is. */
static Datum
watched_of(const Choice *choice)
{
	Datum	   *watched = palloc(choice->size * sizeof(Datum));
	bool	   *same = palloc(choice->size * sizeof(bool));

	for (int i = 0; i < choice->size; i++)
	{
		same[i] = !choice->reports[i]->report.is_news;
		watched[i] = same[i] ? (Datum) 0 : ranges_to_datum(choice->reports[i]->report.watched);
	}
	return array_of(watched, same, choice->size, INT4MULTIRANGEOID, -1, false, TYPALIGN_INT);
}

/* The report that a row of the last query is about: it begins with a number from 1. */
static RecordedReport *
report_of(const Choice *choice, uint64 row)
{
	return choice->reports[DatumGetInt64(result_value(row, 1, INT8OID)) - 1];
}

static void
read_all(Recording *recording, const LibraryQuery *query)
{
	Choice	   *all = choose(recording, any);
	Datum		values[] = {
		recording->call->user_id, keys_of(all, false),
		Int32GetDatum(library_completion_threshold)
	};

	query_execute(&recording->call->library, query, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		RecordedReport *report = report_of(all, row);

		report->exists = true;
		report->id = result_value(row, 2, UUIDOID);
		progress_from_row(&report->progress, &report->report, recording->call, row, 3);
		if (query == &read_watched_batch_rows)
			watched_from_row(report, row, 5);
	}
}

static void
read_rows(Recording *recording)
{
	if (!direct_read_rows(recording))
		read_all(recording, &read_batch_rows);
}

static void
read_watched(Recording *recording)
{
	if (!direct_read_watched_rows(recording))
		read_all(recording, &read_watched_batch_rows);
}

static void
load_lessons(Recording *recording)
{
	Choice	   *missing = choose(recording, is_missing);
	Datum		values[] = {
		recording->call->user_id, keys_of(missing, false),
		Int32GetDatum(library_completion_threshold),
		BoolGetDatum(recording->call->named)
	};

	if (direct_load_lessons(recording))
		return;
	query_execute(&recording->call->library, &load_batch_lessons, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		new_lesson_from_row(report_of(missing, row), row, 2);
}

/* Runs a query that writes the rows of a choice; false if a row was not written. */
static bool
write_rows(Recording *recording, const LibraryQuery *query, const Choice *choice, Datum keys)
{
	int			size = choice->size;
	Datum	   *pcts = palloc(size * sizeof(Datum));
	Datum	   *positions = palloc(size * sizeof(Datum));
	bool	   *no_position = palloc(size * sizeof(bool));
	Datum	   *thresholds = palloc(size * sizeof(Datum));
	Datum		values[9];

	for (int i = 0; i < size; i++)
	{
		const RecordedReport *report = choice->reports[i];

		pcts[i] = Int32GetDatum(report->report.watched_pct);
		positions[i] = Int32GetDatum(report->report.position);
		no_position[i] = !report->report.has_position;
		thresholds[i] = Int32GetDatum(report->progress.threshold);
	}
	values[0] = recording->call->user_id;
	values[1] = keys;
	values[2] = array_of(pcts, NULL, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[3] = times_of(choice, false);
	values[4] = array_of(positions, no_position, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[5] = array_of(thresholds, NULL, size, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[6] = watched_of(choice);
	values[7] = times_of(choice, true);
	values[8] = TimestampTzGetDatum(recording->now);

	query_execute(&recording->call->library, query, values, NULL, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		set_recorded_row(find_report(recording, result_value(row, 2, UUIDOID)),
						 result_value(row, 1, call_row_type(recording->call)));
	return SPI_processed == size;
}

/*
 * Inserts the rows of a choice; false if a row was not inserted.  They come in the order of the
 * lessons, so the first that needs SQL leaves the rest to it.
 */
static bool
insert_choice(Recording *recording, const Choice *missing)
{
	int			done = 0;
	const Choice *rest;

	while (done < missing->size && direct_insert(recording, missing->reports[done]))
		done++;
	rest = without_first(missing, done);
	return rest->size == 0 ||
		write_rows(recording, &insert_batch_rows, rest, keys_of(rest, false));
}

/*
 * Inserts the rows of a user who may not exist.  Only the foreign key knows, and its error
 * needs a subtransaction.  Without the user the reports are left out.
 */
static bool
insert_if_user_exists(Recording *recording, Choice *missing)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool inserted = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		inserted = insert_choice(recording, missing);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (!is_missing_user(error))
			ReThrowError(error);
		for (int i = 0; i < missing->size; i++)
			missing->reports[i]->skipped = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return inserted;
}

/*
 * Locks the lessons of a choice; false if one was deleted since it was loaded.  Then all is
 * read again, and the error names the report, which that of the foreign key would not.  It takes
 * the locks in the order in which the rows are inserted, as the foreign key does.
 */
static bool
lock_lessons_of(const Recording *recording, const Choice *choice)
{
	Datum		lessons = keys_of(choice, false);

	return query_execute(&recording->call->library, &lock_lessons, &lessons, NULL, false) == choice->size;
}

static bool
insert_rows(Recording *recording)
{
	Choice	   *missing = choose(recording, is_missing);
	MemoryContext context = CurrentMemoryContext;
	Datum		user_id = recording->call->user_id;
	/* Made here, because what is allocated in PG_CATCH goes with the error. */
	const char *prefix = prefix_of(recording, missing->reports[0]);
	bool		inserted = false;

	if (!lock_lessons_of(recording, missing))
		return false;
	/* Whoever is enrolled exists. */
	if (recording->skip_users &&
		query_execute(&recording->call->library, &is_enrolled, &user_id, NULL, false) == 0)
		return insert_if_user_exists(recording, missing);
	PG_TRY();
	{
		inserted = insert_choice(recording, missing);
	}
	PG_CATCH();
	{
		rethrow_missing_key(context, prefix, user_id, (Datum) 0);
	}
	PG_END_TRY();

	return inserted;
}

/* About the order see insert_choice(). */
static bool
update_rows(Recording *recording)
{
	const Choice *news = choose(recording, needs_update);
	int			done = 0;

	while (done < news->size && direct_advance(recording, news->reports[done]))
		done++;
	news = without_first(news, done);
	for (int i = 0; i < news->size; i++)
		clear_future_timestamp(recording->call, &news->reports[i]->report, &news->reports[i]->progress);
	return news->size == 0 || write_rows(recording, &update_batch_rows, news, keys_of(news, true));
}

static void
return_row(ReturnSetInfo *result, const Recording *recording, const RecordedReport *report)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(recorded_row(recording, report));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};

	tuplestore_puttuple(result->setResult, &tuple);
}

/* Returns the rows in the order of the caller's array, and not in that of the lessons. */
static void
return_rows(ReturnSetInfo *result, const Recording *recording)
{
	const RecordedReport **reports = palloc(recording->size * sizeof(RecordedReport *));

	for (int i = 0; i < recording->size; i++)
		reports[recording->reports[i].number] = &recording->reports[i];
	for (int i = 0; i < recording->size; i++)
		if (!reports[i]->skipped)
			return_row(result, recording, reports[i]);
}

/* Whether each report names its user. */
static bool
names_users(const Recording *recording)
{
	return recording->size > 0 && recording->reports[0].report.user_id != (Datum) 0;
}

/* The users of the reports, which are sorted by them. */
static Datum *
users_of(const Recording *recording, int *count)
{
	Datum	   *users = palloc(recording->size * sizeof(Datum));

	*count = 0;
	for (int i = 0; i < recording->size; i++)
		if (i == 0 || !is_of_same_user(&recording->reports[i - 1], &recording->reports[i]))
			users[(*count)++] = recording->reports[i].report.user_id;
	return users;
}

/* The reports of one user, of those from the one numbered first on. */
static Recording
reports_of_user(const Recording *all, int first)
{
	Recording	own = *all;

	own.reports = all->reports + first;
	own.size = 1;
	while (own.size < MAX_REPORTS && first + own.size < all->size &&
		   is_of_same_user(own.reports, &own.reports[own.size]))
		own.size++;
	own.call->user_id = own.reports[0].report.user_id;
	return own;
}

/* Records the reports of one of many users, and keeps the answers in a context. */
static void
record_user(Recording *recording, MemoryContext context)
{
	/* All else that this takes is given back at the end. */
	SPI_connect();
	record_reports(recording);
	MemoryContextSwitchTo(context);
	for (int i = 0; i < recording->size; i++)
	{
		RecordedReport *report = &recording->reports[i];

		if (report->skipped)
			continue;
		set_recorded_row(report, datumCopy(recorded_row(recording, report), false, -1));
		/* The row says so already. */
		report->course_completed = false;
	}
	SPI_finish();
}

/*
 * Records reports that name their users.  All locks but those of rows come before anything is
 * written: see claim_begin().
 */
static void
record_of_users(FunctionCallInfo fcinfo, Recording *recording)
{
	Call	   *call = recording->call;
	int			count;
	Datum	   *users = users_of(recording, &count);
	Datum	   *lessons = reported_lessons(recording);
	Datum	   *courses;

	call_begin_as_users(call, fcinfo, users, count);
	call_lock_users(call, users, count);
	(void) claim_begin(call, &lessons, recording->size, &courses);
	for (int first = 0; first < recording->size;)
	{
		Recording	own = reports_of_user(recording, first);

		record_user(&own, CurrentMemoryContext);
		first += own.size;
	}
}

static void
record_of_user(FunctionCallInfo fcinfo, Recording *recording)
{
	call_begin_recording(recording, fcinfo, 1);
	/* Before all other locks: see claim_begin(). */
	call_lock_user(recording->call);
	if (recording->size > 0)
		record_reports(recording);
}

PG_FUNCTION_INFO_V1(record_progress_batch);

/* All reports are checked before anything is written, and all are written or none. */
Datum
record_progress_batch(PG_FUNCTION_ARGS)
{
	static const RecordingQueries queries = {read_rows, read_watched, load_lessons, insert_rows, update_rows};
	Jsonb	   *reports = DatumGetJsonbP(required_arg(fcinfo, 0, "reports"));
	Call		call;
	/* One time for the whole batch. */
	Recording	recording = {
		.call = &call, .is_batch = true, .now = GetCurrentTimestamp(), .queries = &queries
	};

	recording.skip_refused = DatumGetBool(required_arg(fcinfo, 2, "skip_refused"));
	recording.reports = read_reports(reports, recording.now, &recording.size);
	recording.skip_users = recording.skip_refused && names_users(&recording);
	if (names_users(&recording) && !PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("user_id is given for all reports and in each of them"),
				 errhint("Leave one of the two out.")));
	PreventCommandIfReadOnly("record_progress_batch()");
	InitMaterializedSRF(fcinfo, 0);

	if (names_users(&recording))
		record_of_users(fcinfo, &recording);
	else
		record_of_user(fcinfo, &recording);
	return_rows((ReturnSetInfo *) fcinfo->resultinfo, &recording);
	call_end(&call);

	return (Datum) 0;
}
