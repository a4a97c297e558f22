"""A small CNN that learns to tell ten kinds of clothes apart (Fashion-MNIST), and that any machine may drop.

However often it is preempted or killed, it ends with the same weights, bit for bit, as a run that nobody disturbed.
Three things make that so: everything that the next batch depends on is in the checkpoint, the order of the images
follows from (seed, epoch) alone, and torch is told to compute the same thing in the same way every time.
"""

import gzip
import json
import math
import os
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import baton

EPOCHS = baton.params.get("epochs", 4)
LR = baton.params.get("lr", 0.05)
BATCH = baton.params.get("batch", 50)
LIMIT = baton.params.get("limit", 12_000)  # training images used, of 60,000
SEED = baton.params.get("seed", 1)
EVERY = baton.params.get("every", 20)  # batches from one log line, checkpoint and commit to the next

DATA = Path("/data") if Path("/data").is_dir() else Path(__file__).parent / "data"
STATE = baton.checkpoint_dir / "state.pt"
LOG = baton.results_dir / "log.csv"


def read_idx(name, shape):
    """A gzipped IDX file as a tensor of bytes (http://yann.lecun.com/exdb/mnist describes the format)."""
    with gzip.open(DATA / name) as file:
        content = bytearray(file.read())
    header = 4 + 4 * content[3]  # the fourth byte is the number of dimensions, each a 32-bit size
    return torch.frombuffer(content, dtype=torch.uint8, offset=header).reshape(shape)


def load(prefix, limit=None):
    images = read_idx(f"{prefix}-images-idx3-ubyte.gz", (-1, 1, 28, 28))
    labels = read_idx(f"{prefix}-labels-idx1-ubyte.gz", (-1,))
    return images[:limit], labels[:limit].long()


def scaled(images):
    return (images.float() / 255 - 0.286) / 0.353  # mean and deviation of the training images


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.dropout = nn.Dropout(0.2)
        self.hidden = nn.Linear(32 * 7 * 7, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.out(F.relu(self.hidden(self.dropout(x.flatten(1)))))


class Training:
    """The model and all that its next step depends on."""

    def __init__(self):
        torch.manual_seed(SEED)
        self.model = Net()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LR, momentum=0.9)
        self.epoch = self.batch = self.step = 0
        self.loss_sum = 0.0  # since the last log line
        self.log_size = 0

    def save(self):
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),  # dropout draws from it
            "position": [self.epoch, self.batch, self.step, self.loss_sum, self.log_size],
        }
        baton.save(STATE.name, lambda file: torch.save(state, file))

    def resume(self):
        state = torch.load(STATE)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.epoch, self.batch, self.step, self.loss_sum, self.log_size = state["position"]

    def log(self, line):
        """Appends a line and remembers where the log ends: what is beyond that at a resume was not saved with us."""
        with open(LOG, "a") as file:
            file.write(line + "\n")
        self.log_size = os.path.getsize(LOG)

    def learn(self, images, labels, total):
        # One cycle up and down over the whole training; it follows from the step alone, so nothing to save.
        progress = self.step / total
        for group in self.optimizer.param_groups:
            group["lr"] = LR * min(10 * progress + 0.1, 0.5 * (1 + math.cos(math.pi * progress)))
        self.model.train()
        loss = F.cross_entropy(self.model(scaled(images)), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.loss_sum += loss.item()
        self.batch += 1
        self.step += 1


def commit():
    try:
        baton.commit()
    except baton.CommitError as error:  # the last commit is still good, so go on
        print(f"no commit: {error}", flush=True)


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        right = sum(
            (model(scaled(x)).argmax(1) == y).sum().item() for x, y in zip(images.split(500), labels.split(500))
        )
    return right / len(labels)


def train(training, images, labels, test):
    """True when all is learnt, False when the machine goes away first."""
    batches = len(images) // BATCH
    while training.epoch < EPOCHS:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(SEED * 1000 + training.epoch))
        while training.batch < batches:
            if baton.should_stop():
                return False
            pick = order[training.batch * BATCH:(training.batch + 1) * BATCH]
            training.learn(images[pick], labels[pick], total=EPOCHS * batches)
            if training.step % EVERY == 0:
                loss = training.loss_sum / EVERY
                training.loss_sum = 0.0
                training.log(f"{training.step},{training.epoch + 1},{loss:.6f}")
                baton.report(step=training.step, loss=loss)
                training.save()
                commit()
                print(f"epoch {training.epoch + 1}/{EPOCHS}  step {training.step}  loss {loss:.3f}", flush=True)
        right = accuracy(training.model, *test)
        baton.report(step=training.step, accuracy=right)
        print(f"epoch {training.epoch + 1}/{EPOCHS}  accuracy {right:.2%} on {len(test[1])} test images", flush=True)
        training.epoch += 1
        training.batch = 0
        training.save()
    return True


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)  # sums depend on how they are split; a fixed number also on larger machines
    training = Training()
    if STATE.exists():
        training.resume()
        os.truncate(LOG, training.log_size)
        print(f"going on from step {training.step} (attempt {baton.attempt})", flush=True)
    else:
        LOG.write_text("")
        training.log("step,epoch,loss")
    test = load("t10k")
    if not train(training, *load("train", LIMIT), test):
        training.save()
        print(f"stopping at step {training.step}", flush=True)
        return
    with baton.atomic_write(baton.results_dir / "model.pt") as file:
        torch.save(training.model.state_dict(), file)
    final = {"accuracy": accuracy(training.model, *test), "steps": training.step}
    with baton.atomic_write(baton.results_dir / "summary.json", "w") as file:
        json.dump(final, file)
    print(f"final accuracy {final['accuracy']:.2%}")


if __name__ == "__main__":
    main()
