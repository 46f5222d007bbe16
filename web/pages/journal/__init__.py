"""The journal on pages: its list, one event, a timeline as a picture, the namespace as it was."""
