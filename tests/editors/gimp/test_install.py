"""What the installer leaves is what a real GIMP offers; what GIMP passes over, the doctor names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.editors.gimp import running_gimps
from backend.editors.gimp_menu import asked_by_gimp, troubles
from installer.editors import gimp as installing
from tests.editors.libraries import fetched_wheels

from .driver import Gimp
from .places import GimpPlace

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
    os.utime(gimp.profile.script, (0, 0))
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
