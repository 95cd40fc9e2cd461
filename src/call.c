/* call.c: begins and ends a call: who calls, whose rows it is about (R7), and the boundary. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "call.h"
#include "locks.h"
#include "signed_in.h"

/*
 * Whether the current role may name another user than the one who is signed in:
 * service_role, or a role that row-level security does not bind.  These can write all rows
 * anyway.
 */
static bool
acts_for_others(const Library *library)
{
	Oid			service_role = get_role_oid("service_role", true);

	if (OidIsValid(service_role) && has_privs_of_role(GetUserId(), service_role))
		return true;
	return check_enable_rls(library_relation(library, "content_progress"),
							InvalidOid, true) != RLS_ENABLED;
}

pg_noreturn void
refuse_nobody(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("nobody is signed in and no user_id is given"),
			 errhint("Send the learner's JWT, or pass user_id as service_role.")));
}

/*
 * Row-level security would only hide the rows of another user.  An error is clearer than an
 * answer without rows.
 */
void
refuse_other_user(Datum user_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("user_id \"%s\" is not the user signed in", uuid_text(user_id)),
			 errhint("Leave user_id out, or call as service_role.")));
}

/* The user who is signed in, and whom the argument does not contradict. */
static Datum
resolve_user(const Library *library, const NullableDatum *arg)
{
	bool		nobody;
	Datum		uid = signed_in_user(library, &nobody);

	if (arg->isnull && nobody)
		refuse_nobody();
	if (!arg->isnull && (nobody || !same_uuid(uid, arg->value)))
		refuse_other_user(arg->value);
	return uid;
}

/* Opens SPI, while the caller is still the caller. */
static void
open_call(Call *call, FunctionCallInfo fcinfo)
{
	memset(call, 0, sizeof(*call));
	library_find(&call->library, fcinfo->flinfo->fn_oid);
	SPI_connect();
}

/* Begins a call that is not about a user. */
void
call_begin(Call *call, FunctionCallInfo fcinfo)
{
	open_call(call, fcinfo);
	become_owner(&call->boundary, &call->library);
}

/* auth.uid() is not asked where it would not matter. */
static void
find_user(Call *call, const NullableDatum *arg)
{
	call->named = !arg->isnull && acts_for_others(&call->library);
	if (!call->named)
		call->signed_in = resolve_user(&call->library, arg);
	call->user_id = call->named ? arg->value : call->signed_in;
}

/*
 * Begins a call about a user's rows.  The argument numbered user_arg is the user_id that
 * the caller may give.
 */
void
call_begin_as_user(Call *call, FunctionCallInfo fcinfo, int user_arg)
{
	open_call(call, fcinfo);
	find_user(call, &fcinfo->args[user_arg]);
	become_owner(&call->boundary, &call->library);
}

/* Begins a call about the rows of several users.  Learners may name only themselves. */
void
call_begin_as_users(Call *call, FunctionCallInfo fcinfo, const Datum *users, int size)
{
	NullableDatum first = {.value = users[0]};

	open_call(call, fcinfo);
	find_user(call, &first);
	for (int i = 1; i < size && !call->named; i++)
		if (!same_uuid(users[i], call->user_id))
			refuse_other_user(users[i]);
	become_owner(&call->boundary, &call->library);
}

/* The same, but service_role may also call for nobody: then user_id is 0. */
void
call_begin_as_user_or_nobody(Call *call, FunctionCallInfo fcinfo, int user_arg)
{
	const NullableDatum *arg = &fcinfo->args[user_arg];
	bool		nobody = false;

	open_call(call, fcinfo);
	if (arg->isnull && acts_for_others(&call->library))
		call->user_id = call->signed_in = signed_in_user(&call->library, &nobody);
	else
		find_user(call, arg);
	if (nobody)
		call->user_id = call->signed_in = (Datum) 0;
	become_owner(&call->boundary, &call->library);
}

/*
 * The same for a function in which operators may name nobody, and the staff of a course its
 * learners.  The function itself asks whether a user who was named is one of them: see
 * names_learner().
 */
void
call_begin_as_user_or_staff(Call *call, FunctionCallInfo fcinfo, int user_arg)
{
	const NullableDatum *arg = &fcinfo->args[user_arg];
	bool		nobody = true;

	open_call(call, fcinfo);
	call->named = !arg->isnull && acts_for_others(&call->library);
	if (!call->named)
		call->signed_in = signed_in_user(&call->library, &nobody);
	call->is_operator = call->named ||
		(arg->isnull && nobody && acts_for_others(&call->library));
	if (nobody && !call->is_operator && arg->isnull)
		refuse_nobody();
	if (nobody && !call->is_operator)
		refuse_other_user(arg->value);
	call->user_id = arg->isnull ? call->signed_in : arg->value;
	become_owner(&call->boundary, &call->library);
}

/* Whether somebody who does not act for others has named another user, as staff may. */
bool
names_learner(const Call *call)
{
	return !call->named && call->signed_in != 0 && !same_uuid(call->user_id, call->signed_in);
}

/*
 * Begins a call that the staff of a course may make, and operators.  Of which course is known
 * later: require_staff() asks it then.
 */
void
call_begin_as_staff(Call *call, FunctionCallInfo fcinfo)
{
	static const NullableDatum none = {.isnull = true};

	open_call(call, fcinfo);
	call->is_operator = acts_for_others(&call->library);
	if (!call->is_operator)
		call->signed_in = resolve_user(&call->library, &none);
	become_owner(&call->boundary, &call->library);
}

/*
 * Opens a call about whoever has signed in, while the caller is still the caller; false, and it
 * is not open, if nobody has.
 */
bool
call_open_if_signed_in(Call *call, FunctionCallInfo fcinfo)
{
	bool		nobody;

	open_call(call, fcinfo);
	call->signed_in = signed_in_user(&call->library, &nobody);
	if (nobody)
		SPI_finish();
	return !nobody;
}

/*
 * Whether what is kept for this call ends with a query: a query reads the table whose column
 * it is asked about.  PL/pgSQL keeps its own expressions for a whole transaction, in which the
 * answer may change, but these have no columns.
 */
bool
ends_with_query(FunctionCallInfo fcinfo)
{
	Node	   *call = fcinfo->flinfo->fn_expr;

	return call != NULL && IsA(call, FuncExpr) && IsA(linitial(((FuncExpr *) call)->args), Var);
}

/* Begins a call that only service_role and the operators of the tables may make. */
void
call_begin_as_operator(Call *call, FunctionCallInfo fcinfo)
{
	open_call(call, fcinfo);
	if (!acts_for_others(&call->library))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not do this",
						GetUserNameFromId(GetUserId(), false)),
				 errhint("Call as service_role.")));
	become_owner(&call->boundary, &call->library);
}

/*
 * Runs a query with the caller's own rights and search_path.  So the policies of a platform
 * hold here as they do in its own queries.
 */
uint64
call_query_as_caller(Call *call, const LibraryQuery *query, Datum *values)
{
	uint64		rows;

	become_caller(&call->boundary);
	rows = query_execute(&call->library, query, values, NULL, true);
	become_owner(&call->boundary, &call->library);
	return rows;
}

/* The type of the row that the called function returns. */
Oid
call_row_type(const Call *call)
{
	return get_func_rettype(call->library.function);
}

/*
 * Lets only one batch, reset, completion or enrollment of a learner run at a time.  Two batches lock
 * rows in one order, so they cannot deadlock.  But a reset deletes rows, and then there is
 * nothing left to keep that order.
 */
void
call_lock_user(const Call *call)
{
	library_lock_one(ALL_USERS,
					 hash_bytes_extended(DatumGetUUIDP(call->user_id)->data, UUID_LEN, USER_LOCK),
					 ExclusiveLock);
}

/* The same for several users, who are in order: so two such calls cannot deadlock. */
void
call_lock_users(Call *call, const Datum *users, int size)
{
	/* At once, if nobody can wait for a lock that this transaction has. */
	if (size >= MANY_LOCKS && locks_taken() == 0)
		library_lock(ALL_USERS, ExclusiveLock);
	else
		for (int i = 0; i < size; i++)
		{
			call->user_id = users[i];
			call_lock_user(call);
		}
}

/* Ends a call that has succeeded.  After an error the server does this: see become_owner(). */
void
call_end(Call *call)
{
	SPI_finish();
	become_caller(&call->boundary);
}
