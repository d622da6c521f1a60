#!/bin/bash
# Outputs that cannot be written, that are the input in disguise, and programs that are stopped at any moment: an older
# file stays whole, nothing half-written is left, and the exit status tells.
#
# usage: files.sh BNFOLD [CASE …]          ends with `N passed, N failed`; SEED, REPEAT (100) for the signals, CC
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
BNFOLD=$(realpath "$1") || exit 2
shift
SEED=${SEED:-1} REPEAT=${REPEAT:-100} PYTHON=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d) || exit 2
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
passed=0 failed=0
# In front of a command, this lets the settings of preload/calls.c take effect.
calls=(env "LD_PRELOAD=$work/calls.so" "ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0")

# say SENTENCE: what went wrong; the case goes on and has failed
say()
{
    echo "  $*"
    wrong=1
}

# expect STATUS COMMAND …: runs it with its output put away
expect()
{
    local wanted=$1 status
    shift
    "$@" >stdout 2>stderr
    status=$?
    [ "$status" -eq "$wanted" ] || say "exit status $status instead of $wanted: $* ($(tr '\n' ' ' <stderr | tail -c 300))"
}

# told WORDS: the message has them
told()
{
    grep -q -- "$1" stderr || say "does not say '$1': $(cat stderr)"
}

# only FILE …: the folder has these files and those that a case itself leaves (stdout, stderr), no temporary ones
only()
{
    local found
    found=$(find . -mindepth 1 ! -name stdout ! -name stderr | sed 's:^\./::' | sort | tr '\n' ' ')
    [ "$found" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ] || say "the folder has: $found"
}

# ---- short writes and full disks

# Under a limit of the file's size every write is cut short at it, then fails.
case_file_size_limit()
{
    local size kib status
    cp "$work/large.onnx" m.onnx
    echo old >o.onnx
    size=$(stat -c %s "$work/large.folded.onnx")
    for kib in 1 4 $((size / 3072)) $((size / 1024)); do
        (ulimit -f "$kib" && trap '' XFSZ && "$BNFOLD" m.onnx -o o.onnx --check=none) >/dev/null 2>stderr
        status=$?
        [ $status -eq 2 ] || say "exit status $status at $kib KiB"
        told "cannot write 'o.onnx': File too large"
        [ "$(cat o.onnx)" = old ] || say "the old file is gone"
    done
    only m.onnx o.onnx
}

# The same when the signal of that limit was not ignored before.
case_file_size_signal()
{
    cp "$work/large.onnx" m.onnx
    echo old >o.onnx
    expect 2 bash -c "ulimit -c 0 -f 4; trap - XFSZ; exec '$BNFOLD' m.onnx -o o.onnx --check=none"
    told "cannot write 'o.onnx': File too large"
    [ "$(cat o.onnx)" = old ] || say "the old file is gone"
    only m.onnx o.onnx
}

case_full_device()
{
    cp "$work/small.onnx" m.onnx
    expect 2 sh -c "'$BNFOLD' m.onnx -o - >/dev/full"
    told "No space left on device"
    expect 2 sh -c "'$BNFOLD' plan m.onnx >/dev/full"
    told "cannot write the report"
    expect 2 "$BNFOLD" m.onnx -o /dev/full
    told "not a regular file"
    only m.onnx
}

case_full_disk()
{
    [ "$(id -u)" -eq 0 ] && mkdir disk && mount -t tmpfs -o size=64k none disk 2>/dev/null || { rmdir disk 2>/dev/null; return; }
    cp "$work/large.onnx" m.onnx
    echo old >disk/o.onnx
    expect 2 "$BNFOLD" m.onnx -o disk/o.onnx
    told "No space left on device"
    expect 2 "$BNFOLD" convert m.onnx -o disk/o.json
    expect 2 "$BNFOLD" run m.onnx -o disk/o.npz --samples=8
    for settings in CALLS_NO_TMPFILE=1 CALLS_NO_TMPFILE=0; do
        expect 2 "${calls[@]}" $settings "$BNFOLD" m.onnx -o disk/o.onnx --external-data=always
        told "cannot write 'disk/o.onnx.data': No space left on device"
        expect 2 "${calls[@]}" $settings "$BNFOLD" m.onnx -o disk/o.onnx --check=none
        told "cannot write 'disk/o.onnx': No space left on device"
    done
    [ "$(ls -A disk)" = o.onnx ] && [ "$(cat disk/o.onnx)" = old ] || say "the disk has: $(ls -A disk)"
    umount disk
    rmdir disk
}

# ---- calls that fail, are interrupted, or do half of what they are asked for

case_every_call()
{
    "$PYTHON" "$root/tests/faults/calls.py" "$BNFOLD" "$work/calls.so" || wrong=1
}

case_short_calls()
{
    local settings
    cp "$work/large.onnx" m.onnx
    "$BNFOLD" m.onnx -o whole.onnx --external-data=always >/dev/null || say "no output to compare with"
    for settings in CALLS_NO_TMPFILE=0 CALLS_NO_TMPFILE=1; do
        expect 0 "${calls[@]}" CALLS_SHORT=1 $settings "$BNFOLD" m.onnx -o o.onnx --check=proof --threads=2
        cmp o.onnx "$work/large.folded.onnx" || say "another output"
        expect 0 "${calls[@]}" CALLS_SHORT=1 $settings "$BNFOLD" m.onnx -o o.onnx --external-data=always --check=proof
        sed 's/o.onnx.data/whole.onnx.data/g' o.onnx | cmp -s - whole.onnx || cmp o.onnx.data whole.onnx.data ||
            say "another output with side file"
        expect 0 sh -c "cat m.onnx | ${calls[*]} CALLS_SHORT=1 $settings '$BNFOLD' - -o - --check=proof | cat >s.onnx"
        cmp s.onnx "$work/large.folded.onnx" || say "another output on a pipe"
    done
    only m.onnx o.onnx o.onnx.data s.onnx whole.onnx whole.onnx.data
}

# A mapped file that loses its bytes under the program's hands.
case_shortened_input()
{
    local file
    for file in m.onnx m.onnx.data; do
        cp "$work/large.onnx" l.onnx
        "$BNFOLD" convert l.onnx -o m.onnx --external-data=always && rm l.onnx || say "no model to fold"
        echo old >o.onnx
        expect 2 "${calls[@]}" CALLS_SHORTEN=$file "$BNFOLD" m.onnx -o o.onnx --check=none
        told "its disk failed, meanwhile"
        expect 2 "${calls[@]}" CALLS_SHORTEN=$file CALLS_NO_TMPFILE=1 "$BNFOLD" check m.onnx m.onnx --check=proof
        [ "$(cat o.onnx)" = old ] || say "the old file is gone"
        only m.onnx m.onnx.data o.onnx
    done
}

# A kernel that cannot look for a path below a folder only: side files are opened folder by folder.
case_external_data_by_parts()
{
    "${calls[@]}" CALLS_NO_OPENAT2=1 "$PYTHON" "$root/tests/faults/external.py" "$BNFOLD" || wrong=1
}

# ---- folders

case_no_folder()
{
    cp "$work/small.onnx" m.onnx
    expect 2 "$BNFOLD" m.onnx -o nowhere/o.onnx
    told "cannot write 'nowhere/o.onnx': No such file"
    expect 2 "$BNFOLD" m.onnx -o m.onnx/o.onnx
    expect 2 "$BNFOLD" m.onnx -o .
    told "not a regular file"
    expect 2 "$BNFOLD" m.onnx -o ''
    expect 2 "$BNFOLD" m.onnx -o "$(printf 'n%.0s' {1..300}).onnx"
    told "File name too long"
    only m.onnx
}

# A name that leaves no room for a longer one next to it, new and again.
case_long_name()
{
    local name settings
    name=$(printf 'n%.0s' {1..245}).onnx
    cp "$work/small.onnx" m.onnx
    for settings in CALLS_NO_TMPFILE=0 CALLS_NO_TMPFILE=1; do
        expect 0 "${calls[@]}" $settings "$BNFOLD" m.onnx -o "$name"
        expect 0 "${calls[@]}" $settings "$BNFOLD" m.onnx -o "$name" --fsync
        expect 0 "${calls[@]}" $settings "$BNFOLD" m.onnx -o "${name#nnnnn}" --external-data=always --external-threshold=1
        expect 0 "${calls[@]}" $settings "$BNFOLD" m.onnx -o "${name#nnnnn}" --external-data=always --external-threshold=1
        only m.onnx "$name" "${name#nnnnn}" "${name#nnnnn}.data"
        rm n*
    done
}

# Root may write anywhere, so this asks nobody where there is one.
case_read_only_folder()
{
    local as=()
    cp "$work/small.onnx" m.onnx
    mkdir locked
    echo old >locked/o.onnx
    chmod 555 locked
    if [ "$(id -u)" -eq 0 ]; then
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        chmod 755 "$work"
        "${as[@]}" test -x "$BNFOLD" -a -r m.onnx 2>/dev/null || { chmod 755 locked; return; }
    fi
    expect 2 "${as[@]}" "$BNFOLD" m.onnx -o locked/o.onnx
    told "cannot write 'locked/o.onnx': Permission denied"
    [ "$(cat locked/o.onnx)" = old ] || say "the old file is gone"
    chmod 755 locked
    only locked locked/o.onnx m.onnx
}

# The folder goes while the program is at work.
case_vanished_folder()
{
    local i status
    cp "$work/large.onnx" m.onnx
    for i in 1 2 3 4 5; do
        mkdir gone
        "$BNFOLD" m.onnx -o gone/o.onnx >/dev/null 2>stderr &
        sleep "0.00$((i * 2))"
        rm -rf gone
        wait $!
        status=$?
        case $status in 0 | 2) ;; *) say "exit status $status: $(cat stderr)" ;; esac
        rm -rf gone
    done
    only m.onnx
}

# ---- the output is the input

case_same_file()
{
    local sum
    cp "$work/small.onnx" m.onnx
    sum=$(cksum <m.onnx)
    ln -s m.onnx soft.onnx
    ln m.onnx hard.onnx
    ln -s soft.onnx softer.onnx
    mkdir d
    ln -s ../m.onnx d/up.onnx
    for o in m.onnx ./m.onnx d/../m.onnx soft.onnx hard.onnx softer.onnx d/up.onnx "$PWD/m.onnx"; do
        expect 2 "$BNFOLD" m.onnx -o "$o"
        told "is the input"
        expect 2 "$BNFOLD" soft.onnx -o "$o"
        expect 2 "$BNFOLD" convert m.onnx -o "$o"
        expect 2 sh -c "'$BNFOLD' - -o '$o' <m.onnx"
    done
    [ "$(cksum <m.onnx)" = "$sum" ] || say "the input changed"
    only d d/up.onnx hard.onnx m.onnx soft.onnx softer.onnx
}

# A link that leads nowhere is a place to write, and one that leads round in circles is not.
case_dangling_links()
{
    cp "$work/small.onnx" m.onnx
    ln -s loop.onnx loop.onnx
    expect 2 "$BNFOLD" m.onnx -o loop.onnx
    told "Too many levels of symbolic links"
    ln -s target.onnx dangling.onnx
    "$BNFOLD" m.onnx -o dangling.onnx >/dev/null 2>&1 || say "a dangling link cannot be written"
    only dangling.onnx loop.onnx m.onnx $([ -e target.onnx ] && echo target.onnx)
}

# ---- pipes

case_pipes()
{
    cp "$work/large.onnx" m.onnx
    expect 2 sh -c "head -c 1000 m.onnx | '$BNFOLD' - -o o.onnx"
    told "cannot load '-'"
    expect 2 sh -c "'$BNFOLD' - -o o.onnx </dev/null"
    told "empty"
    expect 2 sh -c "'$BNFOLD' - -o o.onnx <&-"
    expect 2 sh -c "'$BNFOLD' - -o o.onnx <."
    # The reader has gone: an error or the signal, and never a success.
    "$BNFOLD" m.onnx -o - 2>/dev/null | head -c 10 >/dev/null
    case ${PIPESTATUS[0]} in 2 | 141) ;; *) say "exit status ${PIPESTATUS[0]} on a closed pipe" ;; esac
    expect 2 sh -c "'$BNFOLD' m.onnx -o - >&-"
    expect 2 sh -c "'$BNFOLD' plan m.onnx >&-"
    # Without standard output and error their numbers must not become the output's.
    sh -c "'$BNFOLD' m.onnx -o o.onnx >&- 2>&-"
    [ ! -e o.onnx ] || "$BNFOLD" check m.onnx o.onnx --check=proof >/dev/null || say "the output holds something else"
    rm -f o.onnx
    only m.onnx
}

# ---- signals

case_signals()
{
    cp "$work/large.onnx" "$work/large.folded.onnx" "$work/small.onnx" .
    "$PYTHON" "$root/tests/faults/signals.py" "$BNFOLD" "$REPEAT" "$SEED" || wrong=1
    # Where a file must have a name while it is written, a handler takes it away.
    "${calls[@]}" CALLS_NO_TMPFILE=1 CALLS_STOP=1 \
        "$PYTHON" "$root/tests/faults/signals.py" "$BNFOLD" "$((REPEAT / 4))" "$SEED" || wrong=1
    only large.folded.onnx large.onnx small.onnx
}

# What was to be ignored stays ignored, as under nohup.
case_ignored_signal()
{
    cp "$work/large.onnx" m.onnx
    (trap '' HUP && exec "${calls[@]}" CALLS_STOP=400 "$BNFOLD" m.onnx -o o.onnx --check=none) >/dev/null 2>stderr &
    sleep 0.3
    kill -HUP $!
    wait $! || say "exit status $?: $(cat stderr)"
    cmp o.onnx "$work/large.folded.onnx" || say "another output"
    only m.onnx o.onnx
}

# ----

"${CC:-cc}" -O1 -shared -fPIC -o "$work/calls.so" "$root/tests/faults/preload/calls.c" -ldl || exit 2
cd "$root" && "$BNFOLD" convert models/tiny/conv_bn.json -o "$work/small.onnx" &&
    "$PYTHON" - "$work/large.onnx" <<'PYTHON' && "$BNFOLD" "$work/large.onnx" -o "$work/large.folded.onnx" --check=proof >/dev/null || exit 2
import random
import sys

sys.path.insert(0, "tests/faults")
from wire import batchnorm, chain, floats, node

random.seed(1)
nodes, tensors = [], []
for i in range(24):
    last, parameters = batchnorm(f"c{i}", f"v{i + 1}" if i < 23 else "y", 64, f"bn{i}")
    nodes += [node("Conv", [f"v{i}" if i else "x", f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]), last]
    tensors += [floats(f"w{i}", [64, 64, 3, 3], [random.uniform(-1, 1) for _ in range(64 * 64 * 9)])] + parameters
with open(sys.argv[1], "wb") as file:
    file.write(chain(nodes, tensors, (1, 64, 8, 8)))
PYTHON
mapfile -t all < <(declare -F | sed -n 's/^declare -f case_//p')
[ $# -gt 0 ] || set -- "${all[@]}"
for name; do
    wrong=0
    rm -rf "$work/case" && mkdir "$work/case" && cd "$work/case" || exit 2
    "case_$name"
    cd "$root" || exit 2
    [ $wrong -eq 0 ] && passed=$((passed + 1)) || { failed=$((failed + 1)) && echo "FAIL $name"; }
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
