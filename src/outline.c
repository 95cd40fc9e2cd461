/* outline.c: course_outline(), a course page as one JSON document. */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "course.h"
#include "result.h"

/* The columns' names are keys of the document.  docs/course_outline.schema.json describes it. */
static const LibraryQuery course_row = {
	"SELECT c.id, c.title, c.description, c.slug, c.thumbnail_url, c.stage, c.topic,"
	"       c.tier_required, c.metadata, e.completed_at, e.id IS NOT NULL AS enrolled"
	"  FROM %1$s.courses AS c"
	"  LEFT JOIN %1$s.enrollments AS e"
	"    ON e.user_id = $2"
	"   AND e.course_id = c.id"
	" WHERE c.id = $1",
	2, {UUIDOID, UUIDOID}
};

/* The types of these columns, in their order. */
static const Oid course_types[] = {
	UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID, JSONBOID, TIMESTAMPTZOID, BOOLOID
};
#define ENROLLED (lengthof(course_types) - 1)

/*
 * The columns of lesson_rows: what the rows are sorted by, a module, one of its lessons,
 * and whether that is required and completed.  The columns of a lesson are NULL if a module
 * has none.  What is sorted by comes first, because the server finds the first columns of a
 * row faster.  Within module and lesson, columns come in the order in which jsonb sorts
 * keys, short ones first: then sorting them is fast.
 */
#define ORDER_COLUMNS 4
#define MODULE_COLUMNS 4
#define LESSON_COLUMNS 13
#define MODULE ORDER_COLUMNS
#define LESSON (MODULE + MODULE_COLUMNS)
#define REQUIRED (LESSON + LESSON_COLUMNS)
#define COMPLETED (REQUIRED + 1)

/* $3 is whether the learner is enrolled: only then, or in a preview, the playback id is shown. */
static const LibraryQuery lesson_rows = {
	"SELECT m.sort_order, m.created_at, l.sort_order, l.created_at,"
	"       m.id, m.title, m.metadata, m.description,"
	"       l.id, l.title,"
	"       CASE WHEN p.id IS NULL THEN 'not_started'"
	"            WHEN p.completed THEN 'completed'"
	"            ELSE 'in_progress' END AS status,"
	"       l.metadata, l.is_preview, l.mux_status, l.description, l.is_required,"
	"       COALESCE(p.watched_pct, 0) AS watched_pct, p.completed_at,"
	"       CASE WHEN l.is_preview OR $3 THEN l.mux_playback_id END AS mux_playback_id,"
	"       l.duration_seconds, p.position_seconds,"
	"       l.is_required, l.is_required AND p.completed"
	"  FROM %1$s.modules AS m"
	"  LEFT JOIN %1$s.lessons AS l ON l.module_id = m.id"
	PROGRESS_BY_KEY_SQL("$2", "l.id")
	" WHERE m.course_id = $1"
	COURSE_ORDER_SQL,
	3, {UUIDOID, UUIDOID, BOOLOID}
};

/* The types of these columns, in their order. */
static const Oid lesson_types[COMPLETED + 1] = {
	INT4OID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID,
	UUIDOID, TEXTOID, JSONBOID, TEXTOID,
	UUIDOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, TEXTOID, TEXTOID, BOOLOID, INT4OID,
	TIMESTAMPTZOID, TEXTOID, INT4OID, INT4OID,
	BOOLOID, BOOLOID
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
	push(document, WJB_END_OBJECT, NULL);
}

/* Adds the modules and lessons that the last query has read, and counts the lessons. */
static void
push_modules(Document *document, int64 *required, int64 *completed)
{
	ResultRow	row = result_row(lengthof(lesson_types), lesson_types);
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

/*
 * Builds the document from two queries: the second one must know whether the learner is
 * enrolled.
 */
static Jsonb *
outline(Call *call, Datum course_id)
{
	Datum		values[] = {course_id, call->user_id, BoolGetDatum(false)};
	Document	document = {0};
	int64		required = 0;
	int64		completed = 0;
	Datum		percentage;
	bool		isnull;
	ResultRow	row;

	require_course(call, course_id);
	if (query_execute(&call->library, &course_row, values, NULL, true) == 0)
		missing_course(course_id);
	row = result_row(lengthof(course_types), course_types);
	result_row_read(&row, 0);
	/* Now it is known whether playback ids may be shown. */
	values[2] = BoolGetDatum(is_true(&row, ENROLLED));
	push(&document, WJB_BEGIN_OBJECT, NULL);
	push_columns(&document, &row, 0, row.desc->natts);

	query_execute(&call->library, &lesson_rows, values, NULL, true);
	push_modules(&document, &required, &completed);
	push_count(&document, "required_lessons", required);
	push_count(&document, "completed_lessons", completed);
	push_key(&document, "completion");
	percentage = course_percentage(completed, required, &isnull);
	push_value(&document, percentage, isnull, INT4OID);
	push(&document, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(document.result);
}

PG_FUNCTION_INFO_V1(course_outline);

Datum
course_outline(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Call		call;
	Datum		document;

	call_begin_as_user(&call, fcinfo, 1);
	document = SPI_datumTransfer(JsonbPGetDatum(outline(&call, course_id)), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(document);
}
