"""What the chart mounts into a pod: settings in one file, secrets in a folder of files. Read once, at start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from tidegate.model import ExitCode, TidegateError

SETTINGS_VARIABLE: Final = "TIDEGATE_SETTINGS"
SECRETS_VARIABLE: Final = "TIDEGATE_SECRETS"
SETTINGS_FILE: Final = "/etc/tidegate/settings.json"
SECRETS_FOLDER: Final = "/run/secrets/tidegate"
S = TypeVar("S", bound=BaseModel)


def read_settings(model: type[S], whose: str, environ: Mapping[str, str]) -> S:
    """The settings of this pod.

    Args:
        model: what they must be, with camelCase names.
        whose: for the sentence, for example ``the hub``.
        environ: ``TIDEGATE_SETTINGS`` names the file.

    Raises:
        TidegateError: ``settings_invalid``, with each wrong, missing or unknown field and what is wrong with it.
    """
    path = Path(environ.get(SETTINGS_VARIABLE, SETTINGS_FILE))
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _invalid(whose, f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise _invalid(whose, "; ".join(faults)) from None


def secrets_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get(SECRETS_VARIABLE, SECRETS_FOLDER))


def read_secret(folder: Path, name: str) -> str:
    """The text of one secret file. Raises ``secret_missing``, which names the file and never what is in it."""
    try:
        text = (folder / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise TidegateError(
            "secret_missing",
            f"The secret file {folder / name} is missing, empty or unreadable.",
            "Name a Secret that has it in the chart's values.",
            ExitCode.USAGE,
        )
    return text


def _invalid(whose: str, why: str) -> TidegateError:
    sentence = f"The settings of {whose} cannot be used: {why}."
    return TidegateError("settings_invalid", sentence, "Correct the chart's values.", ExitCode.USAGE)
