dnl gatepost.m4 - for sendmail.mc, behind its MAILER lines: recipients of your domains are asked of gatepost-socketmapd at RCPT.
dnl
dnl In gatepost.yaml, socketmapd listens where Sendmail asks:   listen: {socketmap: "127.0.0.1:10028"}
dnl Each domain that is relayed to an inner server needs, as ever, RELAY_DOMAIN(`example.com') and a mailertable entry.
dnl The columns of the rules are separated by tabs.  -T gives a failed look-up a mark of its own: without it "not to be found out" would
dnl fall to the default, and be refused like "unknown".  The name of the map (recipients) is that of `maps' in gatepost.yaml.
LOCAL_CONFIG
Krecipients socket -d8 -T<TMPF> -a<HIT> inet:10028@127.0.0.1
LOCAL_RULESETS
SLocal_check_rcpt
R$*	$: $>CanonAddr $1
R$+ < @ $+ . >	$: $1 < @ $2 >
R$+ < @ $=R >	$: <?> $(recipients $1@$2 $: <MISS> $)
R<?> $* <TMPF>	$#error $@ 4.3.0 $: "451 4.3.0 Recipient lookup failed, try again later"
R<?> $* <HIT>	$@ $1
R<?> $*	$#error $@ 5.1.1 $: "550 5.1.1 User unknown"
