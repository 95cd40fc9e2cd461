/* mux_playback.c: who may play a lesson's video, and by which of its playback ids. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "course.h"
#include "result.h"
#include "staff.h"

/*
 * The claims of a token; NULL while the video is not ready.  No row if the lesson does not
 * exist.  Nobody ($1 is NULL) is enrolled nowhere.
 */
static const LibraryQuery claims = {
	"SELECT CASE WHEN l.mux_status = 'ready'"
	"                 AND l.mux_playback_id IS NOT NULL"
	"            THEN jsonb_build_object("
	"                   'sub', l.mux_playback_id, 'aud', $5, 'exp', $3) END,"
	" " REFUSAL_SQL(NO_ACCESS_SQL("$4"), "p.id IS NOT NULL", EARLIER_IS_OPEN_SQL("$1")) ","
	"       l.mux_status, c.id, " UNLOCKS_AT_SQL ", l.is_published AND c.is_published"
	"  FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	ENROLLMENT_SQL("$1")
	PROGRESS_BY_KEY_SQL("$1", "l.id")
	" WHERE l.id = $2",
	5, {UUIDOID, UUIDOID, INT8OID, BOOLOID, TEXTOID}
};

/* When a token that is made now expires, in whole seconds since 1970, as a JWT has it. */
static int64
expiry(Datum ttl)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz until = DatumGetTimestampTz(
		DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now), ttl));

	if (until <= now || TIMESTAMP_NOT_FINITE(until))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ttl %s is not a time to live",
						DatumGetCString(DirectFunctionCall1(interval_out, ttl))),
				 errhint("It must be positive and finite.")));
	return until / USECS_PER_SEC +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
}

/* What the token is for, in Mux's letters: video, thumbnail, storyboard or gif. */
static Datum
audience_arg(FunctionCallInfo fcinfo)
{
	Datum		audience = required_arg(fcinfo, 3, "audience");
	text	   *letter = DatumGetTextPP(audience);

	if (VARSIZE_ANY_EXHDR(letter) != 1 || strchr("vtsg", *VARDATA_ANY(letter)) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("audience \"%s\" is unknown",
						quotable(VARDATA_ANY(letter), VARSIZE_ANY_EXHDR(letter))),
				 errhint("It is v for the video, t for a thumbnail, s for a storyboard or g for a gif.")));
	return audience;
}

/*
 * Refuses a learner who may not watch (rule R8), and nobody where it is no preview.  The staff
 * of the course may watch all of it, drafts too.
 */
static void
require_may_watch(const Call *call, Datum lesson_id, Datum course_id)
{
	bool		is_published = result_bool(0, 6);
	bool		may_watch;
	bool		no_date;
	Datum		refusal = result_nullable(0, 2, TEXTOID, &may_watch);
	Datum		unlocks_at = result_nullable(0, 5, TIMESTAMPTZOID, &no_date);

	if ((is_published && may_watch) || is_staff(call, course_id, STAFF_VIEWER))
		return;
	if (!is_published)
		missing_lesson("", lesson_id);
	if (call->user_id == (Datum) 0)
		refuse_nobody();
	refuse_lesson("", call->user_id, lesson_id, TextDatumGetCString(refusal),
				  no_date ? 0 : DatumGetTimestampTz(unlocks_at));
}

PG_FUNCTION_INFO_V1(mux_playback_claims);

/* The private key never comes into the database: the application signs these claims. */
Datum
mux_playback_claims(PG_FUNCTION_ARGS)
{
	Datum		lesson_id = required_arg(fcinfo, 0, "lesson_id");
	Datum		values[5];
	char		nulls[] = {' ', ' ', ' ', ' ', ' '};
	Datum		course_id;
	Datum		result;
	bool		not_ready;
	Call		call;

	values[1] = lesson_id;
	values[2] = Int64GetDatum(expiry(required_arg(fcinfo, 1, "ttl")));
	values[4] = audience_arg(fcinfo);
	call_begin_as_user_or_nobody(&call, fcinfo, 2);
	values[0] = call.user_id;
	nulls[0] = call.user_id == (Datum) 0 ? 'n' : ' ';
	values[3] = BoolGetDatum(call.named);
	if (query_execute(&call.library, &claims, values, nulls, true) == 0)
		missing_lesson("", lesson_id);
	course_id = result_value(0, 4, UUIDOID);
	if (!sees_course(&call, course_id))
		missing_lesson("", lesson_id);
	/* A user who may not watch gets this error even if the video is not ready. */
	require_may_watch(&call, lesson_id, course_id);
	result = result_nullable(0, 1, JSONBOID, &not_ready);
	if (not_ready)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("lesson \"%s\" has no video to play", uuid_text(lesson_id)),
				 errdetail("Its mux_status is \"%s\".",
						   TextDatumGetCString(result_value(0, 3, TEXTOID))),
				 errhint("Ask again when Mux has said that its asset is ready.")));
	result = SPI_datumTransfer(result, false, -1);
	call_end(&call);
	return result;
}

PG_FUNCTION_INFO_V1(content_library_mux_policies);

Datum
content_library_mux_policies(PG_FUNCTION_ARGS)
{
	List	   *policies = library_mux_policies(library_mux_playback_policies);
	Datum	   *elements = palloc(sizeof(Datum) * list_length(policies));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, policies)
		elements[count++] = CStringGetTextDatum(lfirst(cell));
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}
