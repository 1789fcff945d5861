#!/bin/sh
# Has Autobahn's fuzzing client try the WebSocket layer, and compares its verdict with verdict.json.
#
# autobahntestsuite runs on Python 2.7 only: name one with PYTHON2 (pyenv has it: `pyenv install 2.7.18`). It is
# installed once, into target/autobahn. BLESS=1 writes the verdict down; CASES='1.*' tries some of the cases.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
environment=$root/target/autobahn
python=${PYTHON2:-$(ls "$HOME"/.pyenv/versions/2.7.*/bin/python 2>/dev/null | tail -n 1)}
if [ ! -x "$environment/bin/wstest" ]; then
    if [ -z "$python" ]; then
        echo "no Python 2.7 is found: name one with PYTHON2" >&2
        exit 1
    fi
    "$python" -m pip install --quiet --target "$environment/virtualenv" virtualenv==20.15.1
    PYTHONPATH="$environment/virtualenv" "$python" -m virtualenv --quiet "$environment"
    "$environment/bin/pip" install --quiet autobahntestsuite==25.10.1
fi
cd "$root"
WSTEST=$environment/bin/wstest exec cargo test --release -p mirrorball-server --features autobahn --lib autobahn -- --nocapture
