"""``spikes validate``: claims of asymptotic theory put to the test."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikes.cli.options import Answer, Seed, Workers, answers
from spikes.runtime.text import printable
from theory.statement.arguments import suggestion

if TYPE_CHECKING:
    from spikes.validation import Claim

__all__ = ["validate"]

Names = Annotated[
    list[str] | None, typer.Argument(metavar="CLAIM", help="Names, or their beginnings; all claims by default.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Smaller sizes: minutes instead of an hour.")]
Listed = Annotated[bool, typer.Option("--list", help="List the claims and stop.")]
Report = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE.html", help="Write one self-contained HTML file, and JSON beside it."),
]
Own = Annotated[
    str | None,
    typer.Option("--claims", metavar="FILE.py", help="Test the claims of this Python file, which is run."),
]


def _beside(report: str) -> str:
    return report[: -len(".html")] + ".json"


def _numbers(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The JSON of a report."""
    return [] if options["report"] is None else [("report", _beside(options["report"]))]


@answers(
    progress=True,
    reads=("claims",),
    writes={"report": (".html",)},
    beside=_numbers,
    again="spikes validate with the options under run in the file tests its claims again",
)
def validate(
    names: Names = None,
    quick: Quick = False,
    listed: Listed = False,
    claims: Own = None,
    report: Report = None,
    seed: Seed = 0,
    workers: Workers = None,
) -> Answer:
    """Test claims: predict, simulate at growing sizes, extrapolate, judge. Exit code 1 if a verdict is unexpected."""
    from spikes import validation
    from spikes.validation.table import print_certificate, print_claims

    chosen = _chosen(names or [], claims)
    if listed:
        if report is not None:
            raise ValueError(f"`report` must be left out with `list`, which tests nothing; got {report!r}")
        return Answer(lambda: _listing(chosen), lambda: print_claims(chosen), _nothing_drawn)
    certificate = validation.validate(chosen, quick=quick, seed=seed, workers=workers)
    if report is not None:
        from spikes.runtime.files import whole_file, write_json
        from spikes.validation.report import html_report

        json = _beside(report)
        command = _command(names or [], claims, quick, seed, report)
        with whole_file(report) as temporary:
            write_json(json, certificate.to_dict())
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(
                    html_report(certificate, command=command, json=json.rpartition("/")[2], date=str(date.today()))
                )

    def show() -> None:
        print_certificate(certificate)
        if report is not None:
            print(printable(f"report written to {report}, its numbers to {_beside(report)}"))

    return Answer(
        certificate.to_dict, show, lambda: validation.plot_certificate(certificate), 0 if certificate.as_expected else 1
    )


def _command(names: Sequence[str], claims: str | None, quick: bool, seed: int, report: str) -> str:
    parts = ["spikes", "validate", *names, *(["--claims", claims] if claims else []), *(["--quick"] if quick else [])]
    return shlex.join([*parts, "--seed", str(seed), "--report", report])


def _chosen(names: Sequence[str], path: str | None) -> list[Claim]:
    """Claims whose names begin so, in the order in which they stand; of a file without names all that it holds."""
    from spikes.validation.subjects import registry

    own: list[Claim] = []
    if path is not None:
        from spikes.validation.user_claims import load_claims

        own = list(load_claims(path))
        if not names:
            return own
    standing = list(registry().values())
    for name in names:
        if not name:
            raise ValueError("`CLAIM` must be the beginning of a name; got ''")
        if not any(c.name.startswith(name) for c in (*own, *standing)):
            raise ValueError(f"`CLAIM` must be the beginning of {_known((*own, *standing), name)}")

    def named(claims: list[Claim]) -> list[Claim]:
        return [c for c in claims if any(c.name.startswith(name) for name in names)]

    return [*(named(own) or own), *(named(standing) if names else standing)]


def _known(claims: Iterable[Claim], name: str) -> str:
    """What the beginning of a name may be: of a subject that `name` begins with, --list shows them all."""
    known = [c.name for c in claims]
    subjects = list(dict.fromkeys("".join(one.partition("/")[:2]) for one in known))
    subject = next((s for s in subjects if s.endswith("/") and name.startswith(s)), None)
    if subject is None:
        return f"one of {', '.join(subjects)}; got {name!r}"
    return f"a claim of {subject}, which --list shows; got {name!r}{suggestion(name, known)}"


def _listing(claims: Sequence[Claim]) -> dict[str, Any]:
    from spikes.agreement import contract

    stated = {
        c.name: {
            "statement": c.statement,
            "source": c.source,
            "kind": c.kind,
            "levels": [list(pair) for pair in c.levels],
            "quick": [list(pair) for pair in c.at(True)],
            "expected": c.expected or None,
        }
        for c in claims
    }
    return contract(None, stated)


def _nothing_drawn() -> Any:
    raise ValueError("`figure` must be left out with `list`, which tests nothing")
