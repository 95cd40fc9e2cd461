/* mux_events.c: mux_apply_event(), mux_begin_upload(), and the trigger that binds an upload. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "call.h"
#include "members.h"
#include "mux_lock.h"
#include "result.h"

/* Mux does not wait longer for an answer.  It sends the event again. */
#define GIVE_UP_AFTER_MS 5000

/* The columns of mux_events without received_at, as content_library_mux_read() returns them. */
typedef enum FactColumn
{
	EVENT_ID, OBJECT, UPLOAD_ID, ASSET_ID, STATUS, EVENT_AT,
	PLAYBACK_IDS, DURATION_SECONDS, MUX_ERROR, FACT_COLUMNS
} FactColumn;

/* What an event says, as a row of mux_events. */
typedef struct Fact
{
	Datum		values[FACT_COLUMNS];
	bool		isnull[FACT_COLUMNS];
} Fact;

/* DO NOTHING: Mux may send an event twice, and it is kept once. */
static const LibraryQuery insert_event = {
	"INSERT INTO %1$s.mux_events"
	"       (event_id, object, upload_id, asset_id, status, event_at,"
	"        playback_ids, duration_seconds, error)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
	" ON CONFLICT (event_id) DO NOTHING",
	FACT_COLUMNS, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
	JSONBOID, INT4OID, JSONBOID}
};

/* Always one row: the array is empty if no upload is known. */
static const LibraryQuery uploads_of_asset = {
	"SELECT ARRAY("
	"  SELECT DISTINCT e.upload_id FROM %1$s.mux_events AS e"
	"   WHERE e.asset_id = $1 AND e.upload_id IS NOT NULL)",
	1, {TEXTOID}
};

/* NOWAIT, because waiting here could be part of a deadlock: see apply(). */
static const LibraryQuery lock_lessons = {
	"SELECT FROM %1$s.lessons AS l WHERE l.mux_upload_id = ANY ($1)"
	" ORDER BY l.id FOR NO KEY UPDATE NOWAIT",
	1, {TEXTARRAYOID}
};

/* Writes only where the video changes, so the number of rows says whether anything did. */
static const LibraryQuery project_lessons = {
	"UPDATE %1$s.lessons AS l"
	"   SET mux_asset_id = s.mux_asset_id,"
	"       mux_playback_id = s.mux_playback_id,"
	"       mux_status = s.mux_status,"
	"       duration_seconds = s.duration_seconds"
	"  FROM unnest($1) AS u (id)"
	" CROSS JOIN LATERAL %1$s.mux_state(u.id) AS s"
	" WHERE l.mux_upload_id = u.id"
	"   AND (l.mux_asset_id, l.mux_playback_id, l.mux_status, l.duration_seconds)"
	"       IS DISTINCT FROM (s.mux_asset_id, s.mux_playback_id, s.mux_status, s.duration_seconds)",
	1, {TEXTARRAYOID}
};

/* A row if event $3 says how its upload or asset stands. */
static const LibraryQuery latest = {
	"SELECT FROM %1$s.content_library_mux_latest($1, $2) AS e WHERE e.event_id = $3",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/* The video of an upload; no row if no event has told of it. */
static const LibraryQuery state = {
	"SELECT s.mux_asset_id, s.mux_playback_id, s.mux_status, s.duration_seconds"
	"  FROM %1$s.mux_state($1) AS s",
	1, {TEXTOID}
};

/* The trigger on lessons does the rest. */
static const LibraryQuery bind_upload = {
	"UPDATE %1$s.lessons AS l SET mux_upload_id = $2 WHERE l.id = $1 RETURNING l",
	2, {UUIDOID, TEXTOID}
};

/*
 * Keeps plans from reading whole tables.  A plan is made once, perhaps when the tables were
 * small, and kept when they have grown.
 */
static void
look_up_by_key(void)
{
	set_until_caller("enable_seqscan", "off");
}

/* Reads an event; false if it says nothing about a lesson. */
static bool
read_fact(Fact *fact, const Library *library, Datum event)
{
	Oid			argtype = JSONBOID;
	Oid			reader = library_function(library, "content_library_mux_read", 1, &argtype);
	HeapTupleHeader row = DatumGetHeapTupleHeader(OidFunctionCall1(reader, event));
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
											  HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {0};

	if (desc->natts != FACT_COLUMNS)
		elog(ERROR, "content_library_mux_read() returned %d columns", desc->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	heap_deform_tuple(&tuple, desc, fact->values, fact->isnull);
	ReleaseTupleDesc(desc);
	return !fact->isnull[OBJECT];
}

static bool
is_about_upload(const Fact *fact)
{
	text	   *object = DatumGetTextPP(fact->values[OBJECT]);

	return VARSIZE_ANY_EXHDR(object) == strlen("upload") &&
		memcmp(VARDATA_ANY(object), "upload", strlen("upload")) == 0;
}

/* Locks what the event names in a column, if anything; false if somebody else holds it. */
static bool
lock_object(const Fact *fact, FactColumn column, MuxObject object)
{
	return fact->isnull[column] ||
		mux_lock_for_event(object, DatumGetTextPP(fact->values[column]));
}

/* Locks all these uploads; false if somebody else holds one. */
static bool
lock_uploads(Datum uploads)
{
	Datum	   *ids;
	int			size;

	deconstruct_array(DatumGetArrayTypeP(uploads), TEXTOID, -1, false, TYPALIGN_INT,
					  &ids, NULL, &size);
	for (int i = 0; i < size; i++)
		if (!mux_lock_for_event(MUX_UPLOAD, DatumGetTextPP(ids[i])))
			return false;
	return true;
}

/* Stores the event; false if one with its id is there already. */
static bool
keep(const Call *call, const Fact *fact)
{
	Datum		values[FACT_COLUMNS];
	char		nulls[FACT_COLUMNS];

	for (int i = 0; i < FACT_COLUMNS; i++)
	{
		values[i] = fact->values[i];
		nulls[i] = fact->isnull[i] ? 'n' : ' ';
	}
	return query_execute(&call->library, &insert_event, values, nulls, false) > 0;
}

/* The uploads that the event tells of, as an array. */
static Datum
uploads_of(const Call *call, const Fact *fact)
{
	Datum		id;

	if (is_about_upload(fact))
	{
		id = fact->values[UPLOAD_ID];
		return PointerGetDatum(construct_array(&id, 1, TEXTOID, -1, false, TYPALIGN_INT));
	}
	id = fact->values[ASSET_ID];
	query_execute(&call->library, &uploads_of_asset, &id, NULL, false);
	return result_value(0, 1, TEXTARRAYOID);
}

/* Whether this event says how its upload or asset stands, and not a later one. */
static bool
is_latest(const Call *call, const Fact *fact)
{
	Datum		values[] = {
		fact->values[OBJECT],
		fact->values[is_about_upload(fact) ? UPLOAD_ID : ASSET_ID],
		fact->values[EVENT_ID]
	};

	return query_execute(&call->library, &latest, values, NULL, false) > 0;
}

/*
 * Stores the event and writes the video of its lessons; returns what became of it, or NULL
 * if somebody else holds what it needs.  While the asset is locked, no other event can give
 * it another upload.  While its uploads are locked, nobody can bind one of them to a
 * lesson.  So of two transactions, the second one always sees what the first has done.
 */
static const char *
take_in(const Call *call, const Fact *fact)
{
	Datum		uploads;
	uint64		bound;

	if (!lock_object(fact, ASSET_ID, MUX_ASSET) || !lock_object(fact, UPLOAD_ID, MUX_UPLOAD))
		return NULL;
	if (!keep(call, fact))
		return "duplicate";
	/* While the asset is locked, no other event can add an upload. */
	uploads = uploads_of(call, fact);
	if (!lock_uploads(uploads))
		return NULL;

	bound = query_execute(&call->library, &lock_lessons, &uploads, NULL, false);
	if (bound > 0 &&
		query_execute(&call->library, &project_lessons, &uploads, NULL, false) > 0)
		return "applied";
	if (!is_latest(call, fact))
		return "stale";
	return bound > 0 ? "noop" : "unmatched";
}

/* After an error in a subtransaction: raises it again, unless it is about a lock. */
static void
check_lock_error(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
	FreeErrorData(error);
}

/* The same in a subtransaction, so that it gives all its locks back when it fails. */
static const char *
try_to_take_in(const Call *call, const Fact *fact)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			locks = mux_lock_count();
	const char *volatile answer = NULL;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		answer = take_in(call, fact);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();

	if (answer != NULL)
		ReleaseCurrentSubTransaction();
	else
	{
		/* Gives back the locks, and also the row that keep() has stored. */
		RollbackAndReleaseCurrentSubTransaction();
		mux_lock_forget(locks);
	}
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL)
		check_lock_error(error);
	return answer;
}

/* Says what was held, so that an operator can look for the transaction. */
static void
give_up(const Fact *fact)
{
	bool		about_upload = is_about_upload(fact);
	text	   *id = DatumGetTextPP(fact->values[about_upload ? UPLOAD_ID : ASSET_ID]);

	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("the video of %s \"%s\" has been held for five seconds",
					about_upload ? "upload" : "asset",
					quotable(VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id))),
			 errhint("Apply the event again when Mux sends it again. If that does not help, look in pg_stat_activity for an open transaction that binds the upload, applies an event of it, or has changed its lesson.")));
}

/*
 * Tries until it can have everything that it needs at once, for five seconds.  If it waited
 * for a lock while it holds others, it could be part of a deadlock: whoever has that lock
 * may be about to wait for the others.  The server takes some locks by itself, and for
 * these it waits 0.1 seconds at most.
 */
static const char *
apply(const Call *call, const Fact *fact)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), GIVE_UP_AFTER_MS);
	int			pause_ms = 1;
	const char *answer;

	/* A shorter lock_timeout of the caller stays. */
	if (LockTimeout == 0 || LockTimeout > 100)
		set_until_caller("lock_timeout", "100");
	while ((answer = try_to_take_in(call, fact)) == NULL)
	{
		if (TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms) > end)
			give_up(fact);
		DirectFunctionCall1(pg_sleep, Float8GetDatum(pause_ms / 1000.0));
		pause_ms = Min(2 * pause_ms, 16);	/* most transactions are short */
	}
	return answer;
}

PG_FUNCTION_INFO_V1(mux_apply_event);

/* The answer is a word for the log; only an error means that Mux must send the event again. */
Datum
mux_apply_event(PG_FUNCTION_ARGS)
{
	Datum		event = required_arg(fcinfo, 0, "event");
	const char *answer = "ignored";
	Call		call;
	Fact		fact;

	call_begin_as_operator(&call, fcinfo);
	look_up_by_key();
	/* An ignored event needs no locks, and so works in every isolation level. */
	if (read_fact(&fact, &call.library, event))
	{
		mux_require_read_committed();
		answer = apply(&call, &fact);
	}
	call_end(&call);

	PG_RETURN_TEXT_P(cstring_to_text(answer));
}

PG_FUNCTION_INFO_V1(mux_begin_upload);

/* Only binds: what events have already told of the upload, the trigger reads. */
Datum
mux_begin_upload(PG_FUNCTION_ARGS)
{
	Datum		lesson_id = required_arg(fcinfo, 0, "lesson_id");
	Datum		upload_id = required_arg(fcinfo, 1, "upload_id");
	Datum		values[] = {lesson_id, upload_id};
	text	   *id = DatumGetTextPP(upload_id);
	int			length = pg_mbstrlen_with_len(VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	Datum		row;
	Call		call;

	if (length < 1 || length > 255)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("upload_id is not a text of 1 to 255 characters")));

	call_begin_as_operator(&call, fcinfo);
	look_up_by_key();
	if (query_execute(&call.library, &bind_upload, values, NULL, false) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("lesson \"%s\" does not exist", uuid_text(lesson_id))));
	row = SPI_datumTransfer(result_value(0, 1, call_row_type(&call)), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

/* The columns of a lesson's video, in the order of the query state. */
static const struct
{
	const char *name;
	Oid			type;
}			video_columns[] = {
	{"mux_asset_id", TEXTOID}, {"mux_playback_id", TEXTOID},
	{"mux_status", TEXTOID}, {"duration_seconds", INT4OID}
};

#define VIDEO_COLUMNS lengthof(video_columns)

/* The changed row.  Refuses to run for any table but lessons. */
static HeapTuple
bound_lesson(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			namespace = get_func_namespace(fcinfo->flinfo->fn_oid);

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ||
		RelationGetRelid(trigger->tg_relation) != get_relname_relid("lessons", namespace))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("content_library_mux_bind() belongs to the triggers of lessons")));
	return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
}

/* The number of a column of lessons, which must have this type: its owner can alter the table. */
static int
column_number(TupleDesc desc, const char *name, Oid type)
{
	int			number = SPI_fnumber(desc, name);

	if (number <= 0 || SPI_gettypeid(desc, number) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("lessons has no column %s of type %s", name, format_type_be(type)),
				 errhint("content_library_check() says how to bring it back.")));
	return number;
}

/* The text in a column of lessons; NULL if it has none. */
static text *
text_column(HeapTuple row, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		value = heap_getattr(row, column_number(desc, name, TEXTOID), desc, &isnull);

	return isnull ? NULL : DatumGetTextPP(value);
}

/*
 * Whether the statement itself gives the lesson a video: a new row, or another asset than
 * before.  It then stays, as long as no event tells of the upload.
 */
static bool
is_given(const TriggerData *trigger, HeapTuple lesson)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	text	   *asset = text_column(lesson, desc, "mux_asset_id");
	text	   *before;

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		return true;
	before = text_column(trigger->tg_trigtuple, desc, "mux_asset_id");
	return asset != NULL &&
		(before == NULL ||
		 strcmp(text_to_cstring(asset), text_to_cstring(before)) != 0);
}

/*
 * Reads the video of an upload into the columns of a lesson; false if no event has told of
 * it.  Then the video is pending and all else NULL.
 */
static bool
read_state(const Call *call, text *upload_id, Datum *values, char *nulls)
{
	Datum		id = PointerGetDatum(upload_id);
	bool		known;
	bool		isnull;

	known = upload_id != NULL && query_execute(&call->library, &state, &id, NULL, false) > 0;
	for (int i = 0; i < VIDEO_COLUMNS; i++)
	{
		isnull = true;
		if (known)
			values[i] = result_nullable(0, i + 1, video_columns[i].type, &isnull);
		else if (strcmp(video_columns[i].name, "mux_status") == 0)
		{
			values[i] = CStringGetTextDatum("pending");
			isnull = false;
		}
		nulls[i] = isnull ? 'n' : ' ';
	}
	return known;
}

PG_FUNCTION_INFO_V1(content_library_mux_bind);

/* The trigger.  It runs before the row is written, so it can change the row. */
Datum
content_library_mux_bind(PG_FUNCTION_ARGS)
{
	HeapTuple	lesson = bound_lesson(fcinfo);
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	text	   *upload_id = text_column(lesson, desc, "mux_upload_id");
	Datum		values[VIDEO_COLUMNS];
	char		nulls[VIDEO_COLUMNS];
	int			columns[VIDEO_COLUMNS];
	Call		call;

	mux_require_read_committed();
	/* Locked before the events are read, so that no event comes in between. */
	if (upload_id != NULL)
		mux_lock_for_binding(upload_id);

	call_begin(&call, fcinfo);
	look_up_by_key();
	for (int i = 0; i < VIDEO_COLUMNS; i++)
		columns[i] = column_number(desc, video_columns[i].name, video_columns[i].type);
	if (read_state(&call, upload_id, values, nulls) || !is_given(trigger, lesson))
		lesson = SPI_modifytuple(trigger->tg_relation, lesson, VIDEO_COLUMNS,
								 columns, values, nulls);
	call_end(&call);

	return PointerGetDatum(lesson);
}
