"""measured: reads what bench/measure printed, and tells how many times as good the library is."""

from peers import EMPTY

# What has a ratio, and whether less of it is better.
LESS = {'us': True, 'instructions': True, 'WAL bytes': True, 'calls/s': False}


def read(lines):
    """Medians by learners, workload, unit and peer."""
    figures = {}
    for line in lines:
        if not line.startswith('#'):
            learners, workload, peer, unit, median, *_ = line.split('\t')
            figures.setdefault((int(learners), workload, unit), {})[peer] = float(median)
    return figures


def ratio(peers, peer, unit):
    """How many times as good ours is as a peer; None where there is no telling."""
    ours = peers.get('ours')
    if peer in ('ours', *EMPTY) or unit not in LESS or not ours or not peers.get(peer):
        return None
    return peers[peer] / ours if LESS[unit] else ours / peers[peer]


def largest(figures):
    """Of each workload what was measured with the most rows."""
    return {key: peers for key, peers in figures.items()
            if key[0] == max(learners for learners, *what in figures if tuple(what) == key[1:])}
