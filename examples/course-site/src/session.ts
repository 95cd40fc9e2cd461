// session.ts: who is signed in, and the client that asks in their name.
import { createClient } from '@supabase/supabase-js';
import type { Database } from '../../supabase-app/src/database.types.js';
import type { Client } from '../../supabase-app/src/learner.js';

// This demo has no Auth server: its people, each with a token, come from a file
// that the server has made. Your site has supabase.auth in its place.
export interface Person {
	id: string;
	name: string;
	about: string;
	token: string;
}

const { anonKey, people }: { anonKey: string; people: Person[] } = await (await fetch('/people.json')).json();

export { anonKey, people };

export const url = location.origin;

// For what needs no session.
export const visitor: Client = createClient<Database>(url, anonKey, { auth: { persistSession: false } });

export const person = (): Person | undefined => people.find(({ id }) => id === localStorage.getItem('person'));

export function signIn(id: string): void {
	localStorage.setItem('person', id);
}

export function signOut(): void {
	localStorage.removeItem('person');
}

let client: { of: string; supabase: Client } | undefined;

// The client of the person who is signed in.
export function supabase(): Client {
	const { id, token } = person()!;

	if (client?.of !== id) client = { of: id, supabase: createClient<Database>(url, anonKey, { accessToken: async () => token }) };
	return client.supabase;
}
