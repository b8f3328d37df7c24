"""Our tokenisers against Hugging Face's, which are written in Rust, on the same vocabularies: the same tokens, the same text.

https://github.com/huggingface/tokenizers
"""

import functools
import random
import re
import sys
import unicodedata

import pytest

from dlbook import data, text
from dlbook.text import bpe

tokenizers = pytest.importorskip("tokenizers", reason="needs tokenizers: pip install 'dlbook[external]'")


@functools.cache
def gpt2():
    """Theirs and ours; theirs cuts, spells bytes as characters and merges by itself."""
    ours = text.gpt2()
    spelling = {byte: character for byte, character in zip(range(256), byte_characters())}
    pieces = ["".join(spelling[byte] for byte in piece) for piece in ours.vocabulary[:-1]]
    vocabulary = {piece: token for token, piece in enumerate(pieces)}
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[tuple(pair) for pair in data.gpt2_merges()]))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = tokenizers.decoders.ByteLevel()
    return theirs, ours


def byte_characters():
    """The character that stands for each byte in GPT-2's files: itself if it can be printed, else one from 256 up."""
    spare = iter(range(256, 512))
    return [chr(byte) if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte else chr(next(spare)) for byte in range(256)]


@functools.cache
def llama():
    """Theirs, which wants merges: all ways to cut a token in two, in the order of its score; and ours."""
    ours, (vocabulary, scores) = text.llama(), data.llama_vocabulary()
    pieces = [piece.decode("utf-8", "replace").replace(" ", "▁") for piece in vocabulary]
    pieces[:259] = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    token = {piece: number for number, piece in enumerate(pieces)}
    cuts = [(-scores[token[piece]], token[piece[:k]], token[piece[k:]], piece[:k], piece[k:])
            for piece in pieces[259:] for k in range(1, len(piece)) if piece[:k] in token and piece[k:] in token]
    merges = [cut[3:] for cut in sorted(cuts)]
    model = tokenizers.models.BPE(vocab=token, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    theirs = tokenizers.Tokenizer(model)
    before, after = tokenizers.normalizers, tokenizers.decoders
    theirs.normalizer = before.Sequence([before.Prepend("▁"), before.Replace(" ", "▁")])
    theirs.decoder = after.Sequence([after.Replace("▁", " "), after.ByteFallback(), after.Fuse(), after.Strip(" ", 1, 0)])
    return theirs, ours


def passages():
    """Contractions, Shakespeare, and what no author writes: characters of all kinds in any order, among spaces and signs."""
    play, chance = data.shakespeare(), random.Random(0)
    yield "I'd say I'm sure it's what we've done; they're late, don't ask, she'll come. I'D SAY WE'VE, 'tis o'er"
    yield from (play[start:start + 2000] for start in range(0, 100_000, 10_000))
    known = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    often = "  \n\t'''stllveredmABCxyz019²½.,;-—!?\xa0éñß漢字🙂"
    for _ in range(300):
        yield "".join(chance.choice(often if chance.random() < 0.7 else known) for _ in range(chance.randrange(60)))


def check(theirs, ours):
    for passage in passages():
        tokens = ours.encode(passage).tolist()
        assert tokens == theirs.encode(passage).ids, repr(passage)
        assert ours.decode(tokens) == theirs.decode(tokens, skip_special_tokens=False) == passage


@pytest.mark.parametrize("make", [gpt2, llama])
def test_tokens_and_text(make):
    check(*make())


@pytest.mark.parametrize("make", [gpt2, llama])
def test_text_of_any_tokens(make):
    """Bytes that are no UTF-8 among them."""
    theirs, ours = make()
    chance = random.Random(0)
    for _ in range(300):
        tokens = [chance.randrange(300, len(ours) - 1) for _ in range(chance.randrange(20))]
        assert ours.decode(tokens) == theirs.decode(tokens, skip_special_tokens=False)


def learnt_last_goes_first(self, *pair):
    return (-self.merges[pair], self.merges[pair]) if pair in self.merges else None


@pytest.mark.parametrize("change", [
    lambda patch: patch.setattr(bpe, "_WORDS", re.compile(bpe._WORDS.pattern.replace("|ve", ""), re.ASCII)),
    lambda patch: patch.setattr(bpe, "_WORDS", re.compile(bpe._WORDS.pattern.replace(r"\s+(?!\S)|", ""), re.ASCII)),
    lambda patch: patch.setattr(bpe, "_disguise", lambda character: "A"),
    lambda patch: patch.setattr(bpe.BPE, "_learnt", learnt_last_goes_first),
], ids=["a contraction", "the last space", "kinds of characters", "the order of merges"])
def test_a_change_is_noticed(change, monkeypatch):
    change(monkeypatch)
    with pytest.raises(AssertionError):
        check(*gpt2())


def test_another_order_of_scores_is_noticed(monkeypatch):
    theirs, ours = llama()
    monkeypatch.setattr(ours, "_scores", ours._scores[::-1])
    with pytest.raises(AssertionError):
        check(theirs, ours)
