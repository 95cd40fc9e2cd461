"""measured: reads what bench/measure printed, and tells how many times as good the library is."""

from peers import EMPTY

# What has a ratio, and whether less of it is better.
LESS = {'us': True, 'instructions': True, 'WAL bytes': True, 'calls/s': False}


class Median(float):
    """A median, and by_ours: the median of what it is of ours in each round, or None."""

    def __new__(cls, median, by_ours=''):
        self = super().__new__(cls, median)
        self.by_ours = float(by_ours) if by_ours else None
        return self


def read(lines):
    """Medians by learners, workload, unit and peer."""
    figures = {}
    for line in lines:
        if not line.startswith('#'):
            learners, workload, peer, unit, median, _, _, _, *by_ours = line.rstrip('\n').split('\t')
            figures.setdefault((int(learners), workload, unit), {})[peer] = Median(median, *by_ours)
    return figures


def ratio(peers, peer, unit):
    """How many times as good ours is as a peer; None where there is no telling.

    Of each round, if that was measured: the speed of a machine may change from one to the next.
    """
    ours = peers.get('ours')
    if peer in ('ours', *EMPTY) or unit not in LESS or not ours or not peers.get(peer):
        return None
    by_ours = peers[peer].by_ours or peers[peer] / ours
    return by_ours if LESS[unit] else 1 / by_ours


def largest(figures):
    """Of each workload what was measured with the most rows."""
    return {key: peers for key, peers in figures.items()
            if key[0] == max(learners for learners, *what in figures if tuple(what) == key[1:])}
