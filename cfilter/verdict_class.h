/* verdict_class.h - which setting a finding falls under, and which one a scan that did not take place.
 *
 * Pure.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_VERDICT_CLASS_H
#define GATEPOST_CFILTER_VERDICT_CLASS_H

#include "cfilter/verdict.h"

/* Of a heuristic or something unchecked; NULL for the other kinds. */
const struct set_class *verdict_class_of(const struct settings *set, const struct fact *f);
enum verdict_cause verdict_class_cause(const struct fact *f);

/* Of a message that was not scanned (whole): "timeout", "crashed", "engine"; NULL: none, it is put off whatever is set (no worker was free). */
const char *verdict_not_scanned_class(enum scan_outcome outcome, const struct facts *facts);

/* Why, in the words of whoever knows: of the outcome, or of facts that are not complete; "" of those that are.  facts: NULL unless SCAN_DONE. */
const char *verdict_not_scanned_why(enum scan_outcome outcome, const char *why, const struct facts *facts);

const char *verdict_class_action_name(int class_action);      /* "defer", "tag", ... */

#endif
