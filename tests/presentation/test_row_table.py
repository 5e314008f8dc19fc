"""Rows of a study as a DataFrame, as LaTeX and as HTML."""

import builtins
import importlib
import math

import pytest

from spikes.agreement import Row, contract, human_name
from spikes.presentation.row_table import RowTable


class Example(RowTable):
    def rows(self):
        return [
            Row("test_error[0.1]", 1.18, 1.1734, 0.0071, 8, -0.93, -0.0056),
            Row("β & <λ>", 5.0, 4.0, math.nan, 1, math.nan, -0.2),
        ]

    def remark(self):
        return "Theory & simulation agree."

    def to_dict(self):
        return contract(None, agreement=self.rows())


def test_rows_are_read_back():
    for one in Example().to_dict()["agreement"]:
        assert Row.from_dict(one).to_dict() == one
    with pytest.raises(ValueError, match="`agreement` must hold rows quantity, theory"):
        Row.from_dict({"quantity": "test_error"})


def test_frame():
    pytest.importorskip("pandas")
    frame = Example().to_frame()
    assert list(frame.columns) == ["quantity", "theory", "simulation", "sem", "seeds", "z", "relative", "p"]
    assert frame.loc[0, "sem"] == 0.0071
    # Student's t with 7 degrees of freedom; none for a single run
    assert frame.loc[0, "p"] == pytest.approx(0.3833, abs=1e-4)
    assert math.isnan(frame.loc[1, "p"])
    assert len(frame) == 2


def test_without_pandas(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"`to_frame` needs pandas: python -m pip install 'spikes-rmt\[pandas\]'"):
        Example().to_frame()


def test_latex():
    lines = Example().to_latex().splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrr}"
    # the mean is given to the second digit of its error
    assert r"test error, $\lambda$ = 0.1 & $1.18$ & $1.1734(71)$ & $-0.9$ & $-0.56\,\%$ \\" in lines
    assert r"$\beta$ \& <$\lambda$> & $5$ & $4$ &  & $-20.00\,\%$ \\" in lines


def test_html():
    html = Example()._repr_html_()
    assert "<strong>Theory &amp; simulation agree.</strong>" in html
    assert "<td>β &amp; &lt;λ&gt;</td>" in html
    assert html.count("<tr>") == 3


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("one_step.study", "Comparison"),
        ("matrix_free.study", "MatrixFreeComparison"),
        ("nonlinear_features.study", "Staircase"),
        ("nonlinear_features.study", "SpectrumStudy"),
        ("nonlinear_features.study", "DecompositionStudy"),
        ("own_data.study", "DataStudy"),
        ("own_matrix.answer", "MatrixSpectrum"),
        ("local_analysis.study", "LocalStudy"),
        ("giant_steps.step", "StepStudy"),
        ("giant_steps.trajectory", "TrajectoryStudy"),
        ("giant_steps.curve", "CurveStudy"),
        ("giant_steps.analysis", "TargetReport"),
    ],
)
def test_every_study_shows_itself(module, name):
    study = getattr(importlib.import_module(f"spikes.studies.{module}"), name)
    assert issubclass(study, RowTable)
    # its own rows and conclusion
    assert {"rows", "remark"} <= set(vars(study))


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        ("test_error[0.1]", "test error, λ = 0.1"),
        ("test_error/before[0.1]", "test error, λ = 0.1: after ÷ before"),
        ("objective/before[alpha 0.3]", "objective, α = 0.3: after ÷ before"),
        ("test_error, n = 100, ridge 0.1", "test error, n = 100, λ = 0.1"),
        ("test_error before the step, ridge 0.1, by kernel", "test error before the step, λ = 0.1, by kernel"),
        ("test_error[alpha=0.1, ridge=0.1]", "test error, α = 0.1, λ = 0.1"),
        ("beta_norm2", "the step's direction, ‖β‖²"),
        ("spike 1[alpha 0.3]", "s of spike 1, α = 0.3"),
        ("spike 1, of the data", "s of spike 1, of the data"),
        ("spike 1 on He1", "spike 1 on He1"),
        ("overlap 2", "overlap 2"),
        ("mean of x^2 before the step", "mean of x^2 before the step"),
    ],
)
def test_rows_have_names_that_people_read(quantity, name):
    assert human_name(quantity) == name
