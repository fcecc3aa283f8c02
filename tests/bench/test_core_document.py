"""The document about the decision core shows what was measured, all of it, and where."""

from __future__ import annotations

import re

from bench import core, report, workloads
from tests.bench.pictures import lines_of


def test_the_documents_show_every_workload_at_every_size_with_the_machine():
    _, _, rest = core.DOCUMENT.read_text(encoding="utf-8").partition(report.START)
    section, end, _ = rest.partition(report.END)
    assert end
    for name in workloads.names():
        title = re.escape(workloads.load(name).title)
        assert re.search(rf"^\| {title} \|( [\d,]+ \|){{5}}$", section, re.MULTILINE), name
    assert "| workload | 100 | 1,000 | 5,000 | 15,000 | 100,000 |" in section
    assert re.search(r"^Machine: \d+ cores, .* Python 3\.\d+", section, re.MULTILINE)
    assert set(lines_of(core.PICTURE.read_text(encoding="utf-8"))) == {
        workloads.load(name).title for name in workloads.names()
    }
