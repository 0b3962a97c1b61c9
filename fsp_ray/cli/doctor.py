"""fsp doctor: is this machine fit?"""

from __future__ import annotations

import dataclasses

import typer
from rich.text import Text

from fsp_ray.cli.checkup import CHECKS, Finding
from fsp_ray.cli.console import err, out, print_json
from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.options import JsonOption

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(as_json: JsonOption = False) -> None:
    """Check that everything fsp needs is here and works; say what to do where it does not.

    Example: **fsp doctor**

    Exit code 0: nothing stands in the way; 1: something failed.
    """
    findings: list[Finding] = []
    with err().status("Checking …"):
        for check in CHECKS:
            for finding in check():
                findings.append(finding)
                if not as_json:
                    _print(finding)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    failed = any(finding.status == "fail" for finding in findings)
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.DONE)


def _print(finding: Finding) -> None:
    console = out()
    mark = (f"{finding.status:<5}", _STYLES[finding.status])
    console.print(Text.assemble(mark, f"{finding.check}: {finding.detail}"), soft_wrap=True)
    if finding.advice:
        console.print(Text(f"     -> {finding.advice}"), soft_wrap=True)
