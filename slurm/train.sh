#!/bin/bash
# Folds x stages: a fold's next stage begins when this fold's last one has ended well, whatever the other folds do.
#   slurm/train.sh 0-4 net_d121_stage1/r31_train.py net_d121_stage2_auc/r31_train.py net_d121_stage3_tier1/r31_train.py
#   SBATCH_PARTITION=gpu SBATCH_ACCOUNT=lab slurm/train.sh ...          where the jobs go; options of the scripts after --
set -euo pipefail
folds=${1:?name the folds, such as 0-4, and the training scripts, in their order} scripts=() before=()
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do scripts+=("$1"); shift; done
[ ${#scripts[@]} -gt 0 ] || { echo "slurm/train.sh: name the training scripts behind the folds, in their order" >&2; exit 2; }
for script in "${scripts[@]}"; do
    job=$(sbatch --parsable --array="$folds" "${before[@]}" slurm/train.sbatch "$script" "${@:2}")
    echo "$script: job $job"
    before=(--dependency="aftercorr:${job%%;*}" --kill-on-invalid-dep=yes)
done
