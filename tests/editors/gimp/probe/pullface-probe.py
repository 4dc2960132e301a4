#!/usr/bin/env python3
"""A plug-in that GIMP starts with itself and that does nothing: the driver's snippets run in its main loop."""

import os
import sys

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib  # noqa: E402

NAME = os.path.basename(__file__)[:-3]


class Probe(Gimp.PlugIn):
    """One procedure, which runs as long as GIMP."""

    def do_set_i18n(self, name):
        return False

    def do_query_procedures(self):
        return [f"extension-{NAME}"]

    def do_create_procedure(self, name):
        procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, self.run, None)
        procedure.set_documentation("For Pullface's tests", "For Pullface's tests", name)
        procedure.set_attribution("Pullface", "Pullface", "2026")
        return procedure

    def run(self, procedure, config, data):
        self.persistent_enable()
        procedure.persistent_ready()
        GLib.MainLoop().run()


Gimp.main(Probe.__gtype__, sys.argv)
