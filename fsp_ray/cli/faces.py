"""fsp faces: the bank that synthetic faces are mixed from."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fsp_ray.cli.console import err, out, plural, print_json
from fsp_ray.cli.options import JsonOption
from fsp_ray.core.errors import SettingsError

if TYPE_CHECKING:  # importing synthesis imports cv2
    from fsp_ray.synthesis.bank_build import BankReport

faces_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Face banks: what synthetic faces are mixed from.",
)


@faces_app.callback()
def faces() -> None:
    """Keep `build` a command of its own: typer would merge a single one into its group."""


@faces_app.command("build")
def build(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with pictures of faces of nobody.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Bank to write (.npz).")
    ],
    pack: Annotated[str, typer.Option(help="Model pack that looks at the pictures.")] = "open",
    as_json: JsonOption = False,
) -> None:
    """Build a face bank from pictures of AI-generated faces, one face in each.

    Wanted: frontal, even light, at least 120 pixels wide, no fringe, no spectacles. What does not
    fit is left out, with the reason. Never use pictures of real people.

    Example: **fsp faces build ./generated-faces -o bank.npz**
    """
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {folder}.", advice="DIR holds the pictures.")
    if not output.absolute().parent.is_dir():
        raise SettingsError(f"There is no folder {output.parent}.", advice="Make it first.")
    report = _build(folder, output, pack)
    if as_json:
        print_json(
            {
                "bank": str(output),
                "pictures": report.num_pictures,
                "female": report.num_female,
                "male": report.num_male,
                "skipped": dict(report.skipped),
            }
        )
        return
    kept = report.num_female + report.num_male
    console = out()
    console.print(
        f"{plural(kept, 'face')} ({report.num_female} female, {report.num_male} male) of"
        f" {plural(report.num_pictures, 'picture')}: {output}",
        soft_wrap=True,
    )
    for reason, number in sorted(report.skipped.items(), key=lambda item: -item[1]):
        console.print(f"  left out: {number:,}  {reason}", soft_wrap=True)


def _build(folder: Path, output: Path, pack: str) -> BankReport:
    from fsp_ray.models import load_models  # noqa: PLC0415 - imports an inference engine
    from fsp_ray.synthesis.bank_build import build_bank  # noqa: PLC0415 - imports cv2

    models = load_models(pack)
    with _counting("Looking at pictures") as progress:
        return build_bank(
            folder,
            output,
            detector=models.detector,
            landmarker=models.landmarker,
            attributes=models.attributes,
            progress=progress,
        )


@contextmanager
def _counting(what: str) -> Generator[Callable[[int, int], None]]:
    """Show how many are done: a bar on a terminal, else only that it began."""
    console = err()
    if not console.is_terminal:
        console.print(f"{what} …")
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
