from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend import __version__, doctor
from backend.doctor import Finding
from backend.editors import finding as editors
from backend.editors.finding import FoundEditor

ROOT = Path(__file__).resolve().parents[2]


def test_without_an_environment_it_names_the_problem_and_the_cure(tmp_path: Path) -> None:
    """With a bare Python: -S hides site-packages, as on a machine where nothing is installed."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from backend import doctor; sys.exit(doctor.main())"
    )
    environment = {**os.environ, "PULLFACE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert answer.returncode == 1, answer.stderr
    problem = next(line for line in answer.stdout.splitlines() if line.startswith("PROBLEM"))
    assert "environment" in problem
    assert "python3 install.py demo" in answer.stdout
    assert "could not be examined" not in answer.stdout
    assert answer.stderr == ""


def test_here_it_finds_the_device_and_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path))
    status = doctor.main(["--json"])
    findings = {finding["subject"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert {"program", "environment", "device", "model", "server", "editor", "disk"} <= set(findings)
    assert "PyTorch" in findings["device"]["text"]
    assert findings["model"]["text"].startswith("toon: ")
    assert findings["server"]["text"].startswith("not running")
    assert status == int(any(finding["level"] == "problem" for finding in findings.values()))


def test_a_half_made_environment_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path))
    python = doctor.private_python()
    (python.parents[1] / "stages").mkdir(parents=True)
    (python.parents[1] / "stages" / "torch.begun").touch()
    monkeypatch.setattr(doctor, "backend_python", lambda: python)
    (finding,) = doctor._environment()
    assert finding.level == "problem"
    assert "torch broke off" in finding.text


def test_a_dead_servers_connection_file_is_only_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.wire.connection import ConnectionInfo, write_connection

    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path))
    write_connection(ConnectionInfo("tcp://127.0.0.1:9", "0" * 64, 999999, "0.1.0"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (finding,) = doctor._server()
    assert finding.level == "warning"
    assert "does not answer" in finding.text


def test_an_examination_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Finding]:
        raise OSError("no such device")

    monkeypatch.setattr(doctor, "_disk", broken)
    monkeypatch.setattr(doctor, "_device", list)
    findings = doctor.examine()
    assert any("could not be examined (OSError: no such device)" in finding.text for finding in findings)
    assert any(finding.subject == "server" for finding in findings)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux has these kinds of installation")
def test_editors_are_found_natively_as_flatpak_and_as_app_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    (programs / "gimp-3.0").write_text("#!/bin/sh\necho 'GNU Image Manipulation Program version 3.0.4'\n")
    (programs / "gimp").symlink_to("gimp-3.0")
    (programs / "krita").write_text("#!/bin/sh\necho 'krita 5.0.2'\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    information = tmp_path / "data/flatpak/app/org.kde.krita/current/active/files/share/metainfo"
    information.mkdir(parents=True)
    (information / "org.kde.krita.appdata.xml").write_text(
        '<releases><release date="2026-01-01" version="5.3.4"/><release version="5.2.0"/></releases>'
    )
    (tmp_path / "Applications").mkdir()
    (tmp_path / "Applications" / "krita-6.0.1-x86_64.AppImage").touch()

    mine = [editor for editor in editors.find_editors() if str(editor.place).startswith(str(tmp_path))]
    found = {(editor.name, editor.kind, editor.version) for editor in mine}
    assert found == {
        ("GIMP", "native", "3.0.4"),
        ("Krita", "native", "5.0.2"),
        ("Krita", "Flatpak", "5.3.4"),
        ("Krita", "AppImage", "6.0.1"),
    }
    assert [editor.version for editor in mine if editor.too_old] == ["5.0.2"]


def test_an_unknown_version_is_not_called_too_old() -> None:
    assert not FoundEditor("GIMP", "Snap", Path("/snap/gimp"), None).too_old
    assert FoundEditor("GIMP", "native", Path("/usr/bin/gimp"), "2.10.34").too_old


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders of Linux")
def test_the_plugin_and_its_version_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert doctor._plugins() == []  # nobody uses Krita here

    settings = tmp_path / ".config/kritarc"
    settings.parent.mkdir()
    settings.touch()
    (finding,) = doctor._plugins()
    assert (finding.level, finding.advice) == ("warning", "Run: python3 install.py editors")

    plugin = tmp_path / ".local/share/krita/pykrita/pullface"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").touch()
    (plugin / "installed.json").write_text(json.dumps({"version": __version__}))
    (finding,) = doctor._plugins()
    assert "Switched off" in finding.advice
    settings.write_text("[python]\nenable_pullface=true\n")
    (finding,) = doctor._plugins()
    assert finding.level == "ok"
    assert __version__ in finding.text
    (plugin / "installed.json").write_text(json.dumps({"version": "0.0.1"}))
    (finding,) = doctor._plugins()
    assert finding.level == "warning"
    assert "version 0.0.1" in finding.text
    assert "install.py editors" in finding.advice


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders of Linux")
def test_why_it_is_not_in_gimps_menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reason as the doctor words it; real GIMPs are asked in tests/editors/gimp."""
    found: list[FoundEditor] = []
    monkeypatch.setattr(doctor, "find_editors", lambda: found)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))  # no python3 that a real GIMP here would use
    assert doctor._gimp() == []  # nobody uses GIMP here

    plug_ins = tmp_path / ".config/GIMP/3.0/plug-ins"
    plug_ins.mkdir(parents=True)
    (finding,) = doctor._gimp()
    assert (finding.level, finding.advice) == ("warning", "Run: python3 install.py editors")
    assert "not in the menu of GIMP 3.0: it is not there" in finding.text

    for part in ("backend/wire", "backend/editing", "vendor"):
        (plug_ins / "Pullface-main" / part).mkdir(parents=True)
    (plug_ins / "Pullface-main/pullface.py").write_text("#!/usr/bin/env python3\n")
    (finding,) = doctor._gimp()
    assert "has a wrong name" in finding.text

    (plug_ins / "Pullface-main").rename(plug_ins / "pullface")
    script = plug_ins / "pullface/pullface.py"
    (plug_ins / "pullface/installed.json").write_text(json.dumps({"version": __version__}))
    (finding,) = doctor._gimp()
    assert "not executable" in finding.text
    assert finding.advice == f"Run: chmod +x '{script}'"
    script.chmod(0o755)
    (finding,) = doctor._gimp()
    assert finding.level == "ok"
    assert "at its next start" in finding.text

    # GIMP has written down what it asked after the plug-in had come, and this one is not among it.
    (plug_ins.parent / "pluginrc").write_text("# GIMP pluginrc\n")
    later = script.stat().st_mtime + 5
    os.utime(plug_ins.parent / "pluginrc", (later, later))
    (finding,) = doctor._gimp()
    assert "got no answer" in finding.text
    (plug_ins.parent / "pluginrc").unlink()

    # A newer GIMP came, which looks into a folder of its own.
    found.append(FoundEditor("GIMP", "Flatpak", Path("/var/lib/flatpak/app/org.gimp.GIMP"), "3.2.0"))
    well, other = doctor._gimp()
    assert well.level == "ok"
    assert "not in the menu of GIMP 3.2" in other.text
    assert "only in that of GIMP 3.0" in other.text
    found[:] = [FoundEditor("GIMP", "native", tmp_path / "gimp-3.0", "3.0.4")]
    (finding,) = doctor._gimp()
    assert "GIMP starts plug-ins with python3, which is not there" in finding.text
    assert "python3-gi gir1.2-gimp-3.0" in finding.advice

    found.clear()
    (plug_ins / "pullface/installed.json").write_text(json.dumps({"version": "0.0.1"}))
    (finding,) = doctor._gimp()
    assert "version 0.0.1" in finding.text
    assert "not of this version" in finding.advice


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Unix")
def test_a_native_editors_version_is_read_without_starting_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/krita").write_text("#!/bin/sh\nexit 134\n")
    (tmp_path / "bin/krita").chmod(0o755)
    (tmp_path / "share/metainfo").mkdir(parents=True)
    text = '<releases><release date="2026-10-07" version="5.3.4.1"/></releases>'
    (tmp_path / "share/metainfo/org.kde.krita.appdata.xml").write_text(text)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (found,) = [editor for editor in editors.find_editors() if editor.place == tmp_path / "bin/krita"]
    assert found.version == "5.3.4.1"
    assert not found.too_old
