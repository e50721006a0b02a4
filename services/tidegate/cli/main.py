"""The command line's front door: puts the commands together and turns refusals into one line and an exit code."""

import sys

import typer

from tidegate.cli import accounts, approvals, doctor, ledger, resources, run_commands
from tidegate.cli.console import complain
from tidegate.model import ExitCode, TidegateError

app = typer.Typer(
    name="tidegate",
    help="A trusted research environment for imaging cohorts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(run_commands.up_command)
app.command("demo")(run_commands.demo_command)
app.command("apply")(resources.apply_command)
app.command("get")(resources.get_command)
app.command("approve")(approvals.approve_command)
app.command("doctor")(doctor.doctor_command)
app.add_typer(accounts.app, name="account", help="Local accounts of this machine.")
app.add_typer(ledger.app, name="ledger", help="The audit ledger.")


def run(arguments: list[str] | None = None) -> None:
    """Entry point of the `tidegate` script."""
    sys.exit(exit_code(arguments))


def exit_code(arguments: list[str] | None = None) -> int:
    """Run one command and answer what the shell gets."""
    try:
        result = app(arguments, standalone_mode=False)
    except TidegateError as error:
        complain(error)
        return error.exit_code
    except typer.Abort:
        return ExitCode.FAILED
    except typer.TyperException as error:
        complain(TidegateError("usage", error.format_message().rstrip(".") + ".", "See --help.", ExitCode.USAGE))
        return ExitCode.USAGE
    return result if isinstance(result, int) else ExitCode.DONE


if __name__ == "__main__":
    run()
