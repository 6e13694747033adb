
# What follows every script. Read as a whole before it runs, it cannot run half, nor read itself as input.
set -m
main </dev/null &
job=$!
set +m
(
    for ((second = 0; second < limit; second++)); do
        sleep 1
        kill -0 "$job" || exit 0
    done
    kill -TERM -- "-$job"
    sleep 2
    kill -KILL -- "-$job"
) >/dev/null 2>&1 &
watchdog=$!
started=$SECONDS
wait "$job"
code=$?
kill "$watchdog" 2>/dev/null
if ((code > 128 && SECONDS - started >= limit)); then
    echo "not done within $limit s" >&2
    code=124
fi
exit "$code"
