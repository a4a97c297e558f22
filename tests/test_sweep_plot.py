"""The page of `baton sweep plot`: that it needs nothing from elsewhere, and what its script draws, run in node."""
import html.parser
import json
import re
import shutil
import subprocess

import pytest

from sweep_specs import results, sweep_spec

# As much of a browser as the page's script uses. Prints all that was drawn.
BROWSER = r"""
const [data] = [require('fs').readFileSync(0, 'utf8')], {text, script} = JSON.parse(data), drawn = [];
const element = (tag, id) => ({tag, id, attributes: {}, children: [], listeners: {}, style: {}, classes: new Set(), textContent: '',
  setAttribute(k, v) { this.attributes[k] = String(v); },
  append(child) { child.parent = this; this.children.push(child); drawn.push(child); },
  addEventListener(kind, f) { this.listeners[kind] = f; },
  get classList() { return {add: c => this.classes.add(c), remove: c => this.classes.delete(c)}; }});
const ids = {};
for (const id of ['time', 'parallel', 'slices', 'tip', 'data']) ids[id] = element('div', id);
ids.data.textContent = text;
const document = {getElementById: id => ids[id], createElementNS: (ns, tag) => element(tag)};
require('vm').runInNewContext(script, {document, innerWidth: 1000});
const where = e => e.id || where(e.parent);
console.log(JSON.stringify({message: ids.time.textContent, drawn: drawn.map(e => {
  let tip = null, hot = 0;
  if (e.listeners.pointerenter && drawn.length < 10000) {  // each looks at all others
    e.listeners.pointerenter({clientX: 5, clientY: 5});
    tip = ids.tip.textContent; hot = drawn.filter(o => o.classes.has('hot')).length;
    e.listeners.pointerleave({});
  }
  return {tag: e.tag, where: where(e), text: e.textContent, tip, hot, ...e.attributes};
})}));
"""


class Page(html.parser.HTMLParser):
    """What a browser makes of it: its elements, and its scripts as they end for a browser."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.inside = [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data

    def draw(self):
        if not shutil.which("node"):
            pytest.skip("there is no node to run the page's script")
        text, script = self.scripts
        done = subprocess.run(["node", "-e", BROWSER], input=json.dumps({"text": text, "script": script}), capture_output=True,
                              text=True, check=True, timeout=60)
        return json.loads(done.stdout)


def plot(cli):
    text = cli("sweep", "plot", "latest", "--to", "-").stdout
    addresses = set(re.findall(r"\w+://[^'\"\s)]*", text))
    assert addresses == {"http://www.w3.org/2000/svg"}, "a namespace, and nothing to be fetched"
    page = Page(text)
    assert not re.search(r"@import|url\(", text)
    assert not [e for e in page.elements if e[0] in ("link", "img", "iframe") or {"src", "href", "onload"} & e[1].keys()]
    assert sorted({tag for tag, _ in page.elements}) == ["body", "div", "h1", "h2", "head", "html", "meta", "p", "script",
                                                         "style", "title"], "names and values are no markup"
    return page


NASTY = "</script><b>\"it's\"&amp;\\"
PROGRAM = r"""
[ "$BATON_PARAM_KIND" = bad ] && exit 3
echo "{\"loss\": $BATON_PARAM_X.5}" >> $BATON_METRICS_FILE
: $BATON_PARAM_RATE
"""


def test_the_page_shows_every_trial_with_a_value_in_each_picture(cli):
    parameters = json.dumps({"x": [3, 1, 2], "kind": ["plain", NASTY, "bad"],
                             "rate": {"min": 0.001, "max": 0.1, "scale": "log", "step": 0.099, "when": {"kind": NASTY}}})
    sweep_spec(cli, PROGRAM, parameters=parameters)
    cli("sweep", "--set", "sweep.method=grid", "--trials", "12", "--parallel", "1")
    trials = results(cli)
    done = [t for t in trials if t["state"] == "value"]
    used = [t for t in done if "rate" in t["params"]]
    assert (len(trials), len(done), len(used)) == (12, 9, 6)
    page = plot(cli)
    assert "12 trials finished, 3 of them failed" in cli("sweep", "plot", "latest", "--to", "-").stdout
    drawn = page.draw()["drawn"]

    def of(where, tag):
        return [e for e in drawn if e["where"] == where and e["tag"] == tag]

    assert len(of("time", "circle")) == 9 and len([e for e in of("time", "path") if e["class"] == "best"]) == 1
    lines = [e for e in of("parallel", "path") if "stroke-dasharray" not in e]
    assert len(lines) == 9 and len(of("parallel", "path")) == 9 + 3, "dotted past what a trial did not use"
    assert len(of("slices", "svg")) == 3 and len(of("slices", "circle")) == 9 + 9 + 6
    texts = {e["text"] for e in drawn}
    assert {"loss", "x", "kind", "plain", NASTY} <= texts
    assert not [e for e in drawn if "NaN" in json.dumps(e) or "undefined" in json.dumps(e)]
    for line, trial in zip(sorted(lines, key=lambda e: int(re.search(r"\d+", e["tip"])[0])), done, strict=True):
        assert line["tip"].startswith(f"trial {trial['trial']}: loss {trial['value']} — x={trial['params']['x']} kind={trial['params']['kind']}")
        assert line["hot"] == 1 + 1 + len(trial["params"]) + ("rate" not in trial["params"]), "the same trial, wherever it is"
    heights = {t["trial"]: float(e["cy"]) for e in of("time", "circle") for t in done if e["tip"].startswith(f"trial {t['trial']}:")}
    assert all(heights[a["trial"]] > heights[b["trial"]] for a in done for b in done if a["value"] < b["value"])


def test_one_run_that_diverged_does_not_flatten_the_others(cli):
    program = 'loss=$BATON_PARAM_X; [ $loss = 9 ] && loss=1e30; echo "{\\"loss\\": $loss}" >> $BATON_METRICS_FILE'
    sweep_spec(cli, program, parameters="{x: [1, 2, 3, 4, 9]}")
    cli("sweep", "--set", "sweep.method=grid")
    dots = [e for e in plot(cli).draw()["drawn"] if e["where"] == "time" and e["tag"] == "circle"]
    heights = sorted(float(e["cy"]) for e in dots)
    assert heights[-1] - heights[1] > 20 and sum(e.get("class") == "beyond" for e in dots) == 1


def test_pages_with_nothing_or_one_value_to_draw(cli):
    sweep_spec(cli, 'echo "{\\"loss\\": 0}" >> $BATON_METRICS_FILE; : $BATON_PARAM_X')
    cli("sweep", "--trials", "1")
    drawn = plot(cli).draw()["drawn"]
    assert sum(e["tag"] == "circle" for e in drawn) == 2
    assert not [e for e in drawn if "NaN" in json.dumps(e) or "Infinity" in json.dumps(e)]
    sweep_spec(cli, "exit 1; : $BATON_PARAM_X")
    cli("sweep", "--trials", "2", check=1)
    assert plot(cli).draw() == {"message": "No trial has a value yet.", "drawn": []}


@pytest.mark.parametrize("values", [("0.9", "0.9000000000000001"), ("1e308", "-1e308"), ("1.7e308", "1e308"), ("0", "5e-324"),
                                    ("1e-310", "2e-310"), ("-0.5", "-0.5000000000000001")])
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_every_pair_of_values_is_drawn_inside_the_picture(cli, values, goal):
    program = f'[ $BATON_PARAM_X = 1 ] && v={values[0]} || v={values[1]}; echo "{{\\"loss\\": $v}}" >> $BATON_METRICS_FILE'
    sweep_spec(cli, program, parameters="{x: [1, 2]}")
    cli("sweep", "--set", "sweep.method=grid", "--set", f"sweep.metric={{name: loss, goal: {goal}}}")
    drawn = plot(cli).draw()["drawn"]
    assert sum(e["tag"] == "circle" for e in drawn) == 4
    assert not [e for e in drawn if "NaN" in json.dumps(e) or "Infinity" in json.dumps(e)]
    heights = [float(e["cy"]) for e in drawn if e["tag"] == "circle" and e["where"] == "time"]
    assert all(0 <= y <= 290 for y in heights)
    if values[1] == "-1e308":
        assert abs(heights[0] - heights[1]) > 100


@pytest.mark.parametrize("ends", [("100000000000000000000", "100000000000000032768"), ("1.0", "1.0000000000000002"),
                                  ("-1.0000000000000002", "-1.0"), ("0", "5e-324"), ("-8e307", "8e307")])
def test_every_range_has_an_axis_however_narrow_or_wide(cli, ends):
    sweep_spec(cli, 'echo "{\\"loss\\": 1}" >> $BATON_METRICS_FILE; : $BATON_PARAM_X', parameters=f"{{x: {{min: {ends[0]}, max: {ends[1]}}}}}")
    cli("sweep", "--trials", "2")
    drawn = plot(cli).draw()["drawn"]
    assert not [e for e in drawn if "NaN" in json.dumps(e) or "Infinity" in json.dumps(e)]
    assert sum(e["tag"] == "circle" for e in drawn) == 4


def test_a_great_many_trials_are_drawn(cli):
    sweep_spec(cli, 'echo "{\\"loss\\": 1}" >> $BATON_METRICS_FILE; : $BATON_PARAM_X')
    cli("sweep", "--trials", "1")
    page = plot(cli)
    data = json.loads(page.scripts[0])
    (trial,) = data["trials"]
    many = 130_000
    data["trials"] = [{**trial, "trial": i + 1, "value": i / many, "params": {"x": i / many}} for i in range(many)]
    page.scripts[0] = json.dumps(data)
    drawn = page.draw()["drawn"]
    assert sum(e["tag"] == "circle" for e in drawn) == 2 * many
