#!/usr/bin/python3
"""Trains the demo model on scikit-learn's handwritten digits and exports it with its BatchNorms.

usage: make_digits.py [OUTDIR]   writes digits.onnx and digits_test.npz, next to this script by default

Seeds, data order and split are fixed and one thread computes, so a second run on the same machine gives the
same bytes.
"""

import os
import sys
import zipfile

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from modelgen import describe, export, seed_all

INPUT = "image"
EPOCHS = 40
BATCH = 64


class Digits(nn.Module):
    """Three Conv+BN+ReLU blocks, one with groups and one without bias, and a Linear+BatchNorm1d head."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
            nn.MaxPool2d(2))
        self.head = nn.Sequential(
            nn.Linear(48 * 2 * 2, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, 10))

    def forward(self, x):
        return self.head(torch.flatten(self.features(x), 1))


def load_split():
    digits = load_digits()
    images = (digits.images[:, None, :, :] / 16.0).astype(np.float32)
    labels = digits.target.astype(np.int64)
    return train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)


def train(model, images, labels):
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    loss_of = nn.CrossEntropyLoss()
    model.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss_of(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def save_npz(path, arrays):
    """np.savez without its time stamps, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as out:
                np.lib.format.write_array(out, np.ascontiguousarray(array), allow_pickle=False)


def main(argv):
    outdir = argv[1] if len(argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    os.makedirs(outdir, exist_ok=True)
    seed_all("digits")
    torch.use_deterministic_algorithms(True)
    train_images, test_images, train_labels, test_labels = load_split()
    model = Digits()
    train(model, torch.from_numpy(train_images), torch.from_numpy(train_labels))

    with torch.no_grad():
        predicted = model(torch.from_numpy(test_images)).argmax(1).numpy()
    right = int((predicted == test_labels).sum())
    print(f"test accuracy {100.0 * right / len(test_labels):.2f} % ({right} of {len(test_labels)})")

    path = os.path.join(outdir, "digits.onnx")
    export(model, torch.from_numpy(test_images[:2]), path, dynamic_batch=True, input_name=INPUT,
           output_name="logits")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    save_npz(os.path.join(outdir, "digits_test.npz"), {INPUT: test_images, "labels": test_labels})
    print(describe(path))
    return 0 if right >= 0.97 * len(test_labels) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
