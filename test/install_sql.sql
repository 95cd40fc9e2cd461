-- install_sql: what the tests are about, as the SQL edition, with settings that a test can SET.
SET client_min_messages = warning;
\ir ../supabase/migrations/20260225000010_content_library.sql
\ir edition_settings.sql
RESET client_min_messages;
