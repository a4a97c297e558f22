"""Optuna behind the protocol of `baton suggest`, as far as the benchmark needs it: init, ask, tell.

    optuna_suggest.py tpe | tpe-multivariate | gp

Each init begins a new study, so that one process (PyTorch takes seconds to load) serves many runs.
"""
import json
import sys
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")


def make_sampler(kind, seed):
    if kind == "gp":
        import torch

        torch.set_num_threads(1)
        return optuna.samplers.GPSampler(seed=seed)
    if kind == "tpe-multivariate":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
    return optuna.samplers.TPESampler(seed=seed)


def suggest(trial, space):
    params = {}
    for name, given in space.items():
        one = given if isinstance(given, dict) else {"choices": given}
        if not all(params.get(key) == value for key, value in one.get("when", {}).items()):
            continue
        if "choices" in one:
            params[name] = trial.suggest_categorical(name, one["choices"])
            continue
        log = one.get("scale") == "log"
        if one.get("type") == "int":
            params[name] = trial.suggest_int(name, one["min"], one["max"], step=one.get("step", 1), log=log)
        else:
            params[name] = trial.suggest_float(name, one["min"], one["max"], log=log)
    return params


def main():
    study, space, open_trials = None, None, {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "init":
            study = optuna.create_study(direction="minimize", sampler=make_sampler(sys.argv[1], request["seed"]))
            space, open_trials, reply = request["parameters"], {}, {"ok": True, "version": optuna.__version__}
        elif request["op"] == "ask":
            trial = study.ask()
            open_trials[trial.number] = trial
            reply = {"id": trial.number, "params": suggest(trial, space)}
        else:
            study.tell(open_trials.pop(request["id"]), request["value"])
            reply = {"ok": True}
        print(json.dumps(reply), flush=True)


main()
