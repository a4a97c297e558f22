"""Tables of simple regret: the median over the seeds, and the quartiles."""
import collections
import json
import math
import statistics
import sys

AFTER = (25, 50, 100)
FEWEST = 3  # seeds; a median of fewer says nothing
BEGIN, END = "<!-- tables: bench/tune/bench.py report --markdown -->", "<!-- end of tables -->"
NAMES = {"optuna-tpe": "Optuna TPE", "optuna-tpe-mv": "Optuna TPE, multivariate", "optuna-gp": "Optuna GP"}


def number(value):
    """Two digits, as short as they can be: 0.28, 1.2, 13, 4e-05."""
    if value == 0:
        return "0"
    if value < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}"


def quartiles(values):
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def cells_of(results):
    """(times, workers, problem, method) → {"seeds": how many, 25: (lower quartile, median, upper quartile), 50: …, 100: …}"""
    curves = collections.defaultdict(list)
    for result in results:
        curves[result["times"], result["workers"], result["problem"], result["method"]].append(result["regret"])
    return {key: {"seeds": len(many), **{after: quartiles([curve[after - 1] for curve in many])
                                         for after in AFTER if all(len(curve) >= after for curve in many)}}
            for key, many in curves.items() if len(many) >= FEWEST}


def with_known(cells, summary):
    """`cells`, and those of an earlier summary that stand on more seeds. An old one may lack quartiles."""
    merged = dict(cells)
    for row in summary:
        key = row["times"], row["workers"], row["problem"], row["method"]
        if row["seeds"] > merged.get(key, {"seeds": 0})["seeds"]:
            merged[key] = {"seeds": row["seeds"], **{after: [row[str(after)].get(name) for name in ("lower", "median", "upper")]
                                                     for after in AFTER if str(after) in row}}
    return merged


def methods_of(cells, listed, times, workers):
    present = {key[3] for key in cells if key[:2] == (times, workers)}
    return [method for method in listed["methods"] if method in present]


def table(cells, listed, times, workers):
    methods = methods_of(cells, listed, times, workers)
    lines = ["| problem | after | " + " | ".join(NAMES.get(method, method) for method in methods) + " |",
             "|---|---|" + "---|" * len(methods)]
    for problem in listed["problems"]:
        for after in AFTER:
            found = {method: cells.get((times, workers, problem, method), {}).get(after) for method in methods}
            found = {method: values for method, values in found.items() if values}
            if not found:
                continue
            least = min(values[1] for values in found.values())
            shown = []
            for method in methods:
                if method not in found:
                    shown.append("–")
                    continue
                low, middle, high = found[method]
                text = f"**{number(middle)}**" if middle == least else number(middle)
                shown.append(f"{text} ({number(low)}–{number(high)})" if after == AFTER[-1] else text)
            lines.append(f"| {problem if after == AFTER[0] else ''} | {after} | " + " | ".join(shown) + " |")
    return lines


def standing(cells, listed, times, workers, rival, own="bayes", after=AFTER[-1]):
    """On how many problems the median of `own` is lower, and on how many it is within a tenth or below 1e-4."""
    better, level, all_of_them = 0, 0, 0
    for problem in listed["problems"]:
        both = [cells.get((times, workers, problem, method), {}).get(after) for method in (own, rival)]
        if not all(both):
            continue
        ours, theirs = both[0][1], both[1][1]
        all_of_them += 1
        same = max(ours, theirs) < 1e-4 or abs(ours - theirs) <= 0.1 * max(ours, theirs)
        better += ours < theirs and not same
        level += same
    return better, level, all_of_them


def settings_of(cells, listed):
    return sorted({key[:2] for key in cells}, key=lambda key: (listed["times"].index(key[0]), key[1]))


def standings(cells, listed):
    lines = ["| times | workers | beside | better | level | worse |", "|---|---|---|---|---|---|"]
    for times, workers in settings_of(cells, listed):
        for rival in methods_of(cells, listed, times, workers):
            better, level, count = standing(cells, listed, times, workers, rival)
            if rival != "bayes" and count:
                lines.append(f"| {times} | {workers} | {NAMES.get(rival, rival)} | {better} | {level} | {count - better - level} |")
    return lines


def seeds(cells, listed):
    """How many runs stand behind a column, as they may differ."""
    lines = ["| times | workers | " + " | ".join(NAMES.get(m, m) for m in listed["methods"]) + " |",
             "|---|---|" + "---|" * len(listed["methods"])]
    for times, workers in settings_of(cells, listed):
        shown = []
        for method in listed["methods"]:
            counts = [cells.get((times, workers, problem, method), {"seeds": 0})["seeds"] for problem in listed["problems"]]
            low, high = min(counts), max(counts)
            shown.append("–" if high == 0 else str(low) if low == high else f"{low} to {high}")
        lines.append(f"| {times} | {workers} | " + " | ".join(shown) + " |")
    return lines


def markdown_of(cells, listed):
    lines = ["### Seeds", "", *seeds(cells, listed), ""]
    if any(key[3] == "bayes" for key in cells):
        lines += ["### bayes beside the others, after 100 evaluations", "",
                  "Problems on which the median of `bayes` is lower, level (within a tenth, or both below 1e-4), or higher.", "",
                  *standings(cells, listed), ""]
    for times, workers in settings_of(cells, listed):
        lines += [f"### {times} times, {workers} worker{'s' if workers > 1 else ''}", "", *table(cells, listed, times, workers), ""]
    return "\n".join(lines)


def summary_of(cells):
    """The same as a list for JSON."""
    rows = []
    for (times, workers, problem, method), cell in sorted(cells.items()):
        row = {"times": times, "workers": workers, "problem": problem, "method": method, "seeds": cell["seeds"]}
        for after in AFTER:
            if after in cell:
                row[str(after)] = {name: float(f"{value:.5g}") for name, value in zip(("lower", "median", "upper"), cell[after])
                                   if value is not None}
        rows.append(row)
    return rows


def write(results, listed, markdown=None, summary=None):
    """The tables, onto the page `markdown` or to standard output. `summary`: a file that cells with fewer runs than there are in it
    are taken from, and that then holds all."""
    cells = with_known(cells_of(results), json.loads(summary.read_text()) if summary and summary.exists() else [])
    if summary:
        summary.write_text("[\n" + ",\n".join(json.dumps(row) for row in summary_of(cells)) + "\n]\n")
    text = markdown_of(cells, listed)
    if not markdown:
        sys.stdout.write(text)
        return
    page = markdown.read_text()
    before, rest = page.split(BEGIN)
    markdown.write_text(before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END)[1])
