/* outline.c: course_outline(), a course page as one JSON document. */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "course.h"
#include "direct_progress.h"
#include "result.h"
#include "staff.h"

/* NO_ACCESS decides about the lessons.  docs/course_outline.schema.json describes the document. */
static const LibraryQuery course_row = {
	"SELECT c.id, c.title, c.description, c.slug, c.thumbnail_url, c.stage, c.topic,"
	"       c.tier_required, c.metadata, c.is_published, e.id IS NOT NULL, e.completed_at, e.expires_at,"
	"       c.is_sequential, " NO_ACCESS_SQL("$3")
	"  FROM %1$s.courses AS c"
	ENROLLMENT_SQL("$2")
	" WHERE c.id = $1",
	3, {UUIDOID, UUIDOID, BOOLOID}
};

enum
{
	COURSE_ID, COURSE_TITLE, COURSE_DESCRIPTION, COURSE_SLUG, COURSE_THUMBNAIL_URL, COURSE_STAGE, COURSE_TOPIC,
	COURSE_TIER_REQUIRED, COURSE_METADATA, COURSE_IS_PUBLISHED, COURSE_ENROLLED, COURSE_COMPLETED_AT,
	COURSE_EXPIRES_AT, COURSE_IS_SEQUENTIAL, COURSE_NO_ACCESS, COURSE_COLUMNS
};

static const Oid course_types[COURSE_COLUMNS] = {
	UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID, JSONBOID, BOOLOID, BOOLOID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, BOOLOID, TEXTOID
};

static const LibraryQuery is_enrolled = {
	"SELECT FROM %1$s.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2",
	2, {UUIDOID, UUIDOID}
};

/*
 * The lessons l that are wanted, each with its module and how far the learner is.  It says
 * twice why a learner may not watch it: one who has not started it, and one who has.  A module
 * without lessons has a row, too, in which those columns are NULL.  Not sorted: sorting the
 * text that is made of the rows takes less.
 */
#define LESSON_ROWS_SQL(wanted, refusals, progress, from_progress) \
	"SELECT " LESSON_PLACE_SQL("m", "l") ", " progress "," \
	"       m.title, m.description, m.metadata," \
	"       l.title, l.description, l.duration_seconds, l.metadata, l.is_required, l.is_published," \
	"       l.is_preview, " COUNTS_SQL("l") ", l.mux_status, l.mux_playback_id," \
	"       " UNLOCKS_AT_SQL ", " refusals \
	"  FROM %1$s.courses AS c" \
	ENROLLMENT_SQL("$2") \
	"  JOIN %1$s.modules AS m ON m.course_id = c.id" \
	"  LEFT JOIN %1$s.lessons AS l ON l.module_id = m.id" wanted \
	from_progress \
	" WHERE c.id = $1"

#define PROGRESS_SQL "p.watched_pct, p.completed, p.position_seconds, p.completed_at"
#define NO_PROGRESS_SQL "NULL::integer, NULL::boolean, NULL::integer, NULL::timestamptz"

/* The columns, first those of LESSON_PLACE_SQL. */
enum
{
	MODULE_ORDER, MODULE_CREATED_AT, MODULE_ID, LESSON_ORDER, LESSON_CREATED_AT, LESSON_ID,
	WATCHED_PCT, COMPLETED, POSITION_SECONDS, COMPLETED_AT,
	MODULE_TITLE, MODULE_DESCRIPTION, MODULE_METADATA,
	TITLE, DESCRIPTION, DURATION_SECONDS, METADATA, IS_REQUIRED, IS_PUBLISHED,
	IS_PREVIEW, COUNTS, MUX_STATUS, MUX_PLAYBACK_ID,
	UNLOCKS_AT, REFUSAL, REFUSAL_IF_STARTED, LESSON_COLUMNS
};

static const Oid lesson_types[LESSON_COLUMNS] = {
	INT4OID, TIMESTAMPTZOID, UUIDOID, INT4OID, TIMESTAMPTZOID, UUIDOID,
	INT4OID, BOOLOID, INT4OID, TIMESTAMPTZOID,
	TEXTOID, TEXTOID, JSONBOID,
	TEXTOID, TEXTOID, INT4OID, JSONBOID, BOOLOID, BOOLOID,
	BOOLOID, BOOLOID, TEXTOID, TEXTOID,
	TIMESTAMPTZOID, TEXTOID, TEXTOID
};

/* For a learner: no drafts.  $3 is why the learner has no access to the course, or NULL. */
#define LEARNERS_ROWS_SQL(earlier, progress, from_progress) \
	LESSON_ROWS_SQL(" AND l.is_published", REFUSAL_SQL("$3", "false", earlier) ", " REFUSAL_SQL("$3", "true", "false"), \
					progress, from_progress)

static const LibraryQuery lesson_rows = {
	LEARNERS_ROWS_SQL("false", PROGRESS_SQL, PROGRESS_BY_KEY_SQL("$2", "l.id")),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* For a course whose lessons open one after the other. */
static const LibraryQuery lesson_rows_in_sequence = {
	LEARNERS_ROWS_SQL(EARLIER_IN_LIST_SQL, PROGRESS_SQL, PROGRESS_BY_KEY_SQL("$2", "l.id")),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* Where direct_progress.c finds how far the learner is. */
static const LibraryQuery lesson_rows_alone = {
	LEARNERS_ROWS_SQL("false", NO_PROGRESS_SQL, ""),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* For staff: drafts, too, and nothing is closed. */
static const LibraryQuery all_lesson_rows = {
	LESSON_ROWS_SQL("", "NULL::text, NULL::text", PROGRESS_SQL, PROGRESS_BY_KEY_SQL("$2", "l.id")),
	3, {UUIDOID, UUIDOID, TEXTOID}
};

/* A part of a text. */
typedef struct Span
{
	int			begin;
	int			len;
} Span;

/* What was made of a row. */
typedef struct Part
{
	Datum		place[PLACE_COLUMNS];	/* by LESSON_PLACE_SQL */
	Span		module;			/* up to its lessons */
	bool		is_lesson;		/* false if the module has none; then the rest is zero */
	bool		counts;
	Span		lesson;			/* up to whether the learner may watch it */
	Span		access[2];		/* that; [true] is for who has started it */
	NullableDatum duration;
	LessonProgress progress;
} Part;

/* The document as far as it is built. */
typedef struct Document
{
	StringInfoData json;
	bool		for_staff;		/* marks drafts */
	StringInfoData text;		/* of the parts, as they came */
	Part	   *parts;
	int			count;			/* of the parts */
	int			size;			/* room for so many */
} Document;

/* A boolean column, for which NULL is false. */
static bool
is_true(const ResultRow *row, int column)
{
	return !row->nulls[column] && DatumGetBool(row->values[column]);
}

/* As uuid_out() writes it, which takes several times as long. */
static void
append_uuid(StringInfo json, const pg_uuid_t *uuid)
{
	static const int groups[] = {4, 2, 2, 2, 6};
	const char *bytes = (const char *) uuid->data;
	char		text[2 + 36];
	char	   *end = text;

	for (int i = 0; i < lengthof(groups); i++)
	{
		*end++ = i == 0 ? '"' : '-';
		end += hex_encode(bytes, groups[i], end);
		bytes += groups[i];
	}
	*end++ = '"';
	appendBinaryStringInfo(json, text, end - text);
}

/* Whether JSON has these bytes as they are. */
static inline bool
all_plain(const char *bytes, int len)
{
	unsigned char special = 0;

	for (int i = 0; i < len; i++)
	{
		unsigned char byte = bytes[i];

		special |= (byte < ' ') | (byte == '"') | (byte == '\\');
	}
	return special == 0;
}

/* Most strings are.  Of a fixed number of bytes a compiler looks at all at once. */
static bool
is_plain(const char *string, int len)
{
	for (; len >= 16; string += 16, len -= 16)
		if (!all_plain(string, 16))
			return false;
	return all_plain(string, len);
}

static void
append_string(StringInfo json, const char *string, int len)
{
	if (!is_plain(string, len))
	{
		char	   *copy = pnstrdup(string, len);

		escape_json(json, copy);
		pfree(copy);
		return;
	}
	appendStringInfoCharMacro(json, '"');
	appendBinaryStringInfo(json, string, len);
	appendStringInfoCharMacro(json, '"');
}

static void
append_text(StringInfo json, Datum datum)
{
	text	   *value = DatumGetTextPP(datum);

	append_string(json, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	if ((Pointer) value != DatumGetPointer(datum))
		pfree(value);
}

static void
append_jsonb(StringInfo json, Datum datum)
{
	Jsonb	   *value = DatumGetJsonbP(datum);

	(void) JsonbToCString(json, &value->root, VARSIZE(value));
	if ((Pointer) value != DatumGetPointer(datum))
		pfree(value);
}

/* The value of a column, for the types that the queries above have. */
static void
append_datum(StringInfo json, Datum datum, Oid type)
{
	char		buffer[MAXDATELEN + 1];

	switch (type)
	{
		case BOOLOID:
			appendStringInfoString(json, DatumGetBool(datum) ? "true" : "false");
			break;
		case INT4OID:
			appendBinaryStringInfo(json, buffer, pg_ltoa(DatumGetInt32(datum), buffer));
			break;
		case UUIDOID:
			append_uuid(json, DatumGetUUIDP(datum));
			break;
		case TEXTOID:
			append_text(json, datum);
			break;
		case TIMESTAMPTZOID:
			(void) JsonEncodeDateTime(buffer, datum, type, NULL);
			append_string(json, buffer, strlen(buffer));
			break;
		case JSONBOID:
			append_jsonb(json, datum);
			break;
		default:
			elog(ERROR, "unexpected type %u", type);
	}
}

static NullableDatum
nullable(const ResultRow *row, int column)
{
	return (NullableDatum) {row->values[column], row->nulls[column]};
}

/* Appends a key with what stands before it, and a value. */
static void
append_nullable(StringInfo json, const char *key, NullableDatum value, Oid type)
{
	appendStringInfoString(json, key);
	if (value.isnull)
		appendStringInfoString(json, "null");
	else
		append_datum(json, value.value, type);
}

/* The same with the value of a column. */
static void
append(StringInfo json, const char *key, const ResultRow *row, int column)
{
	append_nullable(json, key, nullable(row, column), TupleDescAttr(row->desc, column)->atttypid);
}

static void
append_course(StringInfo json, const ResultRow *row, bool for_staff)
{
	append(json, "{\"id\":", row, COURSE_ID);
	append(json, ",\"title\":", row, COURSE_TITLE);
	append(json, ",\"description\":", row, COURSE_DESCRIPTION);
	append(json, ",\"slug\":", row, COURSE_SLUG);
	append(json, ",\"thumbnail_url\":", row, COURSE_THUMBNAIL_URL);
	append(json, ",\"stage\":", row, COURSE_STAGE);
	append(json, ",\"topic\":", row, COURSE_TOPIC);
	append(json, ",\"tier_required\":", row, COURSE_TIER_REQUIRED);
	append(json, ",\"metadata\":", row, COURSE_METADATA);
	if (for_staff)
		append(json, ",\"is_published\":", row, COURSE_IS_PUBLISHED);
	append(json, ",\"enrolled\":", row, COURSE_ENROLLED);
	append(json, ",\"completed_at\":", row, COURSE_COMPLETED_AT);
	append(json, ",\"expires_at\":", row, COURSE_EXPIRES_AT);
}

/* Why the learner may not watch, and for a date also when the lesson opens. */
static void
append_locked(StringInfo json, const ResultRow *row, int refusal)
{
	appendStringInfoString(json, ",\"locked\":");
	if (row->nulls[refusal])
	{
		appendStringInfoString(json, "null");
		return;
	}
	append(json, "{\"reason\":", row, refusal);
	if (text_is(DatumGetTextPP(row->values[refusal]), "date"))
		append(json, ",\"unlocks_at\":", row, UNLOCKS_AT);
	else
		appendStringInfoString(json, ",\"unlocks_at\":null");
	appendStringInfoChar(json, '}');
}

/* A playback id is shown only where the learner may watch. */
static Span
append_access(StringInfo json, const ResultRow *row, int refusal)
{
	Span		span = {json->len};

	append_locked(json, row, refusal);
	append(json, ",\"mux_status\":", row, MUX_STATUS);
	if (row->nulls[refusal])
		append(json, ",\"mux_playback_id\":", row, MUX_PLAYBACK_ID);
	else
		appendStringInfoString(json, ",\"mux_playback_id\":null");
	span.len = json->len - span.begin;
	return span;
}

static Span
append_lesson(StringInfo json, const ResultRow *row, bool for_staff)
{
	Span		span = {json->len};

	append(json, "{\"id\":", row, LESSON_ID);
	append(json, ",\"title\":", row, TITLE);
	append(json, ",\"description\":", row, DESCRIPTION);
	append(json, ",\"duration_seconds\":", row, DURATION_SECONDS);
	append(json, ",\"metadata\":", row, METADATA);
	append(json, ",\"is_required\":", row, IS_REQUIRED);
	if (for_staff)
		append(json, ",\"is_published\":", row, IS_PUBLISHED);
	append(json, ",\"is_preview\":", row, IS_PREVIEW);
	span.len = json->len - span.begin;
	return span;
}

/* A module up to its array of lessons. */
static Span
append_module(StringInfo json, const ResultRow *row)
{
	Span		span = {json->len};

	append(json, "{\"id\":", row, MODULE_ID);
	append(json, ",\"title\":", row, MODULE_TITLE);
	append(json, ",\"description\":", row, MODULE_DESCRIPTION);
	append(json, ",\"metadata\":", row, MODULE_METADATA);
	appendStringInfoString(json, ",\"lessons\":[");
	span.len = json->len - span.begin;
	return span;
}

/* A module that has no lessons has no place of a lesson. */
static int
compare_parts(const void *a, const void *b)
{
	const Part *left = a;
	const Part *right = b;

	return compare_places(left->place, right->place,
						  left->is_lesson && right->is_lesson ? PLACE_COLUMNS : MODULE_PLACE_COLUMNS);
}

static bool
same_module(const Part *a, const Part *b)
{
	return same_uuid(a->place[MODULE_ID], b->place[MODULE_ID]);
}

/* The place outlives the row, and the query. */
static void
keep_place(Document *document, Part *part, const ResultRow *row, int columns)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(document->parts));

	for (int i = 0; i < columns; i++)
	{
		Datum		value = result_row_value(row, i);

		part->place[i] = lesson_types[i] == UUIDOID ? datumCopy(value, false, UUID_LEN) : value;
	}
	MemoryContextSwitchTo(old);
}

static LessonProgress
row_progress(const ResultRow *row)
{
	LessonProgress progress = {0};

	progress.started = !row->nulls[WATCHED_PCT];
	if (!progress.started)
		return progress;
	progress.watched_pct = DatumGetInt32(row->values[WATCHED_PCT]);
	progress.completed = is_true(row, COMPLETED);
	progress.position_seconds = nullable(row, POSITION_SECONDS);
	progress.completed_at = nullable(row, COMPLETED_AT);
	return progress;
}

/* The reasons differ only where having started the lesson opens it: see REFUSAL_SQL. */
static void
add_lesson(Document *document, Part *part, const ResultRow *row)
{
	part->is_lesson = true;
	part->counts = is_true(row, COUNTS);
	part->lesson = append_lesson(&document->text, row, document->for_staff);
	part->access[false] = append_access(&document->text, row, REFUSAL);
	part->access[true] = row->nulls[REFUSAL] == row->nulls[REFUSAL_IF_STARTED] ? part->access[false]
		: append_access(&document->text, row, REFUSAL_IF_STARTED);
	part->duration = nullable(row, DURATION_SECONDS);
	part->progress = row_progress(row);
}

/* Makes a part of a row.  The lessons of a module mostly follow each other, so its text is there. */
static void
add_row(void *to, const ResultRow *row)
{
	Document   *document = to;
	bool		is_lesson = !row->nulls[LESSON_ID];
	Part	   *part;

	if (document->count == document->size)
	{
		document->size *= 2;
		document->parts = repalloc(document->parts, document->size * sizeof(Part));
	}
	part = &document->parts[document->count++];
	memset(part, 0, sizeof(Part));
	keep_place(document, part, row, is_lesson ? PLACE_COLUMNS : MODULE_PLACE_COLUMNS);
	part->module = document->count > 1 && same_module(part, part - 1) ? part[-1].module
		: append_module(&document->text, row);
	if (is_lesson)
		add_lesson(document, part, row);
}

/* Finds how far the learner is in the lessons of all parts. */
static void
find_progress(Document *document, Relation progress, Datum user_id)
{
	Datum	   *ids = palloc(document->count * sizeof(Datum));
	int			count = 0;
	LessonProgress *lessons;

	for (int i = 0; i < document->count; i++)
		if (document->parts[i].is_lesson)
			ids[count++] = document->parts[i].place[LESSON_ID];
	lessons = sorted_lessons(ids, &count);
	direct_find_progress(progress, user_id, lessons, count);
	for (int i = 0; i < document->count; i++)
	{
		Part	   *part = &document->parts[i];

		if (part->is_lesson)
			part->progress = *progress_of_lesson(lessons, count, part->place[LESSON_ID]);
	}
}

static void
append_span(Document *document, Span span)
{
	appendBinaryStringInfo(&document->json, document->text.data + span.begin, span.len);
}

/* As POSITION_SQL: not past the end of the video. */
static NullableDatum
shown_position(const Part *part)
{
	NullableDatum position = part->progress.position_seconds;

	if (!position.isnull && !part->duration.isnull &&
		DatumGetInt32(position.value) > DatumGetInt32(part->duration.value))
		return part->duration;
	return position;
}

static void
append_progress(StringInfo json, const Part *part)
{
	const LessonProgress *progress = &part->progress;

	if (!progress->started)
	{
		appendStringInfoString(json, ",\"status\":\"not_started\",\"watched_pct\":0,"
							   "\"position_seconds\":null,\"completed_at\":null}");
		return;
	}
	appendStringInfoString(json, progress->completed ? ",\"status\":\"completed\""
						   : ",\"status\":\"in_progress\"");
	appendStringInfo(json, ",\"watched_pct\":%d", progress->watched_pct);
	append_nullable(json, ",\"position_seconds\":", shown_position(part), INT4OID);
	append_nullable(json, ",\"completed_at\":", progress->completed_at, TIMESTAMPTZOID);
	appendStringInfoChar(json, '}');
}

/* Appends the parts in order.  After another lesson comes a comma. */
static void
append_modules(Document *document)
{
	StringInfo	json = &document->json;

	qsort(document->parts, document->count, sizeof(Part), compare_parts);
	appendStringInfoString(json, ",\"modules\":[");
	for (int i = 0; i < document->count; i++)
	{
		const Part *part = &document->parts[i];

		if (i == 0 || !same_module(part, part - 1))
		{
			appendStringInfoString(json, i == 0 ? "" : "]},");
			append_span(document, part->module);
		}
		if (!part->is_lesson)
			continue;
		if (json->data[json->len - 1] == '}')
			appendStringInfoChar(json, ',');
		append_span(document, part->lesson);
		append_span(document, part->access[part->progress.started]);
		append_progress(json, part);
	}
	appendStringInfoString(json, document->count == 0 ? "]" : "]}]");
}

/* How many lessons count, and how many of these are completed. */
static void
append_counts(Document *document)
{
	StringInfo	json = &document->json;
	int			required = 0;
	int			completed = 0;
	NullableDatum percentage;

	for (int i = 0; i < document->count; i++)
	{
		required += document->parts[i].counts;
		completed += document->parts[i].counts && document->parts[i].progress.completed;
	}
	percentage.value = course_percentage(completed, required, &percentage.isnull);
	appendStringInfo(json, ",\"required_lessons\":%d,\"completed_lessons\":%d", required, completed);
	append_nullable(json, ",\"completion\":", percentage, INT4OID);
}

/* $3 of the query is why the learner has no access to the course. */
static void
read_lessons(Call *call, Document *document, const LibraryQuery *query, const Datum *values, const char *nulls)
{
	ResultReceiver receiver = result_receiver(LESSON_COLUMNS, lesson_types, add_row, document);
	Relation	progress = query == &lesson_rows ? direct_progress_open(&call->library) : NULL;

	query_send(&call->library, progress == NULL ? query : &lesson_rows_alone, values, nulls, &receiver.dest);
	if (progress == NULL)
		return;
	find_progress(document, progress, call->user_id);
	direct_progress_close(progress);
}

/* The query for the lessons.  What is open in a sequence, SQL must say together with the progress. */
static const LibraryQuery *
lessons_query(bool for_staff, bool is_sequential)
{
	if (for_staff)
		return &all_lesson_rows;
	return is_sequential ? &lesson_rows_in_sequence : &lesson_rows;
}

/*
 * Builds the document from two queries: the second one must know whether the learner has
 * access to the course.
 */
static void
outline(Call *call, Document *document, Datum course_id)
{
	Datum		values[] = {course_id, call->user_id, BoolGetDatum(call->named)};
	char		nulls[] = {' ', call->user_id == 0 ? 'n' : ' ', ' '};
	ResultRow	course;

	require_course(call, course_id);
	if (query_execute(&call->library, &course_row, values, nulls, true) == 0)
		missing_course(course_id);
	course = result_row(COURSE_COLUMNS, course_types);
	result_row_read(&course, 0);
	append_course(&document->json, &course, document->for_staff);

	values[2] = course.values[COURSE_NO_ACCESS];
	nulls[2] = course.nulls[COURSE_NO_ACCESS] ? 'n' : ' ';
	read_lessons(call, document, lessons_query(document->for_staff, is_true(&course, COURSE_IS_SEQUENTIAL)),
				 values, nulls);
	append_counts(document);
	append_modules(document);
	appendStringInfoChar(&document->json, '}');
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

/* The text is made in the caller's memory, after room for the header of a varlena. */
Datum
course_outline(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Document	document = {0};
	Call		call;

	initStringInfo(&document.json);
	appendStringInfoSpaces(&document.json, VARHDRSZ);
	call_begin_as_user_or_staff(&call, fcinfo, 1);
	initStringInfo(&document.text);
	document.size = 128;
	document.parts = palloc(document.size * sizeof(Part));
	document.for_staff = is_for_staff(&call, course_id, !PG_ARGISNULL(1));
	outline(&call, &document, course_id);
	call_end(&call);

	SET_VARSIZE(document.json.data, document.json.len);
	PG_RETURN_POINTER(document.json.data);
}
