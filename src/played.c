/* played.c: reads, merges, counts and clips the seconds of a video that were played (R13). */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"

#include "content_library.h"
#include "played.h"

/* More ranges than this are joined, so that a row stays small whatever a player sends. */
#define MAX_RANGES 255

static Ranges *
make_ranges(int capacity)
{
	Ranges	   *ranges = palloc(offsetof(Ranges, items) + capacity * sizeof(Range));

	ranges->size = 0;
	return ranges;
}

/* Adds a range that does not begin before the last one.  Those that touch become one. */
static void
add_range(Ranges *ranges, Range range)
{
	Range	   *last;

	if (range.start >= range.end)
		return;
	last = ranges->size > 0 ? &ranges->items[ranges->size - 1] : NULL;
	if (last != NULL && range.start <= last->end)
		last->end = Max(last->end, range.end);
	else
		ranges->items[ranges->size++] = range;
}

static int
compare_starts(const void *a, const void *b)
{
	int32		one = ((const Range *) a)->start;
	int32		other = ((const Range *) b)->start;

	return (one > other) - (one < other);
}

/* Puts ranges in order that may overlap. */
static void
sort_ranges(Ranges *ranges)
{
	int			size = ranges->size;

	qsort(ranges->items, size, sizeof(Range), compare_starts);
	ranges->size = 0;
	/* What is added never goes beyond what is read. */
	for (int i = 0; i < size; i++)
		add_range(ranges, ranges->items[i]);
}

/* The beginning of a JSON value, as an error quotes it. */
static char *
json_text(JsonbContainer *json)
{
	char	   *text = JsonbToCString(NULL, json, 0);

	return quotable(text, strlen(text));
}

static void
malformed_range(int number, JsonbValue *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("played[%d] is not a range [start, end] in seconds: %s", number,
					json_text(&JsonbValueToJsonb(value)->root)),
			 errhint("As in [[0, 12.5], [60, 75]].")));
}

/* One of the two seconds of a pair; NaN if it is none. */
static double
read_second(JsonbContainer *pair, int number)
{
	JsonbValue *value = getIthJsonbValueFromContainer(pair, number);

	if (value->type != jbvNumeric)
		return get_float8_nan();
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

/* Reads a pair, rounded outward to whole seconds.  A pair without length is no second. */
static Range
read_range(int number, JsonbValue *value)
{
	JsonbContainer *pair = value->type == jbvBinary ? value->val.binary.data : NULL;
	Range		range = {0, 0};
	double		start;
	double		end;

	if (pair == NULL || !JsonContainerIsArray(pair) || JsonContainerSize(pair) != 2)
		malformed_range(number, value);
	start = read_second(pair, 0);
	end = read_second(pair, 1);
	if (!(start >= 0 && end >= start))
		malformed_range(number, value);
	if (start < end)
	{
		range.start = (int32) Min(floor(start), PG_INT32_MAX);
		range.end = (int32) Min(ceil(end), PG_INT32_MAX);
	}
	return range;
}

/* Reads a player's ranges.  They may overlap, and come in any order. */
Ranges *
ranges_from_json(JsonbContainer *played)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	Ranges	   *ranges;
	int			number = 0;

	if (!JsonContainerIsArray(played) || JsonContainerIsScalar(played))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("played is not an array of ranges: %s", json_text(played)),
				 errhint("As in [[0, 12.5], [60, 75]].")));
	ranges = make_ranges(JsonContainerSize(played));
	iterator = JsonbIteratorInit(played);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			ranges->items[ranges->size++] = read_range(number++, &value);
	sort_ranges(ranges);
	return ranges;
}

/* An owner may have written a range without an end. */
static int32
bound_value(const RangeBound *bound, int32 infinite)
{
	return bound->infinite ? infinite : DatumGetInt32(bound->val);
}

Range
range_of(TypeCacheEntry *type, const MultirangeType *multirange, int number)
{
	RangeBound	lower;
	RangeBound	upper;
	Range		range;

	multirange_get_bounds(type, multirange, number, &lower, &upper);
	range.start = bound_value(&lower, PG_INT32_MIN);
	range.end = bound_value(&upper, PG_INT32_MAX);
	return range;
}

Ranges *
ranges_from_datum(Datum datum)
{
	TypeCacheEntry *type = lookup_type_cache(INT4RANGEOID, TYPECACHE_RANGE_INFO);
	const MultirangeType *multirange = DatumGetMultirangeTypeP(datum);
	Ranges	   *ranges = make_ranges(multirange->rangeCount);

	for (uint32 i = 0; i < multirange->rangeCount; i++)
		add_range(ranges, range_of(type, multirange, i));
	return ranges;
}

static RangeType *
range_to_datum(TypeCacheEntry *type, const Range *range)
{
	RangeBound	lower = {.val = Int32GetDatum(range->start), .inclusive = true, .lower = true};
	RangeBound	upper = {.val = Int32GetDatum(range->end)};

#if PG_VERSION_NUM >= 160000
	return range_serialize(type, &lower, &upper, false, NULL);
#else
	return range_serialize(type, &lower, &upper, false);
#endif
}

Datum
ranges_to_datum(const Ranges *ranges)
{
	TypeCacheEntry *type = lookup_type_cache(INT4RANGEOID, TYPECACHE_RANGE_INFO);
	RangeType **parts = palloc(ranges->size * sizeof(RangeType *));

	for (int i = 0; i < ranges->size; i++)
		parts[i] = range_to_datum(type, &ranges->items[i]);
	return PointerGetDatum(make_multirange(INT4MULTIRANGEOID, type, ranges->size, parts));
}

int64
ranges_seconds(const Ranges *ranges)
{
	int64		seconds = 0;

	for (int i = 0; i < ranges->size; i++)
		seconds += (int64) ranges->items[i].end - ranges->items[i].start;
	return seconds;
}

/* What is within a video of this duration. */
Ranges *
ranges_clip(const Ranges *ranges, int32 duration)
{
	Ranges	   *clipped = make_ranges(ranges->size);

	for (int i = 0; i < ranges->size; i++)
	{
		Range		range = {Max(ranges->items[i].start, 0), Min(ranges->items[i].end, duration)};

		add_range(clipped, range);
	}
	return clipped;
}

/* What is in one and not in the other. */
static Ranges *
ranges_minus(const Ranges *one, const Ranges *other)
{
	Ranges	   *rest = make_ranges(one->size + other->size);
	int			next = 0;		/* the first of the other that does not end before */

	for (int i = 0; i < one->size; i++)
	{
		Range		range = one->items[i];

		while (next < other->size && other->items[next].end <= range.start)
			next++;
		for (int j = next; j < other->size && other->items[j].start < range.end; j++)
		{
			Range		before = {range.start, other->items[j].start};

			add_range(rest, before);
			range.start = other->items[j].end;
		}
		add_range(rest, range);
	}
	return rest;
}

/* Keeps the first so many seconds. */
static void
cut_ranges(Ranges *ranges, int64 seconds)
{
	for (int i = 0; i < ranges->size; i++)
	{
		Range	   *range = &ranges->items[i];
		int64		length = (int64) range->end - range->start;

		if (seconds <= 0)
		{
			ranges->size = i;
			return;
		}
		if (length > seconds)
			range->end = (int32) (range->start + seconds);
		seconds -= length;
	}
}

static Ranges *
ranges_union(const Ranges *one, const Ranges *other)
{
	Ranges	   *both = make_ranges(one->size + other->size);
	int			i = 0;
	int			j = 0;

	while (i < one->size || j < other->size)
	{
		if (j == other->size || (i < one->size && one->items[i].start <= other->items[j].start))
			add_range(both, one->items[i++]);
		else
			add_range(both, other->items[j++]);
	}
	return both;
}

/* What is between a range and the one before it, for join_closest(). */
typedef struct Gap
{
	int64		seconds;
	int			number;			/* of the range after it */
} Gap;

static int
compare_gaps(const void *a, const void *b)
{
	const Gap  *one = a;
	const Gap  *other = b;

	if (one->seconds != other->seconds)
		return one->seconds < other->seconds ? -1 : 1;
	return one->number - other->number;
}

/* Joins the ranges with the smallest gaps between them, of equals the first, until few are left. */
static void
join_closest(Ranges *ranges)
{
	int			size = ranges->size;
	int			joined = size - MAX_RANGES;
	Gap		   *gaps;

	if (joined <= 0)
		return;
	gaps = palloc(size * sizeof(Gap));
	for (int i = 1; i < size; i++)
	{
		gaps[i].seconds = (int64) ranges->items[i].start - ranges->items[i - 1].end;
		gaps[i].number = i;
	}
	qsort(gaps + 1, size - 1, sizeof(Gap), compare_gaps);
	/* A range that begins where the one before it ends is joined to it when it is added. */
	for (int i = 1; i <= joined; i++)
		ranges->items[gaps[i].number].start = ranges->items[gaps[i].number - 1].end;
	ranges->size = 0;
	for (int i = 0; i < size; i++)
		add_range(ranges, ranges->items[i]);
}

/*
 * The seconds watched with the played ones, of which the first are credited as long as there
 * are no more than bound in all.  Joining ranges credits the seconds between them.  If these
 * exceed the bound, all that is new has to wait.
 */
Ranges *
ranges_credit(const Ranges *watched, const Ranges *played, int64 bound)
{
	Ranges	   *news = ranges_minus(played, watched);
	Ranges	   *credited;

	cut_ranges(news, bound - ranges_seconds(watched));
	credited = ranges_union(watched, news);
	join_closest(credited);
	if (ranges_seconds(credited) > bound)
		return ranges_union(watched, make_ranges(0));
	return credited;
}
