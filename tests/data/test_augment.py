"""Batched augmentation against loops over single images."""

from __future__ import annotations

import pytest
import torch

from harness.core.cutout import check_cutout, cutout, some_cut_out
from harness.core.errors import HarnessError
from harness.data.augment import crop_and_flip, draw, normalise

COUNT, SIZE, PADDING = 16, 8, 2


def drawn(seed: int) -> torch.Tensor:
    return draw(COUNT, SIZE, PADDING, torch.Generator().manual_seed(seed))


def raw() -> torch.Tensor:
    return torch.randint(0, 256, (COUNT, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_crop_and_flip_equal_a_loop_over_images() -> None:
    images = raw()
    top, left, mirrored, _, _ = drawn(0)
    assert mirrored.unique().tolist() == [0, 1]
    result = crop_and_flip(images, PADDING, top, left, mirrored)
    for i, image in enumerate(images):
        padded = torch.zeros(3, SIZE + 2 * PADDING, SIZE + 2 * PADDING, dtype=torch.uint8)
        padded[:, PADDING:-PADDING, PADDING:-PADDING] = image
        expected = padded[:, top[i] : top[i] + SIZE, left[i] : left[i] + SIZE]
        assert torch.equal(result[i], expected.flip(-1) if mirrored[i] else expected)


def test_a_centred_crop_without_mirroring_changes_nothing() -> None:
    centre, none = torch.full((COUNT,), PADDING), torch.zeros(COUNT, dtype=torch.int64)
    assert torch.equal(crop_and_flip(raw(), PADDING, centre, centre, none), raw())


def test_draws_cover_exactly_their_ranges() -> None:
    values = draw(4000, SIZE, PADDING, torch.Generator().manual_seed(3))
    ranges = [row.unique().tolist() for row in values]
    assert ranges == [list(range(n)) for n in (2 * PADDING + 1, 2 * PADDING + 1, 2, SIZE, SIZE)]


def test_draws_follow_the_generator_alone() -> None:
    assert torch.equal(drawn(5), drawn(5))
    assert not torch.equal(drawn(5), drawn(6))


def test_normalise_is_exact_and_leaves_its_input_alone() -> None:
    images, mean, std = raw(), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    result = normalise(images, mean, std)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, raw())
    for channel in range(3):
        assert torch.equal(result[:, channel], (images[:, channel].float() / 255 - mean[channel]) / std[channel])


def test_cutout_equals_a_loop_and_is_clipped_at_the_borders() -> None:
    images = torch.ones(COUNT, 3, SIZE, SIZE)
    _, _, _, rows, columns = drawn(2)
    rows[0], columns[0] = 0, 0
    result = cutout(images, 4, rows, columns)
    for i in range(COUNT):
        expected = torch.ones(3, SIZE, SIZE)
        top, left = int(rows[i]) - 2, int(columns[i]) - 2
        expected[:, max(top, 0) : top + 4, max(left, 0) : left + 4] = 0
        assert torch.equal(result[i], expected)
    assert int((result[0, 0] == 0).sum()) == 4  # the corner keeps a quarter of the square
    assert torch.equal(images, torch.ones_like(images))


def test_as_many_images_are_cut_as_the_probability_says_and_the_others_are_left_alone() -> None:
    images = torch.ones(4000, 1, SIZE, SIZE)
    for probability in (0.0, 0.3, 1.0):
        result = some_cut_out(images, 2, probability, torch.Generator().manual_seed(7))
        cut = (result != images).flatten(1).sum(1)
        assert set(cut.unique().tolist()) <= {0, 1, 2, 4}  # a square of 4 pixels, less what lies outside
        assert (cut > 0).double().mean().item() == {0.0: 0.0, 1.0: 1.0}.get(probability, pytest.approx(0.3, abs=0.03))


def test_the_places_of_a_cutout_are_drawn_alike_whatever_its_probability() -> None:
    images = torch.ones(50, 1, SIZE, SIZE)
    some, every = (some_cut_out(images, 4, p, torch.Generator().manual_seed(7)) for p in (0.5, 1.0))
    cut = (some != images).flatten(1).any(1)
    assert 0 < int(cut.sum()) < 50
    assert torch.equal(some[cut], every[cut])


def test_a_square_larger_than_the_image_is_refused() -> None:
    check_cutout("cutout", 16, 16)
    with pytest.raises(HarnessError, match=r"search_cutout=16 leaves .* nothing of images of side 8; set it to 4"):
        check_cutout("search_cutout", 16, 8)
