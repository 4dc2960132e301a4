"""Installing into GIMP without GIMP: which folders, the file that GIMP starts, the words, and taking it out again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from backend import __version__
from backend.editors import gimp as places
from backend.editors.finding import FoundEditor
from backend.editors.gimp import GimpProfile
from backend.editors.gimp_menu import asked_by_gimp, troubles
from installer import main as commands
from installer.editors import commands as editor_commands
from installer.editors import gimp as installing
from installer.editors.commands import Targets
from installer.editors.payload import assemble_for_gimp
from installer.editors.wheels import Wheel
from installer.environment import ROOT, Environment
from installer.texts import InstallError

Wheels = tuple[list[Wheel], Path]
unix = pytest.mark.skipif(sys.platform == "win32", reason="folders and modes of Unix")


def found(version: str | None, kind: str = "native", place: Path = Path("/usr/bin/gimp")) -> FoundEditor:
    return FoundEditor("GIMP", kind, place, version)


def profile_in(home: Path, series: str = "3.0") -> GimpProfile:
    return places.gimp_roots({"HOME": str(home)}, "linux")[0].profile(series)


# -- which folders


@unix
def test_folders_on_each_system(tmp_path: Path) -> None:
    native, flatpak, snap = places.gimp_roots({"HOME": "/home/ada"}, "linux")
    assert str(native.profile("3.2").script) == "/home/ada/.config/GIMP/3.2/plug-ins/pullface/pullface.py"
    assert str(flatpak.folder) == "/home/ada/.var/app/org.gimp.GIMP/config/GIMP"
    assert (snap.kind, native.kind) == ("Snap", "native")
    (moved, *_) = places.gimp_roots({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/etc/ada"}, "linux")
    assert str(moved.folder) == "/etc/ada/GIMP"
    (mac,) = places.gimp_roots({"HOME": "/Users/ada"}, "darwin")
    assert str(mac.folder) == "/Users/ada/Library/Application Support/GIMP"
    package = tmp_path / "Local/Packages/GIMP.43237F745C459_x/LocalCache"
    package.mkdir(parents=True)
    variables = {
        "USERPROFILE": str(tmp_path),
        "LOCALAPPDATA": str(tmp_path / "Local"),
        "APPDATA": str(tmp_path / "R"),
    }
    windows, store = places.gimp_roots(variables, "win32")
    assert (windows.folder, store.folder) == (tmp_path / "R/GIMP", package / "Roaming/GIMP")


def test_every_series_that_is_there_is_served_and_no_older_one(home: Path) -> None:
    roots = places.gimp_roots({"HOME": str(home)}, "linux")
    for name in ("2.10", "3.0", "3.2", "3.x", "backups"):
        (roots[0].folder / name).mkdir(parents=True)
    (roots[1].folder / "3.0").mkdir(parents=True)
    served = installing.gimps_to_serve([], roots)
    assert [(each.kind, each.series) for each in served.profiles] == [
        ("native", "3.0"), ("native", "3.2"), ("Flatpak", "3.0"),
    ]  # fmt: skip
    assert served.unready == []


def test_an_installed_gimp_gets_its_folder_unless_it_has_settings_to_take_over(home: Path) -> None:
    roots = places.gimp_roots({"HOME": str(home)}, "linux")
    assert installing.gimps_to_serve([found("2.10.34")], roots).profiles == []
    assert (
        installing.gimps_to_serve([FoundEditor("Krita", "native", Path("/krita"), "5.2")], roots).profiles
        == []
    )
    assert installing.gimps_to_serve([found("3.0.4")], roots).profiles == [roots[0].profile("3.0")]
    assert installing.gimps_to_serve([found("3.2.0", "Flatpak")], roots).profiles == [roots[1].profile("3.2")]
    unknown = found(None, "AppImage")
    assert installing.gimps_to_serve([unknown], roots) == installing.Served([], [unknown])

    # GIMP copies the settings of 2.10 only while it has no folder of its own.
    (roots[0].folder / "2.10").mkdir(parents=True)
    served = installing.gimps_to_serve([found("3.0.4"), found("3.0.4", "Flatpak")], roots)
    assert served.profiles == []
    assert len(served.unready) == 2
    (roots[0].folder / "3.0").mkdir()
    served = installing.gimps_to_serve([found("3.0.4"), found("3.0.4", "Flatpak"), unknown], roots)
    assert served == installing.Served([roots[0].profile("3.0")], [])
    assert installing.gimps_to_serve([found("3.2.0")], roots).unready != []


@unix
def test_an_unready_gimp_is_started_without_its_window(home: Path, tmp_path: Path) -> None:
    roots = places.gimp_roots()
    (roots[0].folder / "2.10").mkdir(parents=True)
    program = tmp_path / "bin/gimp-3.0"
    program.parent.mkdir()
    console = tmp_path / "bin/gimp-console-3.0"
    console.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/told"\nmkdir -p "$HOME/.config/GIMP/3.0"\n')
    console.chmod(0o755)
    editors = [found("3.0.4", place=program), found(None, "Snap", Path("/snap/gimp"))]
    served = installing.start_unready(installing.gimps_to_serve(editors, roots))
    assert served.profiles == [roots[0].profile("3.0")]
    assert served.unready == editors[1:]
    assert (tmp_path / "told").read_text().split() == ["--no-interface", "--no-data", "--no-fonts", "--quit"]


@unix
def test_a_gimp_that_does_not_end_is_ended(tmp_path: Path) -> None:
    script = tmp_path / "gimp-console"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    assert not installing.start_once([str(script)], "GIMP", "asking it", patience=0.5)
    assert not installing.start_once([str(tmp_path / "missing")], "GIMP", "asking it")


# -- the plug-in


def test_the_plugin_is_complete_and_executable(wheels: Wheels, tmp_path: Path) -> None:
    assemble_for_gimp(tmp_path, *wheels, home="/there")
    plugin = tmp_path / "pullface"
    for part in ("pullface.py", "plugin.py", "host/source.py", "backend/wire/client.py", "backend/editing/pull.py",
                 "vendor/any/msgpack/__init__.py", "LICENSE", "installed.json"):  # fmt: skip
        assert (plugin / part).is_file(), part
    ours = {file.relative_to(ROOT / "gimp_plugin") for file in (ROOT / "gimp_plugin").rglob("*.py")}
    assert ours <= {file.relative_to(tmp_path) for file in plugin.rglob("*.py")}
    assert os.name == "nt" or (plugin / "pullface.py").stat().st_mode & 0o111 == 0o111
    assert (plugin / "pullface.py").read_text().startswith("#!/usr/bin/env python3\n")
    assert not list(tmp_path.rglob("__pycache__"))


def test_an_update_leaves_nothing_of_the_old_one_and_is_asked_anew(home: Path, wheels: Wheels) -> None:
    profile = profile_in(home)
    (done,) = installing.install([profile], *wheels, editors=[], running=lambda _: [])
    assert (done.updated, done.running, done.seen, done.troubles) == (False, False, None, [])
    os.utime(profile.script, (1e9, 1e9))
    (profile.plugin / "old.py").touch()
    (profile.plug_ins / "other").mkdir()
    (done,) = installing.install([profile], *wheels, editors=[], running=lambda _: [4711])
    assert (done.updated, done.running) == (True, True)
    assert not (profile.plugin / "old.py").exists()
    assert profile.script.stat().st_mtime > 1e9 + 1
    assert {entry.name for entry in profile.plug_ins.iterdir()} == {"pullface", "other"}
    assert profile.plugin_version() == __version__


@unix
def test_a_link_to_a_checkout_is_replaced_and_not_followed(
    home: Path, wheels: Wheels, tmp_path: Path
) -> None:
    profile = profile_in(home)
    profile.plug_ins.mkdir(parents=True)
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/pullface.py").write_text("mine")
    profile.plugin.symlink_to(tmp_path / "checkout")
    installing.install([profile], *wheels, editors=[], running=lambda _: [])
    assert not profile.plugin.is_symlink()
    assert (tmp_path / "checkout/pullface.py").read_text() == "mine"


def test_what_cannot_be_written_leaves_the_old_one(home: Path, wheels: Wheels, tmp_path: Path) -> None:
    profile = profile_in(home)
    installing.install([profile], *wheels, editors=[], running=lambda _: [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InstallError, match="could not be written"):
        installing.put_into(profile, tmp_path / "empty")  # as little there as on a full disk
    assert profile.plugin_version() == __version__


# -- why it is not in the menu


@unix
def test_each_reason_is_named(home: Path, wheels: Wheels) -> None:
    profile = profile_in(home)
    profile.plug_ins.mkdir(parents=True)
    (trouble,) = troubles(profile, [])
    assert "it is not there" in trouble.text
    (profile.plug_ins / "pullface.py").touch()
    (trouble,) = troubles(profile, [])
    assert "wants it in a folder pullface" in trouble.text
    (profile.plug_ins / "pullface.py").unlink()
    installing.install([profile], *wheels, editors=[], running=lambda _: [])
    assert troubles(profile, []) == []

    profile.script.chmod(0o644)
    (profile.plugin / "vendor").rename(profile.plugin / "elsewhere")
    first, second = troubles(profile, [])
    assert first.advice == f"Run: chmod +x '{profile.script}'"
    assert "vendor is missing" in second.text
    profile.script.chmod(0o755)
    (profile.plugin / "elsewhere").rename(profile.plugin / "vendor")

    (profile.folder / "gimprc").write_text('(plug-in-path "${gimp_dir}/mine:/opt/plug-ins")\n')
    (trouble,) = troubles(profile, [])
    assert "Edit > Preferences > Folders > Plug-ins" in trouble.advice
    (profile.folder / "gimprc").write_text('(plug-in-path "${gimp_dir}/plug-ins:/opt/plug-ins")\n')
    assert troubles(profile, []) == []


@unix
def test_gimps_own_notes_tell_whether_it_has_asked(home: Path, wheels: Wheels) -> None:
    profile = profile_in(home)
    installing.install([profile], *wheels, editors=[], running=lambda _: [])
    assert asked_by_gimp(profile) is None
    date = int(profile.script.stat().st_mtime)
    notes = '(plug-in-def "${gimp_dir}/plug-ins/pullface/pullface.py" %d%s)\n(plug-in-def "b" 1\n    (proc-def "c" 1))'
    (profile.folder / "pluginrc").write_text(notes % (date, '\n    (proc-def "plug-in-pullface" 1)'))
    assert asked_by_gimp(profile) is True
    (profile.folder / "pluginrc").write_text(notes % (date, ""))
    assert asked_by_gimp(profile) is False
    (profile.folder / "pluginrc").write_text(notes % (date - 100, '\n    (proc-def "plug-in-pullface" 1)'))
    os.utime(profile.folder / "pluginrc", (date - 50, date - 50))
    assert asked_by_gimp(profile) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere GIMP brings its Python")
def test_a_python_without_gimps_bindings_is_named(
    home: Path, wheels: Wheels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = profile_in(home)
    installing.install([profile], *wheels, editors=[], running=lambda _: [])
    programs = tmp_path / "bin"
    programs.mkdir()
    gimp = found("3.0.4", place=programs / "gimp-3.0")
    monkeypatch.setenv("PATH", str(programs))
    (trouble,) = troubles(profile, [gimp])
    assert "python3, which is not there" in trouble.text
    assert troubles(profile, [found("3.2.0", place=programs / "gimp-3.2")]) == []  # another series' business

    # -S hides site-packages, and with them the bindings, wherever this runs.
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    (programs / "python3").chmod(0o755)
    found_here = [trouble.text for trouble in troubles(profile, [gimp])]
    assert any("bindings" in text for text in found_here), found_here
    # What the installer has written into the plug-in counts, not the path.
    assembled = tmp_path / "assembled"
    assembled.mkdir()
    assemble_for_gimp(assembled, *wheels)
    installing.put_into(profile, assembled, str(programs / "own"))
    assert os.access(profile.script, os.X_OK)
    assert any(f"does not run: {programs / 'own'}" in trouble.text for trouble in troubles(profile, [gimp]))
    installing.put_into(profile, assembled)

    # A virtual environment of this terminal is not that of the session which starts GIMP.
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert any("python3, which is not there" in trouble.text for trouble in troubles(profile, [gimp]))


# -- the commands


@unix
def test_krita_and_gimp_in_one_run(
    home: Path, wheels: Wheels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from backend.editors import krita

    monkeypatch.setattr(editor_commands, "chosen", lambda systems: wheels[0])
    monkeypatch.setattr(editor_commands, "wheels_folder", lambda: wheels[1])
    private = Environment(home / "environment", home / "log")
    profile = profile_in(home)
    native = krita.krita_profiles({"HOME": str(home)}, "linux")[0]
    served = installing.Served([profile], [])
    assert editor_commands.install_into_editors(Targets([native], served), private) == 0
    told = capsys.readouterr().out
    assert "Settings > Dockers > Pullface" in told
    assert "Filters > Pullface" in told
    assert str(profile.plugin) in told
    assert "flatpak" not in told

    # GIMP alone, which Flatpak lends the common folder, and one that has not been started yet.
    flatpak = found("3.0.6", "Flatpak", Path("/var/lib/flatpak/app/org.gimp.GIMP"))
    waiting = found(None, "Snap", Path("/snap/gimp/current"))
    targets = Targets([], installing.Served([profile], [waiting]), [flatpak])
    assert editor_commands.install_into_editors(targets, private) == 1
    told = capsys.readouterr().out
    assert "Krita" not in told
    assert "flatpak override --user --env=PULLFACE_HOME=" in told
    assert "org.gimp.GIMP" in told
    assert "has not been started yet" in told
    assert "updated" in told


@unix
def test_the_command_from_its_beginning_to_its_end(
    home: Path, wheels: Wheels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for making the environment, which has tests of its own."""
    private = Environment(home / "environment", home / "log")
    monkeypatch.setattr(commands, "prepare", lambda with_tests: private)
    monkeypatch.setattr(editor_commands, "chosen", lambda systems: wheels[0])
    monkeypatch.setattr(editor_commands, "wheels_folder", lambda: wheels[1])
    monkeypatch.setattr(editor_commands, "find_editors", list)
    (home / ".config/GIMP/3.2").mkdir(parents=True)
    assert commands.main(["editors"]) == 0
    told = capsys.readouterr().out
    assert "no GIMP in the usual places, but one has been used here" in told
    assert "Krita" not in told
    assert "GIMP 3.2: installed" in told
    assert profile_in(home, "3.2").plugin_version() == __version__


@unix
def test_what_keeps_it_from_the_menu_is_told(
    home: Path, wheels: Wheels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(editor_commands, "chosen", lambda systems: wheels[0])
    monkeypatch.setattr(editor_commands, "wheels_folder", lambda: wheels[1])
    profile = profile_in(home)
    profile.folder.mkdir(parents=True)
    (profile.folder / "gimprc").write_text('(plug-in-path "/opt/plug-ins")\n')
    targets = Targets([], installing.Served([profile], []))
    assert editor_commands.install_into_editors(targets, Environment(home / "environment", home / "log")) == 1
    told = capsys.readouterr().out
    assert "NOT yet in the menu" in told
    assert "Next:" not in told


def test_an_old_gimp_alone_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(editor_commands, "find_editors", lambda: [found("2.10.34")])
    assert commands.main(["editors"]) == 1
    told = capsys.readouterr()
    assert "too old: 3.0 or later is needed" in told.out
    assert "This GIMP is older than 3.0." in told.err


@unix
def test_uninstall_takes_the_plugin_out_of_every_gimp(
    home: Path, wheels: Wheels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = [profile_in(home), profile_in(home, "3.2")]
    installing.install(profiles, *wheels, editors=[], running=lambda _: [])
    (profiles[0].plug_ins / "other").mkdir()
    monkeypatch.setenv("PULLFACE_HOME", str(home / "a trial"))
    commands.main(["uninstall", "--yes"])
    assert [each.plugin_version() for each in profiles] == [
        __version__,
        __version__,
    ]  # another installation's
    monkeypatch.setenv("PULLFACE_HOME", str(home.parent / "pullface"))
    capsys.readouterr()
    assert commands.main(["uninstall", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "the plug-in in GIMP 3.0" in told
    assert "the plug-in in GIMP 3.2" in told
    assert not any(each.plugin.exists() for each in profiles)
    assert (profiles[0].plug_ins / "other").is_dir()
