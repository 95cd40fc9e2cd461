-- settings: the completion threshold, the heartbeat interval and the clock of what is
-- watched are a superuser's to set, within bounds; a learner cannot lower the threshold.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on

-- Whoever sets one before the library is loaded gains nothing by it.
CALL test.make_course('settings-first', 1);
CALL test.make_learner('settings-eve', 'settings-first');
\c -
BEGIN;
CALL test.sign_in('settings-eve');
SET LOCAL ROLE authenticated;
SET content_library.completion_threshold = 1;
SET content_library.heartbeat_interval = 0;
SET content_library.max_playback_rate = 0;
SET content_library.watch_grace = 100000;
SELECT watched_pct, completed FROM record_progress(test.id('settings-first/1'), 50);
SELECT completion_threshold(test.id('settings-first/1'));
SHOW content_library.completion_threshold;
SHOW content_library.heartbeat_interval;
SHOW content_library.max_playback_rate;
SHOW content_library.watch_grace;

-- Nor afterwards, by any spelling; nor does service_role.
SET content_library.completion_threshold = 1;
SET LOCAL content_library.heartbeat_interval = 0;
SELECT set_config('content_library.completion_threshold', '1', true);
UPDATE pg_settings SET setting = '1' WHERE name = 'content_library.completion_threshold';
RESET content_library.completion_threshold;
SET LOCAL content_library.max_playback_rate = 0;
SET LOCAL content_library.watch_grace = 100000;
SET LOCAL ROLE service_role;
SET content_library.completion_threshold = 1;
SET content_library.max_playback_rate = 0;
SET content_library.heartbeat_interval = 0;
ALTER ROLE service_role SET content_library.completion_threshold = 1;
ROLLBACK;

-- What they are.
SELECT name, setting, unit, vartype, context, min_val, max_val, boot_val
FROM pg_settings
WHERE name LIKE 'content_library.%'
ORDER BY name COLLATE "C";

-- Bounds.
BEGIN;
SET LOCAL content_library.completion_threshold = 0;
SET LOCAL content_library.completion_threshold = 101;
SET LOCAL content_library.completion_threshold = 'half';
SET LOCAL content_library.heartbeat_interval = -1;
SET LOCAL content_library.max_playback_rate = -0.1;
SET LOCAL content_library.max_playback_rate = 'NaN';
SET LOCAL content_library.max_playback_rate = 'Infinity';
SET LOCAL content_library.watch_grace = -1;
SET LOCAL content_library.completion_threshold = 1;
SET LOCAL content_library.completion_threshold = 100;
SET LOCAL content_library.heartbeat_interval = '2min';
SET LOCAL content_library.max_playback_rate = 0;
SET LOCAL content_library.max_playback_rate = 1e9;
SET LOCAL content_library.watch_grace = '1min';
SHOW content_library.completion_threshold;
SHOW content_library.heartbeat_interval;

-- A slip of the pen is found out.
SET LOCAL content_library.treshold = 50;
ROLLBACK;

-- A superuser sets it for a database, too: a session learns of it when it begins.
ALTER DATABASE :"DBNAME" SET content_library.completion_threshold = 42;
\c -
BEGIN;
CALL test.make_course('settings', 1);
CALL test.make_learner('settings-ann', 'settings');
CALL test.sign_in('settings-ann');
SET LOCAL ROLE authenticated;
SELECT completion_threshold(test.id('settings/1'));
SELECT watched_pct, completed FROM record_progress(test.id('settings/1'), 42);
ROLLBACK;
ALTER DATABASE :"DBNAME" RESET content_library.completion_threshold;
