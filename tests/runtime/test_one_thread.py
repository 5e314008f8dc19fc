"""Theory's linear algebra takes one thread, whatever the process may take."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import spikes
from spikes.runtime.one_thread import on_one_thread
from theory import Problem


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_one_thread_inside_and_as_many_as_before_after_it():
    assert np.linalg.norm([3.0, 4.0]) == 5.0  # its library is loaded
    with threadpool_limits(3):
        before = threads()
        assert on_one_thread(threads)() == {1}
        with pytest.raises(ZeroDivisionError):
            on_one_thread(lambda: 1 / 0)()
        assert threads() == before


@pytest.mark.parametrize(
    ("name", "module", "law"), [("predict", "prediction", "predicted"), ("compare", "study", "predict")]
)
def test_studies_predict_on_one_thread(name, module, law, monkeypatch):
    seen = []

    def reached(*args, **kwargs):
        seen.append(threads())
        raise ArithmeticError("enough")

    monkeypatch.setattr(f"spikes.studies.one_step.{module}.{law}", reached)
    with threadpool_limits(3), pytest.raises(ArithmeticError):
        getattr(spikes, name)(Problem(n=40, d=20, width=30), **({"workers": 1} if name == "compare" else {}))
    assert seen == [{1}]
