"""What stands for CUDA graphs where there is no GPU: a pass that runs again on fixed memory."""

from __future__ import annotations

from torch.autograd.graph import saved_tensors_hooks

from methods.training import graphs


class Recorder:
    """Records as `graphs.record` does, but for the graph; `tamper` is done to what every replay puts out."""

    def __init__(self, tamper=lambda output: output):
        self.tamper, self.made, self.replays = tamper, 0, 0

    def __call__(self, run, inputs):
        self.made += 1
        fixed = [x.clone() for x in inputs]
        outputs = run(*fixed)

        def replay(*inputs):
            self.replays += 1
            for tensor, x in zip(fixed, inputs, strict=True):
                tensor.copy_(x)
            with saved_tensors_hooks(lambda x: x, lambda x: x):  # a graph has no hooks
                again = run(*fixed)
            for tensor, x in zip(outputs, again, strict=True):
                tensor.copy_(x)
            return tuple(self.tamper(output.clone()) for output in outputs)

        return replay


def recorded_by(recorder, replace):
    """Lets passes on a CPU be recorded, by this recorder; replace(module, name, value) puts it there."""
    replace(graphs, "wanted", lambda device: True)
    replace(graphs, "record", recorder)
    return recorder


def one_after_the_other(score, scratch, alphas, activations):
    """As on a GPU."""
    return [score(scratch, alpha) for alpha in alphas]
