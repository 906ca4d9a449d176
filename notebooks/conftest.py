"""How nbval tests the notebooks: in an empty folder, comparing all outputs."""

from tempfile import TemporaryDirectory

import nbval.plugin
import pytest
from nbval.kernel import RunningKernel

# Stored notebooks hold no pictures; glued ones go under names of their own.
PICTURES = ("image/svg+xml", "application/pdf")
GLUED_PICTURES = tuple(
    f"application/papermill.record/{kind}"
    for kind in (*PICTURES, "image/png", "image/jpeg")
)


class LonelyKernel(RunningKernel):
    """A kernel in an empty folder, as for a reader with only the package."""

    def __init__(self, kernel_name, cwd=None, **options):
        self.folder = TemporaryDirectory()
        super().__init__(kernel_name, cwd=self.folder.name, **options)

    def execute_cell_input(self, cell_input, allow_stdin=None):
        # nbval runs cells unrecorded, and IPython finds a last semicolon,
        # which silences a result, only in its record.
        return self.kc.execute(
            cell_input,
            allow_stdin=allow_stdin,
            stop_on_error=False,
            store_history=True,
        )

    def stop(self):
        super().stop()
        self.folder.cleanup()


nbval.plugin.RunningKernel = LonelyKernel


def pytest_collectstart(collector):
    if isinstance(collector, nbval.plugin.IPyNbFile):
        collector.skip_compare += (*PICTURES, *GLUED_PICTURES)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Let no cell pass that ran out of time, or comes after one that did.

    nbval expects those to fail, and is content.
    """
    report = yield
    if getattr(item.parent, "timed_out", False) and report.outcome != "failed":
        report.outcome, report.longrepr = (
            "failed",
            "this cell, or one before it, ran out of time",
        )
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    return report
