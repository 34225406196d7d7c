#!/usr/bin/env bash
# deps.sh - installs what building and testing Gatepost need, from Debian's packages.
#
# It never removes a package (--no-remove), never starts a service (a policy-rc.d stands in the way while it
# works and goes with it) and never puts another MTA in the place of the one that is there: the MTAs that the
# tests and the demo use are unpacked into build/peers, not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(gcc clang llvm libclang-rt-14-dev make pkg-config git ca-certificates
    libevent-dev libhiredis-dev libssl-dev zlib1g-dev libyaml-dev libc-ares-dev libldap-dev libclamav-dev libgmime-3.0-dev libarchive-dev
    libpcre2-dev libjansson-dev libpsl-dev libmaxminddb-dev libcurl4-openssl-dev liblua5.4-dev libsystemd-dev libseccomp-dev libidn2-dev libunistring-dev libcmocka-dev)
tests=(python3 openssl zip libarchive-tools iproute2 procps systemd mandoc
    redis-server slapd ldap-utils samba-ad-dc samba-dsdb-modules samba-ad-provision libsasl2-modules-gssapi-mit spamd spamassassin rbldnsd unbound)
# Unpacked beside the system, with what their binaries need to run installed.
peers=(postfix postfix-ldap)
bench_peers=(clamav-daemon clamsmtp)
policy_peers=(postfwd postgrey policyd-rate-limit libnet-dns-perl libnet-server-perl libnetaddr-ip-perl libberkeleydb-perl libio-multiplex-perl python3-yaml)
peer_needs=(libicu72 libwrap0 m4 libdb5.3 libsasl2-2 libsasl2-modules libsasl2-modules-db sasl2-bin libnsl2 ssl-cert netbase cpp adduser lsb-base)

missing=()
for p in "${build[@]}" "${tests[@]}" "${peer_needs[@]}"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done

as_root=()
if [ "$(id -u)" != 0 ]; then
    if [ ${#missing[@]} -gt 0 ] || [ ! -e build/peers/.done ] || [ ! -e build/peers/.sendmail ]; then
        command -v sudo >/dev/null || { echo "deps: ${missing[*]} must be installed: run \`make deps\` as root, or install sudo" >&2; exit 1; }
    fi
    as_root=(sudo)
fi

updated=
apt_update() {
    [ -n "$updated" ] || "${as_root[@]}" apt-get update -q >/dev/null
    updated=1
}

if [ ${#missing[@]} -gt 0 ]; then
    echo "deps: installing ${missing[*]}"
    fence=/usr/sbin/policy-rc.d
    made_fence=
    if [ ! -e $fence ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $fence >/dev/null
        "${as_root[@]}" chmod 755 $fence
        made_fence=1
    fi
    trap '[ -z "$made_fence" ] || "${as_root[@]}" rm -f $fence' EXIT
    apt_update
    log=$(mktemp)
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y -q \
            --no-install-recommends --no-remove "${missing[@]}" >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        echo "deps: apt-get could not install these packages; the end of its output stands above" >&2
        exit 1
    fi
    rm -f "$log"
fi

# unpack MARK PACKAGES...: into build/peers/root, once.
unpack() {
    local mark=build/peers/$1
    shift
    [ ! -e "$mark" ] || return 0
    mkdir -p build/peers/deb
    apt_update
    (cd build/peers/deb && rm -f ./*.deb && apt-get download -q "$@" >/dev/null) || return 1
    for deb in build/peers/deb/*.deb; do
        dpkg-deb -x "$deb" build/peers/root || return 1
    done
    rm -rf build/peers/deb
    touch "$mark"
}

# Postfix for tests and demo: always the unpacked one, so that a Postfix (or Exim, or Sendmail) of the machine is never touched.
unpack .done "${peers[@]}"
# Sendmail in a root of its own: its package would take the place of the MTA that is there.
unpack_sendmail() {
    [ ! -e build/peers/.sendmail ] || return 0
    local at=build/peers/sendmail.deb
    mkdir -p $at build/peers/sendmail
    apt_update
    (cd $at && rm -f ./*.deb && apt-get download -q sendmail-bin sendmail-base sendmail-cf >/dev/null) || return 1
    for deb in $at/*.deb; do
        dpkg-deb -x "$deb" build/peers/sendmail || return 1
    done
    rm -rf $at
    touch build/peers/.sendmail
}
unpack_sendmail
# What only `make bench` looks for, and does without: DEPS_BENCH=1.
if [ -n "${DEPS_BENCH:-}" ]; then
    unpack .bench-policy "${policy_peers[@]}" || echo "deps: ${policy_peers[*]} cannot be had; make bench leaves them out" >&2
    unpack .bench "${bench_peers[@]}" || echo "deps: ${bench_peers[*]} cannot be had; make bench leaves them out" >&2
fi
