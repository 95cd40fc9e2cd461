"""operations: what may be done to a library: as SQL, at random, and which of it must wait.

An operation is (connection, name, arguments), with names like u1, c2, m3, l4
for ids, so that a sequence can be replayed and printed. Connection 0 is the
owner's; the others are what an application's pool holds.
"""
import datetime
import json
import math

from rules import DEFAULT_THRESHOLD, KEYS, OWN, TABLES, TIERS, instant, issued, uid
from seconds import ranges_of, seconds_of

CONNECTIONS = (1, 2, 3, 4)
USERS = [f'u{n}' for n in range(1, 6)]
ARGUMENTS = {'lesson': 'lesson_id', 'pct': 'watched_pct', 'position': 'position_seconds', 'user': 'user_id',
             'course': 'course_id', 'module': 'module_id', 'certificate': 'code'}
JSON = {'reports', 'metadata', 'played', 'issuer'}
REPORTS = {'record_progress', 'record_progress_batch'}
READS = {'completion_threshold', 'course_completion', 'course_progress', 'course_outline', 'next_lesson',
         'continue_watching', 'course_report', 'course_summary', 'lesson_report', 'lesson_retention',
         'mux_playback_claims', 'select', 'verify_certificate', 'certificate_credential'}
# Arguments that are none of the function's.
OURS = {'name', 'loosely'}
# Who issues certificates, and what is nobody.
ISSUERS = ({'id': 'https://example.com'}, {'id': 'urn:example:1', 'type': ['Profile', 'Extra'], 'name': 'A "site"'})
NO_ISSUERS = (None, [], {'name': 'A site'}, {'id': 'no uri'}, {'id': 'https://example.com', 'type': ['Person']})
SECOND = datetime.timedelta(seconds=1)
MICROSECOND = datetime.timedelta(microseconds=1)
DAY = datetime.timedelta(days=1)


# As SQL.

def plain(value):
    """A value for JSON."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: uid(item) if key == 'lesson_id' and isinstance(item, str) and item != 'no uuid'
                else plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def code(name, loosely):
    """The code of a certificate, or one that there is not; also as somebody types it."""
    text = (issued[name]['code'].value if name in issued else None) or '0000-0000-0000'
    return text.lower().replace('-', '').replace('0', 'o').replace('1', 'l') if loosely else text


def literal(value, column=None):
    if value is None:
        return 'NULL'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) and column not in JSON:
        return str(value) if math.isfinite(value) else f"'{value}'"
    if column in JSON:
        return "'" + json.dumps(plain(value)) + "'"
    if isinstance(value, datetime.datetime):
        return f"'{value.isoformat()}'"
    if isinstance(value, datetime.timedelta):
        return f"'{value.days} days {value.seconds} seconds'"
    if column in ('id', 'before', 'after') or column and column.endswith('_id') and not column.startswith('mux_'):
        value = uid(value)
    return f"'{value}'"


def claims(role, user, tier):
    told = {'role': role}
    if user:
        told['sub'] = uid(user)
    if tier:
        told['app_metadata'] = {'tier': tier}
    return json.dumps(told)


def sql(session, name, args):
    """The text of an operation."""
    if name == 'sign_in':
        role = args['role']
        return (f"SET ROLE {role}; "
                f"SELECT set_config('request.jwt.claims', '{claims(role, args.get('user'), args.get('tier'))}', false)")
    if name in ('set_interval', 'set_threshold'):
        setting = 'heartbeat_interval' if name == 'set_interval' else 'completion_threshold'
        role = 'NONE' if session.role == 'owner' else session.role
        return f"RESET ROLE; SET content_library.{setting} = {args['value']}; SET ROLE {role}"
    if name == 'set_clock':
        role = 'NONE' if session.role == 'owner' else session.role
        return (f"RESET ROLE; SET content_library.max_playback_rate = {args['rate']}; "
                f"SET content_library.watch_grace = {args['grace']}; SET ROLE {role}")
    if name in ('begin', 'commit', 'rollback'):
        return name.upper()
    if name == 'savepoint':
        return 'SAVEPOINT s'
    if name == 'rollback_to':
        return 'ROLLBACK TO s'
    table = args.get('table')
    target = 'auth.users' if table == 'users' else table
    if name == 'select':
        return f'SELECT * FROM {target}'
    if name == 'insert':
        values = args['values']
        text = (f"INSERT INTO {target} ({', '.join(values)}) "
                f"VALUES ({', '.join(literal(value, column) for column, value in values.items())})")
        if args.get('upsert'):
            keys = KEYS[table]
            text += (f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET "
                     + ', '.join(f'{column} = EXCLUDED.{column}' for column in values if column not in keys))
        return text + ('' if table == 'users' else ' RETURNING *')
    if name in ('update', 'delete'):
        where = ' AND '.join(f'{column} = {literal(value, column)}' for column, value in args['where'].items()) or 'true'
        if name == 'delete':
            return f"DELETE FROM {target} WHERE {where} RETURNING {', '.join(KEYS.get(table, ('id',)))}"
        changes = ', '.join(f'{column} = {literal(value, column)}' for column, value in args['values'].items())
        return f'UPDATE {target} SET {changes} WHERE {where} RETURNING *'
    if args.get('certificate') is not None:
        args = {**args, 'certificate': code(args['certificate'], args.get('loosely'))}
    given = ', '.join(f'{ARGUMENTS.get(key, key)} => {literal(value, ARGUMENTS.get(key, key))}'
                      for key, value in args.items() if key not in OURS)
    return f'SELECT * FROM {name}({given})'


# What must wait: an operation that might meet a lock of another's open transaction.

def footprint(session, name, args):
    """The learners whose rows are written, and the content: 0 untouched, 1 relied on, 2 written."""
    if name in READS or args.get('dry_run'):
        return set(), 0
    if name == 'issue_certificate':
        return {args['user']}, 1
    if name == 'revoke_certificate':
        return {issued[args['certificate']]['user_id']} if args['certificate'] in issued else set(), 1
    if name in ('record_progress', 'record_progress_batch', 'enroll', 'unenroll', 'reset_progress'):
        return {args.get('user') or session.user}, 1
    if name in ('insert', 'update', 'delete'):
        if args['table'] == 'users':
            return {args.get('values', args.get('where'))['id']}, 1 if name == 'insert' else 2
        if args['table'] in OWN:
            named = {**args.get('values', {}), **args.get('where', {})}.get('user_id')
            if named is None and session.role == 'service_role':
                return set(), 2
            return {named, session.user} - {None}, 1
        return set(), 2
    if name in ('move_lesson', 'move_module', 'recompute_completion'):
        return set(), 2
    return set(), 0


def must_skip(model, sessions, connection, name, args):
    """Whether an operation has no certain outcome here, or no meaning."""
    session = sessions[connection]
    inside = session.layers is not None
    if name == 'burst':
        return any(other.layers is not None for other in sessions.values())
    if name == 'begin' or name in ('sign_in', 'set_interval', 'set_threshold', 'set_clock', 'reconnect'):
        return inside
    if name in ('commit', 'rollback', 'savepoint'):
        return not inside
    if name == 'rollback_to':
        return not inside or len(session.layers) < 2
    users, content = footprint(session, name, args)
    for other in sessions.values():
        if other is not session and other.layers is not None and (
                users & other.users or {content, other.content} in ({1, 2}, {2})):
            return True
    if inside:
        session.users |= users
        session.content = max(session.content, content)
    return (name in REPORTS and not model.is_certain(session, name, args, *soon())
            or name == 'record_progress_batch' and uncertain(model, session, args))


def soon():
    """The time in which an operation runs that is decided now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return now - SECOND, now + 10 * SECOND


def uncertain(model, session, args):
    """What the contract leaves open; above all a known limit of R2: a report that is late, or of the same instant, with a position, for a row
    whose position is older than it (the report between them had none)."""
    if not isinstance(args['reports'], list):
        return False
    model.session, model.layer = session, {}
    if args.get('skip_refused') and (args.get('user') or session.user) not in model.rows('users'):
        return True     # refused, or all left out
    rows = model.rows('content_progress')
    for report in args['reports']:
        if not isinstance(report, dict) or not isinstance(report.get('watched_at'), datetime.datetime):
            continue
        row = rows.get((args.get('user') or session.user, report.get('lesson_id')))
        if row is None:
            continue
        time, last = report['watched_at'], instant(row['last_watched'])
        if time <= last and report.get('position_seconds') is not None and (
                row['placed'] is not None and time > instant(row['placed'])):
            return True
    return False


# At random.

class Generator:
    """Draws operations that fit what the model knows to be there, and now and then one that does not."""

    def __init__(self, random, model, sessions, base):
        self.random, self.model, self.sessions, self.base = random, model, sessions, base
        self.made = {'c': 0, 'm': 0, 'l': 0, 'k': 0}
        self.ticks = 0

    def chance(self, share):
        return self.random.random() < share

    def new(self, letter):
        self.made[letter] += 1
        return f'{letter}{self.made[letter]}'

    def some(self, table, unknown=0.02):
        """The name of a row that is there, mostly."""
        rows = self.model.committed[table]
        if not rows or self.chance(unknown):
            return table[0] + '0'
        return self.random.choice(list(rows))

    def past(self):
        """A time of the last month that no other report has."""
        self.ticks += 1
        return (self.base - self.random.randrange(3 * 86400, 30 * 86400) * SECOND + self.ticks * MICROSECOND)

    def prelude(self):
        """A library to begin with."""
        random = self.random
        for user in USERS[:4]:
            yield 0, 'insert', {'table': 'users', 'values': {'id': user}}
        for connection in CONNECTIONS:
            yield connection, 'set_interval', {'value': random.choice((0, 0, 60, 3600))}
            yield connection, 'set_clock', self.clock()
        yield 1, 'sign_in', {'role': 'service_role'}
        for _ in range(random.randint(2, 3)):
            yield 1, 'insert', self.insert_content('courses')
        for _ in range(random.randint(3, 5)):
            yield 1, 'insert', self.insert_content('modules')
        for _ in range(random.randint(6, 12)):
            yield 1, 'insert', self.insert_content('lessons')
        for user in USERS[:4]:
            for course in list(self.model.committed['courses']):
                if self.chance(0.6):
                    yield 1, 'insert', {'table': 'enrollments', 'values': {'user_id': user, 'course_id': course}}
        for course in list(self.model.committed['courses']):
            yield 1, 'insert', {'table': 'course_staff', 'values': {
                'course_id': course, 'user_id': random.choice(USERS[:4]), 'role': random.choice(('viewer', 'editor', 'editor'))}}
        for connection in CONNECTIONS:
            yield connection, 'sign_in', self.identity()

    def identity(self):
        random = self.random
        kind = random.random()
        if kind < 0.62:
            return {'role': 'authenticated', 'user': random.choice(USERS[:4]),
                    'tier': random.choice((None, 'free', 'pro', 'studio', 'gold'))}
        if kind < 0.94:
            return {'role': 'service_role'}
        return {'role': 'anon'} if kind < 0.97 else {'role': 'authenticated'}

    def user(self, session, args):
        """Names the user, where that is needed or, rarely, where it is wrong."""
        if session.role == 'service_role':
            if not self.chance(0.01):
                args['user'] = self.random.choice(USERS) if self.chance(0.05) else self.random.choice(USERS[:4])
        elif self.chance(0.05):
            args['user'] = self.random.choice((session.user, None, self.random.choice(USERS), 'u0'))
        return args

    def marked(self, session):
        """A learner whom staff name, mostly one of the course, and the lessons of it; None if there is none."""
        keys = [(user, course) for (user, course) in self.model.committed['enrollments']
                if (session.user, course) in self.model.committed['course_staff']]
        if session.role != 'authenticated' or not keys or not self.chance(0.3):
            return None
        user, course = self.random.choice(keys)
        self.model.session, self.model.layer = self.sessions[0], {}
        lessons = [lesson for lesson in self.lessons_of(course) if lesson != 'l0' and self.model.way(lesson) == 'server']
        if self.chance(0.2):
            user = self.random.choice(USERS)
        return (user, lessons) if lessons else None

    def row(self, session, args, lesson):
        return self.model.committed['content_progress'].get((args.get('user') or session.user, lesson))

    def fraction(self, number):
        """A whole number, or now and then one with a fraction, as a player has it."""
        return number + self.random.choice((0.25, 0.5, 0.9999)) if self.chance(0.15) else number

    def percent(self, wrong=0.01):
        random = self.random
        if self.chance(wrong):
            return random.choice((-1, -0.5, 101, 2147483647, math.nan, math.inf, None))
        if self.chance(0.35):
            return 100
        if self.chance(0.3):
            bars = {DEFAULT_THRESHOLD} | {row['completion_threshold'] or 80 for table in ('courses', 'lessons')
                                          for row in self.model.committed[table].values()}
            return max(0, min(100, random.choice(sorted(bars)) - random.choice((0, 0.5, 0.0001, 1))))
        return self.fraction(random.randint(0, 99))

    def place(self, session, row, wrong=0.01):
        """A position, often just as far from the last one as matters."""
        if self.chance(wrong):
            return self.random.choice((-1, -0.1, 3e9, math.nan))
        if row and row['position_seconds'] is not None and self.chance(0.5):
            step = self.random.choice((0, 1, session.interval, session.interval + 1))
            return max(0, row['position_seconds'] + self.random.choice((-1, 1)) * step)
        return self.fraction(self.random.randint(0, 9000))

    def time(self, session, row):
        """A time, often just as far from the last one as matters."""
        if row and self.chance(0.6) and instant(row['last_watched']) < self.base:
            step = self.random.choice((0, 1, session.interval, 3600)) * SECOND
            step += self.random.choice((-1, 0, 1)) * MICROSECOND
            return min(instant(row['last_watched']) + self.random.choice((-1, 1, 1)) * step, self.base - 86400 * SECOND)
        return self.past()

    def record_progress(self, session):
        args = self.user(session, {})
        args['lesson'] = self.lesson_for(args.get('user') or session.user)
        marked = self.marked(session)
        if marked:
            args['user'] = marked[0]
            args['lesson'] = self.random.choice(marked[1])
        if self.claims(session, args['lesson']):
            args['pct'] = self.percent()
        if 'pct' not in args or self.chance(0.2):
            args['played'] = self.played(args['lesson'], self.row(session, args, args['lesson']))
        if self.chance(0.6):
            args['position'] = self.place(session, self.row(session, args, args['lesson']))
        if self.chance(0.003):
            args['lesson'] = None
        return args

    def record_progress_batch(self, session):
        random = self.random
        args = self.user(session, {})
        finishing = self.chance(0.35)
        lessons = list(self.model.committed['lessons']) or ['l0']
        size = min(len(lessons), random.randint(1, 5))
        if finishing:
            # All lessons of a course, or all but one.
            lessons = self.lessons_of(self.unfinished(args.get('user') or session.user))
            size = len(lessons) - (len(lessons) > 1 and self.chance(0.5))
        marked = self.marked(session)
        if marked:
            args['user'], lessons = marked
            if self.chance(0.3):
                lessons = [*{*lessons, self.some('lessons')}]
            size = random.randint(1, len(lessons))
        reports = []
        for lesson in random.sample(lessons, size):
            row = self.row(session, args, lesson)
            report = {'lesson_id': lesson}
            if self.claims(session, lesson):
                report['watched_pct'] = 100 if finishing and self.chance(0.9) else self.percent(0)
            if 'watched_pct' not in report or self.chance(0.2):
                report['played'] = self.played(lesson, row, finishing, 0)
            if self.chance(0.85):
                report['position_seconds'] = self.place(session, row, 0)
            if self.chance(0.8):
                report['watched_at'] = self.time(session, row)
            reports.append(report)
        if self.chance(0.05):
            self.spoil(reports)
        args['reports'] = reports
        if self.chance(0.3):
            args['skip_refused'] = random.choice((True, True, True, True, False, None))
        if self.chance(0.01):
            args['reports'] = random.choice(([], {}, 5, None, [5], [None], [[]]))
        return args

    def claims(self, session, lesson):
        """Whether a report claims a percentage: mostly where that is accepted."""
        if self.chance(0.1):
            return self.chance(0.5)
        if lesson not in self.model.committed['lessons']:
            return True
        self.model.session, self.model.layer = self.sessions[0], {}
        return session.role != 'authenticated' or self.model.way(lesson) != 'watch'

    def played(self, lesson, row, finishing=False, wrong=0.02):
        """What a player says that it has played, of a video that has a length or not."""
        random = self.random
        length = (self.model.committed['lessons'].get(lesson) or {'duration_seconds': None})['duration_seconds'] or 100
        kind = random.random()
        if self.chance(wrong):
            return random.choice(([[5, 3]], [[-1, 3]], [[1]], [1, 2], [['1', '2']], {}, 5, [[1, 2, 3]], [None], [[1, 2], [None, 4]]))
        if finishing and kind < 0.7 or kind < 0.15:
            return [[0, random.choice((length, length + 0.4, length + 1000, 1e300))]]
        if kind < 0.2:
            return [[start, start + random.choice((1, 2.5, 7))] for start in range(0, length, random.choice((10, 20)))][:600]
        if kind < 0.25:
            return random.choice(([], [[3, 3]], [[2.5, 2.5], [1, 1]]))
        pairs = []
        if row and self.chance(0.6):
            # The player repeats itself.
            pairs = [[low, high] for low, high in ranges_of(seconds_of(row['watched']))]
        for _ in range(random.randint(1, 3)):
            start = self.fraction(random.randint(0, length))
            pairs.append([start, start + self.fraction(random.choice((0, 1, 10, 30, 31, length // 4, length)))])
        random.shuffle(pairs)
        return pairs

    def clock(self):
        """A rate at which what the clock allows does not change while a sequence runs, or one that bounds nothing."""
        return {'rate': self.random.choice((0.01, 0.01, 0.01, 0.3, 2.5, 0, 1000)), 'grace': self.random.choice((0, 30, 60, 100, 1000))}

    def begun(self):
        """A time so long ago that a slow clock allows this or that."""
        return self.random.choice((None, self.base + 400 * DAY, self.base - 400 * DAY,
                                   datetime.datetime.now(datetime.timezone.utc) - (100 * self.random.choice((0, 1, 3, 10, 30, 100, 1000)) + 20) * SECOND))

    def watching(self, session):
        """Several videos of a course, each watched to its end: the clock of the course may not allow all of them."""
        model, random = self.model, self.random
        model.session, model.layer = self.sessions[0], {}
        enrolled = [key for key in model.committed['enrollments'] if session.role != 'authenticated' or key[0] == session.user]
        if not enrolled:
            return self.record_progress_batch(session)
        user, course = random.choice(enrolled)
        lessons = [lesson for lesson in self.lessons_of(course) if lesson != 'l0' and model.way(lesson) == 'watch' and model.length(lesson)]
        reports = [{'lesson_id': lesson, 'played': [[0, model.length(lesson)]]} for lesson in random.sample(lessons, min(len(lessons), 4))]
        return {'reports': reports, 'user': user, 'skip_refused': True}

    def unfinished(self, user):
        """A course that a learner is enrolled in, mostly one not completed."""
        rows = [row for (who, _), row in self.model.committed['enrollments'].items() if who == user]
        open_ones = [row for row in rows if row['completed_at'] is None]
        rows = open_ones if open_ones and self.chance(0.8) else rows
        return self.random.choice(rows)['course_id'] if rows else self.some('courses')

    def last_ones(self):
        """The learners and lessons of which one alone is left in a course that is not completed."""
        model = self.model
        model.session, model.layer = self.sessions[0], {}
        answer = []
        for (user, of), row in model.committed['enrollments'].items():
            if row['completed_at'] is None:
                left = [lesson for lesson in model.required(of) if not model.is_completed(user, lesson)]
                answer += [(user, left[0])] if len(left) == 1 else []
        return answer

    def finished(self, user):
        """A course of which a learner has completed everything, mostly one left since."""
        model = self.model
        model.session, model.layer = self.sessions[0], {}
        done = [course for course in model.committed['courses'] if model.counts(course, user)[2] == 100]
        left = [course for course in done if (user, course) not in model.committed['enrollments']]
        return self.random.choice(left or done) if done else self.some('courses')

    def lesson_for(self, user):
        """A lesson, mostly of a course that the learner is enrolled in."""
        if self.chance(0.5):
            return self.random.choice(self.lessons_of(self.unfinished(user)))
        return self.some('lessons')

    def lessons_of(self, course):
        modules = self.model.committed['modules']
        return [row['id'] for row in self.model.committed['lessons'].values()
                if modules[row['module_id']]['course_id'] == course] or ['l0']

    def spoil(self, reports):
        random = self.random
        report = random.choice(reports)
        report.update(random.choice((
            {'watched_pct': 101}, {'watched_pct': None}, {'watched_pct': '50'}, {'watched_pct': -0.5}, {'position_seconds': 3e9},
            {'position_seconds': -1}, {'position_seconds': '5'}, {'lesson_id': 'no uuid'}, {'lesson_id': None},
            {'watched_at': self.base + 86400 * 400 * SECOND}, {'watched_at': 'no time'}, {'extra': 1},
            {'lesson_id': 'l0'}, {'lesson_id': reports[0]['lesson_id']})))

    def insert_content(self, table):
        random = self.random
        name = self.new(table[0])
        values = {'id': name, 'title': f'{name}, so called'}
        if table == 'courses':
            values.update(slug=name, is_published=self.chance(0.9), is_open=self.chance(0.85), is_sequential=self.chance(0.2),
                          tier_required=random.choice(('free', 'free', 'free', *TIERS)))
            if self.chance(0.3):
                values['access_period'] = self.period()
            if self.chance(0.5):
                values['certificate_valid_for'] = self.validity()
            if self.chance(0.4):
                values['progress_by'] = random.choice(('report', 'watch', 'watch', 'watch', 'server'))
        if table == 'modules':
            values['course_id'] = self.some('courses')
        if table == 'lessons':
            values['module_id'] = self.some('modules')
            if self.chance(0.5):
                values.update(mux_playback_id=f'play-{name}', mux_status='ready', duration_seconds=self.length())
            if self.chance(0.1):
                values['mux_upload_id'] = f'upload-{name}'
            if self.chance(0.2):
                values['progress_by'] = random.choice((None, 'report', 'watch', 'watch', 'server'))
            values.update(is_required=self.chance(0.75), is_preview=self.chance(0.2), is_published=self.chance(0.85))
        if table != 'courses' and self.chance(0.1):
            values.update(self.lock())
        if table != 'modules' and self.chance(0.3):
            values['completion_threshold'] = random.randint(1, 100)
        if self.chance(0.7):
            values['sort_order'] = random.randint(-1, 4)
        if self.chance(0.5):
            values['created_at'] = self.base - random.randint(1, 3) * 86400 * SECOND
        if self.chance(0.01):
            values.update(random.choice(({'title': None}, {'metadata': []}, {'sort_order': None})))
        return {'table': table, 'values': values}

    def length(self):
        """Of a video, in seconds; many are short, so that they are watched to the end."""
        return self.random.choice((1, 7, 30, 33, 40, 60, self.random.randint(1, 200), self.random.randint(1, 9000)))

    def period(self):
        return self.random.choice((DAY, 30 * DAY, 365 * DAY + 3600 * SECOND))

    def validity(self):
        """So short that a course completed in the past is not certified any more, or so long that it is."""
        return self.random.choice((None, DAY, DAY, 3650 * DAY))

    def certifying(self, session):
        random = self.random
        certificates = list(self.model.committed['certificates'])
        kind = random.random()
        if kind < 0.45 or not certificates:
            done = [key for key, row in self.model.committed['enrollments'].items() if row['completed_at'] is not None]
            user, course = random.choice(done) if done and self.chance(0.9) else (random.choice(USERS), self.some('courses'))
            revoked = [(row['user_id'], row['course_id']) for row in self.model.committed['certificates'].values()
                       if row['revoked_at'] is not None and row['course_id'] is not None]
            if revoked and self.chance(0.4):
                user, course = random.choice(revoked)
            args = {'course': course, 'user': user, 'learner_name': random.choice(('Ann', 'Bob', 'Cyd')), 'name': self.new('k')}
            if self.chance(0.3):
                args['metadata'] = {'n': random.randint(1, 9)}
            if self.chance(0.05):
                args.update(random.choice(({'learner_name': ' '}, {'learner_name': 'x' * 256}, {'metadata': []}, {'metadata': None},
                                           {'course': None}, {'user': None})))
            return 'issue_certificate', args
        args = {'certificate': random.choice(certificates) if self.chance(0.95) else random.choice(('k0', None))}
        if self.chance(0.3):
            args['loosely'] = True
        if kind < 0.6:
            return 'revoke_certificate', {**args, 'reason': random.choice(('wrong name', 'fraud', 'fraud')) if self.chance(0.95) else ''}
        if kind < 0.8:
            return 'verify_certificate', args
        return 'certificate_credential', {**args, 'issuer': random.choice(ISSUERS) if self.chance(0.95) else random.choice(NO_ISSUERS)}

    def lock(self):
        """A time of opening, clearly past or ahead: who says when they enrolled did so 3 to 30 days ago."""
        random = self.random
        if self.chance(0.5):
            return {'unlock_at': random.choice((None, self.base - 10 * DAY, self.base + 100 * DAY, self.base + 200 * DAY))}
        return {'unlock_after': random.choice((None, 0 * DAY, 2 * DAY, 2 * DAY, 40 * DAY, 50 * DAY))}

    def update_content(self):
        random = self.random
        table = random.choice(('courses', 'lessons', 'lessons', 'lessons', 'modules'))
        changes = [{'title': f't{random.randint(1, 9)}'}, {'sort_order': random.randint(-1, 4)}, {'metadata': {'n': random.randint(1, 3)}},
                   {'metadata': 5}]
        if table == 'courses':
            changes += [{'is_published': True}, {'is_published': True}, {'is_published': False},
                        {'tier_required': random.choice(TIERS)}, {'tier_required': 'gold'},
                        {'is_open': self.chance(0.7)}, {'is_sequential': self.chance(0.3)},
                        {'access_period': random.choice((None, self.period()))}, {'access_period': 0 * DAY},
                        {'certificate_valid_for': random.choice((self.validity(), self.validity(), 0 * DAY))},
                        {'slug': self.some('courses')}] + [
                        {'progress_by': random.choice(('report', 'watch', 'watch', 'server', None, 'luck'))}] * 2
        if table == 'modules':
            changes += [{'course_id': self.some('courses')}] * 3 + [self.lock()]
        if table == 'lessons':
            changes += [{'is_required': self.chance(0.5)}] * 3 + [{'is_published': self.chance(0.6)}] * 3 + [
                {'module_id': self.some('modules')}] * 3 + [
                {'is_preview': self.chance(0.3)}, self.lock(), {'unlock_after': -DAY}, {'duration_seconds': random.choice((None, self.length(), self.length()))},
                {'mux_playback_id': f'play-{random.randint(1, 9)}'}, {'mux_status': 'gone'}] + [
                {'progress_by': random.choice((None, 'report', 'watch', 'watch', 'server', 'luck'))}] * 2
        if table != 'modules':
            changes += [{'completion_threshold': random.choice((None, 1, 50, 100, random.randint(1, 100)))}] * 3
            changes += [{'completion_threshold': random.choice((0, 101))}]
        return {'table': table, 'where': {'id': self.some(table)}, 'values': random.choice(changes)}

    def progress_values(self):
        random = self.random
        values = {'watched_pct': random.randint(0, 100) if self.chance(0.98) else 101}
        if self.chance(0.6):
            values['completed'] = self.chance(0.5)
        if self.chance(0.5):
            values['position_seconds'] = random.choice((None, random.randint(0, 9000)))
        if self.chance(0.3):
            values['completed_at'] = random.choice((None, self.past()))
        if self.chance(0.3):
            values['started_at'] = self.begun()
        if self.chance(0.1):
            values['watched'] = random.choice(('{}', '{[0,20)}', '{[10,15),[20,33)}'))
        return values

    def directly(self, session):
        """A statement on a table of the learners'."""
        random = self.random
        own = session.user or random.choice(USERS[:4])
        user = own if session.role == 'authenticated' and self.chance(0.95) else random.choice(USERS[:4])
        if self.chance(0.65):
            where = {'user_id': user, 'lesson_id': self.some('lessons')}
            kind = random.random()
            last = [pair for pair in self.last_ones() if session.role == 'service_role' or pair[0] == user]
            if last and self.chance(0.4):
                where = dict(zip(('user_id', 'lesson_id'), random.choice(last)))
                if kind < 0.75:
                    values = {'watched_pct': 100, 'completed': True, 'last_watched': self.past()}
                    if self.chance(0.5):
                        values['completed_at'] = self.past()
                    if kind < 0.4:
                        return 'insert', {'table': 'content_progress', 'values': {**where, **values}, 'upsert': True}
                    return 'update', {'table': 'content_progress', 'where': where, 'values': values}
            if kind < 0.5:
                values = {**where, **self.progress_values(), 'last_watched': self.past()}
                return 'insert', {'table': 'content_progress', 'values': values, 'upsert': self.chance(0.7)}
            if self.chance(0.1):
                del where['lesson_id']
            if kind < 0.75:
                values = self.progress_values()
                if 'position_seconds' in values or self.chance(0.3):
                    values['last_watched'] = self.past()
                return 'update', {'table': 'content_progress', 'where': where, 'values': values}
            return 'delete', {'table': 'content_progress', 'where': where}
        where = {'user_id': user, 'course_id': self.finished(user) if self.chance(0.5) else self.some('courses')}
        kind = random.random()
        if kind < 0.5:
            values = {**where, 'enrolled_at': self.past()} if self.chance(0.5) else dict(where)
            if self.chance(0.4 if session.role == 'service_role' else 0.1):
                values.update(self.access())
            return 'insert', {'table': 'enrollments', 'values': values}
        if kind < 0.8:
            return 'update', {'table': 'enrollments', 'where': where, 'values': self.access()}
        return 'delete', {'table': 'enrollments', 'where': where}

    def access(self):
        """What only the service may write of an enrollment. The contract does not say what completes it if the date is taken back."""
        random = self.random
        return random.choice(({'expires_at': self.base - random.randint(1, 9) * DAY}, {'expires_at': self.base - DAY},
                              {'expires_at': None}, {'expires_at': self.base + 300 * DAY}, {'granted': self.chance(0.5)},
                              {'completed_at': self.past()}))

    def editing(self):
        """A statement on a table of the content."""
        random = self.random
        kind = random.random()
        content = self.model.committed
        last = self.last_ones()
        if last and self.chance(0.35):
            return self.out_of_the_way(random.choice(last)[1])
        if kind < 0.62:
            return 'update', self.update_content()
        if self.chance(0.1):
            where = {'course_id': self.some('courses'), 'required_course_id': self.some('courses')}
            if self.chance(0.6):
                return 'insert', {'table': 'course_prerequisites', 'values': where}
            del where['required_course_id']
            return 'delete', {'table': 'course_prerequisites', 'where': where}
        if self.chance(0.25):
            where = {'course_id': self.some('courses'), 'user_id': random.choice(USERS)}
            if self.chance(0.6):
                role = random.choice(('viewer', 'editor', 'editor')) if self.chance(0.97) else random.choice(('owner', None))
                return 'insert', {'table': 'course_staff', 'values': {**where, 'role': role}}
            if self.chance(0.5):
                return 'update', {'table': 'course_staff', 'where': where, 'values': {'role': random.choice(('viewer', 'editor'))}}
            return 'delete', {'table': 'course_staff', 'where': where}
        few = {'courses': 2, 'modules': 4, 'lessons': 8}
        table = random.choice(('courses', 'modules', 'lessons', 'lessons', 'lessons'))
        if len(content[table]) < few[table] + random.randint(0, few[table]):
            return 'insert', self.insert_content(table)
        return 'delete', {'table': table, 'where': {'id': self.some(table)}}

    def out_of_the_way(self, lesson):
        """A change of the content by which a lesson does not stand in the way of a completed course any more."""
        random = self.random
        module = self.model.committed['lessons'][lesson]['module_id']
        if self.chance(0.2):
            if self.chance(0.5):
                return 'delete', {'table': 'modules', 'where': {'id': module}}
            return 'update', {'table': 'modules', 'where': {'id': module}, 'values': {'course_id': self.some('courses')}}
        if self.chance(0.2):
            return 'delete', {'table': 'lessons', 'where': {'id': lesson}}
        if self.chance(0.3):
            if self.chance(0.5):
                return 'move_module', {'module': module, 'course': self.some('courses')}
            return 'move_lesson', {'lesson': lesson, 'module': self.some('modules')}
        return 'update', {'table': 'lessons', 'where': {'id': lesson}, 'values': random.choice((
            {'is_required': False}, {'is_published': False}, {'module_id': self.some('modules')}))}

    def moving(self):
        random = self.random
        if self.chance(0.6):
            module = self.some('modules')
            args = {'lesson': self.some('lessons'), 'module': module}
            beside = [row['id'] for row in self.model.committed['lessons'].values() if row['module_id'] == module]
            if beside and self.chance(0.7):
                args['before'] = random.choice(beside)
            elif self.chance(0.2):
                args['before'] = self.some('lessons')
            return 'move_lesson', args
        module = self.some('modules')
        course = self.model.committed['modules'].get(module, {}).get('course_id')
        args = {'module': module}
        if self.chance(0.4):
            course = args['course'] = self.some('courses')
        beside = [row['id'] for row in self.model.committed['modules'].values() if row['course_id'] == course]
        if beside and self.chance(0.7):
            args['before'] = random.choice(beside)
        elif self.chance(0.2):
            args['before'] = self.some('modules')
        return 'move_module', args

    def reading(self, session):
        random = self.random
        name = random.choice(('completion_threshold', 'course_completion', 'course_progress', 'course_outline',
                              'next_lesson', 'continue_watching', 'course_report', 'course_summary', 'lesson_report',
                              'lesson_retention', 'select', 'mux_playback_claims', 'course_outline'))
        if name == 'mux_playback_claims' and session.role == 'service_role' and self.chance(0.9):
            name = 'next_lesson'
        if name == 'select':
            return name, {'table': random.choice(list(TABLES))}
        if name in ('course_report', 'course_summary', 'lesson_report'):
            args = {'course': self.some('courses')}
            if name == 'course_report' and self.chance(0.4):
                args['max_rows'] = random.choice((1, 1, 2, 3, 0, -1, None))
            if name == 'course_report' and self.chance(0.3):
                enrolled = [user for user, course in self.model.committed['enrollments'] if course == args['course']]
                args['after'] = random.choice(enrolled or USERS) if self.chance(0.9) else random.choice(USERS)
            return name, args
        if name == 'lesson_retention':
            args = {'lesson': None if self.chance(0.01) else self.some('lessons')}
            if self.chance(0.7):
                args['step_seconds'] = random.choice((1, 2, 3, 7, 10, 2**31 - 1, 0, None))
            return name, args
        if name in ('completion_threshold', 'mux_playback_claims'):
            return name, {'lesson': None if self.chance(0.01) else self.some('lessons')}
        args = {}
        if name in ('course_completion', 'course_outline', 'next_lesson'):
            args['course'] = None if self.chance(0.01) else self.some('courses')
        if name == 'continue_watching' and self.chance(0.4):
            args['max_rows'] = random.choice((1, 2, 3, 5, 0, -1, None))
        return name, self.user(session, args)

    def draw(self):
        """One operation."""
        random = self.random
        connection = random.choice(CONNECTIONS)
        session = self.sessions[connection]
        if session.layers is not None and self.chance(0.25):
            return connection, random.choice(('commit', 'commit', 'commit', 'rollback', 'savepoint', 'savepoint',
                                              'rollback_to')), {}
        kind = random.choices(
            ('report', 'batch', 'watch', 'read', 'enroll', 'unenroll', 'reset', 'recompute', 'move', 'edit', 'direct',
             'sign_in', 'setting', 'transaction', 'account', 'reconnect', 'burst', 'certificate'),
            (30, 12, 4, 24, 4, 1.5, 1.5, 2, 4, 10, 9, 7, 0.7, 4, 0.5, 0.2, 1, 6))[0]
        servers = [number for number in CONNECTIONS if self.sessions[number].role == 'service_role']
        if servers and kind in ('edit', 'move', 'recompute', 'certificate') and self.chance(0.7):
            connection = random.choice(servers)
        staff = [number for number in CONNECTIONS
                 if any(user == self.sessions[number].user for user, _ in self.model.committed['course_staff'])]
        if staff and kind in ('move', 'recompute', 'edit') and self.chance(0.4):
            connection = random.choice(staff)
        if kind == 'report':
            return connection, 'record_progress', self.record_progress(session)
        if kind == 'batch':
            return connection, 'record_progress_batch', self.record_progress_batch(session)
        if kind == 'watch':
            return connection, 'record_progress_batch', self.watching(session)
        if kind == 'read':
            return connection, *self.reading(session)
        if kind in ('enroll', 'unenroll'):
            args = self.user(session, {})
            args['course'] = self.some('courses')
            if self.chance(0.5):
                args['course'] = self.finished(args.get('user') or session.user)
            if self.chance(0.01):
                args['course'] = None
            return connection, kind, args
        if kind == 'reset':
            args = self.user(session, {'course': None if self.chance(0.01) else self.some('courses')})
            if self.chance(0.4):
                args['dry_run'] = random.choice((True, True, False, None))
            return connection, 'reset_progress', args
        if kind == 'recompute':
            return connection, 'recompute_completion', {'course': self.some('courses')}
        if kind == 'move':
            return connection, *self.moving()
        if kind == 'edit':
            return connection, *self.editing()
        if kind == 'certificate':
            return connection, *self.certifying(self.sessions[connection])
        if kind == 'direct':
            return connection, *self.directly(session)
        if kind == 'sign_in':
            return connection, 'sign_in', self.identity()
        if kind == 'setting':
            if self.chance(0.4):
                return connection, 'set_clock', self.clock()
            if self.chance(0.5):
                return connection, 'set_interval', {'value': random.choice((0, 60, 3600))}
            return connection, 'set_threshold', {'value': random.choice((90, 90, 80, 100, 1))}
        if kind == 'transaction':
            return connection, 'begin', {}
        if kind == 'account':
            user = random.choice(USERS)
            if user in self.model.committed['users']:
                return 0, 'delete', {'table': 'users', 'where': {'id': user}}
            return 0, 'insert', {'table': 'users', 'values': {'id': user}}
        if kind == 'reconnect':
            return connection, 'reconnect', {}
        return 0, 'burst', self.burst()

    def burst(self):
        """What several devices do at once, all with one or two learners and one course: each as many
        requests, of which the first ones meet, then the second ones, ..."""
        random = self.random
        kind = random.choice(('finish', 'finish', 'content', 'content', 'commuting', 'resets', 'account'))
        users = random.sample(USERS[:4], random.randint(1, 2))
        course = self.some('courses', 0)
        unfinished = [key for key, row in self.model.committed['enrollments'].items() if row['completed_at'] is None]
        if unfinished and self.chance(0.8):
            users[0], course = random.choice(unfinished)
        lessons = self.lessons_of(course)
        rounds = random.randint(1, 4)
        devices = [[self.request(kind, random.choice(users), course, lessons) for _ in range(rounds)] for _ in range(4)]
        if kind in ('finish', 'content'):
            # The last lessons, each by a device of its own.
            random.shuffle(lessons)
            for number, lesson in enumerate(lessons):
                devices[number % 4][number // 4 % rounds] = self.finish(users[0], lesson)
        if kind == 'content' and lessons != ['l0']:
            # One that is not finished goes, just as the others are.
            lesson = random.choice(lessons)
            devices[random.randrange(4)][random.randrange(rounds)] = ({'role': 'service_role'}, *random.choice((
                ('delete', {'table': 'lessons', 'where': {'id': lesson}}),
                ('update', {'table': 'lessons', 'where': {'id': lesson}, 'values': {'is_required': False}}),
                ('update', {'table': 'lessons', 'where': {'id': lesson}, 'values': {'is_published': False}}))))
        if kind == 'account':
            devices[0][random.randrange(rounds)] = ({'role': 'owner'}, 'delete', {'table': 'users', 'where': {'id': users[0]}})
        return {'devices': devices, 'rate': random.choice((0, 0, 2.5))}

    def finish(self, user, lesson):
        who = {'role': 'authenticated', 'user': user, 'tier': 'studio'}
        if self.chance(0.5):
            told = {'played': [[0, 9000]]} if self.is_watched(lesson) else {'pct': 100}
            return who, 'record_progress', {'lesson': lesson, **told, 'position': self.random.randint(0, 9000)}
        told = {'played': [[0, 9000]]} if self.is_watched(lesson) else {'watched_pct': 100}
        return who, 'record_progress_batch', {'reports': [
            {'lesson_id': lesson, **told, 'position_seconds': 5, 'watched_at': self.past()}]}

    def is_watched(self, lesson):
        """Whether a lesson is to be watched, mostly."""
        self.model.session, self.model.layer = self.sessions[0], {}
        return lesson in self.model.committed['lessons'] and self.model.way(lesson) == 'watch' and self.chance(0.95)

    def told(self, lesson, pct):
        """What a device reports: a percentage, or a part of the video."""
        if self.is_watched(lesson) or self.chance(0.1):
            start = self.random.choice((0, 0, self.random.randint(0, 100)))
            return {'played': [[start, start + self.random.choice((10, 50, 9000))]]}
        return {pct: self.random.choice((100, self.random.randint(0, 100)))}

    def request(self, kind, user, course, lessons):
        random = self.random
        learner = {'role': 'authenticated', 'user': user, 'tier': 'studio'}
        server = {'role': 'service_role'}
        who, named = (learner, {}) if self.chance(0.7) else (server, {'user': user})
        draw = random.random()
        if draw < 0.35:
            lesson = random.choice(lessons)
            return who, 'record_progress', {'lesson': lesson, **self.told(lesson, 'pct'),
                                            'position': random.randint(0, 9000), **named}
        if draw < 0.7:
            reports = [{'lesson_id': lesson, **self.told(lesson, 'watched_pct'),
                        'position_seconds': random.randint(0, 9000), 'watched_at': self.past()}
                       for lesson in random.sample(lessons, random.randint(1, min(len(lessons), 6)))]
            return who, 'record_progress_batch', {'reports': reports, **named}
        if draw < 0.78:
            return who, 'enroll', {'course': course, **named}
        if draw < 0.84:
            return server, 'recompute_completion', {'course': course}
        if draw < 0.9:
            lesson = random.choice(lessons)
            module = self.model.committed['lessons'].get(lesson, {}).get('module_id', 'm0')
            return server, 'move_lesson', {'lesson': lesson, 'module': module}
        if kind == 'resets':
            return who, 'reset_progress', {'course': course, **named}
        return who, 'course_outline', {'course': course, **named}
