"""Showing a run: the self-contained report and the table at the end."""

from fleet.report.page import write_report
from fleet.report.summary import HEADINGS, SummaryLine, summary

__all__ = ["HEADINGS", "SummaryLine", "summary", "write_report"]
