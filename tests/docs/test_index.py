"""The documents as a whole: all are listed, no link is dead, each command is run or has a reason not to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_named_tests import functions

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]

RUN_BY = {
    "README.md": "tests/cluster/documents/test_readme.py::test_five_commands_place_a_pod_by_its_platform",
    "docs/autoscaler.md": "tests/docs/test_autoscaler_document.py::test_the_client_prints_what_is_shown",
    "docs/cli.md": "tests/docs/test_cli_document.py::test_every_command_prints_what_the_document_shows",
    "docs/extender.md": "tests/cluster/test_extender_document.py"
    "::test_a_kubeadm_user_gets_from_nothing_to_a_working_extender",
    "docs/image-platforms.md": "tests/docs/test_demo_documents.py::test_the_commands_of_a_page_print_what_it_shows",
    "docs/install.md": "tests/cluster/documents/test_install.py::test_the_page_installs_uses_and_removes_the_scheduler",
    "docs/operations.md": "tests/cluster/documents/test_pages.py::test_a_page_prints_and_does_what_it_says",
    "docs/security.md": "tests/cluster/documents/test_pages.py::test_a_page_prints_and_does_what_it_says",
    "docs/sharing.md": "tests/cluster/documents/test_pages.py"
    "::test_what_is_known_of_images_is_shared_and_declared_as_the_page_says",
    "docs/troubleshooting.md": "tests/docs/test_demo_documents.py::test_the_commands_of_a_page_print_what_it_shows",
}
"""Page with console blocks -> the test that runs them."""

FOR_ADMINISTRATORS = {
    "docs/autoscaler.md": "tests/cluster/documents/test_pages.py"
    "::test_what_the_page_about_autoscalers_applies_and_creates_is_taken",
}
"""Page with commands after a ``#`` instead of a ``$``, which print what is not shown -> the test that runs them."""

NOT_RUN = {
    ("README.md", "make demo"): "they make a virtual environment; `make demo` is what tests/e2e/test_demo.py runs",
    ("docs/operations.md", "kubectl --namespace multiarch-scheduler exec"): "kwok's pods run no program to enter;"
    " the signal is sent by tests/faults/aftermath.py",
    ("docs/operations.md", "kubectl --namespace multiarch-scheduler logs"): "kwok's pods write no logs",
    ("docs/operations.md", "kubectl --namespace multiarch-scheduler port-forward"): "kwok's pods have no network;"
    " the test reaches the process itself",
    ("docs/autoscaler.md", "openssl"): "run, where openssl is, by tests/docs/test_autoscaler_document.py",
    ("docs/extender.md", "umask"): "there is no kubeadm; tests/cluster/test_extender_document.py brings a kubeconfig",
    ("docs/extender.md", "new="): "run, at another address, by tests/cluster/test_extender_document.py",
    (
        "docs/extender.md",
        "kubectl apply -k manifests/extender/base",
    ): "applied by tests/cluster/test_extender_manifests.py",
    ("docs/extender.md", "multiarch-extender config --mode filter --url"): "run, at another address, by"
    " tests/cluster/test_extender_document.py",
    ("docs/extender.md", "multiarch-extender config --url"): "the same command with another address, which is run",
}
"""Page and beginning of each block of commands for readers that no test runs as it stands -> why."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *kinds: str) -> list[str]:
    found = re.findall(rf"^ *```(?:{'|'.join(kinds)})\n(.*?)^ *```$", text_of(page), re.MULTILINE | re.DOTALL)
    return [block.strip() for block in found]


def prose(page: Path) -> str:
    """Without its blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_document_is_listed() -> None:
    listed = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", text_of(DOCS / "README.md"))}
    meant = {page for page in PAGES if page.parent != DOCS / "decisions"} | {DOCS / "decisions" / "README.md"}
    assert listed == meant - {DOCS / "README.md"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_link_is_dead(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        file, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_with_commands_has_a_test_that_runs_them() -> None:
    assert {name_of(page) for page in PAGES if blocks(page, "console")} == set(RUN_BY)


def test_every_page_with_commands_for_administrators_has_a_test_too() -> None:
    shown = {name_of(page) for page in PAGES for block in blocks(page, "console") if re.match(r"# \w", block)}
    assert shown == set(FOR_ADMINISTRATORS)


@pytest.mark.parametrize(("page", "test"), [*RUN_BY.items(), *FOR_ADMINISTRATORS.items()])
def test_the_test_of_a_page_is_there_and_reads_it(page: str, test: str) -> None:
    file, name = test.split("::")
    assert name in functions(ROOT / file)
    assert Path(page).name in text_of(ROOT / file)


def test_what_is_not_run_has_a_reason_and_there_is_no_other() -> None:
    found = [(name_of(page), block) for page in PAGES for block in blocks(page, "sh", "bash", "shell")]
    reasons = {
        (page, block): [begin for named, begin in NOT_RUN if named == page and block.startswith(begin)]
        for page, block in found
    }
    assert [key for key, begins in reasons.items() if not begins] == []
    used = {(page, begin) for (page, _), begins in reasons.items() for begin in begins}
    assert set(NOT_RUN) - used == set()


def test_a_block_says_what_it_is() -> None:
    """So that no command hides in one that is neither run nor counted; old pages show pictures and texts without."""
    commands = re.compile(r"^\$ |^(?:kubectl|helm|make|docker|curl|az|aws|eksctl|gcloud) ", re.MULTILINE)
    hidden = [
        (name_of(page), block)
        for page in PAGES
        for kind, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text_of(page), re.MULTILINE | re.DOTALL)
        if kind not in {"console", "sh"} and commands.search(block)
    ]
    assert hidden == []
