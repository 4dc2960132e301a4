"""``install.py editors`` and ``install.py package``: what they print and in which order they work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend import __version__
from backend.editors.finding import OLDEST, FoundEditor, find_editors
from backend.editors.krita import KritaProfile, krita_profiles
from backend.wire import folders
from installer.environment import Environment
from installer.texts import InstallError, megabytes

from . import gimp, krita
from .gimp import Served
from .payload import assemble, package
from .wheels import SYSTEMS, chosen, fetch, this_system

_SANDBOX = """\
  Flatpak's {name} lives in a sandbox from which it cannot start the backend. Either use the {name} of your
  distribution or the AppImage from {site}, or let the two meet in a folder of their own, once:
      flatpak override --user --env=PULLFACE_HOME={home} {application}
  and start the backend yourself before {name}:
      PULLFACE_HOME={home} {command} serve"""

_SNAP = """\
  Snap's {name} lives in a sandbox from which it cannot start the backend: use the {name} of your
  distribution, or the AppImage from {site}."""

_KRITA = {"name": "Krita", "site": "krita.org", "application": "org.kde.krita"}
_GIMP = {"name": "GIMP", "site": "gimp.org", "application": "org.gimp.GIMP"}


@dataclass(frozen=True)
class Targets:
    """Where to install.

    Attributes:
        krita: Krita's profiles.
        gimp: GIMP's.
        editors: all that were found here.
    """

    krita: list[KritaProfile] = field(default_factory=list)
    gimp: Served = field(default_factory=lambda: Served([], []))
    editors: list[FoundEditor] = field(default_factory=list)


def wheels_folder() -> Path:
    """Where the fetched libraries stay, so that a second run needs no network."""
    return folders.data_folder() / "wheels"


def choose_targets(resources: Path | None) -> Targets:
    """The profiles to install into, told to the artist as they are found.

    Args:
        resources: a resource folder of Krita that the artist names, instead of all that are found.

    Raises:
        InstallError: there is neither a Krita nor a GIMP to install into.
    """
    if resources is not None:
        if not resources.is_dir():
            raise InstallError(
                f"There is no folder {resources}.",
                "Krita shows its own: Settings > Manage Resources > Open Resource Folder.",
            )
        native = krita_profiles()[0]
        return Targets([_Named(native.kind, native.settings, resources.absolute())])
    editors = find_editors()
    print("Looking for editors:")
    for editor in editors:
        print(f"  {_described(editor)}")
    targets = Targets(krita.profiles_to_serve(editors), gimp.gimps_to_serve(editors), editors)
    if not targets.krita and not targets.gimp.profiles and not targets.gimp.unready:
        old = sorted({editor.name for editor in editors if editor.too_old})
        raise InstallError(
            " ".join(f"This {name} is older than {_oldest(name)}." for name in old)
            or f"Neither Krita {_oldest('Krita')} or later nor GIMP {_oldest('GIMP')} or later was found.",
            "Install one from krita.org, gimp.org or your distribution and run this again. If it lies in an unusual "
            "place, start it once before, or name Krita's resource folder with --resources.",
        )
    for name, profiles in (("Krita", targets.krita), ("GIMP", targets.gimp.profiles)):
        if profiles and not any(editor.name == name and not editor.too_old for editor in editors):
            print(f"  no {name} in the usual places, but one has been used here")
    return targets


class _Named(KritaProfile):
    """A profile whose resource folder the artist has named: the settings are not asked."""

    @property
    def resources(self) -> Path:
        return self.default_resources


def _oldest(name: str) -> str:
    return ".".join(str(number) for number in OLDEST[name])


def _described(editor: FoundEditor) -> str:
    text = f"{editor.name} {editor.version or '(version unknown)'}, {editor.kind}: {editor.place}"
    return f"{text} (too old: {_oldest(editor.name)} or later is needed)" if editor.too_old else text


def install_into_editors(targets: Targets, private: Environment) -> int:
    """Install into these profiles and say what comes next.

    Returns:
        0, or 1 when something is left for the artist to do before it works.

    Raises:
        InstallError: it cannot be done.
    """
    system = this_system()
    if system is None:
        raise InstallError(
            "There is no pyzmq for this machine's processor or system that could travel with the plugin.",
            f"The plugin runs on: {', '.join(SYSTEMS)}.",
        )
    wheels = chosen([system])
    fetch(wheels, wheels_folder(), private.download, private.log)
    well = True
    if targets.krita:
        well = _tell_of_krita(krita.install(targets.krita, wheels, wheels_folder()), private)
    served = gimp.start_unready(targets.gimp)
    if served.profiles:
        done = gimp.install(served.profiles, wheels, wheels_folder(), targets.editors)
        well = _tell_of_gimp(done, targets.editors, private) and well
    for editor in served.unready:
        print(
            f"\n{_described(editor)} has not been started yet, and only then makes its folder for plug-ins."
        )
        print("Start it once, quit it, and run this again.")
    return 0 if well and not served.unready else 1


def _tell_of_krita(done: Sequence[krita.Installed], private: Environment) -> bool:
    print(f"\nPullface {__version__} for Krita:")
    for one in done:
        word = "updated" if one.updated else "installed"
        state = "and switched on" if one.enabled else "but NOT yet switched on: Krita is running"
        kind = "" if one.profile.kind == "native" else f"{one.profile.kind}: "
        print(f"  {kind}{word} {state}\n    {one.profile.plugin}")
        if one.running and one.enabled:
            print("  Krita is running: it takes the new version at its next start.")
        _tell_of_sandbox(one.profile.kind, _KRITA, private)
    if all(one.enabled for one in done):
        again = " again" if any(one.running for one in done) else ""
        print(
            f"\nNext: start Krita{again}, open a picture with a face, and open Settings > Dockers > Pullface.\n"
            "The manual: Settings > Configure Krita > Python Plugin Manager > Pullface."
        )
        return True
    print("\nClose Krita and run this again: while it runs its settings cannot be changed from outside.")
    print(
        "Or switch it on there: Settings > Configure Krita > Python Plugin Manager > Pullface, then restart Krita."
    )
    return False


def _tell_of_gimp(
    done: Sequence[gimp.Installed], editors: Sequence[FoundEditor], private: Environment
) -> bool:
    print(f"\nPullface {__version__} for GIMP:")
    for one in done:
        word = "updated" if one.updated else "installed"
        kind = "" if one.profile.kind == "native" else f", {one.profile.kind}"
        print(f"  GIMP {one.profile.series}{kind}: {word}{'; GIMP sees it' if one.seen else ''}")
        print(f"    {one.profile.plugin}")
        if one.running:
            print("  GIMP is running: it takes the new version at its next start.")
        for trouble in one.troubles:
            print(f"  NOT yet in the menu: {trouble.text}\n    {trouble.advice}")
    # Flatpak's GIMP can use the common folder, which does not tell.
    kinds = {one.profile.kind for one in done} | {each.kind for each in editors if each.name == "GIMP"}
    for kind in sorted(kinds):
        _tell_of_sandbox(kind, _GIMP, private)
    if any(not one.troubles for one in done):
        again = " again" if any(one.running for one in done) else ""
        print(f"\nNext: start GIMP{again}, open a picture with a face, and choose Filters > Pullface.")
    return not any(one.troubles for one in done)


def _tell_of_sandbox(kind: str, names: dict[str, str], private: Environment) -> None:
    if kind == "Flatpak":
        home = Path(os.environ.get("PULLFACE_HOME") or Path.home() / ".local/share/pullface-flatpak")
        print(_SANDBOX.format(home=home, command=private.command, **names))
    if kind == "Snap":
        print(_SNAP.format(**names))


def package_for_krita(output: Path, private: Environment) -> int:
    """Write the zip for Krita's own importer, with the libraries for all systems.

    Args:
        output: the file; a folder gets a file with the version in its name.
    """
    file = output / f"pullface-krita-{__version__}.zip" if output.is_dir() else output
    wheels = chosen(SYSTEMS)
    private.bring_pip()
    fetch(wheels, wheels_folder(), private.download, private.log)
    with tempfile.TemporaryDirectory(prefix="pullface-plugin-") as folder:
        assemble(Path(folder), wheels, wheels_folder())
        try:
            package(file, Path(folder))
        except OSError as error:
            raise InstallError(
                f"{file} cannot be written ({error.strerror or error}).", "Name another with --output."
            ) from error
    print(f"{file} ({megabytes(file.stat().st_size / 1e6)})")
    print("In Krita: Tools > Scripts > Import Python Plugin from File, then restart Krita.")
    print(
        "It holds the plugin only; on each machine the backend is installed with: python3 install.py editors"
    )
    return 0
