"""Check the built report as a reader meets it: every page in Chromium, and the PDF."""

import os
import shutil
import sys

import debian
from common import run, say

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Find a browser and readers of PDF, or install them if that is allowed; return the exit status of the tests."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None and debian.install(["chromium"], "Chromium"):
        browser = shutil.which("chromium")
    if not shutil.which("pdffonts"):
        debian.install(["poppler-utils"], "a reader of PDF files")
    if browser:
        os.environ["MNISTLAB_BROWSER"] = browser
    elif os.environ.get("CI"):
        say("there is no browser to open the pages in")
        return 1
    return run(sys.executable, "-m", "pytest", "-q", "-m", "report", "tests/site/test_pages.py")


if __name__ == "__main__":
    sys.exit(main())
