-- cell_of.sql: which cell a learner belongs to. cell.sql and front.sql include it.

CREATE SCHEMA IF NOT EXISTS content_library_cells;

-- The last byte of the id, which is random in the ids that Supabase gives. The formula is
-- our own, so that an application can have it too and no release of the server changes it.
CREATE OR REPLACE FUNCTION content_library_cells.cell_of(user_id uuid, cells integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN get_byte(uuid_send(user_id), 15) % cells;
