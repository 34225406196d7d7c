/* settings_house.c - rows of process, listen, store, handover, events and log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

/* ---- process ---- */

#define AT(f) offsetof(struct set_process, f)

static const char *const sandbox_words[] = { "require", "warn", "off", NULL };

const struct conf_key process_rows[] = {
    { "user", CONF_STRING, AT(user), 0, 0, "gatepost", APPLY_RESTART, "User to become when started as root; \"\" stays as started." },
    { "group", CONF_STRING, AT(group), 0, 0, "", APPLY_RESTART, "Group to become when started as root; \"\" is the user's own." },
    { "run_directory", CONF_PATH, AT(run_directory), 0, 0, "/run/gatepost", APPLY_RESTART, "Control sockets." },
    { "state_directory", CONF_PATH, AT(state_directory), 0, 0, "/var/lib/gatepost", APPLY_RESTART,
      "Caches, event records, the hand-over key." },
    { "sandbox", CONF_ENUM, AT(sandbox), 0, 0, "require", APPLY_RESTART,
      "What to do where the kernel lacks a part of the cage (Landlock, seccomp): require does not start, warn starts with a warning, off builds no cage.",
      .words = sandbox_words },
    { "hostname", CONF_STRING, AT(hostname), 0, 0, "", APPLY_RESTART,
      "Own name in EHLO, replies and fields; \"\" is the machine's name." },
    { NULL },
};
#undef AT

/* ---- listen ---- */

#define AT(f) offsetof(struct set_listen, f)

const struct conf_key listen_rows[] = {
    { "socketmap", CONF_ADDRESSES, AT(socketmap), 0, 0, "[\"unix:/var/spool/postfix/gatepost/socketmap.sock\"]", APPLY_RESTART,
      "Addresses of socketmapd: unix:/path, 127.0.0.1:PORT, [::1]:PORT or systemd:NAME. Debian's smtpd is chrooted, so unix sockets lie in Postfix' queue directory." },
    { "policy", CONF_ADDRESSES, AT(policy), 0, 0, "[\"unix:/var/spool/postfix/gatepost/policy.sock\"]", APPLY_RESTART, "Addresses of policyd." },
    { "filter", CONF_ADDRESSES, AT(filter), 0, 0, "[\"inet:127.0.0.1:10025\"]", APPLY_RESTART, "Addresses of cfilter." },
    { "owner", CONF_STRING, AT(owner), 0, 0, "", APPLY_RESTART, "Owner of unix sockets; \"\" is the user of the daemon." },
    { "group", CONF_STRING, AT(group), 0, 0, "postfix", APPLY_RESTART,
      "Group of unix sockets; \"\" is that of the daemon, which also holds where there is no group postfix and nothing is written here." },
    { "mode", CONF_STRING, AT(mode), 0, 0, "0660", APPLY_RESTART, "Permission bits of unix sockets, octal.", .check = check_octal_mode },
    { "max_clients", CONF_INT, AT(max_clients), 1, 1000000, "10000", APPLY_RESTART, "Connections at once, each daemon." },
    { NULL },
};
#undef AT

/* ---- store ---- */

#define AT(f) offsetof(struct set_redis, f)

static const struct conf_key redis_rows[] = {
    { "server", CONF_ADDRESS, AT(server), 0, 0, "inet:127.0.0.1:6379", APPLY_RESTART, "Address of the server." },
    { "sentinels", CONF_ADDRESSES, AT(sentinels), 0, 0, NULL, APPLY_RESTART, "Addresses of Sentinels, in place of server: they say which server is the master." },
    { "master", CONF_STRING, AT(master), 0, 0, "mymaster", APPLY_RESTART, "With sentinels: the name of the master." },
    { "sentinel_password_file", CONF_SECRET_FILE, AT(sentinel_password_file), 0, 0, NULL, APPLY_RESTART, "File with the password of the Sentinels." },
    { "cluster", CONF_ADDRESSES, AT(cluster), 0, 0, NULL, APPLY_RESTART, "Addresses of some nodes of a Redis Cluster, in place of server; the others they name." },
    { "user", CONF_STRING, AT(user), 0, 0, NULL, APPLY_RESTART, "User of an ACL; without it the password alone is sent." },
    { "password_file", CONF_SECRET_FILE, AT(password_file), 0, 0, NULL, APPLY_RESTART, "File with the password, or credential:NAME." },
    { "db", CONF_INT, AT(db), 0, 1000, "0", APPLY_RESTART, "Number of the database." },
    { "prefix", CONF_STRING, AT(prefix), 0, 0, "gatepost", APPLY_RESTART, "Begins every key.", .check = check_public_name },
    { "timeout", CONF_DURATION, AT(timeout_ms), 10, SECONDS(30), "500ms", APPLY_LIVE, "Wait for an answer." },
    { "lease", CONF_INT, AT(lease_percent), 0, 20, "0", APPLY_RESTART,
      "Percent of a limit that each host may take in advance for a key that is asked about many times a second, and then give out without asking Redis; by so much a limit may say no too early." },
    { "tls", CONF_BOOL, AT(tls), 0, 0, "no", APPLY_RESTART, "TLS to the server, its certificate verified." },
    { "ca_file", CONF_PATH, AT(ca_file), 0, 0, NULL, APPLY_RESTART, "Certificate authorities; without it the system's." },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_store, f)

static const char *const store_type_words[] = { "embedded", "redis", NULL };

const struct conf_key store_rows[] = {
    { "type", CONF_ENUM, AT(type), 0, 0, "embedded", APPLY_RESTART,
      "Embedded: in each daemon's memory, for one machine. Redis: shared by several.", .words = store_type_words },
    { "max_entries", CONF_INT, AT(max_entries), 1000, 100e6, "1000000", APPLY_RESTART, "Embedded: entries of each table; the oldest make room." },
    { "save_interval", CONF_DURATION, AT(save_interval_ms), SECONDS(1), DAYS(1), "1m", APPLY_RESTART,
      "Embedded: how often the tables are copied to disk. A crash of a daemon loses nothing, a crash of the machine at most this." },
    { "hosts", CONF_INT, AT(hosts), 1, 1000, "1", APPLY_LIVE, "Hosts that share the store: while it is away, each lets through its part of a limit." },
    { "redis", CONF_OBJECT, AT(redis), 0, 0, NULL, APPLY_RESTART, "For type: redis.", .sub = redis_rows },
    { NULL },
};
#undef AT

/* ---- handover ---- */

#define AT(f) offsetof(struct set_handover, f)

const struct conf_key handover_rows[] = {
    { "key_file", CONF_SECRET_FILE, AT(key_file), 0, 0, "", APPLY_RESTART,
      "File with the key that policyd signs with; \"\" is handover.key in the state directory, made at the first start. On several machines all need the same." },
    { "max_age", CONF_DURATION, AT(max_age_ms), SECONDS(10), DAYS(1), "1h", APPLY_LIVE, "An older field is not believed." },
    { NULL },
};
#undef AT

/* ---- events ---- */

#define AT(f) offsetof(struct set_events, f)

const struct conf_key events_rows[] = {
    { "enabled", CONF_BOOL, AT(enabled), 0, 0, "yes", APPLY_LIVE, "Without it gatepostctl explain finds nothing." },
    { "directory", CONF_PATH, AT(directory), 0, 0, "", APPLY_RESTART, "\"\" is events in the state directory." },
    { "max_size", CONF_SIZE, AT(max_bytes), MB(1), GB(1024), "1G", APPLY_LIVE, "Each daemon's records; the oldest go first." },
    { "keep", CONF_DURATION, AT(keep_ms), MINUTES(1), DAYS(3650), "1d", APPLY_LIVE, "Records are personal data: they go after this time." },
    { "hash_addresses", CONF_BOOL, AT(hash_addresses), 0, 0, "no", APPLY_LIVE, "Store keyed hashes in place of mail addresses." },
    { "replay", CONF_BOOL, AT(replay), 0, 0, "yes", APPLY_LIVE,
      "Requests that pass are recorded whole, with what DNS lists and SPF said, so that gatepostctl policy replay can decide them again." },
    { NULL },
};
#undef AT

/* ---- log ---- */

#define AT(f) offsetof(struct set_log, f)

static const char *const log_to_words[] = { "syslog", "stderr", NULL };
static const char *const log_level_words[] = { "error", "warning", "info", "debug", NULL };

const struct conf_key log_rows[] = {
    { "to", CONF_ENUM, AT(to), 0, 0, "syslog", APPLY_LIVE, "Syslog (facility mail), or stderr for the journal.", .words = log_to_words },
    { "level", CONF_ENUM, AT(level), 0, 0, "info", APPLY_LIVE, "The least that is logged.", .words = log_level_words },
    { NULL },
};
