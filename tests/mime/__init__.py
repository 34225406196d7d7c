"""Messages that hide a test virus from mail filters, and honest ones that look as if they did.

hostile.py makes the first kind, honest.py the second, shapes.py what is refused for its form alone, giants.py what is too much.
All are made from a seed, so that two runs judge the same messages.  opened.txt says which of the hostile ones real mail readers open.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
