#!/usr/bin/env python3
"""Checks that includes under src/ only ever go to a lower layer, and says why where one does not.

Exit status 0 when the layering holds, 1 with one explained line per violation otherwise.
"""
import pathlib
import re
import sys

LAYERS = {
    "base": 0, "os": 1, "net": 2, "model": 2,
    "store": 3, "image": 3, "engine": 3, "notice": 3, "launch": 3,
    "ledger": 4, "tune": 4, "agent": 5, "control": 5, "ui": 6, "cli": 7,
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def violation(folder, target):
    """Returns why code in `folder` may not include `target`, or None where it may."""
    other = target.split("/")[0]
    if "/" not in target or other not in LAYERS:
        return f'"{target}" names no layer: write the path from src/, as in "base/result.h"'
    if other == folder or LAYERS[other] < LAYERS[folder]:
        return None
    if LAYERS[other] == LAYERS[folder]:
        return (f"{folder}/ and {other}/ stand on one level ({LAYERS[folder]}) and must not know each other: "
                "move what both need below them, or pass it in through an interface")
    return (f"{other}/ (level {LAYERS[other]}) stands above {folder}/ (level {LAYERS[folder]}): "
            "let the upper layer hand down an interface that the lower one declares")


def main(root):
    source = pathlib.Path(root) / "src"
    bad = 0
    for path in sorted(p for p in source.rglob("*") if p.suffix in (".cc", ".h")):
        relative = path.relative_to(source)
        if len(relative.parts) == 1:  # main.cc, the composition root, may include anything
            continue
        folder = relative.parts[0]
        if folder not in LAYERS:
            print(f"src/{relative}: folder {folder}/ has no layer: give it one in tools/check_layers.py")
            bad += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            why = violation(folder, match.group(1)) if match else None
            if why:
                print(f"src/{relative}:{number}: {why}")
                bad += 1
    if bad:
        print(f"{bad} include(s) break the layers; docs/contributing.md draws them")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent))
