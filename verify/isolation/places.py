"""What a submission sees of this machine: Python, the packages of the assignment, libraries, a few devices."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from verify.isolation.packages import library_folders, packages_for, standard_library

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# What CUDA's driver and its libraries look at when they start, besides the libraries of the system.
_OF_CUDA = (
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/modules",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/devices",
    "/sys/module",
    "/usr/local/cuda",
    "/usr/local/nvidia",
    "/usr/share/nvidia",
    "/etc/nvidia",
    "/opt/cuda",
    "/run/nvidia-persistenced",
)

# One step of making a root folder: kind (bind, link, hide, device), source, place.
Step = tuple[str, str, str]


def of_cuda() -> list[str]:
    """Files and folders that CUDA's driver reads, as far as they are here."""
    return [path for path in _OF_CUDA if Path(path).exists()]


def cuda_devices() -> list[str]:
    """The device files of NVIDIA's driver."""
    return sorted(map(str, Path("/dev").glob("nvidia*")))


@functools.cache
def readable(backend: str, device: str) -> tuple[str, ...]:
    """All that a process may read where the files of this machine are shut one by one."""
    paths = (*standard_library(), *packages_for(backend).files, *_shared_libraries())
    return tuple(map(str, paths)) + (tuple(of_cuda()) if device != "cpu" else ())


def _shared_libraries() -> Iterator[Path]:
    """Where the dynamic linker finds libraries, without the Python packages of the system."""
    for folder in map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64")):
        if folder.is_dir():
            yield from (entry for entry in folder.iterdir() if not entry.name.startswith("python"))
    yield from map(Path, ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/share/fonts", "/etc/fonts"))
    yield Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib") / str(sysconfig.get_config_var("INSTSONAME"))


# A root folder of their own ------------------------------------------------------------------------------------------


@functools.cache
def steps(backend: str, device: str) -> tuple[Step, ...]:
    """How a root folder is made in which nothing else is to be seen; devices but those of CUDA are left to others."""
    packages = (("bind", str(file), f"/packages/{file.name}") for file in packages_for(backend).files)
    hidden = (("hide", "", str(path)) for path in _hidden())
    python = (("bind", str(path), str(path)) for path in _mounted_python())
    cuda = (("device", path, path) for path in cuda_devices()) if device != "cpu" else ()
    system = (("bind", "/sys", "/sys"),) if device != "cpu" else ()
    return (*_mounted_libraries(), *python, *hidden, *packages, *cuda, *system)


@functools.cache
def seen(backend: str, device: str) -> frozenset[Path]:
    """All files and folders of this machine that a process may read, in whichever sandbox, and what lies in them."""
    bound = (source for kind, source, _ in steps(backend, device) if kind == "bind")
    return frozenset(map(Path, (*readable(backend, device), *bound)))


def device_steps() -> Iterator[Step]:
    """The device files that every program may use, and the names that descriptors have there."""
    yield from (("device", path, path) for path in DEVICES)
    yield from (("link", f"/proc/self/fd{number}", f"/dev/{name}") for name, number in _DESCRIPTORS.items())


_DESCRIPTORS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}


def parents() -> list[Path]:
    """The folders above all that is seen, which must be there for every user."""
    found = {Path("/packages"), Path("/usr"), Path("/etc"), Path("/usr/share")}
    found.update(*(path.parents for path in _mounted_python()))
    return sorted(found - {Path("/")})


def _mounted_libraries() -> Iterator[Step]:
    for path in map(Path, ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            yield "link", str(path.readlink()), str(path)
        elif path.is_dir():
            yield "bind", str(path), str(path)
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/usr/share/zoneinfo", "/usr/share/fonts", "/etc/fonts"):
        if Path(path).exists():
            yield "bind", path, path


def _mounted_python() -> Iterator[Path]:
    yield Path(os.path.realpath(sys.executable))
    yield from library_folders()
    shared = Path(sysconfig.get_config_var("LIBDIR") or "", str(sysconfig.get_config_var("INSTSONAME")))
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and shared.exists():
        yield shared


def _hidden() -> Iterator[Path]:
    """Folders under what is mounted that hold other packages, the grader itself perhaps among them."""
    own = library_folders()
    for folder in own:
        yield from (path for name in ("site-packages", "dist-packages") if (path := folder / name).is_dir())
    for folder in (Path("/usr/lib"), Path("/usr/lib64")):
        yield from (path for path in sorted(folder.glob("python*")) if path not in own and not path.is_symlink())
