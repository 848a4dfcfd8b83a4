"""The generated parts of the pages, one module for each subject. `docs/generate.py` puts them in their places."""
