#!/usr/bin/env python3
"""Prints src/tune/gp_reference.h: posteriors and likelihoods by scikit-learn (Debian's python3-sklearn), to
which the Gaussian process is compared.

    tools/make_gp_reference.py > src/tune/gp_reference.h && clang-format -i src/tune/gp_reference.h
"""
import numpy as np
import sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

random = np.random.RandomState(4)
x = random.rand(15, 3).round(3)
y = (np.sin(5 * x[:, 0]) + x[:, 1] ** 2 - x[:, 2] + 0.05 * random.randn(15)).round(4)
at = random.rand(6, 3).round(3)
LENGTHS, SIGNAL, NOISE = [0.3, 0.7, 1.4], 1.7, 0.01
kernel = ConstantKernel(SIGNAL) * Matern(LENGTHS, nu=2.5) + WhiteKernel(NOISE)
gp = GaussianProcessRegressor(kernel, alpha=0, optimizer=None).fit(x, y)
mean, covariance = gp.predict(at, return_cov=True)
covariance -= NOISE * np.eye(len(at))  # WhiteKernel counts for predictions too; here without noise
# By the logarithms of signal, lengths and noise, in this order.
likelihood, gradient = gp.log_marginal_likelihood(kernel.theta, eval_gradient=True)


def table(name, values):
    values = np.asarray(values)
    size = "".join(f"[{n}]" for n in values.shape)
    numbers = ", ".join(format(float(v), ".17g") for v in values.ravel())
    print(f"inline constexpr double {name}{size} = {{{numbers}}};")


print(f"// Made by tools/make_gp_reference.py with scikit-learn {sklearn.__version__}; do not edit.\n#pragma once\n")
print("namespace baton::gp_reference {\n")
table("kX", x.ravel())  # point by point
table("kY", y)
table("kAt", at.ravel())
table("kLengths", LENGTHS)
table("kSignalAndNoise", [SIGNAL, NOISE])
table("kMean", mean)
table("kCovariance", covariance.ravel())
table("kLikelihood", [likelihood])
table("kLikelihoodSlope", gradient)
print("\n}  // namespace baton::gp_reference")
