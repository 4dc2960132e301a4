"""The GIMP boundary: layers, selections, paths, results and what is kept in a picture.

Every call into GIMP goes through its plug-in protocol and happens on the main thread; a second thread ends the
plug-in. A call that fails often raises nothing, so its result is looked at. A Gegl buffer that outlives its image ends
the plug-in as well, so none is kept from one slice to the next.
"""
