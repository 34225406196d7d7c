/* virus_name.h - what the name of a libclamav alert means.
 *
 * Pure.  libclamav tells viruses, suspicions and "could not look" all as CL_VIRUS; only the name tells them apart.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_VIRUS_NAME_H
#define GATEPOST_CFILTER_VIRUS_NAME_H

#include "cfilter/facts.h"

struct virus_meaning {
    enum fact_kind kind;
    enum fact_class klass;
    const char *what;         /* of FACT_UNCHECKED: fact_class_name; else NULL: the name itself is the fact */
};

struct virus_meaning virus_name_meaning(span name);
#define VIRUS_NAME_UNOFFICIAL ".UNOFFICIAL"

#endif
