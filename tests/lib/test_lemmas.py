"""The rules of the library, proved for every size, and the proofs put to the test."""

import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import sympy as sp

import mnistlab.convolution
import mnistlab.layers
import mnistlab.losses
from mnistlab.symbolic import lemmas, updates
from mnistlab.symbolic.lemmas import (
    K,
    LemmaFailed,
    N,
    alpha,
    beta,
    collapse,
    d,
    i,
    j,
    k,
    m,
    mu,
    n,
    nu,
    phi,
    prove,
    psi,
    rho,
    sigma,
    total,
)

DELTA = sp.KroneckerDelta
SMALL = {"N": 2, "D": 3, "K": 4, "A": 2, "B": 2, "R": 2, "S": 1}
LEMMAS = {function.__name__: function() for function in lemmas.ALL}


@pytest.mark.parametrize("name", LEMMAS)
def test_a_rule_is_proved_for_every_size(name):
    lemma = LEMMAS[name].check()
    assert lemma.proved and f"proved for {lemma.scope}" in repr(lemma)
    derivative = lemma.statement.lhs
    assert sp.diff(derivative.expr, *derivative.variables) in lemma.steps


@pytest.mark.parametrize("name", LEMMAS)
def test_a_rule_written_out_for_small_sizes_is_the_explicit_derivative(name):
    lemma = LEMMAS[name]
    free = lemma.statement.free_symbols & lemmas.SIZE.keys()
    numbers = {size: SMALL[size.name] for size in lemmas.SIZES if size.name in SMALL}
    count = sp.prod(lemmas.SIZE[index] for index in free).subs(numbers)
    identities = list(lemma.identities(**SMALL))
    assert len(identities) == count and not any(left.has(sp.Sum) or right.has(sp.Sum) for left, right in identities)
    assert lemma.holds_for(**SMALL)


def test_every_backward_rule_that_the_library_cites_has_a_lemma():
    cited = set()
    for module in (mnistlab.convolution, mnistlab.layers, mnistlab.losses):
        cited |= set(re.findall(r":eq:`([\w-]+-backward)`", Path(module.__file__).read_text(encoding="utf-8")))
    assert cited and cited <= {lemma.label for lemma in LEMMAS.values()}


def row_sum():
    return total(lemmas.t[m, i], i)


def softmax(array, *index):
    *row, entry = index
    return sp.exp(array[(*row, entry)]) / total(sp.exp(array[(*row, j)]), j)


x, y, z, t, p, g, u, v, W, dy, dp, dz, theta = (
    getattr(lemmas, name) for name in ("x", "y", "z", "t", "p", "g", "u", "v", "W", "dy", "dp", "dz", "theta")
)

PLANTED = {
    "dense_weights: a sign": ("dense_weights", -total(x[n, d] * dz[n, k], n)),
    "dense_weights: a 1/N too many": ("dense_weights", total(x[n, d] * dz[n, k], n) / N),
    "dense_weights: one sample only": ("dense_weights", x[m, d] * dz[m, k]),
    "dense_bias: no sum": ("dense_bias", dz[m, k]),
    "dense_inputs: a transpose": ("dense_inputs", total(dz[m, i] * W[i, d], i)),
    "dense_inputs: the wrong sample": ("dense_inputs", total(dz[d, i] * W[d, i], i)),
    "relu: the other side": ("relu", dy[m, k] * sp.Heaviside(-x[m, k])),
    "relu: no mask": ("relu", dy[m, k]),
    "sigmoid: of the input": ("sigmoid", dy[m, k] * x[m, k] * (1 - x[m, k])),
    "tanh: no square": ("tanh", dy[m, k] * (1 - sp.tanh(x[m, k]))),
    "dropout: no mask": ("dropout", dy[m, k]),
    "softmax_jacobian: no delta": ("softmax_jacobian", -softmax(theta, i) * softmax(theta, k)),
    "softmax_jacobian: the diagonal only": (
        "softmax_jacobian",
        DELTA(i, k) * softmax(theta, i) * (1 - softmax(theta, k)),
    ),
    "softmax_jacobian: a sign": ("softmax_jacobian", softmax(theta, i) * (DELTA(i, k) + softmax(theta, k))),
    "softmax_product: no sum": ("softmax_product", softmax(theta, m, k) * dp[m, k] * (1 - softmax(theta, m, k))),
    "softmax_product: sum over samples": (
        "softmax_product",
        softmax(theta, m, k) * (dp[m, k] - total(dp[n, k] * softmax(theta, n, k), n)),
    ),
    "softmax_cross_entropy: a sign": ("softmax_cross_entropy", (t[m, k] - softmax(theta, m, k)) / N),
    "softmax_cross_entropy: no mean": ("softmax_cross_entropy", softmax(theta, m, k) - t[m, k]),
    "label_smoothing: not smoothed": ("label_smoothing", (softmax(theta, m, k) - t[m, k]) / N),
    "cross_entropy: no mask": ("cross_entropy", -t[m, k] / (N * sp.Max(p[m, k], lemmas.epsilon))),
    "cross_entropy: of all": ("cross_entropy", -total(t[m, i], i) / (N * sp.Max(p[m, k], lemmas.epsilon))),
    "squared_error: twice": ("squared_error", 2 * (y[m, k] - t[m, k]) / N),
    "squared_error: no mean": ("squared_error", y[m, k] - t[m, k]),
    "batch_mean: no mean": ("batch_mean", LEMMAS["batch_mean"].statement.rhs * N),
    "batch_mean: samples mixed": (
        "batch_mean",
        total(sp.Derivative(sp.Function("ell", real=True)(z[n], t[n]), z[n]), n) / N,
    ),
    "composition: a transpose": ("composition", total(total(g[n] * v[n, i], n) * u[d, i], i)),
    "composition: the upper layer forgotten": ("composition", total(u[i, d], i)),
    "conv_weights: flipped": (
        "conv_weights",
        total(x[n, rho - mu, sigma - nu, d] * dz[n, rho, sigma, k], n, rho, sigma),
    ),
    "conv_weights: one place only": ("conv_weights", total(x[n, mu, nu, d] * dz[n, 0, 0, k], n)),
    "conv_bias: one place only": ("conv_bias", total(dz[n, 0, 0, k], n)),
    "conv_inputs: not flipped": (
        "conv_inputs",
        total(
            DELTA(rho, phi + alpha) * DELTA(sigma, psi + beta) * dz[m, rho, sigma, i] * W[alpha, beta, d, i],
            alpha,
            beta,
            i,
            rho,
            sigma,
        ),
    ),
    "conv_inputs: rows and columns": (
        "conv_inputs",
        total(
            DELTA(rho + alpha, psi) * DELTA(sigma + beta, phi) * dz[m, rho, sigma, i] * W[alpha, beta, d, i],
            alpha,
            beta,
            i,
            rho,
            sigma,
        ),
    ),
    "max_pool: to all": ("max_pool", dy[m, k]),
    "max_pool: to the smallest": ("max_pool", dy[m, k] * sp.Heaviside(lemmas.o[m, k] - x[m, k])),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_error_is_not_proved(case):
    name, wrong = PLANTED[case]
    right = LEMMAS[name]
    derivative = right.statement.lhs
    lemma = prove(case, right.label, derivative.expr, derivative.variables[0], wrong, assuming=right.assuming)
    assert not lemma.proved
    with pytest.raises(LemmaFailed, match="NOT PROVED"):
        lemma.check()
    assert not lemma.holds_for(N=3, D=3, K=3, A=2, B=2, R=2, S=1)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "label_smoothing"])
def test_that_targets_add_to_one_cannot_be_left_out(name):
    derivative, rule = LEMMAS[name].statement.args
    assert not prove(name, "", derivative.expr, derivative.variables[0], rule).proved


def test_without_it_the_probability_is_multiplied_by_the_sum_of_the_targets():
    lemma = LEMMAS["softmax_cross_entropy"]
    general = lemmas.softmax_cross_entropy(any_targets=True).check()
    assert not general.assuming and general.holds_for(N=2, D=1, K=3)
    assert general.statement.lhs == lemma.statement.lhs and general.statement == lemma.steps[-1]
    assert sp.simplify(general.statement.rhs - (softmax(theta, m, k) * row_sum() - t[m, k]) / N) == 0


def test_a_false_identity_makes_the_proof_fail():
    derivative, rule = LEMMAS["tanh"].statement.args
    false = sp.Eq(sp.exp(x[m, k]), sp.exp(-x[m, k]), evaluate=False)
    assert not prove("tanh", "", derivative.expr, derivative.variables[0], rule, identities=(false,)).proved


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (total(DELTA(i, k) * x[i], i), x[k]),
        (total(DELTA(i, k) * DELTA(n, m) * y[n, i], i, n), y[m, k]),
        (total(t[m, k], i), K * t[m, k]),
        (total(t[m, k] * x[i], i), t[m, k] * total(x[i], i)),
        (total(x[i] * total(v[i, n], n), i), total(x[i] * v[i, n], i, n)),
        (total(total(x[i] * v[i, n], i), n), total(x[i] * v[i, n], i, n)),
        (total(DELTA(i, k) * x[i] / total(sp.exp(v[i, n]), n), i), x[k] / total(sp.exp(v[k, n]), n)),
    ],
)
def test_sums_are_collapsed(expression, expected):
    assert collapse(expression) == expected


def test_a_delta_picks_nothing_out_of_a_sum_that_may_not_reach_it():
    for expression in (
        sp.Sum(DELTA(i, k) * x[i], (i, 1, K - 1)),
        sp.Sum(DELTA(i, k) * x[i], (i, 0, K - 2)),
        total(DELTA(i, n) * x[i], i),
    ):
        assert collapse(expression) == expression


def test_an_index_is_not_caught_by_a_sum_inside():
    inner = total(v[i, k], k)
    assert collapse(total(DELTA(i, k) * sp.exp(inner), i)) != sp.exp(total(v[k, k], k))
    both = total(DELTA(i, k) * sp.exp(x[i] + total(t[m, i], i)), i)
    assert collapse(both) == both
    square = collapse(total(v[n, i] * total(v[n, i], i), i, n))
    assert square == total(total(v[n, i], i) ** 2, n)
    two_sums = total(total(v[n, i], i) * total(y[n, i], i), n)
    assert collapse(two_sums) == two_sums


def test_a_lemma_shows_its_statement_as_mathematics_and_cannot_be_changed():
    lemma = LEMMAS["softmax_jacobian"]
    text = lemma._repr_latex_()
    assert text.startswith("$") and text.endswith("$") and r"\delta_{i k}" in text and "Jacobian" not in text
    with pytest.raises(FrozenInstanceError):
        lemma.proved = False


def test_another_loss_fails_in_the_lemma_and_in_its_general_form(monkeypatch):
    right = lemmas._mean_cross_entropy
    monkeypatch.setattr(lemmas, "_mean_cross_entropy", lambda targets: 2 * right(targets))
    for function in (lemmas.softmax_cross_entropy, lemmas.label_smoothing):
        with pytest.raises(LemmaFailed, match="NOT PROVED"):
            function().check()


# Lemmas about updates.

UPDATES = {make.__name__: make() for make in updates.LEMMAS}
INDUCTIONS = {name: lemma for name, lemma in UPDATES.items() if isinstance(lemma, updates.Stepwise)}


@pytest.mark.parametrize("name", UPDATES)
def test_a_lemma_about_updates_is_proved(name):
    lemma = UPDATES[name].check()
    assert lemma.label in updates.__dict__[name].__doc__
    assert lemma.scope == ("every step" if name in INDUCTIONS else "every P")
    assert "proved for every" in repr(lemma)


@pytest.mark.parametrize("name", sorted(UPDATES.keys() - INDUCTIONS.keys()))
def test_a_lemma_about_parameters_holds_written_out_for_three_of_them(name):
    identities = list(UPDATES[name].identities(P=3))
    assert len(identities) == (1 if name == "gradient_descent" else 3)
    assert UPDATES[name].holds_for(P=3)


@pytest.mark.parametrize("name", INDUCTIONS)
def test_an_induction_with_one_wrong_identity_is_not_proved(name):
    lemma = INDUCTIONS[name]
    for place, identity in enumerate(lemma.identities):
        wrong = sp.Eq(identity.lhs, identity.rhs + updates.g_now, evaluate=False)
        spoiled = replace(lemma, identities=(*lemma.identities[:place], wrong, *lemma.identities[place + 1 :]))
        assert not spoiled.proved
        with pytest.raises(LemmaFailed, match="NOT PROVED"):
            spoiled.check()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("l2_penalty", updates.g[updates.q] + 2 * updates.lam * updates.w[updates.q]),
        ("weight_decay", (1 + updates.eta * updates.lam) * updates.w[updates.q]),
        ("gradient_descent", -total(updates.g[lemmas.r], lemmas.r)),
    ],
)
def test_a_wrong_rule_of_an_update_is_not_proved(name, wrong):
    derivative = UPDATES[name].statement.lhs
    assert not prove(name, "", derivative.expr, derivative.variables[0], wrong).proved


def test_the_scope_of_a_lemma_names_the_sizes_of_its_statement():
    assert LEMMAS["dense_weights"].scope == "every N, D, K"
    assert LEMMAS["softmax_jacobian"].scope == "every K"
    assert LEMMAS["conv_bias"].scope == "every N, D, K, A, B, R, S"


def test_a_lemma_writes_a_step_as_a_bracket():
    """SymPy's θ would be taken for the logits."""
    assert r"\left[ {p}_{m,k} > \varepsilon \right]" in LEMMAS["cross_entropy"]._repr_latex_()
    assert r"\left[ {x}_{m,k} > 0 \right]" in LEMMAS["relu"]._repr_latex_()
    assert r"\theta" not in LEMMAS["max_pool"]._repr_latex_()


@pytest.mark.parametrize("name", ["softmax_jacobian", "softmax_product", "softmax_cross_entropy", "label_smoothing"])
def test_a_lemma_about_softmax_writes_p_and_says_once_what_it_is(name):
    derivative, rule, meaning = LEMMAS[name]._repr_latex_().split(r"\\ &")
    assert "{p}_" in derivative and "{p}_" in rule
    assert "e^" not in derivative + rule
    assert r"\text{where }" in meaning and meaning.count("e^") == 2
