"""What the grader believes of what it hears: nothing that is out of turn, out of bounds or not the worker's."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import numpy as np
import pytest

from verify.isolation import Call, Calls, Outcome
from verify.isolation.inside import worker
from verify.isolation.inside.codec import (
    PREFIX_BYTES,
    Decoder,
    Encoder,
    Malformed,
    Unusable,
    frame,
    parse_header,
    sizes,
)
from verify.isolation.packages import packages_for, standard_library
from verify.isolation.protocol import Transcript, sealed_file
from verify.isolation.supervision import Output

TOKEN = bytes(range(16))
READY = {"ready": True, "resident": 1}
IMPORTED = {"imported": "returned", "functions": ["gradients"]}
DONE = {"done": True}


def encoded(value: Any, most: int = 1 << 20) -> tuple[dict[str, Any], bytes]:
    encoder = Encoder(most)
    structure = encoder.encode(value)
    return structure, b"".join(encoder.buffers)


def round_trip(value: Any) -> Any:
    structure, payload = encoded(value)
    return Decoder(payload).decode(json.loads(json.dumps(structure)))


def heard(*headers: dict[str, Any], payload: bytes = b"", calls: int = 2) -> Transcript:
    transcript = Transcript(TOKEN, calls, 1 << 20, 1 << 20)
    for header in headers:
        transcript.feed(frame(TOKEN, header, [payload] if "value" in header else []))
    return transcript


# Values --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.array(3.5),
        np.empty((0, 4)),
        np.arange(6).reshape(2, 3).T,
        np.array([True, False]),
        np.array([1 + 2j]),
        np.arange(4, dtype="f4")[::-2],
    ],
    ids=["matrix", "scalar", "empty", "transposed", "bool", "complex", "strided"],
)
def test_arrays_come_back_to_the_last_bit_and_own_their_memory(value: np.ndarray) -> None:
    back = round_trip(value)
    assert (type(back), back.shape, back.dtype) == (np.ndarray, value.shape, value.dtype)
    assert back.tobytes() == value.tobytes()
    assert back.flags.writeable
    assert not np.shares_memory(back, value)


def test_structures_come_back_as_they_are() -> None:
    value = ([1, -(2**60), 2.5, True, None, "ä\ud800", 1j], ({"a": (), "b": [[]]},), float("inf"))
    assert round_trip(value) == value
    assert [type(entry) for entry in round_trip(value)[0]] == [int, int, float, bool, type(None), str, complex]
    assert np.isnan(round_trip(float("nan")))
    assert round_trip([object(), {3}, b"x", range(3)]) == [
        Unusable(name) for name in ("object", "set", "bytes", "range")
    ]


def test_arrays_of_objects_are_the_lists_that_they_hold() -> None:
    ragged = np.empty(2, dtype=object)
    ragged[0], ragged[1] = np.eye(2), np.ones((1, 3))
    back = round_trip(ragged)
    assert type(back) is list
    assert [v.tolist() for v in back] == [np.eye(2).tolist(), [[1.0, 1.0, 1.0]]]
    numbers = round_trip(np.array([[1, 2.5], [np.float32(3), True]], dtype=object))
    assert (numbers.dtype, numbers.tolist()) == (np.dtype(float), [[1.0, 2.5], [3.0, 1.0]])
    assert round_trip(np.array([object(), 1.0], dtype=object)) == [Unusable("object"), 1.0]
    within = np.empty(1, dtype=object)
    within[0] = within
    assert "too many parts" in str(round_trip(within))


def test_an_answer_over_its_bound_is_not_encoded() -> None:
    structure, payload = encoded([np.zeros(10), np.zeros(100), np.zeros(1)], most=100)
    assert len(payload) == 88
    assert Decoder(payload).decode(structure)[1] == Unusable("array of too many entries")


FORGED = [
    None,
    [],
    {},
    {"array": ["<f8", [2]], "list": []},
    {"unknown": 1},
    {"array": ["<f8", [3]]},
    {"array": ["<f8", [-1]]},
    {"array": ["<f8", [1.0]]},
    {"array": ["<f8", [True]]},
    {"array": ["<f8", 2]},
    {"array": ["<f8", [1 << 62, 0]]},
    {"array": ["<f8", [0, 1 << 30]]},
    {"array": ["<f8", [1] * 40]},
    {"array": ["O", [1]]},
    {"array": ["|O8", [1]]},
    {"array": ["<U4", [1]]},
    {"array": ["<f7", [1]]},
    {"array": ["<f8, <f8", [1]]},
    {"array": [["<f8"], [1]]},
    {"scalar": ["<f8", [2]]},
    {"whole": "1"},
    {"whole": 1 << 80},
    {"text": 3},
    {"list": {"a": 1}},
    {"list": [{"none": True}] * 30_000},
    {"dict": [["a"]]},
    {"dict": [[1, {"none": True}]]},
]


@pytest.mark.parametrize("structure", FORGED, ids=[str(entry)[:30] for entry in FORGED])
def test_forged_values_are_malformed(structure: Any) -> None:
    with pytest.raises(Malformed):
        Decoder(bytes(16)).decode(structure)


def test_a_structure_without_end_is_malformed() -> None:
    structure: dict[str, Any] = {"none": True}
    for _ in range(500):
        structure = {"list": [structure]}
    with pytest.raises(Malformed):
        Decoder(b"").decode(structure)


# Messages ------------------------------------------------------------------------------------------------------------


def test_the_order_that_a_worker_keeps() -> None:
    structure, payload = encoded(np.ones(2))
    answer = {"call": 0, "outcome": "returned", "value": structure, "changed": True}
    second = {"call": 1, "outcome": "raised", "message": "KeyError: 'W\x1b'", "line": 3}
    transcript = heard(READY, IMPORTED, answer, second, DONE, payload=payload)
    assert (transcript.done, transcript.functions, transcript.kinds) == (True, {"gradients"}, ["returned", "raised"])
    first, other = transcript.replies
    assert (first.outcome, first.value.tolist(), first.inputs_changed) == (Outcome.RETURNED, [1.0, 1.0], True)
    assert (other.outcome, other.message, other.line) == (Outcome.RAISED, "KeyError: 'W\\x1b'", 3)


def test_messages_in_pieces_and_all_at_once() -> None:
    text = b"".join(frame(TOKEN, header, []) for header in (READY, IMPORTED, DONE))
    for step in (1, 7, len(text)):
        transcript = Transcript(TOKEN, 0, 100, 100)
        for place in range(0, len(text), step):
            transcript.feed(text[place : place + step])
        assert transcript.done


MISSING = {"call": 0, "outcome": "missing"}
OUT_OF_TURN = [
    [DONE],
    [IMPORTED],
    [MISSING],
    [READY, READY],
    [READY, DONE],
    [READY, MISSING],
    [READY, IMPORTED, IMPORTED],
    [READY, IMPORTED, {"call": 1, "outcome": "missing"}],
    [READY, IMPORTED, MISSING, MISSING],
    [READY, IMPORTED, MISSING, {"call": 1, "outcome": "missing"}, {"call": 2, "outcome": "missing"}],
    [READY, IMPORTED, {"call": 0, "outcome": "correct"}],
    [READY, IMPORTED, {"call": 0}],
    [READY, IMPORTED, {"call": 0, "outcome": "returned"}],
    [READY, IMPORTED, {"call": 0, "outcome": "raised", "message": 1}],
    [READY, IMPORTED, {"call": 0, "outcome": "raised", "line": "1"}],
    [READY, IMPORTED, {"call": 0, "outcome": "raised", "line": -1}],
    [READY, IMPORTED, {"state": "correct", "score": 10}],
    [READY, {"imported": "returned", "functions": "gradients"}],
    [READY, {"imported": "returned", "functions": [1]}],
    [READY, {"imported": "returned", "functions": ["f"] * 2000}],
    [{"ready": True, "resident": "1"}],
    [{"ready": True, "resident": -1}],
]


@pytest.mark.parametrize("headers", OUT_OF_TURN, ids=[str(entry[-1])[:40] + str(len(entry)) for entry in OUT_OF_TURN])
def test_messages_out_of_turn_are_malformed(headers: list[dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        heard(*headers)


def test_nothing_is_heard_after_the_last_word() -> None:
    transcript = heard(READY, IMPORTED, DONE)
    transcript.feed(frame(TOKEN, MISSING, []))
    assert transcript.replies == []


def test_a_message_without_the_token_is_malformed() -> None:
    transcript = heard(READY, IMPORTED)
    with pytest.raises(Malformed, match="did not write"):
        transcript.feed(frame(bytes(16), MISSING, []))


def test_sizes_are_refused_before_their_bytes_are_read() -> None:
    prefix = frame(TOKEN, READY, [])[:PREFIX_BYTES]
    assert sizes(prefix, TOKEN, 0)[1] == 0
    for forged in (TOKEN + b"\xff" * 12, TOKEN + bytes(4) + (101).to_bytes(8, "big"), TOKEN + b"\x7f" + bytes(11)):
        transcript = heard(READY, IMPORTED)
        transcript.answer_bytes = 100
        with pytest.raises(Malformed, match="more bytes"):
            transcript.feed(forged)


def test_all_answers_together_are_bounded() -> None:
    structure, payload = encoded(np.zeros(10))
    transcript = Transcript(TOKEN, 10, 100, 200)
    for header in (READY, IMPORTED):
        transcript.feed(frame(TOKEN, header, []))
    for call in range(2):
        transcript.feed(frame(TOKEN, {"call": call, "outcome": "returned", "value": structure}, [payload]))
    with pytest.raises(Malformed, match="more bytes"):
        transcript.feed(frame(TOKEN, {"call": 2, "outcome": "returned", "value": structure}, [payload]))


def test_bytes_left_over_are_malformed() -> None:
    structure, payload = encoded(np.zeros(2))
    with pytest.raises(Malformed, match="left over"):
        heard(READY, IMPORTED, {"call": 0, "outcome": "returned", "value": structure}, payload=payload + b"x")


def test_headers_that_are_no_objects() -> None:
    for text in (b"", b"[]", b"3", b"{", b"\xff", b"[" * 100_000, b"{" + b'"a":{' * 50_000):
        with pytest.raises(Malformed):
            parse_header(text)


def test_noise_is_malformed_or_waited_for() -> None:
    chance = random.Random(1)
    structure, payload = encoded([np.ones(3), {"a": 1.5}])
    good = b"".join(
        [
            frame(TOKEN, READY, []),
            frame(TOKEN, IMPORTED, []),
            frame(TOKEN, {"call": 0, "outcome": "returned", "value": structure}, [payload]),
            frame(TOKEN, DONE, []),
        ]
    )
    malformed = 0
    for _ in range(500):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            Transcript(TOKEN, 1, 1000, 1000).feed(bytes(data))
        except Malformed:
            malformed += 1
    assert malformed > 250


# The worker's side ---------------------------------------------------------------------------------------------------


def test_what_is_sent_to_a_worker_is_what_it_reads() -> None:
    arguments = ([np.ones((2, 3))], [np.zeros(3)], np.eye(2), "relu", 0.5)
    calls = Calls([Call("gradients", arguments), Call("loss", ())])
    token, header, payload = worker.read_frame(calls.descriptor())
    assert token == bytes(16)
    first, second = header["calls"]
    decoder = Decoder(payload[slice(*first["bytes"])])
    assert str([decoder.decode(entry) for entry in first["arguments"]]) == str(list(arguments))
    assert (second["function"], second["arguments"]) == ("loss", [])
    assert calls.descriptor() == calls.descriptor()
    assert calls.largest == 8 * (6 + 3 + 4 + 1)


def test_calls_are_a_sequence_and_close_their_file() -> None:
    calls = Calls([Call("f", (1.0,)), Call("g", ())])
    assert ([call.function for call in calls], calls[1].function, len(calls[:1])) == (["f", "g"], "g", 1)
    descriptor = calls.descriptor()
    os.fstat(descriptor)
    del calls
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_sealed_file_cannot_be_changed() -> None:
    descriptor = sealed_file(b"problems")
    for change in (lambda: os.pwrite(descriptor, b"x", 0), lambda: os.ftruncate(descriptor, 0)):
        with pytest.raises(PermissionError):
            change()
    with pytest.raises(PermissionError), open(f"/proc/self/fd/{descriptor}", "r+b", buffering=0) as stream:  # noqa: PTH123 - no path, a descriptor
        stream.write(b"x")
    assert os.pread(descriptor, 100, 0) == b"problems"
    os.close(descriptor)


def test_a_forked_child_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    reading, writing = os.pipe()
    # What os.fork would change for a child is its number.
    monkeypatch.setattr(os, "_exit", ended.append)
    numbers = iter([1, 1, 2])
    monkeypatch.setattr(os, "getpid", lambda: next(numbers))
    send = worker.sender(writing, TOKEN)
    send(READY)
    assert ended == []
    send(DONE)
    assert ended == [0]
    os.close(writing)
    os.close(reading)


# What is printed, what can be imported -------------------------------------------------------------------------------


def test_output_is_kept_to_its_bound_and_cannot_act() -> None:
    output = Output(kept=20, most=40)
    output.take(b"a\tb\r\nc\x1b[31m\x00\xff")
    assert output.text() == "a\tb\nc\\x1b[31m\\x00\\xff"
    output.take(b"x" * 10)
    assert not output.flooded
    assert output.text().endswith("\n[3 more bytes were dropped]\n")
    output.take(b"x" * 30)
    assert output.flooded


def test_numpy_assignments_are_offered_no_autograd() -> None:
    packages = packages_for("numpy")
    assert "numpy" in packages.names
    assert {"torch", "jax", "autograd"} <= set(packages.refused)
    offered = {*packages.names, *(file.name for file in packages.files)}
    assert not offered & {"torch", "verify", "manual", "torch_ref", "pytest", "_pytest", "msgspec", "site-packages"}
    torch = packages_for("torch")
    assert {"numpy", "torch", "sympy", "typing_extensions"} <= set(torch.names)
    assert "torch" not in torch.refused
    assert not [path for path in standard_library() if path.name in ("site-packages", "dist-packages")]
