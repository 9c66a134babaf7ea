"""Works out its gradients by differences: allowed to run, and too inexact to pass."""


def gradients(W, b, x, t, activation, lam):
    h = 1e-6
    answer = []
    for w in W:
        slope = w.copy()
        for place in range(w.size):
            slope.flat[place] = ((w.flat[place] + h) ** 2 - (w.flat[place] - h) ** 2) / (2 * h)
        answer.append(slope)
    return answer, [2 * v for v in b]
