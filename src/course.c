/* course.c: what a course page asks: its completion, its outline, the next lesson. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "caller.h"
#include "library.h"
#include "plans.h"

/*
 * The learner's progress p on lesson l, by its key: OFFSET 0 keeps the planner
 * from reading all that a learner has ever watched.
 */
#define PROGRESS_SQL \
	"  LEFT JOIN LATERAL (" \
	"    SELECT p.* FROM %1$s.content_progress AS p" \
	"     WHERE p.user_id OPERATOR(pg_catalog.=) $2" \
	"       AND p.lesson_id OPERATOR(pg_catalog.=) l.id OFFSET 0) AS p ON true"

/* The lessons l of course $1 with the learner's progress p, as there are now. */
#define COURSE_LESSONS_SQL \
	" %1$s.modules AS m" \
	"  JOIN %1$s.lessons AS l ON l.module_id OPERATOR(pg_catalog.=) m.id" \
	PROGRESS_SQL \
	" WHERE m.course_id OPERATOR(pg_catalog.=) c.id"

#define COURSE_ORDER_SQL \
	" ORDER BY m.sort_order, m.created_at, m.id, l.sort_order, l.created_at, l.id"

/* No row, in each of them: the caller sees no such course. */

static const LibraryQuery completion = {
	"SELECT (SELECT %1$s.content_library_percentage("
	"                 pg_catalog.count(*) FILTER (WHERE p.completed), pg_catalog.count(*))"
	"          FROM " COURSE_LESSONS_SQL " AND l.is_required)"
	"  FROM %1$s.courses AS c"
	" WHERE c.id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery next_unfinished = {
	"SELECT (SELECT l.id::pg_catalog.uuid"
	"          FROM " COURSE_LESSONS_SQL
	"           AND l.is_required AND p.completed IS NOT TRUE"
	COURSE_ORDER_SQL " LIMIT 1)"
	"  FROM %1$s.courses AS c"
	" WHERE c.id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

/* Its form: docs/course_outline.schema.json. */
static const LibraryQuery outline = {
	"SELECT pg_catalog.jsonb_build_object("
	"         'id', c.id, 'title', c.title, 'description', c.description, 'slug', c.slug,"
	"         'thumbnail_url', c.thumbnail_url, 'stage', c.stage, 'topic', c.topic,"
	"         'tier_required', c.tier_required, 'metadata', c.metadata,"
	"         'enrolled', e.id IS NOT NULL, 'completed_at', e.completed_at,"
	"         'required_lessons', s.required, 'completed_lessons', s.completed,"
	"         'completion', %1$s.content_library_percentage(s.completed, s.required),"
	"         'modules', COALESCE(s.modules, '[]'))"
	"  FROM %1$s.courses AS c"
	"  LEFT JOIN %1$s.enrollments AS e"
	"    ON e.user_id OPERATOR(pg_catalog.=) $2"
	"   AND e.course_id OPERATOR(pg_catalog.=) c.id"
	" CROSS JOIN LATERAL ("
	"   SELECT COALESCE(pg_catalog.sum(t.required), 0)::pg_catalog.int8 AS required,"
	"          COALESCE(pg_catalog.sum(t.completed), 0)::pg_catalog.int8 AS completed,"
	"          pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
	"            'id', m.id, 'title', m.title, 'description', m.description,"
	"            'metadata', m.metadata, 'lessons', COALESCE(t.lessons, '[]'))"
	"            ORDER BY m.sort_order, m.created_at, m.id) AS modules"
	"     FROM %1$s.modules AS m"
	"    CROSS JOIN LATERAL ("
	"      SELECT pg_catalog.count(*) FILTER (WHERE l.is_required) AS required,"
	"             pg_catalog.count(*) FILTER (WHERE l.is_required AND p.completed) AS completed,"
	"             pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
	"               'id', l.id, 'title', l.title, 'description', l.description,"
	"               'duration_seconds', l.duration_seconds, 'metadata', l.metadata,"
	"               'is_required', l.is_required, 'is_preview', l.is_preview,"
	"               'mux_status', l.mux_status,"
	"               'mux_playback_id', CASE WHEN l.is_preview OR e.id IS NOT NULL"
	"                                       THEN l.mux_playback_id END,"
	"               'status', CASE WHEN p.id IS NULL THEN 'not_started'"
	"                              WHEN p.completed THEN 'completed'"
	"                              ELSE 'in_progress' END,"
	"               'watched_pct', COALESCE(p.watched_pct, 0),"
	"               'position_seconds', p.position_seconds,"
	"               'completed_at', p.completed_at)"
	"               ORDER BY l.sort_order, l.created_at, l.id) AS lessons"
	"        FROM %1$s.lessons AS l"
	PROGRESS_SQL
	"       WHERE l.module_id OPERATOR(pg_catalog.=) m.id) AS t"
	"    WHERE m.course_id OPERATOR(pg_catalog.=) c.id) AS s"
	" WHERE c.id OPERATOR(pg_catalog.=) $1",
	2, {UUIDOID, UUIDOID}
};

/* Answers a question about course and learner, the first two arguments, by a query. */
static Datum
answer(FunctionCallInfo fcinfo, const LibraryQuery *query, bool byval, int len)
{
	Datum		values[2];
	Datum		result;
	Call		call;

	values[0] = required_arg(fcinfo, 0, "course_id");
	call_begin(&call, fcinfo, 1);
	values[1] = call.user_id;
	if (query_execute(query, call.schema, values, NULL, true) == 0)
		missing_course(values[0]);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &fcinfo->isnull);
	if (!fcinfo->isnull)
		result = SPI_datumTransfer(result, byval, len);
	call_end(&call);
	return result;
}

PG_FUNCTION_INFO_V1(course_completion);

Datum
course_completion(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, &completion, true, sizeof(int32));
}

PG_FUNCTION_INFO_V1(next_lesson);

Datum
next_lesson(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, &next_unfinished, false, UUID_LEN);
}

PG_FUNCTION_INFO_V1(course_outline);

Datum
course_outline(PG_FUNCTION_ARGS)
{
	return answer(fcinfo, &outline, false, -1);
}
