"""Installing into Krita without Krita: folders, settings, libraries, the zip, and taking it all out again."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from backend import __version__
from backend.editors import krita as places
from backend.editors import kritarc
from backend.editors.finding import FoundEditor
from backend.editors.kritarc import Kritarc
from installer import main as commands
from installer import testing
from installer.editors import commands as editor_commands
from installer.editors import krita as installing
from installer.editors import needed
from installer.editors.commands import Targets
from installer.editors.payload import assemble, package, put_into
from installer.editors.wheels import Wheel, chosen, fetch, locked, this_system, unpack
from installer.environment import ROOT, Environment
from installer.pip import Outcome
from installer.progress import Progress
from installer.texts import InstallError

LINUX = {"HOME": "/home/ada"}


# -- where Krita keeps things


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
def test_profiles_on_linux() -> None:
    native, flatpak, snap = places.krita_profiles(LINUX, "linux")
    assert (native.kind, str(native.settings)) == ("native", "/home/ada/.config/kritarc")
    assert str(native.plugin) == "/home/ada/.local/share/krita/pykrita/pullface"
    assert str(flatpak.settings) == "/home/ada/.var/app/org.kde.krita/config/kritarc"
    assert str(flatpak.plugin) == "/home/ada/.var/app/org.kde.krita/data/krita/pykrita/pullface"
    assert snap.kind == "Snap"
    variables = {**LINUX, "XDG_CONFIG_HOME": "/etc/ada", "XDG_DATA_HOME": "relative/is/invalid"}
    moved = places.krita_profiles(variables, "linux")[0]
    assert str(moved.settings) == "/etc/ada/kritarc"
    assert str(moved.default_resources) == "/home/ada/.local/share/krita"


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
def test_profiles_on_macos_and_windows(tmp_path: Path) -> None:
    (mac,) = places.krita_profiles({"HOME": "/Users/ada"}, "darwin")
    assert str(mac.settings) == "/Users/ada/Library/Preferences/kritarc"
    assert str(mac.default_resources) == "/Users/ada/Library/Application Support/krita"
    local = tmp_path / "Local"
    (local / "Packages/49800Krita_RRRRR/LocalCache").mkdir(parents=True)
    variables = {
        "USERPROFILE": str(tmp_path),
        "LOCALAPPDATA": str(local),
        "APPDATA": str(tmp_path / "Roaming"),
    }
    native, store = places.krita_profiles(variables, "win32")
    assert native.settings == local / "kritarc"
    assert native.default_resources == tmp_path / "Roaming/krita"
    assert store.kind == "Store"
    assert store.default_resources == local / "Packages/49800Krita_RRRRR/LocalCache/Roaming/krita"


def test_a_moved_resource_folder_is_read_from_the_settings(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ART", str(home / "art"))
    (profile, *_) = places.krita_profiles(platform="linux")
    assert profile.resources == home / ".local/share/krita"
    for line, folder in (
        (f"ResourceDirectory={home}/my\\sart", home / "my art"),
        ("ResourceDirectory[$e]=${ART}/krita", home / "art/krita"),
        ("ResourceDirectory[$e]=$ART/krita", home / "art/krita"),
        ("ResourceDirectory=", home / ".local/share/krita"),
    ):
        profile.settings.parent.mkdir(exist_ok=True)
        profile.settings.write_text(f"{line}\n[python]\nResourceDirectory=/nowhere\n")
        assert profile.resources == folder, line


# -- its settings


def test_everything_else_in_the_settings_stays_as_it_is(tmp_path: Path) -> None:
    text = "a=1\n\n[theme]\nTheme=Krita dark\nList=é\\x2c,\\\\\n\n[python]\nenable_colorspace=true\n\n[z][y]\nk=v\n"
    file = tmp_path / "kritarc"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o640)
    settings = kritarc.read(file)
    settings.set("python", "enable_pullface", "true")
    kritarc.write(file, settings)
    line = "enable_colorspace=true\n"
    assert file.read_text(encoding="utf-8") == text.replace(line, line + "enable_pullface=true\n")
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o640
    settings.set("python", "enable_pullface", "true")
    settings.remove("python", "enable_pullface")
    kritarc.write(file, settings)
    assert file.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [file]


def test_settings_are_made_where_there_are_none() -> None:
    settings = Kritarc("")
    settings.set("python", "enable_pullface", "true")
    assert settings.text == "[python]\nenable_pullface=true\n"
    settings.set("", "canvasState", "x")
    assert settings.value("", "canvasState") == "x"
    settings.remove_group("python")
    assert settings.text == "canvasState=x\n"
    assert settings.value("python", "enable_pullface") is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_settings_behind_a_link_are_written_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles/kritarc").write_text("[python]\n")
    (tmp_path / "kritarc").symlink_to(tmp_path / "dotfiles/kritarc")
    settings = kritarc.read(tmp_path / "kritarc")
    settings.set("python", "enable_pullface", "true")
    kritarc.write(tmp_path / "kritarc", settings)
    assert (tmp_path / "kritarc").is_symlink()
    assert "enable_pullface=true" in (tmp_path / "dotfiles/kritarc").read_text()


# -- the libraries


def test_the_locked_wheels_are_asked_for_exactly() -> None:
    (wheel,) = [each for each in locked() if each.folder == "cp312-linux-aarch64"]
    assert wheel.pip_arguments == [
        f"pyzmq=={wheel.version}", "--platform", "manylinux_2_28_aarch64", "--python-version", "3.12",
        "--implementation", "cp", "--abi", "abi3",
    ]  # fmt: skip
    assert {each.folder for each in chosen(["windows-x86_64"])} == {
        "any", "cp310-windows-x86_64", "cp311-windows-x86_64", "cp312-windows-x86_64",
    }  # fmt: skip


def test_only_plain_python_is_taken_of_msgpack_and_no_tests(
    wheels: tuple[list[Wheel], Path], tmp_path: Path
) -> None:
    unpack(*wheels, tmp_path / "vendor")
    files = {path.relative_to(tmp_path / "vendor").as_posix() for path in (tmp_path / "vendor").rglob("*.*")}
    assert "any/msgpack/__init__.py" in files
    assert "cp312-linux-x86_64/pyzmq.libs/libzmq.so.5" in files
    assert "cp312-linux-x86_64/zmq/backend/_zmq.abi3.so" in files
    assert not any(name.startswith("any/") and name.endswith(".so") for name in files)
    assert not any("tests" in name for name in files)
    assert (tmp_path / "vendor/any/msgpack-1.2.4.dist-info/licenses/COPYING").exists()


def test_a_file_with_another_content_is_refused(wheels: tuple[list[Wheel], Path], tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def download(arguments: Sequence[str], progress: Progress) -> Outcome:
        asked.append(arguments)
        (folder / made[0].file).write_bytes(b"something else")
        return Outcome(True, False, False, "")

    made, folder = wheels
    fetch(made, folder, download, tmp_path / "log")
    assert asked == []  # what is whole is not fetched again
    (folder / made[0].file).write_bytes(b"cut o")
    with pytest.raises(InstallError, match="offers another file"):
        fetch(made, folder, download, tmp_path / "log")
    assert len(asked) == 1
    assert not (folder / made[0].file).exists()


def test_a_missing_network_is_told(wheels: tuple[list[Wheel], Path], tmp_path: Path) -> None:
    made, _ = wheels

    def download(arguments: Sequence[str], progress: Progress) -> Outcome:
        return Outcome(False, False, True, "NewConnectionError")

    with pytest.raises(InstallError, match="did not answer"):
        fetch(made, tmp_path / "empty", download, tmp_path / "log")


# -- the plugin as a whole


def test_the_plugin_is_complete(wheels: tuple[list[Wheel], Path], tmp_path: Path) -> None:
    folder = tmp_path / "assembled"
    folder.mkdir()
    assemble(folder, *wheels, home="/there")
    plugin = folder / "pullface"
    assert json.loads((plugin / "installed.json").read_text()) == {"version": __version__, "home": "/there"}
    for part in ("__init__.py", "vendored.py", "backend/wire/client.py", "backend/editing/pull.py", "LICENSE",
                 "Manual.html", "vendor/any/msgpack/__init__.py"):  # fmt: skip
        assert (plugin / part).is_file(), part
    # Whatever of the backend the plugin imports travels with it.
    wanted = {
        path.relative_to(ROOT / "backend").as_posix()
        for part in ("wire", "editing")
        for path in (ROOT / "backend" / part).rglob("*.py")
    }
    assert wanted <= {path.relative_to(plugin / "backend").as_posix() for path in plugin.rglob("*.py")
                      if path.is_relative_to(plugin / "backend")}  # fmt: skip
    assert not list(folder.rglob("__pycache__"))


def test_an_update_leaves_nothing_of_the_old_one(wheels: tuple[list[Wheel], Path], tmp_path: Path) -> None:
    assembled, resources = tmp_path / "assembled", tmp_path / "krita"
    assembled.mkdir()
    assemble(assembled, *wheels)
    (resources / "pykrita/pullface").mkdir(parents=True)
    (resources / "pykrita/pullface/old.py").touch()
    (resources / "pykrita/other.desktop").touch()
    put_into(resources, assembled)
    put_into(resources, assembled)
    assert not (resources / "pykrita/pullface/old.py").exists()
    assert {path.name for path in (resources / "pykrita").iterdir()} == {
        "pullface", "pullface.desktop", "other.desktop",
    }  # fmt: skip
    assert (resources / "actions/pullface.action").is_file()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(wheels: tuple[list[Wheel], Path], tmp_path: Path) -> None:
    assembled, resources = tmp_path / "assembled", tmp_path / "krita"
    assembled.mkdir()
    resources.mkdir(mode=0o500)
    assemble(assembled, *wheels)
    with pytest.raises(InstallError, match="could not be written"):
        put_into(resources, assembled)


def test_the_zip_is_as_kritas_importer_wants_it(wheels: tuple[list[Wheel], Path], tmp_path: Path) -> None:
    (tmp_path / "assembled").mkdir()
    assemble(tmp_path / "assembled", *wheels)
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    package(first, tmp_path / "assembled")
    package(second, tmp_path / "assembled")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert {"pullface/", "pullface/__init__.py", "pullface.desktop", "pullface.action"} <= set(names)
    assert all(name.startswith("pullface") for name in names)


# -- the commands


def profile_of(home: Path) -> places.KritaProfile:
    return places.krita_profiles({"HOME": str(home)}, "linux")[0]


def test_installing_switches_the_plugin_on_unless_krita_runs(
    home: Path, wheels: tuple[list[Wheel], Path]
) -> None:
    profile = profile_of(home)
    (done,) = installing.install([profile], *wheels, running=lambda _: [4711])
    assert (done.running, done.enabled, done.updated) == (True, False, False)
    assert not profile.settings.exists()
    (done,) = installing.install([profile], *wheels, running=lambda _: [])
    assert (done.running, done.enabled, done.updated) == (False, True, True)
    assert profile.plugin_version() == __version__
    assert profile.plugin_enabled()


def test_only_profiles_that_some_krita_uses_are_served(home: Path) -> None:
    profiles = places.krita_profiles({"HOME": str(home)}, "linux")
    native, flatpak, snap = profiles

    def found(kind: str, version: str | None) -> FoundEditor:
        return FoundEditor("Krita", kind, Path("/krita"), version)

    assert installing.profiles_to_serve([], profiles) == []
    assert installing.profiles_to_serve([found("AppImage", "6.0.1")], profiles) == [native]
    assert installing.profiles_to_serve([found("native", "5.0.2")], profiles) == []
    assert installing.profiles_to_serve([FoundEditor("GIMP", "native", Path("/gimp"), "3.0")], profiles) == []
    flatpak.default_resources.mkdir(parents=True)  # used before, found nowhere
    assert installing.profiles_to_serve([found("Snap", None)], profiles) == [flatpak, snap]


def test_without_an_editor_it_says_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(editor_commands, "find_editors", list)
    assert commands.main(["editors"]) == 1
    told = capsys.readouterr().err
    assert "Neither Krita 5.1 or later nor GIMP 3.0 or later was found" in told
    assert "krita.org" in told
    assert not (home.parent / "pullface/data/environment").exists()  # and nothing was downloaded for it


def test_a_named_resource_folder_is_served(home: Path) -> None:
    with pytest.raises(InstallError, match="There is no folder"):
        editor_commands.choose_targets(home / "nowhere")
    (home / "kr").mkdir()
    targets = editor_commands.choose_targets(home / "kr")
    (profile,) = targets.krita
    assert targets.gimp.profiles == []
    assert profile.plugin == home / "kr/pykrita/pullface"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux has these kinds of installation")
def test_it_says_what_comes_next(
    home: Path,
    wheels: tuple[list[Wheel], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(editor_commands, "chosen", lambda systems: wheels[0])
    monkeypatch.setattr(editor_commands, "wheels_folder", lambda: wheels[1])
    private = Environment(home / "environment", home / "log")
    native, flatpak, _ = places.krita_profiles({"HOME": str(home)}, "linux")
    assert editor_commands.install_into_editors(Targets([native, flatpak]), private) == 0
    told = capsys.readouterr().out
    assert "Settings > Dockers > Pullface" in told
    assert "flatpak override --user --env=PULLFACE_HOME=" in told  # what a sandbox needs is not kept quiet
    monkeypatch.setattr(installing, "running_kritas", lambda profile: [1])
    kritarc.write(native.settings, Kritarc(""))
    assert editor_commands.install_into_editors(Targets([native]), private) == 1
    assert "Close Krita and run this again" in capsys.readouterr().out


def test_uninstall_takes_the_plugin_out_of_krita(
    home: Path, wheels: tuple[list[Wheel], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    profile = places.krita_profiles()[0]
    profile.settings.parent.mkdir(parents=True, exist_ok=True)
    profile.settings.write_text("[python]\nenable_other=true\n\n[pullface]\nmodel=toon\n")
    installing.install([profile], *wheels, running=lambda _: [])
    (profile.resources / "pykrita/other.py").touch()
    assert commands.main(["uninstall", "--yes"]) == 0
    assert "the plugin in Krita" in capsys.readouterr().out
    assert profile.plugin_files() == []
    assert (profile.resources / "pykrita/other.py").exists()
    assert profile.settings.read_text() == "[python]\nenable_other=true\n\n"


def test_uninstall_leaves_the_plugin_of_another_installation(
    home: Path, wheels: tuple[list[Wheel], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = places.krita_profiles()[0]
    installing.install([profile], *wheels, running=lambda _: [])
    monkeypatch.setenv("PULLFACE_HOME", str(home / "a trial"))
    assert commands.main(["uninstall", "--yes"]) == 0
    assert profile.plugin_version() == __version__
    assert profile.plugin_enabled()


# -- the tests of editors


def test_missing_programs_are_named_where_there_is_no_apt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needed, "missing", lambda editor: ["krita", "xvfb"])
    monkeypatch.setattr(needed, "apt_is_here", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert commands.main(["test", "--editors", "krita"]) == 1
    assert "krita xvfb" in capsys.readouterr().err


def test_what_is_missing_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    screen = {"xvfb", "xdotool", "imagemagick"}
    for editor in needed.EDITORS:
        monkeypatch.delenv(needed.ROOT_OF[editor], raising=False)
        assert {editor, *screen} <= set(needed.missing(editor))
        # The editor of another system needs nothing here but the screen.
        monkeypatch.setenv(needed.ROOT_OF[editor], "/a/folder")
        assert set(needed.missing(editor)) == screen


@pytest.mark.skipif(sys.platform == "win32", reason="a program of Unix")
def test_where_the_system_offers_no_gimp_3_a_folder_with_one_is_advised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "apt-cache").write_text("#!/bin/sh\necho '  Candidate: '$CANDIDATE\n")
    for file in tmp_path.iterdir():
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(needed, "missing", lambda editor: ["gimp", "xvfb"])
    monkeypatch.setenv("CANDIDATE", "(none)")
    assert commands.main(["test", "--editors", "gimp"]) == 1
    told = capsys.readouterr().err
    assert "offers no GIMP 3" in told
    assert "debian_root.sh make trixie FOLDER" in told
    assert "PULLFACE_GIMP=FOLDER" in told
    monkeypatch.setenv("CANDIDATE", "3.0.4-3")
    assert not needed.too_old_here(["gimp"])
    assert not needed.too_old_here(["xvfb"])


def test_the_editors_tests_run_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(needed, "missing", lambda editor: [])
    monkeypatch.setattr(testing, "prepare", lambda with_tests: Environment(tmp_path, tmp_path / "log"))
    monkeypatch.setattr(testing, "run", lambda command, **variables: ran.append(list(command)) or 0)
    assert testing.run_tests(["--editors", "krita", "-x"]) == 0
    assert testing.run_tests(["--editors=krita", "tests/editors/krita/test_driver.py"]) == 0
    assert ran[0][3:] == ["--editors", "krita", "tests/editors/krita", "-x"]
    assert ran[1][3:] == ["--editors", "krita", "tests/editors/krita/test_driver.py"]


def test_this_machine_has_its_libraries() -> None:
    system = this_system()
    if system is None:
        pytest.skip("no library was built for this processor")
    assert len(chosen([system])) == 4
