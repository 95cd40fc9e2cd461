"""peers: what is measured, each in its best form: the library, and what an app would do without it."""
import datetime

NAMES = {
    'upsert': "the app's upsert",
    'plan': 'the same on tables without the library',
    'plpgsql': 'PL/pgSQL (SQL edition)',
    'starter': 'trigger that recomputes',
    'client': 'two requests, computed by the client',
    'query': 'one SQL query',
    'update': 'bare UPDATE by primary key',
    'nothing': 'empty C function',
    'single': 'single calls',
    'ours': 'content_library',
    'played': 'content_library, with the seconds played',
}

# Where {who} and the like stand, a call has its own: a variable, a parameter, an expression.

UPSERT = '''
INSERT INTO public.content_progress
    (user_id, lesson_id, watched_pct, completed, last_watched, position_seconds)
VALUES ({who}, {lesson}, {pct}, {pct} >= 90, now(), {pos})
ON CONFLICT (user_id, lesson_id) DO UPDATE
SET user_id = EXCLUDED.user_id, lesson_id = EXCLUDED.lesson_id, watched_pct = EXCLUDED.watched_pct,
    completed = EXCLUDED.completed, last_watched = EXCLUDED.last_watched, position_seconds = EXCLUDED.position_seconds
RETURNING *'''

# What supabase-js sends sets every column, and gets the row back.
HEARTBEATS = {
    'upsert': UPSERT,
    'plan': UPSERT.replace('public.', 'plan.').replace(', position_seconds = EXCLUDED.position_seconds', '')
                  .replace(', position_seconds', '').replace(', {pos}', ''),
    'plpgsql': 'edition.record_progress({lesson}, {pct}, {pos})',
    'starter': UPSERT,
    'ours': 'public.record_progress({lesson}, {pct}, {pos})',
    'played': 'public.record_progress({lesson}, NULL, {pos}, NULL, {played})',
    'update': '''
UPDATE public.content_progress
SET watched_pct = {pct}, last_watched = now(), position_seconds = {pos}
WHERE id = {row}
RETURNING *''',
    'nothing': 'pg_catalog.pg_backend_pid()',
}
# Who is measured on a lesson that is completed.
COMPLETED = ('upsert', 'plpgsql', 'ours')
# What is no heartbeat: the call alone.
EMPTY = ('nothing',)


def rows(text):
    """A list as PostgREST answers it."""
    return f"SELECT coalesce(json_agg(t), '[]')::text FROM ({text}) AS t"


COMPLETION = '''
SELECT floor(100.0 * count(*) FILTER (WHERE p.completed) / nullif(count(*), 0))::integer
FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id
LEFT JOIN public.content_progress AS p ON p.lesson_id = l.id AND p.user_id = {who}
WHERE m.course_id = {course} AND l.is_required'''

PROGRESS = rows('''
SELECT e.course_id, e.enrolled_at, c.title, c.slug, count(*) AS lessons,
    count(*) FILTER (WHERE p.completed) AS completed,
    floor(100.0 * count(*) FILTER (WHERE p.completed) / nullif(count(*), 0))::integer AS percentage,
    max(p.last_watched) AS last_watched,
    (array_agg(l.id ORDER BY m.sort_order, l.sort_order) FILTER (WHERE p.completed IS NOT TRUE))[1] AS next_lesson
FROM public.enrollments AS e JOIN public.courses AS c ON c.id = e.course_id
JOIN public.modules AS m ON m.course_id = c.id JOIN public.lessons AS l ON l.module_id = m.id
LEFT JOIN public.content_progress AS p ON p.lesson_id = l.id AND p.user_id = e.user_id
WHERE e.user_id = {who} AND l.is_required
GROUP BY e.id, c.id''')


def tree(columns, join):
    """A course with its modules and their lessons, as PostgREST nests them."""
    return rows(f'''
SELECT c.*, mm.modules FROM public.courses AS c LEFT JOIN LATERAL (
    SELECT json_agg(x) AS modules FROM (
        SELECT m.*, ll.lessons FROM public.modules AS m LEFT JOIN LATERAL (
            SELECT json_agg(y) AS lessons FROM (
                SELECT {columns} FROM public.lessons AS l {join}
                WHERE l.module_id = m.id ORDER BY l.sort_order) AS y) AS ll ON true
        WHERE m.course_id = c.id ORDER BY m.sort_order) AS x) AS mm ON true
WHERE c.id = {{course}}''')


# courses?select=*,modules(*,lessons(*,content_progress(*)))
OUTLINE = tree('l.*, pp.progress', '''LEFT JOIN LATERAL (
                    SELECT json_agg(z) AS progress FROM (
                        SELECT p.* FROM public.content_progress AS p
                        WHERE p.lesson_id = l.id AND p.user_id = {who}) AS z) AS pp ON true''')

CONTINUE = rows('''
SELECT p.*, l.title AS lesson_title, c.id AS course_id, c.title AS course_title
FROM public.content_progress AS p JOIN public.lessons AS l ON l.id = p.lesson_id
JOIN public.modules AS m ON m.id = l.module_id JOIN public.courses AS c ON c.id = m.course_id
WHERE p.user_id = {who} AND NOT p.completed
ORDER BY p.last_watched DESC LIMIT 10''')


def on_plan(text):
    """The same on the plan's tables, which do not know required lessons."""
    return text.replace('public.', 'plan.').replace(' AND l.is_required', '')


def page(query, call):
    return {'query': query, 'plan': on_plan(query), 'plpgsql': call.replace('public.', 'edition.'), 'ours': call}


PAGES = {
    'completion': page(COMPLETION, 'SELECT public.course_completion({course})'),
    'anybody': page(COMPLETION, 'SELECT public.course_completion({course})'),
    'progress': page(PROGRESS, rows('SELECT * FROM public.course_progress()')),
    'outline': page(OUTLINE, 'SELECT public.course_outline({course})::text'),
    'continue': page(CONTINUE, rows('SELECT * FROM public.continue_watching()')),
}

CALLS = {
    'completion': 'course_completion, 50 lessons',
    'anybody': 'course_completion, any learner',
    'progress': 'course_progress, 20 courses',
    'outline': 'course_outline, 100 lessons',
    'continue': 'continue_watching',
}

# Which row the call number i is about.
PLACES = {
    # Ten lessons of each learner in turn, learners all over the table.
    'advancing': 'n := 1 + i / 10 * 7919 % learners; c := bench.course_of(n, k); l := i % 10 / 2 * 3 + 1 + i % 2;',
    # The same, of lessons that are completed.
    'completed': 'n := 1 + i / 6 * 7919 % learners; c := bench.course_of(n, k); l := i % 6 * 3;',
    # A lesson that nobody has begun there.
    'first': 'n := 1 + i * 7919 % learners; c := bench.course_of(n, i / learners % 5); l := 16 + i / learners / 5;',
    'anybody': 'n := 1 + i * 7919 % learners; c := bench.course_of(n, k); l := 0;',
    'completion': 'n := 1 + i % 10; c := -1 - i / 10 % 13; l := 0;',
    'progress': 'n := 1 + i % 10; c := 0; l := 0;',
    'outline': 'n := 1 + i % 10; c := -14; l := 0;',
    'continue': 'n := 1 + i % 10; c := 0; l := 0;',
}

LOOP = '''
CREATE PROCEDURE bench.{name}(first bigint, calls bigint, learners bigint, k bigint, pct integer,
    OUT us float8, OUT wal float8)
LANGUAGE plpgsql AS $$
DECLARE
    pos     integer := pct;
    played  jsonb := '[[0, ' || 6 * pct || ']]';    -- the videos have 600 seconds
    n       bigint;
    c       bigint;
    l       bigint;
    who     uuid;
    course  uuid;
    lesson  uuid;
    row_id  uuid;
    result  record;
    began   timestamptz;
    spent   interval := '0';
    lsn     pg_lsn;
BEGIN
    wal := 0;
    FOR i IN first .. first + calls - 1 LOOP
        {place}
        who := bench.learner(n);
        course := bench.course(c);
        lesson := bench.lesson(c, l);
        row_id := bench.row_of(who, lesson);
        PERFORM set_config('request.jwt.claims', bench.claims(who), false);
        lsn := pg_current_wal_insert_lsn();
        began := clock_timestamp();
        {statement} INTO result;
        spent := spent + (clock_timestamp() - began);
        wal := wal + (pg_current_wal_insert_lsn() - lsn);
    END LOOP;
    us := 1e6 * extract(epoch FROM spent) / calls;
    wal := wal / calls;
END
$$'''

VARIABLES = dict(who='who', course='course', lesson='lesson', pct='pct', pos='pos', row='row_id', played='played')


def is_call(text):
    return not text.split()[0].isupper()


def in_server(text):
    """As a statement of PL/pgSQL."""
    return ('SELECT ' + text if is_call(text) else text).format(**VARIABLES)


def as_request(text, **places):
    """As PostgREST wraps it, to answer JSON."""
    text = 'SELECT * FROM ' + text if is_call(text) else text
    return f"WITH t AS ({text.format(**places)}) SELECT coalesce(json_agg(t), '[]')::text FROM t"


# The reports of bench.day in the order of time, each with a commit.
DAY_PEERS = ('upsert', 'plan', 'starter', 'ours')
DAY = '''
CREATE PROCEDURE bench.play(peer text, from_t integer, to_t integer)
LANGUAGE plpgsql AS $$
DECLARE
    report  record;
    result  record;
BEGIN
    FOR report IN SELECT * FROM bench.day WHERE t >= from_t AND t < to_t ORDER BY t, n LOOP
        PERFORM set_config('request.jwt.claims', bench.claims(report.who), false);
        IF peer = 'ours' THEN
            {ours} INTO result;
        ELSIF peer = 'plan' THEN
            {plan} INTO result;
        ELSE
            {upsert} INTO result;
        END IF;
        COMMIT;
    END LOOP;
END
$$'''.format(**{
    peer: ('SELECT ' * is_call(HEARTBEATS[peer]) + HEARTBEATS[peer]).format(
        who='report.who', lesson='report.lesson', pct='report.pct', pos='report.pos')
    for peer in ('ours', 'plan', 'upsert')})


# Two requests, and the rest by the client: supabase-js, in another language.

LESSONS_OF = rows('''SELECT l.id, l.is_required FROM public.lessons AS l
    JOIN public.modules AS m ON m.id = l.module_id WHERE m.course_id = $1::uuid''')
COMPLETED_OF = rows('''SELECT lesson_id, completed FROM public.content_progress
    WHERE user_id = $1::uuid AND lesson_id = ANY ($2::uuid[])''')
PROGRESS_OF = rows('''SELECT * FROM public.content_progress
    WHERE user_id = $1::uuid AND lesson_id = ANY ($2::uuid[])''')
ALL_PROGRESS_OF = rows('''SELECT lesson_id, completed, last_watched FROM public.content_progress
    WHERE user_id = $1::uuid''')
COURSE = tree('l.*', '').format(course='$1::uuid')
ENROLLED = rows('''
SELECT e.*, cc.course FROM public.enrollments AS e LEFT JOIN LATERAL (
    SELECT row_to_json(w) AS course FROM (
        SELECT c.*, mm.modules FROM public.courses AS c LEFT JOIN LATERAL (
            SELECT json_agg(x) AS modules FROM (
                SELECT m.id, m.sort_order, ll.lessons FROM public.modules AS m LEFT JOIN LATERAL (
                    SELECT json_agg(y) AS lessons FROM (
                        SELECT l.id, l.is_required, l.sort_order FROM public.lessons AS l
                        WHERE l.module_id = m.id) AS y) AS ll ON true
                WHERE m.course_id = c.id) AS x) AS mm ON true
        WHERE c.id = e.course_id) AS w) AS cc ON true
WHERE e.user_id = $1::uuid''')


def array(ids):
    return '{' + ','.join(ids) + '}'


def compute_completion(client, n, who, course):
    lessons = [lesson['id'] for lesson in client.request(LESSONS_OF, course, who=n) if lesson['is_required']]
    done = sum(row['completed'] for row in client.request(COMPLETED_OF, who, array(lessons), who=n))
    return 100 * done // len(lessons) if lessons else None


def compute_progress(client, n, who, _):
    answer = []
    enrolled = client.request(ENROLLED, who, who=n)
    progress = {row['lesson_id']: row for row in client.request(ALL_PROGRESS_OF, who, who=n)}
    for enrollment in enrolled:
        course = enrollment['course']
        lessons = [lesson for module in sorted(course['modules'], key=lambda m: m['sort_order'])
                   for lesson in sorted(module['lessons'], key=lambda l: l['sort_order'])]
        required = [lesson['id'] for lesson in lessons if lesson['is_required']]
        begun = [progress[lesson['id']] for lesson in lessons if lesson['id'] in progress]
        open_ = [lesson for lesson in required if lesson not in progress or not progress[lesson]['completed']]
        answer.append({
            'course_id': course['id'], 'title': course['title'], 'lessons': len(required),
            'completed': len(required) - len(open_),
            'percentage': 100 * (len(required) - len(open_)) // len(required) if required else None,
            'last_watched': max((datetime.datetime.fromisoformat(row['last_watched']) for row in begun), default=None),
            'next_lesson': open_[0] if open_ else None})
    return answer


def compute_outline(client, n, who, course):
    page, = client.request(COURSE, course, who=n)
    lessons = [lesson for module in page['modules'] for lesson in module['lessons']]
    progress = {row['lesson_id']: row for row in
                client.request(PROGRESS_OF, who, array(lesson['id'] for lesson in lessons), who=n)}
    for lesson in lessons:
        lesson['progress'] = progress.get(lesson['id'])
    required = [lesson for lesson in lessons if lesson['is_required']]
    done = sum(bool(lesson['progress'] and lesson['progress']['completed']) for lesson in required)
    page['percentage'] = 100 * done // len(required) if required else None
    return page


def asks(text):
    """A page by one request."""
    given = [name for name in ('who', 'course') if '{' + name + '}' in text]
    text = text.format(**{name: f'${number}::uuid' for number, name in enumerate(given, 1)})
    return lambda client, n, who, course: client.request(
        text, *[{'who': who, 'course': course}[name] for name in given], who=n)


def in_client():
    """The pages as requests, and computed by the client."""
    computed = {'completion': compute_completion, 'progress': compute_progress, 'outline': compute_outline}
    return {workload: {**{peer: asks(text) for peer, text in peers.items()},
                       **({'client': computed[workload]} if workload in computed else {})}
            for workload, peers in PAGES.items() if workload != 'anybody'}


COURSE_REPORT = '''
SELECT e.user_id, e.enrolled_at, count(p.id) FILTER (WHERE p.completed) AS completed,
    floor(100.0 * count(p.id) FILTER (WHERE p.completed) / nullif(max(total.lessons), 0))::integer AS percentage,
    max(p.last_watched) AS last_watched
FROM public.enrollments AS e
CROSS JOIN (SELECT count(*) AS lessons FROM public.lessons AS l JOIN public.modules AS m ON m.id = l.module_id
    WHERE m.course_id = {course} AND l.is_required) AS total
LEFT JOIN (public.content_progress AS p JOIN public.lessons AS l ON l.id = p.lesson_id AND l.is_required
    JOIN public.modules AS m ON m.id = l.module_id AND m.course_id = {course}) ON p.user_id = e.user_id
WHERE e.course_id = {course}
GROUP BY e.user_id, e.enrolled_at'''

# The first page.
COURSE_PAGE = COURSE_REPORT + '''
ORDER BY e.enrolled_at, e.user_id
LIMIT 50'''

COURSE_SUMMARY = f'''
SELECT count(*) AS learners, count(*) FILTER (WHERE r.last_watched > now() - interval '7 days') AS active_7_days,
    count(*) FILTER (WHERE r.last_watched > now() - interval '30 days') AS active_30_days,
    count(*) FILTER (WHERE r.percentage = 100) AS completed, round(avg(r.percentage), 1) AS average
FROM ({COURSE_REPORT}) AS r'''

LESSON_REPORT = '''
SELECT l.id, l.title, count(p.id) AS started, count(p.id) FILTER (WHERE p.completed) AS completed,
    avg(p.watched_pct) AS average
FROM public.modules AS m JOIN public.lessons AS l ON l.module_id = m.id
LEFT JOIN public.content_progress AS p ON p.lesson_id = l.id
WHERE m.course_id = {course}
GROUP BY m.sort_order, l.sort_order, l.id
ORDER BY m.sort_order, l.sort_order'''

# The first lesson of the course, an hour long.
RETENTION = '''
SELECT s AS second, count(*) AS learners
FROM generate_series(0, 3599, 5) AS s
JOIN public.content_progress AS p ON p.watched && int4range(s, s + 5)
JOIN public.enrollments AS e ON e.user_id = p.user_id AND e.course_id = {course}
WHERE p.lesson_id = bench.first_lesson({course})
GROUP BY s'''


REPORTS = {
    'course_report': {'query': COURSE_REPORT, 'plan': on_plan(COURSE_REPORT),
                      'ours': 'SELECT * FROM public.course_report({course})'},
    'a page of course_report': {'query': COURSE_PAGE, 'plan': on_plan(COURSE_PAGE),
                                'ours': 'SELECT * FROM public.course_report({course}, 50)'},
    'course_summary': {'query': COURSE_SUMMARY, 'plan': on_plan(COURSE_SUMMARY),
                       'ours': 'SELECT * FROM public.course_summary({course})'},
    'lesson_report': {'query': LESSON_REPORT, 'plan': on_plan(LESSON_REPORT),
                      'ours': 'SELECT * FROM public.lesson_report({course})'},
    'lesson_retention': {'query': RETENTION,
                         'ours': 'SELECT * FROM public.lesson_retention(bench.first_lesson({course}))'},
}

# How many there are to delete, and how; {r} counts.
DELETIONS = {
    'delete a lesson with {} rows': (10, {
        schema: f'DELETE FROM {tables}.lessons WHERE id = bench.lesson(0, {{r}})'
        for schema, tables in (('plan', 'plan'), ('ours', 'public'))}),
    'delete a lesson with 1,000 rows': (10, {
        schema: f'DELETE FROM {tables}.lessons WHERE id = bench.lesson(2, {{r}})'
        for schema, tables in (('plan', 'plan'), ('ours', 'public'))}),
    'delete an account': (100, {
        schema: f'DELETE FROM {tables}.users WHERE id = bench.learner(500 + {{r}})'
        for schema, tables in (('plan', 'plan'), ('ours', 'auth'))}),
}
