"""What the installer leaves is what a real GIMP offers; what GIMP passes over, the doctor names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.editors.gimp import running_gimps
from backend.editors.gimp_menu import asked_by_gimp, troubles
from installer.editors import gimp as installing
from tests.editors.libraries import fetched_wheels

from .driver import Gimp
from .places import GimpPlace

ROOT = Path(__file__).resolve().parents[3]
OFFERED = "Gimp.get_pdb().procedure_exists('plug-in-pullface-drag')"
LIBRARIES = """
sys.path.append(arguments[0])
from pullface import obstacles
obstacles.check()
import zmq, msgpack
[zmq.__file__, msgpack.__file__, zmq.__version__]
"""


@pytest.fixture
def bare_gimp(gimp_place: GimpPlace) -> Iterator[Gimp]:
    """A GIMP without Pullface, not started."""
    gimp = Gimp(gimp_place, plugin=False)
    gimp.install()
    yield gimp
    gimp.close()


def put_in(gimp: Gimp) -> installing.Installed:
    # The editors of this machine are not those of the tests.
    (done,) = installing.install([gimp.profile], *fetched_wheels(), editors=[])
    return done


def let_gimp_look(gimp: Gimp) -> bool:
    return installing.start_once(gimp.console(), "GIMP", "asking it")


def test_gimp_offers_what_the_installer_has_installed(bare_gimp: Gimp) -> None:
    gimp = bare_gimp
    done = put_in(gimp)
    assert (done.updated, done.running, done.seen, done.troubles) == (False, False, None, [])
    assert os.access(gimp.profile.script, os.X_OK)
    assert let_gimp_look(gimp)
    assert asked_by_gimp(gimp.profile) is True
    answer = gimp.batch(f"[{OFFERED}, Gimp.get_pdb().procedure_exists('plug-in-pullface')]")
    assert answer.result == [True, True], answer.output
    answer = gimp.batch(LIBRARIES, str(gimp.profile.plug_ins))
    assert answer.status == 0, answer.output
    zmq, msgpack, version = answer.result
    assert Path(zmq).is_relative_to(gimp.profile.plugin / "vendor")
    assert Path(msgpack).is_relative_to(gimp.profile.plugin / "vendor/any")
    assert version == "27.3.0"

    # An update is asked anew, although its file may be the same to the byte.
    done = put_in(gimp)
    assert (done.updated, done.seen) == (True, None)
    assert let_gimp_look(gimp)
    assert asked_by_gimp(gimp.profile) is True


WHOLE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from backend import doctor
from backend.editors.finding import find_editors
from installer.editors import gimp
from installer.editors.wheels import chosen, this_system
editors = find_editors()
BEFORE
served = gimp.start_unready(gimp.gimps_to_serve(editors))
done = gimp.install(served.profiles, chosen([this_system()]), Path(sys.argv[2]), editors)
print("\\nTOLD", json.dumps({
    "done": [[each.profile.series, each.updated, each.running, each.seen] for each in done],
    "troubles": [[trouble.text for trouble in each.troubles] for each in done],
    "unready": len(served.unready),
    "doctor": [[finding.level, finding.text, finding.advice] for finding in doctor._gimp()],
}))
"""


def run_there(gimp: Gimp, before: str = "", **variables: str) -> dict[str, Any]:
    """The installer's own way through, in the system of that GIMP, with what it finds there itself.

    Args:
        before: code that changes what was found.
    """
    code = gimp.home / "code"
    for name in ("backend", "installer", "gimp_plugin", "requirements"):
        unwanted = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.npz")
        shutil.copytree(ROOT / name, code / name, ignore=unwanted, dirs_exist_ok=True)
    shutil.copy(ROOT / "LICENSE", code)
    _, wheels = fetched_wheels()
    told = {
        "HOME": str(gimp.home),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        **variables,
    }
    command = gimp.place.command(
        "python3", told, "-c", WHOLE.replace("BEFORE", before), str(code), str(wheels)
    )
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd="/tmp")
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout.partition("TOLD")[2]))


@pytest.mark.slow
def test_the_installer_lets_a_new_gimp_take_its_old_settings_over_and_asks_it(gimp_place: GimpPlace) -> None:
    gimp = Gimp(gimp_place, plugin=False)
    try:
        old = gimp.profile.folder.parent / "2.10/brushes"
        old.mkdir(parents=True)
        (old / "mine.gbr").write_text("a brush")
        told = run_there(gimp)
        assert told["done"] == [[gimp_place.series, False, False, True]]
        assert told["troubles"] == [[]]
        assert told["unready"] == 0
        assert (gimp.profile.folder / "brushes/mine.gbr").exists()
        ((level, text, _),) = told["doctor"]
        assert level == "ok"
        assert "GIMP offers it, as Filters > Pullface; it reaches the backend by libzmq" in text

        # The wrong python3 on the path, as pyenv and conda bring it: the doctor names it, the installer goes round it.
        wrong = gimp.home / "bin"
        wrong.mkdir()
        (wrong / "python3").write_text('#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
        (wrong / "python3").chmod(0o755)
        os.utime(gimp.profile.script)
        told = run_there(gimp, "editors = []", PATH=f"{wrong}:/usr/bin:/bin")
        assert told["done"] == [[gimp_place.series, True, False, None]]
        ((_, text, advice),) = told["doctor"]
        assert f"starts it with, {wrong / 'python3'}, lacks GIMP's bindings" in text
        assert advice == "Run: python3 install.py editors"
        told = run_there(gimp, PATH=f"{wrong}:/usr/bin:/bin")
        assert told["done"] == [[gimp_place.series, True, False, True]]
        assert told["troubles"] == [[]]
        assert [level for level, _, _ in told["doctor"]] == ["ok"]

        # Libraries that do not load here, as on a system whose C library is older than they are.
        for library in gimp.profile.plugin.glob("vendor/cp*/zmq/backend"):
            shutil.rmtree(library)
        told = run_there(gimp, "gimp.install = lambda *_: []")
        ((level, text, _),) = told["doctor"]
        assert level == "ok"
        assert "by Python's sockets (libzmq: " in text
    finally:
        gimp.close()


@pytest.mark.slow
def test_what_gimp_passes_over_is_named(bare_gimp: Gimp) -> None:
    gimp = bare_gimp
    put_in(gimp)
    plugin, script = gimp.profile.plugin, gimp.profile.script

    script.chmod(0o644)
    assert gimp.batch(OFFERED).result is False
    (trouble,) = troubles(gimp.profile, [])
    assert "not executable" in trouble.text
    assert trouble.advice == f"Run: chmod +x '{script}'"
    script.chmod(0o755)

    wrong = plugin.with_name("pullface-main")
    plugin.rename(wrong)
    assert gimp.batch(OFFERED).result is False
    (trouble,) = troubles(gimp.profile, [])
    assert "wrong name" in trouble.text

    wrong.rename(wrong.with_name("part"))
    wrong.mkdir()
    wrong.with_name("part").rename(wrong / "pullface")
    assert gimp.batch(OFFERED).result is False
    (trouble,) = troubles(gimp.profile, [])
    assert "one folder too deep" in trouble.text

    shutil.copytree(wrong / "pullface", plugin)
    assert gimp.batch(OFFERED).result is True
    assert troubles(gimp.profile, []) == []


@pytest.mark.slow
def test_a_plugin_that_does_not_answer_gimp_is_named(bare_gimp: Gimp) -> None:
    gimp = bare_gimp
    put_in(gimp)
    kept = gimp.profile.script.read_text()
    gimp.profile.script.write_text("#!/usr/bin/env python3\nimport no_such_module\n")
    assert gimp.batch(OFFERED).result is False
    assert asked_by_gimp(gimp.profile) is False
    (trouble,) = troubles(gimp.profile, [])
    assert "asked" in trouble.text
    gimp.profile.script.write_text(kept)
    os.utime(gimp.profile.script, (1e9, 1e9))
    assert asked_by_gimp(gimp.profile) is None
    assert gimp.batch(OFFERED).result is True
    assert asked_by_gimp(gimp.profile) is True


@pytest.mark.slow
def test_other_folders_in_gimps_settings_are_named(gimp_place: GimpPlace) -> None:
    gimp = Gimp(gimp_place, plugin=False, gimprc='(plug-in-path "${gimp_plug_in_dir}/plug-ins")\n')
    try:
        gimp.install()
        put_in(gimp)
        (trouble,) = troubles(gimp.profile, [])
        assert "name other folders" in trouble.text
        assert gimp.batch(OFFERED).result is False
    finally:
        gimp.close()


def test_a_running_gimp_is_noticed(gimp: Gimp, bare_gimp: Gimp) -> None:
    assert running_gimps(gimp.profile) == [gimp.pid]
    assert running_gimps(bare_gimp.profile) == []
