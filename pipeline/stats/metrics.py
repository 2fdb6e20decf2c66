"""The paper's figures, RMSE (1), SAGR (2), PCC (3), CCC (4), and accuracy, recall and landmark error.

numpy, float64, population moments. Shapes: N faces, R weightings, C classes. `weights` (R, N) say how often each face
counts, which is how resampling asks: the answer is then (R,). Without them each face counts once and the answer is ().
"""

import numpy as np


def mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of (N,) or (N, C) values; NaN where nothing counts."""
    weights = np.ones(len(values)) if weights is None else weights
    total = weights.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weights @ values / (total if values.ndim == 1 else total[..., None]))


def rmse(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Root mean square error of two (N,) series."""
    return np.asarray(np.sqrt(mean((np.asarray(prediction, np.float64) - truth) ** 2, weights)))


def sagr(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of (N,) predictions with the sign of the truth; zero has a sign of its own."""
    return mean(np.sign(prediction) == np.sign(truth), weights)


def pcc(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Pearson correlation of two (N,) series; NaN where one is constant."""
    covariance, variance_truth, variance_prediction, _ = _moments(truth, prediction, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariance / np.sqrt(variance_truth * variance_prediction))


def ccc(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Concordance correlation of two (N,) series (Lin 1989): 1 only where they are equal; NaN where both are constant
    and equal."""
    covariance, variance_truth, variance_prediction, gap = _moments(truth, prediction, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * covariance / (variance_truth + variance_prediction + gap**2))


def _moments(
    truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Covariance, the two variances, and the difference of the means."""
    x, y = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    shift = x.mean() - y.mean()
    x, y = x - x.mean(), y - y.mean()  # so that differences of mean squares stay exact
    mean_x, mean_y = mean(x, weights), mean(y, weights)
    covariance = mean(x * y, weights) - mean_x * mean_y
    variance_x, variance_y = (np.maximum(mean(v * v, weights) - m**2, 0) for v, m in ((x, mean_x), (y, mean_y)))
    return covariance, variance_x, variance_y, shift + mean_x - mean_y


def accuracy(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of (N,) class indices that agree."""
    return mean(np.asarray(truth == prediction), weights)


def recalls(
    truth: np.ndarray, prediction: np.ndarray, num_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """(C,) or (R, C) share of each true class that was found; NaN for a class that never occurs."""
    weights = np.ones(len(truth)) if weights is None else weights
    is_class = truth[:, None] == np.arange(num_classes)
    count, right = weights @ is_class, weights @ (is_class & (truth == prediction)[:, None])
    return np.where(count > 0, right / np.maximum(count, 1e-12), np.nan)


def quantile(values: np.ndarray, share: float, weights: np.ndarray | None = None) -> np.ndarray:
    """The value that `share` of the (N,) values do not exceed; between two values only where all count once."""
    if weights is None:
        return np.asarray(np.quantile(values, share))
    order = np.argsort(values)
    reached = np.cumsum(weights[..., order], -1)
    found = values[order][(reached >= share * reached[..., -1:]).argmax(-1)]
    return np.where(reached[..., -1] > 0, found, np.nan)


def nme(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(N,) mean landmark error of faces (N, 68, 2) as a share of the distance of the outer eye corners."""
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    return np.linalg.norm(prediction - truth, axis=2).mean(1) / eyes
