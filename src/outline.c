/* outline.c: course_outline(), a course page as one JSON document. */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "course.h"
#include "result.h"
#include "staff.h"

/* The columns' names are keys of the document.  docs/course_outline.schema.json describes it. */
static const LibraryQuery course_row = {
	"SELECT c.id, c.title, c.description, c.slug, c.thumbnail_url, c.stage, c.topic,"
	"       c.tier_required, c.metadata, e.completed_at, e.expires_at, e.id IS NOT NULL AS enrolled,"
	"       c.is_sequential, " NO_ACCESS_SQL("$3") ", c.is_published"
	"  FROM %1$s.courses AS c"
	ENROLLMENT_SQL("$2")
	" WHERE c.id = $1",
	3, {UUIDOID, UUIDOID, BOOLOID}
};

/* The types of these columns, in their order. */
static const Oid course_types[] = {
	UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, TEXTOID, BOOLOID
};
/* These come last.  The first two are not in the document, and the last one only for staff. */
#define SEQUENTIAL (lengthof(course_types) - 3)
#define NO_ACCESS (lengthof(course_types) - 2)
#define COURSE_PUBLISHED (lengthof(course_types) - 1)

static const LibraryQuery is_enrolled = {
	"SELECT FROM %1$s.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2",
	2, {UUIDOID, UUIDOID}
};

/*
 * The columns of lesson_rows: what the rows are sorted by, a module, one of its lessons,
 * and whether that is required and completed; for staff also whether it is published.  The
 * columns of a lesson are NULL if a module has none.  What is sorted by comes first, because
 * the server finds the first columns of a row faster.  Within module and lesson, columns come in the order in which jsonb sorts
 * keys, short ones first: then sorting them is fast.
 */
#define ORDER_COLUMNS 4
#define MODULE_COLUMNS 4
#define LESSON_COLUMNS 14
#define MODULE ORDER_COLUMNS
#define LESSON (MODULE + MODULE_COLUMNS)
#define REQUIRED (LESSON + LESSON_COLUMNS)
#define COMPLETED (REQUIRED + 1)
#define PUBLISHED (COMPLETED + 1)

/*
 * The lessons l that are wanted: those that count, why one may not be watched, and what more
 * is read.  A playback id is shown only where the learner may watch.
 */
#define LESSON_ROWS_SQL(wanted, counts, refusal, more) \
	"SELECT r.module_order, r.module_created, r.lesson_order, r.lesson_created," \
	"       r.module_id AS id, r.module_title AS title, r.module_metadata AS metadata," \
	"       r.module_description AS description," \
	"       r.id, r.title," \
	"       CASE WHEN r.refusal IS NOT NULL THEN jsonb_build_object(" \
	"              'reason', r.refusal," \
	"              'unlocks_at', CASE r.refusal WHEN 'date' THEN r.unlocks_at END) END AS locked," \
	"       CASE WHEN r.watched_pct IS NULL THEN 'not_started'" \
	"            WHEN r.completed THEN 'completed'" \
	"            ELSE 'in_progress' END AS status," \
	"       r.metadata, r.is_preview, r.mux_status, r.description, r.is_required," \
	"       COALESCE(r.watched_pct, 0) AS watched_pct, r.completed_at," \
	"       CASE WHEN r.refusal IS NULL THEN r.mux_playback_id END AS mux_playback_id," \
	"       r.duration_seconds, r.position_seconds," \
	"       " counts ", " counts " AND r.completed" more \
	"  FROM (" \
	"    SELECT m.sort_order AS module_order, m.created_at AS module_created," \
	"           m.id AS module_id, m.title AS module_title, m.metadata AS module_metadata," \
	"           m.description AS module_description," \
	"           l.id, l.title, l.description, l.duration_seconds, l.mux_playback_id, l.mux_status," \
	"           l.is_preview, l.is_required, l.is_published, l.metadata," \
	"           l.sort_order AS lesson_order, l.created_at AS lesson_created," \
	"           p.watched_pct, p.completed, p.completed_at, " POSITION_SQL " AS position_seconds," \
	"           " UNLOCKS_AT_SQL " AS unlocks_at," \
	"           " refusal " AS refusal" \
	"      FROM %1$s.courses AS c" \
	ENROLLMENT_SQL("$2") \
	"      JOIN %1$s.modules AS m ON m.course_id = c.id" \
	"      LEFT JOIN %1$s.lessons AS l ON l.module_id = m.id" wanted \
	PROGRESS_BY_KEY_SQL("$2", "l.id") \
	"     WHERE c.id = $1) AS r" \
	" ORDER BY r.module_order, r.module_created, r.module_id, r.lesson_order, r.lesson_created, r.id"

/*
 * For a learner.  $3 is why the learner has no access to the course, or NULL.  A lesson that
 * is not published is not in the document.
 */
#define LEARNERS_ROWS_SQL(earlier) \
	LESSON_ROWS_SQL(" AND l.is_published", "r.is_required", \
					REFUSAL_SQL("$3", "p.id IS NOT NULL", earlier), "")

static const LibraryQuery lesson_rows = {
	LEARNERS_ROWS_SQL("false"),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* For a course whose lessons open one after the other. */
static const LibraryQuery lesson_rows_in_sequence = {
	LEARNERS_ROWS_SQL(EARLIER_IN_LIST_SQL),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* For staff: drafts, too, and nothing is closed. */
static const LibraryQuery all_lesson_rows = {
	LESSON_ROWS_SQL("", "(r.is_required AND r.is_published)", "NULL::text", ", r.is_published"),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* The types of these columns, in their order. */
static const Oid lesson_types[PUBLISHED + 1] = {
	INT4OID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID,
	UUIDOID, TEXTOID, JSONBOID, TEXTOID,
	UUIDOID, TEXTOID, JSONBOID, TEXTOID, JSONBOID, BOOLOID, TEXTOID, TEXTOID, BOOLOID, INT4OID,
	TIMESTAMPTZOID, TEXTOID, INT4OID, INT4OID,
	BOOLOID, BOOLOID, BOOLOID
};

/* A boolean column, for which NULL is false. */
static bool
is_true(const ResultRow *row, int column)
{
	return !row->nulls[column] && DatumGetBool(row->values[column]);
}

/* The document as far as it is built.  Since PostgreSQL 19 the server has such a type. */
#if PG_VERSION_NUM >= 190000
typedef JsonbInState Document;
#else
typedef struct Document
{
	JsonbParseState *parseState;
	JsonbValue *result;
} Document;
#endif

/* Adds a token to the document. */
static void
push(Document *document, JsonbIteratorToken token, JsonbValue *value)
{
#if PG_VERSION_NUM >= 190000
	pushJsonbValue(document, token, value);
#else
	document->result = pushJsonbValue(&document->parseState, token, value);
#endif
}

static void
push_key(Document *document, const char *key)
{
	JsonbValue	value = {
		.type = jbvString,
		.val.string = {.len = strlen(key), .val = (char *) key}
	};

	push(document, WJB_KEY, &value);
}

static void
string_value(JsonbValue *value, char *text, int len)
{
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = len;
}

/* JSON has only one type of numbers, which is numeric in jsonb. */
static void
numeric_value(JsonbValue *value, int64 number)
{
	value->type = jbvNumeric;
	value->val.numeric = int64_to_numeric(number);
}

/* The value of a column as JSON, for the types that the queries above have. */
static void
json_value(JsonbValue *value, Datum datum, Oid type)
{
	switch (type)
	{
		case BOOLOID:
			value->type = jbvBool;
			value->val.boolean = DatumGetBool(datum);
			break;
		case INT4OID:
			numeric_value(value, DatumGetInt32(datum));
			break;
		case UUIDOID:
			string_value(value, uuid_text(datum), 36);
			break;
		case TEXTOID:
			{
				text	   *string = DatumGetTextPP(datum);

				string_value(value, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
				break;
			}
		case TIMESTAMPTZOID:
			{
				char	   *string = JsonEncodeDateTime(palloc(MAXDATELEN + 1), datum, type, NULL);

				string_value(value, string, strlen(string));
				break;
			}
		case JSONBOID:
			value->type = jbvBinary;
			value->val.binary.data = &DatumGetJsonbP(datum)->root;
			value->val.binary.len = 0;	/* unpacked as it is pushed */
			break;
		default:
			elog(ERROR, "unexpected type %u", type);
	}
}

static void
push_value(Document *document, Datum datum, bool isnull, Oid type)
{
	JsonbValue	value = {.type = jbvNull};

	if (!isnull)
		json_value(&value, datum, type);
	push(document, WJB_VALUE, &value);
}

/* Adds columns as keys and values of the object that is open. */
static void
push_columns(Document *document, const ResultRow *row, int first, int count)
{
	for (int i = first; i < first + count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row->desc, i);

		push_key(document, NameStr(attribute->attname));
		push_value(document, row->values[i], row->nulls[i], attribute->atttypid);
	}
}

static void
push_count(Document *document, const char *key, int64 count)
{
	push_key(document, key);
	push_value(document, Int32GetDatum((int32) count), false, INT4OID);
}

/* Opens the object of a module and its array of lessons. */
static void
begin_module(Document *document, const ResultRow *row)
{
	push(document, WJB_BEGIN_OBJECT, NULL);
	push_columns(document, row, MODULE, MODULE_COLUMNS);
	push_key(document, "lessons");
	push(document, WJB_BEGIN_ARRAY, NULL);
}

static void
end_module(Document *document)
{
	push(document, WJB_END_ARRAY, NULL);
	push(document, WJB_END_OBJECT, NULL);
}

static void
push_lesson(Document *document, const ResultRow *row)
{
	push(document, WJB_BEGIN_OBJECT, NULL);
	push_columns(document, row, LESSON, LESSON_COLUMNS);
	if (row->desc->natts > PUBLISHED)
		push_columns(document, row, PUBLISHED, 1);
	push(document, WJB_END_OBJECT, NULL);
}

/* Adds the modules and lessons that the last query has read, and counts the lessons. */
static void
push_modules(Document *document, bool for_staff, int64 *required, int64 *completed)
{
	ResultRow	row = result_row(for_staff ? PUBLISHED + 1 : PUBLISHED, lesson_types);
	pg_uuid_t  *module = NULL;

	push_key(document, "modules");
	push(document, WJB_BEGIN_ARRAY, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		pg_uuid_t  *id;

		result_row_read(&row, i);
		id = DatumGetUUIDP(result_row_value(&row, MODULE));
		/* The rows of a module follow each other, so another id begins another module. */
		if (module == NULL || memcmp(id, module, UUID_LEN) != 0)
		{
			if (module != NULL)
				end_module(document);
			begin_module(document, &row);
			module = id;
		}
		if (!row.nulls[LESSON])
			push_lesson(document, &row);
		/* Both are NULL in the row of a module without lessons. */
		*required += is_true(&row, REQUIRED);
		*completed += is_true(&row, COMPLETED);
	}
	if (module != NULL)
		end_module(document);
	push(document, WJB_END_ARRAY, NULL);
}

/* The query for the lessons. */
static const LibraryQuery *
rows_query(bool for_staff, bool is_sequential)
{
	if (for_staff)
		return &all_lesson_rows;
	return is_sequential ? &lesson_rows_in_sequence : &lesson_rows;
}

/*
 * Builds the document from two queries: the second one must know whether the learner has
 * access to the course.
 */
static Jsonb *
outline(Call *call, Datum course_id, bool for_staff)
{
	Datum		values[] = {course_id, call->user_id, BoolGetDatum(call->named)};
	char		nulls[] = {' ', call->user_id == 0 ? 'n' : ' ', ' '};
	Document	document = {0};
	int64		required = 0;
	int64		completed = 0;
	Datum		percentage;
	bool		isnull;
	ResultRow	row;

	require_course(call, course_id);
	if (query_execute(&call->library, &course_row, values, nulls, true) == 0)
		missing_course(course_id);
	row = result_row(lengthof(course_types), course_types);
	result_row_read(&row, 0);
	push(&document, WJB_BEGIN_OBJECT, NULL);
	push_columns(&document, &row, 0, SEQUENTIAL);
	if (for_staff)
		push_columns(&document, &row, COURSE_PUBLISHED, 1);

	values[2] = row.values[NO_ACCESS];
	nulls[2] = row.nulls[NO_ACCESS] ? 'n' : ' ';
	query_execute(&call->library, rows_query(for_staff, is_true(&row, SEQUENTIAL)),
				  values, nulls, true);
	push_modules(&document, for_staff, &required, &completed);
	push_count(&document, "required_lessons", required);
	push_count(&document, "completed_lessons", completed);
	push_key(&document, "completion");
	percentage = course_percentage(completed, required, &isnull);
	push_value(&document, percentage, isnull, INT4OID);
	push(&document, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(document.result);
}

/*
 * Whether the caller sees all of the course, as its staff does who name no learner.  Staff
 * may name learners of the course; anybody else nobody but themselves.
 */
static bool
is_for_staff(Call *call, Datum course_id, bool names_user)
{
	Datum		values[] = {call->user_id, course_id};

	if (!names_user)
		return call->is_operator || is_staff(call, course_id, STAFF_VIEWER);
	if (names_learner(call))
	{
		if (!is_staff(call, course_id, STAFF_VIEWER) ||
			query_execute(&call->library, &is_enrolled, values, NULL, true) == 0)
			refuse_other_user(call->user_id);
		call->named = true;
	}
	return false;
}

PG_FUNCTION_INFO_V1(course_outline);

Datum
course_outline(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Call		call;
	bool		for_staff;
	Datum		document;

	call_begin_as_user_or_staff(&call, fcinfo, 1);
	for_staff = is_for_staff(&call, course_id, !PG_ARGISNULL(1));
	document = SPI_datumTransfer(JsonbPGetDatum(outline(&call, course_id, for_staff)), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(document);
}
