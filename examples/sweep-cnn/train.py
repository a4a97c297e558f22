"""A small CNN on Fashion-MNIST whose learning rate, width and optimizer come from outside, for `baton sweep`.

It reports the accuracy on test images after each epoch, with the epoch as the step, and goes on from its checkpoint.
"""

import gzip
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import baton

EPOCHS = baton.params.get("epochs", 3)
LIMIT = baton.params.get("limit", 6000)
LR = baton.params.get("lr", 0.05)
WIDTH = baton.params.get("width", 16)
OPTIMIZER = baton.params.get("optimizer", "sgd")
MOMENTUM = baton.params.get("momentum", 0.0)
SEED = baton.params.get("seed", 1)
BATCH = 50

DATA = Path("/data") if Path("/data").is_dir() else Path(__file__).parent.parent / "fashion-cnn" / "data"
STATE = baton.checkpoint_dir / "state.pt"


def read_idx(name, shape):
    """A gzipped IDX file as a tensor of bytes (http://yann.lecun.com/exdb/mnist describes the format)."""
    with gzip.open(DATA / name) as file:
        content = bytearray(file.read())
    header = 4 + 4 * content[3]  # the fourth byte is the number of dimensions, each a 32-bit size
    return torch.frombuffer(content, dtype=torch.uint8, offset=header).reshape(shape)


def load(prefix, limit):
    images = read_idx(f"{prefix}-images-idx3-ubyte.gz", (-1, 1, 28, 28))[:limit]
    labels = read_idx(f"{prefix}-labels-idx1-ubyte.gz", (-1,))[:limit]
    return (images.float() / 255 - 0.286) / 0.353, labels.long()  # mean and deviation of the training images


def make_optimizer(model):
    if OPTIMIZER == "adam":
        return torch.optim.Adam(model.parameters(), lr=LR)
    return torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(500), labels.split(500)))
    return right / len(labels)


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # two trials share the machine
    model = nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(WIDTH, 2 * WIDTH, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(2 * WIDTH * 7 * 7, 10),
    )
    optimizer = make_optimizer(model)
    images, labels = load("train", LIMIT)
    test = load("t10k", 2000)
    done = 0
    if STATE.exists():
        state = torch.load(STATE)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["epochs"]
        print(f"going on after epoch {done}", flush=True)
    for epoch in range(done, EPOCHS):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(SEED * 1000 + epoch))
        model.train()
        for pick in order.split(BATCH):
            if baton.should_stop():
                return  # the epoch is begun anew from the checkpoint
            optimizer.zero_grad()
            F.cross_entropy(model(images[pick]), labels[pick]).backward()
            optimizer.step()
        right = accuracy(model, *test)
        print(f"epoch {epoch + 1}/{EPOCHS}  accuracy {right:.2%}", flush=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epochs": epoch + 1}
        baton.save(STATE.name, lambda file, state=state: torch.save(state, file))
        baton.report(step=epoch + 1, accuracy=right)
        baton.commit()


if __name__ == "__main__":
    main()
