"""`tidegate account`: local accounts. Whoever runs this machine makes them; what a person may do is in the grants."""

from typing import Annotated

import typer

from tidegate.cli.console import Output, OutputOption, say, show
from tidegate.cli.placed import placed
from tidegate.cli.session import PasswordFileOption, Place, open_store, read_password
from tidegate.identity import add_account, change_password, set_disabled
from tidegate.ledger import Actor
from tidegate.model import utc_now

app = typer.Typer(no_args_is_help=True)
OPERATOR = Actor.service("command-line")
NameArgument = Annotated[str, typer.Argument(help="The account's name, for example rosa.")]


@app.command("add")
@placed
def add(
    place: Place,
    name: NameArgument,
    display_name: Annotated[str, typer.Option("--display-name", help="As others see it.")],
    password_file: PasswordFileOption = None,
) -> None:
    """Make an account; the password comes from a file, stdin or the terminal."""
    store = open_store(place, create=True)
    add_account(store, name, display_name, read_password(password_file, "New password: "), OPERATOR, utc_now())
    say(f"Account {name} made. It may do nothing until an officer grants it something.")


@app.command("password")
@placed
def password(place: Place, name: NameArgument, password_file: PasswordFileOption = None) -> None:
    """Give an account a new password."""
    change_password(
        open_store(place),
        name,
        read_password(password_file, "New password: "),
        OPERATOR,
        utc_now(),
    )
    say(f"Account {name} has a new password.")


@app.command("disable")
@placed
def disable(place: Place, name: NameArgument) -> None:
    """Shut an account. Its open sessions end within seconds."""
    set_disabled(open_store(place), name, True, OPERATOR, utc_now())
    say(f"Account {name} is disabled.")


@app.command("enable")
@placed
def enable(place: Place, name: NameArgument) -> None:
    """Open a disabled account again."""
    set_disabled(open_store(place), name, False, OPERATOR, utc_now())
    say(f"Account {name} is enabled.")


@app.command("list")
@placed
def list_accounts(place: Place, output: OutputOption = Output.TABLE) -> None:
    """All accounts, without their hashes."""
    rows = [
        {"name": account.person.subject, "displayName": account.display_name, "disabled": account.disabled}
        for account in open_store(place).accounts()
    ]
    show(rows, ("name", "displayName", "disabled"), output)
