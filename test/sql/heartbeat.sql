-- heartbeat: R9. A report that changes neither percentage nor completion, and
-- moves neither clock nor position by more than the interval, writes nothing.

CALL test.make_course('heartbeat', 1);
CALL test.make_learner('heartbeat-ann', 'heartbeat');
CALL test.sign_in('heartbeat-ann');

-- Whether a report makes a new version of the row, or so much as locks it.
CREATE FUNCTION test.writes(watched_pct integer, position_seconds integer DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
	before text := (SELECT (ctid, xmin, xmax)::text FROM content_progress);
BEGIN
	PERFORM record_progress(test.id('heartbeat/1'), watched_pct, position_seconds);
	RETURN before IS DISTINCT FROM (SELECT (ctid, xmin, xmax)::text FROM content_progress);
END
$$;

-- Sets columns of the one row, as no report would.
CREATE PROCEDURE test.set_row(assignments text)
LANGUAGE plpgsql SECURITY DEFINER
AS $$ BEGIN EXECUTE 'UPDATE public.content_progress SET ' || assignments; END $$;

-- Bytes of WAL of a report: the least of many, for other processes write, too.
CREATE FUNCTION test.wal_bytes(first_pct integer, step integer) RETURNS numeric
LANGUAGE plpgsql
AS $$
DECLARE
	before pg_lsn;
	least_bytes numeric;
BEGIN
	FOR n IN 0..19 LOOP
		before := pg_current_wal_insert_lsn();
		PERFORM record_progress(test.id('heartbeat/1'), first_pct + n * step, 600);
		least_bytes := least(least_bytes, pg_current_wal_insert_lsn() - before);
	END LOOP;
	RETURN least_bytes;
END
$$;

SET ROLE authenticated;
SELECT watched_pct, position_seconds FROM record_progress(test.id('heartbeat/1'), 40, 600);

-- An unchanged report: no WAL, not even a transaction id.
BEGIN;
RESET ROLE;
SET LOCAL content_library.heartbeat_interval = 600;
SET LOCAL ROLE authenticated;
SELECT test.wal_bytes(40, 0) AS wal_bytes, pg_current_xact_id_if_assigned() IS NULL AS no_xid;
SELECT test.wal_bytes(41, 1) > 0 AS advancing_writes;
ROLLBACK;

BEGIN;
RESET ROLE;
SET LOCAL content_library.heartbeat_interval = 600;
SET LOCAL ROLE authenticated;

-- Nothing new, less, no position, and a position up to the interval away.
SELECT test.writes(40, 600), test.writes(39, 600), test.writes(0), test.writes(40, 1200), test.writes(40, 0);

-- The answer is the row as it stands: it lags.
SELECT watched_pct, position_seconds FROM record_progress(test.id('heartbeat/1'), 40, 1199);

-- A percent more is always written.
SELECT test.writes(41, 600), test.writes(41, 600);

-- A seek further than the interval is kept, forwards and back; without a
-- position the last one stays.
SELECT test.writes(41, 1201);
SELECT watched_pct, position_seconds FROM content_progress;
SELECT test.writes(41, 600);
SELECT watched_pct, position_seconds FROM content_progress;
SELECT test.writes(42);
SELECT watched_pct, position_seconds FROM content_progress;

-- A first position is kept, however small.
CALL test.set_row($$position_seconds = NULL$$);
SELECT test.writes(42), test.writes(42, 0), test.writes(42, 0);
SELECT position_seconds FROM content_progress;

-- Less than the interval later: nothing. More: the clock moves, the position with it.
CALL test.set_row($$last_watched = clock_timestamp() - interval '500 s', position_seconds = 5$$);
SELECT test.writes(42, 6), position_seconds FROM content_progress;
CALL test.set_row($$last_watched = clock_timestamp() - interval '601 s'$$);
SELECT test.writes(42, 6);
SELECT position_seconds, last_watched > clock_timestamp() - interval '500 s' AS clock_moved FROM content_progress;
CALL test.set_row($$last_watched = clock_timestamp() - interval '601 s'$$);
SELECT test.writes(0);
SELECT watched_pct, position_seconds FROM content_progress;

-- Completion by a lowered threshold is a change, once.
CALL test.set_row($$last_watched = clock_timestamp()$$);
RESET ROLE;
UPDATE lessons SET completion_threshold = 42 WHERE id = test.id('heartbeat/1');
SET LOCAL ROLE authenticated;
SELECT test.writes(42), test.writes(42);
SELECT completed FROM content_progress;

-- A completed lesson is as cheap.
SELECT test.writes(100), test.writes(100), test.writes(90);

-- A time in the future, which only a direct write brings, is put right, once.
CALL test.set_row($$last_watched = clock_timestamp() + interval '1 h', position_seconds = 5$$);
SELECT test.writes(100, 5000), test.writes(100, 5000);
SELECT position_seconds, last_watched > clock_timestamp() AS ahead FROM content_progress;
ROLLBACK;

-- No index has a column that changes: so no report makes an entry, not even the one that
-- completes the lesson.
RESET ROLE;
VACUUM content_progress;
SET ROLE authenticated;
BEGIN;
SELECT pg_stat_get_xact_tuples_updated('content_progress'::regclass) AS updated,
	pg_stat_get_xact_tuples_hot_updated('content_progress'::regclass) AS hot \gset
SELECT completed FROM record_progress(test.id('heartbeat/1'), 100);
SELECT pg_stat_get_xact_tuples_updated('content_progress'::regclass) - :updated AS updated,
	pg_stat_get_xact_tuples_hot_updated('content_progress'::regclass) - :hot AS hot;
ROLLBACK;

-- The interval is 15 seconds unless it is set ...
BEGIN;
CALL test.set_row($$last_watched = clock_timestamp(), position_seconds = 600$$);
SELECT test.writes(40, 600);
CALL test.set_row($$last_watched = clock_timestamp() - interval '16 s'$$);
SELECT test.writes(40, 600);
SELECT test.writes(40, 616);

-- ... and 0 writes every report.
RESET ROLE;
SET LOCAL content_library.heartbeat_interval = 0;
SET LOCAL ROLE authenticated;
SELECT test.writes(40, 616), test.writes(40, 616), test.writes(40), test.writes(0);
ROLLBACK;

RESET ROLE;
DROP FUNCTION test.writes, test.wal_bytes;
DROP PROCEDURE test.set_row;
DELETE FROM courses WHERE id = test.id('heartbeat');
DELETE FROM auth.users WHERE id = test.id('heartbeat-ann');
