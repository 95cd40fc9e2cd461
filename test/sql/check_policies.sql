-- check_policies: content_library_check() finds a policy that was dropped,
-- altered in any part, or added.
\x on
BEGIN;
DROP POLICY "Authenticated users can read lessons" ON lessons;
DROP POLICY "Users read own enrollments" ON enrollments;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();

ALTER POLICY "Authenticated users can read published courses" ON courses USING (true);
ALTER POLICY "Users upsert own progress" ON content_progress WITH CHECK (true);
ALTER POLICY "Service role manages modules" ON modules TO service_role, authenticated;
ALTER POLICY "Authenticated users can read modules" ON modules TO PUBLIC;
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();

-- The same name, for another command.
DROP POLICY "Users create own enrollments" ON enrollments;
CREATE POLICY "Users create own enrollments" ON enrollments FOR ALL TO authenticated
	WITH CHECK ((SELECT auth.uid()) = user_id);
CREATE POLICY "Every""body" ON courses USING (true);
CREATE POLICY fewer ON lessons AS RESTRICTIVE FOR SELECT TO authenticated USING (is_preview);
SELECT * FROM test.findings();
CALL test.mend();
SELECT * FROM test.findings();
SELECT * FROM test.differences();
ROLLBACK;
