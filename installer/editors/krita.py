"""``install.py editors`` for Krita: installs the plugin into every profile, switches it on, says what comes next."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.editors import kritarc
from backend.editors.finding import FoundEditor, find_editors
from backend.editors.krita import KritaProfile, krita_profiles, running_kritas
from backend.editors.notes import MODULE
from installer.texts import InstallError

from .payload import assemble, put_into
from .wheels import Wheel

# Which profile an editor uses that was found in this way.
_PROFILE_OF = {"native": "native", "AppImage": "native", "Flatpak": "Flatpak", "Snap": "Snap"}


@dataclass(frozen=True)
class Installed:
    """What was done with one profile.

    Attributes:
        profile: which.
        updated: an older or the same version was there before.
        enabled: Krita will load the plugin.
        running: a Krita runs with this profile, so its settings were left alone.
    """

    profile: KritaProfile
    updated: bool
    enabled: bool
    running: bool


def profiles_to_serve(
    editors: Sequence[FoundEditor] | None = None, profiles: Sequence[KritaProfile] | None = None
) -> list[KritaProfile]:
    """The profiles that a Krita of this user uses: one is installed for it, or it has been used before."""
    found = find_editors() if editors is None else editors
    kinds = {
        _PROFILE_OF.get(editor.kind) for editor in found if editor.name == "Krita" and not editor.too_old
    }
    return [
        profile
        for profile in (krita_profiles() if profiles is None else profiles)
        if profile.kind in kinds or profile.used
    ]


def install(
    profiles: Sequence[KritaProfile],
    wheels: Sequence[Wheel],
    fetched: Path,
    running: Callable[[KritaProfile], Sequence[int]] | None = None,
) -> list[Installed]:
    """Install the plugin into each profile and switch it on where no Krita runs.

    Args:
        profiles: where to.
        wheels: the libraries that go with it.
        fetched: the folder in which they lie.
        running: tells the process numbers of the Kritas that use a profile; by default it asks the system.

    Raises:
        InstallError: it cannot be written.
    """
    done = []
    with tempfile.TemporaryDirectory(prefix="pullface-plugin-") as folder:
        assembled = Path(folder)
        assemble(assembled, wheels, fetched, os.environ.get("PULLFACE_HOME", ""))
        for profile in profiles:
            updated = profile.plugin_version() is not None
            put_into(profile.resources, assembled)
            busy = bool((running or running_kritas)(profile))
            if not busy:
                enable(profile)
            done.append(Installed(profile, updated, profile.plugin_enabled(), busy))
    return done


def enable(profile: KritaProfile) -> None:
    """Make Krita load the plugin from its next start on. A running Krita would undo this when it quits.

    Raises:
        InstallError: the settings cannot be written.
    """
    settings = kritarc.read(profile.settings)
    if settings.value("python", f"enable_{MODULE}") == "true":
        return
    settings.set("python", f"enable_{MODULE}", "true")
    try:
        kritarc.write(profile.settings, settings)
    except OSError as error:
        raise InstallError(
            f"The plugin is installed but could not be switched on: {profile.settings} cannot be written.",
            "Switch it on in Krita: Settings > Configure Krita > Python Plugin Manager > Pullface, then restart it.",
        ) from error


def forget(profile: KritaProfile) -> None:
    """Take Pullface's lines out of Krita's settings; a running Krita keeps them."""
    settings = kritarc.read(profile.settings)
    before = settings.text
    settings.remove("python", f"enable_{MODULE}")
    settings.remove_group(MODULE)
    if settings.text != before:
        kritarc.write(profile.settings, settings)
