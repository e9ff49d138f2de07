"""What JupyterLab shows; holds views, never the model."""

from __future__ import annotations
