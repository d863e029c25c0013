"""A dataset written by all ranks at once: mpirun -n 4 python3 dataset_with_mpi4py.py waves.h5"""
import sys, h5py, numpy as np
from mpi4py import MPI

comm, n = MPI.COMM_WORLD, 1000  # rows of every rank
with h5py.File(sys.argv[1], "w", driver="mpio", comm=comm) as f:  # what follows down to x, y is the same on all ranks
    f.attrs["glia_kind"] = "dataset"
    f.attrs["glia_format"] = 1
    x = f.create_dataset("train/x", (n * comm.size, 16), "f4")
    y = f.create_dataset("train/y", (n * comm.size,), "i4")
    mine = slice(n * comm.rank, n * (comm.rank + 1))
    label = np.arange(n) % 2
    x[mine] = np.sin(np.arange(16) * (1 + label[:, None])) + 0.1 * np.random.default_rng(comm.rank).normal(size=(n, 16))
    y[mine] = label
