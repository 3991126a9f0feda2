"""The plain references arranged as the published code is (DARTS, ZARTS): per-tensor clipping and SGD, candidates by
state_dict, losses and accuracies fetched at every step."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn


class Published:
    def __init__(self, net, gates, lr=0.025, momentum=0.9, decay=3e-4):
        self.net, self.alpha = net.train(), gates.detach().log().requires_grad_()
        self.lr, self.momentum, self.decay = lr, momentum, decay
        self.optimizer = self._sgd()

    def _sgd(self):
        return torch.optim.SGD(self.net.parameters(), self.lr, self.momentum, weight_decay=self.decay, foreach=False)

    def loss(self, net, batch):
        images, labels = batch
        logits = net(images, self.alpha.softmax(1))
        return F.cross_entropy(logits, labels), logits

    def weight_step(self, batch):
        self.optimizer.zero_grad()
        loss, logits = self.loss(self.net, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0, foreach=False)
        self.optimizer.step()
        return loss.item(), (logits.argmax(1) == batch[1]).float().mean().item()

    def alpha_gradient(self, valid):
        self.optimizer.zero_grad()
        self.loss(self.net, valid)[0].backward()

    def second_order(self, train, valid):
        """DARTS architect.py: a new model at w', then two more gradients of alpha at w +- eps v."""
        gradients = torch.autograd.grad(self.loss(self.net, train)[0], self.net.parameters(), allow_unused=True)
        unrolled = copy.deepcopy(self.net)
        unrolled.load_state_dict(self.net.state_dict())
        with torch.no_grad():
            for p, g in zip(unrolled.parameters(), gradients, strict=True):
                state = self.optimizer.state.get(p, {}).get("momentum_buffer", torch.zeros_like(p))
                p.sub_(self.momentum * state + g + self.decay * p, alpha=self.lr)
        self.loss(unrolled, valid)[0].backward()
        v = [p.grad for p in unrolled.parameters()]
        epsilon = 0.01 / torch.cat([g.reshape(-1) for g in v]).norm()
        for factor in (1, -2, 1):
            with torch.no_grad():
                for p, g in zip(self.net.parameters(), v, strict=True):
                    p.add_(g, alpha=float(factor * epsilon))
            if factor != 1 or self.alpha.grad is not None:
                torch.autograd.grad(self.loss(self.net, train)[0], self.alpha)

    def candidates(self, count, train, valid):
        """ZARTS train_search.py: each candidate from a saved state_dict, fine-tuned, scored; then all put back."""
        weights, state = copy.deepcopy(self.net.state_dict()), copy.deepcopy(self.optimizer.state_dict())
        for _ in range(count):
            self.net.load_state_dict(weights)
            self.optimizer.load_state_dict(copy.deepcopy(state))
            for batch in train:
                self.weight_step(batch)
            with torch.no_grad():
                self.loss(self.net, valid)[0].item()
        self.net.load_state_dict(weights)
        self.optimizer.load_state_dict(state)

    @torch.no_grad()
    def validate(self, batch):
        self.net.eval()
        self.loss(self.net, batch)[0].item()
        self.net.train()


class PublishedTraining:
    """DARTS train.py: a final network with drop-path, a mask for each edge, and an auxiliary head."""

    def __init__(self, net, rate, lr=0.025, momentum=0.9, decay=3e-4):
        self.net, self.keep = net, 1 - rate
        self.edges = sum(len(cell.ops) for cell in net.cells)
        self.optimizer = torch.optim.SGD(net.parameters(), lr, momentum, weight_decay=decay, foreach=False)

    def step(self, batch):
        images, labels = batch
        self.net.train()
        self.optimizer.zero_grad()
        masks = torch.stack(
            [torch.empty(len(images), 1, 1, 1, device=images.device).bernoulli_(self.keep) for _ in range(self.edges)]
        )
        logits, auxiliary = self.net(images, self.keep, masks)
        loss = F.cross_entropy(logits, labels) + 0.4 * F.cross_entropy(auxiliary, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0, foreach=False)
        self.optimizer.step()
        correct = logits.topk(5, 1).indices == labels[:, None]
        return loss.item(), correct[:, :1].sum().item(), correct.sum().item()

    @torch.no_grad()
    def test(self, batch):
        images, labels = batch
        self.net.eval()
        logits = self.net(images)
        correct = logits.topk(5, 1).indices == labels[:, None]
        return F.cross_entropy(logits, labels).item(), correct[:, :1].sum().item(), correct.sum().item()
