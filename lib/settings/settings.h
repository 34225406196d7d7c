/* settings.h - gatepost.yaml as C structs: one file for all three daemons.
 *
 * The rows that fill these structs stand in settings_*.c, one file a section.  A set is immutable and counted:
 * whoever works on a request keeps a reference, a reload puts a new set beside it.
 * Units:     _ms, _bytes in the names; scores are points.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SETTINGS_SETTINGS_H
#define GATEPOST_SETTINGS_SETTINGS_H

#include "lib/conf/conf.h"
#include "lib/proto/dnsbl.h"

enum mode { MODE_INHERIT, MODE_ENFORCE, MODE_OBSERVE, MODE_OFF };   /* words: inherit enforce observe off */

/* ---- process: who the daemons run as and where they keep things ---- */
struct set_process {
    const char *user, *group;        /* "" : stay as started.  Default: gatepost when started as root */
    const char *run_directory;       /* control sockets, shared memory: /run/gatepost */
    const char *state_directory;     /* caches, event segments, handover key: /var/lib/gatepost */
    int sandbox;                     /* enum sandbox_policy: require warn off */
    const char *hostname;            /* "" : gethostname(2); own name in EHLO and replies */
};
enum sandbox_policy { SANDBOX_REQUIRE, SANDBOX_WARN, SANDBOX_OFF };

struct set_network { const char *name; struct conf_nets nets; };   /* networks: {trusted: [...], partners: [...]} */

struct set_listen {
    struct conf_strings socketmap, policy, filter;   /* addresses; several each */
    const char *owner, *group;       /* of unix sockets */
    const char *mode;                /* octal text, default "0660" */
    int64_t max_clients;             /* a daemon, default 10000 */
};

struct set_redis {
    const char *server;              /* address; of these three one */
    struct conf_strings sentinels;   /* addresses: they name the server of `master` */
    struct conf_strings cluster;     /* addresses of some nodes */
    const char *master;              /* its name, default "mymaster" */
    const char *sentinel_password_file;
    const char *user, *password_file;
    int64_t db;
    const char *prefix;              /* of every key, default "gatepost" */
    int64_t timeout_ms;
    int64_t lease_percent;           /* of a limit's count, that a host may take in advance for a busy key; 0: none */
    bool tls;
    const char *ca_file;
};
enum store_type { STORE_TYPE_EMBEDDED, STORE_TYPE_REDIS };
struct set_store {
    int type;
    int64_t max_entries;             /* embedded, per table; default 1,000,000 */
    int64_t hosts;                   /* that share limits while the store is away; default 1 */
    int64_t save_interval_ms;        /* embedded: copy to disk, default 60 s */
    struct set_redis redis;
};

/* ---- recipients ---- */
enum recipient_source_type { RCPT_SRC_NONE, RCPT_SRC_STATIC, RCPT_SRC_LDAP };
enum ldap_profile { LDAP_PROFILE_NONE, LDAP_PROFILE_ACTIVE_DIRECTORY, LDAP_PROFILE_OPENLDAP, LDAP_PROFILE_EXCHANGE_HYBRID };
enum ldap_tls { LDAP_TLS_AUTO, LDAP_TLS_STARTTLS, LDAP_TLS_NONE };
enum ldap_bind_method { LDAP_BIND_SIMPLE, LDAP_BIND_EXTERNAL, LDAP_BIND_GSSAPI };
struct set_ldap_bind {
    int method;
    const char *user, *password_file;
    const char *certificate, *key;   /* external: PEM */
    const char *keytab;              /* gssapi */
};
enum { SYNC_ATTRIBUTES_MAX = 6 };
enum sync_method { SYNC_AUTO, SYNC_OFF, SYNC_FULL, SYNC_SYNCREPL, SYNC_DIRSYNC, SYNC_USN };
struct set_sync {                    /* the whole directory, kept current; off: asked one address at a time */
    int method;
    const char *filter;              /* which entries name addresses; "" : the profile's */
    struct conf_strings attributes;  /* that name them; none: the profile's */
    int64_t interval_ms;             /* changes are asked for, where the directory does not tell them */
    int64_t full_interval_ms;        /* a whole reading all the same */
    int64_t stall_ms;                /* a reading that makes no progress */
    int64_t grace_ms;                /* an address that has gone stays valid */
    int64_t negative_trust_ms;       /* the set alone may say no, while no directory can be asked */
    struct conf_rate confirm;        /* questions for addresses that are not in the set */
    double max_removed, max_domain_removed;      /* percent */
    int64_t max_removed_least;
    struct conf_strings canaries;
    int64_t accept_after;            /* equal proposals in a row that free a held one; 0: a person does */
    bool leavers;                    /* disabled user mailboxes are no recipients */
    const char *login;               /* attribute with the login, for maps of kind senders; "" : the profile's */
    bool share;                      /* with a store in Redis: one host reads for all */
};
enum callout_tls { CALLOUT_TLS_AUTO, CALLOUT_TLS_REQUIRE, CALLOUT_TLS_OFF };
struct set_callout {                 /* SMTP to the inner server */
    const char *server;              /* "HOST:PORT", "mx"; "" : none */
    const char *transport;           /* a map of kind transport, whose routes are asked */
    const char *sender;
    int starttls;
    int64_t errors_max;
};
enum rcpt_redis_kind { RCPT_REDIS_SET, RCPT_REDIS_HASH };
struct set_rcpt_redis {              /* recipients that other software keeps in Redis */
    const char *key;                 /* "" : none */
    int kind;
    const char *server;              /* address */
    struct conf_strings sentinels, cluster;      /* in its place, as in set_redis */
    const char *master, *sentinel_password_file;
    const char *user, *password_file;
    int64_t db;
    bool tls;
};
struct set_recipient_source {
    const char *name;                /* in logs and `why`; default: its type */
    struct conf_strings domains;     /* after settings_load: never empty unless `domains` is; default all of `domains` */
    struct conf_strings addresses;   /* static: given here */
    struct conf_strings files;       /* static: one address or @domain a line, # comments */
    int profile;                     /* LDAP */
    struct conf_strings servers;     /* ldap:// ldaps:// ldapi:// URLs; giving them makes it an LDAP source */
    const char *base;                /* "" : the rootDSE's defaultNamingContext / first namingContexts */
    const char *filter;              /* %s: the whole address, %u local-part, %d domain; each RFC 4515-escaped; "" : the profile's */
    struct set_ldap_bind bind;
    int tls;                         /* enum ldap_tls for ldap:// URLs */
    const char *ca_file;
    int64_t timeout_ms;              /* of one lookup, default 3 s */
    int64_t connections;             /* child processes, default 2 */
    bool authoritative;              /* a NOTFOUND here ends the walk */
    struct set_sync sync;
    struct set_callout callout;
    struct set_rcpt_redis redis;
};
struct set_recipients {
    struct set_recipient_source single;   /* the short form: keys of one source written straight under recipients: */
    struct conf_list sources;             /* struct set_recipient_source[]; after settings_load the one list to use: the short form is in it */
    const char *delimiters;               /* recipient_delimiter, default "" */
    bool fold_local_part;                 /* default true */
    int64_t positive_ttl_ms, negative_ttl_ms;   /* cached answers: 1 h, 5 min */
    int64_t refresh_after_ms;             /* ask again in the background: half of the TTL when 0 */
    int64_t stale_ttl_ms;                 /* a known yes while no source answers: 7 d */
    int64_t timeout_ms;                   /* whole lookup, default 5 s */
    int64_t cache_entries;                /* 200000 */
    struct conf_list aliases;             /* alias domains: struct set_domain_alias[] */
    struct conf_strings always, never;    /* addresses and @domain, before any source */
};
struct set_domain_alias { const char *name; const char *target; };
enum map_kind { MAP_RECIPIENTS, MAP_INTERNAL, MAP_ACCESS, MAP_DOMAINS, MAP_TRANSPORT, MAP_ALIASES, MAP_SENDERS };
struct set_route { const char *name, *to; };         /* domain -> transport:nexthop */
struct set_map {                     /* maps: {recipients: {kind: recipients}} */
    const char *name;
    int kind;
    int mode;
    struct conf_list routes;         /* of transport: struct set_route[] */
};

/* ---- policy ---- */
struct set_score { double prepend, greylist, defer, reject; };     /* thresholds; 0 = off.  reject default 5 */
enum dnsbl_kind { DNSBL_CLIENT, DNSBL_HELO, DNSBL_SENDER, DNSBL_CLIENT_NAME };
enum { DNSBL_CODES_MAX = 16 };
enum dnsbl_preset { DNSBL_PRESET_NONE, DNSBL_PRESET_SPAMHAUS, DNSBL_PRESET_SPAMHAUS_DQS };
enum check_failure { FAILURE_PASS, FAILURE_DEFER };
struct set_dnsbl {
    const char *line;                /* the short form, "zone=filter*weight": after settings_load it is in the other fields */
    const char *name;                /* public; never NULL after settings_load */
    const char *zone;                /* may hold a customer key: never shown outside config show with it starred */
    int preset;
    const char *key_file;
    int kind;
    struct conf_strings returns;     /* return-code filters as postscreen(8) writes them: "127.0.0.[2..11]", "127.0.0.4*3"; default 127.0.0.[2..254] */
    double weight;                   /* of filters without one of their own; default 5; negative: a DNSWL */
    int mode;
    int64_t timeout_ms;              /* 1 s */
    int on_failure;                  /* enum check_failure: when it does not answer */
};
struct set_access_rule {             /* allow / deny */
    int mode;
    struct conf_nets clients;
    struct conf_strings lists;       /* names of networks */
    struct conf_strings hosts, helo, senders, recipients, logins;
    struct conf_strings fingerprints;    /* of client certificates, or of their public keys */
    struct conf_strings countries;   /* ISO 3166-1 codes, upper case */
    int tls_below;                   /* of deny: enum tls_version; TLS_ANY: not looked at */
    const char *text;                /* of deny's reply; NULL: replies.denied */
};
enum tls_version { TLS_ANY, TLS_1_1, TLS_1_2, TLS_1_3 };      /* words: off TLSv1.1 TLSv1.2 TLSv1.3 */
struct set_helo { int mode; double invalid, non_fqdn, bare_address, foreign_literal, own_name, unresolvable; };
struct set_client_name { int mode; double missing, unconfirmed; };
struct set_null_sender { int mode; int64_t max_recipients; };
struct set_max_recipients { int mode; int64_t max, max_login; };
struct set_spoof { int mode; struct conf_strings partners; /* names of networks */ };
struct set_spf {
    int mode;
    double pass, none, neutral, softfail, fail, permerror;      /* points of each result */
    int on_failure;                  /* enum check_failure: of a temperror */
    bool header;                     /* Received-SPF */
};
enum custom_then { CUSTOM_SCORE, CUSTOM_ALLOW, CUSTOM_DEFER, CUSTOM_REJECT, CUSTOM_PREPEND };
enum custom_at { CUSTOM_RCPT, CUSTOM_DATA, CUSTOM_END };
struct set_custom_rule {
    const char *name, *when;         /* must be given */
    int then, at, mode;
    double points;
    const char *text, *header;
};
struct set_name_list { const char *name; struct conf_strings names; const char *file; /* one a line; "" or NULL: none */ };
struct set_rules { struct set_access_rule allow, deny; struct set_spoof spoof; struct set_spf spf; struct set_helo helo; struct set_client_name client_name;
                   struct set_null_sender null_sender; struct set_max_recipients recipients;
                   struct conf_list custom; /* struct set_custom_rule[] */ };
enum limit_count { LIMIT_RECIPIENTS, LIMIT_MESSAGES, LIMIT_BYTES, LIMIT_REFUSED_RECIPIENTS };
enum limit_algorithm { LIMIT_BUCKET, LIMIT_SLIDING };
enum limit_action { LIMIT_DEFER, LIMIT_REJECT, LIMIT_PREPEND, LIMIT_LOG };
enum limit_failure { LIMIT_FAIL_LOCAL, LIMIT_FAIL_PASS, LIMIT_FAIL_DEFER };
enum { LIMIT_WINDOWS_MAX = 4 };
struct set_override { struct conf_strings who, rate; };   /* who: policyd/override.h; rate: as of the limit, or "unlimited" */
struct set_overrides_ldap {
    struct conf_strings servers;     /* none: no directory */
    const char *base, *filter;
    struct set_ldap_bind bind;
    int tls;                         /* enum ldap_tls */
    const char *ca_file;
    const char *who, *rate;          /* attributes */
    int64_t every_ms, timeout_ms;
};
struct set_limit {
    const char *name;                /* must be given */
    struct conf_strings key;         /* client, client/24, client/24/56, network:NAME, sender, sender_domain, sasl_username, recipient, recipient_domain, helo, all */
    int count;
    struct conf_strings rate;        /* must be given: "100/h, 500/d" in one or several strings; settings_limit_rates reads them */
    int algorithm;
    int64_t burst;                   /* of the first rate; 0: its count */
    int action;                      /* enum limit_action */
    int on_failure;                  /* enum limit_failure */
    int mode;
    const char *text;                /* reply text, "%r" seconds to wait, "%T" the time to come again; of LIMIT_PREPEND: the header field */
    struct conf_list overrides;      /* struct set_override[] */
    const char *overrides_file;      /* NULL: none */
    struct set_overrides_ldap overrides_ldap;
    bool hook;                       /* policy.hook is told of who exceeds it */
    bool block;                      /* who exceeds it is blocked until released; the key holds sasl_username */
    int64_t refused_weight;          /* what one counts that cfilter refuses; 0: it is given back */
    bool trusted_too;                /* also counts logins and trusted networks; default true when the key holds sasl_username */
};
enum greylist_when { GREYLIST_OFF, GREYLIST_SCORE, GREYLIST_SUSPICIOUS, GREYLIST_ALL };
struct set_greylist {
    int when, mode;
    int64_t delay_ms, window_ms, keep_ms;
    int64_t auto_after, auto_keep_ms;
    int64_t known_keep_ms;           /* an address that one of ours wrote to; 0: not learnt */
    int64_t prefix4, prefix6;
    struct conf_nets skip_clients;
    struct conf_strings skip_recipients, skip_senders, skip_hosts;
};
struct set_lua {
    const char *file;                /* NULL: no script */
    struct conf_strings at;          /* rcpt, data, end */
    int mode, on_failure;            /* enum check_failure */
    int64_t timeout_ms, memory_bytes, workers;
};
struct set_hook { struct conf_strings command; const char *url; int64_t every_ms, timeout_ms; };
struct set_dns { struct conf_strings servers; };
struct set_policy {
    struct set_score score;
    struct conf_list dnsbl;          /* struct set_dnsbl[] */
    struct set_rules rules;
    struct conf_list lists;          /* struct set_name_list[] */
    struct conf_list limits;         /* struct set_limit[] */
    struct set_greylist greylist;
    const char *country_database;    /* MaxMind's format; NULL or "": countries are not known */
    struct set_lua lua;
    struct set_hook hook;            /* of limits that say so */
    struct set_dns dns;
    int64_t timeout_ms;              /* a decision, default 3 s */
    int64_t txt_wait_ms;             /* for a hit's TXT, default 100 ms */
    int mode;
    struct conf_strings harvest_contexts;      /* policy_context values of a hook that sees recipients before Postfix refuses unknown ones; default [harvest] */
    struct conf_strings submission_contexts;   /* policy_context values that mean submission; default [submission] */
};

/* ---- filter ---- */
/* Of a class of things that could not be checked, or are suspicious.  Zero, as an unset struct has it, lets nothing in. */
enum class_action { CLASS_DEFER, CLASS_TAG, CLASS_PASS, CLASS_SCORE, CLASS_REJECT, CLASS_ACTIONS };
struct set_class { int action; double points; /* of CLASS_SCORE */ };
struct set_unchecked {
    struct set_class encrypted_archive, encrypted_document, encrypted_mail, unreadable_archive, limit, budget, ambiguous;
    struct set_class timeout, crashed;   /* never CLASS_REJECT: that is what unscannable is for */
    struct set_class engine;             /* never CLASS_REJECT, CLASS_SCORE; no points */
};
struct set_shapes { struct set_class partial, transfer_encoding_twice, boundary_twice, nul_in_field, cr_in_field, lone_cr; };
struct set_heuristics { struct set_class macro, phishing, pua, other; };
struct set_mime {
    struct conf_strings parsers;     /* default [libclamav, gmime, own] */
    int64_t max_calls;               /* of the engine for what the parsers find in one message, 32 */
    int64_t max_decoded_bytes;       /* 256 MB; and never more than 64 times the message + 16 MB */
    int64_t max_parts, max_depth;    /* 20000, 30 */
    struct set_shapes shapes;
};
struct set_virus_parse { bool archive, elf, pdf, swf, hwp3, xmldocs, mail, ole2, html, pe, onenote, image, image_fuzzy_hash; };
struct set_virus_limits {            /* libclamav's finer ones; defaults are its own */
    int64_t max_embedded_pe, max_html_normalize, max_html_no_tags, max_script_normalize, max_zip_type_rcg;   /* bytes */
    int64_t max_partitions, max_icons_pe, max_rec_hwp3;
    int64_t pcre_match, pcre_rec_match, pcre_max_file_bytes;
    int64_t scan_time_ms;            /* 0: four fifths of scan_timeout */
    int64_t bytecode_timeout_ms;
};
enum virus_bytecode { VIRUS_BYTECODE_AUTO, VIRUS_BYTECODE_INTERPRETER, VIRUS_BYTECODE_OFF };
struct set_virus {
    int mode;
    const char *database;            /* folder, default /var/lib/clamav */
    struct conf_strings databases_extra;    /* more folders and files */
    bool official_only;
    struct conf_strings ignored_signatures; /* names that are not loaded */
    bool detect_pua;
    struct conf_strings include_pua, exclude_pua;   /* categories; not both */
    int bytecode;                    /* enum virus_bytecode; signed ones only, whatever is set */
    struct set_virus_parse parse;
    struct set_virus_limits limits;
    int64_t max_shrink_percent;      /* a generation that has lost more of the signatures of the one before is not taken; 100: any */
    bool low_memory;                 /* one engine at a time */
    struct conf_strings trusted_databases;  /* file names whose hits lose ".UNOFFICIAL" */
    int64_t min_signatures;          /* fewer: the database is not taken, default 1 */
    int64_t max_scan_bytes, max_file_bytes, max_files, max_recursion;
    int64_t cache_rows;              /* of the verdict cache; 0: none */
    bool alert_macros, alert_encrypted, alert_phishing, alert_exceeds_max, second_unpacker;
    bool alert_broken, alert_broken_media, alert_phishing_ssl, alert_phishing_cloak, alert_partition_intersection;
    int64_t structured_cards, structured_ssn;       /* so many in a file are told; 0: not looked for */
    struct set_heuristics heuristics;
};
struct set_spamd { const char *server; const char *user; int64_t timeout_ms; double weight; };
struct set_spam {
    int mode;
    double tag, reject;              /* thresholds: 5, 10 */
    int64_t max_bytes;               /* larger messages are not scored: 100 kB */
    const char *subject_tag;         /* "[SPAM]" */
    bool gtube;                      /* true */
    struct set_spamd spamd;          /* off while server is not given */
};
enum unscannable_action { UNSCANNABLE_REJECT, UNSCANNABLE_DEFER, UNSCANNABLE_TAG, UNSCANNABLE_PASS };
struct set_unscannable { int action; int64_t after_tries, after_ms, pause_ms; };   /* reject, 3, 4 h, 1 min */
enum mixed { MIXED_DECIDE_ONCE, MIXED_SPLIT };
struct set_rcpt_pattern { const char *text; size_t klass, item; };   /* "user@d", "@d", ".d" for all below d; of classes[klass].recipients[item] */
struct set_filter {
    int mode;
    const char *reinject;            /* address; must be given for cfilter */
    int64_t max_message_bytes;       /* 50 MB; larger: 552 5.3.4 */
    int64_t spool_memory_bytes;      /* above: a block of those, or an unlinked file; 1 MB */
    int64_t spool_memory_shared_bytes;
    const char *spool_directory;     /* "" : state_directory/spool */
    int64_t scan_timeout_ms;         /* 45 s */
    int64_t reinject_timeout_ms;     /* of one reply: 60 s */
    int64_t reinject_keep_ms;        /* a connection waits for its next message: 2 s */
    int64_t idle_timeout_ms;         /* of the front's next command: 310 s */
    const char *workers;             /* "auto" (one a core) or a number; 0: scan in the front, for debuggers only */
    int64_t worker_memory_bytes;     /* beyond the engine: 512 MB */
    int64_t worker_recycle;          /* messages, 1000 */
    int64_t worker_tmpfs_bytes;      /* 256 MB */
    struct conf_strings xforward_from;    /* unused words kept out: who may XFORWARD; networks, default 127.0.0.0/8 ::1 and unix */
    struct set_virus virus;
    struct set_mime mime;
    struct set_unchecked unchecked;
    struct set_unscannable unscannable;
    struct set_spam spam;
    int mixed;                       /* enum mixed: recipients of several classes in one message */
    struct conf_list classes;        /* struct set_rcpt_class[], RCPT_CLASSES_MAX at most */
    /* filled in by settings_load: the patterns of all classes, sorted by text */
    struct set_rcpt_pattern *class_patterns;
    size_t n_class_patterns;
};
enum { RCPT_CLASSES_MAX = 16 };
struct set_rcpt_class {              /* recipients with a policy of their own */
    const char *name;
    struct conf_strings recipients;
    struct set_filter over;          /* only what was written counts */
    const struct settings *set;      /* filled in by settings_load: everything, with that laid over; lives as long as the set it is in */
};

struct set_replies {                 /* %v virus, %l list, %r %t reason, %s points, %i id */
    const char *virus, *spam, *unscannable, *shape, *heuristic, *encrypted_archive, *encrypted_document, *encrypted_mail, *unreadable_archive, *limit, *budget, *ambiguous;
    const char *timeout, *crashed, *engine, *put_off;      /* 4xx */
    const char *listed, *spoofed, *denied, *greylisted;
};
struct set_handover { const char *key_file; int64_t max_age_ms; };       /* "" : state_directory/handover.key, made at first start */
struct set_events {
    bool enabled;
    const char *directory;           /* "" : state_directory/events */
    int64_t max_bytes;               /* 1 GB a daemon */
    int64_t keep_ms;                 /* 1 d */
    bool hash_addresses;
    bool replay;                     /* requests that pass are recorded with what `policy replay` needs */
};
enum log_to { LOG_TO_SYSLOG, LOG_TO_STDERR };
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
struct set_log { int to; int level; };

struct settings {
    int mode;                        /* enum mode: enforce (default), observe */
    struct conf_strings domains;
    struct conf_list networks;       /* struct set_network[] */
    struct set_process process;
    struct set_listen listen;
    struct set_store store;
    struct set_recipients recipients;
    struct conf_list maps;           /* struct set_map[] */
    struct set_policy policy;
    struct set_filter filter;
    struct set_replies replies;
    struct set_handover handover;
    struct set_events events;
    struct set_log log;

    /* filled in by settings_load */
    const char *file;                /* absolute path */
    char digest[65];                 /* SHA-256 of the file, hex */
    char hostname[256];
    const struct conf_marks *marks;  /* where each key was written */
    struct arena *arena;
    unsigned refs;
};

extern const struct conf_key settings_rows[];   /* the whole tree */

/* NULL: the file is not usable, every reason is in errors.  Besides the rows, checks what spans sections (names that must exist, ...). */
struct settings *settings_load(const char *path, struct conf_errors *errors);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings **s);

/* Adds an error about a key ("filter.reinject", "policy.dnsbl[1].zone") with the place where it was written: for ops->check. */
void settings_error(const struct settings *s, struct conf_errors *errors, const char *key_path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, about a place within the text of a key's value. */
void settings_error_in(const struct settings *s, struct conf_errors *errors, const char *key_path, size_t at, const char *what);
/* Whether the file says something about a key itself, be it the default. */
bool settings_written(const struct settings *s, const char *key_path);

/* The zone to ask, a customer key from key_file included: never log it.  0, or -1 with err. */
int settings_dnsbl_zone(const struct set_dnsbl *d, struct buf *zone, struct errtext *err);
/* The secret in a CONF_SECRET_FILE value, without its last line end.  A file that others may read is refused. */
int settings_secret_read(const char *path, struct buf *secret, struct errtext *err);

/* The setting of a class by its name ("encrypted_archive", "crashed", "macro", ...) and of a shape by its ("partial", ...); NULL: there is none. */
const struct set_class *settings_class(const struct settings *s, const char *name);
const struct set_class *settings_shape(const struct settings *s, const char *name);
/* The class of filter.classes that a recipient is of, or that has a name; NULL: none, the default class. */
const struct set_rcpt_class *settings_rcpt_class(const struct settings *s, span mailbox);
const struct set_rcpt_class *settings_rcpt_class_named(const struct settings *s, const char *name);
/* The settings that hold for a class; c may be NULL.  Never to be given to settings_ref. */
const struct settings *settings_of_rcpt_class(const struct settings *s, const struct set_rcpt_class *c);
const char *settings_rcpt_class_name(const struct set_rcpt_class *c);     /* "default" for NULL */

/* What is in force for a part with its own mode: off wins, then observe (global or own), inherit takes the outer one. */
enum mode mode_effective(int outer, int own);
/* The nets of networks: NAME; NULL when there is no such list. */
/* "FILTER" or "FILTER*WEIGHT"; the list's weight where there is none. */
bool settings_dnsbl_code(const char *text, double weight, struct dnsbl_filter *filter_out, double *weight_out, struct errtext *err);
/* The rates of a limit; how many, 0 when one cannot be read (err says which) or there are too many. */
size_t settings_limit_rates(const struct conf_strings *rate, struct conf_rate out[LIMIT_WINDOWS_MAX], struct errtext *err);
const struct conf_nets *settings_network(const struct settings *s, const char *name);
/* One of policy.lists, an element of its array. */
const struct set_name_list *settings_list(const struct settings *s, const char *name);
bool settings_trusts(const struct settings *s, const struct ipaddr *client);    /* networks.trusted */
bool settings_own_domain(const struct settings *s, span domain_lower);
/* Keys whose change needs a restart, as "listen.filter, process.user"; "" when none.  For the reload's log line. */
void settings_restart_keys(const struct settings *old, const struct settings *neu, struct buf *to);

#endif
