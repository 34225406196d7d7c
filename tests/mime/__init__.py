"""Messages that hide a test virus from mail filters, and honest ones that look as if they did.

rows_hidden.py and rows_honest.py are written by hand, a row a message, and must come out right to the last one.  hostile.py bends messages by
operators, alone and in pairs, and honest.py makes the mail of many senders: enough of them to give a share.  shapes.py has what is refused for its
form alone, giants.py what is too much.  All come from a seed, so that two runs judge the same messages.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
