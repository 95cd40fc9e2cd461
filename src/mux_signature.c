/* mux_signature.c: mux_verify_signature(), whether a webhook was sent by Mux. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "content_library.h"

/* Limits for what a stranger sends.  A time in microseconds of 12 digits still fits into int64. */
#define MAX_HEADER 4096
#define MAX_TIME_DIGITS 12

/* A signature is written as hexadecimal digits. */
#define SIGNATURE_LEN (2 * PG_SHA256_DIGEST_LENGTH)

/* Bytes without a zero at the end. */
typedef struct Slice
{
	const char *data;
	size_t		len;
} Slice;

/* What a header says. */
typedef struct Header
{
	int			times;			/* how often t is there */
	Slice		time;			/* the last of them */
	List	   *signatures;		/* all v1, of any length */
} Header;

/* Cuts off what stands before the first separator; returns whether there was a separator. */
static bool
split_off(Slice *rest, char separator, Slice *taken)
{
	const char *found = rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);

	taken->data = rest->data;
	taken->len = found == NULL ? rest->len : found - rest->data;
	rest->data += taken->len;
	rest->len -= taken->len;
	if (found == NULL)
		return false;
	rest->data++;
	rest->len--;
	return true;
}

static bool
slice_is(Slice slice, const char *word)
{
	return slice.len == strlen(word) && memcmp(slice.data, word, slice.len) == 0;
}

/* Reads t=...,v1=...,v1=... and skips all other keys, which Mux may add some day. */
static void
parse_header(Slice text, Header *header)
{
	bool		more = true;

	memset(header, 0, sizeof(*header));
	while (more)
	{
		Slice		item;
		Slice		key;

		more = split_off(&text, ',', &item);
		split_off(&item, '=', &key);
		if (slice_is(key, "t"))
		{
			header->times++;
			header->time = item;
		}
		else if (slice_is(key, "v1"))
		{
			Slice	   *signature = palloc(sizeof(Slice));

			*signature = item;
			header->signatures = lappend(header->signatures, signature);
		}
	}
}

/* The time of a header: a whole number of seconds since 1970, as Mux writes it. */
static bool
parse_time(Slice digits, TimestampTz *signed_at)
{
	int64		seconds = 0;

	/* One number has one form: a leading zero is refused, too. */
	if (digits.len == 0 || digits.len > MAX_TIME_DIGITS ||
		(digits.data[0] == '0' && digits.len > 1))
		return false;
	for (size_t i = 0; i < digits.len; i++)
	{
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return false;
		seconds = 10 * seconds + (digits.data[i] - '0');
	}
	*signed_at = (seconds -
				  (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY) * USECS_PER_SEC;
	return true;
}

/* A text in UTF-8: Mux signs UTF-8, and the database may have another encoding. */
static Slice
utf8(text *value)
{
	Slice		slice;
	char	   *data = VARDATA_ANY(value);
	int			len = VARSIZE_ANY_EXHDR(value);
	char	   *converted = pg_server_to_any(data, len, PG_UTF8);

	slice.data = converted;
	slice.len = converted == data ? len : strlen(converted);
	return slice;
}

/* The secrets without NULL and empty ones.  Anybody could sign with an empty secret. */
static List *
usable_secrets(ArrayType *array)
{
	List	   *secrets = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		Slice	   *secret;

		if (nulls[i])
			continue;
		secret = palloc(sizeof(Slice));
		*secret = utf8(DatumGetTextPP(elements[i]));
		if (secret->len > 0)
			secrets = lappend(secrets, secret);
	}
	return secrets;
}

/*
 * Writes the signature of "<t>.<body>" by a secret, in hexadecimal.  Errors must not show
 * the secret.
 */
static void
sign(Slice secret, Slice time, Slice body, char *signature)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);

	if (hmac == NULL ||
		pg_hmac_init(hmac, (const uint8 *) secret.data, secret.len) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) time.data, time.len) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) ".", 1) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) body.data, body.len) < 0 ||
		pg_hmac_final(hmac, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute an HMAC: %s", pg_hmac_error(hmac));
	pg_hmac_free(hmac);
	hex_encode((const char *) digest, sizeof(digest), signature);
}

/*
 * Whether any secret has made any of the signatures.  It always tries all, so that the time
 * it takes tells nothing about the secrets.
 */
static bool
any_matches(List *secrets, const Header *header, Slice body)
{
	bool		matches = false;
	ListCell   *secret;

	foreach(secret, secrets)
	{
		char		expected[SIGNATURE_LEN];
		ListCell   *signature;

		sign(*(Slice *) lfirst(secret), header->time, body, expected);
		foreach(signature, header->signatures)
		{
			Slice	   *given = lfirst(signature);

			/* The time that timingsafe_bcmp() takes does not depend on the bytes. */
			if (given->len == SIGNATURE_LEN &&
				timingsafe_bcmp(given->data, expected, SIGNATURE_LEN) == 0)
				matches = true;
		}
	}
	return matches;
}

/* A time, earlier or later by an interval. */
static TimestampTz
moved_by(PGFunction plus_or_minus, TimestampTz at, Datum by)
{
	return DatumGetTimestampTz(DirectFunctionCall2(plus_or_minus, TimestampTzGetDatum(at), by));
}

/* Without fractions of a second, because Mux's own library compares whole seconds. */
static TimestampTz
whole_seconds(TimestampTz at)
{
	int64		fraction = at % USECS_PER_SEC;

	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	return at - (fraction < 0 ? fraction + USECS_PER_SEC : fraction);
}

/*
 * Checks the secrets, then the header's form, the signature, and last its age.  So only a
 * message that Mux has signed can be too old or too new.
 */
static const char *
verdict(Slice body, text *header_text, ArrayType *secret_texts,
		Datum tolerance, TimestampTz checked_at)
{
	List	   *secrets = secret_texts == NULL ? NIL : usable_secrets(secret_texts);
	Slice		text_of_header;
	Header		header;
	TimestampTz signed_at;

	if (secrets == NIL)
		return "no_secret";
	if (header_text == NULL || VARSIZE_ANY_EXHDR(header_text) == 0)
		return "no_header";
	if (VARSIZE_ANY_EXHDR(header_text) > MAX_HEADER)
		return "malformed_header";

	text_of_header.data = VARDATA_ANY(header_text);
	text_of_header.len = VARSIZE_ANY_EXHDR(header_text);
	parse_header(text_of_header, &header);
	if (header.times != 1 || !parse_time(header.time, &signed_at))
		return "malformed_header";
	if (header.signatures == NIL)
		return "no_v1_signature";
	if (!any_matches(secrets, &header, body))
		return "signature_mismatch";

	checked_at = whole_seconds(checked_at);
	if (signed_at < moved_by(timestamptz_mi_interval, checked_at, tolerance))
		return "too_old";
	if (signed_at > moved_by(timestamptz_pl_interval, checked_at, tolerance))
		return "too_new";
	return "ok";
}

PG_FUNCTION_INFO_V1(mux_verify_signature);

/* A wrong signature is an answer and not an error, because anybody can send a request. */
Datum
mux_verify_signature(PG_FUNCTION_ARGS)
{
	text	   *body = DatumGetTextPP(required_arg(fcinfo, 0, "body"));
	text	   *header = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	ArrayType  *secrets = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);
	Datum		tolerance = required_arg(fcinfo, 3, "tolerance");
	TimestampTz checked_at = DatumGetTimestampTz(required_arg(fcinfo, 4, "checked_at"));

	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, tolerance,
										  PointerGetDatum(palloc0(sizeof(Interval))))) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tolerance %s is negative",
						DatumGetCString(DirectFunctionCall1(interval_out, tolerance)))));

	PG_RETURN_TEXT_P(cstring_to_text(verdict(utf8(body), header, secrets,
											 tolerance, checked_at)));
}
