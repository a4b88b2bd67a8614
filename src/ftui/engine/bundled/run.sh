#!/bin/sh
# Trains the job in this folder. On one machine:      ./run.sh
# On several (the same folder on all of them):        NODES=2 NODE_RANK=0 MASTER=host-of-rank-0 ./run.sh
# They wait 10 minutes for each other; more or less with MEETING_SECONDS=1800.
# Only make the environment, once:                    ./run.sh --prepare
# It can be started again after it was stopped, and goes on from its last checkpoint.
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
# As many processes as there are GPUs, one where there is none; PROCESSES=4 says otherwise.
export PYTHONPATH="$PWD/code" PYTHONNOUSERSITE=1 TOKENIZERS_PARALLELISM=false HF_HUB_DISABLE_TELEMETRY=1
exec "$python" -m ftui.engine.elsewhere "$PWD/jobs/@JOB@" @ATTEMPT@
