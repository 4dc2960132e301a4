"""``install.py editors`` and ``install.py package``: what they print and in which order they work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backend import __version__
from backend.editors.finding import OLDEST, FoundEditor, find_editors
from backend.editors.krita import KritaProfile, krita_profiles
from backend.wire import folders
from installer.environment import Environment
from installer.texts import InstallError, megabytes

from .krita import Installed, install, profiles_to_serve
from .payload import assemble, package
from .wheels import SYSTEMS, chosen, fetch, this_system

_SANDBOX = """\
  Flatpak's Krita lives in a sandbox from which it cannot start the backend. Either use the Krita of your
  distribution or the AppImage from krita.org, or let the two meet in a folder of their own, once:
      flatpak override --user --env=PULLFACE_HOME={home} org.kde.krita
  and start the backend yourself before Krita:
      PULLFACE_HOME={home} {command} serve"""

_SNAP = """\
  Snap's Krita lives in a sandbox from which it cannot start the backend: use the Krita of your
  distribution, or the AppImage from krita.org."""


def wheels_folder() -> Path:
    """Where the fetched libraries stay, so that a second run needs no network."""
    return folders.data_folder() / "wheels"


def choose_profiles(resources: Path | None) -> list[KritaProfile]:
    """The profiles to install into, told to the artist as they are found.

    Args:
        resources: a resource folder that the artist names, instead of all that are found.

    Raises:
        InstallError: there is no Krita to install into.
    """
    if resources is not None:
        if not resources.is_dir():
            raise InstallError(
                f"There is no folder {resources}.",
                "Krita shows its own: Settings > Manage Resources > Open Resource Folder.",
            )
        native = krita_profiles()[0]
        return [_Named(native.kind, native.settings, resources.absolute())]
    editors = find_editors()
    print("Looking for editors:")
    for editor in editors:
        print(f"  {_described(editor)}")
    profiles = profiles_to_serve(editors)
    if not profiles:
        oldest = ".".join(str(number) for number in OLDEST["Krita"])
        old = [editor for editor in editors if editor.name == "Krita"]
        raise InstallError(
            f"This Krita is older than {oldest}." if old else f"No Krita {oldest} or later was found.",
            "Install it from krita.org or your distribution and run this again. If it lies in an unusual place, "
            "start it once before, or name its resource folder with --resources.",
        )
    if not any(editor.name == "Krita" for editor in editors):
        print("  no Krita in the usual places, but one has been used here")
    return profiles


class _Named(KritaProfile):
    """A profile whose resource folder the artist has named: the settings are not asked."""

    @property
    def resources(self) -> Path:
        return self.default_resources


def _described(editor: FoundEditor) -> str:
    text = f"{editor.name} {editor.version or '(version unknown)'}, {editor.kind}: {editor.place}"
    if editor.name == "GIMP":
        return f"{text} (there is no plugin for GIMP yet)"
    if editor.too_old:
        return f"{text} (too old: {'.'.join(str(number) for number in OLDEST['Krita'])} or later is needed)"
    return text


def install_into_editors(profiles: Sequence[KritaProfile], private: Environment) -> int:
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
    done = install(profiles, wheels, wheels_folder())
    print(f"\nPullface {__version__} for Krita:")
    for one in done:
        _tell(one, private)
    if all(one.enabled for one in done):
        again = " again" if any(one.running for one in done) else ""
        print(
            f"\nNext: start Krita{again}, open a picture with a face, and open Settings > Dockers > Pullface.\n"
            "The manual: Settings > Configure Krita > Python Plugin Manager > Pullface."
        )
        return 0
    print("\nClose Krita and run this again: while it runs its settings cannot be changed from outside.")
    print(
        "Or switch it on there: Settings > Configure Krita > Python Plugin Manager > Pullface, then restart Krita."
    )
    return 1


def _tell(one: Installed, private: Environment) -> None:
    word = "updated" if one.updated else "installed"
    state = "and switched on" if one.enabled else "but NOT yet switched on: Krita is running"
    kind = "" if one.profile.kind == "native" else f"{one.profile.kind}: "
    print(f"  {kind}{word} {state}\n    {one.profile.plugin}")
    if one.running and one.enabled:
        print("  Krita is running: it takes the new version at its next start.")
    if one.profile.kind == "Flatpak":
        home = Path(os.environ.get("PULLFACE_HOME") or Path.home() / ".local/share/pullface-flatpak")
        print(_SANDBOX.format(home=home, command=private.command))
    if one.profile.kind == "Snap":
        print(_SNAP)


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
