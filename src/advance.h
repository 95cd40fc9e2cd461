/* advance.h: how a report advances its row, the same as ADVANCE_SQL and START_SQL (R1, R2, R13). */
#ifndef CONTENT_LIBRARY_ADVANCE_H
#define CONTENT_LIBRARY_ADVANCE_H

#include "datatype/timestamp.h"

/* The columns of a row that an advancing report may change. */
typedef struct Advance
{
	int32		watched_pct;
	TimestampTz last_watched;
	int32		position;		/* if has_position */
	bool		has_position;
	TimestampTz started_at;		/* if has_started */
	bool		has_started;
	Datum		watched;		/* a multirange; 0 if it stays as it is */
} Advance;

/*
 * What a row holds after a report that comes now: test/t/053_direct_paths.pl holds it to the
 * SQL.  What was watched is counted elsewhere.
 */
static inline Advance
advance(Advance row, int32 watched_pct, TimestampTz at, bool has_position, int32 position,
		TimestampTz now)
{
	/* Of two reports with the same time the furthest position counts. */
	if (has_position &&
		(!row.has_position || at > row.last_watched ||
		 (at == row.last_watched && position > row.position)))
	{
		row.position = position;
		row.has_position = true;
	}
	if (watched_pct > row.watched_pct)
		row.watched_pct = watched_pct;
	if (at > row.last_watched)
		row.last_watched = at;
	if (!row.has_started)
	{
		row.started_at = now;
		row.has_started = true;
	}
	return row;
}

#endif							/* CONTENT_LIBRARY_ADVANCE_H */
