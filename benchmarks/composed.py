"""Engines that follow NumPy's own functions: one formula of the loss serves them all.

A formula is `loss(np, parameters, ...)`: `np` is the engine's stand-in for NumPy, `parameters` a dictionary of its arrays.
"""

from .engines import Adam, descending


def mygrad_step(loss, parameters, lr):
    """MyGrad, without its guard against writing into arrays: its manual says that the guard costs time."""
    import mygrad

    mygrad.turn_memory_guarding_off()
    tensors = {name: mygrad.tensor(p) for name, p in parameters.items()}
    optimiser = Adam([t.data for t in tensors.values()], lr)

    def step():
        value = loss(mygrad, tensors)
        value.backward()
        optimiser.step([t.grad for t in tensors.values()])
        return value.item()

    return step


def autograd_step(loss, parameters, lr):
    """HIPS autograd."""
    import autograd.numpy
    from autograd import value_and_grad

    optimiser = Adam(parameters.values(), lr)
    value_and_gradients = value_and_grad(lambda arrays: loss(autograd.numpy, dict(zip(parameters, arrays))))
    return descending(value_and_gradients, list(parameters.values()), optimiser)


def cross_entropy(np, logits, labels):
    """Mean over the rows of `logits` (N, K), labels (N,)."""
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - shifted[range(len(labels)), labels])
