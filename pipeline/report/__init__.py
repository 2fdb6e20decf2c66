"""A results folder as pages that open in any browser, offline."""

from pipeline.report.report import write_report

__all__ = ["write_report"]
