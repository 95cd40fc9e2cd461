/* rules.h: the rules in SQL, and the order of courses, each once for C and the SQL edition. */
#ifndef CONTENT_LIBRARY_RULES_H
#define CONTENT_LIBRARY_RULES_H

/*
 * supabase/generate pastes these into the SQL edition, where one is written as in C:
 * @NAME("argument", ...)@.  An argument is a piece of SQL.  The aliases are the same
 * everywhere: l is a lesson, m its module, c its course, e the learner's enrollment in it,
 * and p the learner's progress on it.  e and p are rows of NULLs if there are none.
 */

/* How lessons, modules and courses are joined. */
#define COURSE_OF_LESSON_SQL \
	"  JOIN %1$s.modules AS m ON m.id = l.module_id" \
	"  JOIN %1$s.courses AS c ON c.id = m.course_id"

#define ENROLLMENT_SQL(user_id) \
	"  LEFT JOIN %1$s.enrollments AS e ON e.user_id = " user_id " AND e.course_id = c.id"

/*
 * The progress p of a learner on a lesson, looked up by its key.  OFFSET 0 keeps the
 * planner from reading all that a learner has ever watched.  A row whose watched_pct is
 * negative or NULL counts as not there, as in direct_progress.c.
 */
#define PROGRESS_BY_KEY_SQL(user_id, lesson_id) \
	"  LEFT JOIN LATERAL (" \
	"    SELECT p.* FROM %1$s.content_progress AS p" \
	"     WHERE p.user_id = " user_id \
	"       AND p.lesson_id = " lesson_id \
	"       AND p.watched_pct >= 0 OFFSET 0) AS p ON true"

/* The order of the lessons in a course.  Ids decide between equals, so it is always the same. */
#define LESSON_PLACE_SQL(m, l) \
	m ".sort_order, " m ".created_at, " m ".id, " l ".sort_order, " l ".created_at, " l ".id"

/*
 * R1, R2: how a report advances the row p.  It compares with the row again, because another
 * report may have changed it since it was read.  Of two reports with the same time the
 * furthest position counts, so the order in which they come does not matter.
 */
#define ADVANCE_SQL(pct, at, position) \
	" SET watched_pct = GREATEST(p.watched_pct, " pct ")," \
	"     last_watched = GREATEST(p.last_watched, " at ")," \
	"     position_seconds = CASE" \
	"       WHEN " at " > p.last_watched THEN COALESCE(" position ", p.position_seconds)" \
	"       WHEN " at " < p.last_watched THEN COALESCE(p.position_seconds, " position ")" \
	"       ELSE GREATEST(p.position_seconds, " position ") END"

/*
 * R2, R3: what a report that reaches the threshold changes besides.  A lesson is dated by
 * the earliest report that reached it.  A lesson that was completed without a date keeps none.
 */
#define COMPLETE_SQL(pct, at, threshold) \
	", completed = p.completed OR GREATEST(p.watched_pct, " pct ") >= " threshold "," \
	"  completed_at = CASE" \
	"    WHEN p.completed AND p.completed_at IS NULL THEN NULL" \
	"    WHEN " pct " >= " threshold " THEN LEAST(p.completed_at, " at ")" \
	"    WHEN NOT p.completed AND p.watched_pct >= " threshold " THEN LEAST(p.completed_at, " at ")" \
	"    ELSE p.completed_at END"

/* Where to resume: never past the end of the video, which may have become shorter. */
#define POSITION_SQL \
	"CASE WHEN p.position_seconds > l.duration_seconds THEN l.duration_seconds" \
	"     ELSE p.position_seconds END"

/* R3: the threshold of lesson l: its own, else its course's, else the setting. */
#define THRESHOLD_OF_SQL(of_course, setting) \
	"COALESCE(l.completion_threshold, " of_course ", " setting ")"

/* The same where the course is not joined.  Look-ups start faster than joins. */
#define THRESHOLD_SQL(setting) \
	THRESHOLD_OF_SQL( \
		"(SELECT c.completion_threshold" \
		"   FROM %1$s.courses AS c" \
		"  WHERE c.id = (SELECT m.course_id" \
		"                  FROM %1$s.modules AS m" \
		"                 WHERE m.id = l.module_id))", setting)

/* R13: the first report of a row starts its clock. */
#define START_SQL(now) ", started_at = COALESCE(p.started_at, " now ")"

/* R13: the length of the video of lesson l in seconds; NULL if it is not known. */
#define DURATION_SQL "CASE WHEN l.duration_seconds > 0 THEN l.duration_seconds END"

/*
 * R13: what moves the progress of lesson l in course c.  A lesson that has no video to watch
 * takes reports.
 */
#define PROGRESS_BY_SQL \
	"CASE WHEN COALESCE(l.progress_by, c.progress_by) = 'watch'" \
	"      AND l.mux_upload_id IS NULL AND l.mux_asset_id IS NULL" \
	"      AND l.duration_seconds > 0 IS NOT TRUE THEN 'report'" \
	"     ELSE COALESCE(l.progress_by, c.progress_by) END"

/* R13: whether an editor reports on lesson l for a learner, who must be enrolled. */
#define FOR_EDITOR_SQL(editor, user_id) \
	"(" PROGRESS_BY_SQL " = 'server'" \
	" AND EXISTS (SELECT FROM %1$s.course_staff AS s" \
	"              WHERE s.user_id = " editor " AND s.course_id = c.id AND s.role = 'editor')" \
	" AND EXISTS (SELECT FROM %1$s.enrollments AS e" \
	"              WHERE e.user_id = " user_id " AND e.course_id = c.id))"

/* R4, R6: whether a lesson counts for the percentage of its course. */
#define COUNTS_SQL(l) "(" l ".is_required AND " l ".is_published)"

/* The lessons of a course, and those that count; NULL if there are none. */
#define LESSON_IDS_SQL(course_id) \
	"SELECT array_agg(l.id), array_agg(l.id) FILTER (WHERE " COUNTS_SQL("l") ")" \
	"  FROM %1$s.modules AS m" \
	"  JOIN %1$s.lessons AS l ON l.module_id = m.id" \
	" WHERE m.course_id = " course_id

/* How many required lessons the learner of e has completed, and when one was last watched. */
#define DONE_BY_LEARNER_SQL(ids, required_ids) \
	"(SELECT count(*) FILTER (WHERE p.completed AND p.lesson_id = ANY (" required_ids ")) AS completed," \
	"        max(p.last_watched) AS last_watched" \
	"   FROM %1$s.content_progress AS p" \
	"  WHERE p.user_id = e.user_id AND p.lesson_id = ANY (" ids ") AND p.watched_pct >= 0)"

/*
 * How far the learners are with each lesson.  Only who is enrolled counts: not who has left, or
 * has watched a preview.  The progress of all lessons is read together, so a page of the table is
 * read once and not for each of them.
 */
#define LESSON_REPORT_SQL(course_id, ids) \
	"SELECT l.id, m.id, l.title, l.is_required," \
	"       COALESCE(s.started, 0), COALESCE(s.completed, 0), s.average_pct" \
	"  FROM %1$s.modules AS m" \
	"  JOIN %1$s.lessons AS l ON l.module_id = m.id" \
	"  LEFT JOIN (" \
	"    SELECT p.lesson_id," \
	"           count(*)::int4 AS started," \
	"           count(*) FILTER (WHERE p.completed)::int4 AS completed," \
	"           round(avg(p.watched_pct), 1) AS average_pct" \
	"      FROM %1$s.content_progress AS p" \
	"      JOIN %1$s.enrollments AS e ON e.course_id = " course_id " AND e.user_id = p.user_id" \
	"     WHERE p.lesson_id = ANY (" ids ")" \
	"     GROUP BY p.lesson_id) AS s ON s.lesson_id = l.id" \
	" WHERE m.course_id = " course_id \
	" ORDER BY " LESSON_PLACE_SQL("m", "l")

/* How many learners a course has, and how many of them have completed it. */
#define SUMMARY_COUNTS_SQL(course_id) \
	"SELECT count(*) AS learners, count(e.completed_at) AS completed" \
	"  FROM %1$s.enrollments AS e" \
	" WHERE e.course_id = " course_id

/* The learners whom a summary looks at one by one, e. */
#define SUMMARY_LEARNERS_SQL(course_id) \
	"SELECT e.user_id FROM %1$s.enrollments AS e" \
	" WHERE e.course_id = " course_id \
	" ORDER BY uuid_hash(e.user_id), e.user_id LIMIT 500"

/*
 * The summary of a course.  Who is enrolled, and who has completed the course, is counted in
 * an index alone.  When a learner was active, and how far the learner has got, is only in the
 * rows of progress.  A large course has too many of those, so a sample is asked: the first in
 * the order of a hash, which has nothing to do with what they do.  They are the same each
 * time, so that the answer changes only if the course does.  A week is of 168 hours, because
 * a day of a time zone may have 23 or 25.
 */
#define COURSE_SUMMARY_OF_SQL(course_id, counts, sample) \
	"SELECT n.learners::int4," \
	"       COALESCE(round(s.active_7_days::numeric * n.learners / NULLIF(s.learners, 0)), 0)::int4," \
	"       COALESCE(round(s.active_30_days::numeric * n.learners / NULLIF(s.learners, 0)), 0)::int4," \
	"       n.completed::int4, s.average_completion," \
	"       ARRAY(SELECT (SELECT count(*) FROM %1$s.enrollments AS e" \
	"                      WHERE e.course_id = " course_id \
	"                        AND e.completed_at > now() - (w.ago + 1) * interval '168 hours'" \
	"                        AND e.completed_at <= CASE WHEN w.ago > 0 THEN now() - w.ago * interval '168 hours'" \
	"                                                   ELSE 'infinity' END)::int4" \
	"               FROM generate_series(0, 11) AS w (ago) ORDER BY w.ago DESC)," \
	"       s.learners::int4" \
	"  FROM (" counts ") AS n" \
	" CROSS JOIN (" sample ") AS s"

#define COURSE_SUMMARY_SQL(course_id, ids, required_ids, percentage) \
	COURSE_SUMMARY_OF_SQL(course_id, SUMMARY_COUNTS_SQL(course_id), \
		"SELECT count(*) AS learners," \
		"       count(*) FILTER (WHERE d.last_watched > now() - interval '168 hours') AS active_7_days," \
		"       count(*) FILTER (WHERE d.last_watched > now() - interval '720 hours') AS active_30_days," \
		"       round(avg(" percentage "), 1) AS average_completion" \
		"  FROM (" SUMMARY_LEARNERS_SQL(course_id) ") AS e" \
		" CROSS JOIN (SELECT cardinality(" required_ids ") AS required) AS n" \
		" CROSS JOIN LATERAL " DONE_BY_LEARNER_SQL(ids, required_ids) " AS d")

/* R8: until when an enrollment in course c gives access that is made now. */
#define EXPIRES_AT_SQL "now() + c.access_period"

/* R8: the rank of a tier: free < pro < studio.  A missing or unknown tier counts as free. */
#define TIER_RANK_SQL(tier) \
	"COALESCE(array_position('{free,pro,studio}'::text[], " tier "), 1)"

/*
 * R8: the caller's tier.  It comes from app_metadata, which only the server sets.  Users set
 * user_metadata themselves, so it must not open a course.
 */
#define CALLER_TIER_SQL \
	"(SELECT NULLIF(current_setting('request.jwt.claims', true), '')::jsonb" \
	"        #>> '{app_metadata,tier}')"

/* R8: whether the caller's tier suffices for course c. */
#define TIER_SUFFICES_SQL \
	"(c.tier_required = 'free'" \
	" OR " TIER_RANK_SQL(CALLER_TIER_SQL) " >= " TIER_RANK_SQL("c.tier_required") ")"

/* R12: when the lesson opens; NULL if no time is set. */
#define UNLOCKS_AT_SQL \
	"GREATEST(m.unlock_at, l.unlock_at," \
	"         e.enrolled_at + m.unlock_after, e.enrolled_at + l.unlock_after)"

/*
 * R12: whether a required lesson before lesson l is not completed by the learner.  About
 * watched_pct >= 0 see PROGRESS_BY_KEY_SQL.
 */
#define EARLIER_IS_OPEN_SQL(user_id) \
	"EXISTS (" \
	"  SELECT FROM %1$s.modules AS em" \
	"    JOIN %1$s.lessons AS el ON el.module_id = em.id" \
	"   WHERE em.course_id = c.id AND " COUNTS_SQL("el") \
	"     AND (" LESSON_PLACE_SQL("em", "el") ") < (" LESSON_PLACE_SQL("m", "l") ")" \
	"     AND NOT EXISTS (" \
	"       SELECT FROM %1$s.content_progress AS ep" \
	"        WHERE ep.user_id = " user_id " AND ep.lesson_id = el.id" \
	"          AND ep.completed AND ep.watched_pct >= 0))"

/* R12: the same as EARLIER_IS_OPEN_SQL, in a query that reads all lessons of the course. */
#define EARLIER_IN_LIST_SQL \
	"COALESCE(bool_or(" COUNTS_SQL("l") " AND p.completed IS NOT TRUE)" \
	"  OVER (ORDER BY " LESSON_PLACE_SQL("m", "l") \
	"        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false)"

/*
 * R8: why the learner has no access to course c, or NULL.  any_tier is whether the caller
 * needs no tier.
 */
#define NO_ACCESS_SQL(any_tier) \
	"CASE WHEN e.id IS NULL THEN 'not_enrolled'" \
	"     WHEN e.expires_at <= now() THEN 'expired'" \
	"     WHEN NOT (e.granted OR " any_tier " OR " TIER_SUFFICES_SQL ") THEN 'tier' END"

/*
 * R8, R12: why the learner may not watch lesson l, or NULL.  Whether lesson and course are
 * published, and whether the caller sees the course, is asked elsewhere.  no_access is the
 * value of NO_ACCESS_SQL, and earlier whether an earlier lesson is still to be completed.
 * The locks are not for who has begun the lesson or completed the course: a stricter rule
 * closes nothing again.
 */
#define REFUSAL_SQL(no_access, begun, earlier) \
	"CASE WHEN l.is_preview THEN NULL" \
	"     WHEN " no_access " IS NOT NULL THEN " no_access \
	"     WHEN " begun " OR e.completed_at IS NOT NULL THEN NULL" \
	"     WHEN " UNLOCKS_AT_SQL " > now() THEN 'date'" \
	"     WHEN c.is_sequential AND " earlier " THEN 'sequence' END"

/* R12: the courses that a learner must complete before course c, as a text; NULL if none is left. */
#define MISSING_PREREQUISITES_SQL(user_id) \
	"(SELECT string_agg(q.required_course_id::text, ', ' ORDER BY q.required_course_id)" \
	"   FROM %1$s.course_prerequisites AS q" \
	"  WHERE q.course_id = c.id" \
	"    AND NOT EXISTS (" \
	"      SELECT FROM %1$s.enrollments AS e" \
	"       WHERE e.user_id = " user_id " AND e.course_id = q.required_course_id" \
	"         AND e.completed_at IS NOT NULL))"

/* R10: the lessons of the course of enrollment e that must be completed. */
#define REQUIRED_LESSONS_SQL \
	" SELECT rl.id" \
	"   FROM %1$s.modules AS rm" \
	"   JOIN %1$s.lessons AS rl ON rl.module_id = rm.id" \
	"  WHERE rm.course_id = e.course_id AND " COUNTS_SQL("rl")

/*
 * R10: whether the learner of enrollment e has completed every required lesson, and there is
 * one.  The search usually ends early, at a lesson that is not completed.  OFFSET 0 makes
 * the planner read the lessons of the course first, and not search for them among all
 * lessons.  CASE asks the second question only if the first has said yes.
 */
#define ALL_COMPLETED_OF_SQL(required) \
	" CASE WHEN NOT EXISTS (" \
	"   SELECT FROM (" required " OFFSET 0) AS r" \
	PROGRESS_BY_KEY_SQL("e.user_id", "r.id") \
	"   WHERE p.completed IS NOT TRUE)" \
	" THEN EXISTS (" required ")" \
	" ELSE false END"

#define ALL_COMPLETED_SQL ALL_COMPLETED_OF_SQL(REQUIRED_LESSONS_SQL)

/*
 * R10: the date of a course that is completed: the latest of its required lessons.  A lesson
 * that the application itself has marked may have no date: then its last report counts.
 */
#define COMPLETED_AT_OF_SQL(required) \
	"(SELECT max(COALESCE(p.completed_at, p.last_watched))" \
	"   FROM (" required " OFFSET 0) AS r" \
	PROGRESS_BY_KEY_SQL("e.user_id", "r.id") ")"

#define COMPLETED_AT_SQL COMPLETED_AT_OF_SQL(REQUIRED_LESSONS_SQL)

/* The video that the row of lesson l should have; its last arguments are what the row says. */
#define VIDEO_OF_SQL \
	"%1$s.content_library_mux_video(" \
	"  l.id, l.mux_upload_id, l.mux_asset_id," \
	"  CASE WHEN l.mux_status = 'ready' THEN l.mux_playback_id END," \
	"  CASE WHEN l.mux_status = 'ready' THEN l.duration_seconds END)"

/*
 * Writes the videos of lessons, l.  It writes only where the video changes, so the number of
 * rows says whether anything did.
 */
#define WRITE_VIDEOS_SQL(lessons, which) \
	"UPDATE %1$s.lessons AS t" \
	"   SET mux_asset_id = s.mux_asset_id," \
	"       mux_playback_id = s.mux_playback_id," \
	"       mux_status = s.mux_status," \
	"       duration_seconds = s.duration_seconds" \
	"  FROM (SELECT l.id, v.*" \
	"          FROM " lessons \
	"         CROSS JOIN LATERAL " VIDEO_OF_SQL " AS v" \
	"         WHERE " which ") AS s" \
	" WHERE t.id = s.id" \
	"   AND (t.mux_asset_id, t.mux_playback_id, t.mux_status, t.duration_seconds)" \
	"       IS DISTINCT FROM (s.mux_asset_id, s.mux_playback_id, s.mux_status, s.duration_seconds)"

/* R10: the event of a completed enrollment e. */
#define COMPLETED_EVENT_SQL \
	"json_build_object(" \
	"  'event', 'course_completed', 'course_id', e.course_id," \
	"  'user_id', e.user_id, 'completed_at', e.completed_at)::text"

/*
 * The code of a certificate k as it is stored, from one as somebody types it: O is read as
 * 0, I and L as 1, and hyphens stand anywhere or nowhere.  The last letter of the first list
 * has no counterpart in the second, so it is left out.
 */
#define CERTIFICATE_CODE_SQL(typed) \
	"overlay(overlay(translate(" typed ", 'oOiIlLabcdefghjkmnpqrstvwxyz-', '001111ABCDEFGHJKMNPQRSTVWXYZ')" \
	"                PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 5 FOR 0)"

/*
 * A new code: 12 letters of Crockford's base32, of 5 bits each.  The server makes a uuid of
 * random bytes that nobody can guess.  Of the bytes that are used the lower 5 bits are such.
 */
#define NEW_CERTIFICATE_CODE_SQL \
	"(SELECT " CERTIFICATE_CODE_SQL( \
		"string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(r.bytes, n) & 31) + 1, 1), '')") \
	"   FROM (SELECT uuid_send(gen_random_uuid()) AS bytes OFFSET 0) AS r," \
	"        unnest('{0,1,2,3,4,5,10,11,12,13,14,15}'::int4[]) AS n)"

/*
 * Whether certificate k is of the completion that enrollment e has.  A late report may move
 * the date of a completion back, but only another completion has a later one.
 */
#define OF_COMPLETION_SQL \
	"k.user_id = e.user_id AND k.course_id = e.course_id" \
	" AND k.revoked_at IS NULL AND k.completed_at >= e.completed_at"

/* The certificate of a completion. */
#define ISSUED_CERTIFICATE_SQL(course_id, user_id) \
	"  FROM %1$s.enrollments AS e" \
	"  JOIN %1$s.certificates AS k ON " OF_COMPLETION_SQL \
	" WHERE e.user_id = " user_id " AND e.course_id = " course_id \
	" ORDER BY k.completed_at LIMIT 1"

/* Makes the certificate of a completion that has none. */
#define ISSUE_CERTIFICATE_SQL(course_id, user_id, learner_name, metadata) \
	"INSERT INTO %1$s.certificates" \
	"       (code, user_id, course_id, learner_name, course_title, completed_at," \
	"        expires_at, metadata)" \
	" SELECT " NEW_CERTIFICATE_CODE_SQL ", e.user_id, c.id, " learner_name ", c.title, e.completed_at," \
	"        e.completed_at + c.certificate_valid_for, " metadata \
	"   FROM %1$s.enrollments AS e" \
	"   JOIN %1$s.courses AS c ON c.id = e.course_id" \
	"  WHERE e.user_id = " user_id " AND e.course_id = " course_id \
	"    AND e.completed_at IS NOT NULL" \
	"    AND NOT EXISTS (SELECT FROM %1$s.certificates AS k WHERE " OF_COMPLETION_SQL ")" \
	" ON CONFLICT (user_id, course_id, completed_at) WHERE revoked_at IS NULL DO NOTHING"

/* Revokes a certificate that is not revoked yet. */
#define REVOKE_CERTIFICATE_SQL(code, reason) \
	"UPDATE %1$s.certificates AS k" \
	"   SET revoked_at = now(), revoked_reason = " reason \
	" WHERE k.code = " CERTIFICATE_CODE_SQL(code) " AND k.revoked_at IS NULL"

/* What anybody may know of a certificate whose code they have. */
#define VERIFY_CERTIFICATE_SQL(code) \
	"SELECT CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'" \
	"            WHEN k.expires_at <= now() THEN 'expired'" \
	"            ELSE 'valid' END," \
	"       k.learner_name, k.course_title, k.completed_at, k.issued_at, k.expires_at, k.revoked_at" \
	"  FROM %1$s.certificates AS k" \
	" WHERE k.code = " CERTIFICATE_CODE_SQL(code)

/* What is wrong with what a certificate is to be issued with; NULL if nothing is. */
#define CERTIFICATE_FAULT_SQL(learner_name, metadata) \
	"CASE WHEN " learner_name " !~ '[^[:space:]]' THEN 'learner_name is empty'" \
	"     WHEN length(" learner_name ") > 255 THEN 'learner_name is longer than 255 characters'" \
	"     WHEN jsonb_typeof(" metadata ") <> 'object' THEN 'metadata is not a JSON object' END"

/* Whether a JSON value is a Profile of Open Badges, as far as a credential needs it. */
#define IS_ISSUER_SQL(issuer) \
	"(jsonb_typeof(" issuer ") = 'object'" \
	" AND jsonb_typeof(" issuer " -> 'id') = 'string'" \
	" AND " issuer " ->> 'id' ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$'" \
	" AND (NOT " issuer " ? 'type'" \
	"      OR jsonb_typeof(" issuer " -> 'type') = 'array' AND " issuer " -> 'type' ? 'Profile'" \
	"         AND NOT jsonb_path_exists(" issuer ", '$.type[*] ? (@.type() != \"string\")')))"

/* A time as JSON Schema's date-time. */
#define DATE_TIME_SQL(at) \
	"to_char(" at " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/*
 * Certificate k as a credential of Open Badges 3.0 without a proof.  A course that is deleted
 * has no id any more, so then the certificate's stands for it.  A date-time has a year of
 * four digits, so what is later counts as for good.
 */
#define CREDENTIAL_SQL(issuer) \
	"jsonb_build_object(" \
	"  '@context', jsonb_build_array(" \
	"    'https://www.w3.org/ns/credentials/v2'," \
	"    'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json')," \
	"  'id', 'urn:uuid:' || k.id," \
	"  'type', jsonb_build_array('VerifiableCredential', 'OpenBadgeCredential')," \
	"  'name', k.course_title," \
	"  'issuer', jsonb_build_object('type', jsonb_build_array('Profile')) || " issuer "," \
	"  'validFrom', " DATE_TIME_SQL("k.issued_at") "," \
	"  'credentialSubject', jsonb_build_object(" \
	"    'type', jsonb_build_array('AchievementSubject')," \
	"    'identifier', jsonb_build_array(jsonb_build_object(" \
	"      'type', 'IdentityObject', 'identityType', 'name'," \
	"      'identityHash', k.learner_name, 'hashed', false))," \
	"    'licenseNumber', k.code," \
	"    'activityEndDate', " DATE_TIME_SQL("k.completed_at") "," \
	"    'achievement', jsonb_build_object(" \
	"      'id', 'urn:uuid:' || COALESCE(k.course_id, k.id)," \
	"      'type', jsonb_build_array('Achievement')," \
	"      'achievementType', 'CertificateOfCompletion'," \
	"      'name', k.course_title," \
	"      'description', concat('Completion of the course \"', k.course_title, '\".')," \
	"      'criteria', jsonb_build_object('narrative', 'Every required lesson of the course was completed.'))))" \
	" || CASE WHEN k.expires_at < '10000-01-01 00:00:00Z'" \
	"      THEN jsonb_build_object('validUntil', " DATE_TIME_SQL("k.expires_at") ")" \
	"      ELSE '{}' END"

/*
 * Moves a row under a parent, before another row or to the end, and numbers the rows of that
 * parent from 1.  others are the rows that do not move.  placed adds the moved row with the
 * place of the other, or NULL; late puts it before the other.  numbered has the new numbers.
 * Rows whose number stays the same are not written.
 */
#define PLACE_SQL(table, parent, moved, into, before) \
	"WITH others AS (" \
	"  SELECT o.id, row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id) AS place" \
	"    FROM %1$s." table " AS o" \
	"   WHERE o." parent " = " into " AND o.id <> " moved ")," \
	" placed AS (" \
	"  SELECT o.id, o.place, 1 AS late FROM others AS o" \
	"  UNION ALL" \
	"  SELECT " moved ", (SELECT o.place FROM others AS o WHERE o.id = " before "), 0)," \
	" numbered AS (" \
	"  SELECT p.id, row_number() OVER (ORDER BY p.place NULLS LAST, p.late)::int4 AS place" \
	"    FROM placed AS p)" \
	" UPDATE %1$s." table " AS t" \
	"    SET " parent " = " into ", sort_order = n.place" \
	"   FROM numbered AS n" \
	"  WHERE t.id = n.id" \
	"    AND (t.id = " moved " OR t.sort_order <> n.place)"

/* Numbers the rows of the parent that a row has left from 1. */
#define CLOSE_GAP_SQL(table, parent, left) \
	"UPDATE %1$s." table " AS t" \
	"   SET sort_order = n.place" \
	"  FROM (SELECT o.id," \
	"               row_number() OVER (ORDER BY o.sort_order, o.created_at, o.id)::int4 AS place" \
	"          FROM %1$s." table " AS o" \
	"         WHERE o." parent " = " left ") AS n" \
	" WHERE t.id = n.id" \
	"   AND t.sort_order <> n.place"

#endif							/* CONTENT_LIBRARY_RULES_H */
