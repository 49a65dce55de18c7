"""Runs trials on workers that are jobs of Slurm: `python jobqueue.py '2c/*' --reading plain-error`."""

import subprocess
import sys

from dask_jobqueue import SLURMCluster

# A job has 16 workers, each of one process and one thread. REPRO_CACHE is where they keep compiled kernels.
with SLURMCluster(
    cores=16, processes=16, memory="16GB", walltime="08:00:00", job_script_prologue=["export REPRO_CACHE=$HOME/kernels"]
) as cluster:
    cluster.scale(jobs=10)
    command = ["repro", "run", *sys.argv[1:], "--engine", f"dask:{cluster.scheduler_address}"]
    sys.exit(subprocess.run(command).returncode)
