#!/bin/sh
# Replaces the C compiler and ar where nothing is linked: creates their output files empty.
while [ $# -gt 0 ]; do
    case $1 in
        -o)
            : >"$2"
            shift
            ;;
        *.a) : >"$1" ;;
    esac
    shift
done
