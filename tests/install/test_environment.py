"""Real virtual environments and a real pip, fed from a folder of tiny wheels: nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.environment import ROOT, Environment
from installer.machine import Source, TorchPlan
from installer.pip import put_pip_in
from installer.texts import InstallError

CPU = Source("CPU build", "2.13.0+cpu", None, False, 1, 1)
GENERAL = Source("general build", "2.13.0", None, True, 1, 1)
CPU_PLAN = TorchPlan("cpu", "a test", (CPU, GENERAL))


def wheel(folder: Path, name: str, version: str, content: str, requires: tuple[str, ...] = ()) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    information = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}.py": content,
        f"{information}/METADATA": metadata,
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(
            f"{information}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{information}/RECORD"])
        )
    return path


class House:
    """A folder of wheels, lock files and an environment made from them."""

    def __init__(self, folder: Path) -> None:
        self.wheels = folder / "wheels"
        self.locks = folder / "requirements"
        self.wheels.mkdir(parents=True)
        self.locks.mkdir()
        for version in ("1.0", "2.0"):
            wheel(self.wheels, "stone", version, f"VERSION = {version!r}\n")
        wheel(self.wheels, "tester", "1.0", "")
        self.torch = wheel(self.wheels, "torch", "2.13.0+cpu", "__version__ = '2.13.0+cpu'\n")
        wheel(self.wheels, "torch", "2.13.0", "__version__ = '2.13.0'\n", requires=("cudalibrary",))
        wheel(self.wheels, "cudalibrary", "9.0", "")
        self.pin("stone==1.0")
        (self.locks / "torch.lock").write_text("torch==2.13.0\n")
        (self.locks / "test.lock").write_text("tester==1.0\n")
        self.environment = Environment(folder / "data" / "environment", folder / "install.log", self.locks)

    def pin(self, text: str) -> None:
        (self.locks / "runtime.lock").write_text(f"# a comment\n{text}\n")

    def ask(self, code: str) -> str:
        run = [str(self.environment.python), "-c", code]
        return subprocess.run(run, capture_output=True, text=True, check=True, cwd=self.wheels).stdout.strip()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house with a space")
    with pytest.MonkeyPatch.context() as patch:
        made = House(folder)
        patch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", made.wheels.as_uri())  # an address: the folder's name has a space
        made.environment.bring_up_to_date(CPU_PLAN, with_tests=False)
        yield made


def test_everything_is_there(house: House) -> None:
    environment = house.environment
    assert environment.ready(CPU_PLAN, with_tests=False)
    assert environment.missing(CPU_PLAN, with_tests=True) == ["tests"]
    assert house.ask("import stone, torch; print(stone.VERSION, torch.__version__)") == "1.0 2.13.0+cpu"
    assert house.ask("import sys; print(sys.prefix != sys.base_prefix)") == "True"
    assert (
        "Collecting stone==1.0" in environment.log.read_text() or "stone-1.0" in environment.log.read_text()
    )


def test_the_project_is_importable_from_anywhere_and_has_its_command(house: House) -> None:
    assert house.ask("import backend; print(backend.__file__)") == str(ROOT / "backend" / "__init__.py")
    answer = subprocess.run(
        [str(house.environment.command), "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=house.wheels,
    )
    assert answer.stdout.startswith("pullface ")


def test_a_folder_named_backend_where_the_artist_works_is_no_trap(house: House, tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "__init__.py").write_text("raise SystemExit('the wrong backend')\n")
    run = [str(house.environment.command), "--version"]
    assert subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path).stdout != ""


def test_a_second_run_does_nothing(house: House) -> None:
    before = house.environment.log.read_text()
    house.environment.bring_up_to_date(CPU_PLAN, with_tests=False)
    assert house.environment.log.read_text() == before


def test_a_broken_download_is_gone_on_with(house: House) -> None:
    environment = house.environment
    made = (environment.folder / "stages" / "environment.json").stat().st_mtime_ns
    house.pin("stone==2.0")
    hidden = house.wheels / "stone-2.0-py3-none-any.whl"
    hidden.rename(hidden.with_suffix(".away"))
    with pytest.raises(InstallError, match="stone"):
        environment.bring_up_to_date(CPU_PLAN, with_tests=False)
    assert not environment.ready(CPU_PLAN, with_tests=False)
    hidden.with_suffix(".away").rename(hidden)
    environment.bring_up_to_date(CPU_PLAN, with_tests=False)
    assert environment.ready(CPU_PLAN, with_tests=False)
    assert house.ask("import stone; print(stone.VERSION)") == "2.0"
    assert (environment.folder / "stages" / "environment.json").stat().st_mtime_ns == made


def test_half_written_packages_are_written_again(house: House) -> None:
    """As after a power cut: the stage had begun, and a file of the right version is empty."""
    environment = house.environment
    location = Path(house.ask("import stone; print(stone.__file__)"))
    location.write_text("")
    (environment.folder / "stages" / "libraries.begun").touch()
    assert not environment.ready(CPU_PLAN, with_tests=False)
    environment.bring_up_to_date(CPU_PLAN, with_tests=False)
    assert "VERSION" in location.read_text()


def test_another_kind_of_card_changes_the_build(house: House) -> None:
    card = TorchPlan("cuda", "a card was put in", (GENERAL,))
    assert house.environment.missing(card, with_tests=False) == ["torch"]
    house.environment.bring_up_to_date(card, with_tests=False)
    assert house.ask("import torch, cudalibrary; print(torch.__version__)") == "2.13.0"
    house.environment.bring_up_to_date(CPU_PLAN, with_tests=False)
    assert house.ask("import torch; print(torch.__version__)") == "2.13.0+cpu"


def test_without_the_small_build_the_general_one_is_taken(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.environment.stages.forget("torch")
    subprocess.run([str(house.environment.python), "-m", "pip", "uninstall", "-qy", "torch"], check=True)
    house.torch.rename(house.torch.with_suffix(".away"))
    try:
        house.environment.bring_up_to_date(CPU_PLAN, with_tests=False)
    finally:
        house.torch.with_suffix(".away").rename(house.torch)
    assert house.ask("import torch; print(torch.__version__)") == "2.13.0"
    assert "general one instead" in capsys.readouterr().out


def test_a_torch_that_does_not_start_is_not_stamped(house: House) -> None:
    broken = Source("broken", "2.13.1", None, False, 1, 1)
    wheel(house.wheels, "torch", "2.13.1", "raise ImportError('libgomp is missing')\n")
    house.environment.stages.forget("torch")
    plan = TorchPlan("cpu", "a test", (broken,))
    with pytest.raises(InstallError, match="libgomp is missing"):
        house.environment.bring_up_to_date(plan, with_tests=False)
    assert "torch" in house.environment.missing(plan, with_tests=False)


def test_no_source_has_torch(house: House) -> None:
    absent = TorchPlan("cpu", "a test", (Source("absent", "9.9.9", None, False, 1, 1),))
    house.environment.stages.forget("torch")
    with pytest.raises(InstallError, match=r"No package source offers PyTorch.*9\.9\.9"):
        house.environment.bring_up_to_date(absent, with_tests=False)


def test_too_little_room_is_said_before_the_download(house: House) -> None:
    huge = TorchPlan("cpu", "a test", (Source("huge", "2.13.0+cpu", None, False, 1, 10**12),))
    house.environment.stages.forget("torch")
    with pytest.raises(InstallError, match="free on the disk"):
        house.environment.bring_up_to_date(huge, with_tests=False)


def test_an_unusable_environment_is_made_anew(house: House) -> None:
    house.environment.python.unlink()
    assert len(house.environment.missing(CPU_PLAN, with_tests=False)) == 4
    house.environment.bring_up_to_date(CPU_PLAN, with_tests=True)
    assert house.environment.ready(CPU_PLAN, with_tests=True)
    assert house.ask("import stone, torch, tester; print(torch.__version__)") == "2.13.0+cpu"


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "environment").mkdir()
    (tmp_path / "environment" / "novel.txt").write_text("chapter one")
    with pytest.raises(InstallError, match="did not make"):
        Environment(tmp_path / "environment", tmp_path / "log").bring_up_to_date(CPU_PLAN, with_tests=False)
    assert (tmp_path / "environment" / "novel.txt").read_text() == "chapter one"


def test_without_any_pip_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("installer.pip.pip_wheels", list)
    monkeypatch.setattr("installer.pip.sys.executable", "/no/such/python")
    with pytest.raises(InstallError, match="without pip") as caught:
        put_pip_in(tmp_path / "no-python")
    assert "python3-venv" in caught.value.hint
