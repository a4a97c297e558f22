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


def group(results):
    """(times, workers, problem, method) → the regret curves."""
    groups = collections.defaultdict(list)
    for result in results:
        groups[result["times"], result["workers"], result["problem"], result["method"]].append(result["regret"])
    return {key: curves for key, curves in groups.items() if len(curves) >= FEWEST}


def methods_of(groups, listed, times, workers):
    present = {key[3] for key in groups if key[:2] == (times, workers)}
    return [method for method in listed["methods"] if method in present]


def table(groups, listed, times, workers):
    methods = methods_of(groups, listed, times, workers)
    lines = ["| problem | after | " + " | ".join(NAMES.get(method, method) for method in methods) + " |",
             "|---|---|" + "---|" * len(methods)]
    for problem in listed["problems"]:
        curves = {method: groups.get((times, workers, problem, method)) for method in methods}
        if not any(curves.values()):
            continue
        for after in AFTER:
            medians = {m: quartiles([c[after - 1] for c in cs]) for m, cs in curves.items() if cs and len(cs[0]) >= after}
            if not medians:
                continue
            least = min(low[1] for low in medians.values())
            cells = []
            for method in methods:
                if method not in medians:
                    cells.append("–")
                    continue
                low, middle, high = map(number, medians[method])
                middle = f"**{middle}**" if medians[method][1] == least else middle
                cells.append(f"{middle} ({low}–{high})" if after == AFTER[-1] else middle)
            lines.append(f"| {problem if after == AFTER[0] else ''} | {after} | " + " | ".join(cells) + " |")
    return lines


def standing(groups, listed, times, workers, rival, own="bayes", after=AFTER[-1]):
    """On how many problems the median of `own` is lower, and on how many it is within a tenth or below 1e-4."""
    better, level, all_of_them = 0, 0, 0
    for problem in listed["problems"]:
        curves = groups.get((times, workers, problem, own)), groups.get((times, workers, problem, rival))
        if not all(curves):
            continue
        ours, theirs = (statistics.median([c[after - 1] for c in cs]) for cs in curves)
        all_of_them += 1
        same = max(ours, theirs) < 1e-4 or abs(ours - theirs) <= 0.1 * max(ours, theirs)
        better += ours < theirs and not same
        level += same
    return better, level, all_of_them


def standings(groups, listed):
    lines = ["| times | workers | beside | better | level | worse |", "|---|---|---|---|---|---|"]
    for times, workers in sorted({key[:2] for key in groups if key[3] == "bayes"}, key=lambda key: (listed["times"].index(key[0]), key[1])):
        for rival in methods_of(groups, listed, times, workers):
            better, level, count = standing(groups, listed, times, workers, rival)
            if rival != "bayes" and count:
                lines.append(f"| {times} | {workers} | {NAMES.get(rival, rival)} | {better} | {level} | {count - better - level} |")
    return lines


def seeds(groups, listed):
    """How many runs stand behind a column, as they may differ."""
    lines = ["| times | workers | " + " | ".join(NAMES.get(m, m) for m in listed["methods"]) + " |",
             "|---|---|" + "---|" * len(listed["methods"])]
    for times, workers in sorted({key[:2] for key in groups}, key=lambda key: (listed["times"].index(key[0]), key[1])):
        cells = []
        for method in listed["methods"]:
            counts = [len(groups.get((times, workers, problem, method), [])) for problem in listed["problems"]]
            low, high = min(counts), max(counts)
            cells.append("–" if high == 0 else str(low) if low == high else f"{low} to {high}")
        lines.append(f"| {times} | {workers} | " + " | ".join(cells) + " |")
    return lines


def markdown_of(results, listed):
    groups = group(results)
    lines = ["### Seeds", "", *seeds(groups, listed), ""]
    if any(key[3] == "bayes" for key in groups):
        lines += ["### bayes beside the others, after 100 evaluations", "",
                  "Problems on which the median of `bayes` is lower, level (within a tenth, or both below 1e-4), or higher.", "",
                  *standings(groups, listed), ""]
    for times in listed["times"]:
        for workers in sorted({key[1] for key in groups if key[0] == times}):
            lines += [f"### {times} times, {workers} worker{'s' if workers > 1 else ''}", "",
                      *table(groups, listed, times, workers), ""]
    return "\n".join(lines)


def summary_of(results, listed):
    """The same as JSON."""
    rows = []
    for (times, workers, problem, method), curves in sorted(group(results).items()):
        row = {"times": times, "workers": workers, "problem": problem, "method": method, "seeds": len(curves)}
        for after in AFTER:
            values = [curve[after - 1] for curve in curves if len(curve) >= after]
            if values:
                row[str(after)] = dict(zip(("lower", "median", "upper"), quartiles(values)))
        rows.append(row)
    return rows


def write(results, listed, markdown=None, summary=None):
    if summary:
        summary.write_text(json.dumps(summary_of(results, listed), indent=1) + "\n")
    text = markdown_of(results, listed)
    if not markdown:
        sys.stdout.write(text)
        return
    page = markdown.read_text()
    before, rest = page.split(BEGIN)
    markdown.write_text(before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END)[1])
