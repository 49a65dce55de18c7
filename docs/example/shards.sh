#!/bin/bash
#SBATCH --job-name=repro
#SBATCH --array=1-100
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=1G
#SBATCH --time=08:00:00
# What is to be run stands behind the name of this file:
#
#     sbatch shards.sh '2c/*' --reading plain-error
set -euo pipefail
SHARDS=100 # as many as the array has; it stays the same if only some tasks of it are submitted again
repro run "$@" --jobs "$SLURM_CPUS_PER_TASK" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --results "shards/$SLURM_ARRAY_TASK_ID"
