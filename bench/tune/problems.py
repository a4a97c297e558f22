"""Test problems with known minima, all to be minimised. The C++ versions for quick work stand in problems.cc.

A problem's space is written as `baton suggest` takes it; its function takes the parameters by name.
"""
import math
from dataclasses import dataclass
from typing import Callable

H3_A = [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]
H3_P = [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
H6_A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
H6_P = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
H_C = [1, 1.2, 3, 3.2]


@dataclass(frozen=True)
class Problem:
    name: str
    space: dict
    minimum: float
    value: Callable[[dict], float]  # without noise
    noise: float = 0.0  # standard deviation of what is observed


def box(dimensions, low, high):
    return {f"x{i}": {"min": low, "max": high} for i in range(dimensions)}


def of_list(function):
    return lambda params: function([params[f"x{i}"] for i in range(len(params))])


def branin(x):
    a = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def currin(x):
    """Currin, Mitchell, Morris, Ylvisaker 1988; negated, as it is to be maximised."""
    factor = 1 - math.exp(-1 / (2 * x[1])) if x[1] > 0 else 1.0
    above = 2300 * x[0] ** 3 + 1900 * x[0] ** 2 + 2092 * x[0] + 60
    return -factor * above / (100 * x[0] ** 3 + 500 * x[0] ** 2 + 4 * x[0] + 20)


def park1(x):
    """Park 1991, negated. At x0 = 0 its limit."""
    inner = (x[1] + x[2] ** 2) * x[3]
    first = (math.sqrt(x[0] ** 2 + inner) - x[0]) / 2
    return -(first + (x[0] + 3 * x[3]) * math.exp(1 + math.sin(x[2])))


def hartmann(a, p):
    def value(x):
        return -sum(c * math.exp(-sum(aj * (xj - 1e-4 * pj) ** 2 for aj, pj, xj in zip(ai, pi, x)))
                    for c, ai, pi in zip(H_C, a, p))

    return value


hartmann3, hartmann6 = hartmann(H3_A, H3_P), hartmann(H6_A, H6_P)


def hartmann18(x):
    """The sum of Hartmann 6 over three groups of six coordinates."""
    return hartmann6(x[:6]) + hartmann6(x[6:12]) + hartmann6(x[12:])


def ackley(x):
    n = len(x)
    return (-20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in x) / n))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / n) + 20 + math.e)


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    middle = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return math.sin(math.pi * w[0]) ** 2 + middle + last


MIXED = {
    "lr": {"min": 1e-5, "max": 1.0, "scale": "log"},
    "width": {"min": 16, "max": 256, "type": "int", "step": 16},
    "optimizer": ["sgd", "adam", "adamw"],
    "momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": "sgd"}},
    "decay": {"min": 1e-6, "max": 1e-1, "scale": "log", "when": {"optimizer": "adamw"}},
    "activation": ["relu", "gelu", "tanh", "selu", "silu"],
}


def mixed(params):
    """A training loss in miniature; bold learning rates diverge to huge losses.

    Minimum 0: sgd, lr 10^-1.5, momentum 0.9, width 160, gelu.
    """
    kind, lr = params["optimizer"], math.log10(params["lr"])
    best = -1.5 if kind == "sgd" else -2.8
    loss = 0.3 * (lr - best) ** 2 + ((params["width"] - 160) / 160) ** 2
    if lr > best + 1:
        loss += math.exp(3 * (lr - best - 1)) - 1
    if kind == "sgd":
        loss += 20 * (params["momentum"] - 0.9) ** 2
    elif kind == "adam":
        loss += 0.25
    else:
        loss += 0.05 + 0.05 * (math.log10(params["decay"]) + 3) ** 2
    return loss + {"relu": 0.1, "gelu": 0, "tanh": 0.5, "selu": 0.3, "silu": 0.04}[params["activation"]]


H6_MINIMUM = -3.32236801141551
PROBLEMS = {problem.name: problem for problem in [
    Problem("branin", {"x0": {"min": -5, "max": 10}, "x1": {"min": 0, "max": 15}}, 0.397887357729739, of_list(branin)),
    Problem("currin", box(2, 0, 1), -13.798722044728434, of_list(currin)),
    Problem("park1", box(4, 0, 1), -25.589254158606547, of_list(park1)),
    Problem("hartmann3", box(3, 0, 1), -3.86277978733266, of_list(hartmann3)),
    Problem("hartmann6", box(6, 0, 1), H6_MINIMUM, of_list(hartmann6)),
    Problem("hartmann6-noisy", box(6, 0, 1), H6_MINIMUM, of_list(hartmann6), 0.1),
    Problem("hartmann18", box(18, 0, 1), 3 * H6_MINIMUM, of_list(hartmann18)),
    Problem("ackley10", box(10, -5, 10), 0, of_list(ackley)),
    Problem("levy10", box(10, -5, 10), 0, of_list(levy)),
    Problem("mixed", MIXED, 0, mixed),
]}
