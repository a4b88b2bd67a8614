#!/bin/sh
# Trains the job in this folder. On one machine:      ./run.sh
# On several (the same folder on all of them):        NODES=2 NODE_RANK=0 MASTER=host-of-rank-0 ./run.sh
# Only make the environment, once:                    ./run.sh --prepare
# With a Python that has all of constraints.txt:      PYTHON=/that/python READY=1 ./run.sh
set -eu
cd "$(dirname "$0")"
if [ -n "${READY:-}" ]; then
    python=$PYTHON
else
    python=$PWD/env/bin/python
    if [ ! -e env/ready ]; then
        "${PYTHON:-python3}" -m venv env
        # PyTorch first: what is behind it must not choose another build.
        env/bin/pip install -c constraints.txt torch
        env/bin/pip install -c constraints.txt -r requirements.txt
        : > env/ready
    fi
fi
[ "${1:-}" != --prepare ] || exit 0
# As many processes as there are GPUs, one where there is none.
if [ -z "${PROCESSES:-}" ]; then
    PROCESSES=$("$python" -c 'import torch; print(max(torch.cuda.device_count(), 1))')
fi
export PYTHONPATH="$PWD/code" PYTHONNOUSERSITE=1 TOKENIZERS_PARALLELISM=false HF_HUB_DISABLE_TELEMETRY=1
exec "$python" -m torch.distributed.run --nnodes "${NODES:-1}" --node-rank "${NODE_RANK:-0}" \
    --nproc-per-node "$PROCESSES" --master-addr "${MASTER:-127.0.0.1}" --master-port "${MASTER_PORT:-29541}" \
    -m ftui.engine.trainer "$PWD/jobs/@JOB@" @ATTEMPT@
