-- search_path_direct: the policies and checks that a learner's own INSERT meets
-- read, write and call nothing of what stands in front in the search_path.

BEGIN;
CALL test.make_course('path-direct', 1);
CALL test.make_learner('path-direct-ann', 'path-direct');

-- Supabase's auth.uid() itself trusts the caller's path; that is not the subject here.
ALTER FUNCTION auth.uid() SET search_path = pg_catalog;

\getenv srcdir PG_ABS_SRCDIR
\set hostile :srcdir '/hostile_schema.sql'
\set ECHO none
\i :hostile
\set ECHO all
CALL test.make_decoys('hostile');
CALL test.sign_in('path-direct-ann');
SET LOCAL search_path = hostile, pg_catalog;
SET LOCAL ROLE authenticated;
INSERT INTO public.content_progress (user_id, lesson_id, watched_pct)
VALUES (test.id('path-direct-ann'), test.id('path-direct/1'), 50);
RESET ROLE;
SET LOCAL search_path = pg_catalog;
SELECT watched_pct FROM public.content_progress WHERE lesson_id = test.id('path-direct/1');
ROLLBACK;
