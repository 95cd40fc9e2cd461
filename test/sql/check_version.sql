-- check_version: content_library_check() finds a version that a restore would not make.
\x on
BEGIN;
-- What the server lists depends on where the tests have installed the extension.
SET LOCAL allow_system_table_mods = on;
CREATE OR REPLACE VIEW pg_catalog.pg_available_extensions AS
SELECT name, default_version, extversion AS installed_version, NULL AS comment
FROM (VALUES (name 'content_library', '1.0'), ('another', '2.0')) AS v(name, default_version)
LEFT JOIN pg_extension ON extname = name;
SELECT * FROM test.findings();
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'content_library';
SELECT * FROM test.findings();
ROLLBACK;
