"""The paper's figures, RMSE (1), SAGR (2), PCC (3), CCC (4), and accuracy, recall and landmark error.

numpy, float64, population moments.
"""

import numpy as np


def rmse(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Root mean square error of two (N,) series."""
    return float(np.sqrt(np.mean((prediction - truth) ** 2)))


def sagr(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Share of (N,) predictions with the sign of the truth; zero has a sign of its own."""
    return float(np.mean(np.sign(prediction) == np.sign(truth)))


def pcc(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Pearson correlation of two (N,) series; NaN where one is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(truth, prediction)[0, 1])


def ccc(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Concordance correlation of two (N,) series (Lin 1989): 1 only where they are equal."""
    truth, prediction = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    covariance = np.mean((truth - truth.mean()) * (prediction - prediction.mean()))
    return float(2 * covariance / (truth.var() + prediction.var() + (truth.mean() - prediction.mean()) ** 2))


def accuracy(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Share of (N,) class indices that agree."""
    return float(np.mean(truth == prediction))


def recalls(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> np.ndarray:
    """(num_classes,) share of each true class that was found; NaN for a class that never occurs."""
    counts = np.bincount(truth, minlength=num_classes)
    right = np.bincount(truth[truth == prediction], minlength=num_classes)
    return np.where(counts > 0, right / np.maximum(counts, 1), np.nan)


def nme(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(N,) mean landmark error of faces (N, 68, 2) as a share of the distance of the outer eye corners."""
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    return np.linalg.norm(prediction - truth, axis=2).mean(1) / eyes
