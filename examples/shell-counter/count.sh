#!/bin/sh
# Counts, one number at a time, and never counts a number twice: however often it is preempted or killed,
# log.csv has every line once.
set -eu

to=${BATON_PARAM_TO:-20}
pause=${BATON_PARAM_PAUSE:-1} # seconds
checkpoint=${BATON_CHECKPOINT_DIR:-checkpoint}
results=${BATON_RESULTS_DIR:-results}
state=$checkpoint/count
log=$results/log.csv
metrics=${BATON_METRICS_FILE:-$results/metrics.jsonl}

# SIGTERM comes together with the preemption file. Ignored, the number in hand is finished; then the file is looked for.
trap '' TERM

# Whole or not at all: a kill between the two leaves the old file.
save() {
    printf '%s\n' "$1" >"$state.new"
    mv "$state.new" "$state"
}

commit() {
    if [ -n "${BATON_SOCKET:-}" ]; then
        baton commit >/dev/null || echo "no commit this time; the last one is still good"
    fi
}

mkdir -p "$checkpoint" "$results"
n=0
if [ -f "$state" ]; then
    n=$(cat "$state")
    echo "going on from $n"
    # Lines beyond the state were written just before a kill; they come again.
    head -n "$n" "$log" >"$log.new"
    mv "$log.new" "$log"
else
    : >"$log"
fi

while [ "$n" -lt "$to" ]; do
    if [ -e "${BATON_PREEMPT_FILE:-}" ]; then
        echo "stopping at $n"
        exit 0
    fi
    sleep "$pause"
    n=$((n + 1))
    echo "$n" >>"$log"
    printf '{"step": %s, "square": %s}\n' "$n" $((n * n)) >>"$metrics"
    save "$n"
    commit
    echo "counted $n of $to"
done
echo "done: $(wc -l <"$log") lines"
