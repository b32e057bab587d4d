"""Torch modules of the forms that the converter reads, with weights and statistics as after training."""

import torch
from torch import nn
from torch.nn import functional


def settled(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with weights and batch norm statistics drawn by seed, ready to answer."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight)
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.2)
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for values, low, high in ((part.running_mean, -0.5, 0.5), (part.running_var, 0.5, 2)):
                if values is not None:
                    nn.init.uniform_(values, low, high)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, std=0.3)
    return module.eval()


class Squeeze(nn.Module):
    """Squeeze-excite as MobileNetV3 has it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.less = nn.Linear(channels, 4)
        self.more = nn.Linear(4, channels)

    def forward(self, x):
        gate = functional.relu(self.less(self.pool(x).flatten(1)))
        return x * functional.hardsigmoid(self.more(gate)).view(x.size(0), -1, 1, 1)


class Rich(nn.Module):
    """One of everything, for pictures 3 x 16 x 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.dw = nn.Conv2d(8, 16, (5, 3), padding="same", groups=8)
        self.relu = nn.ReLU6()
        self.squeeze = Squeeze(16)
        self.grouped = nn.Conv2d(16, 16, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(16)
        self.largest = nn.MaxPool2d(3, 2, 1)
        self.up = nn.Upsample(scale_factor=2)
        self.late_norm = nn.BatchNorm2d(16)
        self.head = nn.Linear(32 * 4 * 4 + 16, 10)

    def forward(self, x):
        x = self.squeeze(self.relu(self.dw(self.stem(x))))
        y = self.relu(self.norm(self.grouped(x)) + x)
        joined = torch.cat([self.up(self.largest(y)), functional.silu(y)], 1)
        flat = functional.avg_pool2d(joined, 2).flatten(1)
        both = torch.cat([flat, self.late_norm(y).mean((2, 3))], 1)
        return functional.log_softmax(self.head(functional.dropout(both, 0.5, self.training)), 1)


class Signal(nn.Module):
    """Over time, windows given as [N, 50, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ConstantPad1d((2, 2), 0.0), nn.Conv1d(6, 8, 5, 2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(8, 8, 3, groups=8), nn.ReLU(), nn.AvgPool1d(2),
        )  # fmt: skip
        self.head = nn.Linear(8 * 5, 5)

    def forward(self, x):
        return self.head(torch.flatten(self.features(x.permute(0, 2, 1)), 1)).softmax(-1)


class Decoder(nn.Module):
    """A convolutional autoencoder for pictures 1 x 8 x 8."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 4, 3, 2, 1)
        self.code = nn.Linear(64, 8)
        self.wide = nn.Linear(8, 64)
        self.out = nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, x):
        x = self.code(self.down(x).relu().flatten(1))
        x = functional.relu(self.wide(functional.relu(x))).view(-1, 4, 4, 4)
        return self.out(functional.interpolate(x, scale_factor=2))
