"""Llama 2's tokeniser: characters, joined by the scores of what they make."""

from __future__ import annotations

import re

import numpy as np

from .. import data
from ..settings import real
from .bpe import in_a_row, merge
from .plain import check_tokens, utf8


class LlamaTokeniser:
    """Llama 2's tokeniser: characters, joined in the order of their tokens' scores; bytes where a character is unknown.

    Made by SentencePiece, with a space before the text as before every word. `beginning` and `end` are the tokens round a
    text. Raises ValueError or TypeError where the vocabulary is no list of bytes, or there is not one score for each.
    Kudo and Richardson, "SentencePiece", 2018; Touvron et al., "Llama 2", 2023.

    >>> len(LlamaTokeniser([b"a", b"b"], [0.0, 1.0]))
    2
    """

    beginning, end = 1, 2

    def __init__(self, vocabulary, scores):
        self._scores = real("scores", scores).tolist()
        if not isinstance(vocabulary, (list, tuple)) or not all(isinstance(piece, bytes) for piece in vocabulary):
            raise TypeError(f"the vocabulary must be a list of bytes, and is {vocabulary!r:.60}")
        if np.shape(scores) != (len(vocabulary),):
            raise ValueError(f"scores have shape {np.shape(scores)}; expected one for each token of the vocabulary: {len(vocabulary)}")
        self.vocabulary = list(vocabulary)
        self._ids = {piece: token for token, piece in enumerate(self.vocabulary) if token > 258}

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, text):
        """Return the tokens of `text`, int64 (T,), without beginning and end; raises ValueError where it is no Unicode text."""
        words = re.findall(r" *[^ ]+| +", f" {text}") if text else []  # no token has a space after another character
        return in_a_row(words, self._tokens)

    def _tokens(self, word):
        tokens = []
        for piece in merge([utf8(character) for character in word], self._scored):
            tokens += [self._ids[piece]] if piece in self._ids else [3 + byte for byte in piece]
        return tokens

    def _scored(self, left, right):
        token = self._ids.get(left + right)
        return None if token is None else (-self._scores[token], left + right)

    def decode(self, tokens):
        """Return the text of `tokens`, without beginning, end and the first space; raises ValueError for an unknown token."""
        pieces = b"".join(self.vocabulary[token] for token in check_tokens(tokens, len(self)) if token > 2)
        return pieces.removeprefix(b" ").decode("utf-8", errors="replace")


def llama():
    """Return Llama 2's tokeniser, 32,000 tokens, which the model of `dlbook.data.stories15m` reads and writes.

    >>> tokeniser = llama()
    >>> tokeniser.encode("Once upon a time").tolist(), tokeniser.decode([1, 9038, 2501])
    ([9038, 2501, 263, 931], 'Once upon')
    """
    return LlamaTokeniser(*data.llama_vocabulary())
