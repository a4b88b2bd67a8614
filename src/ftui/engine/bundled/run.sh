#!/bin/sh
# Trains the job in this folder. On one machine:      ./run.sh
# On several (the same folder on all of them):        NODES=2 NODE_RANK=0 MASTER=host-of-rank-0 ./run.sh
# They wait 10 minutes for each other; more or less with MEETING_SECONDS=1800.
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
: "${NODES:=1}" "${NODE_RANK:=0}" "${MASTER:=127.0.0.1}" "${MASTER_PORT:=29541}" "${MEETING_SECONDS:=600}"
if [ "$NODES" -gt 1 ]; then
    echo "Machine $NODE_RANK of $NODES: waits at most $MEETING_SECONDS s for all to meet at $MASTER port $MASTER_PORT" >&2
    set -- --nnodes "$NODES" --node-rank "$NODE_RANK" --master-addr "$MASTER" --master-port "$MASTER_PORT" \
        --rdzv-conf "timeout=$MEETING_SECONDS"
else
    # One machine finds a free port itself.
    set -- --standalone
fi
exec "$python" -m torch.distributed.run "$@" --nproc-per-node "$PROCESSES" \
    -m ftui.engine.trainer "$PWD/jobs/@JOB@" @ATTEMPT@
