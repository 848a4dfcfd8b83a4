"""`h2b clients`: who may use the server. Their secrets are shown once, when they are made."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from h2b.access.store import ClientStore, client_store
from h2b.cli.main import Verb, Verbs
from h2b.cli.terminal import configuration_option, console, table
from h2b.configfile import load_configuration

clients = Verbs("clients", help="Say who may use the server, and give them their secrets.")

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")


def _store(configuration_file: Path | None) -> ClientStore:
    return client_store(load_configuration(configuration_file).access)


def _show_secret(client_id: str, secret: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"client_id": client_id, "client_secret": secret}))
        return
    click.echo(f"client_id      {client_id}")
    click.echo(f"client_secret  {secret}")
    click.echo("the secret is not shown again: h2b clients rotate makes a new one", err=True)


@clients.command(
    "add",
    cls=Verb,
    example="""
    h2b clients add acme-bot --tenant acme
    """,
    help="""Let a client use the server, and show its secret.

    From the first client on, the server asks everybody for a token, at once. Calls of clients with the same tenant are
    counted and billed together.
    """,
)
@click.argument("client_id", metavar="CLIENT")
@click.option("--tenant", metavar="NAME", help="Whose client it is; by default the client's own name.")
@_json
@configuration_option
def add_client(client_id: str, tenant: str | None, as_json: bool, configuration_file: Path | None) -> None:
    store = _store(configuration_file)
    secret = store.add(client_id, client_id if tenant is None else tenant)
    _show_secret(client_id, secret, as_json)
    # Whose server does not know the client has added it elsewhere: as another user, or without its --config.
    click.echo(f"added to {store.path}", err=True)


@clients.command("list", cls=Verb, example="h2b clients list", help="List the clients.")
@_json
@configuration_option
def list_clients(as_json: bool, configuration_file: Path | None) -> None:
    found = _store(configuration_file).list()
    rows = [
        (client.id, client.tenant, client.enabled, datetime.fromtimestamp(client.created_s, UTC)) for client in found
    ]
    if as_json:
        listed = [
            {"client_id": name, "tenant": tenant, "enabled": enabled, "created": f"{created:%Y-%m-%dT%H:%M:%SZ}"}
            for name, tenant, enabled, created in rows
        ]
        click.echo(json.dumps({"clients": listed}))
        return
    shown = table("client", "tenant", "enabled", "created")
    for name, tenant, enabled, created in rows:
        shown.add_row(name, tenant, "yes" if enabled else "no", f"{created:%Y-%m-%d %H:%M}")
    console().print(shown)


@clients.command(
    "rotate",
    cls=Verb,
    example="h2b clients rotate acme-bot",
    help="""Give a client a new secret, and show it.

    The old secret is worth nothing from now on. A client that was disabled is enabled again.
    """,
)
@click.argument("client_id", metavar="CLIENT")
@_json
@configuration_option
def rotate_client(client_id: str, as_json: bool, configuration_file: Path | None) -> None:
    _show_secret(client_id, _store(configuration_file).rotate(client_id), as_json)


@clients.command(
    "disable",
    cls=Verb,
    example="h2b clients disable acme-bot",
    help="""Let a client connect no more.

    It gets no tokens, and those it has open nothing. Calls that are connected go on to their end.
    """,
)
@click.argument("client_id", metavar="CLIENT")
@configuration_option
def disable_client(client_id: str, configuration_file: Path | None) -> None:
    _store(configuration_file).disable(client_id)
    click.echo(f"{client_id} is disabled")
