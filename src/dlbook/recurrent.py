"""Recurrent layers over a whole sequence at once. Chapters *recurrent networks* and *LSTM and GRU*.

Legend: B sequences, T steps, I numbers in, H hidden units. Sequences are (B, T, I); inside, time comes first.

What the input contributes to all steps is one large product before the loop; the loop then holds only what must wait for
the step before it. Backward likewise: the loop carries the gradient from step to step, and the gradients of the
weights are one large product each after it. σ(z) is computed as (1 + tanh(z/2)) / 2, so that halving the weights of
the gates beforehand lets a single tanh serve all of them. Where there are gates, each lies in one piece of memory,
(gates, B, H), and results go into arrays made once: NumPy is quick on long stretches, and on memory it has just used.
"""

import numpy as np

from .autograd import op


@op
def rnn(x, h0, wx, wh, b):
    """Elman network: h_t = tanh(x_t Wx + h_{t-1} Wh + b) (Elman 1990).

    Parameters
    ----------
    x : (B, T, I)
    h0 : (B, H)
    wx : (I, H)
    wh : (H, H)
    b : (H,)

    Returns
    -------
    (B, T, H): the hidden state after every step.

    Raises
    ------
    ValueError
        If shapes disagree or there is no step.

    >>> rnn(np.zeros((5, 3, 2)), np.zeros((5, 4)), np.zeros((2, 4)), np.zeros((4, 4)), np.zeros(4)).shape
    (5, 3, 4)
    """
    B, T, H = sizes("rnn", 1, x, wx, wh, b, h0)
    steps = time_first(x)  # (T·B, I)
    z = (steps @ wx + b).reshape(T, B, H)
    hs = np.empty((T + 1, B, H), x.dtype)
    hs[0] = h0
    for t in range(T):
        z[t] += hs[t] @ wh
        np.tanh(z[t], out=hs[t + 1])

    def pull(g):
        dz = np.empty((T, B, H), x.dtype)
        dh = np.zeros((B, H), x.dtype)
        back = wh.T.copy()  # each of the T products is faster with it than with a view that walks across the rows
        for t in reversed(range(T)):
            dh += g[:, t]
            h = hs[t + 1]
            np.multiply(dh, 1 - h * h, out=dz[t])
            np.matmul(dz[t], back, out=dh)
        dz = dz.reshape(T * B, H)
        return batch_first(dz @ wx.T, x.shape), dh, steps.T @ dz, hs[:-1].reshape(T * B, H).T @ dz, ones(dz) @ dz

    return hs[1:].transpose(1, 0, 2), pull


@op
def lstm(x, h0, c0, wx, wh, b):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000).

    Gates i, f, o = σ(x_t Wx + h_{t-1} Wh + b), candidate g = tanh(…), cell c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(c_t).

    Parameters
    ----------
    x : (B, T, I)
    h0, c0 : (B, H)
    wx : (I, 4H)
    wh : (H, 4H)
    b : (4H,)
        Columns in the order i, f, o, g: the three gates side by side.

    Returns
    -------
    (B, T, 2H): hidden state and cell after every step, side by side.

    Raises
    ------
    ValueError
        If shapes disagree or there is no step.

    >>> z = np.zeros
    >>> lstm(z((5, 3, 2)), z((5, 4)), z((5, 4)), z((2, 16)), z((4, 16)), z(16)).shape
    (5, 3, 8)
    """
    B, T, H = sizes("lstm", 4, x, wx, wh, b, h0, c0)
    half = np.array([0.5, 0.5, 0.5, 1], x.dtype).reshape(4, 1, 1)
    w = blocks(wh, 4) * half
    steps = time_first(x)  # (T·B, I)
    gates = np.matmul(steps, blocks(wx, 4) * half)
    gates += b.reshape(4, 1, H) * half
    gates = gates.reshape(4, T, B, H)  # z until its step has come
    hs, cs, tanh_c = np.empty((T + 1, B, H), x.dtype), np.empty((T + 1, B, H), x.dtype), np.empty((T, B, H), x.dtype)
    hs[0], cs[0] = h0, c0
    from_h, new = np.empty((4, B, H), x.dtype), np.empty((B, H), x.dtype)
    for t in range(T):
        a = gates[:, t]
        a += np.matmul(hs[t], w, out=from_h)
        np.tanh(a, out=a)
        sigmas = a[:3]
        sigmas *= 0.5
        sigmas += 0.5
        i, f, o, g = a
        c = np.multiply(f, cs[t], out=cs[t + 1])
        c += np.multiply(i, g, out=new)
        np.multiply(o, np.tanh(c, out=tanh_c[t]), out=hs[t + 1])
    y = np.empty((B, T, 2 * H), x.dtype)
    y[:, :, :H], y[:, :, H:] = hs[1:].transpose(1, 0, 2), cs[1:].transpose(1, 0, 2)

    def pull(grad):
        grad_h, grad_c = time_first(grad[:, :, :H]).reshape(T, B, H), time_first(grad[:, :, H:]).reshape(T, B, H)
        dz = np.empty((T, B, 4, H), x.dtype)
        dh, dc = np.zeros((B, H), x.dtype), np.zeros((B, H), x.dtype)
        back = blocks(wh, 4).transpose(0, 2, 1).copy()
        d, slope, through = np.empty((4, B, H), x.dtype), np.empty((4, B, H), x.dtype), np.empty((B, H), x.dtype)
        for t in reversed(range(T)):
            dh += grad_h[t]
            dc += grad_c[t]
            a = gates[:, t]
            i, f, o, g = a
            # Through the output, dc receives dh · o (1 - tanh² c); and o · tanh c is h.
            np.multiply(hs[t + 1], tanh_c[t], out=through)
            np.subtract(o, through, out=through)
            through *= dh
            dc += through
            np.multiply(dc, g, out=d[0])
            np.multiply(dc, cs[t], out=d[1])
            np.multiply(dh, tanh_c[t], out=d[2])
            np.multiply(dc, i, out=d[3])
            np.multiply(a, a, out=slope)
            np.subtract(a[:3], slope[:3], out=slope[:3])  # σ' = σ (1 - σ)
            np.subtract(1, slope[3], out=slope[3])  # tanh' = 1 - tanh²
            d *= slope
            dz[t] = d.transpose(1, 0, 2)
            np.add.reduce(np.matmul(d, back, out=slope), axis=0, out=dh)
            dc *= f
        dz = dz.reshape(T * B, 4 * H)
        dw = np.concatenate([steps, hs[:-1].reshape(T * B, H)], axis=1).T @ dz  # one product is faster than one for each weight
        return batch_first(dz @ wx.T, x.shape), dh, dc, dw[: len(wx)], dw[len(wx) :], ones(dz) @ dz

    return y, pull


@op
def gru(x, h0, wx, wh, b, b_hidden):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as libraries have it.

    r, u = σ(x_t Wx + h_{t-1} Wh + b), candidate n = tanh(x_t Wx + b + r ⊙ (h_{t-1} Wh + b_hidden)),
    h_t = (1 - u) ⊙ n + u ⊙ h_{t-1}.

    Parameters
    ----------
    x : (B, T, I)
    h0 : (B, H)
    wx : (I, 3H)
    wh : (H, 3H)
    b : (3H,)
        Columns in the order r, u, n.
    b_hidden : (H,)

    Returns
    -------
    (B, T, H): the hidden state after every step.

    Raises
    ------
    ValueError
        If shapes disagree or there is no step.

    >>> z = np.zeros
    >>> gru(z((5, 3, 2)), z((5, 4)), z((2, 12)), z((4, 12)), z(12), z(4)).shape
    (5, 3, 4)
    """
    B, T, H = sizes("gru", 3, x, wx, wh, b, h0)
    if b_hidden.shape != (H,):
        raise ValueError(f"b_hidden must have shape ({H},), and has {b_hidden.shape}")
    steps = time_first(x)  # (T·B, I)
    gates = np.matmul(steps, blocks(wx, 3))
    gates += b.reshape(3, 1, H)
    gates = gates.reshape(3, T, B, H)  # r, u, n when their step has come
    w = blocks(wh, 3)
    hs = np.empty((T + 1, B, H), x.dtype)
    hs[0] = h0
    recalled = np.empty((T, B, H), x.dtype)  # h_{t-1} Wh + b_hidden, before the reset gate
    from_h = np.empty((3, B, H), x.dtype)
    for t in range(T):
        np.matmul(hs[t], w, out=from_h)
        sigmas, n = gates[:2, t], gates[2, t]
        sigmas += from_h[:2]
        sigmas *= 0.5
        np.tanh(sigmas, out=sigmas)
        sigmas *= 0.5
        sigmas += 0.5
        r, u = sigmas
        n += r * np.add(from_h[2], b_hidden, out=recalled[t])
        np.tanh(n, out=n)
        h = np.subtract(hs[t], n, out=hs[t + 1])
        h *= u
        h += n

    def pull(grad):
        grad = time_first(grad).reshape(T, B, H)
        dz = np.empty((T, B, 3, H), x.dtype)  # gradient of what the input contributes
        dzh = np.empty((T, B, 3, H), x.dtype)  # ... and of what the state does: they differ in the candidate
        dh = np.zeros((B, H), x.dtype)
        back = w.transpose(0, 2, 1).copy()
        d, from_gates = np.empty((3, B, H), x.dtype), np.empty((3, B, H), x.dtype)
        for t in reversed(range(T)):
            dh += grad[t]
            r, u, n = gates[:, t]
            d[2] = dh * (1 - u) * (1 - n * n)
            d[0] = d[2] * recalled[t] * (r - r * r)
            d[1] = dh * (hs[t] - n) * (u - u * u)
            dz[t] = d.transpose(1, 0, 2)
            d[2] *= r
            dzh[t] = d.transpose(1, 0, 2)
            dh *= u
            dh += np.matmul(d, back, out=from_gates).sum(axis=0)
        dz, dzh = dz.reshape(T * B, 3 * H), dzh.reshape(T * B, 3 * H)
        h_before = hs[:-1].reshape(T * B, H)
        return (
            batch_first(dz @ wx.T, x.shape), dh, steps.T @ dz, h_before.T @ dzh, ones(dz) @ dz, ones(dzh) @ dzh[:, 2 * H :],
        )

    return hs[1:].transpose(1, 0, 2), pull


def sizes(name, gates, x, wx, wh, b, *states):
    """B, T and H, after checking that all shapes agree on them."""
    h = wh.shape[0] if wh.ndim == 2 else -1
    fits = (
        x.ndim == 3 and x.shape[1] > 0 and wx.shape == (x.shape[2], gates * h) and wh.shape == (h, gates * h)
        and b.shape == (gates * h,) and all(s.shape == (x.shape[0], h) for s in states)
    )
    if not fits:
        k = gates if gates > 1 else ""
        raise ValueError(
            f"{name} needs x (B, T, I) with T > 0, states (B, H), wx (I, {k}H), wh (H, {k}H) and b ({k}H,)"
        )
    return x.shape[0], x.shape[1], h


def blocks(w, gates):
    """Columns (I, gates·H) as one block a gate, (gates, I, H): what belongs to a gate then lies in one piece, and NumPy is quick."""
    return np.ascontiguousarray(w.reshape(len(w), gates, w.shape[1] // gates).transpose(1, 0, 2))


def time_first(x):
    """(B, T, I) as the rows (T·B, I)."""
    return np.ascontiguousarray(x.transpose(1, 0, 2)).reshape(x.shape[0] * x.shape[1], x.shape[2])


def batch_first(rows, shape):
    """Rows (T·B, I) as (B, T, I)."""
    return rows.reshape(shape[1], shape[0], shape[2]).transpose(1, 0, 2)


def ones(rows):
    return np.ones(len(rows), rows.dtype)


OPERATIONS = (rnn, lstm, gru)
