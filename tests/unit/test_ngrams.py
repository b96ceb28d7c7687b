"""Tokens with their pairs, and what a bag of them can and can't tell apart."""

from __future__ import annotations

import torch

from pellucid.config import Size
from pellucid.data.columns import Entry
from pellucid.network.assemble import NETWORKS  # with every family registered
from pellucid.network.embed import HASH, PAIRS, Lookup, Pairs, embed_for
from pellucid.network.pool import Pool

ENTRY = Entry("lookup", (5,), 30, "text")


def test_a_position_is_its_token_and_the_pair_with_its_right_neighbor() -> None:
    embed = Pairs(ENTRY, 4)
    vectors, mask = embed(torch.tensor([[7, 9, 3, 0, 0]]))
    pair = embed.pairs.weight[(7 * HASH[0] + 9 * HASH[1]) % PAIRS]
    torch.testing.assert_close(vectors[0, 0], embed.table.weight[7] + pair)
    # The last token has no right neighbor: padding is none.
    torch.testing.assert_close(vectors[0, 2], embed.table.weight[3])
    assert mask is not None
    assert mask.tolist() == [[True, True, True, False, False]]
    assert vectors[0, 3:].abs().sum() == 0


def test_the_order_of_neighbors_counts() -> None:
    embed, pool = Pairs(ENTRY, 4), Pool(4)
    one, other = torch.tensor([[7, 9, 3, 0, 0]]), torch.tensor([[9, 7, 3, 0, 0]])
    assert not torch.allclose(pool(*embed(one)), pool(*embed(other)))
    plain = Lookup(ENTRY, 4)
    torch.testing.assert_close(pool(*plain(one)), pool(*plain(other)))


def test_padding_changes_nothing() -> None:
    embed, pool = Pairs(ENTRY, 4), Pool(4)
    longer = embed(torch.tensor([[7, 9, 3, 0, 0]]))
    torch.testing.assert_close(pool(*longer), pool(*embed(torch.tensor([[7, 9, 3]]))))


def test_only_this_family_takes_pairs() -> None:
    for name, family in NETWORKS.items():
        if 1 in family.ranks:
            module, _, _ = embed_for(ENTRY, family, 4)
            assert isinstance(module, Pairs) == (name == "ngrams")


def test_a_text_without_tokens_gets_an_answer() -> None:
    module, positions, width = embed_for(ENTRY, NETWORKS["ngrams"], 4)
    network = NETWORKS["ngrams"](width, Size(4, 0, 0.3), positions).eval()
    values, mask = network(*module(torch.zeros(2, 5, dtype=torch.int32)))
    assert torch.isfinite(Pool(4)(values, mask)).all()
