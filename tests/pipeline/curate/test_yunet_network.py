"""The rewritten network against the file that it is made from."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from pipeline.curate import yunet_network


def session(content: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def both():
    return session(yunet_network.network()), session(yunet_network._file())


@pytest.mark.parametrize("size", [(160, 128), (32, 32), (96, 320)])
def test_it_answers_as_the_file_does(both, size):
    merged, original = both
    frame = np.random.default_rng(0).integers(0, 256, (1, 3, *size)).astype(np.float32)
    answers = merged.run(None, {"input": frame})
    for stride, answer in zip((8, 16, 32), answers, strict=True):
        assert answer.shape == (1, 16, size[0] // stride, size[1] // stride)
        found = answer.reshape(16, -1).T
        kinds = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps")]
        face, thing, box, marks = (one[0] for one in original.run(kinds, {"input": frame}))
        assert 1 / (1 + np.exp(-found[:, :2])) == pytest.approx(np.hstack([face, thing]), abs=1e-5)
        assert found[:, 2:6] == pytest.approx(box, abs=1e-4)
        assert found[:, 6:] == pytest.approx(marks, abs=1e-4)


def test_nothing_of_the_four_heads_is_left(both):
    merged, _ = both
    assert [output.name for output in merged.get_outputs()] == ["0.answer", "1.answer", "2.answer"]
    content = yunet_network.network()
    assert b"Sigmoid" not in content
    assert content.count(b"Concat") == 12


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31])
def test_integers_are_read_as_they_are_written(value):
    written = yunet_network._field(3, value) + yunet_network._field(5, "name")
    assert list(yunet_network._fields(written)) == [(3, value), (5, b"name")]
