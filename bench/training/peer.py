"""The peer of the training benchmark: torchvision's networks trained by PyTorch eager, one step at a time.

Reads requests from standard input, one a line: `network batch size steps`. Answers each with the seconds that the steps took,
once for the default memory format and once for channels-last.
"""
import sys
import time

import torch
import torchvision
from torchvision.models import VisionTransformer

CLASSES = 7


def create(name, size):
    if name == "vit_tiny":
        return VisionTransformer(size, 8, 12, 3, 192, 768, num_classes=CLASSES)
    return getattr(torchvision.models, name)(num_classes=CLASSES)


class Training:
    def __init__(self, name, batch, size, memory_format):
        torch.manual_seed(1)
        self.network = create(name, size).to(memory_format=memory_format).train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)
        self.images = torch.randn(batch, 3, size, size).contiguous(memory_format=memory_format)
        self.labels = torch.randint(0, CLASSES, (batch,))

    def steps(self, count):
        start = time.perf_counter()
        for _ in range(count):
            loss = torch.nn.functional.cross_entropy(self.network(self.images), self.labels)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            loss.item()
        return time.perf_counter() - start


torch.set_num_threads(int(sys.argv[1]))
print(f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}", flush=True)
trainings = {}
for line in sys.stdin:
    name, batch, size, count = line.split()
    key = (name, batch, size)
    if key not in trainings:
        if len(trainings) > 0:
            trainings.clear()
        trainings[key] = [
            Training(name, int(batch), int(size), f) for f in (torch.contiguous_format, torch.channels_last)
        ]
    print(" ".join(str(t.steps(int(count))) for t in trainings[key]), flush=True)
