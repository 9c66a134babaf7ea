"""A class over Dask: the same records as on this machine; one line where there is no cluster."""

from __future__ import annotations

import importlib
import importlib.util
import socket
from pathlib import Path

import pytest

from tests.classes import CLASS, grade_class, records, write_class
from verify.classroom.cluster import dask
from verify.classroom.sitting import Sitting
from verify.errors import BadInput
from verify.grading.assignment import Assignment

installed = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(not installed, reason="Dask is not installed: the extra cluster brings it")


def test_without_the_extra_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else find(name))
    with pytest.raises(BadInput, match=r"needs the extra cluster: pip install"), dask("dask://localhost:8786"):
        pass


@needs_dask
@pytest.mark.filterwarnings("default")
def test_no_scheduler_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(BadInput, match="no Dask scheduler answers there"), dask(f"dask://127.0.0.1:{port}"):
        pass


@needs_dask
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_records_of_one_machine(tmp_path: Path) -> None:
    distributed = importlib.import_module("distributed")
    folder = write_class(tmp_path / "class", {name: CLASS[name] for name in ("alice.py", "bob.py", "dora.py")})
    grade_class(folder, tmp_path / "here")
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        with dask(address) as graders:
            sitting = Sitting(Assignment(), 0, "process")
            record = grade_class(folder, tmp_path / "there", sitting=sitting, graders=graders)
    assert record.states == {"correct": 1, "wrong": 1, "ungradable": 1}
    assert records(tmp_path / "there") == records(tmp_path / "here")
