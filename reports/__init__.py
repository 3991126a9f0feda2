"""Tables, figures and statistics from run folders."""

REPORTS = {
    "table2": "test error on S1-S4 with CIFAR-10, CIFAR-100 and SVHN",
    "table3": "CIFAR-10 and CIFAR-100 in DARTS's space: parameters, error, cost",
    "table4": "transfer to ImageNet",
    "table5": "variants of ZARTS: parameters, error, cost, memory",
    "supp-table1": "ablations over N and M",
    "supp-table2": "test error on S1-S4 with large networks: best, and mean with deviation",
    "supp-table3": "searches on ImageNet itself",
    "supp-table4": "NAS-Bench-201",
    "statistics": "test errors with intervals, seeds needed, ranks, wins, paired tests, of any runs",
    "figures": "convergence, effective sample size, ablations, cost, ranks, landscapes: PNG and PDF",
    "all": "everything",
}
"""The reports by name: what each shows."""
