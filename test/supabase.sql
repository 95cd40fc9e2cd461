-- supabase.sql: makes a plain PostgreSQL database Supabase-shaped, as far as
-- content_library meets it: the roles, auth.users, auth.uid().

SET client_min_messages = warning;

DO $$
DECLARE
	role_options CONSTANT jsonb := '{
		"anon": "NOLOGIN NOINHERIT",
		"authenticated": "NOLOGIN NOINHERIT",
		"service_role": "NOLOGIN NOINHERIT BYPASSRLS",
		"supabase_auth_admin": "NOLOGIN NOINHERIT CREATEROLE"}';
	role_name text;
BEGIN
	FOR role_name IN SELECT jsonb_object_keys(role_options) LOOP
		IF to_regrole(role_name) IS NULL THEN
			EXECUTE format('CREATE ROLE %I %s', role_name, role_options ->> role_name);
		END IF;
	END LOOP;
END
$$;

CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO anon, authenticated, service_role;

CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
ALTER ROLE supabase_auth_admin SET search_path = auth;

CREATE TABLE auth.users (
	id uuid NOT NULL PRIMARY KEY,
	email text UNIQUE,
	created_at timestamptz DEFAULT now()
);
ALTER TABLE auth.users OWNER TO supabase_auth_admin;

CREATE FUNCTION auth.uid() RETURNS uuid
LANGUAGE sql STABLE
AS $$
	SELECT coalesce(
		nullif(current_setting('request.jwt.claim.sub', true), ''),
		(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
	)::uuid
$$;
ALTER FUNCTION auth.uid() OWNER TO supabase_auth_admin;

-- Supabase grants everything on new objects in public to the API roles.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;

RESET client_min_messages;
