"""The documentation names only what exists: commands, options, files, headings; and its code is code."""

import ast
import re
import subprocess
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
    if not {"data", "results", "checkpoint"} & set(page.relative_to(ROOT).parts)
)
INTERNAL = {"pid1"}  # what baton starts itself, and pages about its inside name
FENCE = re.compile(r"^([ ]*)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
ids = {"ids": lambda page: str(page.relative_to(ROOT))}


def blocks(page, *languages):
    for _, language, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield textwrap.dedent(body)


def commands_named(page):
    """Each command line that begins with baton, in a code span or on a line of a code block."""
    text = page.read_text(encoding="utf-8")
    for body in blocks(page, "", "sh"):
        for line in body.splitlines():
            match = re.match(r"\s*(?:\$ )?((?:\S*/)?baton [a-z-].*)", line)
            if match:
                yield match.group(1)
    for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCE.sub("", text)):
        if re.match(r"baton [a-z-]", span):
            yield span


def anchors(page):
    """Headings as GitHub makes anchors of them."""
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        yield plain.replace(" ", "-")


def test_there_are_pages():
    assert len(PAGES) > 8


@pytest.mark.parametrize("page", PAGES, **ids)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in list(anchors(file)), f"{page.name} links to {target}; there are {list(anchors(file))}"


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md") if page.name != "README.md"]
    assert [page for page in sorted(pages) if f"]({page})" not in index] == []


@pytest.mark.parametrize("page", PAGES, **ids)
def test_python_in_the_pages_is_python_3_8(page):
    for body in blocks(page, "python"):
        ast.parse(body, feature_version=(3, 8))


@pytest.mark.parametrize("page", PAGES, **ids)
def test_shell_in_the_pages_is_posix_shell(page):
    for body in blocks(page, "sh"):
        subprocess.run(["sh", "-n"], input=body, text=True, check=True)


@pytest.fixture(scope="module")
def help_of(baton_bin):
    """The help of a command, by name; None where there is no such command."""
    known = {}

    def look(name):
        if name not in known:
            done = subprocess.run([baton_bin, *name.split(), "--help"], capture_output=True, text=True)
            known[name] = done.stdout if done.returncode == 0 and f"baton {name}" in done.stdout else None
        return known[name]

    return look


def test_the_readme_names_every_command(baton_bin):
    listed = subprocess.run([baton_bin, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+)  ", listed, re.MULTILINE)
    assert len(commands) > 10
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in commands if f"`baton {name}" not in readme and name not in ("completion", "version")]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, **ids)
def test_commands_and_options_exist(page, help_of):
    for line in commands_named(page):
        words = line.split()[1:]
        if words[0].startswith("-") or words[0] in INTERNAL:
            continue
        name = words[0]
        if len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]) and help_of(f"{name} {words[1]}"):
            name = f"{name} {words[1]}"
        text = help_of(name)
        assert text, f"{page.name} names `{line}`, and there is no command {name!r}"
        for option in re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", " ".join(words[1:])):
            assert re.search(rf"(?<![\w-]){re.escape(option)}\b", text), f"{page.name}: `{line}`: no option {option}"
