"""rules: what the contract says that every operation answers and leaves.

Written from the rules R1 to R13, the README and the comments of the functions,
not from the extension's code. A Model holds the eight tables and auth.users in
dictionaries; an operation is run on it as on the server and returns the rows
that are due, or raises Refused with the SQLSTATEs of which one is due: where
several things are wrong at once, the contract does not say which is named.
"""
import datetime
import hashlib
import math
import uuid
from decimal import Decimal, ROUND_HALF_UP

from seconds import credit, is_joined, is_played, played_seconds, seconds_of, shown

TABLES = {
    'courses': {
        'id': None, 'title': None, 'description': '', 'slug': None, 'thumbnail_url': None, 'stage': None,
        'topic': None, 'tier_required': 'free', 'is_published': False, 'sort_order': 0, 'created_at': 'now',
        'updated_at': 'now', 'completion_threshold': None, 'metadata': {}, 'is_open': True,
        'is_sequential': False, 'access_period': None, 'progress_by': 'report', 'certificate_valid_for': None},
    'course_prerequisites': {'course_id': None, 'required_course_id': None},
    'course_staff': {'course_id': None, 'user_id': None, 'role': None, 'created_at': 'now'},
    'modules': {
        'id': None, 'course_id': None, 'title': None, 'description': '', 'sort_order': 0, 'created_at': 'now',
        'updated_at': 'now', 'metadata': {}, 'unlock_at': None, 'unlock_after': None},
    'lessons': {
        'id': None, 'module_id': None, 'title': None, 'description': '', 'sort_order': 0,
        'duration_seconds': None, 'mux_upload_id': None, 'mux_asset_id': None, 'mux_playback_id': None,
        'mux_status': 'pending', 'is_preview': False, 'created_at': 'now', 'updated_at': 'now',
        'completion_threshold': None, 'is_required': True, 'metadata': {}, 'is_published': True,
        'unlock_at': None, 'unlock_after': None, 'progress_by': None},
    'enrollments': {
        'id': 'new', 'user_id': None, 'course_id': None, 'enrolled_at': 'now', 'completed_at': None,
        'expires_at': None, 'granted': False},
    'content_progress': {
        'id': 'new', 'user_id': None, 'lesson_id': None, 'watched_pct': 0, 'completed': False,
        'last_watched': 'now', 'position_seconds': None, 'completed_at': None, 'watched': '{}',
        'started_at': None},
    'certificates': {
        'id': 'new', 'code': 'new', 'user_id': None, 'course_id': None, 'learner_name': None, 'course_title': None,
        'completed_at': None, 'issued_at': 'now', 'expires_at': None, 'revoked_at': None, 'revoked_reason': None,
        'metadata': {}},
}
# What record_progress() returns of a row of progress, with whether the course was completed.
RECORDED = (*list(TABLES['content_progress'])[:8], 'course_completed')
CONTENT = ('courses', 'modules', 'lessons')
NULLABLE = {'thumbnail_url', 'stage', 'topic', 'completion_threshold', 'duration_seconds', 'mux_upload_id',
            'mux_asset_id', 'mux_playback_id', 'position_seconds', 'completed_at', 'access_period', 'unlock_at',
            'unlock_after', 'expires_at', 'started_at', 'progress_by', 'certificate_valid_for'}
TIERS = ('free', 'pro', 'studio')
# What editors may write directly, once it is granted.
AUTHORED = ('modules', 'lessons')
# The tables whose rows are a learner's own, and the keys of those that have another one than id.
OWN = ('enrollments', 'content_progress')
KEYS = {'enrollments': ('user_id', 'course_id'), 'content_progress': ('user_id', 'lesson_id'),
        'course_prerequisites': ('course_id', 'required_course_id'), 'course_staff': ('user_id', 'course_id')}
# The columns of an enrollment that learners may insert.
ENROLLING = {'id', 'user_id', 'course_id', 'enrolled_at'}
DEFAULT_THRESHOLD = 90
ZERO = datetime.timedelta(0)
# The greatest integer of the server's.
MOST = 2147483647

_ids = {}


def uid(name):
    """The uuid that a name like c1 or u2 stands for: the same every time, in no order."""
    if name not in _ids:
        _ids[name] = str(uuid.UUID(hashlib.md5(name.encode()).hexdigest()))
        names[_ids[name]] = name
    return _ids[name]


names = {}
# The certificates that were issued, by the names that operations have for them: their codes are the server's.
issued = {}


class Refused(Exception):
    """One of these SQLSTATEs is due."""

    def __init__(self, *states):
        self.states = set(states)


class Uncertain(Exception):
    """The answer depends on the very moment."""


class Unknown:
    """A value that the server chooses: seen once, it stays; an instant lies in the bounds of its statement."""
    __slots__ = ('low', 'high', 'value')
    slack = datetime.timedelta(milliseconds=100)

    def __init__(self, low=None, high=None):
        self.low, self.high, self.value = low, high, None

    def matches(self, seen):
        if self.value is not None:
            return self.value == seen
        if self.low is not None and not (isinstance(seen, datetime.datetime)
                                         and self.low - self.slack <= seen <= self.high + self.slack):
            return False
        if seen is None:
            return False
        self.value = seen
        return True

    def __repr__(self):
        return repr(self.value) if self.value is not None else f'<{self.low or "any"}>'


class Later(Unknown):
    """A time so long after one that the server has chosen."""
    __slots__ = ('begin', 'delta')

    def __init__(self, begin, delta):
        self.begin, self.delta = begin, delta

    low = property(lambda self: self.begin.low + self.delta)
    high = property(lambda self: self.begin.high + self.delta)
    value = property(lambda self: self.begin.value and self.begin.value + self.delta)

    def matches(self, seen):
        return isinstance(seen, datetime.datetime) and self.begin.matches(seen - self.delta)


class Text:
    """A value as a text: an id after other text, or a time to the second."""

    def __init__(self, value, before=''):
        self.value, self.before = value, before

    def matches(self, seen):
        if self.before:
            return seen.startswith(self.before) and same(self.value, seen[len(self.before):])
        return seen.endswith('Z') and datetime.datetime.fromisoformat(seen) == instant(self.value).replace(microsecond=0)

    def __repr__(self):
        return f'<{self.before}{self.value!r} as text>'


def later(time, delta):
    return Later(time, delta) if isinstance(time, Unknown) else time + delta


class OneOf:
    """A flag that the server sets in exactly one of several rows."""

    def __init__(self, rows):
        self.rows, self.seen = rows, []

    def matches(self, seen):
        self.seen.append(seen)
        return sum(self.seen) == 1 if len(self.seen) == self.rows else sum(self.seen) <= 1

    def __repr__(self):
        return f'<true in one of {self.rows}>'


def instant(time):
    """A time as one that compares: statements follow one another, so a bound will do."""
    if isinstance(time, Unknown):
        return time.value or time.low
    return time


ANYTHING = object()


def same(expected, seen):
    """Whether the server's value is the expected one."""
    if expected is ANYTHING:
        return True
    if isinstance(expected, OneOf):
        return isinstance(seen, bool) and expected.matches(seen)
    if isinstance(expected, Text):
        return isinstance(seen, str) and expected.matches(seen)
    if isinstance(expected, Unknown):
        if expected.low is not None and isinstance(seen, str):
            seen = datetime.datetime.fromisoformat(seen)
        return expected.matches(seen)
    if isinstance(expected, datetime.datetime) and isinstance(seen, str):
        return expected == datetime.datetime.fromisoformat(seen)
    if isinstance(expected, dict):
        return (isinstance(seen, dict) and expected.keys() == seen.keys()
                and all(same(value, seen[key]) for key, value in expected.items()))
    if isinstance(expected, (list, tuple)):
        return (isinstance(seen, (list, tuple)) and len(expected) == len(seen)
                and all(map(same, expected, seen)))
    if isinstance(expected, bool) or isinstance(seen, bool):
        return expected is seen
    return expected == seen


class Session:
    """A connection: who is signed in, its settings, and the changes of its open transaction."""

    def __init__(self):
        self.role, self.user, self.tier = 'owner', None, None
        self.interval, self.threshold = 15, DEFAULT_THRESHOLD
        self.rate, self.grace = 2.5, 30
        self.layers = None
        self.start = None
        self.users, self.content = set(), 0

    def end(self):
        self.layers = None
        self.start = None
        self.users, self.content = set(), 0


class Model:
    # Whether content_library_strict() was called: learners write through functions alone.
    strict = False

    def __init__(self):
        self.committed = {table: {} for table in (*TABLES, 'users')}
        self.events = []
        self.session = None
        self.layer = None

    # Transactions: changes lie in layers above what is committed, the statement's on top.

    def rows(self, table):
        layers = [layer[table] for layer in (*(self.session.layers or ()), self.layer) if layer.get(table)]
        if not layers:
            return self.committed[table]
        merged = dict(self.committed[table])
        for layer in layers:
            merged.update(layer)
        return {key: row for key, row in merged.items() if row is not None}

    def put(self, table, key, row):
        self.layer.setdefault(table, {})[key] = row

    def commit_layer(self, layer):
        for table, changes in layer.items():
            if table == 'events':
                self.events += changes
                continue
            for key, row in changes.items():
                if row is None:
                    self.committed[table].pop(key, None)
                else:
                    self.committed[table][key] = row

    def is_certain(self, session, name, args, low, high):
        """Whether an operation has one outcome, whenever between two times it runs. Changes nothing."""
        # What opens or ends between the two times is refused at one of them only.
        outcomes = [self.is_refused(session, name, args, *bounds) for bounds in ((low, low), (high, high), (low, high))]
        return None not in outcomes and len(set(outcomes)) == 1

    def is_refused(self, session, name, args, low, high):
        """None where that depends on the moment."""
        self.prepare(session, low, high)
        try:
            getattr(self, name)(**args)
        except Refused:
            return True
        except Uncertain:
            return None
        return False

    def prepare(self, session, low, high):
        self.session = session
        self.layer = {}
        self.clock = Unknown(low, high)
        self.now = session.start or self.clock
        self.bounds = low, high
        self.completed = []

    def run(self, session, name, args, low, high):
        """Runs one operation; returns its rows, or raises Refused and changes nothing."""
        self.prepare(session, low, high)
        rows = getattr(self, name)(**args)
        self.complete_courses()
        if session.layers is None:
            self.commit_layer(self.layer)
        else:
            top = session.layers[-1]
            for table, changes in self.layer.items():
                if table == 'events':
                    top.setdefault('events', []).extend(changes)
                else:
                    top.setdefault(table, {}).update(changes)
        return rows

    def live(self):
        return Unknown(*self.bounds)

    # Sessions.

    def sign_in(self, role, user=None, tier=None):
        self.session.role, self.session.user, self.session.tier = role, user, tier

    def set_interval(self, value):
        self.session.interval = value

    def set_threshold(self, value):
        self.session.threshold = value

    def set_clock(self, rate, grace):
        self.session.rate, self.session.grace = rate, grace

    def begin(self):
        self.session.layers = [{}]
        self.session.start = self.clock
        self.layer = {}

    def savepoint(self):
        self.session.layers.append({})

    def rollback_to(self):
        self.session.layers[-1] = {}

    def commit(self):
        told = []
        for layer in self.session.layers:
            # The server sends the same notification once in a transaction.
            for event in layer.pop('events', ()):
                if not any(same_event(event, one) for one in told):
                    told.append(event)
            self.commit_layer(layer)
        self.events += told
        self.session.end()

    def rollback(self):
        self.session.end()

    # What the functions ask about.

    def caller(self, user, wrong):
        """R7: the user that a call is about."""
        session = self.session
        if session.role == 'anon':
            raise Refused('42501')
        if user is None:
            if session.role == 'authenticated' and session.user:
                return session.user
            wrong.add('28000')
        elif session.role == 'authenticated' and user != session.user:
            wrong.add('42501')
        return user

    def is_service(self):
        return self.session.role in ('service_role', 'owner')

    def is_staff(self, course, role='viewer'):
        """R7: whether the caller is staff of a course."""
        row = self.rows('course_staff').get((self.session.user, course))
        return (self.session.role == 'authenticated' and row is not None
                and (role == 'viewer' or row['role'] == 'editor'))

    def staff_only(self, role, *courses):
        """R7: what is wrong with a caller who should be staff of these courses; None stands for an unknown one."""
        if self.session.role == 'anon':
            raise Refused('42501')
        if self.is_service():
            return set()
        if self.session.user is None:
            return {'28000'}
        return set() if all(self.is_staff(course, role) for course in courses) else {'42501'}

    def sees(self, course):
        """The course's row, if there is one that the caller sees."""
        row = self.rows('courses').get(course)
        if row and (row['is_published'] or self.session.role != 'authenticated' or self.is_staff(course)):
            return row
        return None

    def course_of(self, lesson):
        return self.rows('modules')[self.rows('lessons')[lesson]['module_id']]['course_id']

    @staticmethod
    def in_order(rows):
        return sorted(rows, key=lambda row: (row['sort_order'], instant(row['created_at']), uid(row['id'])))

    def course_lessons(self, course):
        """The lessons of a course, in course order."""
        lessons = self.rows('lessons').values()
        modules = [row for row in self.rows('modules').values() if row['course_id'] == course]
        return [lesson for module in self.in_order(modules)
                for lesson in self.in_order(row for row in lessons if row['module_id'] == module['id'])]

    def bar(self, lesson):
        """The lesson's threshold, else its course's, whether or not that is published, else the setting's."""
        row = self.rows('lessons')[lesson]
        if row['completion_threshold'] is not None:
            return row['completion_threshold']
        course = self.rows('courses')[self.course_of(lesson)]
        if course['completion_threshold'] is not None:
            return course['completion_threshold']
        return self.session.threshold

    def required(self, course):
        """R6: what counts; a draft does not."""
        return [row['id'] for row in self.course_lessons(course) if row['is_required'] and row['is_published']]

    def is_completed(self, user, lesson):
        row = self.rows('content_progress').get((user, lesson))
        return row is not None and row['completed']

    def counts(self, course, user):
        """R4, R5: required lessons, completed ones, and the percentage."""
        required = self.required(course)
        done = sum(self.is_completed(user, lesson) for lesson in required)
        return len(required), done, 100 * done // len(required) if required else None

    def following(self, course, user):
        """The first required lesson that is not completed and may be watched."""
        return next((lesson for lesson in self.required(course)
                     if not self.is_completed(user, lesson) and not self.refusal(lesson, user)), None)

    def latest(self, course, user):
        """R10: the date of a completed course. A lesson that the app has marked may have none, and counts as last watched."""
        rows = [self.rows('content_progress')[user, lesson] for lesson in self.required(course)]
        return max((row['completed_at'] or row['last_watched'] for row in rows), key=instant)

    def claim(self, course, user):
        """R10: completes a course, once; one that is completed may be dated earlier, without another event."""
        row = self.rows('enrollments').get((user, course))
        if row is None or self.counts(course, user)[2] != 100:
            return False
        time = self.latest(course, user)
        if row['completed_at'] is not None and instant(time) >= instant(row['completed_at']):
            return False
        self.put('enrollments', (user, course), {**row, 'completed_at': time})
        if row['completed_at'] is not None:
            return False
        self.layer.setdefault('events', []).append(
            {'event': 'course_completed', 'course_id': course, 'user_id': user, 'completed_at': time})
        return True

    def complete_courses(self):
        """R10, whatever path: after each operation no enrollment is open whose required lessons are completed."""
        for user, lesson in self.completed:
            self.claim(self.course_of(lesson), user)
        if not self.layer:
            return
        for (user, course), row in list(self.rows('enrollments').items()):
            if row['completed_at'] is None:
                self.claim(course, user)

    def output(self, table, row):
        return tuple(row[column] for column in TABLES[table])

    # Learners' functions.

    def tier_suffices(self, course):
        tier = self.session.tier if self.session.tier in TIERS else 'free'
        return TIERS.index(tier) >= TIERS.index(self.rows('courses')[course]['tier_required'])

    def no_access(self, course, user):
        """R8: why a learner has no access to the lessons of a course."""
        row = self.rows('enrollments').get((user, course))
        if row is None:
            return 'not_enrolled'
        if row['expires_at'] is not None and instant(row['expires_at']) <= instant(self.now):
            return 'expired'
        # The tier is the caller's: of a learner who is named it is not known.
        if not row['granted'] and not self.is_service() and user == self.session.user and not self.tier_suffices(course):
            return 'tier'
        return None

    def unlocks_at(self, lesson, enrollment):
        """R12: when a lesson opens."""
        module = self.rows('modules')[lesson['module_id']]
        times = [row['unlock_at'] for row in (lesson, module) if row['unlock_at'] is not None]
        times += [later(enrollment['enrolled_at'], row['unlock_after']) for row in (lesson, module)
                  if row['unlock_after'] is not None]
        return max(times, key=instant) if times else None

    def refusal(self, lesson, user):
        """R8, R12: why a learner may not watch a published lesson of a course that the caller sees."""
        row = self.rows('lessons')[lesson]
        course = self.course_of(lesson)
        if row['is_preview']:
            return None
        reason = self.no_access(course, user)
        if reason:
            return reason
        enrollment = self.rows('enrollments')[user, course]
        if (user, lesson) in self.rows('content_progress') or enrollment['completed_at'] is not None:
            return None
        opens = self.unlocks_at(row, enrollment)
        if opens is not None and instant(opens) > instant(self.now):
            return 'date'
        if self.rows('courses')[course]['is_sequential']:
            place = [other['id'] for other in self.course_lessons(course)].index(lesson)
            before = {other['id'] for other in self.course_lessons(course)[:place]}
            if any(not self.is_completed(user, other) for other in self.required(course) if other in before):
                return 'sequence'
        return None

    def is_there(self, lesson):
        """Whether a lesson is there for learners."""
        return (lesson in self.rows('lessons') and self.rows('lessons')[lesson]['is_published']
                and self.rows('courses')[self.course_of(lesson)]['is_published'])

    def may_begin(self, lesson, user):
        """R8, for a lesson without progress: what stands in the way."""
        wrong = set()
        if user not in self.rows('users'):
            wrong.add('23503')
        if not self.is_there(lesson):
            wrong.add('23503')
        elif self.refusal(lesson, user) and not (
                self.refusal(lesson, user) in ('date', 'sequence') and user == self.session.user and self.is_staff(self.course_of(lesson))):
            wrong.add('42501')
        return wrong

    def advance(self, lesson, user, report):
        """R1, R2, R3, R9, R13: one report, of which all is known to be well. Whether it completes the lesson or dates it."""
        key = user, lesson
        old = self.rows('content_progress').get(key)
        bar = self.bar(lesson)
        position, time = report['position'], report['time']
        seconds, more, pct, date = self.weigh(key, report)
        if old is None:
            completed = pct >= bar
            row = {'id': Unknown(), 'user_id': user, 'lesson_id': lesson, 'watched_pct': pct,
                   'completed': completed, 'last_watched': time, 'position_seconds': position,
                   'completed_at': time if completed else None, 'watched': shown(seconds), 'started_at': self.live(),
                   'placed': time if position is not None else None}
            self.put('content_progress', key, row)
            return completed
        best = max(pct, old['watched_pct'])
        completes = not old['completed'] and best >= bar
        # A lesson that the app has completed without a date keeps none.
        earlier = (old['completed'] and pct >= bar and old['completed_at'] is not None
                   and instant(time) < instant(old['completed_at']))
        ahead = instant(time) - instant(old['last_watched'])
        interval = self.session.interval
        stood = old['position_seconds']
        moved = ahead > ZERO and ahead > datetime.timedelta(seconds=interval)
        if position is not None:
            moved = moved or stood is None or ahead >= ZERO and abs(position - stood) > interval
        if not (best > old['watched_pct'] or completes or earlier or moved or more):
            return False
        row = dict(old, watched_pct=best, started_at=old['started_at'] or self.live())
        if more:
            row['watched'] = shown(seconds)
        if completes:
            row['completed'] = True
        if completes and old['completed_at'] is None or (completes or earlier) and instant(date) < instant(old['completed_at']):
            row['completed_at'] = date
        if ahead > ZERO:
            row['last_watched'] = time
        # The position of the latest report counts; of two at one instant the further; a late one if there is none.
        if position is not None and (stood is None or ahead > ZERO or ahead == ZERO and position > stood):
            row['position_seconds'], row['placed'] = position, time
        self.put('content_progress', key, row)
        return completes or earlier

    # R13.

    def length(self, lesson):
        """How long the video of a lesson is; None if nobody knows."""
        length = self.rows('lessons')[lesson]['duration_seconds']
        return length if length is not None and length > 0 else None

    def way(self, lesson):
        """What moves the progress of a lesson. One without any video takes reports in place of what was watched."""
        row = self.rows('lessons')[lesson]
        way = row['progress_by'] or self.rows('courses')[self.course_of(lesson)]['progress_by']
        if way == 'watch' and row['mux_upload_id'] is None and row['mux_asset_id'] is None and self.length(lesson) is None:
            return 'report'
        return way

    def names_learner(self, user):
        """R7: whether a user who has signed in names another one."""
        return self.session.role == 'authenticated' and user is not None and user != self.session.user

    def marks(self, lesson, user):
        """Whether the caller is an editor who reports on a lesson for a learner: only where learners do not."""
        if lesson not in self.rows('lessons') or self.way(lesson) != 'server':
            return False
        course = self.course_of(lesson)
        return self.is_staff(course, 'editor') and (user, course) in self.rows('enrollments')

    def wrong_way(self, lesson, user, pct, played, time):
        """What is wrong with a report of a lesson that is there."""
        way, length = self.way(lesson), self.length(lesson)
        wrong = set()
        if way == 'server' and not self.is_service() and not self.is_staff(self.course_of(lesson), 'editor'):
            wrong.add('42501')
        if way == 'watch' and not self.is_service() and pct is not None:
            wrong.add('22023')
        if length is None and way == 'watch' and played is not None:
            wrong.add('55000')
        if length is None and way != 'watch' and pct is None:
            wrong.add('22023')
        row = self.rows('content_progress').get((user, lesson))
        if wrong and row and played is None and row['completed'] and (
                self.whole(pct, 100) is not None) and self.whole(pct, 100) <= row['watched_pct'] and (
                row['completed_at'] is None or instant(row['completed_at']) <= (self.bounds[1] if isinstance(time, Unknown) else time)):
            # The lesson of a report that can change nothing is not looked at.
            return set()
        return wrong

    def allowed_since(self, time):
        """How many seconds the clock allows since a time, None for now: the fewest and the most, for times are known roughly."""
        rate, grace = self.session.rate, self.session.grace
        if rate == 0:
            return math.inf, math.inf
        if time is None:
            return grace, grace
        low, high = self.bounds
        first, last = (time.low, time.high) if isinstance(time, Unknown) and time.value is None else [instant(time)] * 2
        return [math.ceil(rate * max(0, elapsed.total_seconds())) + grace for elapsed in (low - last, high - first)]

    def weigh(self, key, report):
        """What a report comes to: the seconds its row is to hold, whether they are new, the percentage, and a date of completion."""
        user, lesson = key
        claimed, time, length = report['pct'], report['time'], self.length(lesson)
        old = self.rows('content_progress').get(key)
        there = seconds_of(old['watched']) if old else set()
        if report['played'] is None or length is None:
            return there, False, claimed, time
        played = played_seconds(report['played'], length)
        clocked = self.way(lesson) == 'watch'
        rooms = self.allowed_since(old['started_at'] if old else None) if clocked else [math.inf] * 2
        seconds, more, pct = self.credited(key, claimed, there, played, clocked, rooms)
        if clocked and not (old and old['completed']) and pct >= self.bar(lesson) and (claimed is None or claimed < self.bar(lesson)):
            # What completes the lesson must be within the bound of the whole course, too.
            rows = [(other, row) for (who, other), row in self.rows('content_progress').items()
                    if who == user and self.course_of(other) == self.course_of(lesson)]
            begun = [row['started_at'] for _, row in rows if row['started_at'] is not None]
            beside = sum(len(seconds_of(row['watched'])) for other, row in rows if other != lesson)
            course = self.allowed_since(min(begun, key=instant) if begun else None)
            rooms = [min(own, all_of_it - beside) for own, all_of_it in zip(rooms, course)]
            seconds, more, pct = self.credited(key, claimed, there, played, clocked, rooms)
        # Seconds come together from several reports, so the latest dates the lesson.
        if claimed is None and old and instant(time) < instant(old['last_watched']) <= self.bounds[1]:
            time = old['last_watched']
        return seconds, more, pct, time

    def credited(self, key, claimed, there, played, clocked, rooms):
        """What a report comes to, if so many seconds are allowed, between the fewest and the most."""
        fewest, most = (credit(there, played, room) for room in rooms)
        # Of many ranges more may be joined than fit, and then none counts.
        if fewest != most or rooms[0] != rooms[1] and is_joined(there | played):
            raise Uncertain
        old = self.rows('content_progress').get(key)
        more = len(most) > len(there) or clocked and old is not None and old['started_at'] is None
        pct = 0
        if claimed is None or clocked:
            length = self.length(key[1])
            pct = 100 * sum(second < length for second in most) // length
        # What adds nothing reaches no threshold again.
        if not more and pct <= (old['watched_pct'] if old else 0):
            pct = 0
        return most, more, max(pct, claimed or 0)

    @staticmethod
    def whole(number, most):
        """A player's number, rounded down; None if it is out of range."""
        if number is None or not math.isfinite(number) or not 0 <= math.floor(number) <= most:
            return None
        return math.floor(number)

    def record_progress(self, lesson, pct=None, position=None, user=None, played=None):
        wrong = set()
        if not (self.names_learner(user) and self.marks(lesson, user)):
            user = self.caller(user, wrong)
        if lesson is None or pct is None and played is None:
            wrong.add('22004')
        if not self.well_told(pct, position, played):
            wrong.add('22023')
        if lesson in self.rows('lessons'):
            wrong |= self.wrong_way(lesson, user, pct, played, self.live())
        # What else is wrong may be named as well.
        if lesson is not None and user is not None and (user, lesson) not in self.rows('content_progress'):
            wrong |= self.may_begin(lesson, user)
        if wrong:
            raise Refused(*wrong)
        return self.record(user, [self.report(lesson, pct, position, played, self.live())])

    def well_told(self, pct, position, played):
        return ((pct is None or self.whole(pct, 100) is not None)
                and (position is None or self.whole(position, MOST) is not None)
                and (played is None or is_played(played)))

    def report(self, lesson, pct, position, played, time):
        return {'lesson': lesson, 'pct': self.whole(pct, 100), 'position': self.whole(position, MOST),
                'played': played, 'time': time}

    def record(self, user, reports):
        """Reports of which all is known to be well; of those that complete a course, one says so."""
        dated = [report['lesson'] for report in sorted(reports, key=lambda report: uid(report['lesson']))
                 if self.advance(report['lesson'], user, report)]
        flags = {}
        for course in {self.course_of(lesson) for lesson in dated}:
            if self.claim(course, user):
                lessons = [lesson for lesson in dated if self.course_of(lesson) == course]
                flags.update(dict.fromkeys(lessons, OneOf(len(lessons))))
        rows = [(report['lesson'], self.rows('content_progress')[user, report['lesson']]) for report in reports]
        return [(*[row[column] for column in RECORDED[:-1]], flags.get(lesson, False)) for lesson, row in rows]

    def record_progress_batch(self, reports, user=None, skip_refused=False):
        wrong = set()
        # R13: an editor marks lessons of a learner, and at least one.
        by_editor = self.names_learner(user) and isinstance(reports, list) and any(
            isinstance(report, dict) and self.marks(report.get('lesson_id'), user) for report in reports)
        if not by_editor:
            user = self.caller(user, wrong)
        if reports is None or skip_refused is None:
            raise Refused('22004', *wrong)
        if not isinstance(reports, list) or len(reports) > 1000:
            raise Refused('22023', *wrong)
        seen, refused = set(), set()
        for report in reports:
            if not self.well_formed(report) or report['lesson_id'] in seen:
                wrong.add('22023')
                continue
            lesson = report['lesson_id']
            seen.add(lesson)
            reasons = set()
            if lesson in self.rows('lessons'):
                reasons = self.wrong_way(lesson, user, report.get('watched_pct'), report.get('played'),
                                         report.get('watched_at') or self.live())
            if (user, lesson) not in self.rows('content_progress'):
                reasons |= self.may_begin(lesson, user)
            if by_editor and not self.marks(lesson, user):
                reasons.add('42501')
            if skip_refused and reasons & {'42501', '23503'}:
                refused.add(lesson)
            else:
                wrong |= reasons
        if wrong:
            raise Refused(*wrong)
        now = self.live()
        return self.record(user, [
            self.report(report['lesson_id'], report.get('watched_pct'), report.get('position_seconds'),
                        report.get('played'), report.get('watched_at') or now)
            for report in reports if report['lesson_id'] not in refused])

    def well_formed(self, report):
        if not isinstance(report, dict) or 'lesson_id' not in report:
            return False
        if report.keys() - {'lesson_id', 'watched_pct', 'position_seconds', 'watched_at', 'played'}:
            return False
        pct, position, time, played = map(report.get, ('watched_pct', 'position_seconds', 'watched_at', 'played'))
        if not isinstance(report['lesson_id'], str) or report['lesson_id'] == 'no uuid' or pct is None and played is None:
            return False
        if any(number is not None and type(number) not in (int, float) for number in (pct, position)):
            return False
        if not self.well_told(pct, position, played):
            return False
        return time is None or isinstance(time, datetime.datetime) and time <= self.bounds[1]

    def enroll(self, course, user=None):
        wrong = set()
        user = self.caller(user, wrong)
        if course is None:
            raise Refused('22004', *wrong)
        row = self.rows('courses').get(course)
        there = self.rows('enrollments').get((user, course))
        # An enrollment that is there is answered with, whatever the course is now.
        if there is None:
            if not self.sees(course) or not row['is_published'] and not self.is_service():
                wrong.add('23503')
            if user is not None and user not in self.rows('users'):
                wrong.add('23503')
            if row and not self.is_service() and not (
                    row['is_open'] and self.tier_suffices(course) and self.has_prerequisites(course, user)):
                wrong.add('42501')
        if wrong:
            raise Refused(*wrong)
        ends = later(self.now, row['access_period']) if row['access_period'] else None
        if there is None:
            there = {'id': Unknown(), 'user_id': user, 'course_id': course, 'enrolled_at': self.now,
                     'completed_at': None, 'expires_at': ends, 'granted': self.is_service()}
        elif self.is_service():
            expired = there['expires_at'] is not None and instant(there['expires_at']) <= instant(self.now)
            there = {**there, 'granted': True, 'expires_at': ends if expired else there['expires_at']}
        self.put('enrollments', (user, course), there)
        self.complete_courses()
        return [self.output('enrollments', self.rows('enrollments')[user, course])]

    def has_prerequisites(self, course, user):
        """R12: whether a learner has completed the courses that must come first."""
        enrollments = self.rows('enrollments')
        return all((enrollments.get((user, required)) or {'completed_at': None})['completed_at'] is not None
                   for of, required in self.rows('course_prerequisites') if of == course)

    def unenroll(self, course, user=None):
        wrong = set()
        user = self.caller(user, wrong)
        if course is None:
            raise Refused('22004', *wrong)
        there = self.rows('enrollments').get((user, course))
        if there is None and not self.sees(course):
            wrong.add('23503')
        # Whoever came back would have a new access period.
        if there is not None and there['expires_at'] is not None and not self.is_service():
            wrong.add('42501')
        if wrong:
            raise Refused(*wrong)
        if there is None:
            return [(None,) * len(TABLES['enrollments'])]
        self.put('enrollments', (user, course), None)
        return [self.output('enrollments', there)]

    def reset_progress(self, course, user=None, dry_run=False):
        wrong = set()
        user = self.caller(user, wrong)
        if course is None or dry_run is None:
            wrong.add('22004')
        if (user, course) not in self.rows('enrollments'):
            wrong.add('42501')
            if not self.sees(course):
                wrong.add('23503')
        if wrong:
            raise Refused(*wrong)
        lessons = {row['id'] for row in self.course_lessons(course)}
        gone = [key for key in self.rows('content_progress') if key[0] == user and key[1] in lessons]
        if not dry_run:
            for key in gone:
                self.put('content_progress', key, None)
            row = self.rows('enrollments')[user, course]
            self.put('enrollments', (user, course), {**row, 'completed_at': None})
        return [(len(gone),)]

    def completion_threshold(self, lesson):
        if self.session.role == 'anon':
            raise Refused('42501')
        if lesson is None:
            raise Refused('22004')
        if lesson not in self.rows('lessons') or not self.sees(self.course_of(lesson)):
            raise Refused('23503')
        return [(self.bar(lesson),)]

    def of_course(self, course, user):
        """Whom a question about a course is about, or what is wrong with it."""
        wrong = set()
        user = self.caller(user, wrong)
        if course is None:
            wrong.add('22004')
        elif not self.sees(course):
            wrong.add('23503')
        if wrong:
            raise Refused(*wrong)
        return user

    def course_completion(self, course, user=None):
        return [(self.counts(course, self.of_course(course, user))[2],)]

    def next_lesson(self, course, user=None):
        return [(self.following(course, self.of_course(course, user)),)]

    def outline_user(self, course, user):
        """R7: whom an outline is about, and whether it is for staff, who see all."""
        named = (self.session.role == 'authenticated' and user not in (None, self.session.user) and self.is_staff(course)
                 and (user, course) in self.rows('enrollments'))
        if self.is_service() and user is None or named:
            if course is None:
                raise Refused('22004')
            if not self.sees(course):
                raise Refused('23503')
            return user, not named
        return self.of_course(course, user), user is None and self.is_staff(course)

    def course_outline(self, course, user=None):
        user, for_staff = self.outline_user(course, user)
        row = self.rows('courses')[course]
        enrollment = self.rows('enrollments').get((user, course))
        required, done, percent = self.counts(course, user)
        page = {key: row[key] for key in ('id', 'title', 'description', 'slug', 'thumbnail_url', 'stage', 'topic',
                                          'tier_required', 'metadata')}
        modules = [m for m in self.rows('modules').values() if m['course_id'] == course]
        page.update(
            enrolled=enrollment is not None, completed_at=enrollment and enrollment['completed_at'],
            expires_at=enrollment and enrollment['expires_at'],
            required_lessons=required, completed_lessons=done, completion=percent,
            modules=[{**{key: module[key] for key in ('id', 'title', 'description', 'metadata')},
                      'lessons': [self.outline_lesson(lesson, user, row['is_published'], enrollment, for_staff)
                                  for lesson in self.in_order(one for one in self.rows('lessons').values()
                                                              if one['module_id'] == module['id']
                                                              and (for_staff or one['is_published']))]}
                     for module in self.in_order(modules)])
        if for_staff:
            page['is_published'] = row['is_published']
        return [(page,)]

    def outline_lesson(self, lesson, user, published, enrollment, for_staff):
        progress = self.rows('content_progress').get((user, lesson['id']))
        entry = {key: lesson[key] for key in ('id', 'title', 'description', 'duration_seconds', 'metadata',
                                              'is_required', 'is_preview', 'mux_status')}
        reason = None if for_staff else self.refusal(lesson['id'], user)
        if for_staff:
            entry['is_published'] = lesson['is_published']
        entry.update(
            locked=reason and {'reason': reason,
                               'unlocks_at': self.unlocks_at(lesson, enrollment) if reason == 'date' else None},
            # A draft's page is for the server alone; whether it plays there the contract leaves open.
            mux_playback_id=ANYTHING if not published and not for_staff else None if reason else lesson['mux_playback_id'],
            status='not_started' if progress is None else 'completed' if progress['completed'] else 'in_progress',
            watched_pct=progress['watched_pct'] if progress else 0,
            position_seconds=progress and self.place_in(lesson, progress),
            completed_at=progress and progress['completed_at'])
        return entry

    @staticmethod
    def place_in(lesson, progress):
        """Where to resume: never past the end of the video."""
        position, end = progress['position_seconds'], lesson['duration_seconds']
        return position if None in (position, end) else min(position, end)

    def mux_playback_claims(self, lesson):
        """R8: the service may ask for nobody, and then gets the previews; staff get all."""
        wrong = set()
        nobody = self.is_service()
        user = None if nobody else self.caller(None, wrong)
        if lesson is None:
            raise Refused('22004', *wrong)
        staff = lesson in self.rows('lessons') and self.is_staff(self.course_of(lesson))
        if not staff and not self.is_there(lesson):
            raise Refused('23503', *wrong)
        row = self.rows('lessons')[lesson]
        if nobody and not row['is_preview']:
            wrong.add('28000')
        elif not nobody and not staff and self.refusal(lesson, user):
            wrong.add('42501')
        if row['mux_status'] != 'ready' or row['mux_playback_id'] is None:
            wrong.add('55000')
        if wrong:
            raise Refused(*wrong)
        return [({'sub': row['mux_playback_id'], 'aud': 'v', 'exp': ANYTHING},)]

    def course_progress(self, user=None):
        wrong = set()
        user = self.caller(user, wrong)
        if wrong:
            raise Refused(*wrong)
        answer = []
        for row in self.rows('enrollments').values():
            course = self.sees(row['course_id']) if row['user_id'] == user else None
            if course is None:
                continue
            required, done, percent = self.counts(course['id'], user)
            answer.append((course['id'], course['title'], required, done, percent,
                           self.last_watched(course['id'], user), self.following(course['id'], user),
                           row['enrolled_at'], row['completed_at']))
        return ordered(answer, 7, False)

    def continue_watching(self, max_rows=10, user=None):
        wrong = set()
        user = self.caller(user, wrong)
        if max_rows is None:
            wrong.add('22004')
        elif max_rows < 1:
            wrong.add('22023')
        if wrong:
            raise Refused(*wrong)
        answer = []
        for (who, lesson), row in self.rows('content_progress').items():
            if who != user or row['completed']:
                continue
            course = self.sees(self.course_of(lesson))
            if course is None:
                continue
            about = self.rows('lessons')[lesson]
            if not about['is_published'] or self.refusal(lesson, user):
                continue
            answer.append((course['id'], course['title'], lesson, about['title'], row['watched_pct'],
                           self.place_in(about, row), about['duration_seconds'], row['last_watched']))
        answer = ordered(answer, 7, True)
        answer.limit = max_rows
        return answer

    # Instructors' and operators' functions.

    def known_course(self, course, role):
        wrong = self.staff_only(role, course)
        if course is None:
            raise Refused('22004', *wrong)
        if not wrong and course not in self.rows('courses'):
            wrong.add('23503')
        if wrong:
            raise Refused(*wrong)

    def last_watched(self, course, user):
        """When a learner last watched a lesson of a course."""
        lessons = {lesson['id'] for lesson in self.course_lessons(course)}
        times = [row['last_watched'] for (who, lesson), row in self.rows('content_progress').items()
                 if who == user and lesson in lessons]
        return max(times, key=instant) if times else None

    def course_report(self, course, max_rows=None, after=None):
        wrong = max_rows is not None and max_rows < 1
        try:
            self.known_course(course, 'viewer')
        except Refused as refused:
            # Of two mistakes either may be named.
            raise Refused(*refused.states, *['22023'] * wrong) from None
        answer = ordered([(row['user_id'], *self.counts(course, row['user_id']), row['enrolled_at'], row['completed_at'],
                           self.last_watched(course, row['user_id']))
                          for row in self.rows('enrollments').values() if row['course_id'] == course], 4, False)
        if wrong or after is not None and (after, course) not in self.rows('enrollments'):
            raise Refused('22023')
        if after is not None:
            # Of the same time, those of a higher id come after it.
            key = lambda row: (instant(row[4]), uid(row[0]))
            begin = next(key(row) for row in answer if row[0] == after)
            answer = Ordered(row for row in answer if key(row) > begin)
        answer.limit = max_rows
        return answer

    def course_summary(self, course):
        self.known_course(course, 'viewer')
        now, week = instant(self.now), datetime.timedelta(days=7)
        enrolled = [row for row in self.rows('enrollments').values() if row['course_id'] == course]
        times = [self.last_watched(course, row['user_id']) for row in enrolled]
        shares = [self.counts(course, row['user_id'])[2] for row in enrolled]
        average = None
        if shares and shares[0] is not None:
            average = (Decimal(sum(shares)) / len(shares)).quantize(Decimal('0.1'), ROUND_HALF_UP)
        active = [sum(at is not None and instant(at) > now - week * days / 7 for at in times) for days in (7, 30)]
        ago = [max((now - instant(row['completed_at'])) // week, 0) for row in enrolled if row['completed_at']]
        return [(len(enrolled), *active, len(ago), average, [ago.count(n) for n in range(11, -1, -1)], len(enrolled))]

    def lesson_report(self, course):
        self.known_course(course, 'viewer')
        answer = []
        for lesson in self.course_lessons(course):
            watched = [row for (user, about), row in self.rows('content_progress').items() if about == lesson['id']
                       and (user, course) in self.rows('enrollments')]
            average = None
            if watched:
                average = (Decimal(sum(row['watched_pct'] for row in watched)) / len(watched)).quantize(
                    Decimal('0.1'), ROUND_HALF_UP)
            answer.append((lesson['id'], lesson['module_id'], lesson['title'], lesson['is_required'], len(watched),
                           sum(row['completed'] for row in watched), average))
        return answer

    def lesson_retention(self, lesson, step_seconds=5):
        wrong = self.staff_only('viewer', self.course_of(lesson) if lesson in self.rows('lessons') else None)
        if lesson is None or step_seconds is None:
            raise Refused('22004', *wrong)
        if step_seconds < 1:
            raise Refused('22023', *wrong)
        if wrong:
            raise Refused(*wrong)
        if lesson not in self.rows('lessons'):
            raise Refused('23503')
        course, length = self.course_of(lesson), self.rows('lessons')[lesson]['duration_seconds'] or 0
        seen = [seconds_of(row['watched']) for (user, about), row in self.rows('content_progress').items()
                if about == lesson and (user, course) in self.rows('enrollments')]
        return [(start, sum(not there.isdisjoint(range(start, min(start + step_seconds, length))) for there in seen))
                for start in range(0, length, step_seconds)]

    def recompute_completion(self, course):
        self.known_course(course, 'editor')
        lessons = {row['id'] for row in self.course_lessons(course)}
        changed, now = 0, self.live()
        for key, row in list(self.rows('content_progress').items()):
            if key[1] in lessons and not row['completed'] and row['watched_pct'] >= self.bar(key[1]):
                self.put('content_progress', key,
                         {**row, 'completed': True, 'completed_at': row['completed_at'] or now})
                changed += 1
        return [(changed,)]

    def renumber(self, table, parent, of, moved=None, before=None):
        """Numbers the rows of a parent from 1, the moved one before another or last."""
        rows = self.in_order(row for row in self.rows(table).values()
                             if row[parent] == of and (moved is None or row['id'] != moved['id']))
        if moved:
            place = next((i for i, row in enumerate(rows) if row['id'] == before), len(rows))
            rows.insert(place, moved)
        for number, row in enumerate(rows, 1):
            old = self.rows(table)[row['id']]
            new = {**row, 'sort_order': number}
            if new != old:
                self.put(table, row['id'], {**new, 'updated_at': self.now})

    def move_lesson(self, lesson, module, before=None):
        lessons, modules = self.rows('lessons'), self.rows('modules')
        wrong = self.staff_only('editor', self.course_of(lesson) if lesson in lessons else None,
                                modules[module]['course_id'] if module in modules else None)
        if lesson is None or module is None:
            raise Refused('22004', *wrong)
        if wrong:
            raise Refused(*wrong)
        wrong = {'23503'} if lesson not in lessons or module not in modules else set()
        if before is not None and before not in lessons:
            # To an editor, what is in no course of theirs is no place.
            wrong.add('23503' if self.is_service() else '22023')
        elif before is not None and (before == lesson or lessons[before]['module_id'] != module):
            wrong.add('22023')
        if wrong:
            raise Refused(*wrong)
        source = lessons[lesson]['module_id']
        self.renumber('lessons', 'module_id', module, {**lessons[lesson], 'module_id': module}, before)
        if source != module:
            self.renumber('lessons', 'module_id', source)
        return [self.output('lessons', self.rows('lessons')[lesson])]

    def move_module(self, module, before=None, course=None):
        modules = self.rows('modules')
        left = modules[module]['course_id'] if module in modules else None
        wrong = self.staff_only('editor', left, course or left)
        if module is None:
            raise Refused('22004', *wrong)
        if wrong:
            raise Refused(*wrong)
        wrong = {'23503'} if module not in modules or course is not None and course not in self.rows('courses') else set()
        source = modules[module]['course_id'] if module in modules else None
        target = course or source
        if before is not None and before not in modules:
            wrong.add('23503' if self.is_service() else '22023')
        elif before is not None and (before == module or not wrong and modules[before]['course_id'] != target):
            wrong.add('22023')
        if wrong:
            raise Refused(*wrong)
        self.renumber('modules', 'course_id', target, {**modules[module], 'course_id': target}, before)
        if source != target:
            self.renumber('modules', 'course_id', source)
        return [self.output('modules', self.rows('modules')[module])]

    # Certificates.

    def service_only(self):
        if not self.is_service():
            raise Refused('42501')

    def issue_certificate(self, course, user, learner_name, metadata=ANYTHING, name=None):
        """A certificate of a completion, one until it is revoked. name is what later operations call it."""
        self.service_only()
        metadata = {} if metadata is ANYTHING else metadata
        wrong = {'22004'} if None in (course, user, learner_name, metadata) else set()
        if learner_name is not None and not 0 < len(learner_name.strip()) <= len(learner_name) <= 255:
            wrong.add('22023')
        if metadata is not None and not isinstance(metadata, dict):
            wrong.add('22023')
        if course is not None and course not in self.rows('courses'):
            wrong.add('23503')
        enrollment = self.rows('enrollments').get((user, course))
        if not wrong and (enrollment is None or enrollment['completed_at'] is None):
            wrong.add('55000')
        if wrong:
            raise Refused(*wrong)
        # A completion whose date has moved back is the same; one with a later date is another.
        of_it = [row for row in self.rows('certificates').values() if (row['user_id'], row['course_id']) == (user, course)
                 and row['revoked_at'] is None and instant(row['completed_at']) >= instant(enrollment['completed_at'])]
        if of_it:
            return [self.output('certificates', min(of_it, key=lambda row: instant(row['completed_at'])))]
        about, done = self.rows('courses')[course], enrollment['completed_at']
        valid_for = about['certificate_valid_for']
        row = {'name': name, 'id': Unknown(), 'code': Unknown(), 'user_id': user, 'course_id': course, 'learner_name': learner_name,
               'course_title': about['title'], 'completed_at': done, 'issued_at': self.now,
               'expires_at': later(done, valid_for) if valid_for else None, 'revoked_at': None, 'revoked_reason': None,
               'metadata': metadata}
        issued[name] = row
        self.put('certificates', name, row)
        return [self.output('certificates', row)]

    def revoke_certificate(self, certificate, reason, loosely=False):
        """The first revocation counts."""
        self.service_only()
        wrong = {'22004'} if None in (certificate, reason) else set()
        if reason == '':
            wrong.add('22023')
        row = self.rows('certificates').get(certificate)
        if not wrong and row is None:
            wrong.add('23503')
        if wrong:
            raise Refused(*wrong)
        if row['revoked_at'] is None:
            row = {**row, 'revoked_at': self.now, 'revoked_reason': reason}
            self.put('certificates', certificate, row)
        return [self.output('certificates', row)]

    def verify_certificate(self, certificate, loosely=False):
        """Anybody may ask."""
        if certificate is None:
            raise Refused('22004')
        row = self.rows('certificates').get(certificate)
        if row is None:
            return []
        ended = row['expires_at'] is not None and instant(row['expires_at']) <= instant(self.now)
        status = 'revoked' if row['revoked_at'] is not None else 'expired' if ended else 'valid'
        return [(status, *[row[column] for column in ('learner_name', 'course_title', 'completed_at', 'issued_at',
                                                      'expires_at', 'revoked_at')])]

    def certificate_credential(self, certificate, issuer, loosely=False):
        """An Open Badges 3.0 credential, without a proof."""
        self.service_only()
        wrong = {'22004'} if None in (certificate, issuer) else set()
        if issuer is not None and not self.is_profile(issuer):
            wrong.add('22023')
        row = self.rows('certificates').get(certificate)
        if row is None and certificate is not None:
            wrong.add('23503')
        if row is not None and row['revoked_at'] is not None:
            wrong.add('55000')
        if wrong:
            raise Refused(*wrong)
        course = row['course_id']
        document = {
            '@context': ['https://www.w3.org/ns/credentials/v2', 'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json'],
            'id': Text(row['id'], 'urn:uuid:'),
            'type': ['VerifiableCredential', 'OpenBadgeCredential'],
            'name': row['course_title'],
            'issuer': {'type': ['Profile'], **issuer},
            'validFrom': Text(row['issued_at']),
            'credentialSubject': {
                'type': ['AchievementSubject'],
                'identifier': [{'type': 'IdentityObject', 'identityType': 'name', 'identityHash': row['learner_name'], 'hashed': False}],
                'licenseNumber': row['code'],
                'activityEndDate': Text(row['completed_at']),
                'achievement': {
                    'id': Text(row['id'] if course is None else uid(course), 'urn:uuid:'),
                    'type': ['Achievement'],
                    'achievementType': 'CertificateOfCompletion',
                    'name': row['course_title'],
                    'description': f'Completion of the course "{row["course_title"]}".',
                    'criteria': {'narrative': 'Every required lesson of the course was completed.'}}}}
        if row['expires_at'] is not None:
            document['validUntil'] = Text(row['expires_at'])
        return [(document,)]

    @staticmethod
    def is_profile(issuer):
        """Whether this is who may issue: an object with an id, of the type Profile if it has one."""
        return (isinstance(issuer, dict) and isinstance(issuer.get('id'), str) and ':' in issuer['id']
                and 'Profile' in issuer.get('type', ['Profile']))

    # Tables, as the roles may reach them.

    def allowed(self, command, table, columns=()):
        role = self.session.role
        if role in ('owner', 'service_role'):
            return
        if role == 'authenticated':
            if command == 'select' or table in AUTHORED or table == 'content_progress' and not self.strict:
                return
            if table == 'enrollments' and not self.strict and command == 'insert' and ENROLLING.issuperset(columns):
                return
        raise Refused('42501')

    def readable(self, table):
        """The rows that row-level security shows."""
        rows = self.rows(table).values()
        if self.session.role == 'authenticated':
            if table == 'courses':
                return [row for row in rows if self.sees(row['id'])]
            if table in OWN or table in ('course_staff', 'certificates'):
                return [row for row in rows if row['user_id'] == self.session.user]
            if table == 'course_prerequisites' or self.strict and table == 'modules':
                return [row for row in rows if self.sees(row['course_id'])]
            if self.strict and table == 'lessons':
                return [row for row in rows if self.reads(row)]
        return list(rows)

    def edits(self, table, row):
        """Whether the caller may write a row of content. To a course that is not theirs editors bring nothing."""
        if self.session.role != 'authenticated' or table not in AUTHORED:
            return True
        module = row if table == 'modules' else self.rows('modules').get(row['module_id'])
        return module is not None and self.is_staff(module['course_id'], 'editor')

    def reads(self, lesson):
        """Whether a learner reads a lesson directly, strict: one that the learner may watch, but for locks."""
        course = self.course_of(lesson['id'])
        return self.is_staff(course) or lesson['is_published'] and self.sees(course) is not None and (
            lesson['is_preview'] or not self.no_access(course, self.session.user))

    def check(self, table, row, old=None):
        """The constraints that a row would break."""
        wrong = set()
        for column, value in row.items():
            if value is None and column in TABLES[table] and column not in NULLABLE:
                wrong.add('23502')
        bar = row.get('completion_threshold')
        if bar is not None and not 1 <= bar <= 100:
            wrong.add('23514')
        if 'metadata' in row and row['metadata'] is not None and not isinstance(row['metadata'], dict):
            wrong.add('23514')
        if any(row.get(column) is not None and row[column] <= ZERO for column in ('access_period', 'certificate_valid_for')):
            wrong.add('23514')
        if row.get('unlock_after') is not None and row['unlock_after'] < ZERO:
            wrong.add('23514')
        if table == 'course_prerequisites' and row['course_id'] == row['required_course_id']:
            wrong.add('23514')
        if table == 'course_staff' and row['role'] not in ('viewer', 'editor', None):
            wrong.add('23514')
        if table == 'courses':
            if row['tier_required'] is not None and row['tier_required'] not in TIERS:
                wrong.add('23514')
            if any(other['slug'] == row['slug'] and other is not old for other in self.rows('courses').values()):
                wrong.add('23505')
        if 'progress_by' in row and row['progress_by'] not in (None, 'report', 'watch', 'server'):
            wrong.add('23514')
        if table == 'courses' and row['progress_by'] is None:
            wrong.add('23502')
        if table == 'lessons' and row['mux_status'] not in ('pending', 'processing', 'ready', 'error'):
            wrong.add('23514')
        if table == 'content_progress':
            if row['watched_pct'] is not None and not 0 <= row['watched_pct'] <= 100:
                wrong.add('23514')
            if row['position_seconds'] is not None and row['position_seconds'] < 0:
                wrong.add('23514')
        for column, parent in (('course_id', 'courses'), ('required_course_id', 'courses'), ('module_id', 'modules'), ('lesson_id', 'lessons'),
                               ('user_id', 'users')):
            if row.get(column) is not None and row[column] not in self.rows(parent):
                wrong.add('23503')
        if table in OWN and self.session.role == 'authenticated' and row['user_id'] != self.session.user:
            wrong.add('42501')
        if not self.edits(table, row):
            wrong.add('42501')
        return wrong

    def key(self, table, row):
        if table == 'certificates':
            return row['name']
        return tuple(row[column] for column in KEYS[table]) if table in KEYS else row['id']

    def stored(self, table, row):
        """A row written by hand: its position is as old as its time, and what it completes is claimed."""
        if table == 'content_progress':
            there = self.rows(table).get(self.key(table, row))
            if row['completed'] and not (there and there['completed']):
                self.completed.append(self.key(table, row))
            row['placed'] = None if row['position_seconds'] is None else row['last_watched']
        self.put(table, self.key(table, row), row)
        return self.output(table, row)

    def select(self, table):
        self.allowed('select', table)
        return Unordered(self.output(table, row) for row in self.readable(table))

    def insert(self, table, values, upsert=False):
        if table == 'users':
            if values['id'] in self.rows('users'):
                raise Refused('23505')
            self.put('users', values['id'], dict(values))
            return None
        self.allowed('insert', table, values)
        row = {}
        for column, default in TABLES[table].items():
            if column in values:
                row[column] = values[column]
            else:
                row[column] = self.now if default == 'now' else Unknown() if default == 'new' else default
        if table == 'enrollments' and self.session.role == 'authenticated':
            # A learner's own enrollment begins now, and lasts as the course says.
            course = self.rows('courses').get(row['course_id'])
            period = course and course['access_period']
            row.update(enrolled_at=self.now, expires_at=later(self.now, period) if period else None)
        there = self.rows(table).get(self.key(table, row))
        wrong = self.check(table, row, there)
        if upsert and there is not None and '42501' not in wrong:
            new = {**there, **{column: value for column, value in values.items() if column not in KEYS[table]}}
            wrong |= self.check(table, new, there)
            if not wrong:
                return [self.stored(table, new)]
        elif there is not None:
            wrong.add('23505')
        if wrong:
            raise Refused(*wrong)
        return [self.stored(table, row)]

    def matching(self, table, where):
        return [row for row in self.readable(table)
                if all(row[column] == value for column, value in where.items())]

    def update(self, table, where, values):
        self.allowed('update', table)
        rows = [row for row in self.matching(table, where) if self.edits(table, row)]
        answer = []
        for row in rows:
            new = {**row, **values}
            wrong = self.check(table, new, row)
            if wrong:
                raise Refused(*wrong)
            if table in CONTENT and new != row:
                new['updated_at'] = self.now
            answer.append(self.stored(table, new))
        return Unordered(answer)

    def delete(self, table, where):
        if table == 'users':
            self.cascade('users', where['id'])
            return None
        self.allowed('delete', table)
        rows = [row for row in self.matching(table, where) if self.edits(table, row)]
        for row in rows:
            self.cascade(table, self.key(table, row))
        return Unordered(self.key(table, row) if table in KEYS else (row['id'],) for row in rows)

    def cascade(self, table, key):
        """R11: what is deleted takes with it what hangs on it, and no more."""
        if key not in self.rows(table):
            return
        self.put(table, key, None)
        children = {'courses': (('modules', 'course_id'), ('enrollments', 'course_id'),
                                ('course_prerequisites', 'course_id'), ('course_prerequisites', 'required_course_id'),
                                ('course_staff', 'course_id')),
                    'modules': (('lessons', 'module_id'),), 'lessons': (('content_progress', 'lesson_id'),),
                    'users': (('enrollments', 'user_id'), ('content_progress', 'user_id'), ('course_staff', 'user_id'),
                              ('certificates', 'user_id'))}
        for child, column in children.get(table, ()):
            for row in list(self.rows(child).values()):
                if row[column] == key:
                    self.cascade(child, self.key(child, row))
        for row in list(self.rows('certificates').values()) if table == 'courses' else ():
            if row['course_id'] == key:
                # It stays what it is without the course.
                self.put('certificates', row['name'], {**row, 'course_id': None})


def same_event(one, other):
    """Whether two notifications read the same."""
    times = one['completed_at'], other['completed_at']
    return (one['course_id'], one['user_id']) == (other['course_id'], other['user_id']) and (
        times[0] is times[1] or None not in (known := [getattr(time, 'value', time) for time in times]) and known[0] == known[1])


class Unordered(list):
    """Rows in any order."""


class Ordered(list):
    """Rows by a time, of the same time in any order; no more than a limit of them."""
    limit = None


def ordered(rows, column, descending):
    return Ordered(sorted(rows, key=lambda row: instant(row[column]), reverse=descending))
