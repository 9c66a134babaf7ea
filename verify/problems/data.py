"""Batches of real images: Fashion-MNIST and MNIST, read through torchvision.datasets, never downloaded.

Every file is looked at before torchvision reads it, so that a missing or damaged one is named, with what to do.
The layout is IDX: a magic number, the length of each axis, four bytes each and the most significant first, then one
byte an entry.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from math import prod
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import MNIST, FashionMNIST

from verify.errors import BadInput

_CHECKOUT = Path(__file__).resolve().parents[2] / "data"
_INSTALLED = "share/backproof/data"  # where pyproject.toml has an installation put it, below what pip chose
CLASSES = 10

_SETS: dict[str, type[MNIST]] = {"fashion-mnist": FashionMNIST, "mnist": MNIST}
_PARTS = {True: "train", False: "t10k"}  # torchvision's names of the training and the test part
_MAGIC = {1: b"\0\0\x08\x01", 3: b"\0\0\x08\x03"}  # unsigned bytes on one axis (labels), on three (images)
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Batch:
    """Some images of a data set and what they show.

    images (N, D) float64 in [0, 1], one row an image; labels (N,) int64, 0 to 9; rows (N,) int64, where in the data
    set they stand; name "fashion-mnist" or "mnist"; shape (height, width) of an image, D = height × width.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor
    name: str
    shape: tuple[int, int]


@dataclass(frozen=True)
class _Source:
    """Where a data set lies: torchvision's root and class, and how a damaged file of it is mended."""

    root: Path
    name: str
    remedy: str

    @property
    def folder(self) -> Path:
        return self.root / _SETS[self.name].__name__


def _embedded() -> Path:
    """The folder of the embedded sets: beside the packages in a checkout, else where pip put it."""
    if _CHECKOUT.is_dir():
        return _CHECKOUT
    with suppress(PackageNotFoundError):
        for file in distribution("backproof").files or ():
            if file.as_posix().endswith(f"{_INSTALLED}/README.md"):
                return Path(str(file.locate())).resolve().parent
    return _CHECKOUT


EMBEDDED = _embedded()


def read_batch(data: str, n: int, *, seed: int, train: bool = True) -> Batch:
    """n different images of a data set, picked at random by the seed alone: the same rows in every run.

    data: "fashion-mnist" or "mnist" (embedded), or a folder in torchvision's layout.
    Raises BadInput for data that cannot be read, an n that the set does not have, a seed that is none.
    """
    name, found = _load(data, train)
    total = len(found.targets)
    if not 1 <= n <= total:
        raise BadInput(f"a batch of {n} images: allowed is 1 to {total}, the {_part(train)} images of {name}")
    if not 0 <= seed < 2**63:
        raise BadInput(f"seed {seed}: allowed is a whole number from 0 to 2**63 - 1")
    return _batch(name, found, _rows(total, n, seed))


def read_dataset(data: str, *, train: bool = True) -> Batch:
    """All images of a data set's training or test part, in their order; data and errors as in `read_batch`."""
    name, found = _load(data, train)
    return _batch(name, found, torch.arange(len(found.targets), device="cpu"))


def _rows(total: int, n: int, seed: int) -> Tensor:
    """n of the rows 0 … total − 1, drawn on the CPU: the seed's rows are the same whatever device the batch goes to."""
    generator = torch.Generator(device="cpu").manual_seed(seed)
    return torch.randperm(total, generator=generator, device="cpu")[:n]


def _batch(name: str, found: MNIST, rows: Tensor) -> Batch:
    images = found.data[rows].flatten(start_dim=1).to(torch.float64) / 255  # (N, D)
    height, width = found.data.shape[1:]
    return Batch(images, found.targets[rows], rows, name, (height, width))


def _load(data: str, train: bool) -> tuple[str, MNIST]:
    """The data set's name and torchvision's reading of it, every file checked."""
    try:
        source = _find(data)
        _check_files(source, train)
        found = _SETS[source.name](source.root, train=train, download=False)
    except OSError as error:
        raise BadInput(f"{_shown(error.filename or data)}: cannot be read ({error.strerror})") from error
    _check_labels(found.targets, source, train)
    return source.name, found


def _find(data: str) -> _Source:
    if data in _SETS:
        mended = "git checkout -- data" if _CHECKOUT.is_dir() else "pip install --force-reinstall --no-deps backproof"
        return _Source(EMBEDDED, data, f"restore the embedded one with: {mended}")
    folder = Path(data).absolute()
    there = [name for name, kind in _SETS.items() if data and (folder / kind.__name__ / "raw").is_dir()]
    remedy = "put the original file there, unpacked (data/README.md says where to find it)"
    if len(there) == 1:
        return _Source(folder, there[0], remedy)
    if there:
        choices = " or ".join(_shown(Path(data) / _SETS[name].__name__) for name in there)
        raise BadInput(f"data {_shown(data)}: holds two data sets; name one of them: {choices}")
    return _itself(data, folder, remedy)


def _itself(data: str, folder: Path, remedy: str) -> _Source:
    """The source where `data` is the set's own folder, DIR/FashionMNIST or DIR/MNIST."""
    for name, kind in _SETS.items():
        if data and (folder / "raw").is_dir() and folder.resolve().name == kind.__name__:
            return _Source(folder.resolve().parent, name, remedy)
    wanted = "a folder with FashionMNIST/raw or MNIST/raw in it"
    state = "is no such folder" if not (data and folder.exists()) else "has neither of the two"
    raise BadInput(f"data {_shown(data)}: allowed are fashion-mnist, mnist and {wanted}, and this {state}")


def _check_files(source: _Source, train: bool) -> None:
    """torchvision wants the files of both parts, and reads an old processed/ folder in their place if there is one."""
    legacy = source.folder / "processed" / "training.pt"
    if legacy.exists():
        raise BadInput(f"{_shown(legacy)}: an old torchvision's copy, read in place of raw/; remove its folder")
    for part in _PARTS.values():
        for path in _paths(source, part):
            _check_present(path, source)
    images, labels = _paths(source, _PARTS[train])
    shape, count = _axes(images, 3, source), _axes(labels, 1, source)
    if shape[:1] != count:
        raise BadInput(f"{_shown(labels)}: {count[0]} labels for {shape[0]} images; {source.remedy}")


def _check_present(path: Path, source: _Source) -> None:
    packed = path.with_name(path.name + ".gz")
    if path.is_file():
        return
    if path.exists():
        raise BadInput(f"{_shown(path)}: is no file; {source.remedy}")
    if packed.is_file():
        raise BadInput(f"{_shown(path)}: is missing, packed only; unpack it with: gunzip -k {_shown(packed)}")
    raise BadInput(f"{_shown(path)}: is missing; {source.remedy}")


def _axes(path: Path, axes: int, source: _Source) -> tuple[int, ...]:
    """The lengths that an IDX file's header promises, once the magic number and the file's size bear them out."""
    with path.open("rb") as file:
        head = file.read(4 * (axes + 1))
    for fault in _faults(head, path.stat().st_size, axes):
        raise BadInput(f"{_shown(path)}: {fault}; {source.remedy}")
    return _words(head)[1:]


def _faults(head: bytes, size: int, axes: int) -> Iterator[str]:
    """What is wrong with a file of that header and size, the first fault first; the later ones may follow from it."""
    if size == 0:
        yield "is empty"
    if head.startswith(_GZIP):
        yield "is still compressed with gzip under the name of the unpacked file"
    if head[:4] != _MAGIC[axes]:
        yield f"begins with the bytes {head[:4].hex(' ')}, not with {_MAGIC[axes].hex(' ')}"
    if len(head) < 4 * (axes + 1):
        yield f"has {size} bytes, fewer than its header"
    lengths = _words(head)[1:]
    if 0 in lengths:
        yield f"promises {' × '.join(map(str, lengths))} bytes, so there is nothing in it"
    if size != len(head) + prod(lengths):
        yield f"has {size} bytes, and its header promises {len(head) + prod(lengths)}"


def _words(head: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(head[i : i + 4], "big") for i in range(0, len(head), 4))


def _check_labels(labels: Tensor, source: _Source, train: bool) -> None:
    if (bad := torch.nonzero(labels >= CLASSES)).numel():
        where = int(bad[0])
        path = _shown(_paths(source, _PARTS[train])[1])
        raise BadInput(f"{path}: label {int(labels[where])} at {where}, allowed is 0 to {CLASSES - 1}; {source.remedy}")


def _paths(source: _Source, part: str) -> tuple[Path, Path]:
    raw = source.folder / "raw"
    return raw / f"{part}-images-idx3-ubyte", raw / f"{part}-labels-idx1-ubyte"


def _part(train: bool) -> str:
    return "training" if train else "test"


def _shown(path: str | Path) -> str:
    """The path as one line: relative to the working directory where it lies below, control characters escaped."""
    with suppress(ValueError):
        path = Path(path).relative_to(Path.cwd())
    text = str(path)
    return text if text and text.isprintable() else repr(text)
