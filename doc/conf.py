"""Sphinx configuration: ``sphinx-build doc build/doc`` makes the documentation as HTML."""

import json
import pathlib

_root = pathlib.Path(__file__).resolve().parent.parent
_manifest = json.loads((_root / 'package.json').read_text(encoding='utf-8'))

project = 'MagnetoDB'
author = 'MagnetoDB contributors'
copyright = author
version = release = _manifest['version']

root_doc = 'index'
language = 'en'
exclude_patterns = ['build']
# A link that leads nowhere is a mistake: run with -n -W to make it fail the build.
nitpicky = True

html_theme = 'alabaster'
html_title = f'MagnetoDB {release}'
