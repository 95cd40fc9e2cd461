/* mux_binding.c: mux_begin_upload(), and the trigger that binds a lesson to its video. */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "mux_lock.h"
#include "mux_video.h"
#include "result.h"
#include "rules.h"

/* The columns of a lesson that name or describe its video. */
typedef enum VideoColumn
{
	UPLOAD, ASSET, PLAYBACK, STATUS, DURATION, VIDEO_COLUMNS
} VideoColumn;

static const struct
{
	const char *name;
	Oid			type;
}			video_columns[VIDEO_COLUMNS] = {
	{"mux_upload_id", TEXTOID}, {"mux_asset_id", TEXTOID}, {"mux_playback_id", TEXTOID},
	{"mux_status", TEXTOID}, {"duration_seconds", INT4OID}
};

/* What a row of lessons says of its video.  Only duration_seconds is no text. */
typedef struct Video
{
	char	   *texts[DURATION];	/* NULL if the column is */
	int32		duration;
	bool		has_duration;
} Video;

/* A lesson that is being written. */
typedef struct Binding
{
	const Call *call;
	Datum		lesson_id;
	Video		old;			/* all NULL if the lesson is new */
	Video		new;
} Binding;

static const LibraryQuery write_videos = {
	WRITE_VIDEOS_SQL("%1$s.lessons AS l", "l.id = ANY ($1)"),
	1, {UUIDARRAYOID}
};

/* The video of lesson $1, whose row says the rest. */
static const LibraryQuery video_of_lesson = {
	"SELECT v.mux_asset_id, v.mux_playback_id, v.mux_status, v.duration_seconds, v.is_known"
	"  FROM %1$s.content_library_mux_video($1, $2, $3, $4, $5) AS v",
	5, {UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT4OID}
};

/* Adds a binding of lesson $1.  If $6 is true, only as its first one. */
static const LibraryQuery add_binding = {
	"INSERT INTO %1$s.mux_bindings"
	"       (lesson_id, number, upload_id, asset_id, playback_id, duration_seconds)"
	" SELECT $1, COALESCE(max(b.number), 0) + 1, $2, $3, $4, $5"
	"   FROM %1$s.mux_bindings AS b"
	"  WHERE b.lesson_id = $1"
	" HAVING NOT ($6 AND count(*) > 0)",
	6, {UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, BOOLOID}
};

static const LibraryQuery forget_bindings = {
	"DELETE FROM %1$s.mux_bindings AS b WHERE b.lesson_id = $1",
	1, {UUIDOID}
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
void
mux_look_up_by_key(void)
{
	set_until_caller("enable_seqscan", "off");
}

/* Writes the videos of lessons, an array of ids; returns how many have changed. */
uint64
mux_write_videos(const Call *call, Datum lesson_ids)
{
	return query_execute(&call->library, &write_videos, &lesson_ids, NULL, false);
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
	mux_look_up_by_key();
	if (query_execute(&call.library, &bind_upload, values, NULL, false) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("lesson \"%s\" does not exist", uuid_text(lesson_id))));
	row = SPI_datumTransfer(result_value(0, 1, call_row_type(&call)), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

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

/* Reads what a row says of its video. */
static Video
read_row(HeapTuple row, Relation lessons)
{
	Video		video;
	Datum		value;
	bool		isnull;

	for (int i = 0; i < VIDEO_COLUMNS; i++)
	{
		value = heap_getattr(row, result_column(lessons, video_columns[i].name, video_columns[i].type),
							 RelationGetDescr(lessons), &isnull);
		if (i != DURATION)
			video.texts[i] = isnull ? NULL : TextDatumGetCString(value);
		else
		{
			video.duration = isnull ? 0 : DatumGetInt32(value);
			video.has_duration = !isnull;
		}
	}
	return video;
}

/* Whether the statement writes another value into a column. */
static bool
is_changed(const Binding *binding, VideoColumn column)
{
	return !same_text(binding->old.texts[column], binding->new.texts[column]);
}

/* Whether the statement names an asset. */
static bool
names_asset(const Binding *binding)
{
	return is_changed(binding, ASSET) && binding->new.texts[ASSET] != NULL;
}

/* Whether it also says how that asset stands. */
static bool
is_given(const Binding *binding)
{
	return names_asset(binding) && (is_changed(binding, STATUS) || is_changed(binding, PLAYBACK));
}

static bool
is_ready(const Video *video)
{
	return same_text(video->texts[STATUS], "ready");
}

/* Whether the row has a video that can be played. */
static bool
is_on_air(const Video *video)
{
	return is_ready(video) && video->texts[PLAYBACK] != NULL;
}

/* An argument of a query: a text, or NULL. */
static void
set_text(Datum *value, char *null, const char *text)
{
	*null = text == NULL ? 'n' : ' ';
	if (text != NULL)
		*value = CStringGetTextDatum(text);
}

/* The first five arguments of video_of_lesson and add_binding. */
static void
set_args(Datum *values, char *nulls, Datum lesson_id, const Video *video)
{
	bool		on_air = is_on_air(video);

	values[0] = lesson_id;
	nulls[0] = ' ';
	set_text(&values[1], &nulls[1], video->texts[UPLOAD]);
	set_text(&values[2], &nulls[2], video->texts[ASSET]);
	set_text(&values[3], &nulls[3], on_air ? video->texts[PLAYBACK] : NULL);
	values[4] = Int32GetDatum(video->duration);
	nulls[4] = on_air && video->has_duration ? ' ' : 'n';
}

/* Reads the video that the lesson should have; false if nothing is known of it. */
static bool
read_video(const Binding *binding, const Video *row, Video *video)
{
	Datum		values[5];
	char		nulls[5];
	Datum		value;
	bool		isnull;

	set_args(values, nulls, binding->lesson_id, row);
	if (query_execute(&binding->call->library, &video_of_lesson, values, nulls, false) == 0)
		elog(ERROR, "content_library_mux_video() returned no row");
	*video = *row;
	for (int i = ASSET; i < DURATION; i++)
	{
		value = result_nullable(0, i, TEXTOID, &isnull);
		video->texts[i] = isnull ? NULL : TextDatumGetCString(value);
	}
	video->duration = DatumGetInt32(result_nullable(0, DURATION, INT4OID, &isnull));
	video->has_duration = !isnull;
	return result_bool(0, VIDEO_COLUMNS);
}

/*
 * Whether this is no binding: mux_apply_event() writes the video that the lesson should
 * have.  Then the asset in it may be one that has named the lesson.
 */
static bool
is_our_own(const Binding *binding)
{
	const Video *new = &binding->new;
	Video		video;

	if (is_changed(binding, UPLOAD))
		return false;
	read_video(binding, &binding->old, &video);
	for (int i = UPLOAD; i < DURATION; i++)
		if (!same_text(video.texts[i], new->texts[i]))
			return false;
	return video.has_duration == new->has_duration &&
		(!new->has_duration || video.duration == new->duration);
}

static void
insert_binding(const Binding *binding, const Video *video, bool only_as_first)
{
	Datum		values[6];
	char		nulls[6];

	set_args(values, nulls, binding->lesson_id, video);
	values[5] = BoolGetDatum(only_as_first);
	nulls[5] = ' ';
	query_execute(&binding->call->library, &add_binding, values, nulls, false);
}

/* Whether the row names or has a video. */
static bool
has_video(const Video *video)
{
	return video->texts[UPLOAD] != NULL || video->texts[ASSET] != NULL || is_on_air(video);
}

/*
 * Notes what the lesson is bound to.  A lesson that loses its upload, and is not given
 * another asset, has no video any more.  Of the columns only those count that the
 * statement writes: the others tell of the video before.
 */
static void
note_binding(Binding *binding)
{
	Video	   *new = &binding->new;
	Video		named = *new;
	bool		is_named = names_asset(binding);

	if (new->texts[UPLOAD] == NULL && !is_named)
	{
		query_execute(&binding->call->library, &forget_bindings, &binding->lesson_id, NULL, false);
		memset(new->texts, 0, sizeof(new->texts));
		new->has_duration = false;
		return;
	}
	if (has_video(&binding->old))
		insert_binding(binding, &binding->old, true);
	if (!is_named)
		named.texts[ASSET] = NULL;
	if (!is_named || !is_changed(binding, PLAYBACK))
		named.texts[PLAYBACK] = NULL;
	insert_binding(binding, &named, false);
}

/* Locks what the lesson is bound to before events are read, so that none comes in between. */
static void
lock_video(const Binding *binding, bool is_new)
{
	const char *upload = binding->new.texts[UPLOAD];
	const char *asset = binding->new.texts[ASSET];

	if (!is_new || upload != NULL || asset != NULL)
		mux_require_read_committed();
	if (upload != NULL)
		mux_lock_for_binding(MUX_UPLOAD, cstring_to_text(upload));
	if (names_asset(binding))
		mux_lock_for_binding(MUX_ASSET, cstring_to_text(asset));
	/* An asset may name a lesson that is not there yet. */
	if (is_new)
		mux_lock_new_lesson(cstring_to_text(uuid_text(binding->lesson_id)));
}

/* The row with another video. */
static HeapTuple
with_video(const TriggerData *trigger, HeapTuple row, const Video *video)
{
	Datum		values[VIDEO_COLUMNS];
	char		nulls[VIDEO_COLUMNS];
	int			columns[VIDEO_COLUMNS];

	for (int i = ASSET; i < VIDEO_COLUMNS; i++)
	{
		columns[i] = result_column(trigger->tg_relation, video_columns[i].name, video_columns[i].type);
		if (i != DURATION)
			set_text(&values[i], &nulls[i], video->texts[i]);
	}
	values[DURATION] = Int32GetDatum(video->duration);
	nulls[DURATION] = video->has_duration ? ' ' : 'n';
	return SPI_modifytuple(trigger->tg_relation, row, VIDEO_COLUMNS - ASSET,
						   columns + ASSET, values + ASSET, nulls + ASSET);
}

PG_FUNCTION_INFO_V1(content_library_mux_bind);

/*
 * The trigger.  It runs before the row is written, so it can change the row.  If nothing is
 * known, a new row stays as it is, and so does one that is given another video.
 */
Datum
content_library_mux_bind(PG_FUNCTION_ARGS)
{
	HeapTuple	lesson = bound_lesson(fcinfo);
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	lessons = trigger->tg_relation;
	bool		is_new = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	Binding		binding = {.new = read_row(lesson, lessons)};
	Video		video;
	bool		stays;
	bool		no_id;
	Call		call;

	binding.lesson_id = heap_getattr(lesson, result_column(lessons, "id", UUIDOID),
									 RelationGetDescr(lessons), &no_id);
	if (no_id)
		return PointerGetDatum(lesson); /* the primary key will refuse it */
	if (!is_new)
		binding.old = read_row(trigger->tg_trigtuple, lessons);
	binding.call = &call;
	call_begin(&call, fcinfo);
	mux_look_up_by_key();
	if (is_new || !is_our_own(&binding))
	{
		stays = is_new || is_given(&binding);
		lock_video(&binding, is_new);
		if (!is_new)
			note_binding(&binding);
		if (read_video(&binding, &binding.new, &video) || !stays)
			lesson = with_video(trigger, lesson, &video);
	}
	call_end(&call);

	return PointerGetDatum(lesson);
}
