#!/bin/sh
# Answers the host on one port, line by line.
#
# A request is `<id> <verb> <a> <b> <c> <d> .`; unused arguments are `-`. The last dot proves that
# the line is whole: a host that dies may leave half of one behind. An answer is
# `<id> <word> [data]`, written in one piece of less than 32 KiB, so that answers of commands that
# run at the same time do not mix.
#
#   ping                                     pong
#   wake <time> <seed> <host> <machine id>   woke <marks>     16 bytes as printf escapes, 43 letters
#                                            unsettled <what> what of it could not be done
#   rehearse <time> <seed>                   rehearsed        all of a wake but what it leaves
#   in <data>                                                 a piece of the next command's input
#   run <arguments>                          out|err <base64>, then exit <code> or toolong
#   mark <name>                              marks <marks>
#   marks                                    marks <marks>
#   still                                    still            when no command runs any more
#
# Everything is finished before it is answered: what is still in flight when a snapshot is taken
# goes on in every clone of it.

RUN=/run/snapyard
TURNS=/var/lib/snapyard/turns
HOOKS=/etc/snapyard/wake.d
MOST=1048576
PIECE=20000

# A connection by vsock is there already, and ends: then so does the agent.
[ "$1" = - ] || exec 3<> "$1"

# Starting a program is what costs most in a wake: the one that takes up time and randomness is
# there already. It ends when its pipe has no writer any more, so that nobody else may hold it.
rm -f "$RUN/settle" "$RUN/settled"
mkfifo "$RUN/settle" "$RUN/settled"
exec 4<> "$RUN/settle" 5<> "$RUN/settled"
(/lib/snapyard/settle <> /dev/urandom 3>&- 4< "$RUN/settle" 5> "$RUN/settled" &)

# An image may bring programs that give a guest more of its own, such as its SSH host keys.
hooks=
for hook in "$HOOKS"/*; do
  [ -x "$hook" ] && hooks="$hooks $hook"
done
mkdir -p "$RUN/rehearsal"

say() { echo "$@" >&3; }

marks() {
  found=
  for file in "$TURNS"/*; do
    [ -e "$file" ] || continue
    found="$found ${file##*/}"
  done
}

settle() { # time seed host machine-id folder
  printf '%b%s' "$1" "$2" >&4
  read -r settled <&5
  [ "$settled" = 0 ] || return 1
  [ "$3" = - ] || { echo "$3" > /proc/sys/kernel/hostname && echo "$3" > "$5/hostname"; } || return 1
  [ "$4" = - ] || echo "$4" > "$5/machine-id"
}

# Once for each identity: a wake that is asked for again finds it done. The note is a file, which
# goes when a golden state is made of the guest: whoever has the same name next is somebody else.
run_hooks() { # host
  [ "$1" != - ] || return 0
  hooked=
  [ ! -e "$RUN/hooked" ] || read -r hooked < "$RUN/hooked"
  [ "$1" != "$hooked" ] || return 0
  for hook in $hooks; do
    "$hook" < /dev/null > /dev/null 2>&1 3>&- 4>&- 5>&- || return 1
  done
  echo "$1" > "$RUN/hooked"
}

wake() { # id time seed host machine-id
  if ! settle "$2" "$3" "$4" "$5" /etc; then
    say "$1 unsettled identity"
  elif ! run_hooks "$4"; then
    say "$1 unsettled $hook"
  else
    marks
    say "$1 woke$found"
  fi
}

# The way of a wake is gone beforehand, so that its code and its memory are at hand when it counts.
rehearse() { # id time seed
  read -r host < /proc/sys/kernel/hostname
  settle "$2" "$3" "$host" rehearsed "$RUN/rehearsal" && marks && say "$1 rehearsed"
}

send() { # id word file: the file in pieces
  [ -s "$3" ] || return
  size=$(stat -c %s "$3")
  piece=0
  while [ $((piece * PIECE)) -lt "$size" ]; do
    say "$1 $2 $(dd if="$3" bs=$PIECE skip=$piece count=1 2> /dev/null | base64 -w 0)"
    piece=$((piece + 1))
  done
}

fits() { # file
  [ ! -s "$1" ] || [ "$(stat -c %s "$1")" -le $MOST ]
}

# The arguments never meet a shell: xargs hands them on as they are, separated by NULs.
start() { # id arguments
  work=$RUN/$1
  mkdir -p "$work"
  [ -e "$work/in" ] || : > "$work/in"
  printf '%b' "$2" > "$work/arguments"
  xargs -0 -x sh -c '
    (exec "$@" < "$0/in" > "$0/out" 2> "$0/err")
    echo $? > "$0/code"' "$work" < "$work/arguments" 3>&- 4>&- 5>&-
}

run() { # id arguments
  start "$1" "$2"
  if [ ! -e "$work/code" ]; then
    say "$1 failed"
  elif fits "$work/out" && fits "$work/err"; then
    send "$1" out "$work/out"
    send "$1" err "$work/err"
    read -r code < "$work/code"
    rm -rf "$work"
    say "$1 exit $code"
  else
    rm -rf "$work"
    say "$1 toolong"
  fi
}

answer() { # id verb a b c d
  case $2 in
    ping) say "$1 pong" ;;
    wake) wake "$1" "$3" "$4" "$5" "$6" ;;
    rehearse) rehearse "$1" "$3" "$4" ;;
    in) mkdir -p "$RUN/$1" && printf '%b' "$3" >> "$RUN/$1/in" ;;
    run) run "$1" "$3" & ;;
    mark)
      mkdir -p "$TURNS"
      : > "$TURNS/$3"
      marks
      say "$1 marks$found"
      ;;
    marks)
      marks
      say "$1 marks$found"
      ;;
    still)
      wait
      say "$1 still"
      ;;
    *) say "$1 unknown" ;;
  esac
}

# A read ends when no host is connected; the port has one opener, so it stays open meanwhile.
while :; do
  while read -r id verb a b c d end <&3; do
    [ "$end" = . ] && answer "$id" "$verb" "$a" "$b" "$c" "$d"
  done
  [ "$1" != - ] || exit 0
  sleep 0.1
done
