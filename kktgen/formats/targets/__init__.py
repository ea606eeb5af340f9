"""What each solver makes of the files: one table, models and files judged by it, and files refused to a target."""

from .foreign import ModelFile, file_features
from .takers import encoding_rows, reader_rows, readers
from .targets import check_target, target_name
from .verdicts import Verdict

__all__ = [
    "ModelFile", "Verdict", "check_target", "encoding_rows", "file_features", "reader_rows", "readers", "target_name",
]  # fmt: skip
