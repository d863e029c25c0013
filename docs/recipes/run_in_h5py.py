"""What a run has come to, in h5py: python3 run_in_h5py.py run/step-0000000100.h5"""
import sys, h5py, numpy as np

with h5py.File(sys.argv[1]) as f:
    print("step", f["run"].attrs["step"], "seed", f["run"].attrs.get("seed"))
    print(f["config"][()].decode())

    def show(path, array):
        if isinstance(array, h5py.Dataset):
            v = array[()]
            print(f"{path} {v.dtype} {v.shape} norm {np.linalg.norm(v):.4f}")

    f["params"].visititems(show)
