"""The Krita boundary: the only place that imports ``krita``.

Every call into Krita happens on the GUI thread. What could take longer is a generator that yields between slices of a
few milliseconds; what Krita itself does in one go (putting a group into a document) is kept as small as it can be.
"""
