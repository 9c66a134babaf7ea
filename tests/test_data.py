"""Real images, and every way in which their files can be damaged: each is planted here and has to be named."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from verify.errors import BadInput
from verify.problems import data
from verify.problems.data import EMBEDDED, read_batch, read_dataset

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
FASHION = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]  # the first training labels of the full Fashion-MNIST
FASHION_TEST = [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
INTERLEAVED = list(range(10))


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A folder in torchvision's layout, as a full set has it, to be damaged at will."""
    shutil.copytree(EMBEDDED / "FashionMNIST", tmp_path / "FashionMNIST")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "train", "count", "labels"),
    [
        ("fashion-mnist", True, 5000, FASHION),
        ("fashion-mnist", False, 1000, FASHION_TEST),
        ("mnist", True, 4000, INTERLEAVED),
        ("mnist", False, 1000, INTERLEAVED),
    ],
)
def test_the_embedded_sets_are_the_real_ones(name: str, train: bool, count: int, labels: list[int]) -> None:
    found = read_dataset(name, train=train)
    assert found.images.shape == (count, 784)
    assert found.images.dtype == torch.float64
    assert (found.images.min(), found.images.max()) == (0, 1)
    assert found.labels.shape == (count,)
    assert found.labels.dtype == torch.int64
    assert found.labels[:10].tolist() == labels
    assert (found.name, found.shape) == (name, (28, 28))


def test_mnist_is_balanced_in_every_prefix_of_whole_tens() -> None:
    labels = read_dataset("mnist").labels.reshape(-1, 10)
    assert torch.equal(labels, torch.arange(10).expand_as(labels))


def test_an_image_is_the_bytes_of_its_file_row_by_row() -> None:
    raw = (EMBEDDED / "MNIST" / "raw" / IMAGES).read_bytes()[16:]
    expected = torch.tensor(list(raw[784 : 2 * 784]), dtype=torch.float64) / 255
    assert torch.equal(read_dataset("mnist").images[1], expected)


def test_the_embedded_set_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(read_batch("fashion-mnist", 4, seed=0).images) == 4


def test_a_seed_picks_the_same_rows_every_time() -> None:
    first, again, other = (read_batch("fashion-mnist", 32, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.rows, again.rows)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.rows, other.rows)
    assert first.rows[:4].tolist() == read_batch("fashion-mnist", 4, seed=0).rows.tolist()


def test_a_batch_is_rows_of_its_set_and_no_row_twice() -> None:
    whole, batch = read_dataset("mnist", train=False), read_batch("mnist", 1000, seed=3, train=False)
    assert torch.equal(batch.images, whole.images[batch.rows])
    assert torch.equal(batch.labels, whole.labels[batch.rows])
    assert len(batch.rows.unique()) == 1000
    assert not torch.equal(batch.rows, whole.rows)


@pytest.mark.parametrize("n", [0, -1, 5001])
def test_a_batch_size_that_the_set_does_not_have(n: int) -> None:
    with pytest.raises(
        BadInput, match=rf"^a batch of {n} images: allowed is 1 to 5000, the training images of fashion"
    ):
        read_batch("fashion-mnist", n, seed=0)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_outside_the_generators_range(seed: int) -> None:
    with pytest.raises(BadInput, match=rf"^seed {seed}: allowed is a whole number from 0"):
        read_batch("mnist", 1, seed=seed)


@pytest.mark.parametrize("where", [".", "FashionMNIST"])
def test_a_folder_in_torchvisions_layout(full: Path, where: str) -> None:
    batch = read_batch(str(full / where), 2, seed=5)
    assert batch.name == "fashion-mnist"
    assert torch.equal(batch.images, read_batch("fashion-mnist", 2, seed=5).images)


def test_the_working_directory_as_the_folder(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(full / "FashionMNIST")
    assert read_batch(".", 1, seed=0).name == "fashion-mnist"


def test_a_folder_with_both_sets_wants_one_of_them_named(full: Path) -> None:
    shutil.copytree(EMBEDDED / "MNIST", full / "MNIST")
    with pytest.raises(BadInput, match="holds two data sets; name one of them: .*FashionMNIST or .*MNIST$"):
        read_batch(str(full), 1, seed=0)
    assert read_batch(str(full / "MNIST"), 1, seed=0).name == "mnist"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("cifar", "data cifar: allowed are fashion-mnist, mnist and a folder .* this is no such folder"),
        ("", "data '': allowed are"),
        ("a\nb", r"data 'a\\nb': allowed are"),
        ("a\0b", r"data 'a\\x00b': allowed are"),
        ("x" * 300, "cannot be read"),
        (str(EMBEDDED / "FashionMNIST" / "raw"), "this has neither of the two"),
        (str(EMBEDDED / "README.md"), "this has neither of the two"),
    ],
    ids=["unknown", "empty", "newline", "nul", "too long", "too deep", "a file"],
)
def test_data_that_names_no_set(value: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_batch(value, 1, seed=0)


def _header(*words: int) -> bytes:
    return b"".join(word.to_bytes(4, "big") for word in words)


def _pack(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), compresslevel=1))
    path.unlink()


def _gzip_in_place(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes(), compresslevel=1))


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _put(start: int, new: bytes) -> Callable[[Path], object]:
    def overwrite(path: Path) -> None:
        held = path.read_bytes()
        path.write_bytes(held[:start] + new + held[start + len(new) :])

    return overwrite


def _cut(length: int) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes()[:length])


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": (IMAGES, Path.unlink, "is missing; put the original file there"),
    "missing labels": (LABELS, Path.unlink, "is missing; put"),
    "missing in the other part": ("t10k-labels-idx1-ubyte", Path.unlink, "is missing; put"),
    "packed only": (IMAGES, _pack, f"is missing, packed only; unpack it with: gunzip -k .*{IMAGES}.gz$"),
    "packed under this name": (IMAGES, _gzip_in_place, "is still compressed with gzip"),
    "empty": (IMAGES, _cut(0), "is empty"),
    "header cut": (IMAGES, _cut(9), "has 9 bytes, fewer than its header"),
    "truncated": (IMAGES, _cut(3_000_000), "has 3000000 bytes, and its header promises 3920016"),
    "one byte short": (LABELS, _cut(5007), "has 5007 bytes, and its header promises 5008"),
    "too long": (LABELS, lambda path: path.write_bytes(path.read_bytes() + b"\0"), "has 5009 bytes"),
    "wrong magic": (IMAGES, _put(0, b"\x89PNG"), "begins with the bytes 89 50 4e 47, not with 00 00 08 03"),
    "labels for images": (IMAGES, _put(0, _header(0x801)), "begins with the bytes 00 00 08 01, not with 00 00 08 03"),
    "no images": (IMAGES, lambda path: path.write_bytes(_header(0x803, 0, 28, 28)), "promises 0 × 28 × 28"),
    "no labels": (LABELS, lambda path: path.write_bytes(_header(0x801, 0)), "promises 0 bytes"),
    "fewer labels": (
        LABELS,
        lambda p: p.write_bytes(_header(0x801, 3) + b"\1\2\3"),
        "3 labels for 5000 images",
    ),
    "label out of range": (LABELS, _put(8 + 41, b"\x0a"), "label 10 at 41, allowed is 0 to 9"),
    "a folder": (IMAGES, _directory, "is no file; put the original file there"),
}


@pytest.mark.parametrize(("file", "damage", "says"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_named(full: Path, file: str, damage: Callable[[Path], object], says: str) -> None:
    path = full / "FashionMNIST" / "raw" / file
    damage(path)
    with pytest.raises(BadInput, match=says) as caught:
        read_batch(str(full), 1, seed=0)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_named(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is simulated: root, who may run the tests, is refused nothing."""
    path, really_open = full / "FashionMNIST" / "raw" / IMAGES, Path.open

    def refuse(self: Path, mode: str = "r"):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return really_open(self, mode)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match=r"cannot be read \(Permission denied\)$") as caught:
        read_batch(str(full), 1, seed=0)
    assert str(caught.value).startswith(f"{path}: ")


def test_an_old_torchvisions_copy_is_not_read_in_place_of_the_files(full: Path) -> None:
    old = full / "FashionMNIST" / "processed"
    old.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(1, 28, 28), torch.zeros(1)), old / name)
    with pytest.raises(BadInput, match="processed/training.pt: an old torchvision's copy"):
        read_batch(str(full), 1, seed=0)


def test_a_damaged_embedded_file_says_how_to_restore_it(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "EMBEDDED", full)
    (full / "FashionMNIST" / "raw" / IMAGES).unlink()
    with pytest.raises(BadInput, match="is missing; restore the embedded one with: git checkout -- data$"):
        read_batch("fashion-mnist", 1, seed=0)
