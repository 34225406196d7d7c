/* doctor.h - Postfix' own configuration as a model, and the rules that say what is missing or dangerous in the wiring.
 *
 * Pure: from the text of postconf(1) to findings; cmd_doctor.c runs the program and prints.
 * Ownership: the model lives in its arena.
 * Source:    postconf(1) -n, -M, -P, -d; postconf(5).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CTL_DOCTOR_H
#define GATEPOST_CTL_DOCTOR_H

#include "lib/base/arena.h"
#include "lib/settings/settings.h"

struct postfix_parameter { const char *name, *value; };

struct postfix_service {             /* a line of master.cf */
    const char *name, *type;         /* "smtp", "inet" */
    bool chroot;
    long max_processes;              /* 0: no limit, -1: the default */
    const char *command;             /* "smtpd" */
    struct postfix_parameter *set;   /* its -o parameters */
    size_t n_set;
};

struct postfix {
    struct arena *arena;
    struct postfix_parameter *main;  /* main.cf, as far as it differs from the default */
    size_t n_main;
    struct postfix_service *services;
    size_t n_services;
};

/* Reads the outputs of `postconf -n`, `-M` and `-P`.  Lines that are none of theirs are passed over. */
struct postfix *postfix_model(span main_text, span master_text, span master_params_text);
void postfix_model_free(struct postfix **p);
/* What is in force for a service: its own -o, else main.cf, else dflt.  service may be NULL (main.cf alone). */
const char *postfix_value(const struct postfix *p, const struct postfix_service *service, const char *name, const char *dflt);
/* Whether the service itself says so (-o). */
const char *postfix_own_value(const struct postfix_service *service, const char *name);

enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_WARNING, FINDING_BAD };
typedef void finding_fn(enum finding_level level, const char *text, void *arg);

/* Every rule, each finding told once. */
void doctor_examine(const struct postfix *p, const struct settings *set, finding_fn *tell, void *arg);

#endif
