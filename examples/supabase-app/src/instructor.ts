// instructor.ts: what an instructor's server does, with the service key.
import type { Database, Json, Tables, TablesInsert } from './database.types.js';
import type { Client } from './learner.js';

type Functions = Database['public']['Functions'];
type Lesson = Omit<TablesInsert<'lessons'>, 'module_id' | 'sort_order'>;

// A course of modules, each a title and its lessons; answers the ids, in order.
export async function makeCourse(
	admin: Client,
	course: TablesInsert<'courses'>,
	modules: [title: string, lessons: Lesson[]][],
): Promise<{ course_id: string; module_ids: string[]; lesson_ids: string[] }> {
	const { data: { id: course_id } } = await admin.from('courses').insert(course).select('id').single().throwOnError();
	const module_ids: string[] = [];
	const lesson_ids: string[] = [];

	for (const [number, [title, lessons]] of modules.entries()) {
		const { data: module } = await admin.from('modules')
			.insert({ course_id, title, sort_order: number + 1 }).select('id').single().throwOnError();
		const { data: rows } = await admin.from('lessons')
			.insert(lessons.map((lesson, place) => ({ ...lesson, module_id: module.id, sort_order: place + 1 })), { defaultToNull: false })
			.select('id, sort_order').order('sort_order').throwOnError();

		module_ids.push(module.id);
		lesson_ids.push(...rows.map(({ id }) => id));
	}
	return { course_id, module_ids, lesson_ids };
}

// Certifies that a learner has completed a course. The name is one that this server has
// checked, for learners write what is in their user_metadata themselves.
export async function certify(admin: Client, course_id: string, user_id: string, learner_name: string): Promise<Tables<'certificates'>> {
	const { data } = await admin.rpc('issue_certificate', { course_id, user_id, learner_name }).throwOnError();

	return data as Tables<'certificates'>;
}

// The certificate as a badge, for this server to sign.
export async function badge(admin: Client, code: string, issuer: { id: string; name: string }): Promise<Json> {
	const { data } = await admin.rpc('certificate_credential', { code, issuer }).throwOnError();

	return data;
}

// Who stands where, and where they drop off.
export async function report(admin: Client, course_id: string): Promise<{
	learners: Functions['course_report']['Returns'];
	funnel: Functions['lesson_report']['Returns'];
}> {
	const [{ data: learners }, { data: funnel }] = await Promise.all([
		admin.rpc('course_report', { course_id }).throwOnError(),
		admin.rpc('lesson_report', { course_id }).throwOnError(),
	]);

	return { learners, funnel };
}
