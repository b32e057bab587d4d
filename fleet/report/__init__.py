"""Showing a run: the self-contained report and the table at the end."""

from fleet.report.page import write_page, write_report
from fleet.report.story import Story
from fleet.report.summary import HEADINGS, SummaryLine, summary

__all__ = ["HEADINGS", "Story", "SummaryLine", "summary", "write_page", "write_report"]
