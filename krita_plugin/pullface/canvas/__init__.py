"""Points on Krita's canvas: what is drawn over the picture, and what mouse, pen and keys mean there.

``backend.editing.gestures`` holds the meaning of the input; ``overlay.py`` is the widget that lies on the canvas;
``controller.py`` is what the rest of the plugin uses.
"""
