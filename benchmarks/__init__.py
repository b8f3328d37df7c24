"""How fast the package is, beside PyTorch and other engines: `make bench`, or `python -m benchmarks --help`.

A *workload* is one training step of one network on one batch; an *engine* is a library that can take that step. Each
engine runs in a process of its own, all of them by turns in one run, and what counts is the ratio of their times.

    workload   what a workload is, and how its matrix products are counted
    mlp, ...   one family of workloads in each file: a function for the arrays, a function for each engine
    composed   engines that take a formula in NumPy's own functions
    engines    who is compared, and what they need
    plant      the same initial weights in every engine
    worker     the process in which one engine takes its steps
    race       many such processes by turns: do their losses agree, how do their times compare
    report     the table, and `_build/bench.json`

To add a workload, write its family file (`mlp` is the pattern) and name it in `FAMILIES` below. A family needs

- a function that returns data and initial weights as NumPy arrays, all drawn from the `rng` it is given;
- for each engine a function `in_ENGINE(**those arrays)` that imports its library *inside*, builds network and optimiser
  once, and returns `step`: a function that takes one training step and returns the loss as a Python float;
- the floating-point operations of the step's matrix products, counted with `workload.product_flops`;
- a list `WORKLOADS`.

An engine that cannot take the step, or not in fair shape, is left out of that workload.
"""

from . import charlstm, ddpm, gpt, lenet, mlp, residual, unet

FAMILIES = (mlp, lenet, residual, charlstm, gpt, ddpm, unet)
WORKLOADS = {workload.name: workload for family in FAMILIES for workload in family.WORKLOADS}
