"""Byte-pair encoding: frequent sequences of bytes become tokens."""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections import Counter, defaultdict
from operator import index

import numpy as np

from .. import data
from ..data.examples import check_count
from ..settings import text as check_text
from .plain import check_tokens, utf8

# Contractions, words, numbers and signs, each with a space before it if there is one; then whitespace, of which the last
# character before a word is left to the word.
_WORDS = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+", re.ASCII)


def split_words(text):
    """Cut `text` as GPT-2 does before it merges: into words, numbers, signs and whitespace that join to `text` again.

    GPT-2's pattern asks for Unicode's letters and numbers, which Python's `re` does not know. So we search a disguise: the
    text with every character beyond ASCII replaced by an ASCII character of its kind.

    >>> split_words("It's 3 o'clock,  née Ⅷ")
    ['It', "'s", ' 3', ' o', "'", 'clock', ',', ' ', ' née', ' Ⅷ']
    """
    disguise = text if check_text("text", text).isascii() else "".join(map(_disguise, text))
    return [text[word.start():word.end()] for word in _WORDS.finditer(disguise)]


def _disguise(character):
    if character.isascii():
        return character
    if character.isspace():
        return "\t"
    return {"L": "A", "N": "0"}.get(unicodedata.category(character)[0], "!")


class BPE:
    """Byte-pair encoding: tokens are bytes, and what joins two tokens that follow each other often.

    `merges` lists pairs of tokens; merge k makes token 256 + k of its two. `alphabet` gives the bytes of tokens 0 to 255.
    `vocabulary` holds the bytes of every token. Gage, "A new algorithm for data compression", 1994; Sennrich, Haddow and
    Birch, "Neural machine translation of rare words with subword units", 2016; on bytes: Radford et al., 2019.

    >>> tokeniser = BPE.train("low lower lowest", size=258)
    >>> tokeniser.vocabulary[256:], tokeniser.encode("slow").tolist(), tokeniser.decode([115, 257])
    ([b'lo', b'low'], [115, 257], 'slow')
    """

    def __init__(self, merges, *, alphabet=bytes(range(256)), end_of_text=None):
        if not isinstance(alphabet, bytes):
            raise TypeError(f"the alphabet must be bytes, and is {alphabet!r:.60}")
        if sorted(alphabet) != list(range(256)):
            raise ValueError(f"the alphabet has {len(set(alphabet))} different bytes; expected each of the 256 once")
        self.vocabulary = [bytes([byte]) for byte in alphabet]
        self._byte = {byte: token for token, byte in enumerate(alphabet)}
        self.merges = {}  # a pair of tokens: the token it becomes; smaller tokens were learnt earlier and go first
        for left, right in _pairs(merges):
            token = len(self.vocabulary)
            if not (0 <= left < token and 0 <= right < token):
                raise ValueError(f"merge {token - 256} joins {left} and {right}; expected tokens from 0 to {token - 1}")
            self.merges[left, right] = token
            self.vocabulary.append(self.vocabulary[left] + self.vocabulary[right])
        self.end_of_text = None if end_of_text is None else len(self.vocabulary)
        self.vocabulary += [] if end_of_text is None else [end_of_text.encode()]

    @classmethod
    def train(cls, text, *, size):
        """Learn merges from `text` until there are `size` tokens, or no pair occurs twice in words; raises ValueError below 256.

        Of the pairs that occur most often, the one with the smallest tokens is joined.
        """
        check_count("size", size, least=256)  # a token for each byte
        counts = Counter(split_words(text))
        words, times = [list(utf8(word)) for word in counts], list(counts.values())
        total, where = Counter(), defaultdict(set)  # of each pair: how often it occurs, and in which words
        for number, word in enumerate(words):
            for pair in zip(word, word[1:]):
                total[pair] += times[number]
                where[pair].add(number)
        merges = []
        while len(merges) < size - 256 and (most := max(total.values(), default=0)) > 1:
            pair = min(pair for pair, count in total.items() if count == most)
            merges.append(pair)
            for number in where.pop(pair):
                word, joined = words[number], _join(words[number], pair, 255 + len(merges))
                for old in zip(word, word[1:]):
                    total[old] -= times[number]
                for new in zip(joined, joined[1:]):
                    total[new] += times[number]
                    where[new].add(number)
                words[number] = joined
        return cls(merges)

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, text):
        """Return the tokens of `text`, int64 (T,), never the end of text; raises ValueError where it is no Unicode text."""
        return in_a_row(split_words(text), self._tokens)

    def _tokens(self, word):
        return merge([self._byte[byte] for byte in utf8(word)], self._learnt)

    def _learnt(self, left, right):
        token = self.merges.get((left, right))
        return None if token is None else (token, token)  # what was learnt first goes first

    def decode(self, tokens):
        """Return the text of `tokens`, with the sign � for bytes that are not UTF-8; raises ValueError for an unknown token."""
        return b"".join(self.vocabulary[token] for token in check_tokens(tokens, len(self))).decode("utf-8", errors="replace")


def _pairs(merges):
    """`merges` as a list, which must be one of pairs of tokens."""
    try:
        return [(index(left), index(right)) for left, right in merges]
    except (TypeError, ValueError):
        raise TypeError(f"merges must be pairs of tokens, such as [(97, 98)], and are {merges!r:.60}") from None


def _join(word, pair, token):
    """The word with `token` in place of the pair, from left to right."""
    joined, place = [], 0
    while place < len(word):
        if word[place] == pair[0] and tuple(word[place:place + 2]) == pair:
            joined.append(token)
            place += 2
        else:
            joined.append(word[place])
            place += 1
    return joined


def merge(parts, offer):
    """Join neighbours, the best offer first and the leftmost of equals, until there is none; in n log n steps for n parts.

    `offer(left, right)` is None, or (rank, what they become): a smaller rank is better.
    """
    parts, end = list(parts), len(parts)
    before, after = list(range(-1, end - 1)), list(range(1, end + 1))  # the neighbours that are still there
    offers = []

    def consider(left, right):
        if 0 <= left and right < end and (found := offer(parts[left], parts[right])):
            heapq.heappush(offers, (found[0], left, parts[left], parts[right], found[1]))

    for place in range(end - 1):
        consider(place, place + 1)
    while offers:
        _, left, one, other, joined = heapq.heappop(offers)
        right = after[left]
        if right == end or parts[left] != one or parts[right] != other:
            continue  # one of them has been joined to another since
        parts[left], parts[right], after[left] = joined, None, after[right]
        if after[left] < end:
            before[after[left]] = left
        consider(before[left], left)
        consider(left, after[left])
    return [part for part in parts if part is not None]


def in_a_row(words, encode):
    """Return the tokens of all words, one after the other; a word that comes again is not encoded again."""
    known, tokens = {}, []
    for word in words:
        if word not in known:
            known[word] = encode(word)
        tokens += known[word]
    return np.array(tokens, np.int64)


def gpt2():
    """Return GPT-2's tokeniser, 50,257 tokens; the last, `end_of_text`, stands between documents.

    Radford et al., "Language models are unsupervised multitask learners", 2019.

    >>> gpt2().encode("hello world").tolist()
    [31373, 995]
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]  # these bytes come first, each as its own character
    alphabet = bytes(printable + [byte for byte in range(256) if byte not in printable])
    names = [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]
    token = {name: number for number, name in enumerate(names)}
    merges = []
    for left, right in data.gpt2_merges():
        merges.append((token[left], token[right]))
        token[left + right] = len(token)
    return BPE(merges, alphabet=alphabet, end_of_text="<|endoftext|>")
