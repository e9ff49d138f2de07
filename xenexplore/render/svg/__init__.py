"""Still pictures as SVG: the static form of every view; same run, same bytes."""
