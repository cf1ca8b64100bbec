#!/bin/sh
# Prints the most frequent words of standard input, one a line as `COUNT WORD`.
#
#   top-words.sh [N]
#
# N is how many, 10 unless given. A word is a run of ASCII letters, and case does not count: words
# are printed in lower case. The most frequent word is the first; of equally frequent ones the first
# in the alphabet is. Needs nothing but the tools that POSIX has.
LC_ALL=C
export LC_ALL
tr 'A-Z' 'a-z' | tr -cs 'a-z' '\n' | grep . | sort | uniq -c | sort -k1,1nr -k2,2 |
    head -n "${1:-10}" | while read -r count word; do echo "$count $word"; done
