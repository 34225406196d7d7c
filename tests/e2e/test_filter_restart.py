"""Stops and reloads while mail flows: nothing is lost, nothing comes twice, and a broken file changes nothing.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import signal
import threading
import time

from rig import mails, nexthop
from rig.alone import SANITIZED, AloneTest
from rig.traffic import Traffic

SLACK_S = 20 if SANITIZED else 8


class Restart(AloneTest):
    def tearDown(self):
        """The front is not the same afterwards."""

    def stop(self):
        """SIGTERM: seconds until the end, exit status."""
        begun = time.monotonic()
        status = self.alone.gatepost.stop("cfilter", signal.SIGTERM, 30)
        return time.monotonic() - begun, status

    def test_term_under_traffic(self):
        for _ in range(3):
            with Traffic(self.alone.send, threads=4) as traffic:
                self.assertTrue(traffic.wait(8, SLACK_S * 3))
                took, status = self.stop()
                time.sleep(0.2)
            self.assertEqual(status, 0)
            self.assertLess(took, 5 + SLACK_S)
            # Who got no reply to the dot got no commit either: nothing doubles when it comes again.
            self.assertEqual(traffic.wrong(self.alone.hop.messages), [])
            self.alone.start()
        self.assertReply(self.alone.send(mails.eicar_zip()), 554, "virus")

    def test_term_with_a_message_at_every_step(self):
        """One message waits at each step of its way; each ends with what its sender is told."""
        hop, threads, results = self.alone.hop, [], {}
        go = {name: threading.Event() for name in ("mail", "data", "dot")}

        def one(name):
            script = {name: nexthop.when(go[name])} if name in go else {}
            hop.scripts.append(script)
            marker = f"term at {name}."
            try:
                with self.alone.client() as c:
                    reply = self.alone.until("DATA", c)
                    if reply.code == 354:
                        if name == "body":
                            c.send(b"Subject: half\r\n\r\n")
                            time.sleep(1.5)
                        reply = c.message(mails.plain(marker, b"text\r\n"))
                    results[name] = reply
            except OSError as error:
                results[name] = error
        for name in ("mail", "data", "dot", "body"):
            seen = hop.connections
            t = threading.Thread(target=one, args=(name,))
            t.start()
            threads.append(t)
            hop.wait(lambda n=seen: hop.connections > n)
        idle = self.alone.client()
        time.sleep(0.3)
        stopper = threading.Thread(target=lambda: results.update(stop=self.stop()))
        stopper.start()
        time.sleep(0.7)
        for event in go.values():
            event.set()
        for t in threads + [stopper]:
            t.join()
        self.assertEqual(results.pop("stop")[1], 0)
        self.assertIn("421", str(idle.read()))
        for name, reply in results.items():
            self.assertIn(getattr(reply, "code", 0), (250, 451, 421), f"{name}: {reply}")
            copies = hop.copies(f"term at {name}.".encode())
            self.assertEqual(copies, 1 if reply.code == 250 else 0, f"{name}: {reply}")
        self.assertEqual(results["dot"].code, 250)
        self.alone.start()

    def test_reloads_under_traffic(self):
        """Good and broken files by turns: a broken one is refused whole, a good one taken over, and no message notices."""
        good, broken = self.alone.yaml(), self.alone.yaml() + "nonsense: [\n"
        wordy = self.alone.yaml(more="replies: {virus: \"554 5.7.1 New words for %v\"}")
        with Traffic(self.alone.send, threads=4) as traffic:
            for text in (broken, wordy, broken, good, wordy):
                refused = self.place.log("cfilter").count("gatepost.yaml:")
                self.alone.gatepost.configure(text)
                self.alone.gatepost.reload("cfilter")
                if text == broken:
                    self.eventually("the refusal", lambda n=refused: self.place.log("cfilter").count("gatepost.yaml:") > n, SLACK_S)
                else:
                    self.eventually("the reload", lambda t=text: ("New words" in self.virus()) == (t == wordy), SLACK_S)
                self.assertTrue(traffic.wait(6, SLACK_S))
            # Once more with another engine: everything that the scanners know is loaded beside the old one.
            self.alone.gatepost.configure(good.replace("virus: {", "virus: {max_recursion: 9, "))
            self.alone.gatepost.reload("cfilter")
            self.eventually("another engine", lambda: "virus engine ready, generation 2" in self.place.log("cfilter"), SLACK_S * 3)
            self.assertTrue(traffic.wait(6, SLACK_S * 2))
        wrong = traffic.wrong(self.alone.hop.messages) + [str(s) for s in traffic.sent if s.code not in (250, 554)]
        self.assertEqual(wrong, [])

    def virus(self):
        return str(self.alone.send(mails.eicar_base64()))

    def test_start_with_a_broken_file_fails(self):
        self.stop()
        self.alone.gatepost.configure(self.alone.yaml() + "nonsense: [\n")
        try:
            p = self.place.start("cfilter", [self.alone.gatepost.binary("gatepost-cfilter"), "-f", "-c", self.alone.gatepost.file])
            self.assertEqual(p.wait(10), 1)
        finally:
            self.alone.gatepost.configure(self.alone.yaml())
            self.alone.start()
