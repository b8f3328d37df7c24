"""What a training run saw."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, repr=False)
class History:
    """What `fit` saw, one entry an epoch; comparison and text leave the seconds out, so that they are the same in every run.

    `loss` is the mean over the epoch's batches, each measured before its step. `validation_loss` and `accuracy` are empty
    without validation data, `accuracy` also where their answers are not integers.

    >>> History([2.3, 0.5], [0.6, 0.7], [0.8, 0.7], [1.0, 1.0])
    History(2 epochs: loss 2.3000 → 0.5000, validation loss 0.7000, accuracy 0.7000)
    """

    loss: list[float]
    validation_loss: list[float]
    accuracy: list[float]
    seconds: list[float] = field(compare=False)

    def best(self, min_delta=0.0):
        """The epoch, from 1, after which no validation loss was lower by more than `min_delta`; 0 where there is none.

        >>> History([3.0, 2.0, 1.0], [0.6, 0.4, 0.5], [], [1.0, 1.0, 1.0]).best()
        2
        """
        best, lowest = 0, math.inf
        for epoch, loss in enumerate(self.validation_loss, 1):
            if loss < lowest - min_delta or not best:
                best, lowest = epoch, math.inf if math.isnan(loss) else loss
        return best

    def __repr__(self):
        if not self.loss:
            return "History(0 epochs)"
        text = f"loss {self.loss[0]:.4f} → {self.loss[-1]:.4f}"
        if self.validation_loss:
            text += f", validation loss {self.validation_loss[-1]:.4f}"
        if self.accuracy:
            text += f", accuracy {self.accuracy[-1]:.4f}"
        return f"History({len(self.loss)} epochs: {text})"
