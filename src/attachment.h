/* attachment.h: the keys and policies that need auth, for attach.c and for supabase/generate. */
#ifndef CONTENT_LIBRARY_ATTACHMENT_H
#define CONTENT_LIBRARY_ATTACHMENT_H

/* Progress comes first: then deleting an account locks rows in the same order as a report does. */
static const char *const attached_tables[] = {"content_progress", "enrollments", "certificates", "course_staff"};

#define ATTACHED_KEY "FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE"

typedef struct AttachedPolicy
{
	const char *table;
	const char *name;
	const char *definition;		/* what follows CREATE POLICY ... ON ... */
} AttachedPolicy;

static const AttachedPolicy attached_policies[] = {
	{"enrollments", "Users read own enrollments",
	"FOR SELECT TO authenticated USING ((SELECT auth.uid()) = user_id)"},
	{"enrollments", "Users create own enrollments",
	"FOR INSERT TO authenticated WITH CHECK ((SELECT auth.uid()) = user_id)"},
	{"course_staff", "Staff read own rows",
	"FOR SELECT TO authenticated USING ((SELECT auth.uid()) = user_id)"},
	{"content_progress", "Users read own progress",
	"FOR SELECT TO authenticated USING ((SELECT auth.uid()) = user_id)"},
	{"content_progress", "Users upsert own progress",
	"FOR ALL TO authenticated USING ((SELECT auth.uid()) = user_id) WITH CHECK ((SELECT auth.uid()) = user_id)"},
	{"certificates", "Users read own certificates",
	"FOR SELECT TO authenticated USING ((SELECT auth.uid()) = user_id)"},
};

#endif							/* CONTENT_LIBRARY_ATTACHMENT_H */
