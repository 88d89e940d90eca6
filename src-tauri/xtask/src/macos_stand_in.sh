#!/bin/sh
# Stands for a compiler of C and for ar where nothing is linked: what they would make is made empty.
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
