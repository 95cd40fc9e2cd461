// learner.ts: what a learner's app asks of the library.
import type { SupabaseClient } from '@supabase/supabase-js';
import type { Database, Tables } from './database.types.js';

export type Client = SupabaseClient<Database>;

// What a report answers: a row of content_progress, and whether it completed the course.
// The generator of types cannot know that most of a composite type is never null, so this says it.
export type Progress = Tables<'content_progress'> & { course_completed: boolean };

// The form of docs/course_outline.schema.json, as far as this app reads it: to
// the generator of types a function's json is any JSON.
export interface CoursePage {
	id: string;
	title: string;
	description: string;
	enrolled: boolean;
	completed_at: string | null;
	completion: number | null;
	modules: {
		id: string;
		title: string;
		lessons: {
			id: string;
			title: string;
			duration_seconds: number | null;
			is_required: boolean;
			is_preview: boolean;
			is_published?: boolean; // for staff
			status: 'not_started' | 'in_progress' | 'completed';
			watched_pct: number;
			position_seconds: number | null;
			mux_playback_id: string | null;
			// Why the learner may not watch it; unlocks_at goes with the reason date.
			locked: { reason: 'not_enrolled' | 'expired' | 'tier' | 'date' | 'sequence'; unlocks_at: string | null } | null;
		}[];
	}[];
}

export async function coursePage(supabase: Client, course_id: string): Promise<CoursePage> {
	// By GET, so that it may be cached; STABLE functions allow it.
	const { data } = await supabase.rpc('course_outline', { course_id }, { get: true }).throwOnError();

	return data as unknown as CoursePage;
}

export async function enroll(supabase: Client, course_id: string): Promise<Tables<'enrollments'>> {
	const { data } = await supabase.rpc('enroll', { course_id }).throwOnError();

	return data;
}

// What a certificate says, for anybody who has its code; null if there is none.
export async function verify(visitor: Client, code: string): Promise<Database['public']['Functions']['verify_certificate']['Returns'][number] | null> {
	const { data } = await visitor.rpc('verify_certificate', { code }, { get: true }).throwOnError();

	return data[0] ?? null;
}

// What to offer first: the lesson that was left off last, at its second; else
// the course's next one; null when the course is done.
export async function resume(supabase: Client, course_id: string): Promise<{ lesson_id: string; at: number } | null> {
	const { data: begun } = await supabase.rpc('continue_watching', {}).throwOnError();
	const left = begun.find((lesson) => lesson.course_id === course_id);

	if (left) return { lesson_id: left.lesson_id, at: left.position_seconds ?? 0 };
	const { data: next } = await supabase.rpc('next_lesson', { course_id }).throwOnError();

	return next ? { lesson_id: next, at: 0 } : null;
}

interface Report {
	lesson_id: string;
	watched_pct: number;
	position_seconds: number;
	watched_at: string;
}

// What a player reports every few seconds, and keeps while there is no network.
export class Heartbeats {
	#supabase: Client;
	// One for each lesson: the farthest percentage, the latest position.
	#kept = new Map<string, Report>();

	constructor(supabase: Client) {
		this.#supabase = supabase;
	}

	get kept(): number {
		return this.#kept.size;
	}

	// Answers the row as it now stands; null when the report is kept for later.
	async beat(lesson_id: string, position_seconds: number, duration_seconds: number): Promise<Progress | null> {
		const watched_pct = Math.min(100, Math.floor((100 * position_seconds) / duration_seconds));
		const { data, error, status } = await this.#supabase.rpc('record_progress', { lesson_id, watched_pct, position_seconds });

		if (!error) return data as Progress;
		// With a status it is an answer of the server's, and another try would get the same.
		if (status !== 0) throw error;
		this.#keep({ lesson_id, watched_pct, position_seconds, watched_at: new Date().toISOString() });
		return null;
	}

	#keep(report: Report): void {
		const before = this.#kept.get(report.lesson_id)?.watched_pct ?? 0;

		this.#kept.set(report.lesson_id, { ...report, watched_pct: Math.max(before, report.watched_pct) });
	}

	// Sends what was kept, all or none. Safe to repeat: a report that arrives
	// twice, because its answer was lost, changes nothing the second time.
	async send(): Promise<Progress[]> {
		if (!this.#kept.size) return [];
		const reports = [...this.#kept.values()];
		const { data } = await this.#supabase.rpc('record_progress_batch', { reports: reports.map((report) => ({ ...report })) }).throwOnError();

		// Not those that were kept while this was under way.
		for (const report of reports) {
			if (this.#kept.get(report.lesson_id) === report) this.#kept.delete(report.lesson_id);
		}
		return data as Progress[];
	}
}
