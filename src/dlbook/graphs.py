"""Graphs as adjacency matrices: tools, random graphs with communities, the karate club, molecules. Chapter *graph networks*.

An adjacency matrix A (N, N) is float32, symmetric and 0 on its diagonal; A[i, j] is the weight of the edge between nodes i
and j, 0 where there is none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from .settings import flag, generator, real, text, whole


def adjacency(edges, n, *, weights=None):
    """Return the adjacency matrix (n, n) of undirected `edges`, pairs (E, 2) of nodes, with `weights` (E,) or 1.

    Raises ValueError for a node that does not exist, an edge from a node to itself, or weights that do not fit.

    >>> adjacency([(0, 1), (1, 2)], 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    whole("n", n, 0)
    edges = real("edges", edges)
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu"):
        raise ValueError(f"edges have shape {edges.shape} and dtype {edges.dtype}; expected pairs of whole numbers, (E, 2)")
    edges = edges.astype(np.int64).reshape(-1, 2)
    if edges.size and not (0 <= edges.min() and edges.max() < n):
        raise ValueError(f"edges join nodes {edges.min()} to {edges.max()}; expected nodes from 0 to {n - 1}")
    if (edges[:, 0] == edges[:, 1]).any():
        raise ValueError(f"edge {(edges[:, 0] == edges[:, 1]).argmax()} joins a node to itself; expected two different nodes")
    weights = np.ones(len(edges), np.float32) if weights is None else real("weights", weights).astype(np.float32)
    if weights.shape != (len(edges),):
        raise ValueError(f"weights have shape {weights.shape}; expected one for each edge: ({len(edges)},)")
    a = np.zeros((n, n), np.float32)
    a[edges[:, 0], edges[:, 1]] = a[edges[:, 1], edges[:, 0]] = weights
    return a


def normalised_adjacency(a, *, self_loops=True):
    """Return D^(-1/2) (A + I) D^(-1/2), D the degrees of A + I: what a graph convolution multiplies the features by.

    Without `self_loops` there is no + I; a node without neighbours then keeps a row of zeros. Raises ValueError where `a`
    is not a square, symmetric matrix without negative weights. Kipf and Welling, "Semi-supervised classification with graph
    convolutional networks", 2017.

    >>> normalised_adjacency(adjacency([(0, 1)], 2)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    a = _checked(a)
    if flag("self_loops", self_loops):
        a = a + np.eye(len(a), dtype=a.dtype)
    degree = a.sum(axis=1)
    scale = np.sqrt(degree[:, None] * degree)
    return np.divide(a, scale, out=np.zeros_like(a), where=scale > 0)


def block_diagonal(matrices):
    """Return the adjacency matrix of several graphs seen as one (N, N), and the number of each node's graph, int64 (N,).

    So that graphs of different sizes go through a network as one batch. Raises ValueError where there is no graph, or where
    a matrix is none of a graph (see `normalised_adjacency`).

    >>> a, graph = block_diagonal([adjacency([(0, 1)], 2), adjacency([], 1)])
    >>> a.shape, graph.tolist()
    ((3, 3), [0, 0, 1])
    """
    if not isinstance(matrices, (list, tuple)) and np.ndim(matrices) != 3:
        raise TypeError(f"matrices must be a list of adjacency matrices, and are {matrices!r:.60}")
    matrices = [_checked(a) for a in matrices]
    if not matrices:
        raise ValueError("there is no graph to join; expected at least one adjacency matrix")
    ends = np.cumsum([len(a) for a in matrices]).tolist()
    joined = np.zeros((ends[-1], ends[-1]), np.result_type(*matrices))
    for a, end in zip(matrices, ends):
        joined[end - len(a):end, end - len(a):end] = a
    return joined, np.repeat(np.arange(len(matrices)), [len(a) for a in matrices])


def _checked(a):
    a = real("an adjacency matrix", a)
    if a.dtype.kind != "f":
        a = a.astype(np.float32)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"the adjacency matrix has shape {a.shape}; expected a square")
    if not np.array_equal(a, a.T) or (a < 0).any():
        raise ValueError(f"the adjacency matrix {a.shape} is not symmetric or has negative or undefined weights; expected that of an "
                         "undirected graph")
    return a


# ---- graphs with communities ----------------------------------------------------------------------------------------

def stochastic_block_model(sizes, probabilities, *, rng):
    """Return a random graph with communities, adjacency (N, N) and y (N,): `sizes` (K,) tells how many nodes are in each.

    Nodes of the communities k and l are joined with probability `probabilities[k][l]`, independently of all others.
    Raises ValueError for sizes or probabilities that do not fit. Holland, Laskey and Leinhardt, "Stochastic blockmodels:
    first steps", 1983.

    >>> a, y = stochastic_block_model([3, 2], [[1, 0], [0, 1]], rng=np.random.default_rng(0))
    >>> y.tolist(), int(a.sum()) // 2
    ([0, 0, 0, 1, 1], 4)
    """
    generator(rng)
    sizes, probabilities = real("sizes", sizes), real("probabilities", probabilities).astype(np.float64)
    if sizes.ndim != 1 or not len(sizes) or sizes.dtype.kind not in "iu" or (sizes < 1).any():
        raise ValueError(f"sizes are {sizes.tolist()}; expected whole numbers of at least 1, one for each community")
    if probabilities.shape != (len(sizes), len(sizes)) or not np.array_equal(probabilities, probabilities.T):
        raise ValueError(f"probabilities have shape {probabilities.shape}; expected a symmetric table of shape "
                         f"({len(sizes)}, {len(sizes)}), as there are {len(sizes)} sizes")
    if not ((0 <= probabilities) & (probabilities <= 1)).all():
        raise ValueError(f"a probability is below 0 or above 1: probabilities reach from {probabilities.min()} to {probabilities.max()}")
    y = np.repeat(np.arange(len(sizes)), sizes)
    joined = np.triu(rng.random((len(y), len(y))) < probabilities[y][:, y], k=1).astype(np.float32)
    return joined + joined.T, y


class KarateClub(NamedTuple):
    """Adjacency (34, 34), the faction (34,) in {0, 1} that each member joined, and the community (34,) in 0..3 of each."""

    adjacency: np.ndarray
    faction: np.ndarray
    community: np.ndarray


_MET = (  # for each member, those with a larger number whom he met outside the club
    "1 2 3 4 5 6 7 8 10 11 12 13 17 19 21 31", "2 3 7 13 17 19 21 30", "3 7 8 9 13 27 28 32", "7 12 13", "6 10",
    "6 10 16", "16", "", "30 32 33", "33", "", "", "", "33", "32 33", "32 33", "", "", "32 33", "33", "32 33", "",
    "32 33", "25 27 29 32 33", "25 27 31", "31", "29 33", "33", "31 33", "32 33", "32 33", "32 33", "33",
)
_FACTIONS = "0000000001000011001010111111111111"
_COMMUNITIES = "1111333101311100310101002200200200"


def karate_club() -> KarateClub:
    """Return who met whom in a karate club of 34 that split in two: 78 edges; node 0 is the instructor, node 33 the officer.

    Zachary, "An information flow model for conflict and fission in small groups", 1977. The four communities, found by their
    modularity, are those that circulate with Kipf and Welling's example of 2017, one label for each.

    >>> club = karate_club()
    >>> int(club.adjacency.sum()) // 2, np.bincount(club.faction).tolist(), np.bincount(club.community).tolist()
    (78, [17, 17], [13, 12, 4, 5])
    """
    edges = [(one, int(other)) for one, others in enumerate(_MET) for other in others.split()]
    faction, community = (np.array([int(digit) for digit in digits]) for digits in (_FACTIONS, _COMMUNITIES))
    return KarateClub(adjacency(edges, 34), faction, community)


# ---- molecules ------------------------------------------------------------------------------------------------------

class Molecule(NamedTuple):
    """The atoms but hydrogen, as symbols; of each its hydrogens and its charge (N,); bonds (E, 2) and their orders (E,)."""

    atoms: list[str]
    hydrogens: np.ndarray
    charges: np.ndarray
    bonds: np.ndarray
    orders: np.ndarray


_TOKEN = re.compile(r"(?P<atom>Br|Cl|[BCNOPSFI])"
                    r"|\[\d*(?P<symbol>[A-Z][a-z]?)@*(?:H(?P<hydrogens>\d*))?(?P<charge>\++\d*|-+\d*)?\]"
                    r"|(?P<bond>[-=#$/\\])|(?P<open>\()|(?P<close>\))|(?P<apart>\.)|(?P<ring>\d|%\d\d)")
_ORDERS = {"-": 1, "=": 2, "#": 3, "$": 4, "/": 1, "\\": 1}
_VALENCES = {"B": (3,), "C": (4,), "N": (3, 5), "O": (2,), "P": (3, 5), "S": (2, 4, 6), **dict.fromkeys(("F", "Cl", "Br", "I"), (1,))}


def from_smiles(smiles: str) -> Molecule:
    """Return the molecule that a SMILES string describes, hydrogens counted and not drawn, directions in space ignored.

    Raises ValueError where the string is no SMILES or has aromatic atoms in lower case: write those rings with alternating
    bonds, as `dlbook.data.molecules` does. Weininger, "SMILES, a chemical language and information system", 1988.

    >>> molecule = from_smiles("CC(=O)O")
    >>> molecule.atoms, molecule.hydrogens.tolist(), molecule.bonds.tolist(), molecule.orders.tolist()
    (['C', 'C', 'O', 'O'], [3, 0, 0, 1], [[0, 1], [1, 2], [1, 3]], [1, 2, 1])
    """
    text("smiles", smiles)
    atoms, given, charges, bonds, orders, rings, branches = [], [], [], [], [], {}, []
    last, order, place = None, None, 0  # the atom to bond to, the order announced for the next bond

    def refuse(why):
        raise ValueError(f"{smiles!r} is no SMILES string that we read: {why}")

    def bond(one, other, order):
        bonds.append((one, other))
        orders.append(order or 1)

    while place < len(smiles):
        token = _TOKEN.match(smiles, place)
        if token is None:
            aromatic = ": write aromatic rings with alternating bonds" if smiles[place] in "bcnops" else ""
            refuse(f"{smiles[place]!r} at place {place} is not understood{aromatic}")
        kind, place = token.lastgroup, token.end()
        if token["atom"] or token["symbol"]:
            atoms.append(token["atom"] or token["symbol"])
            given.append(None if token["atom"] else 0 if token["hydrogens"] is None else int(token["hydrogens"] or 1))
            charges.append(_charge(token["charge"]))
            if last is not None:
                bond(last, len(atoms) - 1, order)
            last, order = len(atoms) - 1, None
        elif last is None:
            refuse("an atom should come first")
        elif kind == "bond":
            order = _ORDERS[token["bond"]]
        elif kind == "open":
            branches.append(last)
        elif kind == "close":
            last = branches.pop() if branches else refuse("a bracket closes that never opened")
        elif kind == "apart":
            last = None
        else:  # a ring closes, or will
            number = int(token["ring"].lstrip("%"))
            other, announced = rings.pop(number, (None, None))
            if other == last:
                refuse("a ring closes at the atom that opens it")
            elif other is None:
                rings[number] = last, order
            else:
                bond(other, last, order or announced)
            order = None
    if rings or branches or order or last is None:
        refuse("a ring, a branch, a bond or a dot is left open, or there is no atom")
    bonded = np.zeros(len(atoms), np.int64)
    for pair, order in zip(bonds, orders):
        bonded[list(pair)] += order
    hydrogens = [_implied(atom, used) if count is None else count for atom, count, used in zip(atoms, given, bonded.tolist())]
    return Molecule(atoms, np.array(hydrogens, np.int64), np.array(charges, np.int64),
                    np.array(bonds, np.int64).reshape(-1, 2), np.array(orders, np.int64))


def _charge(signs):
    """The charge that +, ++, +2, -, -- or -2 stands for."""
    if not signs:
        return 0
    digits = signs.lstrip("+-")
    return (1 if signs[0] == "+" else -1) * (int(digits) if digits else len(signs))


def _implied(atom, used):
    """How many hydrogens fill an atom up to its valence, or the next one it has, when bonds use some of it."""
    return next((valence - used for valence in _VALENCES[atom] if valence >= used), 0)
