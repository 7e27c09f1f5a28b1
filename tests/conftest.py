import os

# before torch: forked children of a process with OpenMP threads hang, and two cores are soon full
os.environ["OMP_NUM_THREADS"] = "1"
# else numba, which UMAP loads, gives torch as many threads as there are cores, in the middle of the tests
os.environ["NUMBA_NUM_THREADS"] = "1"
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ.pop("DVC_ROOT", None)
os.environ.pop("DVC_STAGE", None)
