# Started in a container without a network: opens loopback ports that lead to mounted sockets, with
# whichever of three interpreters the image has, then becomes the command.
# Arguments: the ports with commas between, then the command.
ports=$1
shift
folder=${0%/*}
if command -v python3 >/dev/null 2>&1; then
    set -- python3 "$folder/forward.py" "$@"
elif command -v node >/dev/null 2>&1; then
    set -- node "$folder/forward.js" "$@"
elif command -v perl >/dev/null 2>&1; then
    set -- perl "$folder/forward.pl" "$@"
else
    echo "spanscore: this image has none of python3, node and perl, which lead to the proxy; use --network host" >&2
    exit 126
fi
program=$1
script=$2
shift 2
# The forwarder closes its output when it listens; until then this waits.
ready=$("$program" "$script" "$folder" "$ports" 2>/dev/null &)
if [ "$ready" != ready ]; then
    echo "spanscore: $program could not open the ports $ports inside of the container" >&2
    exit 126
fi
exec "$@"
