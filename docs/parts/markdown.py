"""Tables and code blocks of Markdown: those of the command line."""

from h2b.cli.markdown import block, code, table

__all__ = ["block", "code", "table"]
