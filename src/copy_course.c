/* copy_course.c: copy_course(), which copies a course with its modules, lessons and rules. */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "completion.h"
#include "course.h"
#include "mux_lock.h"
#include "result.h"
#include "staff.h"

/*
 * New ids for rows.  They have the order of the old ones, because ids decide between rows of
 * the same sort_order and created_at.
 */
#define COPIES_SQL(rows) \
	"SELECT o.id, n.copy" \
	"  FROM (SELECT x.id, row_number() OVER (ORDER BY x.id) AS place FROM " rows ") AS o" \
	"  JOIN (SELECT r.copy, row_number() OVER (ORDER BY r.copy) AS place" \
	"          FROM (SELECT gen_random_uuid() AS copy FROM " rows ") AS r) AS n" \
	"    ON n.place = o.place"

/*
 * Copies course $1 under the slug $2 and the title $3, if that is not NULL.  User $4, if not
 * NULL, becomes its editor: else the copy would be out of reach for who copies.  It is one
 * statement, so that it copies the course as it is at one moment.  No row if the slug is
 * taken: then c is empty, and nothing else is copied.
 */
static const LibraryQuery copy = {
	"WITH c AS ("
	"  INSERT INTO %1$s.courses AS n"
	"         (title, description, slug, thumbnail_url, stage, topic, tier_required,"
	"          is_published, sort_order, completion_threshold, metadata, is_open,"
	"          is_sequential, access_period, progress_by, certificate_valid_for)"
	"  SELECT COALESCE($3, o.title), o.description, $2, o.thumbnail_url, o.stage, o.topic,"
	"         o.tier_required, false, o.sort_order, o.completion_threshold, o.metadata,"
	"         o.is_open, o.is_sequential, o.access_period, o.progress_by,"
	"         o.certificate_valid_for"
	"    FROM %1$s.courses AS o"
	"   WHERE o.id = $1"
	"  ON CONFLICT (slug) DO NOTHING"
	"  RETURNING n.id),"
	" prerequisites AS ("
	"  INSERT INTO %1$s.course_prerequisites (course_id, required_course_id)"
	"  SELECT c.id, o.required_course_id"
	"    FROM c"
	"    JOIN %1$s.course_prerequisites AS o ON o.course_id = $1),"
	" staff AS ("
	"  INSERT INTO %1$s.course_staff (course_id, user_id, role)"
	"  SELECT c.id, $4, 'editor' FROM c WHERE $4 IS NOT NULL),"
	" module_copies AS ("
	COPIES_SQL("c JOIN %1$s.modules AS x ON x.course_id = $1") "),"
	" lesson_copies AS ("
	COPIES_SQL("module_copies AS k JOIN %1$s.lessons AS x ON x.module_id = k.id") "),"
	" modules AS ("
	"  INSERT INTO %1$s.modules"
	"         (id, course_id, title, description, sort_order, created_at, metadata,"
	"          unlock_at, unlock_after)"
	"  SELECT k.copy, c.id, o.title, o.description, o.sort_order, o.created_at, o.metadata,"
	"         o.unlock_at, o.unlock_after"
	"    FROM c"
	"   CROSS JOIN module_copies AS k"
	"    JOIN %1$s.modules AS o ON o.id = k.id),"
	" lessons AS ("
	"  INSERT INTO %1$s.lessons"
	"         (id, module_id, title, description, sort_order, duration_seconds,"
	"          mux_upload_id, mux_asset_id, mux_playback_id, mux_status, is_preview,"
	"          created_at, completion_threshold, is_required, metadata, is_published,"
	"          unlock_at, unlock_after, progress_by)"
	"  SELECT k.copy, m.copy, o.title, o.description, o.sort_order, o.duration_seconds,"
	"         o.mux_upload_id, o.mux_asset_id, o.mux_playback_id, o.mux_status, o.is_preview,"
	"         o.created_at, o.completion_threshold, o.is_required, o.metadata, o.is_published,"
	"         o.unlock_at, o.unlock_after, o.progress_by"
	"    FROM lesson_copies AS k"
	"    JOIN %1$s.lessons AS o ON o.id = k.id"
	"    JOIN module_copies AS m ON m.id = o.module_id),"
	" bindings AS ("
	"  INSERT INTO %1$s.mux_bindings"
	"         (lesson_id, number, upload_id, asset_id, playback_id, duration_seconds)"
	"  SELECT k.copy, o.number, o.upload_id, o.asset_id, o.playback_id, o.duration_seconds"
	"    FROM lesson_copies AS k"
	"    JOIN %1$s.mux_bindings AS o ON o.lesson_id = k.id)"
	" SELECT c.id FROM c",
	4, {UUIDOID, TEXTOID, TEXTOID, UUIDOID}
};

/* What the lessons of course $1 are bound to: the id of each, and whether it is an upload. */
static const LibraryQuery videos_of_course = {
	"SELECT DISTINCT v.id, v.is_upload"
	"  FROM %1$s.modules AS m"
	"  JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"  LEFT JOIN %1$s.mux_bindings AS b ON b.lesson_id = l.id"
	" CROSS JOIN LATERAL (VALUES (l.mux_upload_id, true), (l.mux_asset_id, false),"
	"                           (b.upload_id, true), (b.asset_id, false)) AS v (id, is_upload)"
	" WHERE m.course_id = $1 AND v.id IS NOT NULL",
	1, {UUIDOID}
};

/*
 * Gives the lessons of course $1 their videos, where they have others.  A lesson that
 * nothing is known of keeps what its own columns say.
 */
static const LibraryQuery read_videos = {
	WRITE_VIDEOS_SQL("%1$s.modules AS m JOIN %1$s.lessons AS l ON l.module_id = m.id",
					 "m.course_id = $1 AND (v.is_known OR l.mux_status = 'ready')"),
	1, {UUIDOID}
};

/* The row as the function returns it. */
static const LibraryQuery course_row = {
	"SELECT c FROM %1$s.courses AS c WHERE c.id = $1",
	1, {UUIDOID}
};

/* The slug of the copy, which may not be empty. */
static Datum
slug_arg(FunctionCallInfo fcinfo)
{
	Datum		slug = required_arg(fcinfo, 1, "slug");

	if (VARSIZE_ANY_EXHDR(DatumGetTextPP(slug)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("slug is empty")));
	return slug;
}

static void
slug_taken(Datum slug)
{
	text	   *name = DatumGetTextPP(slug);

	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("a course with the slug \"%s\" exists already",
					quotable(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name))),
			 errhint("Choose another slug.")));
}

/*
 * An event of a video can have changed the lessons of the course, but not yet their
 * copies.  So the videos are read again, after they are locked.
 */
static void
follow_events(const Call *call, Datum course_id)
{
	uint64		videos = query_execute(&call->library, &videos_of_course, &course_id, NULL, false);

	if (videos == 0)
		return;
	mux_require_read_committed();
	for (uint64 i = 0; i < videos; i++)
		mux_lock_for_binding(result_bool(i, 2) ? MUX_UPLOAD : MUX_ASSET,
							 DatumGetTextPP(result_value(i, 1, TEXTOID)));
	query_execute(&call->library, &read_videos, &course_id, NULL, false);
}

/* The copied row as it now stands.  It outlives SPI. */
static Datum
copied_course(const Call *call, Datum course_id)
{
	query_execute(&call->library, &course_row, &course_id, NULL, false);
	return SPI_datumTransfer(result_value(0, 1, call_row_type(call)), false, -1);
}

PG_FUNCTION_INFO_V1(copy_course);

/* Nobody sees the copy before it is published, and nobody is enrolled in it. */
Datum
copy_course(PG_FUNCTION_ARGS)
{
	Datum		values[4] = {required_arg(fcinfo, 0, "course_id"), slug_arg(fcinfo), PG_GETARG_DATUM(2)};
	char		nulls[4] = {' ', ' ', PG_ARGISNULL(2) ? 'n' : ' '};
	Datum		course_id;
	Datum		row;
	Call		call;

	PreventCommandIfReadOnly("copy_course()");

	call_begin_as_staff(&call, fcinfo);
	require_staff(&call, values[0], STAFF_EDITOR);
	values[3] = call.signed_in;
	nulls[3] = call.is_operator ? 'n' : ' ';
	if (query_execute(&call.library, &lock_course, values, NULL, false) == 0)
		missing_course(values[0]);
	if (query_execute(&call.library, &copy, values, nulls, false) == 0)
		slug_taken(values[1]);
	course_id = result_value(0, 1, UUIDOID);
	follow_events(&call, course_id);
	row = copied_course(&call, course_id);
	call_end(&call);

	PG_RETURN_DATUM(row);
}
