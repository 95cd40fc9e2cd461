/* mux_events.c: mux_apply_event(), which keeps what an event says and writes the videos of lessons. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "call.h"
#include "members.h"
#include "locks.h"
#include "mux_lock.h"
#include "mux_video.h"
#include "result.h"

/* Mux does not wait longer for an answer.  It sends the event again. */
#define GIVE_UP_AFTER_MS 5000

/* The columns of mux_events without received_at, as content_library_mux_read() returns them. */
typedef enum FactColumn
{
	EVENT_ID, OBJECT, UPLOAD_ID, ASSET_ID, STATUS, EVENT_AT,
	PLAYBACK_IDS, DURATION_SECONDS, MUX_ERROR, LESSON_ID, FACT_COLUMNS
} FactColumn;

/* What an event says, as a row of mux_events. */
typedef struct Fact
{
	Datum		values[FACT_COLUMNS];
	bool		isnull[FACT_COLUMNS];
} Fact;

/* What an event may change.  Each is an array. */
typedef struct Affected
{
	Datum		uploads;		/* their ids */
	Datum		named;			/* ids that the asset has had in its passthrough */
	Datum		lessons;		/* the ids of those that there are */
} Affected;

/* DO NOTHING: Mux may send an event twice, and it is kept once. */
static const LibraryQuery insert_event = {
	"INSERT INTO %1$s.mux_events"
	"       (event_id, object, upload_id, asset_id, status, event_at,"
	"        playback_ids, duration_seconds, error, lesson_id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
	" ON CONFLICT (event_id) DO NOTHING",
	FACT_COLUMNS, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
	JSONBOID, INT4OID, JSONBOID, UUIDOID}
};

/*
 * Always one row.  An event about upload $1 says nothing of another one.  An event about
 * asset $2 may change every upload that an event has given it.
 */
static const LibraryQuery affected_by_event = {
	"SELECT CASE WHEN $3 THEN ARRAY[$1] ELSE ARRAY("
	"         SELECT DISTINCT e.upload_id FROM %1$s.mux_events AS e"
	"          WHERE e.asset_id = $2 AND e.upload_id IS NOT NULL) END,"
	"       ARRAY("
	"         SELECT DISTINCT e.lesson_id FROM %1$s.mux_events AS e"
	"          WHERE e.asset_id = $2 AND e.lesson_id IS NOT NULL)",
	3, {TEXTOID, TEXTOID, BOOLOID}
};

/* The lessons that are or were bound to uploads $1 or asset $2, or that the asset names ($3). */
static const LibraryQuery affected_lessons = {
	"SELECT ARRAY("
	"  SELECT l.id FROM %1$s.lessons AS l WHERE l.mux_upload_id = ANY ($1)"
	"  UNION"
	"  SELECT l.id FROM %1$s.lessons AS l WHERE l.mux_asset_id = $2"
	"  UNION"
	"  SELECT b.lesson_id FROM %1$s.mux_bindings AS b WHERE b.upload_id = ANY ($1)"
	"  UNION"
	"  SELECT b.lesson_id FROM %1$s.mux_bindings AS b WHERE b.asset_id = $2"
	"  UNION"
	"  SELECT l.id FROM %1$s.lessons AS l WHERE l.id = ANY ($3))",
	3, {TEXTARRAYOID, TEXTOID, UUIDARRAYOID}
};

/*
 * By id alone: while this waits for nobody, a lesson may be bound to something else, and
 * must still be locked.  NOWAIT, because waiting here could be part of a deadlock: see
 * apply().
 */
static const LibraryQuery lock_lessons = {
	"SELECT FROM %1$s.lessons AS l WHERE l.id = ANY ($1)"
	" ORDER BY l.id FOR NO KEY UPDATE NOWAIT",
	1, {UUIDARRAYOID}
};

/* A row if event $3 says how its upload or asset stands. */
static const LibraryQuery latest = {
	"SELECT FROM %1$s.content_library_mux_latest($1, $2) AS e WHERE e.event_id = $3",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/* Reads an event; false if it says nothing about a lesson. */
static bool
read_fact(Fact *fact, const Library *library, Datum event)
{
	Oid			argtype = JSONBOID;
	Oid			reader = library_function(library, "content_library_mux_read", 1, &argtype);
	ResultRow	row = result_call(reader, event, FACT_COLUMNS, insert_event.argtypes);

	memcpy(fact->values, row.values, sizeof(fact->values));
	memcpy(fact->isnull, row.nulls, sizeof(fact->isnull));
	result_record_end(&row);
	return !fact->isnull[OBJECT];
}

static bool
is_about_upload(const Fact *fact)
{
	return text_is(DatumGetTextPP(fact->values[OBJECT]), "upload");
}

/* Locks what the event names in a column, if anything; false if somebody else holds it. */
static bool
lock_object(const Fact *fact, FactColumn column, MuxObject object)
{
	return fact->isnull[column] ||
		mux_lock_for_event(object, DatumGetTextPP(fact->values[column]));
}

/* Locks all objects with these ids, a text[] or uuid[]; false if somebody else holds one. */
static bool
lock_objects(MuxObject object, Datum ids)
{
	ArrayType  *array = DatumGetArrayTypeP(ids);
	bool		are_texts = ARR_ELEMTYPE(array) == TEXTOID;
	Datum	   *elements;
	int			size;

	if (are_texts)
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &size);
	else
		deconstruct_array(array, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &elements, NULL, &size);
	for (int i = 0; i < size; i++)
		if (!mux_lock_for_event(object, are_texts ? DatumGetTextPP(elements[i])
								: cstring_to_text(uuid_text(elements[i]))))
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

/* The value of a column of the fact, as an argument of a query. */
static void
set_arg(Datum *value, char *null, const Fact *fact, FactColumn column)
{
	*value = fact->values[column];
	*null = fact->isnull[column] ? 'n' : ' ';
}

/*
 * Finds and locks what the event may change; false if somebody else holds some of it.
 * While the asset is locked, no other event can give it another upload or name in it
 * another lesson.  While its uploads are locked, nobody can bind one of them.
 */
static bool
lock_affected(const Call *call, const Fact *fact, Affected *affected)
{
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};

	set_arg(&values[0], &nulls[0], fact, UPLOAD_ID);
	set_arg(&values[1], &nulls[1], fact, ASSET_ID);
	values[2] = BoolGetDatum(is_about_upload(fact));
	query_execute(&call->library, &affected_by_event, values, nulls, false);
	affected->uploads = result_value(0, 1, TEXTARRAYOID);
	affected->named = result_value(0, 2, UUIDARRAYOID);
	if (!lock_objects(MUX_UPLOAD, affected->uploads) ||
		!lock_objects(MUX_LESSON, affected->named))
		return false;

	values[0] = affected->uploads;
	nulls[0] = ' ';
	values[2] = affected->named;
	query_execute(&call->library, &affected_lessons, values, nulls, false);
	affected->lessons = result_value(0, 1, UUIDARRAYOID);
	return true;
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
 * if somebody else holds what it needs.  While it holds all of that, nobody binds one of
 * its videos to a lesson.  So of two transactions, the second one always sees what the
 * first has done.
 */
static const char *
take_in(const Call *call, const Fact *fact)
{
	Affected	affected;
	uint64		bound;

	if (!lock_object(fact, ASSET_ID, MUX_ASSET) || !lock_object(fact, UPLOAD_ID, MUX_UPLOAD))
		return NULL;
	if (!keep(call, fact))
		return "duplicate";
	if (!lock_affected(call, fact, &affected))
		return NULL;

	bound = query_execute(&call->library, &lock_lessons, &affected.lessons, NULL, false);
	if (bound > 0 && mux_write_videos(call, affected.lessons) > 0)
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
	int			locks = locks_taken();
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
		forget_locks(locks);
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
			 errhint("Apply the event again when Mux sends it again. If that does not help, look in pg_stat_activity for an open transaction that binds the video, applies an event of it, or has changed its lesson.")));
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
	mux_look_up_by_key();
	/* An ignored event needs no locks, and so works in every isolation level. */
	if (read_fact(&fact, &call.library, event))
	{
		mux_require_read_committed();
		answer = apply(&call, &fact);
	}
	call_end(&call);

	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
