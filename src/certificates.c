/* certificates.c: issues, revokes and verifies certificates, and makes credentials of them. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "course.h"
#include "result.h"
#include "rules.h"

static const LibraryQuery insert_certificate = {
	ISSUE_CERTIFICATE_SQL("$1", "$2", "$3", "$4"),
	4, {UUIDOID, UUIDOID, TEXTOID, JSONBOID}
};

static const LibraryQuery find_issued = {
	"SELECT k " ISSUED_CERTIFICATE_SQL("$1", "$2"),
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery set_revoked = {
	REVOKE_CERTIFICATE_SQL("$1", "$2"),
	2, {TEXTOID, TEXTOID}
};

static const LibraryQuery find_certificate = {
	"SELECT k FROM %1$s.certificates AS k WHERE k.code = " CERTIFICATE_CODE_SQL("$1"),
	1, {TEXTOID}
};

static const LibraryQuery find_verified = {
	VERIFY_CERTIFICATE_SQL("$1"),
	1, {TEXTOID}
};

/* The credential is NULL if the issuer is no Profile. */
static const LibraryQuery make_credential = {
	"SELECT k.revoked_at IS NULL, k.code,"
	"       CASE WHEN " IS_ISSUER_SQL("$2") " THEN " CREDENTIAL_SQL("$2") " END"
	"  FROM %1$s.certificates AS k"
	" WHERE k.code = " CERTIFICATE_CODE_SQL("$1"),
	2, {TEXTOID, JSONBOID}
};

static const LibraryQuery find_fault = {
	"SELECT " CERTIFICATE_FAULT_SQL("$1", "$2"),
	2, {TEXTOID, JSONBOID}
};

/* Refuses a name or metadata that a certificate cannot have. */
static void
require_contents(const Call *call, Datum *values)
{
	bool		none;
	Datum		found;

	query_execute(&call->library, &find_fault, values, NULL, true);
	found = result_nullable(0, 1, TEXTOID, &none);
	if (!none)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_internal("%s", TextDatumGetCString(found))));
}

pg_noreturn static void
missing_certificate(Datum code)
{
	text	   *given = DatumGetTextPP(code);

	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("certificate \"%s\" does not exist",
					quotable(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given)))));
}

/* The certificate that the last query has read.  It outlives SPI. */
static Datum
certificate_row(const Call *call)
{
	return SPI_datumTransfer(result_value(0, 1, call_row_type(call)), false, -1);
}

PG_FUNCTION_INFO_V1(issue_certificate);

/*
 * One completion gets one certificate, however many ask at once: the lock keeps them apart,
 * and a report that would move the completion's date back, too.
 */
Datum
issue_certificate(PG_FUNCTION_ARGS)
{
	Datum		values[] = {
		required_arg(fcinfo, 0, "course_id"), required_arg(fcinfo, 1, "user_id"),
		required_arg(fcinfo, 2, "learner_name"), required_arg(fcinfo, 3, "metadata")
	};
	Call		call;
	Datum		row;

	PreventCommandIfReadOnly("issue_certificate()");

	call_begin_as_operator(&call, fcinfo);
	require_contents(&call, &values[2]);
	require_course(&call, values[0]);
	call.user_id = values[1];
	call_lock_user(&call);
	query_execute_latest(&call.library, &insert_certificate, values);
	if (query_execute_latest(&call.library, &find_issued, values) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("user \"%s\" has not completed course \"%s\"",
						uuid_text(values[1]), uuid_text(values[0])),
				 errhint("A certificate can be issued once enrollments.completed_at is set.")));
	row = certificate_row(&call);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

/* Why a certificate is revoked, which may not be empty. */
static Datum
reason_arg(FunctionCallInfo fcinfo)
{
	Datum		reason = required_arg(fcinfo, 1, "reason");

	if (VARSIZE_ANY_EXHDR(DatumGetTextPP(reason)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason is empty")));
	return reason;
}

PG_FUNCTION_INFO_V1(revoke_certificate);

/* The first revocation counts. */
Datum
revoke_certificate(PG_FUNCTION_ARGS)
{
	Datum		values[] = {required_arg(fcinfo, 0, "code"), reason_arg(fcinfo)};
	Call		call;
	Datum		row;

	PreventCommandIfReadOnly("revoke_certificate()");

	call_begin_as_operator(&call, fcinfo);
	query_execute_latest(&call.library, &set_revoked, values);
	if (query_execute_latest(&call.library, &find_certificate, values) == 0)
		missing_certificate(values[0]);
	row = certificate_row(&call);
	call_end(&call);

	PG_RETURN_DATUM(row);
}

PG_FUNCTION_INFO_V1(verify_certificate);

/* Anybody may ask, so a code that is none has the same answer as one that is not known. */
Datum
verify_certificate(PG_FUNCTION_ARGS)
{
	Datum		code = required_arg(fcinfo, 0, "code");
	Call		call;

	InitMaterializedSRF(fcinfo, 0);
	call_begin(&call, fcinfo);
	query_execute(&call.library, &find_verified, &code, NULL, true);
	result_return((ReturnSetInfo *) fcinfo->resultinfo);
	call_end(&call);
	return (Datum) 0;
}

/* Refuses what no credential can be made of.  The last query has read the credential. */
static void
require_credential(void)
{
	bool		no_issuer;

	(void) result_nullable(0, 3, JSONBOID, &no_issuer);
	if (no_issuer)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("issuer is not a Profile of Open Badges"),
				 errdetail("It is a JSON object with an id, which is a URI; if it has a type, that is an array of texts with \"Profile\" in it.")));
	if (!result_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate \"%s\" is revoked",
						TextDatumGetCString(result_value(0, 2, TEXTOID)))));
}

PG_FUNCTION_INFO_V1(certificate_credential);

Datum
certificate_credential(PG_FUNCTION_ARGS)
{
	Datum		values[] = {required_arg(fcinfo, 0, "code"), required_arg(fcinfo, 1, "issuer")};
	Call		call;
	Datum		document;

	call_begin_as_operator(&call, fcinfo);
	if (query_execute(&call.library, &make_credential, values, NULL, true) == 0)
		missing_certificate(values[0]);
	require_credential();
	document = SPI_datumTransfer(result_value(0, 3, JSONBOID), false, -1);
	call_end(&call);

	PG_RETURN_DATUM(document);
}
