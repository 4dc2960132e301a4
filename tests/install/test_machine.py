from __future__ import annotations

import sys

import pytest

from installer.machine import Machine, nvidia_driver, this_machine, torch_plan
from installer.texts import InstallError

VERSION = "2.13.0"


def test_linux_without_a_card_asks_own_sources_first_then_the_cpu_index_then_the_general_build() -> None:
    plan = torch_plan(Machine("linux", "x86_64", None), VERSION)
    assert plan.kind == "cpu"
    versions = [(source.version, source.index, source.with_libraries) for source in plan.sources]
    assert versions[0] == ("2.13.0+cpu", None, False)
    assert versions[1][0] == "2.13.0+cpu"
    assert str(versions[1][1]).endswith("/cpu")
    assert versions[2] == ("2.13.0", None, True)
    assert plan.sources[2].megabytes > 5 * plan.sources[0].megabytes


@pytest.mark.parametrize(
    ("machine", "kind", "version"),
    [
        (Machine("linux", "x86_64", 580), "cuda", "2.13.0"),
        (Machine("linux", "x86_64", 550), "cuda", "2.13.0+cu126"),
        (Machine("linux", "x86_64", 470), "cpu", "2.13.0+cpu"),
        (Machine("linux", "arm64", None), "cpu", "2.13.0+cpu"),
        (Machine("win32", "x86_64", None), "cpu", "2.13.0"),
        (Machine("win32", "x86_64", 581), "cuda", "2.13.0+cu130"),
        (Machine("darwin", "arm64", None), "mps", "2.13.0"),
    ],
)
def test_the_build_follows_the_machine(machine: Machine, kind: str, version: str) -> None:
    plan = torch_plan(machine, VERSION)
    assert (plan.kind, plan.sources[0].version) == (kind, version)


def test_an_old_driver_is_named_as_the_reason() -> None:
    assert "470 is too old" in torch_plan(Machine("linux", "x86_64", 470), VERSION).reason


@pytest.mark.parametrize("machine", [Machine("darwin", "x86_64", None), Machine("linux", "i686", None)])
def test_machines_without_pytorch_are_told_so(machine: Machine) -> None:
    with pytest.raises(InstallError, match="not made for|no longer made") as caught:
        torch_plan(machine, VERSION)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("answer", "driver"),
    [
        ("print('580.65.06')", 580),
        ("print('535.1\\n535.1')", 535),
        ("print('')", None),
        ("raise SystemExit(9)", None),
    ],
)
def test_driver_query(answer: str, driver: int | None) -> None:
    assert nvidia_driver([sys.executable, "-c", answer]) == driver


def test_a_missing_program_is_no_driver() -> None:
    assert nvidia_driver(["/no/such/program"]) is None


def test_this_machine_has_a_plan() -> None:
    machine = this_machine()
    assert machine.system in ("linux", "darwin", "win32")
    assert torch_plan(machine, VERSION).sources
