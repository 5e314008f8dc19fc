"""What made an answer: the call and its arguments as plain JSON values, written beside the answer and read back."""

from spikes.record.answers import differences, read_answer
from spikes.record.call import ELSEWHERE, Recorded, digests, recorded, statement_of_run, with_run
from spikes.record.values import decoded, encoded, modules_named

__all__ = [
    "ELSEWHERE",
    "Recorded",
    "decoded",
    "differences",
    "digests",
    "encoded",
    "modules_named",
    "read_answer",
    "recorded",
    "statement_of_run",
    "with_run",
]
