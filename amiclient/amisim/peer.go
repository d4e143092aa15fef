package amisim

import (
	"fmt"
	"strconv"
	"time"
)

// qualifyText is the Status of chan_sip's lists: what qualify found last, also when the peer has gone since (channels/
// chan_sip.c: peer_status).
func (p *phone) qualifyText() string {
	status := p.last
	if len(p.contacts) > 0 {
		status = p.contacts[0].status
	}
	switch {
	case p.QualifyFrequency == 0:
		return "Unmonitored"
	case status == "":
		return "UNKNOWN"
	case status != reachable:
		return "UNREACHABLE"
	}
	return fmt.Sprintf("OK (%d ms)", (p.usec()+999)/1000)
}

// channels/chan_sip.c: manager_sip_show_peers.
func (c *session) runSIPpeers(r *request) {
	c.startList(r, "Peer status list will follow")
	phones := c.server.listed()
	for i := range phones {
		p := &phones[i]
		host, port, dynamic := "-none-", "0", "yes"
		if len(p.contacts) > 0 {
			host, port = address(p.contacts[0].uri)
		}
		if p.Static {
			dynamic = "no"
		}
		c.item(r, "PeerEntry", []Header{
			{"Channeltype", "SIP"}, {"ObjectName", p.Name}, {"ChanObjectType", "peer"}, {"IPaddress", host}, {"IPport", port}, {"Dynamic", dynamic},
			{"AutoForcerport", "yes"}, {"Forcerport", "no"}, {"AutoComedia", "no"}, {"Comedia", "no"}, {"VideoSupport", "no"}, {"TextSupport", "no"},
			{"ACL", "no"}, {"Status", p.qualifyText()}, {"RealtimeDevice", "no"}, {"Description", ""}, {"Accountcode", ""},
		})
	}
	c.endList(r, "PeerlistComplete", len(phones))
}

// channels/chan_sip.c: manager_sip_show_peer, _sip_show_peer. Unlike SIPnotify, it does not take the driver's name.
func (c *session) runSIPshowpeer(r *request) {
	name := r.get("Peer")
	if name == "" {
		c.fail(r, "Peer: <name> missing.")
		return
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	p := c.server.phones[name]
	if p == nil {
		c.fail(r, "Peer "+name+" not found.\r\n") // an empty message follows
		return
	}
	fields := map[string]string{
		"name": name, "secret": "N", "dynamic": "Y", "expire": "-1 seconds", "ip": "(null)", "port": "0", "status": p.qualifyText(),
	}
	if p.Password != "" || !p.Static {
		fields["secret"] = "Y"
	}
	if len(p.contacts) > 0 {
		n := &p.contacts[0]
		fields["ip"], fields["port"] = address(n.uri)
		if !p.Static {
			// The expiry has ten seconds of grace.
			left := int(time.Until(n.expires)/time.Second) + 10
			fields["contact"], fields["expire"], fields["agent"], fields["username"] = n.uri, strconv.Itoa(left)+" seconds", p.UserAgent, name
		}
	}
	if p.Static {
		fields["dynamic"], fields["host"] = "N", fields["ip"]
	}
	c.respond(r, "Success")
	for _, h := range c.server.details["peer"].headers(fields) {
		c.put(h.Name, h.Value)
	}
	c.blank()
}
