/* claims.c: finds the subject in a JWT's claims, where that is plain to see. */
#include "postgres.h"

#include "claims.h"

/*
 * This reads the usual JSON alone, and all of it, because auth.uid() fails where JSON ends
 * in the wrong way.  Whatever else there may be (an escape, an exponent, a second subject)
 * is left to the server's own functions, and so is all that is not JSON.
 */
#define LONGEST 8192
#define DEEPEST 32

static const char *skip_value(const char *at, int depth);

static const char *
skip_space(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	return at;
}

/* What comes after a string without escapes; NULL if there is none. */
static const char *
skip_string(const char *at)
{
	if (*at++ != '"')
		return NULL;
	while (*at != '"' && *at != '\\' && (unsigned char) *at >= ' ')
		at++;
	return *at == '"' ? at + 1 : NULL;
}

static const char *
skip_digits(const char *at)
{
	const char *first = at;

	while (*at >= '0' && *at <= '9')
		at++;
	return at > first ? at : NULL;
}

static const char *
skip_number(const char *at)
{
	if (*at == '-')
		at++;
	if (at[0] == '0' && at[1] >= '0' && at[1] <= '9')
		return NULL;
	at = skip_digits(at);
	return at != NULL && *at == '.' ? skip_digits(at + 1) : at;
}

static const char *
skip_word(const char *at)
{
	static const char *const words[] = {"true", "false", "null"};

	for (int i = 0; i < lengthof(words); i++)
		if (strncmp(at, words[i], strlen(words[i])) == 0)
			return at + strlen(words[i]);
	return skip_number(at);
}

/* The name of a member with its colon. */
static const char *
skip_name(const char *at)
{
	at = skip_string(at);
	if (at == NULL)
		return NULL;
	at = skip_space(at);
	return *at == ':' ? skip_space(at + 1) : NULL;
}

/* After a member or an element: the next one, the end, or neither. */
static const char *
skip_comma(const char *at, char end, bool *ended)
{
	at = skip_space(at);
	*ended = *at == end;
	if (*ended)
		return at + 1;
	return *at == ',' ? skip_space(at + 1) : NULL;
}

static const char *
skip_members(const char *at, char end, int depth)
{
	bool		ended = false;

	at = skip_space(at);
	if (*at == end)
		return at + 1;
	while (at != NULL && !ended)
	{
		if (end == '}')
			at = skip_name(at);
		if (at != NULL)
			at = skip_value(at, depth);
		if (at != NULL)
			at = skip_comma(at, end, &ended);
	}
	return at;
}

static const char *
skip_value(const char *at, int depth)
{
	if (*at == '"')
		return skip_string(at);
	if (*at != '{' && *at != '[')
		return skip_word(at);
	return depth == DEEPEST ? NULL : skip_members(at + 1, *at == '{' ? '}' : ']', depth + 1);
}

/* Whether the name of a member is "sub". */
static bool
is_subject(const char *name)
{
	return strncmp(name, "\"sub\"", 5) == 0;
}

/* Finds the one subject of the object that begins here; false if it is not plain to see. */
static bool
scan_members(const char *at, const char **subject)
{
	bool		ended = false;

	*subject = NULL;
	while (!ended)
	{
		const char *name = at;

		at = skip_name(at);
		if (at == NULL)
			return false;
		if (is_subject(name))
		{
			/* A second one counts in place of the first, and one may be null. */
			if (*subject != NULL || *at != '"')
				return false;
			*subject = at + 1;
		}
		at = skip_value(at, 0);
		if (at != NULL)
			at = skip_comma(at, '}', &ended);
		if (at == NULL)
			return false;
	}
	return *skip_space(at) == '\0' && *subject != NULL;
}

/* The subject; NULL if it is not plain to see, which does not mean that there is none. */
char *
plain_subject(const char *claims)
{
	const char *at = skip_space(claims);
	const char *subject;

	if (*at != '{' || strlen(at) > LONGEST)
		return NULL;
	if (!scan_members(skip_space(at + 1), &subject))
		return NULL;
	return pnstrdup(subject, strchr(subject, '"') - subject);
}
