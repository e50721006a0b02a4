"""Why a path is not opened: stable codes and constant sentences, so that no error text can quote a file.

Raised by `safe_tree` and `notebooks`; `contents` and `release` turn them into answers.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    BAD_NAME = "bad_name"
    NOT_FOUND = "not_found"
    NOT_PLAIN = "not_a_plain_file"
    NOT_A_FOLDER = "not_a_folder"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many_entries"
    NOT_SHOWN = "kind_not_shown"
    NOT_A_NOTEBOOK = "not_a_notebook"
    NOT_TEXT = "not_text"
    NOT_WRITTEN = "kind_not_written"
    EXISTS = "name_taken"
    FIXED = "fixed_folder"
    NO_SPACE = "no_space"
    NOT_PERMITTED = "not_permitted"
    CHANGED = "changed_while_read"
    BAD_REQUEST = "bad_request"


SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.BAD_NAME: "Names may not be hidden, empty, longer than 200 bytes or hold control characters.",
    Reason.NOT_FOUND: "There is no such file or folder.",
    Reason.NOT_PLAIN: "Only plain files are opened: no links, pipes, devices or files with a second name.",
    Reason.NOT_A_FOLDER: "This is not a folder.",
    Reason.TOO_LARGE: "The file is larger than is opened here. Work with it in a notebook.",
    Reason.TOO_MANY: "The folder holds more entries than are listed here. Sort them into folders.",
    Reason.NOT_SHOWN: "Only notebooks and UTF-8 text files are opened here. Work with other files in a notebook.",
    Reason.NOT_A_NOTEBOOK: "The file is not a valid notebook of format 4.",
    Reason.NOT_TEXT: "The file is not UTF-8 text.",
    Reason.NOT_WRITTEN: "Only notebooks and UTF-8 text files are written here; nothing was changed.",
    Reason.EXISTS: "This name is taken already.",
    Reason.FIXED: "This folder belongs to the workspace and stays as it is.",
    Reason.NO_SPACE: "The disk is full; nothing was changed. Delete what you no longer need.",
    Reason.NOT_PERMITTED: "The workspace may not read or change this file.",
    Reason.CHANGED: "The file changed while it was read. Ask again once nothing writes to it.",
    Reason.BAD_REQUEST: "The request is not understood.",
}

STATUS: Final[Mapping[Reason, int]] = {
    Reason.NOT_FOUND: 404,
    Reason.EXISTS: 409,
    Reason.CHANGED: 409,
    Reason.TOO_LARGE: 413,
    Reason.NO_SPACE: 507,
    Reason.BAD_NAME: 400,
    Reason.BAD_REQUEST: 400,
    Reason.NOT_A_FOLDER: 400,
}
STATUS_DEFAULT: Final = 403


class PathRefusedError(Exception):
    """A file or folder that the session server will not touch, and why. Carries no path and no bytes."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def sentence(self) -> str:
        return SENTENCES[self.reason]

    @property
    def status(self) -> int:
        return STATUS.get(self.reason, STATUS_DEFAULT)
