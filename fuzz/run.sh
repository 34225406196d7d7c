#!/usr/bin/env bash
# run.sh SECONDS [NAME...] - builds each fuzz target with libFuzzer, ASan and UBSan, and runs it over its seeds.
# What it finds is left in build/fuzz/NAME.found/; put a crash input among the seeds with its fix.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
pkgs="zlib libarchive libevent_core hiredis openssl yaml-0.1 libcares libidn2 libpcre2-8 jansson libseccomp libsystemd lua5.4 libpsl libmaxminddb libcurl ldap"
flags=(-I. -D_GNU_SOURCE '-DGATEPOST_VERSION="fuzz"' -g -O1 -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=undefined -w $(pkg-config --cflags $pkgs))
lib=build/fuzz/libgatepost.a
mkdir -p build/fuzz/obj
objects=()
newest_header=$(find lib cfilter socketmapd -name '*.h' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
for src in $(find lib -name '*.c') cfilter/facts.c cfilter/wire.c \
    cfilter/edit.c cfilter/deliver.c cfilter/unpack.c cfilter/unpack_readings.c socketmapd/address.c socketmapd/dir_value.c socketmapd/sync_wire.c socketmapd/callout_target.c socketmapd/rcpt_piece.c socketmapd/rcpt_set.c socketmapd/rcpt_set_write.c \
    $(find cfilter/mime -name '*.c' ! -name 'gmime*'); do
    obj=build/fuzz/obj/$(echo "${src%.c}" | tr / _).o
    objects+=("$obj")
    { [ "$obj" -nt "$src" ] && [ "$obj" -nt "$newest_header" ]; } || clang "${flags[@]}" -c -o "$obj" "$src"
done
rm -f $lib && ar rcs $lib "${objects[@]}"
failed=0
for src in fuzz/fuzz_*.c; do
    name=$(basename "$src" .c)
    name=${name#fuzz_}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    mkdir -p build/fuzz/"$name".{found,corpus}
    clang "${flags[@]}" -fsanitize=fuzzer -o build/fuzz/"$name" "$src" $lib $(pkg-config --libs $pkgs) -lunistring -lm
    echo "== $name, $seconds s"
    if ! build/fuzz/"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix=build/fuzz/"$name".found/ build/fuzz/"$name".corpus fuzz/seeds/"$name" >build/fuzz/"$name".log 2>&1; then
        tail -n 25 build/fuzz/"$name".log
        failed=$((failed + 1))
    fi
done
[ "$failed" = 0 ] || { echo "$failed fuzz targets found something"; exit 1; }
