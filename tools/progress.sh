# shellcheck shell=bash
# Sourced by the scripts that people start: what they say, and how they show that something is going on.

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
[ -t 1 ] || say() { printf '==> %s\n' "$*"; }

# fail SENTENCE [WHAT TO DO]
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '       %s\n' "$2" >&2
    exit 1
}

# quietly LOG COMMAND...: on a terminal shows the last line of what the command prints, elsewhere nothing.
# When it fails, prints the end of its output and returns its status.
quietly() {
    local log=$1 pid status=0
    shift
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    trap 'kill $pid 2>/dev/null; exit 130' INT TERM
    while [ -t 1 ] && kill -0 $pid 2>/dev/null; do
        printf '\r\033[K    %.70s' "$(tail -n 1 "$log" | tr -d '\r')"
        sleep 0.5
    done
    wait $pid || status=$?
    trap - INT TERM
    [ ! -t 1 ] || printf '\r\033[K'
    if [ $status -ne 0 ]; then
        printf 'the last lines of %s:\n' "$log" >&2
        tail -n 20 "$log" | sed 's/^/    /' >&2
    fi
    return $status
}
