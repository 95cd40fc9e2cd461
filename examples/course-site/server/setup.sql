-- setup.sql: what the operator of a site sets up, beside CREATE EXTENSION; run as the owner of the tables.

-- Strict: learners write through functions alone, and read the playback ids of previews and of the
-- courses to which they have access.
SELECT content_library_strict();

-- What an editor may write. The library's policies see to it that nobody else can.
GRANT UPDATE (title, description, is_published) ON courses TO authenticated;
GRANT INSERT (id, course_id, title, description, sort_order), UPDATE (title, description, sort_order), DELETE ON modules TO authenticated;
GRANT INSERT (id, module_id, title, description, sort_order, is_published, is_required, is_preview),
	UPDATE (title, description, sort_order, is_published, is_required, is_preview), DELETE ON lessons TO authenticated;

-- A table of the app's own: names. One's own, and for staff everybody's.
CREATE TABLE profiles (
	user_id uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE,
	name text NOT NULL
);
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON profiles FROM anon, authenticated;
GRANT SELECT ON profiles TO authenticated;
CREATE POLICY "Staff and oneself" ON profiles FOR SELECT TO authenticated
	USING (user_id = (SELECT auth.uid()) OR EXISTS (SELECT FROM course_staff));
