"""Tokenisers that need no learning: characters and bytes."""

from __future__ import annotations

import numpy as np

from ..settings import text as check_text


class CharTokeniser:
    """Numbers the different characters of a text in the order of their code points.

    >>> tokeniser = CharTokeniser("hello")
    >>> tokeniser.vocabulary, tokeniser.encode("hole").tolist(), tokeniser.decode([1, 0])
    (['e', 'h', 'l', 'o'], [1, 3, 2, 0], 'he')
    """

    def __init__(self, text):
        self.vocabulary = sorted(set(check_text("text", text)))
        self._ids = {character: number for number, character in enumerate(self.vocabulary)}

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, text):
        """Return the tokens of `text`, int64 (T,); raises ValueError for a character that is not in the vocabulary."""
        try:
            return np.array([self._ids[character] for character in check_text("text", text)], np.int64)
        except KeyError as error:
            raise ValueError(f"the character {error.args[0]!r} is not among the {len(self)} of the vocabulary: "
                             "make the tokeniser from a text that has it") from None

    def decode(self, tokens):
        """Return the text of `tokens`; raises ValueError for a token that is not in the vocabulary."""
        return "".join(self.vocabulary[token] for token in check_tokens(tokens, len(self)))


class ByteTokeniser:
    """Numbers the bytes of a text in UTF-8: 256 tokens for every script there is.

    >>> ByteTokeniser().encode("né").tolist()
    [110, 195, 169]
    """

    def __len__(self):
        return 256

    def encode(self, text):
        """Return the tokens of `text`, int64 (T,); raises ValueError where it is no Unicode text (a lone surrogate)."""
        return np.frombuffer(utf8(text), np.uint8).astype(np.int64)

    def decode(self, tokens):
        """Return the text of `tokens`, with � for bytes that are not UTF-8; raises ValueError for a number above 255."""
        return bytes(check_tokens(tokens, 256)).decode("utf-8", errors="replace")


# ---- shared by all tokenisers ----------------------------------------------------------------------------------------

def utf8(text):
    """Return the text's bytes in UTF-8; raise ValueError for half of a surrogate pair, which is no character."""
    try:
        return check_text("text", text).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"the text holds {text[error.start]!r}, half of a surrogate pair, which is no Unicode character: "
                         "read it again with the right encoding") from None


def check_tokens(tokens, count):
    """Return the tokens as a list of whole numbers; raise ValueError unless all are in a vocabulary of `count`."""
    try:
        array = np.asarray(tokens)
    except ValueError as error:
        raise ValueError(f"tokens must be whole numbers in one row, and are a {type(tokens).__name__}: {error}") from None
    if array.ndim != 1 or array.size and array.dtype.kind not in "iu":
        raise ValueError(f"tokens have shape {array.shape} and dtype {array.dtype}; expected whole numbers in one row")
    if array.size and not (0 <= array.min() and array.max() < count):
        wrong = array[(array < 0) | (array >= count)][0]
        raise ValueError(f"there is no token {wrong}; expected 0 to {count - 1}")
    return array.astype(np.int64).tolist()
