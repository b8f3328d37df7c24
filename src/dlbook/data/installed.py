"""Classic small data sets that come with scikit-learn, which the book installs and the core of the package does not need."""

from __future__ import annotations

import numpy as np

from ..settings import text


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return 1,797 handwritten digits of 8 × 8 pixels: x (1797, 64) float32 in [0, 1], y (1797,) in 0..9.

    Raises ModuleNotFoundError where scikit-learn is not installed. The test part of Alpaydin and Kaynak's optical digits, 1998.
    Chapter: *variational autoencoders*.

    >>> digits()[0].shape
    (1797, 64)
    """
    x, y = _sklearn().load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), y.astype(np.int64)


def iris() -> tuple[np.ndarray, np.ndarray]:
    """Return 150 irises: x (150, 4) length and width of sepal and petal in cm, y (150,) setosa, versicolor or virginica.

    Errors are those of `digits`. Fisher, "The use of multiple measurements in taxonomic problems", 1936.

    >>> iris()[0][0].tolist() == np.array([5.1, 3.5, 1.4, 0.2], np.float32).tolist()
    True
    """
    return _table("load_iris")


def wine() -> tuple[np.ndarray, np.ndarray]:
    """Return 178 wines of three growers: x (178, 13) chemical measurements, y (178,) in 0..2.

    Errors are those of `digits`. Forina et al., *PARVUS*; UCI repository, 1991.

    >>> wine()[0].shape
    (178, 13)
    """
    return _table("load_wine")


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """Return 569 tumours: x (569, 30) measurements of cell nuclei, y (569,) 0 malignant or 1 benign.

    Errors are those of `digits`. Street, Wolberg and Mangasarian, "Nuclear feature extraction for breast tumor diagnosis",
    1993. Chapter: *responsible AI*.

    >>> np.bincount(breast_cancer()[1]).tolist()
    [212, 357]
    """
    return _table("load_breast_cancer")


def photograph(name: str) -> np.ndarray:
    """Return a photograph, float32 (3, 427, 640) in [0, 1]: "china", a temple, or "flower", a dahlia.

    Both are CC BY 2.0; credit danielbuechele for "china" and vultilion for "flower". Raises ValueError for another name and
    ModuleNotFoundError where scikit-learn, or Pillow that unpacks the photographs, is not installed. Chapter: *convolution*.

    >>> photograph("china").shape
    (3, 427, 640)
    """
    if text("name", name) not in ("china", "flower"):
        raise ValueError(f"no photograph is called {name!r}; the names are china, flower")
    datasets = _sklearn()
    try:
        pixels = datasets.load_sample_image(f"{name}.jpg")
    except ImportError:
        raise ModuleNotFoundError("the photographs need Pillow, which is not installed: type `pip install pillow`") from None
    x = pixels.transpose(2, 0, 1).astype(np.float32)
    x /= np.float32(255)
    return x


def _table(loader):
    x, y = getattr(_sklearn(), loader)(return_X_y=True)
    return x.astype(np.float32), y.astype(np.int64)


def _sklearn():
    try:
        from sklearn import datasets
    except ImportError:
        raise ModuleNotFoundError("this data set comes with scikit-learn, which is not installed: "
                                  "type `pip install scikit-learn`") from None
    return datasets
