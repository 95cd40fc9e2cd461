"""seconds: the seconds of a video that were played, as sets, and as the server shows them: {[0,10),[20,30)}."""
import math
import re

MOST_RANGES = 255


def seconds_of(shown):
    """The seconds of ranges as the server shows them."""
    return {second for low, high in re.findall(r'\[(\d+),(\d+)\)', shown) for second in range(int(low), int(high))}


def ranges_of(seconds):
    """The same as pairs of the first second and the one after the last."""
    ranges = []
    for second in sorted(seconds):
        if ranges and ranges[-1][1] == second:
            ranges[-1][1] = second + 1
        else:
            ranges.append([second, second + 1])
    return ranges


def shown(seconds):
    return '{' + ','.join(f'[{low},{high})' for low, high in ranges_of(seconds)) + '}'


def is_played(value):
    """Whether a value is what a player may report as played."""
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2
        and all(type(number) in (int, float) and number >= 0 for number in pair) and pair[0] <= pair[1]
        for pair in value)


def played_seconds(pairs, end):
    """The seconds of a video that pairs of times touch."""
    return {second for start, stop in pairs if start < stop
            for second in range(min(end, math.floor(start)), min(end, math.ceil(stop)))}


def is_joined(seconds):
    return len(ranges_of(seconds)) > MOST_RANGES


def credit(watched, played, most):
    """The seconds watched with the played ones, the first of them, as long as there are no more than so many in all."""
    fresh = sorted(played - watched)
    credited = watched.union(fresh[:max(0, min(len(fresh), most - len(watched)))])
    ranges = ranges_of(credited)
    # No more ranges than that: the smallest gaps are closed, of equals the first.
    gaps = sorted((after[0] - before[1], before[1], after[0]) for before, after in zip(ranges, ranges[1:]))
    for _, start, stop in gaps[:max(0, len(ranges) - MOST_RANGES)]:
        credited.update(range(start, stop))
    return credited if len(credited) <= most else watched
