"""The test rig: real servers on loopback, in a folder of their own, stopped by pid.

Everything that it starts listens on 127.0.0.0/8 or on unix sockets below the folder.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
