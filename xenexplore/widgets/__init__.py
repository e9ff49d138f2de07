"""JupyterLab's widgets; they hold views, never the model."""

from __future__ import annotations
