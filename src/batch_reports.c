/* batch_reports.c: reads the reports of a batch from JSON, and refuses what is not a report. */
#include "postgres.h"

#include "catalog/pg_collation_d.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "batch_reports.h"
#include "content_library.h"
#include "played.h"

/* A time, and its zone.  A time without a zone gets an error of its own. */
#define TIME_FORM "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
#define ZONE_FORM "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"

/* The first 60 characters of a string: no correct value is longer, and errors quote it. */
static char *
json_string(const JsonbValue *value, const char *key)
{
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a string", key)));
	return quotable(value->val.string.val, value->val.string.len);
}

static double
json_number(const JsonbValue *value, const char *key)
{
	if (value->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a number", key)));
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

static const Ranges *
json_ranges(JsonbValue *value)
{
	if (value->type == jbvBinary)
		return ranges_from_json(value->val.binary.data);
	return ranges_from_json(&JsonbValueToJsonb(value)->root);
}

/* Whether a text matches a regular expression.  In the collation C, a range holds ASCII only. */
static bool
has_form(const char *text, const char *form)
{
	return DatumGetBool(DirectFunctionCall2Coll(textregexeq, C_COLLATION_OID,
												CStringGetTextDatum(text),
												CStringGetTextDatum(form)));
}

/*
 * A time with a zone.  The server would also read a time in "now", "2026-01-31 infinity"
 * and "10:00 BC".  Without a zone it would use its own, which need not be the player's.
 */
static TimestampTz
json_time(const JsonbValue *value, const char *key)
{
	char	   *text = json_string(value, key);

	if (has_form(text, TIME_FORM "$"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" needs a zone, as in \"2026-01-31T12:00:00Z\"", key, text)));
	if (!has_form(text, TIME_FORM ZONE_FORM "$"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" is not a time like \"2026-01-31T12:00:00Z\"", key, text)));
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

/* A player's clock may be a little fast: up to a minute ahead counts as now. */
static TimestampTz
not_in_future(TimestampTz watched_at, TimestampTz now)
{
	if (watched_at > now + USECS_PER_MINUTE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("watched_at %s is in the future", timestamptz_to_str(watched_at))));
	return Min(watched_at, now);
}

/* Reads one key with its value.  An unknown key is an error, because it is probably misspelled. */
static void
read_pair(Report *report, const char *key, JsonbValue *value)
{
	if (strcmp(key, "lesson_id") == 0)
		report->lesson_id = DirectFunctionCall1(uuid_in,
												CStringGetDatum(json_string(value, key)));
	else if (strcmp(key, "user_id") == 0)
	{
		if (value->type != jbvNull)
			report->user_id = DirectFunctionCall1(uuid_in,
												  CStringGetDatum(json_string(value, key)));
	}
	else if (strcmp(key, "watched_pct") == 0)
	{
		report->claims = value->type != jbvNull;
		if (report->claims)
			report->claimed_pct = whole_percent(json_number(value, key));
	}
	else if (strcmp(key, "played") == 0)
		report->played = value->type == jbvNull ? NULL : json_ranges(value);
	else if (strcmp(key, "position_seconds") == 0)
	{
		report->has_position = value->type != jbvNull;
		if (report->has_position)
			report->position = whole_position(json_number(value, key));
	}
	else if (strcmp(key, "watched_at") == 0)
	{
		if (value->type != jbvNull)
			report->watched_at = json_time(value, key);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown key \"%s\"", key)));
}

static void
require_key(bool found, const char *key)
{
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is missing", key)));
}

/* Reads one object.  jsonb holds each key once. */
static void
read_report(Report *report, JsonbContainer *object, TimestampTz now)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *key = NULL;
	bool		has_lesson = false;

	report->watched_at = now;	/* unless it says another time */
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = quotable(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
		{
			read_pair(report, key, &value);
			has_lesson |= strcmp(key, "lesson_id") == 0;
		}
	}

	require_key(has_lesson, "lesson_id");
	require_key(report->claims || report->played != NULL, "watched_pct");
	report->watched_at = not_in_future(report->watched_at, now);
}

/*
 * In PG_CATCH: adds to the message which element is wrong.  That includes errors of a
 * type's input function, such as a malformed uuid.  An error that is not about data, such
 * as out of memory, stays as it is.
 */
static void
rethrow_malformed(MemoryContext context, int number)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("reports[%d]: %s", number, error->message),
			 errhint("A report is {\"lesson_id\": uuid, \"watched_pct\": 0..100, \"played\": [[start, end], ...], \"position_seconds\": number, \"watched_at\": time}; one of watched_pct and played is needed, and the last two may be left out. The service may add \"user_id\" to each.")));
}

/* Reads one element of the array. */
static void
read_element(RecordedReport *element, const JsonbValue *value, TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("not an object")));
		read_report(&element->report, value->val.binary.data, now);
	}
	PG_CATCH();
	{
		rethrow_malformed(context, element->number);
	}
	PG_END_TRY();
}

/* Users are named in all reports or in none. */
static void
require_users(const RecordedReport *reports, int size)
{
	for (int i = 0; i < size; i++)
		if (reports[i].report.user_id == (Datum) 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reports[%d]: user_id is missing", reports[i].number),
					 errhint("Name the user in every report, or in none.")));
}

bool
is_of_same_user(const RecordedReport *one, const RecordedReport *other)
{
	return one->report.user_id == (Datum) 0 ||
		same_uuid(one->report.user_id, other->report.user_id);
}

/* By user, and then by lesson. */
static int
compare_reports(const void *a, const void *b)
{
	const RecordedReport *one = a;
	const RecordedReport *other = b;

	if (is_of_same_user(one, other))
		return compare_lessons(a, b);
	return memcmp(DatumGetUUIDP(one->report.user_id), DatumGetUUIDP(other->report.user_id), UUID_LEN);
}

/*
 * Refuses two reports of a learner on one lesson, because nobody knows which one is later.
 * They are sorted, so these are neighbors.
 */
static void
refuse_duplicates(const RecordedReport *reports, int size)
{
	for (int i = 1; i < size; i++)
	{
		const RecordedReport *one = &reports[i - 1];
		const RecordedReport *other = &reports[i];

		if (compare_reports(one, other) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reports[%d] and reports[%d] are of the same lesson \"%s\"",
							Min(one->number, other->number), Max(one->number, other->number),
							uuid_text(one->report.lesson_id)),
					 errhint("Send one report for each lesson, the latest with the highest watched_pct.")));
	}
}

/* How many reports are possible: more where users are named, as the first report shows. */
static int
most_reports(Jsonb *reports)
{
	JsonbValue *first = JB_ROOT_COUNT(reports) == 0 ? NULL : getIthJsonbValueFromContainer(&reports->root, 0);
	JsonbValue	value;

	if (first != NULL && first->type == jbvBinary && JsonContainerIsObject(first->val.binary.data) &&
		getKeyJsonValueFromContainer(first->val.binary.data, "user_id", strlen("user_id"), &value) != NULL &&
		value.type != jbvNull)
		return MAX_REPORTS_OF_ALL;
	return MAX_REPORTS;
}

/* Reads and checks all reports of a batch, and sorts them by user and lesson. */
RecordedReport *
read_reports(Jsonb *reports, TimestampTz now, int *size)
{
	RecordedReport *result;
	bool		names_users = false;

	if (!JB_ROOT_IS_ARRAY(reports) || JB_ROOT_IS_SCALAR(reports))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reports is not a JSON array")));
	*size = JB_ROOT_COUNT(reports);
	if (*size > most_reports(reports))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reports has %d elements; up to %d are possible",
						*size, most_reports(reports))));

	result = palloc0(*size * sizeof(RecordedReport));
	for (int i = 0; i < *size; i++)
	{
		result[i].number = i;
		read_element(&result[i], getIthJsonbValueFromContainer(&reports->root, i), now);
		names_users |= result[i].report.user_id != (Datum) 0;
	}
	if (names_users)
		require_users(result, *size);
	qsort(result, *size, sizeof(RecordedReport), compare_reports);
	refuse_duplicates(result, *size);
	return result;
}
