/* played.h: the seconds of a video that were played, as ranges (R13). */
#ifndef CONTENT_LIBRARY_PLAYED_H
#define CONTENT_LIBRARY_PLAYED_H

#include "utils/jsonb.h"
#include "utils/multirangetypes.h"
#include "utils/typcache.h"

/* From start up to, but not including, end. */
typedef struct Range
{
	int32		start;
	int32		end;
} Range;

/* In ascending order; no two of them touch. */
typedef struct Ranges
{
	int			size;
	Range		items[FLEXIBLE_ARRAY_MEMBER];
} Ranges;

extern Ranges *ranges_from_json(JsonbContainer *played);
extern Range range_of(TypeCacheEntry *type, const MultirangeType *multirange, int number);
extern Ranges *ranges_from_datum(Datum datum);
extern Datum ranges_to_datum(const Ranges *ranges);
extern int64 ranges_seconds(const Ranges *ranges);
extern Ranges *ranges_clip(const Ranges *ranges, int32 duration);
extern Ranges *ranges_credit(const Ranges *watched, const Ranges *played, int64 bound);

#endif							/* CONTENT_LIBRARY_PLAYED_H */
