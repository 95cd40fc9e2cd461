-- check_publications: content_library_check() finds that a table is published:
-- Supabase's Realtime is, and a dump of a server before 18 forgets it.
\x on
BEGIN;
SET LOCAL client_min_messages = error;
CREATE PUBLICATION regress_realtime FOR TABLE content_progress;
CREATE PUBLICATION regress_all FOR ALL TABLES;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
ROLLBACK;
