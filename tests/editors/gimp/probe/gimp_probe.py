"""Runs what the driver sends, in the main loop of one of GIMP's plug-ins: ours, or the tests' own."""

import faulthandler
import os
import signal
import socket
import sys
import threading
import time

from messages import receive, send
from snippets import answer


def begin(folder, arguments):
    """Listen at ``FOLDER/STEM.NUMBER`` for the plug-in STEM with this process number."""
    script = next((each for each in arguments if each.endswith(".py")), "unknown.py")
    path = os.path.join(folder, f"{os.path.basename(script)[:-3]}.{os.getpid()}")
    stacks = open(path + ".stacks", "a", encoding="utf-8")  # noqa: SIM115 - faulthandler writes until the end
    _watch_for_crashes(stacks)
    faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path + ".new")
    listener.listen(16)
    os.rename(path + ".new", path)  # who sees it can connect to it
    threading.Thread(target=_serve, args=(listener, stacks), daemon=True, name="probe").start()


def _watch_for_crashes(stacks):
    faulthandler.disable()
    faulthandler.enable(stacks, all_threads=True)
    return False


def _serve(listener, stacks):
    space = {}
    # GIMP's library has put its own handlers of crashes over ours by then.
    _glib().idle_add(_watch_for_crashes, stacks)
    while True:
        connection, _ = listener.accept()
        connection.settimeout(20)
        try:
            request = receive(connection)
        except (OSError, EOFError, ValueError):
            connection.close()
            continue
        _glib().idle_add(_answer, connection, request, space)


def _glib():
    # The plug-in itself decides about versions and imports first; there is none of ours before it.
    while getattr(sys.modules.get("gi.repository"), "GLib", None) is None:
        time.sleep(0.02)
    return sys.modules["gi.repository"].GLib


def _answer(connection, request, space):
    if not space:
        space.update(names())
    answer(connection, request, space, send)
    return False


def names():
    """What a snippet finds without importing it."""
    from gi.repository import Gegl, Gimp, Gio, GLib, GObject

    def pdb(name, **arguments):
        """Run a procedure by its name; returns its values behind the status. Raises RuntimeError when it failed."""
        procedure = Gimp.get_pdb().lookup_procedure(name)
        if procedure is None:
            raise LookupError(f"GIMP knows no procedure {name}")
        config = procedure.create_config()
        for key, value in arguments.items():
            if isinstance(value, (list, tuple)):
                config.set_core_object_array(key.replace("_", "-"), list(value))
            else:
                config.set_property(key.replace("_", "-"), value)
        result = procedure.run(config)
        if result.index(0) != Gimp.PDBStatusType.SUCCESS:
            raise RuntimeError(f"{result.index(0).value_nick}: {Gimp.get_pdb().get_last_error()}")
        return [result.index(number) for number in range(1, result.length())]

    return {
        "__name__": "snippet",
        "Gegl": Gegl,
        "Gimp": Gimp,
        "Gio": Gio,
        "GLib": GLib,
        "GObject": GObject,
        "pdb": pdb,
        "os": os,
        "sys": sys,
        "time": time,
    }
